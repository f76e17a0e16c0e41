//===- AssignLoops.cpp - Vectors to centroids, and centroids to vectors ---===//
//
// The nearest centroid is a running best.  Members are found without sorting: the key of
// the last one, the largest that enough keys reach, is fixed bit by bit from counts; one
// more pass takes the keys above it, and of equal ones the first, in order of position.
//
//===----------------------------------------------------------------------===//

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

class Assign : AssignOperands {
public:
  Assign(AssignOp op, OpBuilder &b, int64_t width) : op(op), e(b, op.getLoc(), width) {}
  void run();

private:
  /// The sum of products of row `a` of `x` and row `c` of `y`.
  Value dot(Value x, ValueRange a, Value y, ValueRange c);
  /// 1 / length of each row, 0 of zero rows; null without `cosine`.
  Value inverseLengths(Value rows);
  Value similarity(Value vector, Value head, Value centroid);
  void nearest(Value i);
  void members(Value i);
  /// How many of `tokens` keys of a row satisfy `is`.
  Value countKeys(Value row, llvm::function_ref<Value(Value keys)> is);

  AssignOp op;
  Loops e;
  // Keys are [row, token].
  Value xScale, muScale, keys;
};

} // namespace

static SmallVector<Value> at(ValueRange lead, Value last) {
  SmallVector<Value> place(lead);
  place.push_back(last);
  return place;
}

Value Assign::dot(Value x, ValueRange a, Value y, ValueRange c) {
  return e.sumOver(e.index(features), element, [&](Value f, int64_t lanes) {
    return e.mul(e.loadLanes(x, at(a, f), lanes, element),
                 e.loadLanes(y, at(c, f), lanes, element));
  });
}

Value Assign::inverseLengths(Value rows) {
  if (!op.getCosine())
    return {};
  Value count = e.dim(rows, 0), second = e.dim(rows, 1);
  Value scale = e.scratch(element, {count, second});
  e.parallel(e.mul(count, second), [&](Value i) {
    Value place[] = {e.div(i, second), e.rem(i, second)};
    Value squares = dot(rows, place, rows, place);
    Value zero = e.number(element, 0), one = e.number(element, 1);
    Value empty = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ, squares, zero);
    Value length = math::SqrtOp::create(e.b, e.loc, e.select(empty, one, squares));
    e.store(e.select(empty, zero, e.div(one, length)), scale, place);
  });
  return scale;
}

Value Assign::similarity(Value vector, Value head, Value centroid) {
  Value from[] = {vector, head}, to[] = {head, centroid};
  Value sum = dot(x, from, mu, to);
  if (op.getCosine())
    sum = e.mul(e.mul(sum, e.load(xScale, from)), e.load(muScale, to));
  return sum;
}

void Assign::nearest(Value i) {
  Value vector = e.div(i, e.index(heads)), head = e.rem(i, e.index(heads));
  Type i32 = e.b.getI32Type();
  unsigned bits = element.getIntOrFloatBitWidth();
  Value lowest = e.integer(keyType, llvm::APInt::getSignedMinValue(bits));
  Values found = e.loop(
      e.index(0), e.index(centroids), 1,
      {lowest, e.number(element, 0), e.number(i32, -1)}, [&](Value c, ValueRange now) {
        Value s = similarity(vector, head, c), key = e.orderedKey(s);
        Value better = e.less(now[0], key);
        return Values{e.select(better, key, now[0]), e.select(better, s, now[1]),
                      e.select(better, e.cast(c, i32), now[2])};
      });
  e.store(found[1], best, ValueRange{vector, head});
  e.store(found[2], indices, ValueRange{vector, head});
}

Value Assign::countKeys(Value row, llvm::function_ref<Value(Value)> is) {
  Type i64 = e.b.getI64Type();
  Value count = e.sumOver(tokens, i64, [&](Value first, int64_t lanes) -> Value {
    Value now = e.loadLanes(keys, ValueRange{row, first}, lanes, keyType);
    return arith::ExtUIOp::create(e.b, e.loc, e.lanesOf(i64, lanes), is(now));
  });
  return e.cast(count, e.b.getIndexType());
}

