// Gated slot attention: two memories of 32 slots, a softmax over slots between them.
// Hk_t = Hk_{t-1} diag(exp g_t) + k_t s_t^T, p_t = softmax(Hk_t^T q_t),
// Hv_t = diag(exp g_t) Hv_{t-1} + s_t v_t^T, o_t = Hv_t^T p_t, s_t = 1 - exp g_t.
// Zhang et al., "Gated Slot Attention for Efficient Linear-Time Sequence Modeling", 2024.
// q, k, v: [b, t, h, 64] bf16; g: [b, t, h, 32] f32.

func.func @gsa(%q: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
               %v: tensor<?x?x?x64xbf16>, %g: tensor<?x?x?x32xf32> {seqc.draw = "logsigmoid(0.25)", seqc.range = "<= 0"},
               %hk0: tensor<?x?x64x32xf32>, %hv0: tensor<?x?x32x64xf32>)
    -> (tensor<?x?x?x64xf32>, tensor<?x?x64x32xf32>, tensor<?x?x32x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %one = arith.constant dense<1.0> : tensor<32xf32>
  %o, %hkT, %hvT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%hk0, %hv0 : (b, h)) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<64xbf16>, %gt: tensor<32xf32>,
        %hk: tensor<64x32xf32>, %hv: tensor<32x64xf32>):
    %a = math.exp %gt : tensor<32xf32>
    %st = arith.subf %one, %a : tensor<32xf32>
    %keptk = seqc.einsum "km,m->km"(%hk, %a)
    %ks = seqc.einsum "k,m->km"(%kt, %st)
    %hkn = arith.addf %keptk, %ks : tensor<64x32xf32>
    %z = seqc.einsum "k,km->m"(%qt, %hkn)
    %top = seqc.reduce max %z over 0
    %tops = tensor.splat %top : tensor<32xf32>
    %zc = arith.subf %z, %tops : tensor<32xf32>
    %e = math.exp %zc : tensor<32xf32>
    %sum = seqc.reduce add %e over 0
    %sums = tensor.splat %sum : tensor<32xf32>
    %p = arith.divf %e, %sums : tensor<32xf32>
    %keptv = seqc.einsum "m,mv->mv"(%a, %hv)
    %sv = seqc.einsum "m,v->mv"(%st, %vt)
    %hvn = arith.addf %keptv, %sv : tensor<32x64xf32>
    %ot = seqc.einsum "m,mv->v"(%p, %hvn)
    seqc.yield out(%ot) carry(%hkn, %hvn)
  }
  return %o, %hkT, %hvT : tensor<?x?x?x64xf32>, tensor<?x?x64x32xf32>, tensor<?x?x32x64xf32>
}
