// One token of mixture of block attention over a cache: the caller has put the token's key
// and value at its position p, and added the key to the sum of its block.  The token sees
// its own block up to p and the 2 earlier blocks whose mean key it likes best.
// Lu et al., "MoBA: Mixture of Block Attention for Long-Context LLMs", 2025.
// q: [b, 4, 32]; k, v: [b, blocks, 16, 2, 32]; sums: [b, blocks, 2, 32] f32; p: [b] i32.

#q = affine_map<(b, g, r, n, d) -> (b, g, r, d)>
#sum = affine_map<(b, g, r, n, d) -> (b, n, g, d)>
#score = affine_map<(b, g, r, n, d) -> (b, g, r, n)>
#id = affine_map<(b, h, n) -> (b, h, n)>
#at = affine_map<(b, h, n) -> (b)>
#id1 = affine_map<(b) -> (b)>

func.func @moba_step(%q: tensor<?x4x32xf32>, %kb: tensor<?x?x16x2x32xf32>, %vb: tensor<?x?x16x2x32xf32>,
                     %sums: tensor<?x?x2x32xf32>, %p: tensor<?xi32> {seqc.draw = "uniform(16,80)"}) -> tensor<?x4x32xf32>
    attributes {seqc.sizes = {b = 7, n1 = 5, n2 = 5}, seqc.bench = {b = 8, n1 = 512, n2 = 512}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : i32
  %zero = arith.constant 0.0 : f32
  %never = arith.constant 0xFF800000 : f32
  %b = tensor.dim %q, %c0 : tensor<?x4x32xf32>
  %n = tensor.dim %sums, %c1 : tensor<?x?x2x32xf32>
  %own0 = tensor.empty(%b) : tensor<?xi32>
  %own = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
      ins(%p : tensor<?xi32>) outs(%own0 : tensor<?xi32>) {
  ^one(%at: i32, %old: i32):
    %block = arith.divui %at, %c16 : i32
    linalg.yield %block : i32
  } -> tensor<?xi32>
  %q5 = tensor.expand_shape %q [[0], [1, 2], [3]] output_shape [%b, 2, 2, 32] : tensor<?x4x32xf32> into tensor<?x2x2x32xf32>
  %r0 = tensor.empty(%b, %n) : tensor<?x2x2x?xf32>
  %r1 = linalg.fill ins(%zero : f32) outs(%r0 : tensor<?x2x2x?xf32>) -> tensor<?x2x2x?xf32>
  %r2 = linalg.generic {indexing_maps = [#q, #sum, #score],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q5, %sums : tensor<?x2x2x32xf32>, tensor<?x?x2x32xf32>) outs(%r1 : tensor<?x2x2x?xf32>) {
  ^one(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x?xf32>
  %s2 = tensor.collapse_shape %r2 [[0], [1, 2], [3]] : tensor<?x2x2x?xf32> into tensor<?x4x?xf32>
  %s0 = tensor.empty(%b, %n) : tensor<?x4x?xf32>
  %s = linalg.generic {indexing_maps = [#id, #at, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s2, %own : tensor<?x4x?xf32>, tensor<?xi32>) outs(%s0 : tensor<?x4x?xf32>) {
  ^one(%x: f32, %mine: i32, %old: f32):
    %i = linalg.index 2 : index
    %block = arith.index_cast %i : index to i32
    %earlier = arith.cmpi slt, %block, %mine : i32
    %r = arith.select %earlier, %x, %never : f32
    linalg.yield %r : f32
  } -> tensor<?x4x?xf32>
  %w, %picks3 = seqc.topk 2 of %s
  %picks = tensor.expand_shape %picks3 [[0, 1], [2], [3]] output_shape [%b, 1, 4, 2] : tensor<?x4x2xi32> into tensor<?x1x4x2xi32>
  %list = tensor.expand_shape %own [[0, 1, 2, 3]] output_shape [%b, 1, 1, 1] : tensor<?xi32> into tensor<?x1x1x1xi32>
  %q4 = tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [%b, 1, 4, 32] : tensor<?x4x32xf32> into tensor<?x1x4x32xf32>
  %k = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x?x2x32xf32>
  %v = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<?x?x16x2x32xf32> into tensor<?x?x2x32xf32>
  %near, %l0 = seqc.block_attention q(%q4) k(%k) v(%v) blocks(%list) at(%p) block(16) causal
  %far, %l1 = seqc.block_attention q(%q4) k(%k) v(%v) blocks(%picks) at(%p) block(16) causal
  %o4, %lse = seqc.merge (%near, %l0), (%far, %l1)
  %o = tensor.collapse_shape %o4 [[0, 1], [2], [3]] : tensor<?x1x4x32xf32> into tensor<?x4x32xf32>
  return %o : tensor<?x4x32xf32>
}
