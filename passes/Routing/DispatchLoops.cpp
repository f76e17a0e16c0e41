//===- DispatchLoops.cpp - Tokens to experts and back ---------------------===//
//
// Dispatch is a counting sort in five loops: each part of a batch element's slots counts
// its experts; counts are summed over parts; segments are laid out one after the other;
// each part numbers its slots; rows are gathered.  What is dropped is numbered in the
// same way, after all segments.
//
//===----------------------------------------------------------------------===//

#include "Loops.h"
#include "RouteOperands.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;

/// Slots that one iteration counts.
static constexpr int64_t partSlots = 1024;

namespace {

class Dispatch : DispatchOperands {
public:
  Dispatch(DispatchOp op, OpBuilder &b, int64_t width)
      : op(op), e(b, op.getLoc(), width) {}
  void run();

private:
  void count();
  void sum();
  void layOut();
  void number();
  void gather(Value tokens, Value packed, int64_t features);
  /// How many of `count` slots an expert keeps when `before` came earlier.
  Value kept(Value before, Value count);
  /// Calls `body(batch, part, from, to)` for every part, in parallel.
  void parts(llvm::function_ref<void(Value, Value, Value, Value)> body);

  DispatchOp op;
  Loops e;
  // Counts [batch, part, expert]; totals [batch, expert]; the first dropped row of each
  // part.
  Value counts, totals, drops, numParts, columns;
};

} // namespace

void Dispatch::parts(llvm::function_ref<void(Value, Value, Value, Value)> body) {
  e.parallel(e.mul(batches, numParts), [&](Value i) {
    Value part = e.rem(i, numParts), from = e.mul(part, e.index(partSlots));
    body(e.div(i, numParts), part, from,
         e.min(e.add(from, e.index(partSlots)), slots));
  });
}

Value Dispatch::kept(Value before, Value count) {
  if (!op.getCapacity())
    return count;
  Value room = e.max(e.sub(e.index(*op.getCapacity()), before), e.index(0));
  return e.min(room, count);
}

void Dispatch::count() {
  parts([&](Value batch, Value part, Value from, Value to) {
    e.loop(e.index(0), experts, [&](Value expert) {
      e.store(e.index(0), counts, ValueRange{batch, part, expert});
    });
    e.loop(from, to, [&](Value slot) {
      Value expert = e.loadIndex(picks, ValueRange{batch, slot});
      e.when(e.compare(Predicate::ult, expert, experts), [&] {
        Value at[] = {batch, part, expert};
        e.store(e.add(e.loadIndex(counts, at), e.index(1)), counts, at);
      });
    });
  });
}

void Dispatch::sum() {
  e.parallel(e.mul(batches, experts), [&](Value i) {
    Value batch = e.div(i, experts), expert = e.rem(i, experts);
    Value total = e.loop(e.index(0), numParts, 1, {e.index(0)},
                         [&](Value part, ValueRange before) {
      Value at[] = {batch, part, expert};
      Value count = e.loadIndex(counts, at);
      e.store(before[0], counts, at);
      return Values{e.add(before[0], count)};
    })[0];
    e.store(total, totals, ValueRange{batch, expert});
  });
}

void Dispatch::layOut() {
  Value segments = e.mul(batches, experts), zero = e.index(0), one = e.index(1);
  e.store(e.number(elementOf(op.getOffsets().getType()), 0), offsets, zero);
  e.loop(zero, segments, [&](Value i) {
    Value total = e.loadIndex(totals, ValueRange{e.div(i, experts), e.rem(i, experts)});
    Value next = e.add(e.loadIndex(offsets, i), kept(zero, total));
    e.store(next, offsets, e.add(i, one));
  });
  // Dropped slots of each part, then the first row of each.
  parts([&](Value batch, Value part, Value from, Value to) {
    Value last = e.compare(Predicate::eq, e.add(part, one), numParts);
    Value keeps = e.loop(zero, experts, 1, {zero}, [&](Value expert, ValueRange sum) {
      Value before = e.loadIndex(counts, ValueRange{batch, part, expert});
      Value after = e.choose(
          last,
          [&] { return Values{e.loadIndex(totals, ValueRange{batch, expert})}; },
          [&] {
            return Values{
                e.loadIndex(counts, ValueRange{batch, e.add(part, one), expert})};
          })[0];
      return Values{e.add(sum[0], kept(before, e.sub(after, before)))};
    })[0];
    e.store(e.sub(e.sub(to, from), keeps), drops, e.add(e.mul(batch, numParts), part));
  });
  e.loop(zero, one, [&](Value) {
    e.loop(zero, e.mul(batches, numParts), 1, {e.loadIndex(offsets, segments)},
           [&](Value i, ValueRange first) {
      Value count = e.loadIndex(drops, i);
      e.store(first[0], drops, i);
      return Values{e.add(first[0], count)};
    });
  });
  if (op.getCapacity())
    e.loop(zero, one, [&](Value) { e.store(rows, offsets, e.add(segments, one)); });
}

