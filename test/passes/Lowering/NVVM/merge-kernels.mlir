// RUN: seq-opt %s --gpu-kernel-outlining --seqc-merge-kernels | FileCheck %s

// CHECK: func.func @f
// CHECK: gpu.launch_func @kernels::@f_0
// CHECK: gpu.launch_func @kernels::@f_1
// CHECK: func.func @g
// CHECK: gpu.launch_func @kernels::@g_0
// CHECK: gpu.module @kernels
// CHECK: gpu.func @f_0
// CHECK: gpu.func @f_1
// CHECK: gpu.func @g_0
// CHECK-NOT: gpu.module
func.func @f(%m: memref<f32>) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  gpu.launch blocks(%a, %b, %c) in (%d = %c1, %e = %c1, %g = %c1)
             threads(%h, %i, %j) in (%k = %c1, %l = %c1, %n = %c1) {
    memref.store %zero, %m[] : memref<f32>
    gpu.terminator
  }
  gpu.launch blocks(%a, %b, %c) in (%d = %c1, %e = %c1, %g = %c1)
             threads(%h, %i, %j) in (%k = %c1, %l = %c1, %n = %c1) {
    memref.store %zero, %m[] : memref<f32>
    gpu.terminator
  }
  return
}
func.func @g(%m: memref<f32>) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  gpu.launch blocks(%a, %b, %c) in (%d = %c1, %e = %c1, %g = %c1)
             threads(%h, %i, %j) in (%k = %c1, %l = %c1, %n = %c1) {
    memref.store %zero, %m[] : memref<f32>
    gpu.terminator
  }
  return
}
