//===- AssignKernels.cpp - Vectors to centroids, by warps and blocks ------===//
//
// A thread keeps a vector in registers and walks over the centroids of its head, which
// neighbouring threads read together.  Members of a centroid are a block's work: the key
// of the last one, the largest that enough keys reach, is fixed bit by bit from counts
// of the block; one more pass, a block of tokens at a time, takes the keys above it, and
// of equal ones the first, and numbers them in order of position.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "RouteOperands.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;

/// Threads of a block that finds members, in warps; words of shared memory.
static constexpr int64_t memberThreads = 256;
static constexpr int64_t memberWarps = memberThreads / warpLanes;
/// Features of a vector that a thread keeps in registers.
static constexpr int64_t maxFeatures = 128;

bool routing::hasKernel(AssignOp op) {
  auto is32 = [](Value x) {
    Type type = elementOf(x.getType());
    return type.isF32() || type.isF16() || type.isBF16();
  };
  return is32(op.getVectors()) && is32(op.getCentroids()) &&
         shapeOf(op.getCentroids().getType()).back() <= maxFeatures;
}

namespace {

class AssignKernels : AssignOperands {
public:
  AssignKernels(AssignOp op, OpBuilder &b) : op(op), e(b, op.getLoc()) {}
  void run();

private:
  /// Calls `body` for all features of a row, some at a time.
  void overFeatures(llvm::function_ref<void(Value first, int64_t lanes)> body);
  Values row(Value memref, ValueRange at);
  Value dot(ArrayRef<Value> x, ArrayRef<Value> y);
  Value sumOfLanes(Value x);
  /// 1 / length, 0 of a row of zeros.
  Value inverseLength(Value squares);
  /// From a product to what is compared.
  Value similarity(Value product, Value xScale, Value muScale);
  void nearest();
  void members(Value row, Value thread);
  /// Over the threads of the block: how many have the flag, and those before this one.
  std::pair<Value, Value> countFlags(Value flag);
  Value countKeys(Value row, Value thread, Predicate predicate, Value key);

  AssignOp op;
  Warps e;
  int64_t lanes = 1;
  Value keys, muScales, counters, lane, warp;
};

} // namespace

void AssignKernels::overFeatures(llvm::function_ref<void(Value, int64_t)> body) {
  for (int64_t f = 0; f < features; f += lanes)
    body(e.index(f), lanes);
}

Values AssignKernels::row(Value memref, ValueRange at) {
  Values result;
  overFeatures([&](Value first, int64_t lanes) {
    SmallVector<Value> place(at);
    place.push_back(first);
    result.push_back(e.loadTogether(memref, place, lanes, element));
  });
  return result;
}

Value AssignKernels::sumOfLanes(Value x) {
  if (lanes == 1)
    return x;
  Value sum = e.extract(x, 0);
  for (int64_t i = 1; i < lanes; ++i)
    sum = e.add(sum, e.extract(x, i));
  return sum;
}

Value AssignKernels::dot(ArrayRef<Value> x, ArrayRef<Value> y) {
  Value sum = e.number(e.lanesOf(element, lanes), 0);
  for (auto [p, q] : llvm::zip(x, y))
    sum = math::FmaOp::create(e.b, e.loc, p, q, sum);
  return sumOfLanes(sum);
}

Value AssignKernels::inverseLength(Value squares) {
  Value zero = e.number(element, 0), one = e.number(element, 1);
  Value empty =
      arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ, squares, zero);
  Value length = math::SqrtOp::create(e.b, e.loc, e.select(empty, one, squares));
  return e.select(empty, zero, e.div(one, length));
}

Value AssignKernels::similarity(Value product, Value xScale, Value muScale) {
  return op.getCosine() ? e.mul(e.mul(product, xScale), muScale) : product;
}

void AssignKernels::nearest() {
  Type i32 = e.b.getI32Type();
  Value vectors = e.dim(x, 0), zero = e.index(0);
  // Threads of a warp have one head: they read the same centroids.
  e.parallel(e.mul(vectors, e.index(heads)), [&](Value i) {
    Value head = e.div(i, vectors), vector = e.rem(i, vectors), place[] = {vector, head};
    Values mine = row(x, place);
    Value scale = op.getCosine() ? inverseLength(dot(mine, mine)) : Value();
    Value lowest = e.integer(keyType, APInt::getSignedMinValue(32));
    Values found = e.loop(
        zero, e.index(centroids), 1, {lowest, e.number(element, 0), e.number(i32, -1)},
        [&](Value c, ValueRange now) {
          Value at[] = {head, c};
          Value muScale = op.getCosine() ? e.load(muScales, at) : Value();
          Value s = similarity(dot(mine, row(mu, at)), scale, muScale);
          Value key = e.orderedKey(s), better = e.less(now[0], key);
          return Values{e.select(better, key, now[0]), e.select(better, s, now[1]),
                        e.select(better, e.cast(c, i32), now[2])};
        });
    e.store(found[1], best, place);
    e.store(found[2], indices, place);
  });
}

