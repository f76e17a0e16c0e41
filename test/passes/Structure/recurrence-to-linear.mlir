// Recurrences become linear recurrences by structure; operands that are factors
// already are used as they are.
// RUN: seq-opt %s -canonicalize -seqc-recurrence-to-linear -canonicalize -cse | FileCheck %s

// CHECK-LABEL: @gla
// CHECK-NOT: seqc.recurrence
// CHECK: seqc.linear_recurrence initial(%arg4) gates(%arg3) writes(%arg1, %arg2, %cst) reads(%arg0, %cst)
// CHECK-SAME: gate_axes = array<i64: 0>, gate_logs = array<i1: true>
// CHECK-SAME: read_after = array<i1: true>
// CHECK-NOT: seqc.recurrence
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

// A gated delta rule reads the decayed state; a delta rule with the gate written
// the other way round is the same operation.
// CHECK-LABEL: @gated_delta
// CHECK: %[[MINUS:.*]] = seqc.recurrence seq(%arg2 : (t))
// CHECK: seqc.linear_recurrence initial(%arg4) gates(%arg3) pairs(%arg0, %arg0, %[[MINUS]]) writes(%arg0, %arg1, %arg2)
// CHECK-SAME: pair_decayed = array<i1: true>
func.func @gated_delta(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %b: tensor<?xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %b, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %bt: f32, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<4xf32>
    %u = seqc.einsum ",k,v->kv"(%bt, %kt, %d)
    %n = arith.addf %old, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// A maximum that feeds the gates stays a recurrence of scalars and hands on its
// states; what follows the read is a step without state.
// CHECK-LABEL: @max_state
// CHECK: %[[M:.*]]:3 = seqc.recurrence {{.*}} carry(%arg5 : ())
// CHECK: seqc.recurrence seq({{.*}}%[[M]]#0
// CHECK: %[[L:.*]]:2 = seqc.linear_recurrence initial(%arg4)
// CHECK: seqc.recurrence seq({{.*}}%[[L]]#0
// CHECK: math.tanh
func.func @max_state(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %i: tensor<?xf32>, %s0: tensor<8x4xf32>, %m0: f32) -> (tensor<?x4xf32>, tensor<8x4xf32>, tensor<f32>) {
  %o, %sT, %mT = seqc.recurrence seq(%q, %k, %v, %i : (t)) carry(%s0, %m0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %it: f32, %s: tensor<8x4xf32>, %m: f32):
    %mn = arith.maximumf %m, %it : f32
    %d = arith.subf %m, %mn : f32
    %a = math.exp %d : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<8x4xf32>
    %r = seqc.einsum "k,kv->v"(%qt, %n)
    %ot = math.tanh %r : tensor<4xf32>
    seqc.yield out(%ot) carry(%n, %mn)
  }
  return %o, %sT, %mT : tensor<?x4xf32>, tensor<8x4xf32>, tensor<f32>
}

// A vector state with the gate and the key of a matrix state is a matrix of one column.
// CHECK-LABEL: @column
// CHECK: %[[S:.*]]:2 = seqc.linear_recurrence initial(%{{.*}}) gates(%[[G:.*]]) writes(%[[K:.*]], %{{.*}}, %[[ONE:.*]]) reads
// CHECK: %[[N0:.*]] = tensor.expand_shape {{.*}} : tensor<8xf32> into tensor<8x1xf32>
// CHECK: %[[N:.*]]:2 = seqc.linear_recurrence initial(%[[N0]]) gates(%{{.*}}) writes(%[[K]], %{{.*}}, %{{.*}}) reads
// CHECK: tensor.collapse_shape %[[N]]#1 {{.*}} : tensor<8x1xf32> into tensor<8xf32>
func.func @column(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>, %n0: tensor<8xf32>)
    -> (tensor<?x4xf32>, tensor<8xf32>) {
  %o, %sT, %nT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0, %n0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>, %n: tensor<8xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %old, %kv : tensor<8x4xf32>
    %keep = seqc.einsum ",k->k"(%a, %n)
    %nn = arith.addf %keep, %kt : tensor<8xf32>
    %num = seqc.einsum "k,kv->v"(%qt, %next)
    %den = seqc.einsum "k,k->"(%qt, %nn)
    %all = tensor.splat %den : tensor<4xf32>
    %ot = arith.divf %num, %all : tensor<4xf32>
    seqc.yield out(%ot) carry(%next, %nn)
  }
  return %o, %nT : tensor<?x4xf32>, tensor<8xf32>
}

