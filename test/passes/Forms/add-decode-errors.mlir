// Functions without a one-token step, and why.
// RUN: seq-opt %s -seqc-add-decode=remarks=1 -verify-diagnostics | FileCheck %s

// CHECK-NOT: _step
// expected-remark @below {{no one-token step: it runs in reverse}}
func.func @backwards(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) reverse {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// expected-remark @below {{no one-token step: it has packed segments}}
func.func @packed(%x: tensor<?xf32>, %s0: tensor<?xf32>, %cu: tensor<?xi32>) -> tensor<?xf32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<?xf32>
}

// expected-remark @below {{no one-token step: it depends on the position}}
func.func @position(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) first {
  ^step(%xt: f32, %s: f32, %is: i1):
    %n = arith.select %is, %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// expected-remark @below {{no one-token step: it has no state}}
func.func @pointwise(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %n = arith.negf %xt : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}

// expected-remark @below {{no one-token step: 'tensor.empty' is not part of a step}}
func.func @other(%x: tensor<4xf32>, %s0: tensor<f32>) -> (tensor<f32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %e : tensor<f32>, tensor<4xf32>
}
