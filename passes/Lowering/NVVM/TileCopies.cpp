//===- TileCopies.cpp - Tiles between device memory and a block -----------===//

#include "TileLanes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace seqc::tile;

/// Copies of a thread that are written out; more are a loop.
static constexpr int64_t kUnrolled = 16;
/// Rows that a thread loads before it sums them.
static constexpr int64_t kRowsAtOnce = 16;

void Lanes::alloc(AllocOp op) {
  tiles[op.getResult()] = at(shared, used);
  used += op.getResult().getType().bytes();
}

Value Lanes::size(Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(dim))
    return i64(type.getDimSize(dim));
  return wide(memref::DimOp::create(b, loc, buffer, dim));
}

Value Lanes::stride(Value buffer, int64_t dim) {
  Value result = i64(1);
  for (int64_t d = dim + 1; d < cast<MemRefType>(buffer.getType()).getRank(); ++d)
    result = mul(result, size(buffer, d));
  return result;
}

Value Lanes::bufferBase(Value buffer) {
  Value base = wide(memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer));
  return LLVM::IntToPtrOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), 1),
                                  base);
}

Value Lanes::opaque(Value x) {
  bool wide = x.getType().isInteger(64);
  return LLVM::InlineAsmOp::create(
             b, loc, x.getType(), ValueRange{x},
             wide ? "mov.b64 $0, $1;" : "mov.b32 $0, $1;", wide ? "=l,l" : "=r,r",
             /*has_side_effects=*/true, /*is_align_stack=*/false,
             LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr())
      .getResult(0);
}

Lanes::Window Lanes::window(Value buffer, ValueRange indices, Value rows, int64_t rowDim,
                            int64_t colDim, bool reverse, SharedType tile) {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  Window w;
  w.buffer = bufferBase(buffer);
  Value offset = i64(0);
  for (auto [d, index] : llvm::enumerate(indices))
    offset = add(offset, mul(wide(index), stride(buffer, d)));
  w.base = at(w.buffer, mul(offset, bytes));
  w.elementBytes = bytes;
  w.rowStep = opaque(mul(stride(buffer, rowDim), reverse ? -bytes : bytes));
  // More rows than a tile has are as many as it has.
  w.rows = narrow(rows);
  if (colDim < 0) {
    w.cols = i32(1);
    w.unit = bytes;
    return w;
  }
  Value first = wide(indices[colDim]);
  Value left = arith::SubIOp::create(b, loc, size(buffer, colDim), first);
  left = arith::MinSIOp::create(b, loc, left, i64(tile.cols()));
  w.cols = arith::TruncIOp::create(b, loc, b.getI32Type(), left);
  // Rows start at multiples of this if the buffer does and the first column too.
  if (!type.isDynamicDim(colDim) &&
      type.getElementType() == tile.getElementType()) {
    int64_t row = type.getDimSize(colDim) * bytes, width = tile.cols() * bytes;
    w.unit = 16;
    while (w.unit > 1 && (row % w.unit || width % w.unit))
      w.unit /= 2;
  }
  if (w.unit >= 4) {
    Value address = LLVM::PtrToIntOp::create(b, loc, b.getI64Type(), w.base);
    Value low = arith::AndIOp::create(b, loc, address, i64(w.unit - 1));
    w.aligned = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, low, i64(0));
  }
  return w;
}

