// RUN: seq-opt %s -canonicalize | FileCheck %s

// An output and a carry that nobody needs go, with the operand only they read.
// CHECK-LABEL: func.func @dead_parts
// CHECK: %[[Y:.*]] = seqc.recurrence seq(%{{.*}} : (t)) carry(%{{.*}} : ()) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[S:.*]]: f32):
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[S]], %[[X]]
// CHECK-NEXT: seqc.yield out(%[[N]]) carry(%[[N]])
func.func @dead_parts(%x: tensor<?xf32>, %z: tensor<?xf32>, %s0: f32) -> tensor<?xf32> {
  %y, %u, %sT, %vT = seqc.recurrence seq(%x, %z : (t)) carry(%s0, %s0 : ()) {
  ^step(%xt: f32, %zt: f32, %s: f32, %v: f32):
    %n = arith.addf %s, %xt : f32
    %m = arith.mulf %v, %zt : f32
    seqc.yield out(%n, %m) carry(%n, %m)
  }
  return %y : tensor<?xf32>
}

// CHECK-LABEL: func.func @identity_scan
// CHECK-NEXT: return %arg0
func.func @identity_scan(%x: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    seqc.yield out(%r)
  }
  return %y : tensor<?xf32>
}

// A state that never changes is its initial value.
// CHECK-LABEL: func.func @constant_carry
// CHECK-SAME: (%[[X:.*]]: tensor<?x?xf32>, %[[S0:.*]]: tensor<?xf32>)
// CHECK: return %{{.*}}, %[[S0]]
func.func @constant_carry(%x: tensor<?x?xf32>, %s0: tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (b, t)) carry(%s0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.mulf %s, %xt : f32
    seqc.yield out(%n) carry(%s)
  }
  return %y, %sT : tensor<?x?xf32>, tensor<?xf32>
}

// CHECK-LABEL: func.func @unit_letters
// CHECK: tensor.collapse_shape
// CHECK: seqc.einsum "k,k->"
func.func @unit_letters(%q: tensor<8xf32>, %s: tensor<8x1xf32>) -> tensor<1xf32> {
  %y = seqc.einsum "k,kv->v"(%q, %s)
  return %y : tensor<1xf32>
}

// CHECK-LABEL: func.func @unit_factor
// CHECK: seqc.einsum "k,kv->v"(%arg0, %arg1)
func.func @unit_factor(%q: tensor<8xf32>, %s: tensor<8x4xf32>) -> tensor<4xf32> {
  %one = arith.constant 1.0 : f32
  %y = seqc.einsum ",k,kv->v"(%one, %q, %s)
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @identity_einsum
// CHECK-NEXT: return %arg0
func.func @identity_einsum(%s: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %y = seqc.einsum "kv->kv"(%s)
  return %y : tensor<8x4xf32>
}

// An output that is an operand's token is the operand; with another order of axes it
// is not.
// CHECK-LABEL: func.func @passed_operand
// CHECK-SAME: (%[[X:.*]]: tensor<?x?xf32>, %[[Z:.*]]: tensor<?x?xf32>)
// CHECK: %[[Y:.*]] = seqc.recurrence seq(%[[X]], %[[Z]] : (b, t))
// CHECK: return %[[X]], %[[Y]]
func.func @passed_operand(%x: tensor<?x?xf32>, %z: tensor<?x?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %u, %y = seqc.recurrence seq(%x, %z : (b, t)) {
  ^step(%xt: f32, %zt: f32):
    %n = arith.mulf %xt, %zt : f32
    seqc.yield out(%xt, %n)
  }
  return %u, %y : tensor<?x?xf32>, tensor<?x?xf32>
}

// CHECK-LABEL: func.func @passed_transposed
// CHECK: %[[Y:.*]] = seqc.recurrence
// CHECK: return %[[Y]]
func.func @passed_transposed(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = seqc.recurrence seq(%x : (b, t)) out((t, b)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return %y : tensor<?x?xf32>
}
