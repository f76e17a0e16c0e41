//===- AttentionKernel.h - Attention on tensor cores ------------*- C++ -*-===//

#ifndef SEQC_PASSES_ROUTING_ATTENTIONKERNEL_H
#define SEQC_PASSES_ROUTING_ATTENTIONKERNEL_H

#include "Kernels.h"
#include "RouteOperands.h"

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace seqc::routing {

/// Queries of a tile.
inline constexpr int64_t maxQueries = 128;

/// Keys of a tile, as many as shared memory holds; 0 if that is none.
int64_t keysOfTiles(BlockAttentionOp op, int64_t sharedBytes);
/// Shared memory of a block whose tiles have so many keys.
int64_t bytesOfTiles(BlockAttentionOp op, int64_t keys);

class AttentionKernel : AttentionOperands {
public:
  /// `merge`: what the results go into, if the kernel does that, too.
  AttentionKernel(BlockAttentionOp op, MergeOp merge, mlir::OpBuilder &b, int64_t sharedBytes)
      : op(op), merge(merge), e(b, op.getLoc()), keysOfTile(keysOfTiles(op, sharedBytes)) {}
  void run();

private:
  /// A walk over tiles of keys: how many there are, the first key of the sequence that
  /// one holds by its number, and where the tile that starts at a key ends.
  struct Walk {
    Value count;
    std::function<Value(Value)> start, end;
  };
  /// Query r of the tile sees keys [from + r, to + r), or those before origin + ends[r],
  /// `least` the first of these; null: no bound.
  struct Sight {
    Value from, to;
    Value origin, ends, least;
  };
  void order();
  void body(Value block);
  void allocate();
  Values initial();
  std::pair<Value, Value> finish(mlir::ValueRange state);
  void findQueries(Value tile);
  void fetch(Value number, Value start, Value end);
  /// The state is maximum, sum and values.
  Values walk(const Walk &tiles, Values state, Sight sight);
  Values step(Value number, Value start, Value end, Sight sight, mlir::ValueRange state);
  Values interval(Values state);
  Values listed(Values state);
  Value stage(Value ring, Value number);

  tile::FragmentType fragment(int64_t rows, int64_t cols, mlir::Type type, tile::Place place) {
    return tile::FragmentType::get(e.b.getContext(), {rows, cols}, type, place, warps);
  }
  Value splat(double x, tile::FragmentType type) {
    return tile::SplatOp::create(e.b, e.loc, type, e.number(f32, x));
  }
  Value spread(Value column, int64_t cols) {
    return tile::BroadcastOp::create(e.b, e.loc,
                                     fragment(rows, cols, f32, tile::Place::acc), column);
  }
  Value larger(Value x, Value y) { return mlir::arith::MaximumFOp::create(e.b, e.loc, x, y); }
  Value multiply(Value x, Value y) { return mlir::arith::MulFOp::create(e.b, e.loc, x, y); }
  Value minus(Value x, Value y) { return mlir::arith::SubFOp::create(e.b, e.loc, x, y); }
  Value plus(Value x, Value y) { return mlir::arith::AddFOp::create(e.b, e.loc, x, y); }
  Value power(Value x) { return mlir::math::Exp2Op::create(e.b, e.loc, x); }
  /// The query of each row.
  Value numbers() {
    tile::FragmentType column = fragment(rows, 1, f32, tile::Place::col);
    if (queries == 1)
      return splat(0, column);
    Value row = tile::IotaOp::create(e.b, e.loc, column);
    if (rows == queries)
      return row;
    Value before = mlir::math::FloorOp::create(
        e.b, e.loc, multiply(row, splat(1. / queries, column)));
    return minus(row, multiply(before, splat(queries, column)));
  }
  Value clamp(Value x, Value from, Value to) { return e.min(e.max(x, from), to); }
  /// An index near zero as a number; far ones as what is far enough.
  Value toNumber(Value x) {
    x = clamp(x, e.index(-(1 << 20)), e.index(1 << 20));
    return mlir::arith::SIToFPOp::create(e.b, e.loc, f32, e.toWord(x));
  }

  // Queries sorted by the blocks of their lists: SortedAttention.cpp.
  void runSorted();
  void rankEntries();
  void layOutBlocks();
  void placeQueries();
  void sortedBody(Value block);
  void mergeParts();
  Value room(mlir::Type element, mlir::ValueRange sizes, int64_t last);

  void bindMerge();

  BlockAttentionOp op;
  MergeOp merge;
  Warps e;
  mlir::Type element, f32;
  // Of a tile: queries of a head, its heads, rows for all of them.
  int64_t keysOfTile, queries, together, rows, warps;
  // Of the list what counts: first entries of `chosen` [b, rows, heads, n], as many as
  // `counts` says.
  Value chosen, counts, tiles;
  // Of a block: its place; its first query and how many; keys of its sequence, the
  // first of them, and the position of its first query among them.
  Value batch, head, keyHead, first, count, keys, firstKey, position;
  Value queryTile, keyRing, valueRing;
  // Of sorted queries: a group is a batch element and a head of the list, which has so
  // many entries, in so many parts; blocks of keys, and tiles of a group at most.
  Value groups, entries, parts, blocks, mostTiles;
  // [group * part, block]: entries of earlier parts; [group, block]: all entries, and the
  // first row and tile; [group, tile]: the block, or -1.
  Value earlier, totals, firstRows, firstTiles, blockOf;
  // [b, row, list head, n]: the rank in the part, then the row; [group, row, 1]: keys of
  // the block that the query sees; [group * row]: the query; [b, h, row, ...]: results and
  // logarithms.
  Value ranks, sorted, seen, rowOf, partial, logarithms;
  /// Rows and logarithms that results are merged with.
  llvm::SmallVector<std::pair<Value, Value>> others;
  Values mergeReplacements;
};

} // namespace seqc::routing

#endif // SEQC_PASSES_ROUTING_ATTENTIONKERNEL_H