void Lanes::forPieces(const Window &w, SharedType type, Value tile, bool vector,
                      int64_t unit,
                      llvm::function_ref<void(Value device, Value shared, Value valid,
                                              Value exists)> piece) {
  int64_t bytes = w.elementBytes;
  int64_t rowPieces = vector ? 1 : type.cols() * bytes / unit;
  // A thread's pieces lie below each other, `apart` rows from one to the next.
  int64_t apart = std::max<int64_t>(1, threads / rowPieces);
  int64_t columns = llvm::divideCeil(rowPieces, threads);
  Value thread = opaque(this->thread);
  Value row = div(thread, std::min(rowPieces, threads));
  Value left = arith::SubIOp::create(b, loc, w.rows, row);
  Value step = mul(w.rowStep, apart);
  for (int64_t c = 0; c < columns; ++c) {
    Value col = add(rem(thread, std::min(rowPieces, threads)), c * threads);
    Value byte = mul(col, unit);
    Value inRow;
    if (!vector)
      inRow = less(byte, mul(w.cols, bytes));
    // Threads without a piece: those left over, and below the tile.
    Value always;
    if (c * threads + std::min(rowPieces, threads) > rowPieces)
      always = less(col, i32(rowPieces));
    if (rowPieces < threads && threads % rowPieces)
      always = less(row, i32(apart));
    Value device = at(at(w.base, mul(wide(row), w.rowStep)), wide(byte));
    Value shared = place(type, tile, row, div(byte, type.elementBytes()));
    int64_t passes = llvm::divideCeil(type.rows(), apart);
    auto pass = [&](Value from, Value to, Value before, Value exists) {
      Value valid = less(before, left);
      if (inRow)
        valid = both(valid, inRow);
      piece(from, to, valid, exists);
    };
    if (passes > kUnrolled) {
      auto nest = scf::ForOp::create(
          b, loc, arith::ConstantIndexOp::create(b, loc, 0),
          arith::ConstantIndexOp::create(b, loc, passes),
          arith::ConstantIndexOp::create(b, loc, 1), ValueRange{device, shared});
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(nest.getBody());
      Value before = mul(narrow(nest.getInductionVar()), apart);
      Value from = nest.getRegionIterArg(0), to = nest.getRegionIterArg(1);
      Value exists = always;
      if (type.rows() % apart) {
        Value inTile = less(add(row, before), i32(type.rows()));
        exists = exists ? both(exists, inTile) : inTile;
      }
      pass(from, to, before, exists);
      scf::YieldOp::create(b, loc,
                           ValueRange{at(from, step), at(to, apart * type.rowBytes())});
      continue;
    }
    for (int64_t i = 0; i < passes; ++i) {
      Value exists = always;
      if ((i + 1) * apart > type.rows()) {
        Value inTile = less(add(row, i * apart), i32(type.rows()));
        exists = exists ? both(exists, inTile) : inTile;
      }
      pass(device, at(shared, i * apart * type.rowBytes()), i32(i * apart), exists);
      device = at(device, step);
    }
  }
}

