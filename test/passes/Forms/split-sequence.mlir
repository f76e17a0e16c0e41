// Parts of a sequence: summaries, states before each, results; then what is left.
// RUN: seq-opt %s -seqc-recurrence-to-linear -seqc-split-sequence=parts=3 | FileCheck %s

// CHECK-LABEL: @gated
// CHECK: tensor.expand_shape {{.*}} into tensor<3x?xf32>
// The state after each part from zero, and the product of its gates:
// CHECK: seqc.linear_recurrence {{.*}} -> tensor<3x8x4xf32>
// CHECK: seqc.linear_recurrence {{.*}} -> tensor<3x8x1xf32>
// CHECK: seqc.recurrence seq({{.*}} : (t)) carry(%{{.*}} : ())
// CHECK: seqc.linear_recurrence {{.*}} -> (tensor<3x?x4xf32>, tensor<3x8x4xf32>)
// CHECK: seqc.linear_recurrence {{.*}} -> (tensor<?x4xf32>, tensor<8x4xf32>)
func.func @gated(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}

// A correction has a K x K transition.
// CHECK-LABEL: @corrected
// CHECK: seqc.linear_recurrence {{.*}} -> tensor<3x8x4xf32>
// CHECK: seqc.linear_recurrence {{.*}} -> tensor<3x8x8xf32>
// CHECK: seqc.einsum "kj,jv->kv"
func.func @corrected(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>):
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %d = arith.subf %vt, %r : tensor<4xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %s, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
