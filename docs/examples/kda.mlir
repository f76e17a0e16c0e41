// Kimi delta attention: as gated DeltaNet, with a gate per key channel.
// S~ = diag(exp g_t) S_{t-1}, u_t = beta_t (v_t - S~^T k_t), S_t = S~ + k_t u_t^T, o_t = S_t^T q_t.
// Kimi Team, "Kimi Linear", 2025.
// q, k: [b, t, h, 60] bf16; v: [b, t, h, 100] bf16; g: [b, t, h, 60] f32; beta: [b, t, h] f32.

func.func @kda(%q: tensor<?x?x?x60xbf16> {seqc.draw = "normal(0.13)"}, %k: tensor<?x?x?x60xbf16> {seqc.draw = "unit"},
               %v: tensor<?x?x?x100xbf16>, %g: tensor<?x?x?x60xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
               %beta: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %s0: tensor<?x?x60x100xf32>)
    -> (tensor<?x?x?x100xf32>, tensor<?x?x60x100xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<60xbf16>, %kt: tensor<60xbf16>, %vb: tensor<100xbf16>, %gt: tensor<60xf32>, %bt: f32, %s: tensor<60x100xf32>):
    %vt = arith.extf %vb : tensor<100xbf16> to tensor<100xf32>
    %a = math.exp %gt : tensor<60xf32>
    %old = seqc.einsum "k,kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<100xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %old, %ku : tensor<60x100xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x100xf32>, tensor<?x?x60x100xf32>
}
