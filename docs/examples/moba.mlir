// Mixture of block attention: a query attends causally to its own block of 16 keys and to
// the 2 earlier blocks whose mean key it likes best; the two parts are merged.
// Lu et al., "MoBA: Mixture of Block Attention for Long-Context LLMs", 2025.
// q: [b, t, 4, 32]; k, v: [b, blocks, 16, 2, 32] f32, so that s = 16 blocks.

#q = affine_map<(b, t, g, r, n, d) -> (b, t, g, r, d)>
#mean = affine_map<(b, t, g, r, n, d) -> (b, g, d, n)>
#score = affine_map<(b, t, g, r, n, d) -> (b, t, g, r, n)>
#block = affine_map<(b, n, g, d, i) -> (b, n, i, g, d)>
#sum = affine_map<(b, n, g, d, i) -> (b, g, d, n)>
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>

func.func @moba(%q: tensor<?x?x4x32xf32>, %kb: tensor<?x?x16x2x32xf32>, %vb: tensor<?x?x16x2x32xf32>)
    -> tensor<?x?x4x32xf32>
    attributes {seqc.sizes = {b = 2, t = 80, n2 = 5}, seqc.bench = {b = 1, t = 2048, n2 = 128}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %never = arith.constant 0xFF800000 : f32
  %b = tensor.dim %q, %c0 : tensor<?x?x4x32xf32>
  %t = tensor.dim %q, %c1 : tensor<?x?x4x32xf32>
  %n = tensor.dim %kb, %c1 : tensor<?x?x16x2x32xf32>
  // Sums of the blocks' keys order them as the means do; blocks are last, as in the scores.
  %sums0 = tensor.empty(%b, %n) : tensor<?x2x32x?xf32>
  %sums1 = linalg.fill ins(%zero : f32) outs(%sums0 : tensor<?x2x32x?xf32>) -> tensor<?x2x32x?xf32>
  %sums = linalg.generic {indexing_maps = [#block, #sum],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%kb : tensor<?x?x16x2x32xf32>) outs(%sums1 : tensor<?x2x32x?xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.addf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x2x32x?xf32>
  %q5 = tensor.expand_shape %q [[0], [1], [2, 3], [4]] output_shape [%b, %t, 2, 2, 32]
      : tensor<?x?x4x32xf32> into tensor<?x?x2x2x32xf32>
  %r0 = tensor.empty(%b, %t, %n) : tensor<?x?x2x2x?xf32>
  %r1 = linalg.fill ins(%zero : f32) outs(%r0 : tensor<?x?x2x2x?xf32>) -> tensor<?x?x2x2x?xf32>
  %r2 = linalg.generic {indexing_maps = [#q, #mean, #score],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q5, %sums : tensor<?x?x2x2x32xf32>, tensor<?x2x32x?xf32>) outs(%r1 : tensor<?x?x2x2x?xf32>) {
  ^one(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x2x2x?xf32>
  %s2 = tensor.collapse_shape %r2 [[0], [1], [2, 3], [4]] : tensor<?x?x2x2x?xf32> into tensor<?x?x4x?xf32>
  %s0 = tensor.empty(%b, %t, %n) : tensor<?x?x4x?xf32>
  // Only blocks before the query's own.
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s2 : tensor<?x?x4x?xf32>) outs(%s0 : tensor<?x?x4x?xf32>) {
  ^one(%x: f32, %old: f32):
    %at = linalg.index 1 : index
    %block = linalg.index 3 : index
    %own = arith.divui %at, %c16 : index
    %earlier = arith.cmpi ult, %block, %own : index
    %r = arith.select %earlier, %x, %never : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x?xf32>
  %w, %picks = seqc.topk 2 of %s
  %o0 = tensor.empty(%b, %t) : tensor<?x?x1x1xi32>
  %own = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%o0 : tensor<?x?x1x1xi32>) {
  ^one(%old: i32):
    %at = linalg.index 1 : index
    %block = arith.divui %at, %c16 : index
    %r = arith.index_cast %block : index to i32
    linalg.yield %r : i32
  } -> tensor<?x?x1x1xi32>
  %k = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x?x2x32xf32>
  %v = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x?x2x32xf32>
  %near, %l0 = seqc.block_attention q(%q) k(%k) v(%v) blocks(%own) block(16) causal
  %far, %l1 = seqc.block_attention q(%q) k(%k) v(%v) blocks(%picks) block(16) causal
  %o, %lse = seqc.merge (%near, %l0), (%far, %l1)
  return %o : tensor<?x?x4x32xf32>
}
