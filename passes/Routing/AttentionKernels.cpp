//===- AttentionKernels.cpp - Attention on tensor cores -------------------===//
//
// A block has a tile of queries of one head.  It walks over tiles of keys with the
// running maximum and sum of each query and the weighted values:
//
//   S = Q K^T,   m' = max(m, rows' maximum of S),   P = 2^(c S - m')
//   l = l 2^(m - m') + rows' sum of P,   O = O 2^(m - m') + P V
//
// c is the scale in powers of two.  A left factor comes from registers: S, rounded, is
// the factor of V as it lies.  Each query sees an interval of the keys of a tile, which
// is looked at only in tiles where some query does not see all.  Tiles are those of an
// interval of keys, and those of listed blocks, which a kernel before puts in order:
// without the absent, the repeated, and those that no query of the group sees.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "../Lowering/Steps/Buffers.h"

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Predicate = arith::CmpIPredicate;
using Value = mlir::Value;
using tile::FragmentType;
using tile::Place;
using tile::SharedType;

/// Queries and keys of a tile.
static constexpr int64_t maxQueries = 128, maxKeys = 64;
/// Registers of a lane for a query's features and values, of 16 rows a warp.
static constexpr int64_t maxRegisters = 112;
/// Stands for -inf where it is subtracted.
static constexpr double kLowest = -3e38;
static constexpr double kLog2e = 1.4426950408889634;

/// Queries of a tile: whole groups, or parts of one.
static int64_t queriesOf(BlockAttentionOp op) {
  if (!op.getBlocks())
    return maxQueries;
  int64_t group = op.getGroup().value_or(1), size = maxQueries;
  while (size >= 16 && group % size)
    size /= 2;
  return size;
}

bool routing::hasKernel(BlockAttentionOp op) {
  Type element = elementOf(op.getQuery().getType());
  int64_t features = shapeOf(op.getQuery().getType()).back();
  int64_t values = shapeOf(op.getValue().getType()).back();
  bool wide = op.getWindow() && !op.getCausal(); // beside a list: two intervals
  return (element.isBF16() || element.isF16()) &&
         elementOf(op.getKey().getType()) == element &&
         elementOf(op.getValue().getType()) == element && features > 0 &&
         features % 16 == 0 && values > 0 && values % 16 == 0 &&
         features / 4 + values / 2 <= maxRegisters && !op.getRelative() &&
         op.getScore().empty() && op.getFactor() > 0 && queriesOf(op) >= 16 &&
         !(op.getBlocks() && (wide || *op.getBlock() < 16 || op.getSegments()));
}

namespace {

class AttentionKernel {
public:
  AttentionKernel(BlockAttentionOp op, OpBuilder &b) : op(op), e(b, op.getLoc()) {}
  void run();

private:
  /// Keys [start, end) of the sequence: what a tile of keys holds.
  struct Tile {
    Value start, end;
  };
  /// Query r of the tile sees keys [from + r, to + r); null: no bound.
  struct Sight {
    Value from, to;
  };
  void order();
  void body(Value block);
  void findQueries(Value tile);
  void fetch(Value number, Tile tile);
  /// Walks over `count` tiles of keys; the state is maximum, sum and values.
  Values walk(Value count, Values state, Sight sight,
              llvm::function_ref<Tile(Value)> tileAt);
  Values step(Value number, Tile tile, Sight sight, ValueRange state);
  Values interval(Values state);
  Values listed(Values state);
  Value stage(Value ring, Value number);

  FragmentType fragment(int64_t rows, int64_t cols, Type type, Place place) {
    return FragmentType::get(e.b.getContext(), {rows, cols}, type, place, warps);
  }
  Value splat(double x, FragmentType type) {
    return tile::SplatOp::create(e.b, e.loc, type, e.number(f32, x));
  }
  Value spread(Value column, int64_t cols) {
    return tile::BroadcastOp::create(e.b, e.loc,
                                     fragment(queries, cols, f32, Place::acc), column);
  }
  Value larger(Value x, Value y) { return arith::MaximumFOp::create(e.b, e.loc, x, y); }
  Value multiply(Value x, Value y) { return arith::MulFOp::create(e.b, e.loc, x, y); }
  Value minus(Value x, Value y) { return arith::SubFOp::create(e.b, e.loc, x, y); }
  Value plus(Value x, Value y) { return arith::AddFOp::create(e.b, e.loc, x, y); }
  Value power(Value x) { return math::Exp2Op::create(e.b, e.loc, x); }
  Value clamp(Value x, Value from, Value to) { return e.min(e.max(x, from), to); }
  /// An index near zero as a number; far ones as what is far enough.
  Value toNumber(Value x) {
    x = clamp(x, e.index(-(1 << 20)), e.index(1 << 20));
    return arith::SIToFPOp::create(e.b, e.loc, f32, e.toWord(x));
  }

