//===- DispatchKernels.cpp - Tokens to experts and back, by warps ---------===//
//
// A stable counting sort in one kernel, whose blocks wait for each other between its
// parts.  A block ranks a tile of slots: a warp takes its slots in order, 32 at a time,
// and the lanes of one expert find each other by votes on the bits of its number; so no
// sum depends on which warp is first.  A warp sums the counts of an expert over tiles, a
// block lays out the segments, a block finds its slots' rows from their ranks.  Rows are
// then scattered: a token is read once and written for each of its picks, and no two
// picks have a row in common.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "RouteOperands.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Shuffle = gpu::ShuffleMode;
using Value = mlir::Value;

/// Slots of a tile, and counters of a block's warps in shared memory.
static constexpr int64_t tileSlots = 4096;
static constexpr int64_t maxCounters = 16384;
static constexpr int64_t maxWarps = 16;
/// Slots of a thread whose rows it looks up at once.
static constexpr int64_t slotsAtOnce = 8;
/// Vectors of a row that a thread moves.
static constexpr int64_t maxVectors = 4;

namespace {

class DispatchKernels : DispatchOperands {
public:
  DispatchKernels(DispatchOp op, OpBuilder &b) : op(op), e(b, op.getLoc()) {}
  void run();

private:
  // Parts of the kernel, as a block's thread does them.
  void rank(Value block, Value thread);
  void sum(Value block, Value thread);
  void layOut(Value thread);
  void place(Value block, Value thread);
  void scatter(Value tokens, Value packed, int64_t features, int64_t lanes);

  DispatchOp op;
  Warps e;
  int64_t numExperts, numColumns, warps;
  bool batched;
  // Counts [batch expert, tile], then those before each tile; totals [batch expert].
  Value counts, totals, tiles;
};

} // namespace

/// Counts of every tile, and in `inverse` the rank of each slot among those of its
/// expert in the tile.
void DispatchKernels::rank(Value block, Value thread) {
  int64_t threads = warps * warpLanes, steps = tileSlots / threads;
  int64_t bits = llvm::Log2_64_Ceil(numExperts), counters = warps * numExperts;
  Value zero = e.index(0);
  Value hist = e.shared(counters, 0), lane = e.toWord(e.rem(thread, e.index(warpLanes)));
  Value warp = e.div(thread, e.index(warpLanes));
  e.perBlock(block, e.mul(batches, tiles), [&](Value number) {
    Value batch = batched ? e.div(number, tiles) : zero;
    Value tile = batched ? e.rem(number, tiles) : number;
    e.loop(thread, e.index(counters), threads, {}, [&](Value i, ValueRange) {
      e.store(e.word(0), hist, i);
      return Values();
    });
    Value first = e.add(e.add(e.mul(tile, e.index(tileSlots)),
                              e.mul(warp, e.index(steps * warpLanes))),
                        e.toIndex(lane));
    Value own = e.mul(warp, experts);
    Value below = e.sub(
        arith::ShLIOp::create(e.b, e.loc, e.word(1), lane).getResult(), e.word(1));
    // The slot of a step, its expert, and whether it goes somewhere.
    auto slotOf = [&](Value step) {
      return e.add(first, e.mul(step, e.index(warpLanes)));
    };
    auto expertOf = [&](Value slot) {
      Value exists = e.less(slot, slots);
      Value safe = e.select(exists, slot, e.sub(slots, e.index(1)));
      Value expert = e.loadIndex(picks, ValueRange{batch, safe});
      Value is = e.both(exists, e.compare(Predicate::ult, expert, experts));
      return std::pair(e.select(is, expert, zero), is);
    };
    e.barrier();
    auto step = [&](std::pair<Value, Value> chosen) {
      auto [expert, is] = chosen;
      Value number = e.toWord(expert), peers = e.ballot(is);
      for (int64_t bit = 0; bit < bits; ++bit) {
        Value set = e.compare(Predicate::ne, e.both(number, e.word(1 << bit)), e.word(0));
        Value vote = e.ballot(set);
        Value same = arith::XOrIOp::create(e.b, e.loc, vote,
                                           e.select(set, e.word(0), e.word(-1)));
        peers = e.both(peers, same);
      }
      Value at = e.add(own, expert), before = e.load(hist, at);
      Value earlier = e.both(peers, below);
      e.warpBarrier();
      e.when(e.both(is, e.isZero(earlier)), [&] {
        e.store(e.add(before, e.countBits(peers)), hist, at);
      });
      e.warpBarrier();
      return e.add(before, e.countBits(earlier));
    };
    // Up to a few steps keep their ranks in registers.
    bool unroll = steps <= 8;
    SmallVector<std::pair<Value, Value>> chosen;
    Values ranks;
    if (unroll) {
      for (int64_t s = 0; s < steps; ++s)
        chosen.push_back(expertOf(slotOf(e.index(s))));
      for (int64_t s = 0; s < steps; ++s)
        ranks.push_back(step(chosen[s]));
    } else {
      e.loop(zero, e.index(steps), [&](Value s) {
        Value slot = slotOf(s), rank = step(expertOf(slot));
        e.when(e.less(slot, slots),
               [&] { e.store(rank, inverse, ValueRange{batch, slot}); });
      });
    }
    e.barrier();
    // Warps one after the other.
    e.loop(thread, experts, threads, {}, [&](Value expert, ValueRange) {
      Value total = e.word(0);
      for (int64_t w = 0; w < warps; ++w) {
        Value at = e.add(expert, e.index(w * numExperts)), count = e.load(hist, at);
        e.store(total, hist, at);
        total = e.add(total, count);
      }
      e.store(total, counts, ValueRange{e.add(e.mul(batch, experts), expert), tile});
      return Values();
    });
    e.barrier();
    auto finish = [&](Value slot, Value expert, Value rank) {
      e.when(e.less(slot, slots), [&] {
        e.store(e.add(rank, e.load(hist, e.add(own, expert))), inverse,
                ValueRange{batch, slot});
      });
    };
    if (unroll)
      for (int64_t s = 0; s < steps; ++s)
        finish(slotOf(e.index(s)), chosen[s].first, ranks[s]);
    else
      e.loop(zero, e.index(steps), [&](Value s) {
        Value slot = slotOf(s);
        e.when(e.less(slot, slots), [&] {
          finish(slot, expertOf(slot).first, e.load(inverse, ValueRange{batch, slot}));
        });
      });
    e.barrier(); // counters are used again
  });
}

