//===- AttentionLoops.cpp - Attention to listed blocks, and merging -------===//
//
// A query head is one iteration.  It walks over intervals of keys, with the running
// maximum, sum of weights and weighted values.  The window is one interval; a listed
// block is what is left of it beside the window, unless it was listed before.
//
//===----------------------------------------------------------------------===//

#include "RouteOperands.h"

#include "../Lowering/Steps/ScalarBlock.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;

int64_t routing::windowOf(BlockAttentionOp op) {
  return std::min<int64_t>(op.getWindow().value_or(0), int64_t(1) << 40);
}

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {

class Attention : AttentionOperands {
public:
  Attention(BlockAttentionOp op, OpBuilder &b, int64_t width)
      : op(op), e(b, op.getLoc(), width) {}
  void run();

private:
  void query(Value i);
  /// First key and number of keys of the query's sequence, and its first query.
  void sequence(Value token);
  /// Keys [from, to); the state is maximum, sum and, of vectors, weighted values.
  Values interval(Value from, Value to, Values state);
  Values listed(Values state);
  Value dot(Value key);
  /// The row of `relative` for a key, and whether there is one.
  std::pair<Value, Value> relativeRow(Value key);
  /// What the score region makes of the scores of `lanes` keys from `first` on.
  Value scored(Value scores, Value first, int64_t lanes);
  Value exp(Value x) { return math::ExpOp::create(e.b, e.loc, x); }
  Value finiteOrZero(Value x) {
    Value empty = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ, x,
                                        e.number(x.getType(), -kInfinity));
    return e.select(empty, e.number(x.getType(), 0), x);
  }

  BlockAttentionOp op;
  Loops e;
  Type element;
  // Of the current query.
  Value batch, token, head, keyHead, position, firstKey, firstQuery, keys;
  Value windowFrom, windowTo, queryVector;
};

} // namespace

void Attention::sequence(Value token) {
  Value zero = e.index(0);
  firstKey = firstQuery = zero;
  keys = keyLength;
  Value offset = e.sub(keyLength, length);
  if (table) {
    // Offsets do not decrease: the last one not beyond the token, the first beyond.
    Values found = e.loop(
        zero, e.dim(table, 0), 1, {zero, length}, [&](Value i, ValueRange now) {
          Value at = e.loadIndex(table, i);
          Value before = e.compare(Predicate::sle, at, token);
          return Values{e.select(before, e.max(now[0], at), now[0]),
                        e.select(before, now[1], e.min(now[1], at))};
        });
    firstKey = firstQuery = found[0];
    keys = e.sub(found[1], found[0]);
    offset = zero;
  } else if (places) {
    offset = e.loadIndex(places, batch);
  }
  position = e.add(e.sub(token, firstQuery), offset);
}

std::pair<Value, Value> Attention::relativeRow(Value key) {
  Value zero = e.index(0), rows = e.dim(relative, 0);
  Value row = e.add(e.sub(e.index(op.getNearestRow()), position), key);
  Value is = e.compare(Predicate::ult, row, rows);
  return {e.select(is, row, zero), is};
}

Value Attention::dot(Value key) {
  Value row, is, relativeHead;
  if (relative) {
    std::tie(row, is) = relativeRow(key);
    int64_t shared = cast<MemRefType>(relative.getType()).getDimSize(1);
    relativeHead = e.div(head, e.index(heads / shared));
  }
  // q . k + q . e = q . (k + e)
  auto keyLanes = [&](Value f, int64_t lanes) {
    Value x = e.loadLanes(k, ValueRange{batch, e.add(firstKey, key), keyHead, f}, lanes,
                          element);
    if (!relative)
      return x;
    Value more = e.loadLanes(relative, ValueRange{row, relativeHead, f}, lanes, element);
    return e.select(is, e.add(x, more), x);
  };
  if (e.width > 1) {
    Value products = e.mul(queryVector, keyLanes(e.index(0), features));
    return features > 1
               ? vector::ReductionOp::create(e.b, e.loc, vector::CombiningKind::ADD,
                                             products, arith::FastMathFlags::reassoc)
                     .getResult()
               : products;
  }
  return e.loop(e.index(0), e.index(features), 1, {e.number(element, 0)},
                [&](Value f, ValueRange sum) {
    Value x = e.loadLanes(q, ValueRange{batch, token, head, f}, 1, element);
    return Values{e.add(sum[0], e.mul(x, keyLanes(f, 1)))};
  })[0];
}

Value Attention::scored(Value scores, Value first, int64_t lanes) {
  if (op.getScore().empty())
    return scores;
  Block &block = op.getScore().front();
  int64_t repeats = lanes > 1 ? lanes : 0;
  IRMapping mapping;
  mapping.map(block.getArgument(0), scores);
  mapping.map(block.getArgument(1), e.repeat(position, lanes));
  mapping.map(block.getArgument(2), e.countFrom(first, lanes, e.b.getIndexType()));
  mapping.map(block.getArgument(3), e.repeat(head, lanes));
  // Scalars from above are the same in all lanes.
  for (Operation &inner : block)
    for (Value v : inner.getOperands())
      if (v.getParentBlock() != &block && !mapping.contains(v))
        mapping.map(v, e.repeat(v, lanes));
  return steps::repeatBlock(e.b, e.loc, block, block.getTerminator()->getOperands(),
                            mapping, repeats)[0];
}