  BlockAttentionOp op;
  Warps e;
  Type element, f32;
  int64_t queries, keysOfTile, warps, features, values, heads, keyHeads;
  // q [b, t, h, d], k and v [b, s, g, ...], list [b, rows, heads, n], and of it what
  // counts: first entries of `chosen` [b, rows, heads, n], as many as `counts` says.
  Value q, k, v, list, chosen, counts, table, places, out, lse;
  Value length, keyLength, tiles;
  // Of a block: its place; its first query and how many; keys of its sequence, the
  // first of them, and the position of its first query among them.
  Value batch, head, keyHead, first, count, keys, firstKey, position;
  Value queryTile, keyRing, valueRing;
};

} // namespace

//===----------------------------------------------------------------------===//
// Which keys
//===----------------------------------------------------------------------===//

/// Puts the entries of each row of the list in order.
void AttentionKernel::order() {
  auto type = cast<MemRefType>(list.getType());
  int64_t listHeads = type.getDimSize(2);
  Value zero = e.index(0), one = e.index(1), n = e.dim(list, 3);
  Value rows = e.dim(list, 1), heads = e.index(listHeads);
  Value size = e.index(*op.getBlock()), group = e.index(op.getGroup().value_or(1));
  chosen = e.scratch(e.b.getI32Type(), {e.dim(list, 0), rows, heads, n});
  counts = e.scratch(e.b.getI32Type(), {e.dim(list, 0), rows, heads});
  Value blocks = e.ceilDiv(keyLength, size);
  e.parallel(e.mul(e.mul(e.dim(list, 0), rows), heads), [&](Value i) {
    Value head = e.rem(i, heads), rest = e.div(i, heads);
    Value row = e.rem(rest, rows), batch = e.div(rest, rows);
    // The end of what the group's last query sees.
    Value end = keyLength;
    if (op.getCausal()) {
      Value offset = places ? e.loadIndex(places, batch) : e.sub(keyLength, length);
      end = e.add(e.min(e.mul(e.add(row, one), group), length), offset);
      if (op.getWindow())
        end = e.sub(end, e.index(*op.getWindow()));
    }
    Value count = e.loop(zero, n, 1, {zero}, [&](Value j, ValueRange count) {
      Value block = e.loadIndex(list, ValueRange{batch, row, head, j});
      Value before = e.loop(zero, count[0], 1, {zero}, [&](Value i, ValueRange found) {
        Value same = e.compare(
            Predicate::eq, e.loadIndex(chosen, ValueRange{batch, row, head, i}), block);
        return Values{e.select(same, one, found[0])};
      })[0];
      Value is = e.both(e.compare(Predicate::sge, block, zero), e.less(block, blocks));
      is = e.both(is, e.compare(Predicate::eq, before, zero));
      is = e.both(is, e.less(e.mul(e.select(is, block, zero), size), end));
      e.when(is, [&] {
        e.store(block, chosen, ValueRange{batch, row, head, count[0]});
      });
      return Values{e.select(is, e.add(count[0], one), count[0])};
    })[0];
    e.store(count, counts, ValueRange{batch, row, head});
  });
}

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
    Value window = e.index(*op.getWindow());
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
  return walk(e.ceilDiv(e.sub(to, from), size), state, sight, [&](Value i) {
    Value start = e.add(from, e.mul(i, size));
    return Tile{start, to};
  });
}

