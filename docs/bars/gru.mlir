// GRU, hidden size 256: products of the recurrent weights alone.

func.func @gru(%x: tensor<?x?x3x256xf32>, %R: tensor<3x256x256xf32> {seqc.draw = "normal(0.05)"}, %c: tensor<256xf32>,
               %h0: tensor<?x256xf32>) -> (tensor<?x?x256xf32>, tensor<?x256xf32>)
    attributes {seqc.sizes = {b = 3, t = 37}, seqc.bench = {b = 16, t = 1024},
               seqc.bar = {operations = 393216, least = 50}} {
  %one = arith.constant dense<1.0> : tensor<256xf32>
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R, %c : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<3x256xf32>, %r: tensor<3x256x256xf32>, %ct: tensor<256xf32>, %s: tensor<256xf32>):
    %rh = seqc.einsum "gde,e->gd"(%r, %s)
    %xr = tensor.extract_slice %xt[0, 0] [1, 256] [1, 1] : tensor<3x256xf32> to tensor<256xf32>
    %xz = tensor.extract_slice %xt[1, 0] [1, 256] [1, 1] : tensor<3x256xf32> to tensor<256xf32>
    %xn = tensor.extract_slice %xt[2, 0] [1, 256] [1, 1] : tensor<3x256xf32> to tensor<256xf32>
    %hr = tensor.extract_slice %rh[0, 0] [1, 256] [1, 1] : tensor<3x256xf32> to tensor<256xf32>
    %hz = tensor.extract_slice %rh[1, 0] [1, 256] [1, 1] : tensor<3x256xf32> to tensor<256xf32>
    %hn = tensor.extract_slice %rh[2, 0] [1, 256] [1, 1] : tensor<3x256xf32> to tensor<256xf32>
    %ar = arith.addf %xr, %hr : tensor<256xf32>
    %nr = arith.negf %ar : tensor<256xf32>
    %er = math.exp %nr : tensor<256xf32>
    %pr = arith.addf %er, %one : tensor<256xf32>
    %reset = arith.divf %one, %pr : tensor<256xf32>
    %az = arith.addf %xz, %hz : tensor<256xf32>
    %nz = arith.negf %az : tensor<256xf32>
    %ez = math.exp %nz : tensor<256xf32>
    %pz = arith.addf %ez, %one : tensor<256xf32>
    %z = arith.divf %one, %pz : tensor<256xf32>
    %hc = arith.addf %hn, %ct : tensor<256xf32>
    %rc = arith.mulf %reset, %hc : tensor<256xf32>
    %an = arith.addf %xn, %rc : tensor<256xf32>
    %n = math.tanh %an : tensor<256xf32>
    %diff = arith.subf %s, %n : tensor<256xf32>
    %zd = arith.mulf %z, %diff : tensor<256xf32>
    %next = arith.addf %n, %zd : tensor<256xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x256xf32>, tensor<?x256xf32>
}
