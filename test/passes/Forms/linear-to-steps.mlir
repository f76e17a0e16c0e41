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

// The state's axes are those of `out_map`, whatever order the operands name them in.
// CHECK-LABEL: @axes
// CHECK: %[[R:.*]]:2 = seqc.recurrence
// CHECK: linalg.transpose ins(%[[R]]#1 {{.*}} permutation = [1, 0, 2, 3]
func.func @axes(%g: tensor<?x?xf32>, %k: tensor<?x?x?x8xf32>, %v: tensor<?x?x?x4xf32>, %q: tensor<?x?x?x8xf32>) -> (tensor<?x?x?x4xf32>, tensor<?x?x8x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  %s0 = arith.constant dense<0.0> : tensor<8x4xf32>
  %y, %sT = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one)
      {maps = [#seqc<axes()>, #seqc.axes<h, t>, #seqc.axes<b, t, h>, #seqc.axes<b, t, h>, #seqc<axes()>,
               #seqc.axes<b, t, h>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<b, t, h>}
      : (tensor<8x4xf32>, tensor<?x?xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x4xf32>, tensor<f32>,
         tensor<?x?x?x8xf32>, tensor<f32>) -> (tensor<?x?x?x4xf32>, tensor<?x?x8x4xf32>)
  return %y, %sT : tensor<?x?x?x4xf32>, tensor<?x?x8x4xf32>
}

// CHECK-LABEL: @dense
// CHECK: seqc.recurrence
// CHECK: %[[KEPT:.*]] = seqc.einsum "kj,jv->kv"(%{{.*}}, %s0)
// CHECK: arith.addf %[[KEPT]]
func.func @dense(%u: tensor<?x4xf32>, %q: tensor<?x8xf32>, %A: tensor<8x8xf32>, %B: tensor<8xf32>, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %y, %sT = seqc.recurrence seq(%u, %q : (t)) weight(%A, %B : ()) carry(%s0 : ()) {
  ^step(%ut: tensor<4xf32>, %qt: tensor<8xf32>, %At: tensor<8x8xf32>, %Bt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %kept = seqc.einsum "ij,jv->iv"(%At, %s)
    %in = seqc.einsum "i,v->iv"(%Bt, %ut)
    %n = arith.addf %kept, %in : tensor<8x4xf32>
    %o = seqc.einsum "i,iv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}