void Lanes::copyIn(CopyInOp op) {
  SharedType type = op.getTarget().getType();
  Value tile = tiles.lookup(op.getTarget());
  Type element = op.getSource().getType().getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  bool vector = int64_t(op.getColDim()) < 0;
  Window w = window(op.getSource(), op.getIndices(), op.getRows(), op.getRowDim(),
                    op.getColDim(), op.getReverse(), type);
  auto rowBase = [&](Value row) { return at(w.base, mul(wide(row), w.rowStep)); };
  auto async = [&](int64_t unit) {
    forPieces(w, type, tile, vector, unit,
              [&](Value device, Value shared, Value valid, Value exists) {
      auto copy = [&] {
        // What does not exist is not looked at, but its address should exist.
        NVVM::CpAsyncOp::create(b, loc, shared, select(valid, device, w.buffer), unit,
                                unit == 16 ? NVVM::LoadCacheModifierKind::CG
                                           : NVVM::LoadCacheModifierKind::CA,
                                select(valid, i32(unit), i32(0)));
      };
      exists ? when(exists, copy) : copy();
    });
  };
  auto oneByOne = [&] {
    Value upper = arith::ConstantIndexOp::create(b, loc, type.rows() * type.cols());
    Value step = arith::ConstantIndexOp::create(b, loc, threads);
    Value first = arith::IndexCastOp::create(b, loc, b.getIndexType(), thread);
    auto nest = scf::ForOp::create(b, loc, first, upper, step);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(nest.getBody());
    Value number = narrow(nest.getInductionVar());
    Value row = div(number, type.cols()), col = rem(number, type.cols());
    Value valid = both(less(row, w.rows), less(col, w.cols));
    Value from = select(valid, at(rowBase(row), mul(wide(col), bytes)), w.buffer);
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    // No element at all may exist.
    auto guarded = scf::IfOp::create(b, loc, TypeRange{element}, valid, true);
    b.setInsertionPointToStart(guarded.thenBlock());
    scf::YieldOp::create(b, loc, load(element, from, bytes));
    b.setInsertionPointToStart(guarded.elseBlock());
    scf::YieldOp::create(b, loc, zero);
    b.setInsertionPointAfter(guarded);
    Value value = guarded.getResult(0);
    if (element != type.getElementType())
      value = arith::ExtFOp::create(b, loc, type.getElementType(), value);
    store(value, place(type, tile, row, col), type.elementBytes());
  };
  if (vector && bytes == 4 && element == type.getElementType())
    return async(4);
  if (!w.aligned)
    return oneByOne();
  auto choice = scf::IfOp::create(b, loc, w.aligned, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  async(w.unit);
  b.setInsertionPointToStart(choice.elseBlock());
  oneByOne();
}

void Lanes::copyOut(CopyOutOp op) {
  SharedType type = op.getSource().getType();
  Value tile = tiles.lookup(op.getSource());
  int64_t bytes = type.elementBytes();
  Window w = window(op.getTarget(), op.getIndices(), op.getRows(), op.getRowDim(),
                    op.getColDim(), op.getReverse(), type);
  bool vector = int64_t(op.getColDim()) < 0;
  auto pieces = [&](int64_t unit) {
    Type words = unit <= 2 ? Type(b.getIntegerType(unit * 8))
                           : VectorType::get({unit / 4}, b.getI32Type());
    forPieces(w, type, tile, vector, unit,
              [&](Value device, Value shared, Value valid, Value exists) {
      when(exists ? both(valid, exists) : valid,
           [&] { store(load(words, shared, unit), device, unit); });
    });
  };
  if (!w.aligned)
    return pieces(bytes);
  auto choice = scf::IfOp::create(b, loc, w.aligned, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  pieces(w.unit);
  b.setInsertionPointToStart(choice.elseBlock());
  Value upper = arith::ConstantIndexOp::create(b, loc, type.rows() * type.cols());
  Value step = arith::ConstantIndexOp::create(b, loc, threads);
  Value first = arith::IndexCastOp::create(b, loc, b.getIndexType(), thread);
  auto nest = scf::ForOp::create(b, loc, first, upper, step);
  b.setInsertionPointToStart(nest.getBody());
  Value number = narrow(nest.getInductionVar());
  Value row = div(number, type.cols()), col = rem(number, type.cols());
  when(both(less(row, w.rows), less(col, w.cols)), [&] {
    Value value = load(type.getElementType(), place(type, tile, row, col), bytes);
    store(value, at(at(w.base, mul(wide(row), w.rowStep)), mul(wide(col), bytes)), bytes);
  });
}

//===----------------------------------------------------------------------===//
// Sums down columns
//===----------------------------------------------------------------------===//

void Lanes::cumsum(CumsumOp op) {
  SharedType from = op.getSource().getType(), to = op.getTarget().getType();
  Value source = tiles.lookup(op.getSource()), target = tiles.lookup(op.getTarget());
  Value least = arith::ConstantOp::create(
      b, loc, b.getF32FloatAttr(op.getFloor().convertToDouble()));
  auto gate = [&](Value row, Value col) {
    Value g = load(from.getElementType(), place(from, source, row, col),
                   from.elementBytes());
    if (!from.getElementType().isF32())
      g = arith::ExtFOp::create(b, loc, b.getF32Type(), g);
    return arith::MaximumFOp::create(b, loc, g, least).getResult();
  };
  int64_t rows = from.rows(), cols = from.cols();
  if (cols > 1 || rows % 32 != 0) {
    // A column a thread, from the top.
    for (int64_t first = 0; first < cols; first += threads) {
      Value col = add(thread, first);
      auto column = [&] {
        // Several loads are under way at once; target may be source.
        Value sum;
        Value at = place(to, target, i32(0), col);
        for (int64_t r = 0; r < rows; r += kRowsAtOnce) {
          int64_t end = std::min(rows, r + kRowsAtOnce);
          Scalars gates;
          for (int64_t k = r; k < end; ++k)
            gates.push_back(gate(i32(k), col));
          for (int64_t k = r; k < end; ++k) {
            Value g = gates[k - r];
            sum = sum ? arith::AddFOp::create(b, loc, sum, g) : g;
            store(sum, this->at(at, k * to.rowBytes()), 4);
          }
        }
      };
      first + threads > cols ? when(less(col, i32(cols)), column) : column();
    }
    return;
  }
  // One warp: consecutive rows a lane, then over the lanes.
  Value leads = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, warp, i32(0));
  when(leads, [&] {
    int64_t run = rows / 32;
    Scalars sums;
    for (int64_t i = 0; i < run; ++i) {
      Value g = gate(add(mul(lane, run), i), i32(0));
      sums.push_back(i ? arith::AddFOp::create(b, loc, sums.back(), g).getResult() : g);
    }
    Value total = sums.back();
    for (int64_t distance = 1; distance < 32; distance *= 2) {
      auto below = gpu::ShuffleOp::create(b, loc, total, i32(distance), i32(32),
                                          gpu::ShuffleMode::UP);
      Value sum = arith::AddFOp::create(b, loc, below.getShuffleResult(), total);
      total = select(below.getValid(), sum, total);
    }
    auto before = gpu::ShuffleOp::create(b, loc, total, i32(1), i32(32),
                                         gpu::ShuffleMode::UP);
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value start = select(before.getValid(), before.getShuffleResult(), zero);
    for (int64_t i = 0; i < run; ++i)
      store(arith::AddFOp::create(b, loc, start, sums[i]),
            place(to, target, add(mul(lane, run), i), i32(0)), 4);
  });
}

void Lanes::bounded(BoundedOp op) {
  SharedType type = op.getSource().getType();
  Value tile = tiles.lookup(op.getSource());
  Value limit = arith::ConstantOp::create(
      b, loc, b.getF32FloatAttr(op.getLimit().convertToDouble()));
  Value all;
  for (int64_t first = 0; first < type.cols(); first += threads) {
    // A thread beyond the last column has nothing to say.
    Value col = add(thread, first), exists;
    if (first + threads > type.cols()) {
      exists = less(col, i32(type.cols()));
      col = select(exists, col, i32(0));
    }
    Value x = load(b.getF32Type(), place(type, tile, i32(op.getRow()), col), 4);
    Value size = arith::MaximumFOp::create(b, loc, x,
                                           arith::NegFOp::create(b, loc, x).getResult());
    Value near = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, size, limit);
    if (exists)
      near = select(exists, near, constantOf(b.getI1Type(), 1));
    all = all ? both(all, near) : near;
  }
  Value mine = arith::ExtUIOp::create(b, loc, b.getI32Type(), all);
  Value together =
      NVVM::BarrierOp::create(b, loc, TypeRange{b.getI32Type()}, Value(), Value(),
                              NVVM::BarrierReductionAttr::get(
                                  b.getContext(), NVVM::BarrierReduction::AND),
                              mine)
          .getResult(0);
  op.getResult().replaceAllUsesWith(arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::ne, together, i32(0)));
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

