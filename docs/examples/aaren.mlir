// Aaren: softmax attention of one learned query as a recurrence over (m, u, w), the running
// maximum, denominator and numerator: o_t = sum_j exp(s_j) v_j / sum_j exp(s_j), s_j = q . k_j.
// Feng et al., "Attention as an RNN", 2024.
// k, v: [b, t, h, 64] f32; q: [h, 64] f32.

func.func @aaren(%k: tensor<?x?x?x64xf32>, %v: tensor<?x?x?x64xf32>, %q: tensor<?x64xf32> {seqc.draw = "normal(0.25)"})
    -> tensor<?x?x?x64xf32>
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 4, t = 16384, h = 8}} {
  %m0 = arith.constant 0xFF800000 : f32
  %u0 = arith.constant 0.0 : f32
  %w0 = arith.constant dense<0.0> : tensor<64xf32>
  %o, %mT, %uT, %wT = seqc.recurrence seq(%k, %v : (b, t, h)) weight(%q : (h)) carry(%m0, %u0, %w0 : ()) {
  ^step(%kt: tensor<64xf32>, %vt: tensor<64xf32>, %qh: tensor<64xf32>, %m: f32, %u: f32, %w: tensor<64xf32>):
    %s = seqc.einsum "k,k->"(%qh, %kt)
    %mn = arith.maximumf %m, %s : f32
    %d0 = arith.subf %m, %mn : f32
    %d1 = arith.subf %s, %mn : f32
    %e0 = math.exp %d0 : f32
    %e1 = math.exp %d1 : f32
    %ue = arith.mulf %u, %e0 : f32
    %un = arith.addf %ue, %e1 : f32
    %we = seqc.einsum ",v->v"(%e0, %w)
    %ve = seqc.einsum ",v->v"(%e1, %vt)
    %wn = arith.addf %we, %ve : tensor<64xf32>
    %den = tensor.splat %un : tensor<64xf32>
    %ot = arith.divf %wn, %den : tensor<64xf32>
    seqc.yield out(%ot) carry(%mn, %un, %wn)
  }
  return %o : tensor<?x?x?x64xf32>
}
