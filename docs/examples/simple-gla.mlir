// Simple GLA, Mamba-2: S_t = exp(g_t) S_{t-1} + k_t v_t^T, o_t = S_t^T q_t, a scalar gate
// per head; keys and queries shared by pairs of value heads.
// Dao, Gu, "Transformers are SSMs", 2024.
// q, k: [b, t, h/2, 128] bf16; v: [b, t, h, 64] bf16; g: [b, t, h] f32.

func.func @simple_gla(%q: tensor<?x?x?x128xbf16> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x128xbf16>,
                      %v: tensor<?x?x?x64xbf16>, %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                      %s0: tensor<?x?x128x64xf32>) -> (tensor<?x?x?x64xbf16>, tensor<?x?x128x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 4}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%v, %g : (b, t, h), %q, %k : (b, t, h floordiv 2)) carry(%s0 : (b, h)) out((b, t, h) : bf16) {
  ^step(%vt: tensor<64xbf16>, %gt: f32, %qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %s: tensor<128x64xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<128x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x64xbf16>, tensor<?x?x128x64xf32>
}
