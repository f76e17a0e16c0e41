// Native sparse attention: three branches with gates.  Compressed: softmax over the means of
// completed blocks of 16 keys and values.  Selected: the query's own block and the 2
// earlier ones of largest probability, summed over the 4 heads that share keys.  Window:
// the last 24 keys.
// Yuan et al., "Native Sparse Attention", 2025.
// q: [b, n, 4, 32]; k, v: [b, blocks, 16, 32], so that n = 16 blocks; gc, gs, gw: [b, n, 4].

#q = affine_map<(b, t, h, n, d) -> (b, t, h, d)>
#mean = affine_map<(b, t, h, n, d) -> (b, n, d)>
#score = affine_map<(b, t, h, n, d) -> (b, t, h, n)>
#vmean = affine_map<(b, t, h, d, n) -> (b, n, d)>
#vprob = affine_map<(b, t, h, d, n) -> (b, t, h, n)>
#vout = affine_map<(b, t, h, d, n) -> (b, t, h, d)>
#block = affine_map<(b, n, d, i) -> (b, n, i, d)>
#sum = affine_map<(b, n, d, i) -> (b, n, d)>
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>
#row = affine_map<(a, b, c, d) -> (a, b, c)>
#id3 = affine_map<(a, b, c) -> (a, b, c)>
#heads = affine_map<(b, t, n, h) -> (b, t, h, n)>
#shared = affine_map<(b, t, n, h) -> (b, t, n)>

