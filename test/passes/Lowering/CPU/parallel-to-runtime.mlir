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
