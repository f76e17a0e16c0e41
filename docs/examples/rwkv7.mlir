// RWKV-7: S_t = diag(exp w_t) S_{t-1} + b_t (a_t^T S_{t-1}) + k_t v_t^T, o_t = S_t^T r_t, with
// a = -kappa (norm 1) and b = kappa times the in-context learning rate.
// Peng et al., "RWKV-7 'Goose' with Expressive Dynamic State Evolution", 2025.
// r, k, v, kappa: [b, t, h, 64] bf16; w, rate: [b, t, h, 64] f32.

func.func @rwkv7(%r: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
                 %v: tensor<?x?x?x64xbf16>, %kappa: tensor<?x?x?x64xbf16> {seqc.draw = "unit"},
                 %w: tensor<?x?x?x64xf32> {seqc.draw = "uniform(-0.6065,0)", seqc.range = "<= 0"},
                 %rate: tensor<?x?x?x64xf32> {seqc.draw = "sigmoid"}, %s0: tensor<?x?x64x64xf32>)
    -> (tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%r, %k, %v, %kappa, %w, %rate : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%rt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<64xbf16>, %kb: tensor<64xbf16>, %wt: tensor<64xf32>,
        %it: tensor<64xf32>, %s: tensor<64x64xf32>):
    %kap = arith.extf %kb : tensor<64xbf16> to tensor<64xf32>
    %a = arith.negf %kap : tensor<64xf32>
    %b = arith.mulf %kap, %it : tensor<64xf32>
    %e = math.exp %wt : tensor<64xf32>
    %kept = seqc.einsum "k,kv->kv"(%e, %s)
    %as = seqc.einsum "k,kv->v"(%a, %s)
    %bas = seqc.einsum "k,v->kv"(%b, %as)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %sum = arith.addf %kept, %bas : tensor<64x64xf32>
    %next = arith.addf %sum, %kv : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%rt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>
}
