//===- SortedAttention.cpp - Queries sorted by the blocks they list -------===//
//
// Where each query has a list of its own, and few heads share it, queries that list one
// block are brought together, so that tiles are full:
//
//   rank       an entry's number among those of its part of the list that name its block
//   lay out    where rows of a block start: sums over parts, then over blocks
//   place      where each entry goes, and which query is there
//   attend     a tile of queries and the keys of one block: a result and a logarithm
//   merge      the results of a query's entries, and what the program merges them with
//
// The sort is stable and counts without atomic operations: a warp takes a part of the
// entries in order, 32 at a time.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;
using tile::FragmentType;
using tile::Place;

/// Entries of a row of the list that a thread reads at once.
static constexpr int64_t maxAtOnce = 32;
/// Entries that a warp ranks, and warps of a block.
static constexpr int64_t entriesOfPart = 1024, rankWarps = 4;
/// Entries of a query whose results are merged at once.
static constexpr int64_t maxMerged = 16;

/// Puts the entries of each row of the list in order.
void AttentionKernel::order() {
  auto type = cast<MemRefType>(list.getType());
  int64_t listHeads = type.getDimSize(2);
  Value zero = e.index(0), one = e.index(1), n = e.dim(list, 3);
  Value rows = e.dim(list, 1), heads = e.index(listHeads);
  Value size = e.index(*op.getBlock()), group = e.index(op.getGroup().value_or(1));
  chosen = e.scratch(e.b.getI32Type(), {e.dim(list, 0), rows, heads, n});
  counts = e.scratch(e.b.getI32Type(), {e.dim(list, 0), rows, heads});
  e.parallel(e.mul(e.mul(e.dim(list, 0), rows), heads), [&](Value i) {
    Value head = e.rem(i, heads), rest = e.div(i, heads);
    Value row = e.rem(rest, rows), batch = e.div(rest, rows);
    // The end of what the group's last query sees.
    Value keys = keyLength, end = keyLength;
    if (table) {
      // Packed queries have lists of their own: of the last offset up to one, and the
      // first beyond.
      Values found = e.loop(zero, e.dim(table, 0), 1, {zero, length},
                            [&](Value i, ValueRange now) {
        Value at = e.loadIndex(table, i);
        Value before = e.compare(Predicate::sle, at, row);
        return Values{e.select(before, e.max(now[0], at), now[0]),
                      e.select(before, now[1], e.min(now[1], at))};
      });
      keys = e.sub(found[1], found[0]);
      end = op.getCausal() ? e.sub(e.add(row, one), found[0]) : keys;
    } else if (op.getCausal()) {
      Value offset = places ? e.loadIndex(places, batch) : e.sub(keyLength, length);
      end = e.add(e.min(e.mul(e.add(row, one), group), length), offset);
    }
    if (op.getCausal() && op.getWindow())
      end = e.sub(end, e.index(windowOf(op)));
    Value blocks = e.ceilDiv(keys, size);
    // Whether an entry comes again is seen in the list as it is.
    auto entry = [&](Value j) { return e.load(list, ValueRange{batch, row, head, j}); };
    auto add = [&](Value word, Value before, Value count) {
      Value block = e.toIndex(word);
      Value is = e.both(e.compare(Predicate::sge, block, zero), e.less(block, blocks));
      is = e.both(is, e.isZero(before));
      is = e.both(is, e.less(e.mul(e.select(is, block, zero), size), end));
      e.when(is, [&] { e.store(word, chosen, ValueRange{batch, row, head, count}); });
      return e.select(is, e.add(count, one), count);
    };
    auto repeats = [&](Value word, Value earlier, Value before) {
      return e.select(e.compare(Predicate::eq, word, earlier), e.word(1), before);
    };
    Value count = zero;
    if (type.getDimSize(3) <= maxAtOnce) {
      Values words;
      for (int64_t j = 0; j < type.getDimSize(3); ++j)
        words.push_back(entry(e.index(j)));
      for (size_t j = 0; j < words.size(); ++j) {
        Value before = e.word(0);
        for (size_t i = 0; i < j; ++i)
          before = repeats(words[j], words[i], before);
        count = add(words[j], before, count);
      }
    } else {
      count = e.loop(zero, n, 1, {zero}, [&](Value j, ValueRange count) {
        Value word = entry(j);
        Value before = e.loop(zero, j, 1, {e.word(0)}, [&](Value i, ValueRange now) {
          return Values{repeats(word, entry(i), now[0])};
        })[0];
        return Values{add(word, before, count[0])};
      })[0];
    }
    e.store(count, counts, ValueRange{batch, row, head});
  });
}

