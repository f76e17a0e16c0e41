// What is not affine is named, and stays as it is.
// RUN: seq-opt %s -seqc-derive-structure=remarks=1 -verify-diagnostics | FileCheck %s

// CHECK: seqc.structure = ["0: C7"]
func.func @tanh(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{state0: C7, not affine: 'math.tanh' of a value that depends on the state; runs one token after the other}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %a = arith.addf %xt, %s : f32
    %n = math.tanh %a : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

func.func @square(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{not affine: 'arith.mulf' of a value that depends on the state}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.mulf %s, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}
