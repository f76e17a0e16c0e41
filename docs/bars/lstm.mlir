// LSTM, hidden size 256: products of the recurrent weights alone.

func.func @lstm(%x: tensor<?x?x4x256xf32>, %R: tensor<4x256x256xf32> {seqc.draw = "normal(0.05)"},
                %h0: tensor<?x256xf32>, %c0: tensor<?x256xf32>) -> (tensor<?x?x256xf32>, tensor<?x256xf32>, tensor<?x256xf32>)
    attributes {seqc.sizes = {b = 3, t = 37}, seqc.bench = {b = 16, t = 1024},
               seqc.bar = {operations = 524288, least = 50}} {
  %one = arith.constant dense<1.0> : tensor<256xf32>
  %h, %hT, %cT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0, %c0 : (b)) {
  ^step(%xt: tensor<4x256xf32>, %r: tensor<4x256x256xf32>, %s: tensor<256xf32>, %c: tensor<256xf32>):
    %rh = seqc.einsum "gde,e->gd"(%r, %s)
    %g = arith.addf %xt, %rh : tensor<4x256xf32>
    %gi = tensor.extract_slice %g[0, 0] [1, 256] [1, 1] : tensor<4x256xf32> to tensor<256xf32>
    %gf = tensor.extract_slice %g[1, 0] [1, 256] [1, 1] : tensor<4x256xf32> to tensor<256xf32>
    %gz = tensor.extract_slice %g[2, 0] [1, 256] [1, 1] : tensor<4x256xf32> to tensor<256xf32>
    %go = tensor.extract_slice %g[3, 0] [1, 256] [1, 1] : tensor<4x256xf32> to tensor<256xf32>
    %ni = arith.negf %gi : tensor<256xf32>
    %ei = math.exp %ni : tensor<256xf32>
    %pi = arith.addf %ei, %one : tensor<256xf32>
    %nf = arith.negf %gf : tensor<256xf32>
    %ef = math.exp %nf : tensor<256xf32>
    %pf = arith.addf %ef, %one : tensor<256xf32>
    %no = arith.negf %go : tensor<256xf32>
    %eo = math.exp %no : tensor<256xf32>
    %po = arith.addf %eo, %one : tensor<256xf32>
    %z = math.tanh %gz : tensor<256xf32>
    %fc = arith.divf %c, %pf : tensor<256xf32>
    %iz = arith.divf %z, %pi : tensor<256xf32>
    %cn = arith.addf %fc, %iz : tensor<256xf32>
    %tc = math.tanh %cn : tensor<256xf32>
    %next = arith.divf %tc, %po : tensor<256xf32>
    seqc.yield out(%next) carry(%next, %cn)
  }
  return %h, %hT, %cT : tensor<?x?x256xf32>, tensor<?x256xf32>, tensor<?x256xf32>
}
