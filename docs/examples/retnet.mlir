// RetNet, Lightning Attention: S_t = gamma S_{t-1} + k_t v_t^T, o_t = S_t^T q_t,
// with gamma = exp(g) fixed per head.
// Sun et al., "Retentive Network", 2023; Qin et al., "Lightning Attention-2", 2024.
// q, k: [b, t, h, 64] bf16; v: [b, t, h, 128] bf16; g: [h]; s0: [b, h, 64, 128] f32.

func.func @retnet(%q: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
                  %v: tensor<?x?x?x128xbf16>, %g: tensor<?xf32> {seqc.draw = "uniform(-0.1,0)", seqc.range = "<= 0"},
                  %s0: tensor<?x?x64x128xf32>) -> (tensor<?x?x?x128xf32>, tensor<?x?x64x128xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (b, t, h)) weight(%g : (h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<128xbf16>, %gh: f32, %s: tensor<64x128xf32>):
    %gamma = math.exp %gh : f32
    %kept = seqc.einsum ",kv->kv"(%gamma, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<64x128xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x128xf32>, tensor<?x?x64x128xf32>
}