Values AttentionKernel::listed(Values state) {
  int64_t block = *op.getBlock(), each = llvm::divideCeil(block, keysOfTile);
  int64_t shared = cast<MemRefType>(list.getType()).getDimSize(2);
  Value row = e.div(first, e.index(op.getGroup().value_or(1)));
  Value listHead = e.div(head, e.index(heads / shared));
  Value entries = e.loadIndex(counts, ValueRange{batch, row, listHead});
  Sight sight;
  if (op.getCausal())
    sight.to = e.add(position, e.index(1 - op.getWindow().value_or(0)));
  return walk(e.mul(entries, e.index(each)), state, sight, [&](Value i) {
    Value entry = e.div(i, e.index(each)), part = e.rem(i, e.index(each));
    Value at = e.loadIndex(chosen, ValueRange{batch, row, listHead, entry});
    Value from = e.mul(at, e.index(block));
    return Tile{e.add(from, e.mul(part, e.index(keysOfTile))),
                e.min(e.add(from, e.index(block)), keys)};
  });
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
void AttentionKernel::fetch(Value number, Tile keys) {
  Value rows = e.sub(keys.end, keys.start), at = e.add(firstKey, keys.start);
  for (auto [from, ring] : {std::pair(k, keyRing), std::pair(v, valueRing)})
    tile::CopyInOp::create(e.b, e.loc, from, ValueRange{batch, at, keyHead, e.index(0)},
                           rows, stage(ring, number), /*row_dim=*/1, /*col_dim=*/3,
                           /*reverse=*/false);
  tile::CommitOp::create(e.b, e.loc);
}

Values AttentionKernel::step(Value number, Tile keys, Sight sight, ValueRange state) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  FragmentType scores = fragment(queries, keysOfTile, f32, Place::acc);
  FragmentType column = fragment(queries, 1, f32, Place::col);
  Value factor = tile::LoadOp::create(
      b, loc, fragment(queries, features, element, Place::lhs), queryTile, false, 0);
  Value s = tile::MmaOp::create(b, loc, scores, factor, stage(keyRing, number),
                                splat(0, scores), /*transpose=*/true, /*diagonal=*/0);
  // Where a query does not see all keys of the tile, or there are fewer.
  Value rows = e.sub(keys.end, keys.start), size = e.index(keysOfTile);
  Value edge = e.less(rows, size);
  Value numbers = tile::IotaOp::create(b, loc, column);
  auto bound = [&](Value from) {
    Value first = tile::SplatOp::create(b, loc, column, toNumber(from));
    return plus(first, numbers);
  };
  Value from, to;
  if (sight.to) {
    Value relative = e.sub(sight.to, keys.start);
    edge = arith::OrIOp::create(b, loc, edge, e.less(relative, size));
    to = relative;
  }
  if (sight.from) {
    Value relative = e.sub(sight.from, keys.start);
    edge = arith::OrIOp::create(
        b, loc, edge, e.less(e.index(1 - queries), relative));
    from = relative;
  }
  auto masked = scf::IfOp::create(b, loc, TypeRange{scores}, edge, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(masked.thenBlock());
    Value least = from ? bound(from) : splat(-1, column);
    Value most = tile::SplatOp::create(b, loc, column, toNumber(rows));
    if (to)
      most = arith::MinimumFOp::create(b, loc, bound(to), most);
    Value kept = tile::WithinOp::create(
        b, loc, s, least, most, e.number(f32, -std::numeric_limits<double>::infinity()));
    scf::YieldOp::create(b, loc, kept);
    b.setInsertionPointToStart(masked.elseBlock());
    scf::YieldOp::create(b, loc, s);
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
      b, loc, fragment(queries, keysOfTile, element, Place::lhs), rounded);
  Value total = multiply(state[2], spread(rescale, values));
  total = tile::MmaOp::create(b, loc, total.getType(), weights, stage(valueRing, number),
                              total, /*transpose=*/false, /*diagonal=*/0);
  return {maximum, sum, total};
}

Values AttentionKernel::walk(Value count, Values state, Sight sight,
                             llvm::function_ref<Tile(Value)> tileAt) {
  Value zero = e.index(0), one = e.index(1);
  auto next = [&](Value i) {
    Values bounds = e.choose(
        e.less(i, count),
        [&] {
          Tile tile = tileAt(i);
          return Values{tile.start, tile.end};
        },
        [&] { return Values{zero, zero}; });
    return Tile{bounds[0], bounds[1]};
  };
  Tile now = next(zero);
  fetch(zero, now);
  state.append({now.start, now.end});
  state = e.loop(zero, count, 1, state, [&](Value i, ValueRange now) {
    tile::WaitOp::create(e.b, e.loc, 0);
    e.barrier();
    Value after = e.add(i, one);
    Tile following = next(after);
    fetch(after, following);
    Values made = step(i, {now[3], now[4]}, sight, now.take_front(3));
    made.append({following.start, following.end});
    return made;
  });
  tile::WaitOp::create(e.b, e.loc, 0);
  e.barrier();
  state.truncate(3);
  return state;
}

