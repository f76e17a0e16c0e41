// Elementwise operations are computed before their operands are repeated, and the
// class of a step does not depend on which of the two was written first.
// RUN: seq-opt %s -seqc-sink-broadcasts | FileCheck %s
// RUN: seq-opt %s -seqc-sink-broadcasts -seqc-derive-structure | FileCheck %s --check-prefix=CLASS

// CHECK-LABEL: @scalar
// CHECK: %[[E:.*]] = math.exp %{{.*}} : f32
// CHECK: tensor.splat %[[E]] : tensor<8x4xf32>
// CHECK-NOT: math.exp
// CLASS-LABEL: @scalar
// CLASS: seqc.factors = ["s0[i,j]: keeps exp(x2); writes x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
func.func @scalar(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %wide = tensor.splat %gt : tensor<8x4xf32>
    %a = math.exp %wide : tensor<8x4xf32>
    %kept = arith.mulf %a, %s : tensor<8x4xf32>
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// A gate for each key, repeated along the values; a constant repeats, too.
// CHECK-LABEL: @vector
// CHECK: %[[M:.*]] = arith.mulf %{{.*}}, %{{.*}} : tensor<8xf32>
// CHECK: %[[E:.*]] = math.exp %[[M]] : tensor<8xf32>
// CHECK: seqc.einsum "a,b->ab"(%[[E]],
// CLASS-LABEL: @vector
// CLASS: seqc.structure = ["0: C4.3"]
func.func @vector(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %ones = arith.constant dense<1.0> : tensor<4xf32>
  %half = arith.constant dense<0.5> : tensor<8x4xf32>
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %wide = seqc.einsum "k,v->kv"(%gt, %ones)
    %scaled = arith.mulf %wide, %half : tensor<8x4xf32>
    %a = math.exp %scaled : tensor<8x4xf32>
    %kept = arith.mulf %a, %s : tensor<8x4xf32>
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// Of two operands that repeat along different dimensions nothing is repeated in both;
// of a row and a scalar the row's dimension stays.
// CHECK-LABEL: @mixed
// CHECK: seqc.einsum "k,v->kv"
// CHECK: seqc.einsum "v,k->kv"
// CHECK: arith.addf %{{.*}}, %{{.*}} : tensor<8x4xf32>
// CHECK: %[[S:.*]] = tensor.splat %{{.*}} : tensor<4xf32>
// CHECK: arith.addf %{{.*}}, %[[S]] : tensor<4xf32>
func.func @mixed(%x: tensor<8xf32>, %y: tensor<4xf32>, %z: f32) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %ones4 = arith.constant dense<1.0> : tensor<4xf32>
  %ones8 = arith.constant dense<1.0> : tensor<8xf32>
  %a = seqc.einsum "k,v->kv"(%x, %ones4)
  %b = seqc.einsum "v,k->kv"(%y, %ones8)
  %sum = arith.addf %a, %b : tensor<8x4xf32>
  %c = tensor.splat %z : tensor<8x4xf32>
  %row = arith.addf %b, %c : tensor<8x4xf32>
  return %sum, %row : tensor<8x4xf32>, tensor<8x4xf32>
}

// A condition may be repeated; what an einsum repeats is never rounded to f32 and back.
// CHECK-LABEL: @types
// CHECK: %[[L:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// CHECK: tensor.splat %[[L]] : tensor<4xf32>
// CHECK: arith.truncf %{{.*}} : tensor<8x4xf32> to tensor<8x4xbf16>
func.func @types(%p: i1, %u: f32, %w: f32, %x: tensor<8xf32>) -> (tensor<4xf32>, tensor<8x4xbf16>) {
  %ones = arith.constant dense<1.0> : tensor<4xf32>
  %ps = tensor.splat %p : tensor<4xi1>
  %us = tensor.splat %u : tensor<4xf32>
  %ws = tensor.splat %w : tensor<4xf32>
  %s = arith.select %ps, %us, %ws : tensor<4xi1>, tensor<4xf32>
  %a = seqc.einsum "k,v->kv"(%x, %ones)
  %n = arith.truncf %a : tensor<8x4xf32> to tensor<8x4xbf16>
  return %s, %n : tensor<4xf32>, tensor<8x4xbf16>
}
