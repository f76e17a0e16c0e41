//===- RoutingOps.td - Sparse routing of tokens and keys ---*- tablegen -*-===//
//
// Included by SeqOps.td.  Constraints are numbered by operation (T topk, N assign,
// P dispatch, C combine, B block_attention, M merge).
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_DIALECTS_SEQ_ROUTINGOPS_TD
#define SEQC_DIALECTS_SEQ_ROUTINGOPS_TD

def Seq_SoftmaxKind : I32EnumAttr<"SoftmaxKind", "where scores become probabilities", [
    I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"before", 1>,
    I32EnumAttrCase<"after", 2>]> {
  let cppNamespace = "::seqc";
  let genSpecializedAttr = 0;
}
def Seq_SoftmaxKindAttr : EnumAttr<Seq_Dialect, Seq_SoftmaxKind, "softmax_kind">;

/// An operation whose result types follow from operands and attributes.
class Seq_InferredOp<string mnemonic, list<Trait> traits = []>
    : Seq_Op<mnemonic, traits # [
        Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Seq_TopkOp : Seq_InferredOp<"topk"> {
  let summary = "The k largest scores of every row, with weights";
  let description = [{
    `seqc.topk 2 of %s softmax(before) normalize` picks along the last dimension,
    in descending order; equal scores (0 and -0 are) go to the lower index first.
    NaN is above +inf, as for argmax.  A score of -inf is no candidate: where fewer
    than k candidates are left, the pick is -1 and its weight 0.

    Results are the weights (f32, f64 of f64 scores) and the indices (i32).  The
    weight of a pick is its score, with `softmax(before)` its probability among the
    whole row, with `softmax(after)` among the picks; `normalize` then divides by
    the sum of the picks' weights.

    The adjoint passes through the weights; indices are constants.

    Constraints:
    * T1: scores are a tensor of floats of rank 1 or more.
    * T2: k is 1 to 64, and at most the row's length where that is static.

    Example:
    ```mlir
    func.func @gate(%s: tensor<?x16xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>) {
      %w, %i = seqc.topk 2 of %s softmax(before) normalize
      return %w, %i : tensor<?x2xf32>, tensor<?x2xi32>
    }
    ```
  }];
  let arguments = (ins AnyType:$scores, I64Attr:$k,
      DefaultValuedAttr<Seq_SoftmaxKindAttr, "SoftmaxKind::none">:$softmax,
      UnitAttr:$normalize);
  let results = (outs AnyType:$weights, AnyType:$indices);
}

