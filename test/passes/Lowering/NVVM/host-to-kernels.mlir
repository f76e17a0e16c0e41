// RUN: seq-opt %s --seqc-host-to-kernels | FileCheck %s

// One point a thread, in blocks of 256; the scalar is read where it is used.
// CHECK-LABEL: func.func @scale
// CHECK-NOT: memref.load
// CHECK: gpu.launch {{.*}} threads({{.*}}) in ({{.*}} = %c256
// CHECK: %[[FACTOR:.*]] = memref.load %{{.*}}[] : memref<f32>
// CHECK: scf.if
// CHECK: arith.mulf %{{.*}}, %[[FACTOR]]
// CHECK-NOT: scf.parallel
func.func @scale(%x: memref<?xf32>, %a: memref<f32>, %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %factor = memref.load %a[] : memref<f32>
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %v = memref.load %x[%i] : memref<?xf32>
    %p = arith.mulf %v, %factor : f32
    memref.store %p, %y[%i] : memref<?xf32>
  }
  return
}

// Other operations with effects: one thread.
// CHECK-LABEL: func.func @store
// CHECK: gpu.launch {{.*}} threads({{.*}}) in ({{.*}} = %c1
// CHECK: memref.load
// CHECK: memref.store
func.func @store(%a: memref<f32>, %b: memref<f32>) {
  %v = memref.load %a[] : memref<f32>
  memref.store %v, %b[] : memref<f32>
  return
}
