// RUN: seq-opt %s --seqc-scan-to-recurrence | FileCheck %s
// RUN: seq-opt %s --seqc-scan-to-recurrence=all | FileCheck %s --check-prefix=ALL

// CHECK-LABEL: func.func @channels
// CHECK: %[[Z:.*]] = arith.constant 0.0
// CHECK: seqc.recurrence seq(%{{.*}} : (b, t, d)) carry(%[[Z]] : ()) {
// CHECK-NEXT: ^bb0(%[[R:.*]]: f32, %[[L:.*]]: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[L]], %[[R]]
// CHECK-NEXT: seqc.yield out(%[[S]]) carry(%[[S]])
func.func @channels(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t, d)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?x?xf32>
}

// An exclusive scan gives the prefix before the token; resets restart at the identity.
// CHECK-LABEL: func.func @exclusive
// CHECK: seqc.recurrence seq(%{{.*}} : (b, t)) carry(%{{.*}} : (b)) restart(%{{.*}} : ()) resets(%{{.*}} : (b, t)) reverse {
// CHECK: seqc.yield out(%[[L:.*]]) carry(%[[S:.*]])
func.func @exclusive(%x: tensor<?x?xf32>, %x0: tensor<?xf32>, %f: tensor<?x?xi8>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) initial(%x0 : (b)) resets(%f : (b, t)) exclusive reverse {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// Contiguous rows have a better form, unless all scans are to go.
// CHECK-LABEL: func.func @rows
// CHECK: seqc.scan
// ALL-LABEL: func.func @rows
// ALL-NOT: seqc.scan
// ALL: seqc.recurrence
func.func @rows(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}