def Seq_AssignOp : Seq_InferredOp<"assign"> {
  let summary = "Nearest centroids of vectors, or the nearest vectors of centroids";
  let description = [{
    `seqc.assign %x to %mu cosine` gives every vector its nearest centroid: of
    x [..., n, h, d] and centroids [h, c, d], the similarity and the index, both
    [..., n, h]; heads have centroids of their own, and may be missing in both.

    With `members(w)` every centroid takes its w nearest of the n vectors, whoever else
    takes them (Roy et al., "Efficient Content-Based Sparse Attention with Routing
    Transformers", 2020).  Results are then [..., h, c, w]: similarities, and a
    permutation that a gather takes, the vector of each member as (b N + n) H + h, in
    ascending order; and [..., n, h, c]: its inverse for `seqc.combine`, the member
    ((b H + h) C + c) w + j that a vector is of each centroid, or -1.  Of fewer than w
    candidates the last members are -1, with similarity 0.

    The similarity is the inner product, with `cosine` of the vectors over their lengths;
    a vector of length 0 has similarity 0; squares of lengths have to be finite.  Equal similarities go to the lower index, NaN
    is above +inf and -inf is no candidate, as in `seqc.topk`.  Similarities are f32
    (f64 if an operand is).

    The adjoint passes through the similarities; indices are constants.

    Constraints:
    * N1: centroids are a tensor of floats [c, d] or [h, c, d], static and not empty.
    * N2: x is a tensor of floats that ends in n, the centroids' heads and their
      features, static but for n and at most one dimension before it.
    * N3: there are at most 4096 centroids and 1 to 65536 members.

    Example:
    ```mlir
    func.func @nearest(%x: tensor<?x?x2x8xf32>, %mu: tensor<2x5x8xf32>)
        -> (tensor<?x?x2xf32>, tensor<?x?x2xi32>) {
      %s, %i = seqc.assign %x to %mu cosine
      return %s, %i : tensor<?x?x2xf32>, tensor<?x?x2xi32>
    }
    ```
  }];
  let arguments = (ins AnyType:$vectors, AnyType:$centroids, UnitAttr:$cosine,
      OptionalAttr<I64Attr>:$members);
  let results = (outs AnyType:$similarity, AnyType:$indices, Optional<AnyType>:$inverse);
}

def Seq_DispatchOp : Seq_InferredOp<"dispatch"> {
  let summary = "Sorts tokens by expert into packed segments";
  let description = [{
    `seqc.dispatch %picks experts(8) tokens(%x)`: picks are [n, k] or [b, n, k], the
    experts that each token goes to.  Slot (b, n, j) is pick j of a token.  A stable
    counting sort orders the slots by (batch, expert, position n, j) into rows.

    Results, with m = b n k rows: for every operand of `tokens`, [b, n, ...], the
    packed rows [m, ...] (a token once for each slot); the permutation [m], the slot
    of each row, as ((b N) + n) k + j; its inverse, of the picks' shape, the row of
    each slot; the offsets of the segments (b, expert), a table for `segments`: b
    experts + 1 entries.

    With `capacity(c)` an expert keeps the first c slots of a batch element and -1 is
    a pick that goes nowhere.  Slots that are dropped fill the rows at the end, in
    order; those rows are zero, their permutation and inverse is -1, and the table has
    one more entry: the last segment is theirs.

    Picks outside of the range are an error of the caller; they are dropped.  The
    adjoint is a `seqc.combine` without weights.

    Constraints:
    * P1: picks are a rank-2 or rank-3 tensor of i32.
    * P2: a tokens operand is a tensor with the picks' dimensions but the last, then
      static ones.
    * P3: experts are 1 to 4096; the capacity is not negative.
    * P4: picks have a static number of columns.
    * P5: picks of a `seqc.topk` are among at most as many scores as there are experts,
      where that is static.

    Example:
    ```mlir
    func.func @sort(%x: tensor<9x4xf32>, %i: tensor<9x1xi32>)
        -> (tensor<9x4xf32>, tensor<3xi32>) {
      %p, %perm, %inv, %cu = seqc.dispatch %i experts(2) tokens(%x)
      return %p, %cu : tensor<9x4xf32>, tensor<3xi32>
    }
    ```
  }];
  let arguments = (ins AnyType:$picks, Variadic<AnyType>:$tokens, I64Attr:$experts,
      OptionalAttr<I64Attr>:$capacity);
  let hasCanonicalizer = 1;
  let results = (outs Variadic<AnyType>:$packed, AnyType:$permutation,
      AnyType:$inverse, AnyType:$offsets);
}

def Seq_CombineOp : Seq_InferredOp<"combine"> {
  let summary = "Gathers each token's rows and sums them";
  let description = [{
    `seqc.combine %rows by %inverse weights(%w)`: y[b, n] = sum over j of
    w[b, n, j] rows[inverse[b, n, j]], in the order of j; an inverse of -1 adds
    nothing.  Without `weights` every weight is 1; `mean` divides by the number of
    rows that were added (0 gives 0).  Sums are f32 (f64 of f64 rows), the result has
    the rows' element type.

    It gathers, so that it needs no atomic operation and is the same at every run.
    The adjoint of the rows is a `seqc.dispatch` by the same inverse.

    Constraints:
    * C1: rows are a tensor [m, ...] of floats, all but m static.
    * C2: the inverse is a tensor of i32 of rank 2 or more, its last size static.
    * C3: weights are a tensor of floats of the inverse's shape.

    Example:
    ```mlir
    func.func @gather(%r: tensor<?x4xf32>, %inv: tensor<?x2xi32>) -> tensor<?x4xf32> {
      %y = seqc.combine %r by %inv mean
      return %y : tensor<?x4xf32>
    }
    ```
  }];
  let arguments = (ins AnyType:$rows, AnyType:$inverse, Optional<AnyType>:$weights,
      UnitAttr:$mean);
  let hasCanonicalizer = 1;
  let results = (outs AnyType:$result);
}

def Seq_BlockAttentionOp : Seq_InferredOp<"block_attention", [AttrSizedOperandSegments]> {
  let summary = "Softmax attention to listed blocks of keys and a window";
  let description = [{
    `seqc.block_attention q(%q) k(%k) v(%v) blocks(%list) block(64) window(128) causal`:
    q is [b, t, h, d], k is [b, s, g, d] and v [b, s, g, e]; query head i reads key
    head i / (h / g).  With `segments(%cu)` sequences are packed: q is [t, h, d], k
    and v [t, g, ...], and blocks count from the start of their segment.

    A query sees a key if the key's block, of `block` tokens, is in the query's
    list, or if the key is in the window: fewer than `window` positions away.  `causal`
    takes away keys after the query's position.  Queries are the last t of the s
    positions, or with `at(%p)` those from p[b] on: keys are a cache with room after them.
    Without a list and a window every key is seen.  The list is i32,
    [b, ceil(t / group), g', n]; `group` consecutive queries, and h / g' heads, share
    a row of it.  -1 lists nothing, a block listed twice, or in the window, counts once;
    other values outside of the sequence are an error of the caller, and list nothing.

    The score of a key is scale q . k; the scale is 1 / sqrt(d) unless given.
    `relative(%e)`, e [r, g'', d], adds scale q . e[c - (i - j)] for positions i of the
    query and j of the key, where there is such a row: c, the row of distance 0, is r - 1
    if `causal`, else (r - 1) / 2 (Shaw et al., 2018; in the order of Huang et al., "Music
    Transformer", 2018, whose skewing is this index).  A region then gives the score from
    that score, i, j and the query head; a score of -inf hides the key.

    Results, in f32 (f64 if an operand is): out [b, t, h, e], the mean of the values
    weighted by exp(score), and lse [b, t, h], the logarithm of the sum of
    those weights.  A query that sees nothing gets 0 and -inf.

    The adjoint needs q, k, v, out and lse; the list is constant.

    Constraints:
    * B1: q, k, v are tensors of floats, of rank 4, or 3 with segments, and agree in
      batch, key length and key heads; head counts and features are static.
    * B2: the key heads, and the list's, divide the query heads.
    * B3: the list is a tensor of i32 of q's rank, its last two sizes static; a list
      needs a `block` size, and the reverse.
    * B4: block, window and group are positive; segments go without a group.
    * B5: the segment table is a rank-1 tensor of i32 or i64 with an entry or more.
    * B6: the relative rows are a tensor of floats [r, g'', d], static, with q's
      features; g'' divides the query heads.
    * B7: `at` is a tensor of i32 or i64, [b], and goes without segments.
    * B8: the score region takes the score (of the results' element), i, j and the head
      (index), yields one `out`, a score, and holds scalar operations of arith and math;
      values from above are scalars.

    Example:
    ```mlir
    func.func @local(%q: tensor<?x?x4x16xf32>, %k: tensor<?x?x2x16xf32>,
                     %v: tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32> {
      %o, %lse = seqc.block_attention q(%q) k(%k) v(%v) window(5) causal {
      ^score(%s: f32, %i: index, %j: index, %h: index):
        %same = arith.cmpi eq, %i, %j : index
        %less = arith.constant -2.0 : f32
        %r = arith.select %same, %less, %s : f32
        seqc.yield out(%r)
      }
      return %o : tensor<?x?x4x8xf32>
    }
    ```
  }];
  let arguments = (ins AnyType:$query, AnyType:$key, AnyType:$value,
      Optional<AnyType>:$relative, Optional<AnyType>:$blocks,
      Optional<AnyType>:$segments, Optional<AnyType>:$at, OptionalAttr<I64Attr>:$block, OptionalAttr<I64Attr>:$window,
      OptionalAttr<I64Attr>:$group, OptionalAttr<F64Attr>:$scale, UnitAttr:$causal);
  let results = (outs AnyType:$out, AnyType:$lse);
  let regions = (region MaxSizedRegion<1>:$score);
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The factor of q . k.
    double getFactor();
    /// The row of `relative` for distance 0.
    int64_t getNearestRow();
  }];
}

def Seq_MergeOp : Seq_InferredOp<"merge", [SameVariadicOperandSize]> {
  let summary = "Merges attention over disjoint sets of keys";
  let description = [{
    `seqc.merge (%o1, %l1), (%o2, %l2)`: lse is the logarithm of the sum of exp(l),
    out the sum of o exp(l - lse).  A part whose l is -inf is empty and adds nothing;
    if all are, out is 0 and lse -inf.

    Results have the elements of the first pair.  The operation is associative and
    commutative up to rounding.

    Constraints:
    * M1: there is a pair or more; o and l are tensors of floats, and l has the
      dimensions of o but the last.
    * M2: all pairs have the same shapes and elements.

    Example:
    ```mlir
    func.func @two(%o: tensor<?x8xf32>, %l: tensor<?xf32>, %p: tensor<?x8xf32>,
                   %m: tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?xf32>) {
      %r, %lse = seqc.merge (%o, %l), (%p, %m)
      return %r, %lse : tensor<?x8xf32>, tensor<?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$outs, Variadic<AnyType>:$lses);
  let results = (outs AnyType:$out, AnyType:$lse);
}

#endif // SEQC_DIALECTS_SEQ_ROUTINGOPS_TD
