//===- TopkKernels.cpp - The k largest scores of a row, in registers ------===//
//
// A group of lanes holds a row as integer keys that compare as the scores do, NaN on
// top and -inf, which is never picked, at the bottom.  In k rounds the group finds the
// largest key, then the lowest index that has it, and takes it out.  A lane keeps every
// so manieth pick, so that results are written together.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "RouteOperands.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;

static constexpr int64_t blockThreads = 256;
/// Elements of a lane, where lanes suffice; a warp takes rows up to maxRow.
static constexpr int64_t laneElements = 16;
static constexpr int64_t maxRow = 1024;
/// Keys times picks up to which rounds are unrolled.
static constexpr int64_t maxUnrolled = 128;

bool routing::hasKernel(TopkOp op) {
  auto type = cast<RankedTensorType>(op.getScores().getType());
  int64_t row = type.getShape().back();
  return !type.getElementType().isF64() && !ShapedType::isDynamic(row) && row > 0 &&
         row <= maxRow;
}

namespace {

class TopkKernel : TopkOperands {
public:
  TopkKernel(TopkOp op, OpBuilder &b) : op(op), e(b, op.getLoc()) {}
  void run();

private:
  void body(Value block, Value thread);
  void readKeys(Value row);
  /// A pick's key and index: -1 where no candidate is left; takes it out of `keys`.
  std::pair<Value, Value> pick(Values &keys);
  void weigh();
  /// The sum over the group of what exists of this lane's.
  Value sum(llvm::function_ref<Value(size_t)> value, size_t count,
            llvm::function_ref<Value(size_t)> exists);
  Value larger(Value x, Value y) { return arith::MaxSIOp::create(e.b, e.loc, x, y); }
  Value exp(Value x) { return math::ExpOp::create(e.b, e.loc, x); }

  TopkOp op;
  Warps e;
  int64_t row, group = 1, slots = 1, vector = 1;
  Type f32;
  // Of a lane: its place in the group; keys, their columns and scores; its picks.
  Value lane, lowest, top;
  Values keys, columns, read, kept, keptAt;
};

} // namespace

void TopkKernel::readKeys(Value at) {
  Value first = e.mul(lane, e.word(vector));
  for (int64_t from = 0; from < row; from += group * vector) {
    Value column = e.add(first, e.word(from)), inside;
    Value source = e.toIndex(column);
    if (from + group * vector > row) { // some lanes have nothing here
      inside = e.less(column, e.word(row));
      source = e.select(inside, source, e.index(0));
    }
    Value x = e.loadTogether(scores, ValueRange{at, source}, vector, f32);
    for (int64_t i = 0; i < vector; ++i) {
      Value score = vector == 1 ? x : e.extract(x, i);
      Value key = e.orderedKey(score);
      if (inside) {
        key = e.select(inside, key, lowest);
        score = e.select(inside, score,
                         e.number(f32, -std::numeric_limits<double>::infinity()));
      }
      keys.push_back(key);
      read.push_back(score);
      columns.push_back(e.add(column, e.word(i)));
    }
  }
}

std::pair<Value, Value> TopkKernel::pick(Values &keys) {
  Value best = keys[0];
  for (Value key : ArrayRef(keys).drop_front())
    best = larger(best, key);
  best = e.foldGroup(best, group, [&](Value x, Value y) { return larger(x, y); });
  // The lowest of the group's columns; -1, of none, is the largest unsigned number.
  Value at = e.word(-1);
  for (size_t i = keys.size(); i-- > 0;)
    at = e.select(e.compare(Predicate::eq, keys[i], best), columns[i], at);
  at = e.foldGroup(at, group, [&](Value x, Value y) -> Value {
    return arith::MinUIOp::create(e.b, e.loc, x, y);
  });
  for (auto [key, column] : llvm::zip(keys, columns))
    key = e.select(e.compare(Predicate::eq, column, at), lowest, key);
  return {best, e.select(e.compare(Predicate::eq, best, lowest), e.word(-1), at)};
}

Value TopkKernel::sum(llvm::function_ref<Value(size_t)> value, size_t count,
                      llvm::function_ref<Value(size_t)> exists) {
  Value total = e.number(f32, 0);
  for (size_t i = 0; i < count; ++i)
    total = e.add(total, e.select(exists(i), value(i), e.number(f32, 0)));
  return e.foldGroup(total, group, [&](Value x, Value y) { return e.add(x, y); });
}

