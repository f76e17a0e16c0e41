// Centroids follow the tokens that are nearest to them: the unit mean of each cluster, by a
// moving average; a centroid without tokens stays where it is.
// Roy et al., "Efficient Content-Based Sparse Attention with Routing Transformers", 2020.
// x: [t, 32] f32; mu: [12, 32] f32.

func.func @centroid_update(%x: tensor<?x32xf32>, %mu: tensor<12x32xf32> {seqc.draw = "unit"}) -> tensor<12x32xf32>
    attributes {seqc.sizes = {t = 45}, seqc.bench = {t = 65536}} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x32xf32>
  %k = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: tensor<32xf32>):
    %squares = seqc.einsum "d,d->"(%xt, %xt)
    %r = math.rsqrt %squares : f32
    %unit = seqc.einsum ",d->d"(%r, %xt)
    seqc.yield out(%unit)
  }
  %similarity, %nearest = seqc.assign %k to %mu cosine
  %picks = tensor.expand_shape %nearest [[0, 1]] output_shape [%n, 1] : tensor<?xi32> into tensor<?x1xi32>
  %rows, %perm, %inv, %cu = seqc.dispatch %picks experts(12) tokens(%k)
  %zero = arith.constant dense<0.0> : tensor<32xf32>
  %o, %sums = seqc.recurrence seq(%rows : (t)) carry(%zero : ()) segments(%cu : (s)) {
  ^step(%kt: tensor<32xf32>, %s: tensor<32xf32>):
    %next = arith.addf %s, %kt : tensor<32xf32>
    seqc.yield out(%next) carry(%next)
  }
  %new = seqc.recurrence seq(%mu, %sums : (t)) {
  ^step(%old: tensor<32xf32>, %st: tensor<32xf32>):
    %none = arith.constant 0.0 : f32
    %decay = arith.constant 0.999 : f32
    %rest = arith.constant 0.001 : f32
    %squares = seqc.einsum "d,d->"(%st, %st)
    %empty = arith.cmpf oeq, %squares, %none : f32
    %r = math.rsqrt %squares : f32
    %mean = seqc.einsum ",d->d"(%r, %st)
    %kept = seqc.einsum ",d->d"(%decay, %old)
    %more = seqc.einsum ",d->d"(%rest, %mean)
    %moved = arith.addf %kept, %more : tensor<32xf32>
    %is = tensor.splat %empty : tensor<32xi1>
    %y = arith.select %is, %old, %moved : tensor<32xi1>, tensor<32xf32>
    seqc.yield out(%y)
  }
  return %new : tensor<12x32xf32>
}
