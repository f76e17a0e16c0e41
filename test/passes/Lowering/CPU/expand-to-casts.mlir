// A dimension that is split into several of unknown size becomes a cast.
// RUN: seq-opt %s -seqc-expand-to-casts | FileCheck %s

// CHECK-LABEL: @two
// CHECK-SAME: %[[X:.*]]: memref<?x16xf32>, %[[B:.*]]: index, %[[N:.*]]: index
// CHECK: %[[BASE:.*]], %{{.*}}, %{{.*}}, %{{.*}} = memref.extract_strided_metadata %[[X]]
// CHECK: %[[S:.*]] = arith.muli %{{.*}}, %[[N]]
// CHECK: memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[B]], %[[N]], 16], strides: [%[[S]], 16, 1]
// CHECK-NOT: memref.expand_shape
func.func @two(%x: memref<?x16xf32>, %b: index, %n: index) -> memref<?x?x16xf32> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %n, 16] : memref<?x16xf32> into memref<?x?x16xf32>
  return %y : memref<?x?x16xf32>
}

// The pass that follows knows how to split off known sizes.
// CHECK-LABEL: @one
// CHECK: memref.expand_shape
func.func @one(%x: memref<?x16xf32>, %b: index) -> memref<?x4x16xf32> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, 4, 16] : memref<?x16xf32> into memref<?x4x16xf32>
  return %y : memref<?x4x16xf32>
}

// Strides and offset of a slice stay.
// CHECK-LABEL: @slice
// CHECK: memref.extract_strided_metadata
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [%{{.*}}, %{{.*}}, 8], strides: [%{{.*}}, %{{.*}}, 2]
func.func @slice(%x: memref<?x8xf32, strided<[?, 2], offset: ?>>, %b: index, %n: index)
    -> memref<?x?x8xf32, strided<[?, ?, 2], offset: ?>> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %n, 8]
      : memref<?x8xf32, strided<[?, 2], offset: ?>> into memref<?x?x8xf32, strided<[?, ?, 2], offset: ?>>
  return %y : memref<?x?x8xf32, strided<[?, ?, 2], offset: ?>>
}
