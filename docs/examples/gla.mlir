// Gated linear attention: S_t = diag(exp g_t) S_{t-1} + k_t v_t^T, o_t = S_t^T q_t.
// Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient
// Training", 2023.
// q, k, v: [b, t, h, 128] bf16; g: [b, t, h, 128] f32 (log gates); s0: [b, h, 128, 128] f32.

func.func @gla(%q: tensor<?x?x?x128xbf16> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x128xbf16>,
               %v: tensor<?x?x?x128xbf16>, %g: tensor<?x?x?x128xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
               %s0: tensor<?x?x128x128xf32>) -> (tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vt: tensor<128xbf16>, %gt: tensor<128xf32>, %s: tensor<128x128xf32>):
    %a    = math.exp %gt : tensor<128xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv   = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<128x128xf32>
    %ot   = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>
}
