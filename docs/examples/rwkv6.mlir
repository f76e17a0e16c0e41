// RWKV-6: o_t = (S_{t-1} + diag(u) k_t v_t^T)^T r_t, S_t = diag(exp w_t) S_{t-1} + k_t v_t^T.
// Peng et al., "Eagle and Finch: RWKV with Matrix-Valued States and Dynamic
// Recurrence", 2024.
// r, k, v: [b, t, h, 64] bf16; w: [b, t, h, 64] f32 (negative); u: [h, 64] f32.

func.func @rwkv6(%r: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
                 %v: tensor<?x?x?x64xbf16>, %w: tensor<?x?x?x64xf32> {seqc.draw = "exp(0.5)", seqc.range = "<= 0"},
                 %u: tensor<?x64xf32>, %s0: tensor<?x?x64x64xf32>)
    -> (tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%r, %k, %v, %w : (b, t, h)) weight(%u : (h)) carry(%s0 : (b, h)) {
  ^step(%rt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<64xbf16>, %wt: tensor<64xf32>, %uh: tensor<64xf32>,
        %s: tensor<64x64xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %bonus = seqc.einsum "k,kv->kv"(%uh, %kv)
    %read = arith.addf %s, %bonus : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%rt, %read)
    %a = math.exp %wt : tensor<64xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %next = arith.addf %kept, %kv : tensor<64x64xf32>
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>
}
