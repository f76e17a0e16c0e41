// Functions without a one-token step, and why.
// RUN: seq-opt %s -seqc-add-decode="remarks=1 maps=1" -verify-diagnostics | FileCheck %s

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

// expected-remark @below {{no one-token step: some of its recurrences have packed segments and others do not}}
func.func @mixed(%x: tensor<?xf32>, %s0: tensor<?xf32>, %r0: tensor<f32>, %cu: tensor<?xi32>) -> (tensor<?xf32>, tensor<f32>) {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  %rT = seqc.recurrence seq(%x : (t)) carry(%r0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %rT : tensor<?xf32>, tensor<f32>
}

// expected-remark @below {{no one-token step: it has several tables of segments}}
func.func @tables(%x: tensor<?xf32>, %s0: tensor<?xf32>, %r0: tensor<?xf32>, %cu: tensor<?xi32>, %cv: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  %rT = seqc.recurrence seq(%x : (t)) carry(%r0 : (s)) segments(%cv : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %rT : tensor<?xf32>, tensor<?xf32>
}

// expected-remark @below {{no one-token step: an operand has its tokens along different dimensions}}
func.func @turned(%x: tensor<?x?xf32>, %s0: tensor<?xf32>, %r0: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %sT = seqc.recurrence seq(%x : (t, b)) carry(%s0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  %rT = seqc.recurrence seq(%x : (b, t)) carry(%r0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %rT : tensor<?xf32>, tensor<?xf32>
}

// expected-remark @below {{no one-token step: it returns an operand over time}}
func.func @returned(%x: tensor<?xf32>, %s0: tensor<f32>) -> (tensor<f32>, tensor<?xf32>) {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %x : tensor<f32>, tensor<?xf32>
}

// expected-remark @below {{no one-token step: an operand over time is a constant}}
func.func @table(%x: tensor<3xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %c = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %sT = seqc.recurrence seq(%x, %c : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %ct: f32, %s: f32):
    %m = arith.mulf %xt, %ct : f32
    %n = arith.addf %m, %s : f32
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
