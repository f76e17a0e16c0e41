//===- AttentionKernels.cpp - Attention on tensor cores -------------------===//
//
// A block has a tile of queries of one head, or of some that read the same keys, one
// below the other; where queries have lists of their own, those heads of one query.
// It walks over tiles of keys with the
// running maximum and sum of each query and the weighted values:
//
//   S = Q K^T,   m' = max(m, rows' maximum of S),   P = 2^(c S - m')
//   l = l 2^(m - m') + rows' sum of P,   O = O 2^(m - m') + P V
//
// c is the scale in powers of two.  A left factor comes from registers: S, rounded, is
// the factor of V as it lies.  Each query sees an interval of the keys of a tile, which
// is looked at only in tiles where some query does not see all; where such a tile has
// values that are not finite, they are added one key after the other.  Tiles are those of an
// interval of keys, and those of listed blocks, which a kernel before puts in order:
// without the absent, the repeated, and those that no query of the group sees.  Where
// queries are sorted by block (SortedAttention.cpp) a tile is of one block alone.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;
using tile::FragmentType;
using tile::Place;
using tile::SharedType;

/// Keys of a tile.
static constexpr int64_t maxKeys = 64;
/// Whole tiles of this many features and values go to warps of 32 rows, which read
/// keys and values from shared memory half as often; others to warps of 16.
static constexpr int64_t maxFeatures = 128;
/// Registers of a lane for a query's features and values, of 16 rows a warp.
static constexpr int64_t maxRegisters = 112;
/// Stands for -inf where it is subtracted.
static constexpr double kLowest = -3e38;
static constexpr double kLog2e = 1.4426950408889634;

/// Queries of a head in a tile: whole groups, or parts of one, or one.
static int64_t queriesOf(BlockAttentionOp op) {
  if (!op.getBlocks())
    return maxQueries;
  int64_t group = op.getGroup().value_or(1), size = maxQueries;
  while (size >= 16 && group % size)
    size /= 2;
  return size >= 16 ? size : 1;
}

/// Heads of a tile: those that share keys and a row of the list, as many as fit.
static int64_t headsOf(BlockAttentionOp op) {
  if (!op.getBlocks())
    return 1;
  auto count = [](Value x) { return shapeOf(x.getType())[2]; };
  int64_t heads = maxQueries / queriesOf(op);
  while (count(op.getQuery()) / count(op.getKey()) % heads ||
         count(op.getQuery()) / count(op.getBlocks()) % heads)
    heads /= 2;
  return heads;
}

/// Whether queries are sorted by the blocks that they list: where a list is of one query
/// and few heads, a tile of them would be nobody's rows for the most part, and a block
/// is large enough to pay for what goes out and is merged.
static bool sortsQueries(BlockAttentionOp op) {
  if (!op.getBlocks() || op.getSegments() || op.getWindow() ||
      op.getGroup().value_or(1) != 1)
    return false;
  int64_t length = shapeOf(op.getQuery().getType())[1];
  return headsOf(op) < 8 && *op.getBlock() >= maxKeys &&
         (ShapedType::isDynamic(length) || length >= maxQueries);
}

/// Rows of a tile: those of heads' queries, and up to 16 nobody's.
static int64_t rowsOf(BlockAttentionOp op) {
  if (sortsQueries(op))
    return maxQueries;
  return std::max<int64_t>(queriesOf(op) * headsOf(op), 16);
}

int64_t routing::bytesOfTiles(BlockAttentionOp op, int64_t keys) {
  int64_t features = shapeOf(op.getQuery().getType()).back();
  int64_t values = shapeOf(op.getValue().getType()).back();
  return tile::bytesOfTiles({rowsOf(op), features}, 2) +
         tile::bytesOfTiles({2, keys, features}, 2) +
         tile::bytesOfTiles({2, keys, values}, 2);
}

int64_t routing::keysOfTiles(BlockAttentionOp op, int64_t sharedBytes) {
  int64_t keys = maxKeys;
  if (op.getBlock())
    keys = llvm::alignTo(std::min<int64_t>(*op.getBlock(), maxKeys), 16);
  while (keys && bytesOfTiles(op, keys) > sharedBytes)
    keys = keys / 32 * 16;
  return keys;
}

