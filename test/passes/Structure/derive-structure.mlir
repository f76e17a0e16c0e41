// The class follows from the mathematics of the step, not from its spelling.
// RUN: seq-opt %s -seqc-derive-structure | FileCheck %s

// The delta rule as it is usually written ...
// CHECK-LABEL: @delta_update
// CHECK: seqc.structure = ["0: C5.0"]
func.func @delta_update(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %b: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %b : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %bt: f32, %s: tensor<8x4xf32>):
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %d = arith.subf %vt, %r : tensor<4xf32>
    %u = seqc.einsum ",k,v->kv"(%bt, %kt, %d)
    %n = arith.addf %s, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// ... expanded, with the state transposed twice and the scale elsewhere.
// CHECK-LABEL: @delta_expanded
// CHECK: seqc.structure = ["0: C5.0"]
func.func @delta_expanded(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %b: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %b : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %bt: f32, %s: tensor<8x4xf32>):
    %st = seqc.einsum "kv->vk"(%s)
    %kb = seqc.einsum "k,->k"(%kt, %bt)
    %r = seqc.einsum "vk,k->v"(%st, %kb)
    %kkS = seqc.einsum "v,k->kv"(%r, %kt)
    %kv = seqc.einsum "v,k->kv"(%vt, %kb)
    %m = arith.subf %s, %kkS : tensor<8x4xf32>
    %n = arith.addf %kv, %m : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// The gate after the write is a gate on the write, too.
// CHECK-LABEL: @gate_after_write
// CHECK: seqc.structure = ["0: C4.3"]
func.func @gate_after_write(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %w = arith.addf %s, %kv : tensor<8x4xf32>
    %a = math.exp %gt : tensor<8xf32>
    %n = seqc.einsum "kv,k->kv"(%w, %a)
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// Equal terms cancel: the state drops out.
// CHECK-LABEL: @cancels
// CHECK: seqc.structure = ["0: C0"]
func.func @cancels(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %a = arith.mulf %xt, %s : f32
    %b = arith.addf %xt, %a : f32
    %n = arith.subf %b, %a : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// logaddexp, as max + log1p(exp(-|difference|)).
// CHECK-LABEL: @logaddexp
// CHECK: seqc.structure = ["0: C1 (logaddexp,+)"]
func.func @logaddexp(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %m = arith.maximumf %s, %xt : f32
    %d = arith.subf %xt, %s : f32
    %a = math.absf %d : f32
    %na = arith.negf %a : f32
    %e = math.exp %na : f32
    %l = math.log1p %e : f32
    %n = arith.addf %m, %l : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// A maximum written as a selection, with decay.
// CHECK-LABEL: @max_select
// CHECK: seqc.structure = ["0: C1 (max,+)"]
func.func @max_select(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %c = arith.constant -0.5 : f32
    %f = arith.addf %s, %c : f32
    %g = arith.cmpf olt, %f, %xt : f32
    %n = arith.select %g, %xt, %f : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}