/// Device memory whose last dimension is static.
Value AttentionKernel::room(Type element, ValueRange sizes, int64_t last) {
  SmallVector<int64_t> shape(sizes.size(), ShapedType::kDynamic);
  shape.push_back(last);
  return memref::AllocOp::create(e.b, e.loc, MemRefType::get(shape, element), sizes,
                                 e.b.getI64IntegerAttr(64));
}

/// The rank of each entry in its part, and how many entries of a part name a block.
void AttentionKernel::rankEntries() {
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Value n = e.dim(list, 3), zero = e.index(0), lanes = e.index(warpLanes);
  Value warps = e.mul(groups, parts);
  e.parallel(e.mul(warps, blocks), [&](Value i) {
    e.store(e.word(0), earlier, ValueRange{e.div(i, blocks), e.rem(i, blocks)});
  });
  e.launch(e.ceilDiv(warps, e.index(rankWarps)), rankWarps * warpLanes, 0,
           [&](Value block, Value thread) {
    Value warp = e.add(e.mul(block, e.index(rankWarps)), e.div(thread, lanes));
    Value lane = e.rem(thread, lanes);
    Value below = e.sub(
        arith::ShLIOp::create(e.b, e.loc, e.word(1), e.toWord(lane)).getResult(),
        e.word(1));
    e.when(e.less(warp, warps), [&] {
      Value group = e.div(warp, parts), part = e.rem(warp, parts);
      Value batch = e.div(group, e.index(shared)), head = e.rem(group, e.index(shared));
      Value from = e.add(e.mul(part, e.index(entriesOfPart)), lane);
      e.loop(zero, e.index(entriesOfPart / warpLanes), [&](Value step) {
        Value entry = e.add(from, e.mul(step, lanes)), exists = e.less(entry, entries);
        Value safe = e.select(exists, entry, zero);
        Value row = e.div(safe, n), j = e.rem(safe, n);
        Value at[] = {batch, row, head, j};
        Value count = e.loadIndex(counts, ValueRange{batch, row, head});
        Value is = e.both(exists, e.less(j, count));
        // What the list does not have is no block's.
        Value word = e.select(is, e.load(chosen, at), e.word(-1));
        Value peers = NVVM::MatchSyncOp::create(e.b, e.loc, e.b.getI32Type(), e.word(-1),
                                                word, NVVM::MatchSyncKind::any);
        Value first = e.both(peers, below);
        Value number = e.toIndex(e.select(is, word, e.word(0)));
        Value before = e.choose(
            is, [&] { return Values{e.load(earlier, ValueRange{warp, number})}; },
            [&] { return Values{e.word(0)}; })[0];
        e.warpBarrier();
        e.when(is, [&] { e.store(e.add(before, e.countBits(first)), ranks, at); });
        e.when(e.both(is, e.isZero(first)), [&] {
          e.store(e.add(before, e.countBits(peers)), earlier, ValueRange{warp, number});
        });
        e.warpBarrier();
      });
    });
  });
}