void Lanes::map(MapOp op) {
  constexpr int64_t width = 4; // elements of a lane that lie together
  SharedType to = op.getTarget().getType();
  int64_t own = to.rows() / (threads / 32), half = op.getHalf();
  // A row's pieces are lanes side by side: a whole number of rows a pass, or a row
  // in several passes.
  int64_t rowPieces = to.cols() / width;
  int64_t lanes = std::min<int64_t>(32, llvm::PowerOf2Ceil(rowPieces));
  int64_t together = std::min(own, 32 / lanes);
  int64_t passes = llvm::divideCeil(rowPieces, 32);
  // Rows of the warp, or only its first or second halves of blocks.
  bool within = half && 2 * half <= own;
  Value lane = opaque(this->lane);
  Value firstRow = mul(warp, own), rowOfLane = div(lane, lanes);
  Value piece = rem(lane, lanes);
  // A row is a lane's own part plus a constant.  Of n rows that are computed in order,
  // number r is row r, or, in halves, r / half * 2 half + r mod half.
  struct Row {
    Value lane;
    int64_t constant;
  };
  auto rowAt = [&](int64_t r) -> Row {
    if (!within)
      return {add(firstRow, rowOfLane), r};
    int64_t constant = r / half * 2 * half + r % half + (op.getSecond() ? half : 0);
    Value lane = add(mul(div(rowOfLane, half), 2 * half), rem(rowOfLane, half));
    return {add(firstRow, lane), constant};
  };
  auto blockOf = [&](Row row, int64_t r, int64_t block) -> Row {
    if (block == 1)
      return row;
    if (block % own == 0)
      return {mul(div(firstRow, block), block), 0};
    if (within && block == 2 * half)
      return {add(firstRow, mul(div(rowOfLane, half), block)), r / half * block};
    return {mul(div(add(row.lane, row.constant), block), block), 0};
  };
  auto compute = [&](int64_t r, Value col) {
    Row row = rowAt(r);
    SmallVector<Value> inputs;
    for (auto [source, block, first] :
         llvm::zip(op.getSources(), op.getBlocks(), op.getFirsts())) {
      auto type = cast<SharedType>(source.getType());
      Row from = blockOf(row, r, block);
      from.constant += first;
      Value exists;
      if (from.constant < 0) {
        Value number = add(from.lane, from.constant);
        exists = less(i32(-1), number);
        from = {select(exists, number, i32(0)), 0};
      }
      auto vector = VectorType::get({width}, type.getElementType());
      Value pointer = place(type, tiles.lookup(source), from.lane, col);
      Value loaded = load(vector, at(pointer, from.constant * type.rowBytes()),
                          width * type.elementBytes());
      if (exists)
        loaded = select(exists, loaded,
                        arith::ConstantOp::create(b, loc, b.getZeroAttr(vector)));
      inputs.push_back(loaded);
    }
    Scalars made;
    for (int64_t e = 0; e < width; ++e) {
      IRMapping mapping;
      for (auto [arg, input] : llvm::zip(op.getBody().getArguments(), inputs))
        mapping.map(arg, vector::ExtractOp::create(b, loc, input, e).getResult());
      for (Operation &inner : op.getBody().front().without_terminator()) {
        if (isa<math::ExpOp>(inner) && inner.getResult(0).getType().isF32())
          mapping.map(inner.getResult(0),
                      fastExp(mapping.lookupOrDefault(inner.getOperand(0))));
        else
          b.clone(inner, mapping);
      }
      auto yield = cast<tile::YieldOp>(op.getBody().front().getTerminator());
      made.push_back(mapping.lookupOrDefault(yield.getValue()));
    }
    Value result = vector::FromElementsOp::create(
        b, loc, VectorType::get({width}, to.getElementType()), made);
    Value pointer = place(to, tiles.lookup(op.getTarget()), row.lane, col);
    store(result, at(pointer, row.constant * to.rowBytes()), width * to.elementBytes());
  };
  auto all = [&] {
    for (int64_t c = 0; c < passes; ++c) {
      Value number = add(piece, c * 32);
      int64_t count = within ? own / 2 : own, group = 4 * together;
      for (int64_t first = 0; first < count; first += group) {
        auto rows = [&] {
          for (int64_t r = first; r < std::min(count, first + group); r += together)
            compute(r, mul(number, width));
        };
        bool full = c * 32 + lanes <= rowPieces;
        full ? rows() : when(less(number, i32(rowPieces)), rows);
        // Loads of later rows are not to take registers now.
        NVVM::SyncWarpOp::create(b, loc, i32(-1));
      }
    }
  };
  if (!half || within)
    return all();
  // The warp's rows are all in one half.
  Value second = rem(div(firstRow, half), 2);
  when(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, second,
                             i32(op.getSecond() ? 1 : 0)),
       all);
}

