// Combiner, fixed pattern: a query attends to the keys of its own block of 16 directly, and
// to every completed block through one key, the mean, and one value, an attention of the
// block's mean query over the block; both are parts of one softmax.
// Ren et al., "Combiner: Full Attention Transformer with Sparse Computation Cost", 2021.
// q, k, v: [b, n, 16, 2, 32] f32, n blocks.

func.func @combiner(%q: tensor<?x?x16x2x32xf32>, %k: tensor<?x?x16x2x32xf32>, %v: tensor<?x?x16x2x32xf32>)
    -> tensor<?x?x16x2x32xf32>
    attributes {seqc.sizes = {b = 2, t = 5}, seqc.bench = {b = 1, t = 256}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %never = arith.constant 0xFF800000 : f32
  %b = tensor.dim %q, %c0 : tensor<?x?x16x2x32xf32>
  %n = tensor.dim %q, %c1 : tensor<?x?x16x2x32xf32>
  %t = arith.muli %n, %c16 : index
  // A token is a block.
  %kmean, %vmean = seqc.recurrence seq(%q, %k, %v : (b, t)) {
  ^step(%qb: tensor<16x2x32xf32>, %kb: tensor<16x2x32xf32>, %vb: tensor<16x2x32xf32>):
    %share = arith.constant dense<0.0625> : tensor<16xf32>
    %ones = arith.constant dense<1.0> : tensor<16xf32>
    %scale = arith.constant 0.17677669529663687 : f32
    %qm = seqc.einsum "i,ihd->hd"(%share, %qb)
    %km = seqc.einsum "i,ihd->hd"(%share, %kb)
    %l = seqc.einsum ",hd,ihd->hi"(%scale, %qm, %kb)
    %top = seqc.reduce max %l over 1
    %tops = seqc.einsum "h,i->hi"(%top, %ones)
    %d = arith.subf %l, %tops : tensor<2x16xf32>
    %e = math.exp %d : tensor<2x16xf32>
    %sum = seqc.reduce add %e over 1
    %one = arith.constant dense<1.0> : tensor<2xf32>
    %inv = arith.divf %one, %sum : tensor<2xf32>
    %vm = seqc.einsum "h,hi,ihd->hd"(%inv, %e, %vb)
    seqc.yield out(%km, %vm)
  }
  %q4 = tensor.collapse_shape %q [[0, 1], [2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x16x2x32xf32>
  %k4 = tensor.collapse_shape %k [[0, 1], [2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x16x2x32xf32>
  %v4 = tensor.collapse_shape %v [[0, 1], [2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x16x2x32xf32>
  %near4, %ln3 = seqc.block_attention q(%q4) k(%k4) v(%v4) causal
  %near = tensor.expand_shape %near4 [[0, 1], [2], [3], [4]] output_shape [%b, %n, 16, 2, 32] : tensor<?x16x2x32xf32> into tensor<?x?x16x2x32xf32>
  %ln = tensor.expand_shape %ln3 [[0, 1], [2], [3]] output_shape [%b, %n, 16, 2] : tensor<?x16x2xf32> into tensor<?x?x16x2xf32>
  // Positions count back from the last of n keys: query i of t is at i + n - t.
  %shift = arith.subi %t, %n : index
  %qs = tensor.collapse_shape %q [[0], [1, 2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x?x2x32xf32>
  %far4, %lf3 = seqc.block_attention q(%qs) k(%kmean) v(%vmean) {
  ^score(%s: f32, %at: index, %block: index, %h: index):
    %i = arith.addi %at, %shift : index
    %own = arith.divui %i, %c16 : index
    %complete = arith.cmpi ult, %block, %own : index
    %r = arith.select %complete, %s, %never : f32
    seqc.yield out(%r)
  }
  %far = tensor.expand_shape %far4 [[0], [1, 2], [3], [4]] output_shape [%b, %n, 16, 2, 32] : tensor<?x?x2x32xf32> into tensor<?x?x16x2x32xf32>
  %lf = tensor.expand_shape %lf3 [[0], [1, 2], [3]] output_shape [%b, %n, 16, 2] : tensor<?x?x2xf32> into tensor<?x?x16x2xf32>
  %o, %lse = seqc.merge (%near, %ln), (%far, %lf)
  return %o : tensor<?x?x16x2x32xf32>
}