/// From counts of parts to the rows and tiles of each block, and to the block of a tile.
void AttentionKernel::layOutBlocks() {
  Value zero = e.index(0), none = e.word(0), size = e.index(queries);
  e.parallel(e.mul(groups, blocks), [&](Value i) {
    Value group = e.div(i, blocks), block = e.rem(i, blocks);
    Value total = e.loop(zero, parts, 1, {none}, [&](Value part, ValueRange now) {
      Value at[] = {e.add(e.mul(group, parts), part), block};
      Value count = e.load(earlier, at);
      e.store(now[0], earlier, at);
      return Values{e.add(now[0], count)};
    })[0];
    e.store(total, totals, ValueRange{group, block});
  });
  e.parallel(groups, [&](Value group) {
    e.loop(zero, blocks, 1, {none, none}, [&](Value block, ValueRange now) {
      Value at[] = {group, block};
      e.store(now[0], firstRows, at);
      e.store(now[1], firstTiles, at);
      Value total = e.load(totals, at);
      Value tiles = e.toWord(e.ceilDiv(e.toIndex(total), size));
      return Values{e.add(now[0], total), e.add(now[1], tiles)};
    });
  });
  // Of the blocks that start at a tile or before, the last one.
  e.parallel(e.mul(groups, mostTiles), [&](Value i) {
    Value group = e.div(i, mostTiles), tile = e.rem(i, mostTiles);
    auto found = scf::WhileOp::create(
        e.b, e.loc, TypeRange{e.b.getIndexType(), e.b.getIndexType()},
        ValueRange{zero, blocks},
        [&](OpBuilder &, Location, ValueRange now) {
          Value wide = e.less(e.add(now[0], e.index(1)), now[1]);
          scf::ConditionOp::create(e.b, e.loc, wide, now);
        },
        [&](OpBuilder &, Location, ValueRange now) {
          Value middle = e.div(e.add(now[0], now[1]), e.index(2));
          Value start = e.loadIndex(firstTiles, ValueRange{group, middle});
          Value after = e.less(tile, start);
          scf::YieldOp::create(e.b, e.loc,
                               ValueRange{e.select(after, now[0], middle),
                                          e.select(after, middle, now[1])});
        });
    Value block = found.getResult(0);
    Value here = e.choose(
        e.less(zero, blocks),
        [&] {
          Value at[] = {group, block};
          Value tiles = e.ceilDiv(e.loadIndex(totals, at), size);
          Value end = e.add(e.loadIndex(firstTiles, at), tiles);
          return Values{e.select(e.less(tile, end), e.toWord(block), e.word(-1))};
        },
        [&] { return Values{e.word(-1)}; })[0];
    e.store(here, blockOf, ValueRange{group, tile});
  });
}

/// The row of each entry, and the query of each row.
void AttentionKernel::placeQueries() {
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Value n = e.dim(list, 3), zero = e.index(0), one = e.index(1), heads = e.index(shared);
  Value length = e.dim(list, 1), size = e.index(*op.getBlock());
  e.parallel(e.mul(groups, entries), [&](Value i) {
    Value j = e.rem(i, n), rest = e.div(i, n);
    Value head = e.rem(rest, heads);
    rest = e.div(rest, heads);
    Value row = e.rem(rest, length), batch = e.div(rest, length);
    Value count = e.loadIndex(counts, ValueRange{batch, row, head});
    e.when(e.less(j, count), [&] {
      Value at[] = {batch, row, head, j};
      Value group = e.add(e.mul(batch, heads), head);
      Value entry = e.add(e.mul(row, n), j), block = e.loadIndex(chosen, at);
      Value part = e.add(e.mul(group, parts), e.div(entry, e.index(entriesOfPart)));
      Value place = e.add(e.load(firstRows, ValueRange{group, block}),
                          e.load(earlier, ValueRange{part, block}));
      place = e.add(place, e.load(ranks, at));
      e.store(place, sorted, at);
      e.store(row, rowOf, ValueRange{e.add(e.mul(group, entries), e.toIndex(place))});
      if (!op.getCausal())
        return;
      Value offset = places ? e.loadIndex(places, batch) : e.sub(keyLength, this->length);
      Value end = e.sub(e.add(e.add(row, offset), one), e.mul(block, size));
      e.store(toNumber(clamp(end, zero, size)), seen,
              ValueRange{group, e.toIndex(place), zero});
    });
  });
}

