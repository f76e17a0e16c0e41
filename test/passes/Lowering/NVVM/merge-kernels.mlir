// RUN: seq-opt %s --gpu-kernel-outlining --seqc-merge-kernels | FileCheck %s

// CHECK: func.func @f
// CHECK: gpu.launch_func @kernels::@f_0
// CHECK: gpu.launch_func @kernels::@f_1
// CHECK: func.func @g
// CHECK: gpu.launch_func @kernels::@g_0
// CHECK: gpu.module @kernels
// CHECK: gpu.func @f_0
// CHECK: gpu.func @f_1
// What a kernel says about its blocks is the function's.
// CHECK: gpu.func @g_0{{.*}}nvvm.cluster_dim = array<i32: 4, 1, 1>{{.*}}nvvm.minctasm = 3 : i32{{.*}}seqc.together
// CHECK-NOT: gpu.dynamic_shared_memory {{.*}}seqc.
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
    %s = gpu.dynamic_shared_memory {seqc.cluster_blocks = 4 : i32, seqc.resident_blocks = 3 : i32, seqc.together} : memref<?xi8, #gpu.address_space<workgroup>>
    %v = memref.view %s[%h][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<f32, #gpu.address_space<workgroup>>
    memref.store %zero, %v[] : memref<f32, #gpu.address_space<workgroup>>
    memref.store %zero, %m[] : memref<f32>
    gpu.terminator
  }
  return
}