/// From the picks' scores to their weights.
void TopkKernel::weigh() {
  Value zero = e.number(f32, 0);
  auto exists = [&](size_t i) {
    return e.compare(Predicate::sge, keptAt[i], e.word(0));
  };
  auto divide = [&](llvm::function_ref<Value(Value)> value, Value total) {
    for (auto [i, w] : llvm::enumerate(kept))
      w = e.select(exists(i), e.div(value(w), total), zero);
  };
  auto fromTop = [&](Value x) { return exp(e.sub(x, top)); };
  if (op.getSoftmax() == SoftmaxKind::before) {
    Value total = sum([&](size_t i) { return fromTop(read[i]); }, read.size(),
                      [&](size_t i) { return e.less(columns[i], e.word(row)); });
    divide(fromTop, total);
  } else if (op.getSoftmax() == SoftmaxKind::after) {
    Value total = sum([&](size_t i) { return fromTop(kept[i]); }, kept.size(), exists);
    divide(fromTop, total);
  }
  if (op.getNormalize()) {
    Value total = sum([&](size_t i) { return kept[i]; }, kept.size(), exists);
    divide([](Value w) { return w; }, total);
  }
}

void TopkKernel::body(Value block, Value thread) {
  int64_t k = op.getK(), rowsOfBlock = blockThreads / group;
  Value rows = e.dim(scores, 0);
  Value at = e.add(e.mul(block, e.index(rowsOfBlock)), e.div(thread, e.index(group)));
  Value exists = e.less(at, rows);
  lane = e.toWord(e.rem(thread, e.index(group)));
  lowest = e.integer(e.b.getI32Type(), APInt::getSignedMinValue(32));
  // Lanes without a row take the last one, and write nothing.
  readKeys(e.min(at, e.sub(rows, e.index(1))));
  Value zero = e.number(f32, 0);
  auto scoreOf = [&](std::pair<Value, Value> pick) {
    return e.select(e.less(pick.second, e.word(0)), zero,
                    e.scoreOf(pick.first, f32));
  };
  kept.assign(slots, zero);
  keptAt.assign(slots, e.word(-1));
  if (int64_t(keys.size()) * k <= maxUnrolled) {
    for (int64_t j = 0; j < k; ++j) {
      auto found = pick(keys);
      Value score = scoreOf(found);
      if (j == 0)
        top = score;
      Value mine = e.compare(Predicate::eq, lane, e.word(j % group));
      kept[j / group] = e.select(mine, score, kept[j / group]);
      keptAt[j / group] = e.select(mine, found.second, keptAt[j / group]);
    }
  } else {
    Values state(keys);
    state.append(kept);
    state.append(keptAt);
    state.push_back(zero);
    size_t n = keys.size();
    Values last = e.loop(e.index(0), e.index(k), 1, state,
                         [&](Value j, ValueRange now) {
      Values left(now.begin(), now.begin() + n);
      auto found = pick(left);
      Value score = scoreOf(found), word = e.toWord(j);
      for (int64_t s = 0; s < slots; ++s) {
        Value mine = e.compare(Predicate::eq, word,
                               e.add(lane, e.word(s * group)));
        left.push_back(e.select(mine, score, now[n + s]));
      }
      for (int64_t s = 0; s < slots; ++s) {
        Value mine = e.compare(Predicate::eq, word,
                               e.add(lane, e.word(s * group)));
        left.push_back(e.select(mine, found.second, now[n + slots + s]));
      }
      left.push_back(e.select(e.isZero(word), score, now[n + 2 * slots]));
      return left;
    });
    for (int64_t s = 0; s < slots; ++s) {
      kept[s] = last[n + s];
      keptAt[s] = last[n + slots + s];
    }
    top = last.back();
  }
  weigh();
  for (int64_t s = 0; s < slots; ++s) {
    Value column = e.add(lane, e.word(s * group));
    e.when(e.both(exists, e.less(column, e.word(k))), [&] {
      Value place[] = {at, e.toIndex(column)};
      e.storeLanes(kept[s], weights, place);
      e.store(keptAt[s], indices, place);
    });
  }
}

void TopkKernel::run() {
  OpBuilder &b = e.b;
  f32 = b.getF32Type();
  row = shapeOf(op.getScores().getType()).back();
  bind(op, e);
  vector = e.together(source);
  while (group < warpLanes && group * laneElements < row)
    group *= 2;
  // Vectors of a lane are not wider than its part of the row.
  while (vector > 1 && vector * group >= 2 * row)
    vector /= 2;
  slots = llvm::divideCeil(op.getK(), group);
  Value blocks = e.ceilDiv(e.dim(scores, 0), e.index(blockThreads / group));
  e.launch(blocks, blockThreads, 0,
           [&](Value block, Value thread) { body(block, thread); });
  steps::finishResults(b, op, replacements);
}

void routing::topkToKernels(TopkOp op, OpBuilder &b) { TopkKernel(op, b).run(); }