/// Counts become those of earlier tiles; a warp takes an expert of a batch element.
void DispatchKernels::sum(Value block, Value thread) {
  Value lanes = e.index(warpLanes), zero = e.index(0);
  Value place = e.rem(thread, lanes), lane = e.toWord(place);
  e.perBlock(block, e.ceilDiv(segments, e.index(warps)), [&](Value number) {
    Value segment = e.add(e.mul(number, e.index(warps)), e.div(thread, lanes));
    e.when(e.less(segment, segments), [&] {
      Value total = e.loop(zero, tiles, warpLanes, {e.word(0)},
                           [&](Value from, ValueRange before) {
        Value tile = e.add(from, place), exists = e.less(tile, tiles);
        Value safe = e.select(exists, tile, zero);
        Value count = e.select(exists, e.load(counts, ValueRange{segment, safe}),
                               e.word(0));
        Value upTo = e.prefix(count, lane);
        e.when(exists, [&] {
          e.store(e.add(before[0], e.sub(upTo, count)), counts,
                  ValueRange{segment, tile});
        });
        Value all = e.shuffle(upTo, e.word(warpLanes - 1), Shuffle::IDX);
        return Values{e.add(before[0], all)};
      })[0];
      e.when(e.isZero(lane), [&] { e.store(total, totals, segment); });
    });
  });
}

/// Where segments start: sums of what experts keep.
void DispatchKernels::layOut(Value thread) {
  Value lanes = e.index(warpLanes);
  int64_t threads = warps * warpLanes;
  Type type = elementOf(op.getOffsets().getType());
  auto put = [&](Value x, Value at) {
    if (type.isInteger(64))
      x = arith::ExtSIOp::create(e.b, e.loc, type, x);
    e.store(x, offsets, at);
  };
  Value sums = e.shared(warps, 0), lane = e.toWord(e.rem(thread, lanes));
  Value warp = e.div(thread, lanes), zero = e.word(0);
  Value end = e.loop(e.index(0), segments, threads, {zero},
                     [&](Value from, ValueRange before) {
    Value segment = e.add(from, thread), exists = e.less(segment, segments);
    Value count = e.load(totals, e.select(exists, segment, e.index(0)));
    if (op.getCapacity())
      count = e.min(count, e.word(std::min<int64_t>(*op.getCapacity(), INT32_MAX)));
    count = e.select(exists, count, zero);
    Value upTo = e.prefix(count, lane);
    e.when(e.compare(Predicate::eq, lane, e.word(warpLanes - 1)),
           [&] { e.store(upTo, sums, warp); });
    e.barrier();
    // Of as many warps as there are.
    Value is = e.less(lane, e.word(warps));
    Value ofWarp = e.load(sums, e.toIndex(e.select(is, lane, zero)));
    Value ofWarps = e.prefix(e.select(is, ofWarp, zero), lane);
    Value earlier = e.shuffle(ofWarps, e.sub(e.toWord(warp), e.word(1)), Shuffle::IDX);
    earlier = e.select(e.compare(Predicate::eq, warp, e.index(0)), zero, earlier);
    e.when(exists, [&] {
      put(e.add(e.add(before[0], earlier), e.sub(upTo, count)), segment);
    });
    Value all = e.shuffle(ofWarps, e.word(warpLanes - 1), Shuffle::IDX);
    e.barrier();
    return Values{e.add(before[0], all)};
  })[0];
  e.when(e.compare(Predicate::eq, thread, e.index(0)), [&] {
    put(end, segments);
    if (op.getCapacity())
      e.store(rows, offsets, e.add(segments, e.index(1)));
  });
}

