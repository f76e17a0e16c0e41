// GRU: r = sigmoid(x_r + R_r h), z = sigmoid(x_z + R_z h), n = tanh(x_n + r (R_n h + c)),
// h' = z h + (1 - z) n; x already through the input weights.
// Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014 (the
// variant with the reset gate after the product, as in PyTorch).
// x: [b, t, 3, 64] f32; R: [3, 64, 64]; c: [64]; h0: [b, 64].

func.func @gru(%x: tensor<?x?x3x64xf32>, %R: tensor<3x64x64xf32> {seqc.draw = "normal(0.1)"}, %c: tensor<64xf32>,
               %h0: tensor<?x64xf32>) -> (tensor<?x?x64xf32>, tensor<?x64xf32>)
    attributes {seqc.sizes = {b = 3, t = 37}, seqc.bench = {b = 16, t = 8192}} {
  %one = arith.constant dense<1.0> : tensor<64xf32>
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R, %c : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<3x64xf32>, %r: tensor<3x64x64xf32>, %ct: tensor<64xf32>, %s: tensor<64xf32>):
    %rh = seqc.einsum "gde,e->gd"(%r, %s)
    %xr = tensor.extract_slice %xt[0, 0] [1, 64] [1, 1] : tensor<3x64xf32> to tensor<64xf32>
    %xz = tensor.extract_slice %xt[1, 0] [1, 64] [1, 1] : tensor<3x64xf32> to tensor<64xf32>
    %xn = tensor.extract_slice %xt[2, 0] [1, 64] [1, 1] : tensor<3x64xf32> to tensor<64xf32>
    %hr = tensor.extract_slice %rh[0, 0] [1, 64] [1, 1] : tensor<3x64xf32> to tensor<64xf32>
    %hz = tensor.extract_slice %rh[1, 0] [1, 64] [1, 1] : tensor<3x64xf32> to tensor<64xf32>
    %hn = tensor.extract_slice %rh[2, 0] [1, 64] [1, 1] : tensor<3x64xf32> to tensor<64xf32>
    %ar = arith.addf %xr, %hr : tensor<64xf32>
    %nr = arith.negf %ar : tensor<64xf32>
    %er = math.exp %nr : tensor<64xf32>
    %pr = arith.addf %er, %one : tensor<64xf32>
    %reset = arith.divf %one, %pr : tensor<64xf32>
    %az = arith.addf %xz, %hz : tensor<64xf32>
    %nz = arith.negf %az : tensor<64xf32>
    %ez = math.exp %nz : tensor<64xf32>
    %pz = arith.addf %ez, %one : tensor<64xf32>
    %z = arith.divf %one, %pz : tensor<64xf32>
    %hc = arith.addf %hn, %ct : tensor<64xf32>
    %rc = arith.mulf %reset, %hc : tensor<64xf32>
    %an = arith.addf %xn, %rc : tensor<64xf32>
    %n = math.tanh %an : tensor<64xf32>
    %diff = arith.subf %s, %n : tensor<64xf32>
    %zd = arith.mulf %z, %diff : tensor<64xf32>
    %next = arith.addf %n, %zd : tensor<64xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x64xf32>, tensor<?x64xf32>
}
