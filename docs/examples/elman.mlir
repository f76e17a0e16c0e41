// Elman network: h_t = tanh(x_t + R h_{t-1}); x already through the input weights.
// Elman, "Finding Structure in Time", 1990.
// x: [b, t, 64] f32; R: [64, 64] f32; h0: [b, 64] f32.

func.func @elman(%x: tensor<?x?x64xf32>, %R: tensor<64x64xf32> {seqc.draw = "normal(0.1)"}, %h0: tensor<?x64xf32>)
    -> (tensor<?x?x64xf32>, tensor<?x64xf32>)
    attributes {seqc.sizes = {b = 3, t = 37}, seqc.bench = {b = 16, t = 8192}} {
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<64xf32>, %r: tensor<64x64xf32>, %s: tensor<64xf32>):
    %rh = seqc.einsum "gd,d->g"(%r, %s)
    %g = arith.addf %xt, %rh : tensor<64xf32>
    %next = math.tanh %g : tensor<64xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x64xf32>, tensor<?x64xf32>
}
