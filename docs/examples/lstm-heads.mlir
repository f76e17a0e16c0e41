// LSTM with heads, in bf16: every head has recurrent weights of its own; the state c is f32.
// x already through the input weights; gates in the order i, f, z, o.
// Poeppel, Beck, Hochreiter, "FlashRNN", 2024.
// x: [b, t, h, 4, 64] bf16; R: [h, 4, 64, 64] bf16; h0: [b, h, 64] bf16; c0: [b, h, 64] f32.

func.func @lstm_heads(%x: tensor<?x?x?x4x64xbf16>, %R: tensor<?x4x64x64xbf16> {seqc.draw = "normal(0.1)"},
                      %h0: tensor<?x?x64xbf16>, %c0: tensor<?x?x64xf32>)
    -> (tensor<?x?x?x64xbf16>, tensor<?x?x64xbf16>, tensor<?x?x64xf32>)
    attributes {seqc.sizes = {b = 3, t = 37, h = 2}, seqc.bench = {b = 16, t = 1024, h = 12}} {
  %one = arith.constant dense<1.0> : tensor<64xf32>
  %h, %hT, %cT = seqc.recurrence seq(%x : (b, t, h)) weight(%R : (h)) carry(%h0, %c0 : (b, h)) {
  ^step(%xt: tensor<4x64xf32>, %r: tensor<4x64x64xbf16>, %s: tensor<64xbf16>, %c: tensor<64xf32>):
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
    %hn = arith.divf %tc, %po : tensor<64xf32>
    %next = arith.truncf %hn : tensor<64xf32> to tensor<64xbf16>
    seqc.yield out(%next) carry(%next, %cn)
  }
  return %h, %hT, %cT : tensor<?x?x?x64xbf16>, tensor<?x?x64xbf16>, tensor<?x?x64xf32>
}
