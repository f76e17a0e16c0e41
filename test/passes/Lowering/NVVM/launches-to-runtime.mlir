// RUN: seq-opt %s --seqc-launches-to-runtime | FileCheck %s

// CHECK-DAG: llvm.func @seqc_rt_cuda_launch(!llvm.ptr, i32, i64, i64, i32, !llvm.ptr, i64)
// CHECK-DAG: llvm.func @seqc_rt_cuda_scratch(!llvm.ptr, i64) -> !llvm.ptr
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[M:.*]]: memref<?xf32>, %[[CALL:.*]]: !llvm.ptr)
// CHECK: llvm.call @seqc_rt_cuda_scratch(%[[CALL]],
// CHECK: memref.view
// The second kernel, and its number.
// Its arguments, two descriptors of five words and an i8 and a f32 behind them.
// CHECK-DAG: llvm.getelementptr %[[ARGS:.*]][80] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK-DAG: llvm.getelementptr %[[ARGS]][84] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK-DAG: %[[SIZE:.*]] = llvm.mlir.constant(88 : i64)
// CHECK-DAG: %[[ONE:.*]] = llvm.mlir.constant(1 : i32)
// CHECK: llvm.call @seqc_rt_cuda_launch(%[[CALL]], %[[ONE]], {{.*}}, %[[ARGS]], %[[SIZE]])
// Blocks that wait for each other are launched at once.
// CHECK: llvm.call @seqc_rt_cuda_launch_together(%[[CALL]], {{.*}}) : (!llvm.ptr, i32, i64, i64, i32, !llvm.ptr) -> ()
// CHECK-NOT: gpu.launch_func
// CHECK-NOT: seqc.together
module attributes {gpu.container_module} {
  func.func @f(%m: memref<?xf32>) {
    %small = arith.constant 1 : i8
    %single = arith.constant 1.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = memref.dim %m, %c0 : memref<?xf32>
    %scratch = memref.alloc(%n) : memref<?xf32>
    gpu.launch_func @kernels::@b blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%m : memref<?xf32>, %scratch : memref<?xf32>, %small : i8, %single : f32)
    gpu.launch_func @kernels::@a blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
  gpu.module @kernels {
    gpu.func @a() kernel attributes {seqc.together} {
      gpu.return
    }
    gpu.func @b(%m: memref<?xf32>, %s: memref<?xf32>, %i: i8, %x: f32) kernel {
      gpu.return
    }
  }
}