void Assign::members(Value row) {
  OpBuilder &b = e.b;
  Value zero = e.index(0), one = e.index(1), perBatch = e.index(heads * centroids);
  Value batch = e.div(row, perBatch), rest = e.rem(row, perBatch);
  Value head = e.div(rest, e.index(centroids)), centroid = e.rem(rest, e.index(centroids));
  e.loop(zero, tokens, [&](Value n) {
    Value vector = e.add(e.mul(batch, tokens), n);
    e.store(e.orderedKey(similarity(vector, head, centroid)), keys, ValueRange{row, n});
  });
  unsigned bits = element.getIntOrFloatBitWidth();
  Value lowest = e.integer(keyType, llvm::APInt::getSignedMinValue(bits));
  auto against = [&](Predicate predicate, Value key) {
    return [=, this](Value now) {
      auto vector = dyn_cast<VectorType>(now.getType());
      return e.compare(predicate, now,
                       e.repeat(key, vector ? vector.getDimSize(0) : 1));
    };
  };
  Value candidates = countKeys(row, against(Predicate::sgt, lowest));
  Value wanted = e.min(e.index(*op.getMembers()), candidates);
  // The sign bit is the first: from the lowest key it leads to 0.
  Value bit = e.integer(keyType, llvm::APInt::getSignMask(bits));
  Value last = e.loop(zero, e.index(bits), 1, {lowest, bit}, [&](Value, ValueRange now) {
    Value higher = e.add(now[0], now[1]);
    Value reach = countKeys(row, against(Predicate::sge, higher));
    Value enough = e.compare(Predicate::sge, reach, wanted);
    Value half = arith::ShRUIOp::create(b, e.loc, now[1], e.number(keyType, 1));
    return Values{e.select(enough, higher, now[0]), half};
  })[0];
  Value above = countKeys(row, against(Predicate::sgt, last));
  Values end = e.loop(zero, tokens, 1, {zero, e.sub(wanted, above)},
                      [&](Value n, ValueRange now) {
    Value key = e.load(keys, ValueRange{row, n});
    Value equal = e.both(e.compare(Predicate::eq, key, last), e.less(zero, now[1]));
    Value take = arith::OrIOp::create(b, e.loc, e.compare(Predicate::sgt, key, last), equal);
    e.when(take, [&] {
      e.store(e.scoreOf(key, element), best, ValueRange{row, now[0]});
      Value vector = e.add(e.mul(batch, tokens), n);
      e.store(e.add(e.mul(vector, e.index(heads)), head), indices, ValueRange{row, now[0]});
    });
    if (inverse) {
      Value vector = e.add(e.mul(batch, tokens), n), place[] = {vector, head, centroid};
      Value member = e.cast(e.add(e.mul(row, e.index(*op.getMembers())), now[0]),
                            b.getI32Type());
      e.store(e.select(take, member, e.number(b.getI32Type(), -1)), inverse, place);
    }
    return Values{e.select(take, e.add(now[0], one), now[0]),
                  e.select(equal, e.sub(now[1], one), now[1])};
  });
  e.loop(end[0], e.index(*op.getMembers()), [&](Value j) {
    e.store(e.number(element, 0), best, ValueRange{row, j});
    e.store(e.number(b.getI32Type(), -1), indices, ValueRange{row, j});
  });
}

void Assign::run() {
  bind(op, e);
  xScale = inverseLengths(x);
  muScale = inverseLengths(mu);
  if (op.getMembers()) {
    keys = e.scratch(keyType, {e.dim(best, 0), tokens});
    e.parallel(e.dim(best, 0), [&](Value row) { members(row); });
  } else {
    e.parallel(e.mul(e.dim(x, 0), e.index(heads)), [&](Value i) { nearest(i); });
  }
  steps::finishResults(e.b, op, replacements);
}

void routing::lowerAssign(AssignOp op, OpBuilder &b, int64_t width) {
  Assign(op, b, width).run();
}