/// From ranks in tiles to rows.  What is dropped fills the rows at the end, all alike.
void DispatchKernels::place(Value block, Value thread) {
  int64_t threads = warps * warpLanes, together = threads * slotsAtOnce;
  Value none = e.word(-1), zero = e.index(0);
  // Of a tile's experts: the first row, and how many came in earlier tiles.
  Value starts = e.shared(numExperts, 0), earlier = e.shared(numExperts, numExperts * 4);
  Value kept = e.loadIndex(offsets, segments);
  e.perBlock(block, e.mul(batches, tiles), [&](Value number) {
    Value batch = batched ? e.div(number, tiles) : zero;
    Value tile = batched ? e.rem(number, tiles) : number;
    e.loop(thread, experts, threads, {}, [&](Value expert, ValueRange) {
      Value segment = e.add(e.mul(batch, experts), expert);
      e.store(e.toWord(e.loadIndex(offsets, segment)), starts, expert);
      e.store(e.load(counts, ValueRange{segment, tile}), earlier, expert);
      return Values();
    });
    e.barrier();
    Value first = e.mul(tile, e.index(tileSlots));
    Value end = e.min(e.add(first, e.index(tileSlots)), slots);
    e.loop(e.add(first, thread), end, together, {}, [&](Value from, ValueRange) {
      // All of them are read before any is written.
      SmallVector<Value> at, exists, expert, rank;
      for (int64_t i = 0; i < slotsAtOnce; ++i) {
        at.push_back(e.add(from, e.index(i * threads)));
        exists.push_back(e.less(at[i], end));
        Value place[] = {batch, e.select(exists[i], at[i], from)};
        expert.push_back(e.loadIndex(picks, place));
        rank.push_back(e.load(inverse, place));
      }
      for (int64_t i = 0; i < slotsAtOnce; ++i) {
        Value is = e.compare(Predicate::ult, expert[i], experts);
        Value safe = e.select(is, expert[i], zero);
        Value ofAll = e.add(rank[i], e.load(earlier, safe));
        Value row = e.add(e.load(starts, safe), ofAll);
        if (op.getCapacity())
          is = e.both(is, e.less(e.toIndex(ofAll), e.index(*op.getCapacity())));
        row = e.select(is, row, none);
        Value slot = e.add(e.mul(batch, slots), at[i]);
        e.when(exists[i], [&] {
          e.store(row, inverse, ValueRange{batch, at[i]});
          e.when(is, [&] { e.store(e.toWord(slot), permutation, e.toIndex(row)); });
          e.when(e.compare(Predicate::sge, slot, kept),
                 [&] { e.store(none, permutation, slot); });
        });
      }
      return Values();
    });
    e.barrier(); // starts are used again
  });
}

/// The threads of a row and the vectors of each, so that neighbouring threads have
/// neighbouring vectors.
static std::pair<int64_t, int64_t> sharesOf(int64_t vectors, int64_t most) {
  int64_t each = most;
  while (each > 1 && (vectors % each || vectors / each < 8))
    each /= 2;
  return {vectors / each, each};
}

void DispatchKernels::scatter(Value tokens, Value packed, int64_t features,
                              int64_t lanes) {
  Type element = cast<MemRefType>(tokens.getType()).getElementType();
  auto [threads, each] = sharesOf(features / lanes, maxVectors);
  Value numTokens = e.dim(tokens, 0), size = e.index(threads);
  // The picks of a token, one after the other.
  Value places = e.grouped(inverse, {0});
  e.parallel(e.mul(numTokens, size), [&](Value i) {
    Value token = e.div(i, size), part = e.rem(i, size);
    Values at, moved;
    for (int64_t v = 0; v < each; ++v) {
      at.push_back(e.mul(e.add(part, e.index(v * threads)), e.index(lanes)));
      moved.push_back(e.loadTogether(tokens, ValueRange{token, at[v]}, lanes, element));
    }
    Value firstSlot = e.mul(token, e.index(numColumns));
    auto overPicks = [&](llvm::function_ref<void(Value)> body) {
      if (numColumns <= 8)
        for (int64_t j = 0; j < numColumns; ++j)
          body(e.add(firstSlot, e.index(j)));
      else
        e.loop(firstSlot, e.add(firstSlot, e.index(numColumns)), body);
    };
    overPicks([&](Value slot) {
      Value row = e.loadIndex(places, slot);
      e.when(e.compare(Predicate::sge, row, e.index(0)), [&] {
        for (int64_t v = 0; v < each; ++v)
          e.storeTogether(moved[v], packed, ValueRange{row, at[v]});
      });
    });
    // Rows of what was dropped: there are as many rows as slots.
    Value kept = e.loadIndex(offsets, segments);
    e.when(e.less(kept, e.add(firstSlot, e.index(numColumns))), [&] {
      overPicks([&](Value row) {
        e.when(e.compare(Predicate::sge, row, kept), [&] {
          for (int64_t v = 0; v < each; ++v)
            e.storeTogether(e.number(e.lanesOf(element, lanes), 0), packed,
                            ValueRange{row, at[v]});
        });
      });
    });
  });
}

