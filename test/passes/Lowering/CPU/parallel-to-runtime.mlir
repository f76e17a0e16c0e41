// RUN: seq-opt %s --seqc-parallel-to-runtime | FileCheck %s

// CHECK: llvm.func @seqc_rt_parallel_for(i64, i64, i64, !llvm.ptr, !llvm.ptr)
// CHECK-LABEL: func.func @fill
// CHECK: llvm.store
// CHECK: llvm.mlir.addressof @fill__task0_range
// CHECK: llvm.call @seqc_rt_parallel_for
// CHECK-NOT: scf.parallel
// CHECK: func.func private @fill__task0(%[[I:.*]]: index, %[[M:.*]]: memref<?xf32>)
// CHECK: memref.store {{.*}}, %[[M]][%[[I]]]
// CHECK: llvm.func internal @fill__task0_range(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: scf.for
// CHECK: func.call @fill__task0
func.func @fill(%m: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %one, %m[%i] : memref<?xf32>
  }
  return
}

// Stores around the caches are done before the share is.
// CHECK: llvm.func internal @streams__task1_range
// CHECK: llvm.fence seq_cst
// CHECK-NEXT: llvm.return
func.func @streams(%x: memref<?xf32>, %n: index, %v: vector<16xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c16) {
    %zero = arith.constant dense<0.0> : vector<16xf32>
    vector.store %zero, %x[%i] {alignment = 64 : i64, nontemporal = true} : memref<?xf32>, vector<16xf32>
  }
  return
}