Values Attention::interval(Value from, Value to, Values state) {
  Value factor = e.number(element, op.getFactor());
  Value one = e.index(1);
  int64_t lanes = e.width > 1 ? 8 : 1;
  return e.loop(from, to, lanes, state, [&](Value first, ValueRange now) {
    Value last = e.sub(to, one);
    Value logits;
    SmallVector<Value> at;
    if (lanes == 1) {
      at.push_back(first);
      logits = scored(e.mul(dot(first), factor), first, lanes);
    } else {
      logits = e.number(e.lanesOf(element, lanes), -kInfinity);
      for (int64_t i = 0; i < lanes; ++i) {
        at.push_back(e.min(e.add(first, e.index(i)), last));
        logits = vector::InsertOp::create(e.b, e.loc, e.mul(dot(at[i]), factor), logits,
                                          ArrayRef<int64_t>{i});
      }
      logits = scored(logits, first, lanes);
      Value inside = e.less(e.countFrom(first, lanes, e.b.getIndexType()),
                            e.repeat(to, lanes));
      logits = e.select(inside, logits,
                        e.number(e.lanesOf(element, lanes), -kInfinity));
    }
    // The value of a key that the region hides is not read into the sum.
    auto visible = [&](Value logit, Value x, int64_t size) -> Value {
      if (op.getScore().empty())
        return x;
      Value hidden = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ, logit,
                                           e.number(element, -kInfinity));
      return e.select(hidden, e.number(e.lanesOf(element, size), 0), x);
    };
    Value top = logits;
    if (lanes > 1)
      top = vector::ReductionOp::create(e.b, e.loc, vector::CombiningKind::MAXIMUMF,
                                        logits);
    Value maximum = e.max(now[0], top), shift = finiteOrZero(maximum);
    Value scale = exp(e.sub(now[0], shift));
    Value weights = exp(e.sub(logits, e.repeat(shift, lanes)));
    Value sum = weights;
    if (lanes > 1)
      sum = vector::ReductionOp::create(e.b, e.loc, vector::CombiningKind::ADD, weights,
                                        arith::FastMathFlags::reassoc);
    Values next{maximum, e.add(e.mul(now[1], scale), sum)};
    if (lanes == 1) {
      e.loop(e.index(0), e.index(values), [&](Value f) {
        Value x = e.loadLanes(
            v, ValueRange{batch, e.add(firstKey, first), keyHead, f}, 1, element);
        x = visible(logits, x, 1);
        Value place[] = {batch, token, head, f};
        e.store(e.add(e.mul(e.load(out, place), scale), e.mul(weights, x)), out, place);
      });
      return next;
    }
    Value total = e.mul(now[2], e.repeat(scale, values));
    for (int64_t i = 0; i < lanes; ++i) {
      Value x = e.loadLanes(
          v, ValueRange{batch, e.add(firstKey, at[i]), keyHead, e.index(0)}, values,
          element);
      Value weight =
          vector::ExtractOp::create(e.b, e.loc, weights, ArrayRef<int64_t>{i});
      if (!op.getScore().empty())
        x = visible(vector::ExtractOp::create(e.b, e.loc, logits, ArrayRef<int64_t>{i}),
                    x, values);
      // A lane beyond the end has weight 0 and repeats the last key.
      total = e.add(total, e.mul(e.repeat(weight, values), x));
    }
    next.push_back(total);
    return next;
  });
}

Values Attention::listed(Values state) {
  Value zero = e.index(0), one = e.index(1), size = e.index(*op.getBlock());
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Value row = e.div(token, e.index(op.getGroup().value_or(1)));
  Value listHead = e.div(head, e.index(heads / shared));
  auto entry = [&](Value j) {
    return e.loadIndex(list, ValueRange{batch, row, listHead, j});
  };
  Value visible = op.getCausal() ? e.min(keys, e.add(position, one)) : keys;
  return e.loop(zero, e.dim(list, 3), 1, state, [&](Value j, ValueRange now) {
    Value block = entry(j);
    Value before = e.loop(zero, j, 1, {zero}, [&](Value i, ValueRange count) {
      Value same = e.compare(Predicate::eq, entry(i), block);
      return Values{e.select(same, one, count[0])};
    })[0];
    Value counts = e.both(e.compare(Predicate::sge, block, zero),
                          e.compare(Predicate::eq, before, zero));
    // An absent block is an empty interval; no product of a wild number is formed.
    counts = e.both(counts, e.less(block, e.ceilDiv(keys, size)));
    block = e.select(counts, block, zero);
    Value from = e.mul(block, size);
    Value to = e.select(counts, e.min(e.add(from, size), visible), zero);
    if (!op.getWindow())
      return interval(from, to, Values(now));
    Values left = interval(from, e.min(to, windowFrom), Values(now));
    return interval(e.max(from, windowTo), to, left);
  });
}

