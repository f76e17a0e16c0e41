// Mixture of memories over gated DeltaNet: of a batch, every token corrects the 2 of 4
// memories that its router names.  One packed call runs the memories of all sequences.
// Du et al., "MoM: Linear Sequence Modeling with Mixture-of-Memories", 2025.
// q, k, v: [b, n, 2, 32] bf16; g, beta: [b, n, 2] f32; router: [b, n, 4] f32.

func.func @mom_gated_deltanet(%q: tensor<?x?x2x32xbf16> {seqc.draw = "normal(0.2)"}, %k: tensor<?x?x2x32xbf16> {seqc.draw = "unit"},
                              %v: tensor<?x?x2x32xbf16>, %g: tensor<?x?x2xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                              %beta: tensor<?x?x2xf32> {seqc.draw = "sigmoid"}, %router: tensor<?x?x4xf32>)
    -> tensor<?x?x2x32xf32>
    attributes {seqc.sizes = {b = 2, n = 37}, seqc.bench = {b = 2, n = 4096}} {
  %w, %i = seqc.topk 2 of %router softmax(before) normalize
  %pq, %pk, %pv, %pg, %pb, %perm, %inv, %cu = seqc.dispatch %i experts(4) tokens(%q, %k, %v, %g, %beta)
  %s0 = arith.constant dense<0.0> : tensor<32x32xf32>
  %o, %sT = seqc.recurrence seq(%pq, %pk, %pv, %pg, %pb : (t, h)) carry(%s0 : ()) segments(%cu : (s)) {
  ^step(%qt: tensor<32xbf16>, %kt: tensor<32xbf16>, %vb: tensor<32xbf16>, %gt: f32, %bt: f32, %s: tensor<32x32xf32>):
    %vt = arith.extf %vb : tensor<32xbf16> to tensor<32xf32>
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<32xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %old, %ku : tensor<32x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  %y = seqc.combine %o by %inv weights(%w)
  return %y : tensor<?x?x2x32xf32>
}
