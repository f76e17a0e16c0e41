// One token of native sparse attention over a cache: the caller has put the token's key and
// value at its position p, and the means of blocks that are complete beside them.
// Yuan et al., "Native Sparse Attention", 2025.
// q: [b, 4, 32]; k, v: [b, blocks, 16, 32]; km, vm: [b, blocks, 32]; gc, gs, gw: [b, 4]; p: [b] i32.

#q = affine_map<(b, h, n, d) -> (b, h, d)>
#mean = affine_map<(b, h, n, d) -> (b, n, d)>
#score = affine_map<(b, h, n, d) -> (b, h, n)>
#vmean = affine_map<(b, h, d, n) -> (b, n, d)>
#vprob = affine_map<(b, h, d, n) -> (b, h, n)>
#vout = affine_map<(b, h, d, n) -> (b, h, d)>
#id = affine_map<(a, b, c) -> (a, b, c)>
#row = affine_map<(a, b, c) -> (a, b)>
#at = affine_map<(a, b, c) -> (a)>
#heads = affine_map<(b, n, h) -> (b, h, n)>
#shared = affine_map<(b, n, h) -> (b, n)>
#id2 = affine_map<(b, n) -> (b, n)>
#at2 = affine_map<(b, n) -> (b)>
#at4 = affine_map<(b, t, h, n) -> (b)>
#id4 = affine_map<(b, t, h, n) -> (b, t, h, n)>

