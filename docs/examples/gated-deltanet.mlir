// Gated DeltaNet: S~ = exp(g_t) S_{t-1}, u_t = beta_t (v_t - S~^T k_t), S_t = S~ + k_t u_t^T,
// o_t = S_t^T q_t; two value heads share a key head.
// Yang, Kautz, Hatamizadeh, "Gated Delta Networks", 2024.
// q, k: [b, t, h/2, 128] bf16; v: [b, t, h, 128] bf16; g, beta: [b, t, h] f32.

func.func @gated_deltanet(%q: tensor<?x?x?x128xbf16> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x128xbf16> {seqc.draw = "unit"},
                          %v: tensor<?x?x?x128xbf16>, %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                          %beta: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %s0: tensor<?x?x128x128xf32>)
    -> (tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>)
    attributes {seqc.sizes = {b = 1, t = 37, h = 4}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%v, %g, %beta : (b, t, h), %q, %k : (b, t, h floordiv 2)) carry(%s0 : (b, h)) {
  ^step(%vb: tensor<128xbf16>, %gt: f32, %bt: f32, %qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %s: tensor<128x128xf32>):
    %vt = arith.extf %vb : tensor<128xbf16> to tensor<128xf32>
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %old, %ku : tensor<128x128xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>
}
