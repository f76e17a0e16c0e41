// What is no scan stays, with the reason; with `force` it is an error.
// RUN: seq-opt %s -seqc-recurrence-to-scan=remarks=1 -split-input-file -verify-diagnostics
// RUN: not seq-opt %s -seqc-recurrence-to-scan=force=1 -split-input-file 2>&1 | FileCheck %s

// CHECK: error: the recurrence has no scan form: no component is elementwise affine
func.func @cell(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{stays a recurrence: no component is elementwise affine}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %a = arith.addf %xt, %s : f32
    %n = math.tanh %a : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// -----

// CHECK: error: the recurrence has no scan form: a state is a matrix
func.func @matrix(%x: tensor<?x4x4xf32>, %s0: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-remark @below {{stays a recurrence: a state is a matrix}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: tensor<4x4xf32>, %s: tensor<4x4xf32>):
    %n = arith.addf %xt, %s : tensor<4x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x4xf32>
}

// -----

// CHECK: error: the recurrence has no scan form: it has snapshots
func.func @snapshot(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{stays a recurrence: it has snapshots}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) snapshot(0 every 2) {
  ^step(%xt: f32, %s: f32, %old: f32):
    %n = arith.addf %xt, %old : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}
