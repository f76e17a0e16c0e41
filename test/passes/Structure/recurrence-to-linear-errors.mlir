// What has no canonical form stays, with the reason; with `force` it is an error.
// RUN: seq-opt %s -seqc-recurrence-to-linear=remarks=1 -split-input-file -verify-diagnostics
// RUN: not seq-opt %s -seqc-recurrence-to-linear=force=1 -split-input-file 2>&1 | FileCheck %s

// CHECK: error: the recurrence has no chunked form: no component is a gated sum of outer products
func.func @affine(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{stays a recurrence: no component is a gated sum of outer products}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %s, %xt : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// -----

// CHECK: error: the recurrence has no chunked form: a matrix state is used as a whole
func.func @whole(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<8x4xf32>) -> tensor<?x8x4xf32> {
  // expected-remark @below {{stays a recurrence: a matrix state is used as a whole}}
  %o, %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %kv : tensor<8x4xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %o : tensor<?x8x4xf32>
}

// -----

// CHECK: error: the recurrence has no chunked form: a component of class C7 has a matrix state
func.func @nonlinear(%k: tensor<?x8xf32>, %s0: tensor<8x8xf32>) -> tensor<8x8xf32> {
  // expected-remark @below {{stays a recurrence: a component of class C7 has a matrix state}}
  %sT = seqc.recurrence seq(%k : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %s: tensor<8x8xf32>):
    %kk = seqc.einsum "k,v->kv"(%kt, %kt)
    %a = arith.addf %s, %kk : tensor<8x8xf32>
    %n = math.tanh %a : tensor<8x8xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x8xf32>
}

// -----

// A rotation of two matrices by an angle of the token.
// CHECK: error: the recurrence has no chunked form: matrix states are coupled (C4.2 complex) by a block that changes with the token: a chunk would need its products for every pair of tokens
func.func @coupled(%k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %a: tensor<?xf32>, %b: tensor<?xf32>, %s0: tensor<4x3xf32>, %m0: tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  // expected-remark @below {{stays a recurrence: matrix states are coupled (C4.2 complex) by a block that changes with the token}}
  %sT, %mT = seqc.recurrence seq(%k, %v, %a, %b : (t)) carry(%s0, %m0 : ()) {
  ^step(%kt: tensor<4xf32>, %vt: tensor<3xf32>, %at: f32, %bt: f32, %s: tensor<4x3xf32>, %m: tensor<4x3xf32>):
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %x = seqc.einsum ",kv->kv"(%at, %s)
    %y = seqc.einsum ",kv->kv"(%bt, %m)
    %turned = arith.subf %x, %y : tensor<4x3xf32>
    %sn = arith.addf %turned, %w : tensor<4x3xf32>
    %z = seqc.einsum ",kv->kv"(%bt, %s)
    %u = seqc.einsum ",kv->kv"(%at, %m)
    %mn = arith.addf %z, %u : tensor<4x3xf32>
    seqc.yield carry(%sn, %mn)
  }
  return %sT, %mT : tensor<4x3xf32>, tensor<4x3xf32>
}

// -----

// A scan as it is written, and nothing beside it that has a step.
// CHECK: error: the scan has no chunked form: it is combined as it is written, with no step to make chunks of
func.func @written(%x: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %sum = arith.addf %l, %r : f32
    seqc.yield out(%sum)
  }
  return %y : tensor<?xf32>
}
