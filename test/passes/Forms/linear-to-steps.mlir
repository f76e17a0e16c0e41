// The canonical form, one token after the other.
// RUN: seq-opt %s -seqc-recurrence-to-linear -seqc-linear-to-steps -canonicalize | FileCheck %s

// CHECK-LABEL: @gla
// CHECK-NOT: seqc.linear_recurrence
// CHECK: seqc.recurrence seq(%arg3, %arg1, %arg2, %arg0 : (t))
// CHECK: %[[A:.*]] = math.exp %x0
// CHECK: %[[KEPT:.*]] = seqc.einsum "k,kv->kv"(%[[A]], %s0)
// CHECK: %[[KV:.*]] = seqc.einsum "k,v,->kv"(%x1, %x2, %w0)
// CHECK: %[[N:.*]] = arith.addf %[[KEPT]], %[[KV]]
// CHECK: %[[O:.*]] = seqc.einsum "k,kv,->v"(%x3, %[[N]], %w1)
// CHECK: seqc.yield out(%[[O]]) carry(%[[N]])
func.func @gla(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %a = math.exp %gt : tensor<8xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}