bool routing::hasKernel(BlockAttentionOp op, int64_t sharedBytes) {
  Type element = elementOf(op.getQuery().getType());
  int64_t features = shapeOf(op.getQuery().getType()).back();
  int64_t values = shapeOf(op.getValue().getType()).back();
  bool wide = op.getWindow() && !op.getCausal(); // beside a list: two intervals
  return (element.isBF16() || element.isF16()) &&
         elementOf(op.getKey().getType()) == element &&
         elementOf(op.getValue().getType()) == element && features > 0 &&
         features % 16 == 0 && values > 0 && values % 16 == 0 &&
         features / 4 + values / 2 <= maxRegisters && !op.getRelative() &&
         op.getScore().empty() && op.getFactor() > 0 &&
         !(op.getBlocks() && (wide || *op.getBlock() < 16)) &&
         keysOfTiles(op, sharedBytes) > 0;
}

//===----------------------------------------------------------------------===//
// Which keys
//===----------------------------------------------------------------------===//

/// The queries of a tile and their sequence; tiles do not cross sequences.
void AttentionKernel::findQueries(Value tile) {
  Value zero = e.index(0), size = e.index(queries);
  if (!table) {
    first = e.mul(tile, size);
    count = e.min(e.sub(length, first), size);
    firstKey = zero;
    keys = keyLength;
    Value offset = places ? e.loadIndex(places, batch) : e.sub(keyLength, length);
    position = e.add(first, offset);
    return;
  }
  // What is before the first offset, and after the last one, are sequences, too.
  Value one = e.index(1), entries = e.dim(table, 0);
  Values found = e.loop(zero, e.add(entries, one), 1, {zero, zero, zero, zero, zero},
                        [&](Value i, ValueRange now) {
    Value start = now[0], before = now[1];
    Value last = e.compare(Predicate::eq, i, entries);
    Value at = e.select(last, zero, i);
    Value end = e.choose(
        last, [&] { return Values{length}; },
        [&] { return Values{clamp(e.loadIndex(table, at), start, length)}; })[0];
    Value after = e.add(before, e.ceilDiv(e.sub(end, start), size));
    Value here = e.both(e.compare(Predicate::sle, before, tile), e.less(tile, after));
    Value from = e.add(start, e.mul(e.sub(tile, before), size));
    return Values{end, after, e.select(here, start, now[2]), e.select(here, end, now[3]),
                  e.select(here, from, now[4])};
  });
  firstKey = found[2];
  first = found[4];
  count = e.min(e.sub(found[3], first), size);
  keys = e.sub(found[3], firstKey);
  position = e.sub(first, firstKey);
}

Values AttentionKernel::interval(Values state) {
  Value zero = e.index(0), one = e.index(1), size = e.index(keysOfTile);
  Sight sight;
  Value from = zero, to = keys;
  if (op.getWindow()) {
    Value window = e.index(windowOf(op));
    sight.from = e.sub(e.add(position, one), window);
    from = clamp(sight.from, zero, keys);
    if (!op.getCausal()) {
      sight.to = e.add(position, window);
      to = clamp(e.sub(e.add(sight.to, count), one), from, keys);
    }
  }
  if (op.getCausal()) {
    sight.to = e.add(position, one);
    to = clamp(e.add(position, count), from, keys);
  }
  return walk({e.ceilDiv(e.sub(to, from), size),
               [&](Value i) { return e.add(from, e.mul(i, size)); },
               [&](Value) { return to; }},
              state, sight);
}

