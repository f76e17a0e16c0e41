// Gated linear attention in both directions: every token reads the tokens before it and
// those behind it, itself once.  S_t = a_t S_{t-1} + k_t v_t^T forward, R_t = a_t R_{t+1} +
// k_t v_t^T in reverse, o_t = S_t^T q_t + (a_t R_{t+1})^T q_t with a = exp g: the reverse
// recurrence reads its state before the write, so that token t counts once.
// Sun et al., "Retentive Network", 2023 (the decay); Liu et al., "Vision-RWKV", 2024 (both
// directions).
// q, k: [b, t, h, 64] bf16; v: [b, t, h, 64] bf16; g: [b, t, h] f32; both states start at 0.

func.func @bidirectional_retention(%q: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
                                   %v: tensor<?x?x?x64xbf16>, %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"})
    -> tensor<?x?x?x64xf32>
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %zero = arith.constant dense<0.0> : tensor<64x64xf32>
  %f, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%zero : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<64xbf16>, %gt: f32, %s: tensor<64x64xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  %o, %rT = seqc.recurrence seq(%q, %k, %v, %g, %f : (b, t, h)) carry(%zero : ()) reverse {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<64xbf16>, %gt: f32, %ft: tensor<64xf32>, %r: tensor<64x64xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %r)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<64x64xf32>
    %behind = seqc.einsum "k,kv->v"(%qt, %kept)
    %ot = arith.addf %ft, %behind : tensor<64xf32>
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x?x?x64xf32>
}
