// sLSTM, one recurrent matrix per head: m' = max(i, logsigmoid(f) + m) (i at the first step, where n = 0),
// i' = exp(i - m'), f' = exp(logsigmoid(f) + m - m'), c' = f' c + i' tanh z, n' = max(f' n + i', 1),
// h' = sigmoid(o) c' / n'; gates x + R h in the order i, f, z, o.
// Beck et al., "xLSTM: Extended Long Short-Term Memory", 2024.
// x: [b, t, h, 4, 32] f32; R: [h, 4, 32, 32]; states: [b, h, 32].

func.func @slstm(%x: tensor<?x?x?x4x32xf32>, %R: tensor<?x4x32x32xf32> {seqc.draw = "normal(0.1)"},
                 %h0: tensor<?x?x32xf32> {seqc.draw = "zeros"}, %c0: tensor<?x?x32xf32> {seqc.draw = "zeros"},
                 %n0: tensor<?x?x32xf32> {seqc.draw = "zeros"}, %m0: tensor<?x?x32xf32> {seqc.draw = "zeros"})
    -> (tensor<?x?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 8, t = 4096, h = 8}} {
  %one = arith.constant dense<1.0> : tensor<32xf32>
  %zero = arith.constant dense<0.0> : tensor<32xf32>
  %h, %hT, %cT, %nT, %mT = seqc.recurrence seq(%x : (b, t, h)) weight(%R : (h)) carry(%h0, %c0, %n0, %m0 : (b, h)) {
  ^step(%xt: tensor<4x32xf32>, %r: tensor<4x32x32xf32>, %s: tensor<32xf32>, %c: tensor<32xf32>, %n: tensor<32xf32>,
        %m: tensor<32xf32>):
    %rh = seqc.einsum "gde,e->gd"(%r, %s)
    %g = arith.addf %xt, %rh : tensor<4x32xf32>
    %gi = tensor.extract_slice %g[0, 0] [1, 32] [1, 1] : tensor<4x32xf32> to tensor<32xf32>
    %gf = tensor.extract_slice %g[1, 0] [1, 32] [1, 1] : tensor<4x32xf32> to tensor<32xf32>
    %gz = tensor.extract_slice %g[2, 0] [1, 32] [1, 1] : tensor<4x32xf32> to tensor<32xf32>
    %go = tensor.extract_slice %g[3, 0] [1, 32] [1, 1] : tensor<4x32xf32> to tensor<32xf32>
    // logsigmoid(f) = min(f, 0) - log1p(exp(-|f|)).
    %af = math.absf %gf : tensor<32xf32>
    %naf = arith.negf %af : tensor<32xf32>
    %eaf = math.exp %naf : tensor<32xf32>
    %laf = math.log1p %eaf : tensor<32xf32>
    %mf = arith.minimumf %gf, %zero : tensor<32xf32>
    %lf = arith.subf %mf, %laf : tensor<32xf32>
    %lm = arith.addf %lf, %m : tensor<32xf32>
    %mx = arith.maximumf %gi, %lm : tensor<32xf32>
    %fresh = arith.cmpf oeq, %n, %zero : tensor<32xf32>
    %mn = arith.select %fresh, %gi, %mx : tensor<32xi1>, tensor<32xf32>
    %di = arith.subf %gi, %mn : tensor<32xf32>
    %i = math.exp %di : tensor<32xf32>
    %df = arith.subf %lm, %mn : tensor<32xf32>
    %f = math.exp %df : tensor<32xf32>
    %z = math.tanh %gz : tensor<32xf32>
    %fc = arith.mulf %f, %c : tensor<32xf32>
    %iz = arith.mulf %i, %z : tensor<32xf32>
    %cn = arith.addf %fc, %iz : tensor<32xf32>
    %fn = arith.mulf %f, %n : tensor<32xf32>
    %fni = arith.addf %fn, %i : tensor<32xf32>
    %nn = arith.maximumf %fni, %one : tensor<32xf32>
    %no = arith.negf %go : tensor<32xf32>
    %eo = math.exp %no : tensor<32xf32>
    %po = arith.addf %eo, %one : tensor<32xf32>
    %cz = arith.divf %cn, %nn : tensor<32xf32>
    %next = arith.divf %cz, %po : tensor<32xf32>
    seqc.yield out(%next) carry(%next, %cn, %nn, %mn)
  }
  return %h, %hT, %cT, %nT, %mT : tensor<?x?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>
}