void DispatchKernels::run() {
  OpBuilder &b = e.b;
  batched = shapeOf(op.getPicks().getType()).size() > 2;
  numExperts = op.getExperts();
  numColumns = shapeOf(op.getPicks().getType()).back();
  bind(op, e);
  tiles = e.ceilDiv(slots, e.index(tileSlots));
  counts = e.scratch(b.getI32Type(), {segments, tiles});
  totals = e.scratch(b.getI32Type(), {segments});
  warps = std::clamp<int64_t>(maxCounters / numExperts, 1, maxWarps);
  while (maxWarps % warps)
    --warps;
  Value word = e.cleared();
  int64_t shared = std::max<int64_t>(warps, 2) * numExperts * 4;
  Value blocks = e.max(e.mul(batches, tiles), e.index(1));
  e.launchTogether(blocks, warps * warpLanes,
                   std::max(shared, maxWarps * 4), [&](Value block, Value thread) {
    rank(block, thread);
    e.gridBarrier(word, 1, thread);
    sum(block, thread);
    e.gridBarrier(word, 2, thread);
    e.when(e.compare(Predicate::eq, block, e.index(0)), [&] { layOut(thread); });
    e.gridBarrier(word, 3, thread);
    place(block, thread);
  });
  eachTokens(op, e, [&](Value from, Value buffer, int64_t features) {
    int64_t lanes = std::min(e.together(from), e.together(buffer));
    scatter(joined(op, e, from), e.grouped(buffer, {0, 1}), features, lanes);
  });
  steps::finishResults(b, op, replacements);
}

void routing::dispatchToKernels(DispatchOp op, OpBuilder &b) {
  DispatchKernels(op, b).run();
}

//===----------------------------------------------------------------------===//
// Combine
//===----------------------------------------------------------------------===//

void routing::combineToKernels(CombineOp op, OpBuilder &b) {
  Warps e(b, op.getLoc());
  CombineOperands c;
  c.bind(op, e);
  if (c.features) {
    int64_t lanes = std::min(e.together(c.from), e.together(c.to));
    Value numRows = e.dim(c.rows, 0), size = e.index(c.features / lanes), zero = e.index(0);
    e.parallel(e.mul(e.dim(c.inverse, 0), size), [&](Value i) {
      Value token = e.div(i, size);
      Value first = e.mul(e.rem(i, size), e.index(lanes));
      // A row that is absent is read elsewhere and left out: loads do not wait for
      // branches.
      auto addRow = [&](Value j, ValueRange now) {
        Value row = e.loadIndex(c.inverse, ValueRange{token, j});
        Value is = e.compare(Predicate::ult, row, numRows);
        Value x = e.loadTogether(c.rows, ValueRange{e.select(is, row, zero), first}, lanes,
                                 c.element);
        if (c.weights) {
          Value w = e.loadLanes(c.weights, ValueRange{token, j}, 1, c.element);
          x = e.mul(e.repeat(w, lanes), x);
        }
        return Values{e.select(is, e.add(now[0], x), now[0]),
                      e.select(is, e.add(now[1], e.number(c.element, 1)), now[1])};
      };
      Values none{e.number(e.lanesOf(c.element, lanes), 0), e.number(c.element, 0)};
      Values sum = e.choose(
          e.less(zero, numRows),
          [&] {
            Values sum = none;
            if (c.columns <= 8)
              for (int64_t j = 0; j < c.columns; ++j)
                sum = addRow(e.index(j), sum);
            else
              sum = e.loop(zero, e.index(c.columns), 1, sum, addRow);
            return sum;
          },
          [&] { return none; });
      if (op.getMean())
        sum[0] = e.div(sum[0], e.repeat(e.max(sum[1], e.number(c.element, 1)), lanes));
      e.storeTogether(sum[0], c.result, ValueRange{token, first});
    });
  }
  steps::finishResults(b, op, c.replacements);
}
