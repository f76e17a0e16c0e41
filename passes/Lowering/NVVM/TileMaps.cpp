//===- TileMaps.cpp - What is computed on tiles in shared memory ----------===//

#include "TileLanes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace seqc::tile;

/// Rows that a thread loads before it sums them.
static constexpr int64_t kRowsAtOnce = 16;

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
    int64_t last = op.getRow(), step = op.getStep() ? int64_t(op.getStep()) : last + 1;
    Value near, before;
    for (int64_t row = step - 1; row <= last; row += step) {
      Value x = load(b.getF32Type(), place(type, tile, i32(row), col), 4);
      Value moved = before ? arith::SubFOp::create(b, loc, x, before).getResult() : x;
      Value size = arith::MaximumFOp::create(
          b, loc, moved, arith::NegFOp::create(b, loc, moved).getResult());
      Value small = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, size, limit);
      near = near ? both(near, small) : small;
      before = x;
    }
    if (exists)
      near = select(exists, near, constantOf(b.getI1Type(), 1));
    all = all ? both(all, near) : near;
  }
  Value mine = arith::ExtUIOp::create(b, loc, b.getI32Type(), all);
  Value together =
      NVVM::BarrierOp::create(b, loc, TypeRange{b.getI32Type()},
                              teamBarrier ? i32(teamBarrier) : Value(),
                              teamBarrier ? i32(threads) : Value(),
                              NVVM::BarrierReductionAttr::get(
                                  b.getContext(), NVVM::BarrierReduction::AND),
                              mine)
          .getResult(0);
  stands(op.getResult(), arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                               together, i32(0)));
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

void Lanes::map(MapOp op) {
  constexpr int64_t width = 4; // elements of a lane that lie together
  auto to = cast<SharedType>(op.getTargets()[0].getType());
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
  // A row that all others read is loaded once, if no target is its tile.
  SmallVector<Value> same(op.getSources().size());
  auto loadSame = [&](Value col) {
    for (auto [i, source] : llvm::enumerate(op.getSources())) {
      auto type = cast<SharedType>(source.getType());
      if (op.getBlocks()[i] != to.rows() || op.getFirsts()[i] < 0 ||
          llvm::is_contained(op.getTargets(), source))
        continue;
      same[i] = load(VectorType::get({width}, type.getElementType()),
                     place(type, tiles.lookup(source), i32(op.getFirsts()[i]), col),
                     width * type.elementBytes());
    }
  };
  auto compute = [&](int64_t r, Value col) {
    Row row = rowAt(r);
    SmallVector<Value> inputs;
    for (auto [source, block, first, loadedOnce] :
         llvm::zip(op.getSources(), op.getBlocks(), op.getFirsts(), same)) {
      if (loadedOnce) {
        inputs.push_back(loadedOnce);
        continue;
      }
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
    SmallVector<Scalars> made(op.getTargets().size());
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
      for (auto [values, value] : llvm::zip(made, yield.getValues()))
        values.push_back(mapping.lookupOrDefault(value));
    }
    for (auto [target, values] : llvm::zip(op.getTargets(), made)) {
      auto type = cast<SharedType>(target.getType());
      Value result = vector::FromElementsOp::create(
          b, loc, VectorType::get({width}, type.getElementType()), values);
      Value pointer = place(type, tiles.lookup(target), row.lane, col);
      store(result, at(pointer, row.constant * type.rowBytes()),
            width * type.elementBytes());
    }
  };
  auto all = [&] {
    for (int64_t c = 0; c < passes; ++c) {
      Value number = add(piece, c * 32);
      int64_t count = within ? own / 2 : own, group = 4 * together;
      // A lane beyond the last piece reads the first one's, and drops it.
      bool whole = c * 32 + lanes <= rowPieces;
      loadSame(mul(whole ? number : select(less(number, i32(rowPieces)), number, i32(0)),
                   width));
      for (int64_t first = 0; first < count; first += group) {
        auto rows = [&] {
          for (int64_t r = first; r < std::min(count, first + group); r += together)
            compute(r, mul(number, width));
        };
        whole ? rows() : when(less(number, i32(rowPieces)), rows);
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
