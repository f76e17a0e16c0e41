// Titans linear memory, gradient at every token: G_t = 2 k_t (M_{t-1}^T k_t - v_t)^T,
// Z_t = eta_t Z_{t-1} - theta_t G_t, M_t = (1 - alpha_t) M_{t-1} + Z_t, o_t = M_t^T q_t.
// Behrouz, Zhong, Mirrokni, "Titans: Learning to Memorize at Test Time", 2025.
// q, k, v: [b, t, h, 64] f32; alpha, eta, theta: [b, t, h] f32.

func.func @titans(%q: tensor<?x?x?x64xf32> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xf32> {seqc.draw = "unit"},
                  %v: tensor<?x?x?x64xf32>, %alpha: tensor<?x?x?xf32> {seqc.draw = "sigmoid(0.2)"},
                  %eta: tensor<?x?x?xf32> {seqc.draw = "sigmoid(0.8)"}, %theta: tensor<?x?x?xf32> {seqc.draw = "sigmoid(0.2)"},
                  %m0: tensor<?x?x64x64xf32>, %z0: tensor<?x?x64x64xf32> {seqc.draw = "zeros"})
    -> (tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>, tensor<?x?x64x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 2}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %one = arith.constant 1.0 : f32
  %minus2 = arith.constant -2.0 : f32
  %o, %mT, %zT = seqc.recurrence seq(%q, %k, %v, %alpha, %eta, %theta : (b, t, h)) carry(%m0, %z0 : (b, h)) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<64xf32>, %at: f32, %et: f32, %tt: f32,
        %m: tensor<64x64xf32>, %z: tensor<64x64xf32>):
    %p = seqc.einsum "k,kv->v"(%kt, %m)
    %r = arith.subf %p, %vt : tensor<64xf32>
    %c = arith.mulf %minus2, %tt : f32
    %step = seqc.einsum ",k,v->kv"(%c, %kt, %r)
    %ez = seqc.einsum ",kv->kv"(%et, %z)
    %zn = arith.addf %ez, %step : tensor<64x64xf32>
    %keep = arith.subf %one, %at : f32
    %km = seqc.einsum ",kv->kv"(%keep, %m)
    %mn = arith.addf %km, %zn : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %mn)
    seqc.yield out(%ot) carry(%mn, %zn)
  }
  return %o, %mT, %zT : tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>, tensor<?x?x64x64xf32>
}
