// Beside an entry, a function for one token: no time dimension, the state updated
// in place.
// RUN: seq-opt %s -seqc-add-decode -canonicalize | FileCheck %s

// CHECK-LABEL: func.func @f(
// CHECK-LABEL: func.func @f_step(
// CHECK-SAME: %arg0: tensor<?x8xf32>, %arg1: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32> {seqc.in_place = 1 : i64, seqc.name = "state0_next"})
// CHECK: tensor.expand_shape %arg0 {{.*}} : tensor<?x8xf32> into tensor<1x?x8xf32>
// CHECK: seqc.recurrence {{.*}} carry(%arg1 : (b))
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x?x8xf32> into tensor<?x8xf32>
func.func @f(%x: tensor<?x?x8xf32>, %s0: tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (t, b)) carry(%s0 : (b)) {
  ^step(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %xt, %s : tensor<8xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?x?x8xf32>, tensor<?x8xf32>
}

// A state that starts at a constant becomes an argument.
// CHECK-LABEL: func.func @constant_start_step(
// CHECK-SAME: %arg0: tensor<?xf32>, %arg1: tensor<?xf32>{{.*}}) -> (tensor<?xf32>, tensor<?xf32> {seqc.in_place = 1 : i64
func.func @constant_start(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %z = arith.constant 0.0 : f32
  %y, %sT = seqc.recurrence seq(%x : (b, t)) carry(%z : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y : tensor<?x?xf32>
}