//===----------------------------------------------------------------------===//
// Accumulators in device memory
//===----------------------------------------------------------------------===//

/// An index of an accumulator's element in device memory, with what is constant
/// about it kept apart, so that it becomes part of the instruction.
static bool knownInside(Value index, MemRefType type, int64_t dim, int64_t last) {
  auto constant = getConstantIntValue(index);
  return constant && !type.isDynamicDim(dim) && *constant + last < type.getDimSize(dim);
}

/// Visits a lane's elements row by row of the accumulator: `row(first, visit)` is
/// called with the place of the row's element, and calls visit for each column.
void Lanes::forRows(FragmentType type, Value buffer, ValueRange indices, bool transpose,
                    const Rows &along,
                    llvm::function_ref<void(Value inside, llvm::function_ref<void(
                        llvm::function_ref<void(unsigned, Value, Value)>)>)> row) {
  auto memref = cast<MemRefType>(buffer.getType());
  int64_t rank = memref.getRank(), colDim = rank - 1;
  int64_t rowDim = along.dim < 0 ? rank - 2 : along.dim;
  if (transpose)
    std::swap(rowDim, colDim);
  int64_t bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  // A column has no columns.
  bool columns = type.getPlace() != Place::col;
  Value offset = i64(0);
  for (int64_t d = 0; d < rank; ++d)
    if (d != rowDim && (d != colDim || !columns))
      offset = add(offset, mul(wide(indices[d]), stride(buffer, d)));
  Value base = at(bufferBase(buffer), mul(offset, bytes));
  Value rows = size(buffer, rowDim), cols = size(buffer, colDim);
  if (along.count)
    rows = arith::MinSIOp::create(b, loc, rows,
                                  add(wide(indices[rowDim]), wide(along.count)));
  Value rowStep = mul(stride(buffer, rowDim), bytes);
  Value colStep = mul(stride(buffer, colDim), bytes);
  Value firstRow = add(wide(indices[rowDim]), wide(accRow(type, 0, 0)));
  Value firstCol, zero = i64(0);
  if (columns)
    firstCol = add(wide(indices[colDim]), wide(accCol(0, 0)));
  for (int64_t m = 0; m < type.rowPieces(); ++m)
    for (int64_t half = 0; half < 2; ++half) {
      Value x = add(firstRow, m * 16 + half * 8), start = base;
      if (along.fold) {
        Value own = add(accRow(type, 0, 0), m * 16 + half * 8);
        x = add(wide(indices[rowDim]), wide(rem(own, along.fold)));
        start = at(base, mul(mul(wide(div(own, along.fold)),
                                 stride(buffer, along.foldDim)),
                             bytes));
      }
      Value inside = less(x, rows);
      // What does not exist is read elsewhere in the buffer, and dropped.
      Value from = at(start, mul(select(inside, x, zero), rowStep));
      if (!columns) {
        row(inside, [&](llvm::function_ref<void(unsigned, Value, Value)> visit) {
          visit(m * 2 + half, from, {});
        });
        continue;
      }
      Value column = at(from, mul(firstCol, colStep));
      row(inside, [&](llvm::function_ref<void(unsigned, Value, Value)> visit) {
        for (int64_t n = 0; n < type.cols() / 8; ++n)
          for (int64_t r = 0; r < 2; ++r) {
            unsigned i = (m * (type.cols() / 8) + n) * 4 + half * 2 + r;
            if (knownInside(indices[colDim], memref, colDim, n * 8 + 7)) {
              visit(i, at(column, mul(i64(n * 8 + r), colStep)), {});
              continue;
            }
            Value y = add(firstCol, n * 8 + r);
            Value exists = less(y, cols);
            visit(i, at(from, mul(select(exists, y, zero), colStep)), exists);
          }
      });
    }
}