Values AttentionKernel::listed(Values state) {
  int64_t block = *op.getBlock(), each = llvm::divideCeil(block, keysOfTile);
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Value row = e.div(first, e.index(op.getGroup().value_or(1)));
  Value listHead = e.div(head, e.index(heads / shared));
  Value entries = e.loadIndex(counts, ValueRange{batch, row, listHead});
  // What no query of the tile sees is not read: a cache may hold anything there.
  Sight sight;
  Value last = keys;
  if (op.getCausal()) {
    sight.to = e.add(position, e.index(1 - windowOf(op)));
    last = e.min(keys, e.sub(e.add(sight.to, count), e.index(1)));
  }
  auto start = [&](Value i) {
    Value entry = e.div(i, e.index(each)), part = e.rem(i, e.index(each));
    Value at = e.loadIndex(chosen, ValueRange{batch, row, listHead, entry});
    return e.add(e.mul(at, e.index(block)), e.mul(part, e.index(keysOfTile)));
  };
  auto end = [&](Value start) {
    Value next = e.add(e.div(start, e.index(block)), e.index(1));
    return e.min(e.mul(next, e.index(block)), last);
  };
  return walk({e.mul(entries, e.index(each)), start, end}, state, sight);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value AttentionKernel::stage(Value ring, Value number) {
  auto type = cast<SharedType>(ring.getType());
  return tile::StageOp::create(e.b, e.loc, type.stage(), ring,
                               e.rem(number, e.index(type.stages())));
}

/// Asks for the tile that is `number` in the walk.
void AttentionKernel::fetch(Value number, Value start, Value end) {
  Value rows = e.sub(end, start), at = e.add(firstKey, start);
  for (auto [from, ring] : {std::pair(k, keyRing), std::pair(v, valueRing)})
    tile::CopyInOp::create(e.b, e.loc, from, ValueRange{batch, at, keyHead, e.index(0)},
                           rows, stage(ring, number), /*row_dim=*/1, /*col_dim=*/3,
                           /*reverse=*/false);
  tile::CommitOp::create(e.b, e.loc);
}

Values AttentionKernel::step(Value number, Value start, Value end, Sight sight,
                             ValueRange state) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  FragmentType scores = fragment(this->rows, keysOfTile, f32, Place::acc);
  FragmentType column = fragment(this->rows, 1, f32, Place::col);
  Value factor = tile::LoadOp::create(
      b, loc, fragment(this->rows, features, element, Place::lhs), queryTile, false, 0);
  Value s = tile::MmaOp::create(b, loc, scores, factor, stage(keyRing, number),
                                splat(0, scores), /*transpose=*/true, /*diagonal=*/0);
  // Where a query does not see all keys of the tile, or there are fewer.
  Value rows = e.sub(end, start), size = e.index(keysOfTile);
  Value edge = e.less(rows, size);
  auto bound = [&](Value from) {
    Value first = tile::SplatOp::create(b, loc, column, toNumber(from));
    return plus(first, numbers());
  };
  Value from, to;
  if (sight.ends)
    edge = arith::OrIOp::create(b, loc, edge,
                                e.less(e.sub(sight.least, start), size));
  if (sight.to) {
    Value relative = e.sub(sight.to, start);
    edge = arith::OrIOp::create(b, loc, edge, e.less(relative, size));
    to = relative;
  }
  if (sight.from) {
    Value relative = e.sub(sight.from, start);
    edge = arith::OrIOp::create(
        b, loc, edge, e.less(e.index(1 - queries), relative));
    from = relative;
  }
  // Bounds of a row's keys, and whether values that it does not see may be infinite.
  auto bounds = [&]() -> std::pair<Value, Value> {
    Value least = from ? bound(from) : splat(-1, column);
    Value most = tile::SplatOp::create(b, loc, column, toNumber(rows));
    if (to)
      most = arith::MinimumFOp::create(b, loc, bound(to), most);
    if (sight.ends) {
      Value before = e.sub(start, sight.origin);
      Value ends = minus(sight.ends,
                         tile::SplatOp::create(b, loc, column, toNumber(before)));
      most = arith::MinimumFOp::create(b, loc, ends, most);
    }
    return {least, most};
  };
  Value seen = stage(valueRing, number);
  auto masked =
      scf::IfOp::create(b, loc, TypeRange{scores, b.getI1Type()}, edge, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(masked.thenBlock());
    auto [least, most] = bounds();
    Value kept = tile::WithinOp::create(
        b, loc, s, least, most, e.number(f32, -std::numeric_limits<double>::infinity()));
    Value all = tile::FiniteOp::create(b, loc, seen);
    scf::YieldOp::create(b, loc, ValueRange{kept, all});
    b.setInsertionPointToStart(masked.elseBlock());
    Value fine = arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1);
    scf::YieldOp::create(b, loc, ValueRange{s, fine});
  }
  s = masked.getResult(0);
  // In powers of two.
  double scale = op.getFactor() * kLog2e;
  Value top = tile::ReduceOp::create(b, loc, column, /*max=*/true, s);
  Value maximum = larger(state[0], multiply(top, splat(scale, column)));
  Value shift = larger(maximum, splat(kLowest, column));
  Value rescale = power(minus(state[0], shift));
  Value negative = minus(splat(0, column), shift);
  Value p = power(math::FmaOp::create(b, loc, s, splat(scale, scores),
                                      spread(negative, keysOfTile))
                      .getResult());
  Value sum = plus(multiply(state[1], rescale),
                   tile::ReduceOp::create(b, loc, column, /*max=*/false, p));
  Value rounded = tile::CastOp::create(b, loc, scores.withElement(element), p);
  Value weights = tile::ConvertOp::create(
      b, loc, fragment(this->rows, keysOfTile, element, Place::lhs), rounded);
  Value total = multiply(state[2], spread(rescale, values));
  // Zero times what is not finite is not zero.
  auto product =
      scf::IfOp::create(b, loc, total.getType(), masked.getResult(1), /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(product.thenBlock());
    Value made = tile::MmaOp::create(b, loc, total.getType(), weights, seen, total,
                                     /*transpose=*/false, /*diagonal=*/0);
    scf::YieldOp::create(b, loc, made);
    b.setInsertionPointToStart(product.elseBlock());
    auto [least, most] = bounds();
    Value added = tile::AddSeenOp::create(b, loc, weights, seen, total, least, most);
    scf::YieldOp::create(b, loc, added);
  }
  return {maximum, sum, product.getResult(0)};
}

