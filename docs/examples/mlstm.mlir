// mLSTM with max-state: m_t = max(lf_t + m_{t-1}, i_t), f = exp(lf + m_{t-1} - m_t), i = exp(i_t - m_t),
// C_t = f C_{t-1} + i k_t v_t^T, n_t = f n_{t-1} + i k_t, h_t = C_t^T q_t / max(|n_t . q_t|, exp(-m_t)).
// Beck et al., "xLSTM: Extended Long Short-Term Memory", 2024.
// q, k: [b, t, h, 64] bf16; v: [b, t, h, 128] bf16; i, lf: [b, t, h] f32; C, n, m start at 0.

func.func @mlstm(%q: tensor<?x?x?x64xbf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x64xbf16>,
                 %v: tensor<?x?x?x128xbf16>, %i: tensor<?x?x?xf32>, %lf: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                 %c0: tensor<?x?x64x128xf32> {seqc.draw = "zeros"}, %n0: tensor<?x?x64xf32> {seqc.draw = "zeros"},
                 %m0: tensor<?x?xf32> {seqc.draw = "zeros"})
    -> (tensor<?x?x?x128xf32>, tensor<?x?x64x128xf32>, tensor<?x?x64xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %h, %cT, %nT, %mT = seqc.recurrence seq(%q, %k, %v, %i, %lf : (b, t, h)) carry(%c0, %n0, %m0 : (b, h)) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<128xbf16>, %it: f32, %lft: f32,
        %c: tensor<64x128xf32>, %n: tensor<64xf32>, %m: f32):
    %lm = arith.addf %lft, %m : f32
    %mn = arith.maximumf %lm, %it : f32
    %df = arith.subf %lm, %mn : f32
    %f = math.exp %df : f32
    %di = arith.subf %it, %mn : f32
    %ig = math.exp %di : f32
    %keptc = seqc.einsum ",kv->kv"(%f, %c)
    %ikv = seqc.einsum ",k,v->kv"(%ig, %kt, %vt)
    %cn = arith.addf %keptc, %ikv : tensor<64x128xf32>
    %keptn = seqc.einsum ",k->k"(%f, %n)
    %ik = seqc.einsum ",k->k"(%ig, %kt)
    %nn = arith.addf %keptn, %ik : tensor<64xf32>
    %num = seqc.einsum "k,kv->v"(%qt, %cn)
    %den = seqc.einsum "k,k->"(%qt, %nn)
    %absden = math.absf %den : f32
    %negm = arith.negf %mn : f32
    %floor = math.exp %negm : f32
    %d = arith.maximumf %absden, %floor : f32
    %ds = tensor.splat %d : tensor<128xf32>
    %ht = arith.divf %num, %ds : tensor<128xf32>
    seqc.yield out(%ht) carry(%cn, %nn, %mn)
  }
  return %h, %cT, %nT, %mT : tensor<?x?x?x128xf32>, tensor<?x?x64x128xf32>, tensor<?x?x64xf32>, tensor<?x?xf32>
}
