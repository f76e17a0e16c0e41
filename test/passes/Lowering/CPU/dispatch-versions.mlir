// A call's sizes choose between two versions.
// RUN: seq-opt %s -seqc-dispatch-versions | FileCheck %s

// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: memref<?x?xf32>) {
// CHECK: %[[B:.*]] = memref.dim %[[X]], %c0 : memref<?x?xf32>
// CHECK: arith.minui %[[B]]
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c1
// CHECK: arith.andi %{{.*}}, %[[FEW]] : i1
// CHECK: %[[T:.*]] = memref.dim %[[X]], %c1{{.*}} : memref<?x?xf32>
// CHECK: %[[LONG:.*]] = arith.cmpi uge, %[[T]], %c8192
// CHECK: %[[BOTH:.*]] = arith.andi %{{.*}}, %[[LONG]] : i1
// CHECK: scf.if %[[BOTH]]
// CHECK: func.call @f__parts(%[[X]])
// CHECK: else
// CHECK: func.call @f__whole(%[[X]])
func.func @f(%x: memref<?x?xf32>) attributes {seqc.version = {calls = [{at_least = 8192 : i64, at_most = 1 : i64, sequences = [array<i64: 0, 0>], tokens = array<i64: 0, 1>}], function = @f__parts}} {
  return
}

// CHECK: func.func private @f__parts(
func.func @f__parts(%x: memref<?x?xf32>) {
  return
}
// CHECK: func.func private @f__whole(%{{.*}}: memref<?x?xf32>) {