/// A tile of queries of one block.
void AttentionKernel::sortedBody(Value number) {
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Value zero = e.index(0), one = e.index(1), all = e.index(heads);
  Value tile = e.rem(number, mostTiles), rest = e.div(number, mostTiles);
  head = e.rem(rest, all);
  batch = e.div(rest, all);
  keyHead = e.div(head, e.index(heads / keyHeads));
  Value group = e.add(e.mul(batch, e.index(shared)), e.div(head, e.index(heads / shared)));
  Value block = e.loadIndex(blockOf, ValueRange{group, tile});
  allocate();
  e.when(e.compare(Predicate::sge, block, zero), [&] {
    Value at[] = {group, block};
    Value skipped = e.mul(e.sub(tile, e.loadIndex(firstTiles, at)), e.index(queries));
    first = e.add(e.loadIndex(firstRows, at), skipped);
    count = e.min(e.index(queries), e.sub(e.loadIndex(totals, at), skipped));
    keys = keyLength;
    firstKey = zero;
    tile::CopyInOp::create(e.b, e.loc, q, ValueRange{batch, zero, head, zero}, count,
                           queryTile, /*row_dim=*/1, /*col_dim=*/3, /*reverse=*/false, rowOf,
                           e.add(e.mul(group, entries), first), /*share=*/1);
    Value size = e.index(*op.getBlock()), start = e.mul(block, size);
    Value end = e.min(keys, e.add(start, size));
    Sight sight;
    if (op.getCausal()) {
      // Queries are in order: the first one sees the fewest keys, the last one the most.
      auto endOf = [&](Value row) {
        Value x = e.load(seen, ValueRange{group, row, zero});
        Value word = arith::FPToSIOp::create(e.b, e.loc, e.b.getI32Type(), x);
        return e.add(start, e.toIndex(word));
      };
      sight.origin = start;
      sight.least = endOf(first);
      end = e.min(end, endOf(e.sub(e.add(first, count), one)));
      // One column of eight; the others, which are beyond the buffer, are zero.
      Value wide = tile::ReadOp::create(e.b, e.loc, fragment(rows, 8, f32, Place::acc), seen,
                                        ValueRange{group, first, zero}, false);
      sight.ends = tile::ReduceOp::create(e.b, e.loc, fragment(rows, 1, f32, Place::col),
                                          /*max=*/true, wide);
    }
    Value step = e.index(keysOfTile);
    Values state = walk({e.ceilDiv(e.sub(end, start), step),
                         [&](Value i) { return e.add(start, e.mul(i, step)); },
                         [&](Value) { return end; }},
                        initial(), sight);
    auto [result, logarithm] = finish(state);
    auto rowDim = e.b.getI64IntegerAttr(2);
    tile::WriteOp::create(e.b, e.loc, result, partial, ValueRange{batch, head, first, zero},
                          count, /*transpose=*/false, rowDim, IntegerAttr(), IntegerAttr());
    tile::WriteOp::create(e.b, e.loc, logarithm, logarithms, ValueRange{batch, head, first},
                          count, /*transpose=*/false, rowDim, IntegerAttr(), IntegerAttr());
  });
}