void Dispatch::number() {
  Value none = e.number(e.b.getI32Type(), -1);
  parts([&](Value batch, Value part, Value from, Value to) {
    Value dropAt = e.add(e.mul(batch, numParts), part);
    e.loop(from, to, [&](Value slot) {
      Value expert = e.loadIndex(picks, ValueRange{batch, slot});
      Value is = e.compare(Predicate::ult, expert, experts);
      // The rank in the segment, beyond the capacity for what is dropped.
      Value limit = op.getCapacity() ? e.index(*op.getCapacity()) : rows;
      Value rank = e.choose(
          is,
          [&] {
            Value at[] = {batch, part, expert};
            Value rank = e.loadIndex(counts, at);
            e.store(e.add(rank, e.index(1)), counts, at);
            return Values{rank};
          },
          [&] { return Values{limit}; })[0];
      Value row = e.choose(
          e.less(rank, limit),
          [&] {
            Value segment = e.add(e.mul(batch, experts), expert);
            Value row = e.add(e.loadIndex(offsets, segment), rank);
            e.store(e.add(e.mul(batch, slots), slot), permutation, row);
            return Values{e.cast(row, e.b.getI32Type())};
          },
          [&] {
            Value row = e.loadIndex(drops, dropAt);
            e.store(e.add(row, e.index(1)), drops, dropAt);
            e.store(none, permutation, row);
            return Values{none};
          })[0];
      e.store(row, inverse, ValueRange{batch, slot});
    });
  });
}

void Dispatch::gather(Value tokens, Value packed, int64_t features) {
  Type element = cast<MemRefType>(tokens.getType()).getElementType();
  auto move = [&](Value row, Value first, int64_t lanes) {
    Value from = e.loadIndex(permutation, row);
    Value x = e.choose(
        e.compare(Predicate::sge, from, e.index(0)),
        [&] {
          return Values{e.loadLanes(tokens, ValueRange{e.div(from, columns), first},
                                    lanes, element)};
        },
        [&] { return Values{e.number(e.lanesOf(element, lanes), 0)}; })[0];
    e.storeLanes(x, packed, ValueRange{row, first});
  };
  // Neighbouring threads have neighbouring elements; vectors of bits are packed in
  // memory, single ones are not.
  if (e.width == 1 || element.getIntOrFloatBitWidth() < 8) {
    Value size = e.index(features);
    e.parallel(e.mul(rows, size),
               [&](Value i) { move(e.div(i, size), e.rem(i, size), 1); });
    return;
  }
  e.parallel(rows, [&](Value row) {
    e.chunks(features, [&](Value first, int64_t lanes) { move(row, first, lanes); });
  });
}

void Dispatch::run() {
  OpBuilder &b = e.b;
  bind(op, e);
  columns = e.dim(source, shapeOf(op.getPicks().getType()).size() - 1);
  numParts = e.ceilDiv(slots, e.index(partSlots));
  Type i32 = b.getI32Type();
  counts = e.scratch(i32, {batches, numParts, experts});
  totals = e.scratch(i32, {batches, experts});
  drops = e.scratch(i32, {e.mul(batches, numParts)});
  count();
  sum();
  layOut();
  number();
  eachTokens(op, e, [&](Value tokens, Value buffer, int64_t features) {
    gather(joined(op, e, tokens), e.grouped(buffer, {0, 1}), features);
  });
  steps::finishResults(b, op, replacements);
}

void routing::lowerDispatch(DispatchOp op, OpBuilder &b, int64_t width) {
  Dispatch(op, b, width).run();
}

//===----------------------------------------------------------------------===//
// Combine
//===----------------------------------------------------------------------===//

void routing::lowerCombine(CombineOp op, OpBuilder &b, int64_t width) {
  Loops e(b, op.getLoc(), width);
  CombineOperands c;
  c.bind(op, e);
  Value numRows = e.dim(c.rows, 0);
  auto emit = [&](Value token, Value first, int64_t lanes) {
    Value zero = e.number(e.lanesOf(c.element, lanes), 0);
    auto addRow = [&](Value j, ValueRange now) {
      Value row = e.loadIndex(c.inverse, ValueRange{token, j});
      return e.choose(
          e.compare(Predicate::ult, row, numRows),
          [&] {
            Value x = e.loadLanes(c.rows, ValueRange{row, first}, lanes, c.element);
            if (c.weights) {
              Value w = e.loadLanes(c.weights, ValueRange{token, j}, 1, c.element);
              x = e.mul(e.repeat(w, lanes), x);
            }
            return Values{e.add(now[0], x),
                          e.add(now[1], e.number(c.element, 1))};
          },
          [&] { return Values(now); });
    };
    Values sum{zero, e.number(c.element, 0)};
    if (c.columns <= 8)
      for (int64_t j = 0; j < c.columns; ++j)
        sum = addRow(e.index(j), sum);
    else
      sum = e.loop(e.index(0), e.index(c.columns), 1, sum, addRow);
    if (op.getMean())
      sum[0] = e.div(sum[0],
                     e.repeat(e.max(sum[1], e.number(c.element, 1)), lanes));
    e.storeLanes(sum[0], c.result, ValueRange{token, first});
  };
  Value tokens = e.dim(c.inverse, 0);
  if (c.features && width == 1) {
    Value size = e.index(c.features);
    e.parallel(e.mul(tokens, size),
               [&](Value i) { emit(e.div(i, size), e.rem(i, size), 1); });
  } else if (c.features) {
    e.parallel(tokens, [&](Value token) {
      e.chunks(c.features, [&](Value first, int64_t lanes) { emit(token, first, lanes); });
    });
  }
  steps::finishResults(b, op, c.replacements);
}
