//===- TopkLoops.cpp - The k largest scores of a row ----------------------===//
//
// Scores become integers that compare as the scores do, NaN on top.  A pick is the
// largest key of those that come after the pick before it, in the order (key
// descending, index ascending), so that nothing has to be removed.  -inf is the lowest
// key, which no element has to exceed: it is never picked.
//
//===----------------------------------------------------------------------===//

#include "Loops.h"
#include "RouteOperands.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;

namespace {

class Topk : TopkOperands {
public:
  Topk(TopkOp op, OpBuilder &b, int64_t width) : op(op), e(b, op.getLoc(), width) {}
  void run();

private:
  Value keysAt(Value row, Value first, int64_t lanes);
  void picks(Value row);
  void weigh(Value row);
  Value exp(Value x) { return math::ExpOp::create(e.b, e.loc, x); }

  TopkOp op;
  Loops e;
  Value length;
  Type element, keyType, indexType;
};

} // namespace

Value Topk::keysAt(Value row, Value first, int64_t lanes) {
  return e.orderedKey(e.loadLanes(scores, ValueRange{row, first}, lanes, element));
}

void Topk::picks(Value row) {
  OpBuilder &b = e.b;
  unsigned bits = element.getIntOrFloatBitWidth();
  Value lowest = e.integer(keyType, APInt::getSignedMinValue(bits));
  Value highest = e.integer(keyType, APInt::getSignedMaxValue(bits));
  Value none = e.number(indexType, -1);
  e.loop(e.index(0), e.index(op.getK()), 1, {highest, none},
         [&](Value pick, ValueRange last) {
    // The better of what is known and these lanes, after the last pick.
    auto better = [&](Value first, int64_t lanes, Value bestKey, Value best) {
      Value keys = keysAt(row, first, lanes), at = e.countFrom(first, lanes, indexType);
      Value lastKey = e.repeat(last[0], lanes), lastAt = e.repeat(last[1], lanes);
      Value after = arith::OrIOp::create(
          b, e.loc, e.less(keys, lastKey),
          e.both(e.compare(Predicate::eq, keys, lastKey), e.less(lastAt, at)));
      Value take = e.both(after, e.less(bestKey, keys));
      return Values{e.select(take, keys, bestKey), e.select(take, at, best)};
    };
    Value bestKey = lowest, best = none, from = e.index(0);
    if (e.width > 1) {
      Value width = e.index(e.width);
      Value whole = e.mul(e.div(length, width), width);
      Values lanes = e.loop(from, whole, e.width,
                            {e.repeat(lowest, e.width), e.repeat(none, e.width)},
                            [&](Value first, ValueRange now) {
                              return better(first, e.width, now[0], now[1]);
                            });
      bestKey = vector::ReductionOp::create(b, e.loc, vector::CombiningKind::MAXSI,
                                            lanes[0]);
      // -1, of lanes without a candidate, is the largest unsigned number.
      Value at = e.select(e.compare(Predicate::eq, lanes[0], e.repeat(bestKey, e.width)),
                          lanes[1], e.repeat(none, e.width));
      best = vector::ReductionOp::create(b, e.loc, vector::CombiningKind::MINUI, at);
      from = whole;
    }
    Values found = e.loop(from, length, 1, {bestKey, best},
                          [&](Value first, ValueRange now) {
                            return better(first, 1, now[0], now[1]);
                          });
    e.store(found[1], indices, ValueRange{row, pick});
    Value exists = e.compare(Predicate::sge, found[1], e.number(indexType, 0));
    Value score = e.choose(
        exists,
        [&] {
          return Values{e.loadLanes(
              scores, ValueRange{row, e.cast(found[1], b.getIndexType())}, 1, element)};
        },
        [&] { return Values{e.number(element, 0)}; })[0];
    e.storeLanes(score, weights, ValueRange{row, pick});
    return found;
  });
}

/// From the picks' scores to their weights.
void Topk::weigh(Value row) {
  Value zero = e.number(element, 0), k = e.index(op.getK());
  auto exists = [&](Value pick) {
    return e.compare(Predicate::sge, e.load(indices, ValueRange{row, pick}),
                     e.number(indexType, 0));
  };
  auto weight = [&](Value pick) { return e.load(weights, ValueRange{row, pick}); };
  auto overPicks = [&](llvm::function_ref<Value(Value)> value) {
    return e.loop(e.index(0), k, 1, {zero}, [&](Value pick, ValueRange sum) {
      return Values{e.add(sum[0], e.select(exists(pick), value(pick), zero))};
    })[0];
  };
  auto update = [&](llvm::function_ref<Value(Value)> value) {
    e.loop(e.index(0), k, [&](Value pick) {
      e.when(exists(pick), [&] {
        e.store(value(weight(pick)), weights, ValueRange{row, pick});
      });
    });
  };
  if (op.getSoftmax() != SoftmaxKind::none) {
    Value top = weight(e.index(0)), sum;
    if (op.getSoftmax() == SoftmaxKind::after) {
      sum = overPicks([&](Value pick) { return exp(e.sub(weight(pick), top)); });
    } else {
      sum = e.sumOver(length, element, [&](Value first, int64_t lanes) {
        Value x = e.loadLanes(scores, ValueRange{row, first}, lanes, element);
        return exp(e.sub(x, e.repeat(top, lanes)));
      });
    }
    update([&](Value w) { return e.div(exp(e.sub(w, top)), sum); });
  }
  if (op.getNormalize()) {
    Value sum = overPicks(weight);
    update([&](Value w) { return e.div(w, sum); });
  }
}

void Topk::run() {
  OpBuilder &b = e.b;
  element = elementOf(op.getWeights().getType());
  keyType = b.getIntegerType(element.getIntOrFloatBitWidth());
  indexType = b.getI32Type();
  bind(op, e);
  length = e.dim(scores, 1);
  e.parallel(e.dim(scores, 0), [&](Value row) {
    picks(row);
    weigh(row);
  });
  steps::finishResults(b, op, replacements);
}

void routing::lowerTopk(TopkOp op, OpBuilder &b, int64_t width) {
  Topk(op, b, width).run();
}
