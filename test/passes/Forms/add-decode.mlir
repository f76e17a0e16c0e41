// Beside an entry, a function for one token: no time dimension, the state updated
// in place.
// RUN: seq-opt %s -seqc-add-decode -canonicalize | FileCheck %s

// CHECK-LABEL: func.func @f(
// CHECK-LABEL: func.func @f_step(
// CHECK-SAME: %arg0: tensor<?x8xf32>, %arg1: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32> {seqc.in_place = 1 : i64, seqc.name = "state0_next"})
// CHECK: tensor.expand_shape %arg0 {{.*}} : tensor<?x8xf32> into tensor<1x?x8xf32>
// CHECK: seqc.recurrence {{.*}} carry(%arg1 : (b))
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x?x8xf32> into tensor<?x8xf32>
func.func @f(%x: tensor<?x?x8xf32>, %s0: tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (t, b)) carry(%s0 : (b)) {
  ^step(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %xt, %s : tensor<8xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?x?x8xf32>, tensor<?x8xf32>
}

// A state that starts at a constant becomes an argument.
// CHECK-LABEL: func.func @constant_start_step(
// CHECK-SAME: %arg0: tensor<?xf32>, %arg1: tensor<?xf32>{{.*}}) -> (tensor<?xf32>, tensor<?xf32> {seqc.in_place = 1 : i64
func.func @constant_start(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %z = arith.constant 0.0 : f32
  %y, %sT = seqc.recurrence seq(%x : (b, t)) carry(%z : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y : tensor<?x?xf32>
}

// A step of packed segments takes a token of each; their axis stands where time was.
// CHECK-LABEL: func.func @packed_step(
// CHECK-SAME: %arg0: tensor<3x?x8xf32>, %arg1: tensor<?x3xf32>) -> (tensor<3x?xf32>, tensor<?x3xf32> {seqc.in_place = 1
// CHECK: tensor.expand_shape %arg0 {{.*}} : tensor<3x?x8xf32> into tensor<3x1x?x8xf32>
// CHECK: seqc.recurrence seq({{.*}} : (h, t, s)) carry(%arg1 : (s, h)) {
func.func @packed(%x: tensor<3x?x8xf32>, %cu: tensor<?xi32>, %s0: tensor<?x3xf32>) -> (tensor<3x?xf32>, tensor<?x3xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (h, t)) carry(%s0 : (s, h)) segments(%cu : (s)) {
  ^step(%xt: tensor<8xf32>, %s: f32):
    %r = seqc.reduce add %xt over 0
    %n = arith.addf %r, %s : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<3x?xf32>, tensor<?x3xf32>
}

// Positions are arguments, after a flag's zero; a snapshot is one more state.
// CHECK-LABEL: func.func @position_step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?xf32>, %[[F:[a-z0-9]+]]: tensor<?xi8>, %[[S:[a-z0-9]+]]: tensor<?xf32>,
// CHECK-SAME: %[[P:[a-z0-9]+]]: tensor<?xi64> {seqc.name = "position", seqc.start = "0"},
// CHECK-SAME: %[[Z:[a-z0-9]+]]: tensor<?xf32> {seqc.name = "state_snapshot", seqc.start = "0"})
// CHECK: seqc.recurrence {{.*}}weight(%[[P]] : (b)) carry(%[[S]], %[[Z]] : (b)) resets(
// CHECK: arith.select {{.*}} : i64
// CHECK: arith.remsi
// CHECK: arith.select {{.*}} : f32
func.func @position(%x: tensor<?x?xf32>, %f: tensor<?x?xi8>, %s0: tensor<?xf32>) -> tensor<?xf32> {
  %sT = seqc.recurrence seq(%x : (b, t)) carry(%s0 : (b)) resets(%f : (b, t)) snapshot(0 every 3) {
  ^step(%xt: f32, %s: f32, %old: f32):
    %m = arith.addf %xt, %old : f32
    %n = arith.addf %m, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<?xf32>
}

// The number of tokens is known; the step has one all the same.
// CHECK-LABEL: func.func @static_time_step(
// CHECK-SAME: %arg0: tensor<3xf32>, %arg1: tensor<3xf32> {seqc.name = "state0", seqc.start = "1"}) -> (tensor<3xf32>, tensor<3xf32> {seqc.in_place = 1
// CHECK: tensor.expand_shape %arg0 {{.*}} : tensor<3xf32> into tensor<1x3xf32>
func.func @static_time(%x: tensor<24x3xf32>) -> (tensor<24x3xf32>, tensor<3xf32>) {
  %one = arith.constant 1.0 : f32
  %y, %sT = seqc.recurrence seq(%x : (t, b)) carry(%one : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.mulf %xt, %s : f32
    seqc.yield out(%n) carry(%n)
  }
  %z = seqc.recurrence seq(%y : (t, b)) {
  ^step(%yt: f32):
    %n = arith.negf %yt : f32
    seqc.yield out(%n)
  }
  return %z, %sT : tensor<24x3xf32>, tensor<3xf32>
}

// A program with routes runs as it is, on one token; the states of the experts of a batch
// stand beside each other.
// CHECK-LABEL: func.func @routed_step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32>, %[[R:[a-z0-9]+]]: tensor<?x3xf32>, %[[S:[a-z0-9]+]]: tensor<?x3x4xf32> {seqc.name = "state0", seqc.start = "0"})
// CHECK-SAME: -> (tensor<?x4xf32>, tensor<?x3x4xf32> {seqc.in_place = 2 : i64
// CHECK: tensor.expand_shape %[[R]] {{.*}} into tensor<?x1x3xf32>
// CHECK: seqc.topk
// CHECK: tensor.collapse_shape %[[S]] {{.*}} into tensor<?x4xf32>
// CHECK: seqc.recurrence {{.*}} segments(
// CHECK: seqc.combine
func.func @routed(%x: tensor<?x?x4xf32>, %r: tensor<?x?x3xf32>) -> tensor<?x?x4xf32> {
  %w, %i = seqc.topk 2 of %r softmax(after)
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x)
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %o, %sT = seqc.recurrence seq(%p : (t)) carry(%zero : ()) segments(%cu : (s)) {
  ^step(%xt: tensor<4xf32>, %s: tensor<4xf32>):
    %n = arith.addf %xt, %s : tensor<4xf32>
    seqc.yield out(%n) carry(%n)
  }
  %y = seqc.combine %o by %inv weights(%w)
  return %y : tensor<?x?x4xf32>
}