void Lanes::readFragment(ReadOp op) {
  FragmentType type = op.getResult().getType();
  Type element = type.getElementType();
  Scalars result(type.laneElements());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  forRows(type, op.getSource(), op.getIndices(), op.getTranspose(), Rows(),
          [&](Value inside, auto columns) {
    columns([&](unsigned i, Value from, Value exists) {
      Value value = load(element, from, element.getIntOrFloatBitWidth() / 8);
      result[i] = select(exists ? both(inside, exists) : inside, value, zero);
    });
  });
  fragments[op.getResult()] = result;
}

Lanes::Rows Lanes::rowsOf(WriteOp op) {
  return {int64_t(op.getRowDim().value_or(-1)), op.getRows(),
          int64_t(op.getFold().value_or(0)), int64_t(op.getFoldDim().value_or(-1))};
}

void Lanes::writeFragment(WriteOp op) {
  FragmentType type = op.getValue().getType();
  const Scalars values = fragments.lookup(op.getValue());
  unsigned bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  if (type.getPlace() == Place::col)
    return writeColumn(op);
  // Neighbours in a row are written together where rows are aligned to two.
  auto buffer = op.getTarget().getType();
  auto first = getConstantIntValue(op.getIndices().back());
  bool pairs = !op.getTranspose() && first && *first % 2 == 0 &&
               !buffer.isDynamicDim(buffer.getRank() - 1) &&
               buffer.getShape().back() % 2 == 0;
  forRows(type, op.getTarget(), op.getIndices(), op.getTranspose(),
          rowsOf(op), [&](Value inside, auto columns) {
    when(inside, [&] {
      Value even;
      columns([&](unsigned i, Value to, Value exists) {
        if (pairs && !exists) {
          if (i % 2 == 0) {
            even = to;
            return;
          }
          Value both = vector::FromElementsOp::create(
              b, loc, VectorType::get({2}, type.getElementType()),
              ValueRange{values[i - 1], values[i]});
          return store(both, even, 2 * bytes);
        }
        auto write = [&] { store(values[i], to, bytes); };
        exists ? when(exists, write) : write();
      });
    });
  });
}

/// The four lanes of a row have the same; one of them writes.
void Lanes::writeColumn(WriteOp op) {
  FragmentType type = op.getValue().getType();
  const Scalars values = fragments.lookup(op.getValue());
  unsigned bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  Value leads = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, quad, i32(0));
  forRows(type, op.getTarget(), op.getIndices(), /*transpose=*/false, rowsOf(op),
          [&](Value inside, auto rows) {
    when(both(leads, inside), [&] {
      rows([&](unsigned i, Value to, Value) { store(values[i], to, bytes); });
    });
  });
}
