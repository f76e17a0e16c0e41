// Mixture of memories over gated linear attention: a token writes to and reads from the 2
// memories that its router names and one that all tokens share; a memory that it does not
// name stays as it is, gates included.  One packed call runs all five memories.
// Du et al., "MoM: Linear Sequence Modeling with Mixture-of-Memories", 2025.
// q, k, v, g: [n, 4, 32] f32; router: [n, 4] f32; s0: [5, 4, 32, 32] f32.

func.func @mom_gla(%q: tensor<?x4x32xf32> {seqc.draw = "normal(0.2)"}, %k: tensor<?x4x32xf32>, %v: tensor<?x4x32xf32>,
                   %g: tensor<?x4x32xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"}, %router: tensor<?x4xf32>,
                   %s0: tensor<5x4x32x32xf32>) -> (tensor<?x4x32xf32>, tensor<5x4x32x32xf32>)
    attributes {seqc.sizes = {n = 53}, seqc.bench = {n = 8192}} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %router, %c0 : tensor<?x4xf32>
  %w2, %i2 = seqc.topk 2 of %router softmax(before) normalize
  // The shared memory is number 4, with weight 1.
  %four = arith.constant 4 : i32
  %one = arith.constant 1.0 : f32
  %i3 = tensor.empty(%n) : tensor<?x3xi32>
  %w3 = tensor.empty(%n) : tensor<?x3xf32>
  %i4 = linalg.fill ins(%four : i32) outs(%i3 : tensor<?x3xi32>) -> tensor<?x3xi32>
  %w4 = linalg.fill ins(%one : f32) outs(%w3 : tensor<?x3xf32>) -> tensor<?x3xf32>
  %i = tensor.insert_slice %i2 into %i4[0, 0] [%n, 2] [1, 1] : tensor<?x2xi32> into tensor<?x3xi32>
  %w = tensor.insert_slice %w2 into %w4[0, 0] [%n, 2] [1, 1] : tensor<?x2xf32> into tensor<?x3xf32>
  %pq, %pk, %pv, %pg, %perm, %inv, %cu = seqc.dispatch %i experts(5) tokens(%q, %k, %v, %g)
  %o, %sT = seqc.recurrence seq(%pq, %pk, %pv, %pg : (t, h)) carry(%s0 : (s, h)) segments(%cu : (s)) {
  ^step(%qt: tensor<32xf32>, %kt: tensor<32xf32>, %vt: tensor<32xf32>, %gt: tensor<32xf32>, %s: tensor<32x32xf32>):
    %a    = math.exp %gt : tensor<32xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv   = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<32x32xf32>
    %ot   = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  %y = seqc.combine %o by %inv weights(%w)
  return %y, %sT : tensor<?x4x32xf32>, tensor<5x4x32x32xf32>
}