Values AttentionKernel::walk(const Walk &tiles, Values state, Sight sight) {
  Value zero = e.index(0), one = e.index(1);
  // After the last tile, one without keys.
  auto startOf = [&](Value i) {
    return e.choose(
        e.less(i, tiles.count), [&] { return Values{tiles.start(i)}; },
        [&] { return Values{keys}; })[0];
  };
  Value first = startOf(zero);
  fetch(zero, first, tiles.end(first));
  // Where a tile starts is read one tile before it is asked for.
  state.append({first, startOf(one)});
  state = e.loop(zero, tiles.count, 1, state, [&](Value i, ValueRange now) {
    tile::WaitOp::create(e.b, e.loc, 0);
    e.barrier();
    Value next = e.add(i, one);
    fetch(next, now[4], tiles.end(now[4]));
    Value later = startOf(e.add(next, one));
    Values made = step(i, now[3], tiles.end(now[3]), sight, now.take_front(3));
    made.append({now[4], later});
    return made;
  });
  tile::WaitOp::create(e.b, e.loc, 0);
  e.barrier();
  state.truncate(3);
  return state;
}

void AttentionKernel::allocate() {
  auto shared = [&](ArrayRef<int64_t> shape) -> Value {
    auto type = SharedType::get(e.b.getContext(), shape, element, false);
    return tile::AllocOp::create(e.b, e.loc, type);
  };
  queryTile = shared({rows, features});
  keyRing = shared({2, keysOfTile, features});
  valueRing = shared({2, keysOfTile, values});
}

/// Maximum, sum and values of no keys.
Values AttentionKernel::initial() {
  FragmentType column = fragment(rows, 1, f32, Place::col);
  return {splat(-std::numeric_limits<double>::infinity(), column), splat(0, column),
          splat(0, fragment(rows, values, f32, Place::acc))};
}

/// The weighted mean of the values, and the logarithm of the sum.
std::pair<Value, Value> AttentionKernel::finish(ValueRange state) {
  FragmentType column = fragment(rows, 1, f32, Place::col);
  // Nothing seen: 0 and -inf.  Else the sum is 1 or more.
  Value divisor = larger(state[1], splat(0.5, column));
  Value inverse = arith::DivFOp::create(e.b, e.loc, splat(1, column), divisor);
  Value logarithm = plus(multiply(state[0], splat(1 / kLog2e, column)),
                         math::LogOp::create(e.b, e.loc, state[1]).getResult());
  return {multiply(state[2], spread(inverse, values)), logarithm};
}

