// An elementwise affine recurrence is a scan over pairs, its gate and what it writes
// computed before, its outputs after.
// RUN: seq-opt %s -canonicalize -seqc-recurrence-to-scan -canonicalize | FileCheck %s

// CHECK-LABEL: @hgrn
// CHECK: %[[E:.*]]:2 = seqc.recurrence seq({{.*}}) {
// CHECK: math.exp
// CHECK: %[[S:.*]]:4 = seqc.scan seq(%[[E]]#0, %[[E]]#1 : (b, t, d)) identity({{.*}}) initial({{.*}} : (), %arg2 : (b, d)) final {
// CHECK: ^bb0(%l0: f32, %l1: f32, %r0: f32, %r1: f32):
// CHECK-DAG: %[[P:.*]] = arith.mulf %l0, %r0
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