void Attention::query(Value i) {
  Value zero = e.index(0), one = e.index(1);
  Value h = e.index(heads);
  head = e.rem(i, h);
  Value rest = e.div(i, h);
  token = e.rem(rest, length);
  batch = e.div(rest, length);
  keyHead = e.div(head, e.index(heads / keyHeads));
  sequence(token);
  Value after = e.add(position, one);
  windowFrom = zero;
  windowTo = op.getCausal() ? e.max(e.min(keys, after), zero) : keys;
  if (op.getWindow()) {
    Value size = e.index(windowOf(op));
    windowFrom = e.min(e.max(e.sub(after, size), zero), keys);
    if (!op.getCausal())
      windowTo = e.max(e.min(keys, e.add(position, size)), windowFrom);
  }
  Values state{e.number(element, -kInfinity), e.number(element, 0)};
  if (e.width > 1) {
    queryVector = e.loadLanes(q, ValueRange{batch, token, head, zero}, features, element);
    state.push_back(e.number(e.lanesOf(element, values), 0));
  } else {
    e.loop(zero, e.index(values), [&](Value f) {
      e.store(e.number(element, 0), out, ValueRange{batch, token, head, f});
    });
  }
  if (list)
    state = listed(state);
  if (!list || op.getWindow())
    state = interval(windowFrom, windowTo, state);
  // Nothing seen: 0 and -inf.
  Value nothing = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OEQ, state[0],
                                        e.number(element, -kInfinity));
  Value sum = e.select(nothing, e.number(element, 1), state[1]);
  Value logarithm = math::LogOp::create(e.b, e.loc, sum);
  e.store(e.add(state[0], logarithm), lse, ValueRange{batch, token, head});
  if (e.width > 1) {
    e.storeLanes(e.div(state[2], e.repeat(sum, values)), out,
                 ValueRange{batch, token, head, zero});
    return;
  }
  e.loop(zero, e.index(values), [&](Value f) {
    Value place[] = {batch, token, head, f};
    e.store(e.div(e.load(out, place), sum), out, place);
  });
}

void Attention::run() {
  OpBuilder &b = e.b;
  element = elementOf(op.getLse().getType());
  bind(op, e);
  e.parallel(e.mul(e.mul(e.dim(q, 0), length), e.index(heads)),
             [&](Value i) { this->query(i); });
  steps::finishResults(b, op, replacements);
}

void routing::lowerAttention(BlockAttentionOp op, OpBuilder &b, int64_t width) {
  Attention(op, b, width).run();
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

void routing::lowerMerge(MergeOp op, OpBuilder &b, int64_t width) {
  Loops e(b, op.getLoc(), width);
  MergeOperands m;
  m.bind(op, e);
  Type element = m.element;
  Value none = e.number(element, -kInfinity), zero = e.number(element, 0);
  auto isEmpty = [&](Value l) -> Value {
    return arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::OEQ, l, none);
  };
  e.parallel(e.dim(m.out, 0), [&](Value row) {
    Values parts;
    Value top = none, total = zero;
    for (Value l : m.lses) {
      parts.push_back(e.loadLanes(l, row, 1, element));
      top = e.max(top, parts.back());
    }
    Value shift = e.select(isEmpty(top), zero, top);
    Values weights;
    for (Value part : parts) {
      weights.push_back(math::ExpOp::create(b, e.loc, e.sub(part, shift)));
      total = e.add(total, weights.back());
    }
    total = e.select(isEmpty(top), e.number(element, 1), total);
    Value logarithm = math::LogOp::create(b, e.loc, total);
    e.storeLanes(e.add(top, logarithm), m.lse, row);
    auto emit = [&](Value first, int64_t lanes) {
      Value sum = e.number(e.lanesOf(element, lanes), 0);
      for (auto [o, part, weight] : llvm::zip(m.outs, parts, weights)) {
        Value x = e.loadLanes(o, ValueRange{row, first}, lanes, element);
        Value more = e.add(sum, e.mul(e.repeat(weight, lanes), x));
        sum = e.select(isEmpty(part), sum, more);
      }
      e.storeLanes(e.div(sum, e.repeat(total, lanes)), m.out, ValueRange{row, first});
    };
    int64_t values = cast<MemRefType>(m.out.getType()).getDimSize(1);
    if (width > 1 && !ShapedType::isDynamic(values))
      e.chunks(values, emit);
    else
      e.loop(e.index(0), e.dim(m.out, 1), [&](Value f) { emit(f, 1); });
  });
  steps::finishResults(b, op, m.replacements);
}
