// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-scan-to-blocks=width=4 --canonicalize --cse | FileCheck %s

// Width 4: a block is 16 elements; each lane scans a run of 4, then lanes are combined.
// CHECK-LABEL: func.func @cumsum(
// CHECK-SAME: %[[X:.*]]: memref<?x?xf32>, %[[Y:.*]]: memref<?x?xf32>)
// CHECK: scf.parallel
// Two levels of running totals.
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-4: vector.load %[[X]]
// A 4x4 transpose: one bit of row and column at a time.
// CHECK: vector.shuffle {{.*}} [0, 4, 2, 6]
// CHECK: vector.shuffle {{.*}} [1, 5, 3, 7]
// CHECK-COUNT-3: arith.addf {{.*}} : vector<4xf32>
// CHECK: vector.shuffle {{.*}} [4, 0, 1, 2]
// CHECK: vector.shuffle {{.*}} [4, 4, 0, 1]
// CHECK-COUNT-4: vector.store {{.*}} %[[Y]]
// The last, partial block is masked; there is no scalar tail.
// CHECK: scf.if
// CHECK-COUNT-4: vector.maskedload %[[X]]
// CHECK-COUNT-4: vector.maskedstore %[[Y]]
func.func @cumsum(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}
