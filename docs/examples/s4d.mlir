// S4D with real poles: h_t[n] = exp(dt A_n) h_{t-1}[n] + B_n u_t, y_t = sum_n C_n h_t[n] + D u_t.
// Gu et al., "On the Parameterization and Initialization of Diagonal State Space
// Models", 2022.
// u: [b, t, d] f32; dt, D: [d]; A (negative), B, C: [d, 16]; h0: [b, d, 16].

func.func @s4d(%u: tensor<?x?x?xf32>, %dt: tensor<?xf32> {seqc.draw = "uniform(0.01,0.2)"},
               %A: tensor<?x16xf32> {seqc.draw = "exp(1)"}, %B: tensor<?x16xf32>,
               %C: tensor<?x16xf32>, %D: tensor<?xf32>, %h0: tensor<?x?x16xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?x16xf32>)
    attributes {seqc.sizes = {b = 2, t = 65, d = 45}, seqc.bench = {b = 2, t = 8192, d = 1024}} {
  %y, %hT = seqc.recurrence seq(%u : (b, t, d)) weight(%dt, %A, %B, %C, %D : (d)) carry(%h0 : (b, d)) {
  ^step(%ut: f32, %dtt: f32, %At: tensor<16xf32>, %Bt: tensor<16xf32>, %Ct: tensor<16xf32>, %Dt: f32,
        %h: tensor<16xf32>):
    %z = seqc.einsum ",n->n"(%dtt, %At)
    %a = math.exp %z : tensor<16xf32>
    %kept = arith.mulf %a, %h : tensor<16xf32>
    %in = seqc.einsum "n,->n"(%Bt, %ut)
    %next = arith.addf %kept, %in : tensor<16xf32>
    %r = seqc.einsum "n,n->"(%Ct, %next)
    %du = arith.mulf %Dt, %ut : f32
    %o = arith.addf %r, %du : f32
    seqc.yield out(%o) carry(%next)
  }
  return %y, %hT : tensor<?x?x?xf32>, tensor<?x?x16xf32>
}