void AttentionKernel::body(Value block) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Value zero = e.index(0);
  // Neighbouring blocks read the same keys; of a causal triangle the longest are first.
  head = e.rem(block, e.index(heads));
  Value rest = e.div(block, e.index(heads));
  Value tile = e.rem(rest, tiles);
  if (op.getCausal())
    tile = e.sub(e.sub(tiles, e.index(1)), tile);
  batch = e.div(rest, tiles);
  keyHead = e.div(head, e.index(heads / keyHeads));
  findQueries(tile);
  auto shared = [&](ArrayRef<int64_t> shape) -> Value {
    return tile::AllocOp::create(b, loc, SharedType::get(b.getContext(), shape, element, false));
  };
  queryTile = shared({queries, features});
  keyRing = shared({2, keysOfTile, features});
  valueRing = shared({2, keysOfTile, values});
  tile::CopyInOp::create(b, loc, q, ValueRange{batch, first, head, zero}, count, queryTile,
                         /*row_dim=*/1, /*col_dim=*/3, /*reverse=*/false);
  FragmentType column = fragment(queries, 1, f32, Place::col);
  Values state{splat(-std::numeric_limits<double>::infinity(), column), splat(0, column),
               splat(0, fragment(queries, values, f32, Place::acc))};
  if (list)
    state = listed(state);
  if (!list || op.getWindow())
    state = interval(state);
  // Nothing seen: 0 and -inf.  Else the sum is 1 or more.
  Value divisor = larger(state[1], splat(0.5, column));
  Value inverse = arith::DivFOp::create(b, loc, splat(1, column), divisor);
  Value result = multiply(state[2], spread(inverse, values));
  auto rowDim = b.getI64IntegerAttr(1);
  tile::WriteOp::create(b, loc, result, out, ValueRange{batch, first, head, zero}, count,
                        /*transpose=*/false, rowDim);
  Value logarithm = plus(multiply(state[0], splat(1 / kLog2e, column)),
                         math::LogOp::create(b, loc, state[1]).getResult());
  tile::WriteOp::create(b, loc, logarithm, lse, ValueRange{batch, first, head}, count,
                        /*transpose=*/false, rowDim);
}

void AttentionKernel::run() {
  OpBuilder &b = e.b;
  f32 = b.getF32Type();
  element = elementOf(op.getQuery().getType());
  bool packed = bool(op.getSegments());
  // Packed sequences are one batch element.
  auto view = [&](Value buffer) {
    return packed ? e.grouped(buffer, {0, 0, 1, 2}) : buffer;
  };
  Value query = steps::readBuffer(b, e.loc, op.getQuery());
  q = view(query);
  k = view(steps::readBuffer(b, e.loc, op.getKey()));
  v = view(steps::readBuffer(b, e.loc, op.getValue()));
  if (op.getBlocks())
    list = steps::readBuffer(b, e.loc, op.getBlocks());
  if (op.getAt())
    places = steps::readBuffer(b, e.loc, op.getAt());
  if (packed)
    table = steps::readBuffer(b, e.loc, op.getSegments());
  heads = cast<MemRefType>(q.getType()).getDimSize(2);
  features = cast<MemRefType>(q.getType()).getDimSize(3);
  keyHeads = cast<MemRefType>(k.getType()).getDimSize(2);
  values = cast<MemRefType>(v.getType()).getDimSize(3);
  queries = queriesOf(op);
  warps = queries / 16;
  keysOfTile = maxKeys;
  if (list)
    keysOfTile = std::min<int64_t>(maxKeys, llvm::alignTo(*op.getBlock(), 16));
  SmallVector<OpFoldResult> shape;
  unsigned rank = cast<MemRefType>(query.getType()).getRank();
  for (unsigned d = 0; d + 1 < rank; ++d)
    shape.push_back(e.dim(query, d));
  Values replacements;
  SmallVector<OpFoldResult> outShape(shape);
  outShape.push_back(b.getIndexAttr(values));
  out = view(steps::writeBuffer(b, e.loc, op.getOut(), outShape, replacements));
  lse = steps::writeBuffer(b, e.loc, op.getLse(), shape, replacements);
  if (packed)
    lse = e.grouped(lse, {0, 0, 1});
  length = e.dim(q, 1);
  keyLength = e.dim(k, 1);
  if (list)
    order();
  tiles = e.ceilDiv(length, e.index(queries));
  // A sequence has at most one tile that is not whole.
  if (table)
    tiles = e.add(tiles, e.add(e.dim(table, 0), e.index(1)));
  int64_t bytes = tile::bytesOfTiles({queries, features}, 2) +
                  tile::bytesOfTiles({2, keysOfTile, features}, 2) +
                  tile::bytesOfTiles({2, keysOfTile, values}, 2);
  Value blocks = e.mul(e.mul(e.dim(q, 0), tiles), e.index(heads));
  e.launch(blocks, queries * 2, bytes, [&](Value block, Value) { body(block); });
  steps::finishResults(b, op, replacements);
}

void routing::attentionToKernels(BlockAttentionOp op, OpBuilder &b) {
  AttentionKernel(op, b).run();
}
