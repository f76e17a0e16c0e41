// Mamba-1: 16 states a channel, each an exponential of 20 operations, 3 products and a sum.

func.func @mamba1(%u: tensor<?x?x?xbf16>, %delta: tensor<?x?x?xf32> {seqc.draw = "uniform(0.01,0.2)"},
                  %A: tensor<?x16xf32> {seqc.draw = "exp(1)"}, %B: tensor<?x?x16xbf16>,
                  %C: tensor<?x?x16xbf16>, %D: tensor<?xf32>, %h0: tensor<?x?x16xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?x16xf32>)
    attributes {seqc.sizes = {b = 2, t = 65, d = 75}, seqc.bench = {b = 8, t = 8192, d = 1024},
               seqc.bar = {operations = 400, least = 50}} {
  %y, %hT = seqc.recurrence seq(%u, %delta : (b, t, d), %B, %C : (b, t)) weight(%A, %D : (d)) carry(%h0 : (b, d)) {
  ^step(%ut: f32, %dt: f32, %Bt: tensor<16xbf16>, %Ct: tensor<16xbf16>, %At: tensor<16xf32>, %Dt: f32,
        %h: tensor<16xf32>):
    %z = seqc.einsum ",n->n"(%dt, %At)
    %a = math.exp %z : tensor<16xf32>
    %kept = arith.mulf %a, %h : tensor<16xf32>
    %du = arith.mulf %dt, %ut : f32
    %in = seqc.einsum "n,->n"(%Bt, %du)
    %next = arith.addf %kept, %in : tensor<16xf32>
    %r = seqc.einsum "n,n->"(%Ct, %next)
    %skip = arith.mulf %Dt, %ut : f32
    %o = arith.addf %r, %skip : f32
    seqc.yield out(%o) carry(%next)
  }
  return %y, %hT : tensor<?x?x?xf32>, tensor<?x?x16xf32>
}