void AttentionKernel::body(Value block) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Value zero = e.index(0);
  // Neighbouring blocks read the same keys; of a causal triangle the longest are first.
  Value groups = e.index(heads / together);
  head = e.mul(e.rem(block, groups), e.index(together));
  Value rest = e.div(block, groups);
  Value tile = e.rem(rest, tiles);
  if (op.getCausal())
    tile = e.sub(e.sub(tiles, e.index(1)), tile);
  batch = e.div(rest, tiles);
  keyHead = e.div(head, e.index(heads / keyHeads));
  findQueries(tile);
  allocate();
  // Rows are along time, or along heads.
  int64_t alongRows = queries == 1 ? 2 : 1;
  if (queries == 1)
    tile::CopyInOp::create(b, loc, q, ValueRange{batch, first, head, zero}, e.index(together),
                           queryTile, alongRows, /*col_dim=*/3, /*reverse=*/false);
  for (int64_t i = 0; queries > 1 && i < together; ++i) {
    Value part = tile::RowsOp::create(
        b, loc, SharedType::get(b.getContext(), {queries, features}, element, false),
        queryTile, i * queries);
    tile::CopyInOp::create(
        b, loc, q, ValueRange{batch, first, e.add(head, e.index(i)), zero}, count, part,
        alongRows, /*col_dim=*/3, /*reverse=*/false);
  }
  Values state = initial();
  if (list)
    state = listed(state);
  if (!list || op.getWindow())
    state = interval(state);
  auto [result, logarithm] = finish(state);
  auto rowDim = b.getI64IntegerAttr(alongRows);
  IntegerAttr fold, foldDim;
  // There are more tiles than some packed sequences need.
  Value written = count;
  if (queries == 1)
    written = e.mul(count, e.index(together));
  if (queries > 1 && together > 1) {
    fold = b.getI64IntegerAttr(queries);
    foldDim = b.getI64IntegerAttr(2);
  }
  tile::WriteOp::create(b, loc, result, out, ValueRange{batch, first, head, zero}, written,
                        /*transpose=*/false, rowDim, fold, foldDim);
  tile::WriteOp::create(b, loc, logarithm, lse, ValueRange{batch, first, head}, written,
                        /*transpose=*/false, rowDim, fold, foldDim);
}

/// A merge that takes both results, alone, of queries that are merged anyway.
MergeOp routing::mergeOf(BlockAttentionOp op) {
  if (!sortsQueries(op) || !op.getOut().hasOneUse() || !op.getLse().hasOneUse())
    return {};
  auto merge = dyn_cast<MergeOp>(*op.getOut().getUsers().begin());
  if (!merge || *op.getLse().getUsers().begin() != merge ||
      elementOf(merge.getOut().getType()).isF64())
    return {};
  // It is the same part.
  auto outs = merge.getOuts(), lses = merge.getLses();
  for (auto [out, lse] : llvm::zip(outs, lses))
    if (out == op.getOut())
      return lse == op.getLse() ? merge : MergeOp();
  return {};
}

/// The merge's other parts, and its results in place of the operation's.
void AttentionKernel::bindMerge() {
  for (auto [x, l] : llvm::zip(merge.getOuts(), merge.getLses()))
    if (x != op.getOut())
      others.emplace_back(steps::readBuffer(e.b, e.loc, x), steps::readBuffer(e.b, e.loc, l));
  SmallVector<OpFoldResult> shape;
  for (unsigned d = 0; d < 3; ++d)
    shape.push_back(e.dim(q, d));
  SmallVector<OpFoldResult> outShape(shape);
  outShape.push_back(e.b.getIndexAttr(values));
  out = steps::writeBuffer(e.b, e.loc, merge.getOut(), outShape, mergeReplacements);
  lse = steps::writeBuffer(e.b, e.loc, merge.getLse(), shape, mergeReplacements);
}

void AttentionKernel::run() {
  OpBuilder &b = e.b;
  f32 = b.getF32Type();
  element = elementOf(op.getQuery().getType());
  bind(op, e);
  if (merge)
    bindMerge();
  queries = sortsQueries(op) ? maxQueries : queriesOf(op);
  together = headsOf(op);
  rows = rowsOf(op);
  bool tall = rows == maxQueries && features <= maxFeatures && values <= maxFeatures;
  warps = rows / (tall ? 32 : 16);
  if (list)
    order();
  if (sortsQueries(op)) {
    runSorted();
    if (merge) {
      steps::finishResults(b, merge, mergeReplacements);
      replacements.assign(2, {});
    }
    return steps::finishResults(b, op, replacements);
  }
  tiles = e.ceilDiv(length, e.index(queries));
  // A sequence has at most one tile that is not whole.
  if (table)
    tiles = e.add(tiles, e.add(e.dim(table, 0), e.index(1)));
  Value blocks =
      e.mul(e.mul(e.dim(q, 0), tiles), e.index(heads / together));
  e.launch(blocks, warps * warpLanes, bytesOfTiles(op, keysOfTile),
           [&](Value block, Value) { body(block); });
  steps::finishResults(b, op, replacements);
}

void routing::attentionToKernels(BlockAttentionOp op, OpBuilder &b,
                                 int64_t sharedBytes) {
  AttentionKernel(op, mergeOf(op), b, sharedBytes).run();
}