std::pair<Value, Value> AssignKernels::countFlags(Value flag) {
  Value votes = e.ballot(flag);
  Value below = e.sub(
      arith::ShLIOp::create(e.b, e.loc, e.word(1), lane).getResult(), e.word(1));
  e.barrier(); // the counters have been read
  e.when(e.isZero(lane), [&] { e.store(e.countBits(votes), counters, warp); });
  e.barrier();
  Value all = e.word(0), before = e.countBits(e.both(votes, below));
  for (int64_t w = 0; w < memberWarps; ++w) {
    Value count = e.load(counters, e.index(w));
    before = e.select(e.less(e.index(w), warp), e.add(before, count), before);
    all = e.add(all, count);
  }
  return {all, before};
}

/// The keys of a row that compare so, in all threads.
Value AssignKernels::countKeys(Value row, Value thread, Predicate predicate, Value key) {
  Value mine = e.loop(thread, tokens, memberThreads, {e.word(0)},
                      [&](Value n, ValueRange now) {
    Value is = e.compare(predicate, e.load(keys, ValueRange{row, n}), key);
    return Values{e.select(is, e.add(now[0], e.word(1)), now[0])};
  })[0];
  Value sum = e.foldGroup(mine, warpLanes, [&](Value p, Value q) { return e.add(p, q); });
  e.barrier();
  e.when(e.isZero(lane), [&] { e.store(sum, counters, warp); });
  e.barrier();
  Value all = e.word(0);
  for (int64_t w = 0; w < memberWarps; ++w)
    all = e.add(all, e.load(counters, e.index(w)));
  return all;
}

void AssignKernels::members(Value row, Value thread) {
  counters = e.shared(memberWarps, 0);
  lane = e.toWord(e.rem(thread, e.index(warpLanes)));
  warp = e.div(thread, e.index(warpLanes));
  Value zero = e.index(0), perBatch = e.index(heads * centroids);
  Value batch = e.div(row, perBatch), rest = e.rem(row, perBatch);
  Value head = e.div(rest, e.index(centroids)), centroid = e.rem(rest, e.index(centroids));
  Value to[] = {head, centroid};
  Value muScale = op.getCosine() ? e.load(muScales, to) : Value();
  auto vectorOf = [&](Value n) { return e.add(e.mul(batch, tokens), n); };
  // Every thread reads the keys that it has written.
  e.loop(thread, tokens, memberThreads, {}, [&](Value n, ValueRange) {
    Value from[] = {vectorOf(n), head};
    Value product = e.number(e.lanesOf(element, lanes), 0), squares = product;
    overFeatures([&](Value first, int64_t lanes) {
      Value p = e.loadTogether(x, ValueRange{from[0], head, first}, lanes, element);
      Value q = e.loadTogether(mu, ValueRange{head, centroid, first}, lanes, element);
      product = math::FmaOp::create(e.b, e.loc, p, q, product);
      if (op.getCosine())
        squares = math::FmaOp::create(e.b, e.loc, p, p, squares);
    });
    Value scale = op.getCosine() ? inverseLength(sumOfLanes(squares)) : Value();
    Value s = similarity(sumOfLanes(product), scale, muScale);
    e.store(e.orderedKey(s), keys, ValueRange{row, n});
    return Values();
  });
  Value lowest = e.integer(keyType, APInt::getSignedMinValue(32));
  Value candidates = countKeys(row, thread, Predicate::sgt, lowest);
  int64_t most = *op.getMembers();
  Value wanted = e.min(e.word(most), candidates);
  // The sign bit is the first: from the lowest key it leads to 0.
  Value bit = e.integer(keyType, APInt::getSignMask(32));
  Value last = e.loop(zero, e.index(32), 1, {lowest, bit}, [&](Value, ValueRange now) {
    Value higher = e.add(now[0], now[1]);
    Value reach = countKeys(row, thread, Predicate::sge, higher);
    Value enough = e.compare(Predicate::sge, reach, wanted);
    Value half = arith::ShRUIOp::create(e.b, e.loc, now[1], e.word(1));
    return Values{e.select(enough, higher, now[0]), half};
  })[0];
  Value equals = e.sub(wanted, countKeys(row, thread, Predicate::sgt, last));
  // All threads take part in every turn.
  Value end = e.loop(zero, tokens, memberThreads, {e.word(0), e.word(0)},
                     [&](Value first, ValueRange now) {
    Value n = e.add(first, thread), exists = e.less(n, tokens);
    Value key = e.load(keys, ValueRange{row, e.select(exists, n, zero)});
    Value equal = e.both(exists, e.compare(Predicate::eq, key, last));
    auto [allEqual, equalBefore] = countFlags(equal);
    Value above = e.both(exists, e.compare(Predicate::sgt, key, last));
    equal = e.both(equal, e.less(e.add(now[1], equalBefore), equals));
    Value take = arith::OrIOp::create(e.b, e.loc, above, equal);
    auto [all, before] = countFlags(take);
    Value place = e.add(now[0], before);
    e.when(take, [&] {
      Value at[] = {row, e.toIndex(place)};
      e.store(e.scoreOf(key, element), best, at);
      e.store(e.toWord(e.add(e.mul(vectorOf(n), e.index(heads)), head)), indices, at);
    });
    if (inverse)
      e.when(exists, [&] {
        Value member = e.add(e.toWord(e.mul(row, e.index(most))), place);
        e.store(e.select(take, member, e.word(-1)), inverse,
                ValueRange{vectorOf(n), head, centroid});
      });
    return Values{e.add(now[0], all), e.add(now[1], allEqual)};
  })[0];
  e.loop(e.add(e.toIndex(end), thread), e.index(most), memberThreads, {},
         [&](Value j, ValueRange) {
    e.store(e.number(element, 0), best, ValueRange{row, j});
    e.store(e.word(-1), indices, ValueRange{row, j});
    return Values();
  });
}

