// LMU memory: m_t = A m_{t-1} + B u_t with constant dense A.
// Voelker, Kajic, Eliasmith, "Legendre Memory Units", 2019.
// u: [b, t] f32; A: [32, 32]; B: [32]; m0: [b, 32].

func.func @lmu(%u: tensor<?x?xf32>, %A: tensor<32x32xf32> {seqc.draw = "normal(0.1)"}, %B: tensor<32xf32>,
               %m0: tensor<?x32xf32>) -> (tensor<?x?x32xf32>, tensor<?x32xf32>)
    attributes {seqc.sizes = {b = 3, t = 65}, seqc.bench = {b = 16, t = 65536}} {
  %m, %mT = seqc.recurrence seq(%u : (b, t)) weight(%A, %B : ()) carry(%m0 : (b)) {
  ^step(%ut: f32, %At: tensor<32x32xf32>, %Bt: tensor<32xf32>, %s: tensor<32xf32>):
    %kept = seqc.einsum "ij,j->i"(%At, %s)
    %in = seqc.einsum "i,->i"(%Bt, %ut)
    %next = arith.addf %kept, %in : tensor<32xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %m, %mT : tensor<?x?x32xf32>, tensor<?x32xf32>
}