// One that the outputs need whole stays a recurrence of its own.
// CHECK-LABEL: @whole
// CHECK: seqc.linear_recurrence
// CHECK-NOT: seqc.linear_recurrence
// CHECK: seqc.recurrence {{.*}} carry(%{{.*}} : ())
// CHECK-NOT: seqc.linear_recurrence
// CHECK: return
func.func @whole(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<8x4xf32>, %n0: tensor<8xf32>)
    -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %o, %ns, %sT, %nT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0, %n0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>, %n: tensor<8xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<8x4xf32>
    %nn = arith.addf %n, %kt : tensor<8xf32>
    %num = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%num, %nn) carry(%next, %nn)
  }
  return %o, %ns : tensor<?x4xf32>, tensor<?x8xf32>
}

// One matrix for all tokens: states are stacked, what is written is a key that no token
// changes and a number.
// CHECK-LABEL: @dense
// CHECK: %[[A:.*]] = tensor.collapse_shape {{.*}} : tensor<1x1x8x8xf32> into tensor<1x8x8xf32>
// CHECK: seqc.linear_recurrence initial(%{{.*}}) writes(%arg2, %{{.*}}, %arg0) reads(%arg2, %{{.*}}) constant(%[[A]])
// CHECK-SAME: tensor<1x8x8xf32>) -> (tensor<?x1xf32>, tensor<8x1xf32>)
func.func @dense(%u: tensor<?xf32>, %A: tensor<8x8xf32>, %B: tensor<8xf32>, %s0: tensor<8xf32>) -> (tensor<?xf32>, tensor<8xf32>) {
  %y, %sT = seqc.recurrence seq(%u : (t)) weight(%A, %B : ()) carry(%s0 : ()) {
  ^step(%ut: f32, %At: tensor<8x8xf32>, %Bt: tensor<8xf32>, %s: tensor<8xf32>):
    %kept = seqc.einsum "ij,j->i"(%At, %s)
    %in = seqc.einsum "i,->i"(%Bt, %ut)
    %n = arith.addf %kept, %in : tensor<8xf32>
    %o = seqc.einsum "i,i->"(%Bt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?xf32>, tensor<8xf32>
}

// Real and imaginary part: blocks of 2 x 2, one for each element.
// CHECK-LABEL: @complex
// CHECK: seqc.linear_recurrence {{.*}} constant({{.*}} tensor<5x2x2xf32>) -> tensor<10x1xf32>
func.func @complex(%x: tensor<?x5xf32>, %a: tensor<5xf32>, %b: tensor<5xf32>, %r0: tensor<5xf32>, %i0: tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>) {
  %rT, %iT = seqc.recurrence seq(%x : (t)) weight(%a, %b : ()) carry(%r0, %i0 : ()) {
  ^step(%xt: tensor<5xf32>, %at: tensor<5xf32>, %bt: tensor<5xf32>, %r: tensor<5xf32>, %i: tensor<5xf32>):
    %0 = arith.mulf %at, %r : tensor<5xf32>
    %1 = arith.mulf %bt, %i : tensor<5xf32>
    %2 = arith.subf %0, %1 : tensor<5xf32>
    %rn = arith.addf %2, %xt : tensor<5xf32>
    %3 = arith.mulf %bt, %r : tensor<5xf32>
    %4 = arith.mulf %at, %i : tensor<5xf32>
    %in = arith.addf %3, %4 : tensor<5xf32>
    seqc.yield carry(%rn, %in)
  }
  return %rT, %iT : tensor<5xf32>, tensor<5xf32>
}

// Corrections along the second dimension: the state is held transposed.
// CHECK-LABEL: @second
// CHECK-NOT: seqc.recurrence
// CHECK: %[[T:.*]] = linalg.transpose ins(%{{.*}} : tensor<5x3xf32>)
// CHECK: %[[L:.*]]:2 = seqc.linear_recurrence initial(%[[T]]) {{.*}}reads(%{{.*}}) {{.*}}read_axes = array<i64: 1>
// CHECK: linalg.transpose ins(%[[L]]#1 : tensor<3x5xf32>)
func.func @second(%q: tensor<?x5xf32>, %k: tensor<?x5xf32>, %v: tensor<?x3xf32>, %s0: tensor<5x3xf32>) -> (tensor<?x3xf32>, tensor<5x3xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<5xf32>, %kt: tensor<5xf32>, %vt: tensor<3xf32>, %s: tensor<5x3xf32>):
    %r = seqc.einsum "v,kv->k"(%vt, %s)
    %d = arith.subf %kt, %r : tensor<5xf32>
    %w = seqc.einsum "k,v->kv"(%d, %vt)
    %n = arith.addf %s, %w : tensor<5x3xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x3xf32>, tensor<5x3xf32>
}