void AssignKernels::run() {
  bind(op, e);
  lanes = std::min({e.together(x), e.together(mu), int64_t(4)});
  while (features % lanes)
    lanes /= 2;
  if (op.getCosine()) {
    muScales = e.scratch(element, {e.dim(mu, 0), e.dim(mu, 1)});
    e.parallel(e.index(heads * centroids), [&](Value i) {
      Value place[] = {e.div(i, e.index(centroids)), e.rem(i, e.index(centroids))};
      Value squares = e.sumOver(e.index(features), element, [&](Value f, int64_t) {
        Value q = e.loadLanes(mu, ValueRange{place[0], place[1], f}, 1, element);
        return e.mul(q, q);
      });
      e.store(inverseLength(squares), muScales, place);
    });
  }
  if (!op.getMembers()) {
    nearest();
  } else {
    keys = e.scratch(keyType, {e.dim(best, 0), tokens});
    e.launch(e.dim(best, 0), memberThreads, memberWarps * 4,
             [&](Value row, Value thread) { members(row, thread); });
  }
  steps::finishResults(e.b, op, replacements);
}

void routing::assignToKernels(AssignOp op, OpBuilder &b) { AssignKernels(op, b).run(); }

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

bool routing::hasKernel(MergeOp op) {
  Type out = op.getOut().getType();
  return !elementOf(out).isF64() && !elementOf(op.getLse().getType()).isF64() &&
         shapeOf(out).size() > 1 && !ShapedType::isDynamic(shapeOf(out).back()) &&
         shapeOf(out).back() > 0;
}

/// A thread has some neighbouring values of a row, and finds the weights of the parts
/// anew.
void routing::mergeToKernels(MergeOp op, OpBuilder &b) {
  Warps e(b, op.getLoc());
  MergeOperands m;
  m.bind(op, e);
  int64_t values = shapeOf(op.getOut().getType()).back();
  int64_t lanes = std::min(e.together(m.from), e.together(m.to));
  Value none = e.number(m.element, -std::numeric_limits<double>::infinity());
  Value zero = e.number(m.element, 0);
  auto isEmpty = [&](Value l) -> Value {
    return arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::OEQ, l, none);
  };
  Value size = e.index(values / lanes);
  e.parallel(e.mul(e.dim(m.out, 0), size), [&](Value i) {
    Value row = e.div(i, size), part = e.rem(i, size);
    Value first = e.mul(part, e.index(lanes));
    Values parts, rows, weights;
    Value top = none, total = zero;
    for (auto [o, l] : llvm::zip(m.outs, m.lses)) {
      parts.push_back(e.loadLanes(l, row, 1, m.element));
      rows.push_back(e.loadTogether(o, ValueRange{row, first}, lanes, m.element));
      top = e.max(top, parts.back());
    }
    Value shift = e.select(isEmpty(top), zero, top);
    for (Value part : parts) {
      weights.push_back(math::ExpOp::create(b, e.loc, e.sub(part, shift)));
      total = e.add(total, weights.back());
    }
    total = e.select(isEmpty(top), e.number(m.element, 1), total);
    Value sum = e.number(e.lanesOf(m.element, lanes), 0);
    for (auto [x, part, weight] : llvm::zip(rows, parts, weights)) {
      Value more = e.add(sum, e.mul(e.repeat(weight, lanes), x));
      sum = e.select(isEmpty(part), sum, more);
    }
    e.storeTogether(e.div(sum, e.repeat(total, lanes)), m.out, ValueRange{row, first});
    e.when(e.compare(Predicate::eq, part, e.index(0)), [&] {
      Value logarithm = math::LogOp::create(b, e.loc, total);
      e.storeLanes(e.add(top, logarithm), m.lse, row);
    });
  });
  steps::finishResults(b, op, m.replacements);
}