/// A thread has some neighbouring values of a query; what is absent has weight 0.
void AttentionKernel::mergeParts() {
  auto type = cast<MemRefType>(list.getType());
  int64_t shared = type.getDimSize(2), each = heads / shared, n = type.getDimSize(3);
  int64_t lanes = std::min(e.together(partial), e.together(out));
  for (auto [x, l] : others)
    lanes = std::min(lanes, e.together(x));
  Value zero = e.index(0), vectors = e.index(values / lanes), all = e.index(heads);
  Value never = e.number(f32, -std::numeric_limits<double>::infinity());
  Value none = e.number(f32, 0);
  e.parallel(e.mul(e.mul(e.mul(e.dim(q, 0), length), all), vectors), [&](Value i) {
    Value part = e.rem(i, vectors), rest = e.div(i, vectors);
    Value at = e.mul(part, e.index(lanes));
    Value head = e.rem(rest, all), of = e.div(head, e.index(each));
    rest = e.div(rest, all);
    Value row = e.rem(rest, length), batch = e.div(rest, length);
    Value count = e.loadIndex(counts, ValueRange{batch, row, of});
    Values otherMarks, otherRows;
    for (auto [x, l] : others) {
      otherMarks.push_back(e.loadLanes(l, ValueRange{batch, row, head}, 1, f32));
      otherRows.push_back(e.loadTogether(x, ValueRange{batch, row, head, at}, lanes, f32));
    }
    // The rows of the entries j to j + size, which need not be there, added to the state:
    // the maximum, the sum of weights, and the values.
    auto add = [&](ValueRange there, ValueRange marks, ValueRange rows, ValueRange state) {
      Value top = state[0];
      for (Value mark : marks)
        top = larger(top, mark);
      Value shift = larger(top, e.number(f32, -3e38));
      auto weigh = [&](Value x) -> Value {
        return math::ExpOp::create(e.b, e.loc, minus(x, shift));
      };
      Value before = weigh(state[0]), total = multiply(state[1], before);
      Value sum = multiply(state[2], e.repeat(before, lanes));
      for (size_t k = 0; k < marks.size(); ++k) {
        Value weight = weigh(marks[k]);
        total = plus(total, weight);
        Value more = plus(sum, multiply(rows[k], e.repeat(weight, lanes)));
        sum = e.select(there[k], more, sum);
      }
      return Values{top, total, sum};
    };
    auto addRows = [&](Value j, int64_t size, ValueRange state) {
      Values there, marks, rows;
      for (int64_t k = 0; k < size; ++k) {
        Value number = e.add(j, e.index(k));
        there.push_back(e.less(number, count));
        Value safe = e.select(there[k], number, zero);
        Value place = e.loadIndex(sorted, ValueRange{batch, row, of, safe});
        Value l = e.load(logarithms, ValueRange{batch, head, place});
        marks.push_back(e.select(there[k], l, never));
        rows.push_back(e.loadTogether(partial, ValueRange{batch, head, place, at}, lanes, f32));
      }
      return add(there, marks, rows, state);
    };
    Values empty{never, none, e.number(e.lanesOf(f32, lanes), 0)};
    Values state = e.choose(
        e.less(zero, count),
        [&] {
          if (n <= maxMerged)
            return addRows(zero, n, empty);
          return e.loop(zero, count, 1, empty,
                        [&](Value j, ValueRange now) { return addRows(j, 1, now); });
        },
        [&] { return empty; });
    if (!others.empty()) {
      Values there;
      for (Value mark : otherMarks)
        there.push_back(arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNE, mark,
                                              never));
      state = add(there, otherMarks, otherRows, state);
    }
    // Nothing seen: 0 and -inf.  Else the sum is 1 or more.
    Value divisor = larger(state[1], e.number(f32, 0.5));
    e.storeTogether(e.div(state[2], e.repeat(divisor, lanes)), out,
                    ValueRange{batch, row, head, at});
    e.when(e.compare(Predicate::eq, part, zero), [&] {
      Value logarithm = math::LogOp::create(e.b, e.loc, state[1]);
      e.storeLanes(plus(state[0], logarithm), lse, ValueRange{batch, row, head});
    });
  });
}

void AttentionKernel::runSorted() {
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Type word = e.b.getI32Type();
  Value n = e.dim(list, 3), rows = e.dim(list, 1), b = e.dim(list, 0);
  Value all = e.index(heads);
  groups = e.mul(b, e.index(shared));
  entries = e.mul(rows, n);
  parts = e.ceilDiv(entries, e.index(entriesOfPart));
  blocks = e.ceilDiv(keyLength, e.index(*op.getBlock()));
  mostTiles = e.add(e.div(entries, e.index(queries)), blocks);
  earlier = e.scratch(word, {e.mul(groups, parts), blocks});
  for (Value *x : {&totals, &firstRows, &firstTiles})
    *x = e.scratch(word, {groups, blocks});
  blockOf = e.scratch(word, {groups, mostTiles});
  for (Value *x : {&ranks, &sorted})
    *x = e.scratch(word, {b, rows, e.index(shared), n});
  if (op.getCausal())
    seen = room(f32, {groups, entries}, 1);
  rowOf = e.scratch(word, {e.mul(groups, entries)});
  partial = room(f32, {b, all, entries}, values);
  logarithms = e.scratch(f32, {b, all, entries});
  rankEntries();
  layOutBlocks();
  placeQueries();
  e.launch(e.mul(e.mul(b, all), mostTiles), warps * warpLanes,
           bytesOfTiles(op, keysOfTile), [&](Value block, Value) { sortedBody(block); });
  mergeParts();
}
