//===- TileCopies.cpp - Tiles between device memory and a block -----------===//

#include "TileLanes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc::tile;

/// Copies of a thread that are written out; more are a loop.
static constexpr int64_t kUnrolled = 16;
/// Lanes that copy a row of units by turns: 128 bytes lie together, and a lane's pieces
/// of the row are constants apart.
static constexpr int64_t kRowLanes = 8;

/// Whether all columns of a tile exist from `first` on, in rows of `size`.
static bool allColumns(Value first, int64_t size, int64_t cols) {
  if (size % cols)
    return false;
  if (auto constant = getConstantIntValue(first))
    return *constant % cols == 0 && *constant < size;
  auto product = first.getDefiningOp<arith::MulIOp>();
  if (!product)
    return false;
  auto factor = getConstantIntValue(product.getRhs());
  return factor && *factor % cols == 0;
}

void Lanes::alloc(AllocOp op) {
  if (op.getOver()) {
    tiles[op.getResult()] = tiles.lookup(op.getOver());
    return;
  }
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
    w.whole = allColumns(indices[colDim], type.getDimSize(colDim), tile.cols());
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

/// Rows whose columns all exist: one address serves all that a lane copies of a row.
bool Lanes::copyRows(const Window &w, SharedType type, Value tile) {
  int64_t unit = 16, pieces = type.cols() * w.elementBytes / unit;
  int64_t apart = threads / kRowLanes;
  if (!w.whole || pieces % kRowLanes || type.rows() % apart)
    return false;
  Value thread = opaque(this->thread), row = div(thread, kRowLanes);
  Value col = mul(rem(thread, kRowLanes), unit / w.elementBytes);
  Value device = at(at(w.base, mul(wide(row), w.rowStep)),
                    wide(mul(col, w.elementBytes)));
  Value shared = place(type, tile, row, col);
  Value left = arith::SubIOp::create(b, loc, w.rows, row);
  for (int64_t first = 0; first < type.rows(); first += apart) {
    Value valid = less(i32(first), left);
    Value from = first ? at(device, mul(w.rowStep, first)) : device;
    from = select(valid, from, w.buffer);
    Value bytes = select(valid, i32(unit), i32(0));
    for (int64_t n = 0; n < pieces; n += kRowLanes)
      NVVM::CpAsyncOp::create(b, loc,
                              at(shared, type.offset(first, n * unit / w.elementBytes)),
                              at(from, n * unit), unit, NVVM::LoadCacheModifierKind::CG,
                              bytes);
  }
  return true;
}

std::pair<Value, Value> Lanes::listedRow(CopyInOp op, const Window &w, Value row) {
  Value exists = less(row, w.rows);
  Value entry = add(wide(op.getStart()), wide(row));
  // What does not exist is not looked at, but its address should exist.
  Value from = at(bufferBase(op.getTable()), mul(select(exists, entry, i64(0)), 4));
  auto guarded = scf::IfOp::create(b, loc, TypeRange{b.getI32Type()}, exists, true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(guarded.thenBlock());
    scf::YieldOp::create(b, loc, load(b.getI32Type(), from, 4));
    b.setInsertionPointToStart(guarded.elseBlock());
    scf::YieldOp::create(b, loc, i32(-1));
  }
  Value place = guarded.getResult(0);
  Value valid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, place, i32(0));
  if (int64_t share = op.getShare(); share > 1)
    place = div(place, share);
  return {at(w.base, mul(wide(place), w.rowStep)), valid};
}

/// Rows that a table says where they are: their places first, then all pieces.
void Lanes::copyListed(CopyInOp op, const Window &w, SharedType type, Value tile,
                       bool vector, int64_t unit) {
  int64_t bytes = w.elementBytes;
  int64_t rowPieces = vector ? 1 : type.cols() * bytes / unit;
  // Lanes of a row: few where units lie apart, so that a place serves several pieces.
  int64_t across = rowPieces;
  while (across > threads || (across > kRowLanes && across % 2 == 0 && type.getUnits()))
    across = across % 2 ? 1 : across / 2;
  int64_t apart = threads / across;
  Value thread = opaque(this->thread), row = div(thread, across), lane = rem(thread, across);
  Value taking = threads % across ? less(row, i32(apart)) : Value();
  SmallVector<std::pair<Value, Value>> rows;
  for (int64_t first = 0; first < type.rows(); first += apart)
    rows.push_back(listedRow(op, w, add(row, first)));
  for (auto [i, found] : llvm::enumerate(rows)) {
    int64_t first = i * apart;
    Value exists = taking;
    if (first + apart > type.rows()) {
      Value inTile = less(add(row, first), i32(type.rows()));
      exists = exists ? both(exists, inTile) : inTile;
    }
    auto copy = [&] {
      for (int64_t n = 0; n < rowPieces; n += across) {
        Value byte = mul(add(lane, n), unit), valid = found.second;
        if (!vector && !w.whole)
          valid = both(valid, less(byte, mul(w.cols, bytes)));
        Value device = select(valid, at(found.first, wide(byte)), w.buffer);
        Value shared = place(type, tile, add(row, first), div(byte, type.elementBytes()));
        NVVM::CpAsyncOp::create(b, loc, shared, device, unit,
                                unit == 16 ? NVVM::LoadCacheModifierKind::CG
                                           : NVVM::LoadCacheModifierKind::CA,
                                select(valid, i32(unit), i32(0)));
      }
    };
    exists ? when(exists, copy) : copy();
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
    if (op.getTable())
      return copyListed(op, w, type, tile, vector, unit);
    if (unit == 16 && op->hasAttr(fewAddressesAttr) && copyRows(w, type, tile))
      return;
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
    Value valid = less(row, w.rows), start = rowBase(row);
    if (op.getTable())
      std::tie(start, valid) = listedRow(op, w, row);
    valid = both(valid, less(col, w.cols));
    Value from = select(valid, at(start, mul(wide(col), bytes)), w.buffer);
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
// Accumulators in device memory
//===----------------------------------------------------------------------===//

/// True if `index` and the `last` ones after it are known to be within dimension `dim`.
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
