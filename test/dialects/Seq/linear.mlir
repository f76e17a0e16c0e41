// The canonical linear recurrence: printing and parsing.
// RUN: seq-opt %s | seq-opt | FileCheck %s

// CHECK-LABEL: @delta
// CHECK: %[[Y:.*]]:2 = seqc.linear_recurrence initial(%arg5) gates(%arg0) pairs(%arg1, %arg1, %arg3) writes(%arg1, %arg2, %arg3) reads(%arg4, %cst)
// CHECK-SAME: gate_axes = array<i64: -1>, gate_logs = array<i1: true>
// CHECK-SAME: out_map = #seqc.axes<t>, pair_decayed = array<i1: true>, read_after = array<i1: true>, read_axes = array<i64: 0>, reverse
// CHECK: return %[[Y]]#0, %[[Y]]#1
func.func @delta(%g: tensor<?xf32>, %k: tensor<?x8xbf16>, %v: tensor<?x4xf32>, %b: tensor<?xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  %y, %sT = seqc.linear_recurrence initial(%s0) gates(%g) pairs(%k, %k, %b) writes(%k, %v, %b) reads(%q, %one)
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1: true>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>, reverse}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xbf16>, tensor<?x8xbf16>, tensor<?xf32>, tensor<?x8xbf16>, tensor<?x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return %y, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}