func.func @nsa_step(%q: tensor<?x4x32xf32>, %k: tensor<?x?x16x32xf32>, %v: tensor<?x?x16x32xf32>, %km: tensor<?x?x32xf32>,
                    %vm: tensor<?x?x32xf32>, %gc: tensor<?x4xf32> {seqc.draw = "sigmoid"}, %gs: tensor<?x4xf32> {seqc.draw = "sigmoid"},
                    %gw: tensor<?x4xf32> {seqc.draw = "sigmoid"}, %p: tensor<?xi32> {seqc.draw = "uniform(16,80)"}) -> tensor<?x4x32xf32>
    attributes {seqc.sizes = {n = 7, n1 = 5, n2 = 5}, seqc.bench = {n = 8, n1 = 512, n2 = 512}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %zero = arith.constant 0.0 : f32
  %unit = arith.constant 1.0 : f32
  %scale = arith.constant 0.17677669529663687 : f32
  %never = arith.constant 0xFF800000 : f32
  %b = tensor.dim %q, %c0 : tensor<?x4x32xf32>
  %n = tensor.dim %km, %c1 : tensor<?x?x32xf32>
  %t0 = tensor.empty(%b, %n) : tensor<?x4x?xf32>
  %t1 = linalg.fill ins(%zero : f32) outs(%t0 : tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  %dots = linalg.generic {indexing_maps = [#q, #mean, #score], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %km : tensor<?x4x32xf32>, tensor<?x?x32xf32>) outs(%t1 : tensor<?x4x?xf32>) {
  ^one(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x4x?xf32>
  // Only complete blocks.
  %s = linalg.generic {indexing_maps = [#id, #at, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dots, %p : tensor<?x4x?xf32>, tensor<?xi32>) outs(%t0 : tensor<?x4x?xf32>) {
  ^one(%x: f32, %at: i32, %old: f32):
    %i = linalg.index 2 : index
    %block = arith.index_cast %i : index to i32
    %after = arith.addi %at, %one : i32
    %complete = arith.divui %after, %c16 : i32
    %is = arith.cmpi slt, %block, %complete : i32
    %y = arith.mulf %x, %scale : f32
    %r = arith.select %is, %y, %never : f32
    linalg.yield %r : f32
  } -> tensor<?x4x?xf32>
  %r0 = tensor.empty(%b) : tensor<?x4xf32>
  %top0 = linalg.fill ins(%never : f32) outs(%r0 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %top = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s : tensor<?x4x?xf32>) outs(%top0 : tensor<?x4xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.maximumf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x4xf32>
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %top : tensor<?x4x?xf32>, tensor<?x4xf32>) outs(%t0 : tensor<?x4x?xf32>) {
  ^one(%x: f32, %m: f32, %old: f32):
    %empty = arith.cmpf oeq, %m, %never : f32
    %shift = arith.select %empty, %zero, %m : f32
    %d = arith.subf %x, %shift : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<?x4x?xf32>
  %sum0 = linalg.fill ins(%zero : f32) outs(%r0 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%e : tensor<?x4x?xf32>) outs(%sum0 : tensor<?x4xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.addf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x4xf32>
  %prob = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<?x4x?xf32>, tensor<?x4xf32>) outs(%t0 : tensor<?x4x?xf32>) {
  ^one(%x: f32, %l: f32, %old: f32):
    %empty = arith.cmpf oeq, %l, %zero : f32
    %by = arith.select %empty, %unit, %l : f32
    %r = arith.divf %x, %by : f32
    linalg.yield %r : f32
  } -> tensor<?x4x?xf32>
  %o0 = tensor.empty(%b) : tensor<?x4x32xf32>
  %o1 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  %compressed = linalg.generic {indexing_maps = [#vprob, #vmean, #vout], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%prob, %vm : tensor<?x4x?xf32>, tensor<?x?x32xf32>) outs(%o1 : tensor<?x4x32xf32>) {
  ^one(%x: f32, %y: f32, %acc: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x4x32xf32>
  %i0 = tensor.empty(%b, %n) : tensor<?x?xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%i0 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %i2 = linalg.generic {indexing_maps = [#heads, #shared], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%prob : tensor<?x4x?xf32>) outs(%i1 : tensor<?x?xf32>) {
  ^one(%x: f32, %acc: f32):
    %r = arith.addf %acc, %x : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %importance = linalg.generic {indexing_maps = [#id2, #at2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%i2, %p : tensor<?x?xf32>, tensor<?xi32>) outs(%i0 : tensor<?x?xf32>) {
  ^one(%x: f32, %at: i32, %old: f32):
    %i = linalg.index 1 : index
    %block = arith.index_cast %i : index to i32
    %own = arith.divui %at, %c16 : i32
    %is = arith.cmpi slt, %block, %own : i32
    %r = arith.select %is, %x, %never : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %w, %picks = seqc.topk 2 of %importance
  %l0 = tensor.empty(%b) : tensor<?x1x1x3xi32>
  %own4 = linalg.generic {indexing_maps = [#at4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p : tensor<?xi32>) outs(%l0 : tensor<?x1x1x3xi32>) {
  ^one(%at: i32, %old: i32):
    %block = arith.divui %at, %c16 : i32
    linalg.yield %block : i32
  } -> tensor<?x1x1x3xi32>
  %picks4 = tensor.expand_shape %picks [[0, 1, 2], [3]] output_shape [%b, 1, 1, 2] : tensor<?x2xi32> into tensor<?x1x1x2xi32>
  %list = tensor.insert_slice %picks4 into %own4[0, 0, 0, 0] [%b, 1, 1, 2] [1, 1, 1, 1] : tensor<?x1x1x2xi32> into tensor<?x1x1x3xi32>
  %bn = tensor.dim %k, %c1 : tensor<?x?x16x32xf32>
  %size = arith.constant 16 : index
  %s16 = arith.muli %bn, %size : index
  %k3 = tensor.collapse_shape %k [[0], [1, 2], [3]] : tensor<?x?x16x32xf32> into tensor<?x?x32xf32>
  %v3 = tensor.collapse_shape %v [[0], [1, 2], [3]] : tensor<?x?x16x32xf32> into tensor<?x?x32xf32>
  %k4 = tensor.expand_shape %k3 [[0], [1], [2, 3]] output_shape [%b, %s16, 1, 32] : tensor<?x?x32xf32> into tensor<?x?x1x32xf32>
  %v4 = tensor.expand_shape %v3 [[0], [1], [2, 3]] output_shape [%b, %s16, 1, 32] : tensor<?x?x32xf32> into tensor<?x?x1x32xf32>
  %q4 = tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [%b, 1, 4, 32] : tensor<?x4x32xf32> into tensor<?x1x4x32xf32>
  %selected4, %lse0 = seqc.block_attention q(%q4) k(%k4) v(%v4) blocks(%list) at(%p) block(16) causal
  %near4, %lse1 = seqc.block_attention q(%q4) k(%k4) v(%v4) at(%p) window(24) causal
  %selected = tensor.collapse_shape %selected4 [[0, 1], [2], [3]] : tensor<?x1x4x32xf32> into tensor<?x4x32xf32>
  %near = tensor.collapse_shape %near4 [[0, 1], [2], [3]] : tensor<?x1x4x32xf32> into tensor<?x4x32xf32>
  %o = linalg.generic {indexing_maps = [#id, #id, #id, #row, #row, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%compressed, %selected, %near, %gc, %gs, %gw : tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>,
          tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) outs(%o0 : tensor<?x4x32xf32>) {
  ^one(%c: f32, %x: f32, %y: f32, %wc: f32, %ws: f32, %ww: f32, %old: f32):
    %pc = arith.mulf %c, %wc : f32
    %ps = arith.mulf %x, %ws : f32
    %pw = arith.mulf %y, %ww : f32
    %cs = arith.addf %pc, %ps : f32
    %r = arith.addf %cs, %pw : f32
    linalg.yield %r : f32
  } -> tensor<?x4x32xf32>
  return %o : tensor<?x4x32xf32>
}
