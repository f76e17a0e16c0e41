// An affine recurrence is a scan over transitions and writes, which are computed before,
// its outputs after.  Every combine region is proved associative over the reals.
// RUN: seq-opt %s -canonicalize -seqc-recurrence-to-scan -canonicalize | FileCheck %s
// RUN: seq-opt %s -seqc-recurrence-to-scan -seqc-check-monoids=solver=1 -verify-diagnostics -o /dev/null

// CHECK-LABEL: @hgrn
// CHECK: %[[E:.*]] = seqc.recurrence seq(%arg0 : (b, t, d)) {
// CHECK: math.exp
// CHECK: %[[S:.*]]:4 = seqc.scan seq(%[[E]], %arg1 : (b, t, d)) identity({{.*}}) initial({{.*}} : (), %arg2 : (b, d)) final {
// CHECK: ^bb0(%l0: f32, %l1: f32, %r0: f32, %r1: f32):
// CHECK-DAG: %[[P:.*]] = arith.mulf %r0, %l0
// CHECK-DAG: %[[C:.*]] = arith.mulf %r0, %l1
// CHECK: %[[X:.*]] = arith.addf %[[C]], %r1
// CHECK: seqc.yield out(%[[P]], %[[X]])
// CHECK: seqc.recurrence seq(%[[S]]#1
// CHECK: math.tanh
// CHECK: return {{.*}}, %[[S]]#3
func.func @hgrn(%g: tensor<?x?x?xf32>, %x: tensor<?x?x?xf32>, %s0: tensor<?x?xf32>) -> (tensor<?x?x?xf32>, tensor<?x?xf32>) {
  %y, %sT = seqc.recurrence seq(%g, %x : (b, t, d)) carry(%s0 : (b, d)) {
  ^step(%gt: f32, %xt: f32, %s: f32):
    %a = math.exp %gt : f32
    %k = arith.mulf %s, %a : f32
    %n = arith.addf %xt, %k : f32
    %o = math.tanh %n : f32
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?xf32>, tensor<?x?xf32>
}

// Real and imaginary part are two numbers of the transition, not four.
// CHECK-LABEL: @complex
// CHECK: seqc.scan seq({{.*}} : (t, p)) identity({{.*}}) initial({{.*}}, {{.*}} : (), %arg4, %arg5 : (p)) resets(%arg6 : (t)) final {
// CHECK-NEXT: ^bb0(%l0: f32, %l1: f32, %l2: f32, %l3: f32, %r0: f32, %r1: f32, %r2: f32, %r3: f32):
// CHECK-NEXT: %[[A:.*]] = arith.mulf %r0, %l0
// CHECK-NEXT: %[[B:.*]] = arith.mulf %r1, %l1
// CHECK-NEXT: arith.subf %[[A]], %[[B]]
// CHECK-NOT: seqc.recurrence
// CHECK: return
func.func @complex(%xr: tensor<?x?xf32>, %xi: tensor<?x?xf32>, %ar: tensor<?xf32>, %ai: tensor<?xf32>, %r0: tensor<?xf32>, %i0: tensor<?xf32>, %done: tensor<?xi8>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %yr, %yi, %rT, %iT = seqc.recurrence seq(%xr, %xi : (t, p)) weight(%ar, %ai : (p)) carry(%r0, %i0 : (p)) resets(%done : (t)) {
  ^step(%xrt: f32, %xit: f32, %a: f32, %b: f32, %r: f32, %i: f32):
    %0 = arith.mulf %a, %r : f32
    %1 = arith.mulf %b, %i : f32
    %2 = arith.subf %0, %1 : f32
    %nr = arith.addf %2, %xrt : f32
    %3 = arith.mulf %b, %r : f32
    %4 = arith.mulf %a, %i : f32
    %5 = arith.addf %3, %4 : f32
    %ni = arith.addf %5, %xit : f32
    seqc.yield out(%nr, %ni) carry(%nr, %ni)
  }
  return %yr, %yi : tensor<?x?xf32>, tensor<?x?xf32>
}

// A transition that mixes the elements of a state is a matrix.
// CHECK-LABEL: @matrix
// CHECK: seqc.scan
// CHECK-NEXT: ^bb0(%l0: tensor<3x3xf32>, %l1: tensor<3xf32>, %r0: tensor<3x3xf32>, %r1: tensor<3xf32>):
// CHECK-NEXT: seqc.einsum "im,mq->iq"(%r0, %l0)
// CHECK-NEXT: %[[X:.*]] = seqc.einsum "iq,q->i"(%r0, %l1)
// CHECK-NEXT: arith.addf %[[X]], %r1
func.func @matrix(%a: tensor<?x3x3xf32>, %x: tensor<?x3xf32>, %g: tensor<?xf32>, %s0: tensor<3xf32>) -> tensor<3xf32> {
  %sT = seqc.recurrence seq(%a, %x, %g : (t)) carry(%s0 : ()) {
  ^step(%at: tensor<3x3xf32>, %xt: tensor<3xf32>, %gt: f32, %s: tensor<3xf32>):
    %r = seqc.einsum "ij,j->i"(%at, %s)
    %k = seqc.einsum ",i->i"(%gt, %s)
    %p = arith.addf %r, %k : tensor<3xf32>
    %n = arith.addf %p, %xt : tensor<3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<3xf32>
}

// Two states with scalar coefficients: the blocks of vectors are numbers.
// CHECK-LABEL: @momentum
// CHECK: seqc.scan
// CHECK-NEXT: ^bb0(%l0: f32, %l1: f32, %l2: f32, %l3: f32, %l4: tensor<4xf32>, %l5: tensor<4xf32>,
func.func @momentum(%x: tensor<?x4xf32>, %e: tensor<?xf32>, %p0: tensor<4xf32>, %v0: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %pT, %vT = seqc.recurrence seq(%x, %e : (t)) carry(%p0, %v0 : ()) {
  ^step(%xt: tensor<4xf32>, %et: f32, %p: tensor<4xf32>, %v: tensor<4xf32>):
    %ev = seqc.einsum ",d->d"(%et, %v)
    %ep = seqc.einsum ",d->d"(%et, %p)
    %v1 = arith.subf %ev, %ep : tensor<4xf32>
    %vn = arith.addf %v1, %xt : tensor<4xf32>
    %pn = arith.addf %p, %vn : tensor<4xf32>
    seqc.yield carry(%pn, %vn)
  }
  return %pT, %vT : tensor<4xf32>, tensor<4xf32>
}

// Over (max,+) a gate is added; the state before the token is what an exclusive scan
// gives, and the one after is computed from it.
// CHECK-LABEL: @decayed_maximum
// CHECK: seqc.scan {{.*}} exclusive final {
// CHECK-NEXT: ^bb0(%l0: f32, %l1: f32, %r0: f32, %r1: f32):
// CHECK-NEXT: arith.addf %r0, %l0
// CHECK-NEXT: %[[S:.*]] = arith.addf %r0, %l1
// CHECK-NEXT: arith.maximumf %[[S]], %r1
// CHECK: seqc.recurrence
// CHECK: arith.maximumf
func.func @decayed_maximum(%x: tensor<?xf32>, %g: tensor<?xf32>, %m0: tensor<f32>) -> (tensor<?xf32>, tensor<f32>) {
  %o, %mT = seqc.recurrence seq(%x, %g : (t)) carry(%m0 : ()) {
  ^step(%xt: f32, %gt: f32, %m: f32):
    %s = arith.subf %m, %gt : f32
    %n = arith.maximumf %xt, %s : f32
    %d = arith.subf %n, %m : f32
    seqc.yield out(%d) carry(%n)
  }
  return %o, %mT : tensor<?xf32>, tensor<f32>
}

// A log-sum-exp has no transition; what a flagged token starts from is in its element.
// CHECK-LABEL: @log_sum_exp
// CHECK: %[[E:.*]] = seqc.recurrence seq(%arg0, %arg1 : (t)) weight(%arg3 : ())
// CHECK: arith.select
// CHECK: seqc.scan seq(%[[E]] : (t)) identity({{.*}}) initial(%arg2 : ()) resets(%arg1 : (t)) final {
// CHECK-NEXT: ^bb0(%l0: f32, %r0: f32):
func.func @log_sum_exp(%x: tensor<?xf32>, %f: tensor<?xi8>, %s0: tensor<f32>, %again: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) restart(%again : ()) resets(%f : (t)) {
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

// A state that takes over another's old value needs it of every token.
// CHECK-LABEL: @delayed
// CHECK: %[[S:.*]]:4 = seqc.scan {{.*}} exclusive final
// CHECK: seqc.recurrence seq({{.*}}%[[S]]#1{{.*}}) carry(%arg2 : ())
// CHECK: return
func.func @delayed(%x: tensor<?xf32>, %h0: tensor<f32>, %d0: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %hT, %dT = seqc.recurrence seq(%x : (t)) carry(%h0, %d0 : ()) {
  ^step(%xt: f32, %h: f32, %d: f32):
    %c = arith.constant 0.5 : f32
    %k = arith.mulf %c, %h : f32
    %n = arith.addf %k, %xt : f32
    seqc.yield carry(%n, %h)
  }
  return %hT, %dT : tensor<f32>, tensor<f32>
}
