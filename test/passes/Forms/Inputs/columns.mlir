func.func @columns(%g: tensor<?x4xf32>, %l: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %sT = seqc.linear_recurrence initial(%s0) gates(%g) pairs(%l, %l, %one)
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: 1>, gate_logs = array<i1: true>, pair_decayed = array<i1: false>,
       read_axes = array<i64>, read_after = array<i1>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<f32>) -> tensor<8x4xf32>
  return %sT : tensor<8x4xf32>
}
