// LSTM: i, f, o = sigmoid(x + R h), z = tanh(x_z + R_z h), c' = f c + i z, h' = o tanh(c');
// x already through the input weights; gates in the order i, f, z, o.
// Hochreiter, Schmidhuber, "Long Short-Term Memory", 1997.
// x: [b, t, 4, 64] f32; R: [4, 64, 64]; h0, c0: [b, 64].

func.func @lstm(%x: tensor<?x?x4x64xf32>, %R: tensor<4x64x64xf32> {seqc.draw = "normal(0.1)"},
                %h0: tensor<?x64xf32>, %c0: tensor<?x64xf32>) -> (tensor<?x?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
    attributes {seqc.sizes = {b = 3, t = 37}, seqc.bench = {b = 16, t = 8192}} {
  %one = arith.constant dense<1.0> : tensor<64xf32>
  %h, %hT, %cT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0, %c0 : (b)) {
  ^step(%xt: tensor<4x64xf32>, %r: tensor<4x64x64xf32>, %s: tensor<64xf32>, %c: tensor<64xf32>):
    %rh = seqc.einsum "gde,e->gd"(%r, %s)
    %g = arith.addf %xt, %rh : tensor<4x64xf32>
    %gi = tensor.extract_slice %g[0, 0] [1, 64] [1, 1] : tensor<4x64xf32> to tensor<64xf32>
    %gf = tensor.extract_slice %g[1, 0] [1, 64] [1, 1] : tensor<4x64xf32> to tensor<64xf32>
    %gz = tensor.extract_slice %g[2, 0] [1, 64] [1, 1] : tensor<4x64xf32> to tensor<64xf32>
    %go = tensor.extract_slice %g[3, 0] [1, 64] [1, 1] : tensor<4x64xf32> to tensor<64xf32>
    %ni = arith.negf %gi : tensor<64xf32>
    %ei = math.exp %ni : tensor<64xf32>
    %pi = arith.addf %ei, %one : tensor<64xf32>
    %nf = arith.negf %gf : tensor<64xf32>
    %ef = math.exp %nf : tensor<64xf32>
    %pf = arith.addf %ef, %one : tensor<64xf32>
    %no = arith.negf %go : tensor<64xf32>
    %eo = math.exp %no : tensor<64xf32>
    %po = arith.addf %eo, %one : tensor<64xf32>
    %z = math.tanh %gz : tensor<64xf32>
    %fc = arith.divf %c, %pf : tensor<64xf32>
    %iz = arith.divf %z, %pi : tensor<64xf32>
    %cn = arith.addf %fc, %iz : tensor<64xf32>
    %tc = math.tanh %cn : tensor<64xf32>
    %next = arith.divf %tc, %po : tensor<64xf32>
    seqc.yield out(%next) carry(%next, %cn)
  }
  return %h, %hT, %cT : tensor<?x?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}