func.func @nsa(%q: tensor<?x?x4x32xf32>, %k: tensor<?x?x16x32xf32>, %v: tensor<?x?x16x32xf32>,
               %gc: tensor<?x?x4xf32> {seqc.draw = "sigmoid"}, %gs: tensor<?x?x4xf32> {seqc.draw = "sigmoid"},
               %gw: tensor<?x?x4xf32> {seqc.draw = "sigmoid"}) -> tensor<?x?x4x32xf32>
    attributes {seqc.sizes = {b = 2, n = 80, n2 = 5}, seqc.bench = {b = 1, n = 2048, n2 = 128}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %share = arith.constant 0.0625 : f32
  %scale = arith.constant 0.17677669529663687 : f32
  %never = arith.constant 0xFF800000 : f32
  %b = tensor.dim %q, %c0 : tensor<?x?x4x32xf32>
  %t = tensor.dim %q, %c1 : tensor<?x?x4x32xf32>
  %n = tensor.dim %k, %c1 : tensor<?x?x16x32xf32>
  // Means of the blocks.
  %m0 = tensor.empty(%b, %n) : tensor<?x?x32xf32>
  %m1 = linalg.fill ins(%zero : f32) outs(%m0 : tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %kmean = linalg.generic {indexing_maps = [#block, #sum], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%k : tensor<?x?x16x32xf32>) outs(%m1 : tensor<?x?x32xf32>) {
  ^one(%x: f32, %acc: f32):
    %p = arith.mulf %x, %share : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x32xf32>
  %vmean = linalg.generic {indexing_maps = [#block, #sum], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%v : tensor<?x?x16x32xf32>) outs(%m1 : tensor<?x?x32xf32>) {
  ^one(%x: f32, %acc: f32):
    %p = arith.mulf %x, %share : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x32xf32>
  // Compressed attention to the blocks that a query has all of.
  %s0 = tensor.empty(%b, %t, %n) : tensor<?x?x4x?xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?x?x4x?xf32>) -> tensor<?x?x4x?xf32>
  %s2 = linalg.generic {indexing_maps = [#q, #mean, #score],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %kmean : tensor<?x?x4x32xf32>, tensor<?x?x32xf32>) outs(%s1 : tensor<?x?x4x?xf32>) {
  ^one(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x?xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s2 : tensor<?x?x4x?xf32>) outs(%s0 : tensor<?x?x4x?xf32>) {
  ^one(%x: f32, %old: f32):
    %at = linalg.index 1 : index
    %block = linalg.index 3 : index
    %after = arith.addi %at, %c1 : index
    %complete = arith.divui %after, %c16 : index
    %is = arith.cmpi ult, %block, %complete : index
    %y = arith.mulf %x, %scale : f32
    %r = arith.select %is, %y, %never : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x?xf32>
  %r0 = tensor.empty(%b, %t) : tensor<?x?x4xf32>
  %top0 = linalg.fill ins(%never : f32) outs(%r0 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %top = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%s : tensor<?x?x4x?xf32>) outs(%top0 : tensor<?x?x4xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.maximumf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4xf32>
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %top : tensor<?x?x4x?xf32>, tensor<?x?x4xf32>) outs(%s0 : tensor<?x?x4x?xf32>) {
  ^one(%x: f32, %m: f32, %old: f32):
    %empty = arith.cmpf oeq, %m, %never : f32
    %shift = arith.select %empty, %zero, %m : f32
    %d = arith.subf %x, %shift : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x?xf32>
  %sum0 = linalg.fill ins(%zero : f32) outs(%r0 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%e : tensor<?x?x4x?xf32>) outs(%sum0 : tensor<?x?x4xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.addf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4xf32>
  %prob = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<?x?x4x?xf32>, tensor<?x?x4xf32>) outs(%s0 : tensor<?x?x4x?xf32>) {
  ^one(%x: f32, %l: f32, %old: f32):
    %empty = arith.cmpf oeq, %l, %zero : f32
    %by = arith.select %empty, %one, %l : f32
    %r = arith.divf %x, %by : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x?xf32>
  %o0 = tensor.empty(%b, %t) : tensor<?x?x4x32xf32>
  %o1 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?x?x4x32xf32>) -> tensor<?x?x4x32xf32>
  %compressed = linalg.generic {indexing_maps = [#vprob, #vmean, #vout],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%prob, %vmean : tensor<?x?x4x?xf32>, tensor<?x?x32xf32>) outs(%o1 : tensor<?x?x4x32xf32>) {
  ^one(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x32xf32>
  // The heads' probabilities choose among the blocks before the query's own.
  %i0 = tensor.empty(%b, %t, %n) : tensor<?x?x?xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%i0 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %i2 = linalg.generic {indexing_maps = [#heads, #shared], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%prob : tensor<?x?x4x?xf32>) outs(%i1 : tensor<?x?x?xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.addf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x?x?xf32>
  %importance = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%i2 : tensor<?x?x?xf32>) outs(%i0 : tensor<?x?x?xf32>) {
  ^one(%x: f32, %old: f32):
    %at = linalg.index 1 : index
    %block = linalg.index 2 : index
    %own = arith.divui %at, %c16 : index
    %is = arith.cmpi ult, %block, %own : index
    %r = arith.select %is, %x, %never : f32
    linalg.yield %r : f32
  } -> tensor<?x?x?xf32>
  %w, %picks = seqc.topk 2 of %importance
  %l0 = tensor.empty(%b, %t) : tensor<?x?x1x3xi32>
  %own = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%l0 : tensor<?x?x1x3xi32>) {
  ^one(%old: i32):
    %at = linalg.index 1 : index
    %block = arith.divui %at, %c16 : index
    %r = arith.index_cast %block : index to i32
    linalg.yield %r : i32
  } -> tensor<?x?x1x3xi32>
  %picks4 = tensor.expand_shape %picks [[0], [1], [2, 3]] output_shape [%b, %t, 1, 2] : tensor<?x?x2xi32> into tensor<?x?x1x2xi32>
  %list = tensor.insert_slice %picks4 into %own[0, 0, 0, 0] [%b, %t, 1, 2] [1, 1, 1, 1] : tensor<?x?x1x2xi32> into tensor<?x?x1x3xi32>
  %s16 = arith.muli %n, %c16 : index
  %k3 = tensor.collapse_shape %k [[0], [1, 2], [3]] : tensor<?x?x16x32xf32> into tensor<?x?x32xf32>
  %v3 = tensor.collapse_shape %v [[0], [1, 2], [3]] : tensor<?x?x16x32xf32> into tensor<?x?x32xf32>
  %k4 = tensor.expand_shape %k3 [[0], [1], [2, 3]] output_shape [%b, %s16, 1, 32] : tensor<?x?x32xf32> into tensor<?x?x1x32xf32>
  %v4 = tensor.expand_shape %v3 [[0], [1], [2, 3]] output_shape [%b, %s16, 1, 32] : tensor<?x?x32xf32> into tensor<?x?x1x32xf32>
  %selected, %lse0 = seqc.block_attention q(%q) k(%k4) v(%v4) blocks(%list) block(16) causal
  %near, %lse1 = seqc.block_attention q(%q) k(%k4) v(%v4) window(24) causal
  %o = linalg.generic {indexing_maps = [#id, #id, #id, #row, #row, #row, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%compressed, %selected, %near, %gc, %gs, %gw : tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>,
          tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) outs(%o0 : tensor<?x?x4x32xf32>) {
  ^one(%c: f32, %x: f32, %y: f32, %wc: f32, %ws: f32, %ww: f32, %old: f32):
    %pc = arith.mulf %c, %wc : f32
    %ps = arith.mulf %x, %ws : f32
    %pw = arith.mulf %y, %ww : f32
    %cs = arith.addf %pc, %ps : f32
    %r = arith.addf %cs, %pw : f32
    linalg.yield %r : f32
  } -> tensor<?x?x4x32xf32>
  return %o : tensor<?x?x4x32xf32>
}
