// Strided copies become loops, contiguous ones stay.
// RUN: seq-opt %s -seqc-copies-to-loops | FileCheck %s

// CHECK-LABEL: @slice
// CHECK: linalg.copy
// CHECK-NOT: memref.copy
func.func @slice(%a: memref<4x?xf32, strided<[?, 1]>>, %b: memref<4x?xf32>) {
  memref.copy %a, %b : memref<4x?xf32, strided<[?, 1]>> to memref<4x?xf32>
  return
}

// CHECK-LABEL: @whole
// CHECK: memref.copy
func.func @whole(%a: memref<4x?xf32>, %b: memref<4x?xf32>) {
  memref.copy %a, %b : memref<4x?xf32> to memref<4x?xf32>
  return
}
