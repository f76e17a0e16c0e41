// Routing Transformer: of queries that are the keys, each of 4 centroids a head takes its
// 16 nearest tokens; they attend causally to each other, to themselves only if to nobody
// else; a token that several centroids took gets the mean, one that none took 0.
// Roy et al., "Efficient Content-Based Sparse Attention with Routing Transformers", 2020.
// x, v: [b, t, 2, 32] f32; mu: [2, 4, 32] f32.

func.func @routing_transformer(%x: tensor<?x?x2x32xf32>, %v: tensor<?x?x2x32xf32>,
                               %mu: tensor<2x4x32xf32> {seqc.draw = "unit"}) -> tensor<?x?x2x32xf32>
    attributes {seqc.sizes = {b = 2, t = 61, n2 = 2, n3 = 61}, seqc.bench = {b = 8, t = 1024, n2 = 8, n3 = 1024}} {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x2x32xf32>
  %k = seqc.recurrence seq(%x : (b, t, h)) {
  ^step(%xt: tensor<32xf32>):
    %squares = seqc.einsum "d,d->"(%xt, %xt)
    %r = math.rsqrt %squares : f32
    %unit = seqc.einsum ",d->d"(%r, %xt)
    seqc.yield out(%unit)
  }
  %similarity, %rows, %inverse = seqc.assign %k to %mu cosine members(16)
  // The members' keys and values, and a batch of clusters.
  %from = tensor.expand_shape %rows [[0], [1], [2], [3, 4]] output_shape [%b, 2, 4, 16, 1]
      : tensor<?x2x4x16xi32> into tensor<?x2x4x16x1xi32>
  %k2 = tensor.collapse_shape %k [[0, 1, 2], [3]] : tensor<?x?x2x32xf32> into tensor<?x32xf32>
  %v2 = tensor.collapse_shape %v [[0, 1, 2], [3]] : tensor<?x?x2x32xf32> into tensor<?x32xf32>
  %k5 = seqc.combine %k2 by %from
  %v5 = seqc.combine %v2 by %from
  %k6 = tensor.expand_shape %k5 [[0], [1], [2], [3, 4], [5]] output_shape [%b, 2, 4, 16, 1, 32]
      : tensor<?x2x4x16x32xf32> into tensor<?x2x4x16x1x32xf32>
  %v6 = tensor.expand_shape %v5 [[0], [1], [2], [3, 4], [5]] output_shape [%b, 2, 4, 16, 1, 32]
      : tensor<?x2x4x16x32xf32> into tensor<?x2x4x16x1x32xf32>
  %kc = tensor.collapse_shape %k6 [[0, 1, 2], [3], [4], [5]] : tensor<?x2x4x16x1x32xf32> into tensor<?x16x1x32xf32>
  %vc = tensor.collapse_shape %v6 [[0, 1, 2], [3], [4], [5]] : tensor<?x2x4x16x1x32xf32> into tensor<?x16x1x32xf32>
  %o, %lse = seqc.block_attention q(%kc) k(%kc) v(%vc) causal {
  ^score(%s: f32, %i: index, %j: index, %h: index):
    %itself = arith.cmpi eq, %i, %j : index
    %last = arith.constant -5.0e4 : f32
    %r = arith.select %itself, %last, %s : f32
    seqc.yield out(%r)
  }
  %members = tensor.collapse_shape %o [[0, 1, 2], [3]] : tensor<?x16x1x32xf32> into tensor<?x32xf32>
  %y = seqc.combine %members by %inverse mean
  return %y : tensor<?x?x2x32xf32>
}
