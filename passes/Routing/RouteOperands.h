//===- RouteOperands.h - Operands and results of routes, bound --*- C++ -*-===//
//
// What loops and kernels start from alike: operands to read and results to write, as
// memrefs with their dimensions joined.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_ROUTING_ROUTEOPERANDS_H
#define SEQC_PASSES_ROUTING_ROUTEOPERANDS_H

#include "Loops.h"

#include "../Lowering/Steps/Buffers.h"

namespace seqc::routing {

/// Scores, weights and indices as [row, ...]; `source` are the scores as they come.
struct TopkOperands {
  Value source, scores, weights, indices;
  /// Of the results, for `steps::finishResults`; the same below.
  Values replacements;

  void bind(TopkOp op, Loops &e);
};

/// x [vector, h, d], centroids [h, c, d]; results as [vector, h], or, of members, as
/// [row, member] with a row for each batch element, head and centroid.
struct AssignOperands {
  Value x, mu, best, indices;
  /// Of members, as [vector, h, c]; null where it has no use.
  Value inverse;
  /// Vectors of a batch element.
  Value tokens;
  mlir::Type element, keyType;
  int64_t heads = 1, centroids = 0, features = 0;
  Values replacements;

  void bind(AssignOp op, Loops &e);
};

/// Rows [row, value] and their logarithms of sums [row]; what is computed with.
struct MergeOperands {
  Values outs, lses;
  Value out, lse;
  /// The first part's rows and the result as they come.
  Value from, to;
  mlir::Type element;
  Values replacements;

  void bind(MergeOp op, Loops &e);
};

struct DispatchOperands {
  /// Picks as they come; picks and inverse as [batch, slot].
  Value source, picks, inverse, permutation, offsets;
  /// One for each of the operation's tokens.
  Values packed;
  /// Sizes; without batches there is one batch element.
  Value batches, slots, experts, segments, rows;
  Values replacements;

  void bind(DispatchOp op, Loops &e);
  /// Calls `move(tokens, packed, features)` for all tokens, as they come.
  void eachTokens(DispatchOp op, Loops &e,
                  llvm::function_ref<void(Value, Value, int64_t)> move);
  /// Tokens as [token, feature].
  Value joined(DispatchOp op, Loops &e, Value tokens);
};

struct CombineOperands {
  /// Rows and the result as they come, and as [row, features].
  Value from, to, rows, result;
  /// As [token, column]; weights may be null.
  Value inverse, weights;
  mlir::Type element;
  int64_t columns = 0, features = 1;
  Values replacements;

  void bind(CombineOp op, Loops &e);
};

/// Packed sequences are one batch element.
struct AttentionOperands {
  int64_t features = 0, values = 0, heads = 0, keyHeads = 0;
  /// q [b, t, h, d], k and v [b, s, g, ...], list [b, rows, heads, n]; what the
  /// operation does not have is null.
  Value q, k, v, relative, list, table, places, out, lse;
  Value length, keyLength;
  Values replacements;

  void bind(BlockAttentionOp op, Loops &e);
};

} // namespace seqc::routing

#endif // SEQC_PASSES_ROUTING_ROUTEOPERANDS_H
