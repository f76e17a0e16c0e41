// LightNet's additive recurrence: z_t = logaddexp(z_{t-1}, k_t),
// S_t = exp(z_{t-1} - z_t) S_{t-1} + exp(k_t - z_t) v_t^T, o_t = S_t^T q_t.
// Qin et al., "You Only Scan Once", 2024.
// q, k: [b, t, h, 64]; v: [b, t, h, 64], bf16; z starts at minus infinity.

func.func @lightnet(%q: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
                    %v: tensor<?x?x?x64xbf16>) -> (tensor<?x?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %z0 = arith.constant dense<0xFF800000> : tensor<64xf32>
  %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
  %o, %zT, %sT = seqc.recurrence seq(%q, %k, %v : (b, t, h)) carry(%z0, %s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kb: tensor<64xbf16>, %vt: tensor<64xbf16>, %z: tensor<64xf32>, %s: tensor<64x64xf32>):
    %kt = arith.extf %kb : tensor<64xbf16> to tensor<64xf32>
    %m = arith.maximumf %z, %kt : tensor<64xf32>
    %d0 = arith.subf %z, %m : tensor<64xf32>
    %d1 = arith.subf %kt, %m : tensor<64xf32>
    %e0 = math.exp %d0 : tensor<64xf32>
    %e1 = math.exp %d1 : tensor<64xf32>
    %sum = arith.addf %e0, %e1 : tensor<64xf32>
    %log = math.log %sum : tensor<64xf32>
    %zn = arith.addf %m, %log : tensor<64xf32>
    %dg = arith.subf %z, %zn : tensor<64xf32>
    %dk = arith.subf %kt, %zn : tensor<64xf32>
    %a = math.exp %dg : tensor<64xf32>
    %key = math.exp %dk : tensor<64xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%key, %vt)
    %next = arith.addf %kept, %kv : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%zn, %next)
  }
  return %o, %zT, %sT : tensor<?x?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64x64xf32>
}
