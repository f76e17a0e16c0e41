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

// A scan's summary is its total; the states before parts are exclusive totals.
// CHECK-LABEL: @scan
// CHECK: %[[TOTAL:.*]]:2 = seqc.scan seq({{.*}} : (b, part, t)) identity({{.*}}) final {
// CHECK: %[[BEFORE:.*]]:2 = seqc.scan seq(%[[TOTAL]]#1 : (b, t)) identity({{.*}}) exclusive final {
// CHECK: seqc.scan seq({{.*}} : (b, part, t)) identity({{.*}}) initial(%[[BEFORE]]#0 : (b, part)) {
// CHECK: seqc.scan seq({{.*}} : (b, t)) identity({{.*}}) initial(%[[BEFORE]]#1 : (b)) {
func.func @scan(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// With reset flags summaries have a flag of their own.
// CHECK-LABEL: @resets
// CHECK: %[[TOTAL:.*]]:2 = seqc.scan {{.*}} resets({{.*}} : (part, t)) final {
// CHECK: %[[ANY:.*]]:2 = seqc.scan seq({{.*}} : (part, t)) identity({{.*}}) final {
// CHECK: arith.ori
// CHECK: seqc.scan seq(%[[TOTAL]]#1, %[[ANY]]#1 : (t)) identity({{.*}}) exclusive final {
// CHECK: arith.select
// CHECK: seqc.scan {{.*}} resets({{.*}} : (part, t)) {
func.func @resets(%x: tensor<?xf32>, %f: tensor<?xi8>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (t)) identity(%zero) resets(%f : (t)) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?xf32>
}

// Packed segments are cut where parts meet, and combined segment by segment: the first
// piece of a segment starts from the segment's own state.
// CHECK-LABEL: @packed
// CHECK: %[[GROUPS:.*]] = seqc.recurrence seq(%arg2 : (t)) weight({{.*}}) position {
// CHECK: %[[PIECES:.*]]:2 = seqc.recurrence seq({{.*}} : (t)) weight({{.*}}) carry({{.*}} : ()) position {
// CHECK: seqc.scan seq(%arg0 : (t)) identity({{.*}}) segments(%[[PIECES]]#0 : (part)) final {
// CHECK: %[[BEFORE:.*]]:2 = seqc.scan seq({{.*}} : (t)) identity({{.*}}) initial(%arg1 : (s)) segments(%[[GROUPS]] : (s)) exclusive final {
// CHECK: %[[Y:.*]]:2 = seqc.scan seq(%arg0 : (t)) identity({{.*}}) initial(%[[BEFORE]]#0 : (part)) segments(%[[PIECES]]#0 : (part)) final {
// CHECK: return %[[Y]]#0, %[[BEFORE]]#1
func.func @packed(%x: tensor<?xf32>, %s0: tensor<?xf32>, %cu: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %y, %sT = seqc.scan seq(%x : (t)) identity(%zero) initial(%s0 : (s)) segments(%cu : (s)) final {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y, %sT : tensor<?xf32>, tensor<?xf32>
}

// A constant transition: what is written, and how many tokens there are, of whose number
// the transition's power is made.
// CHECK-LABEL: @dense
// CHECK: seqc.linear_recurrence {{.*}} -> tensor<3x8x4xf32>
// CHECK: seqc.recurrence seq(%{{.*}} : (part, t)) carry(
// CHECK: seqc.recurrence seq({{.*}} : (t)) weight({{.*}}) carry(%{{.*}} : ())
// CHECK: seqc.einsum "mij,mjk->mik"
// CHECK: seqc.linear_recurrence {{.*}} constant({{.*}} -> (tensor<3x?x4xf32>, tensor<3x8x4xf32>)
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
