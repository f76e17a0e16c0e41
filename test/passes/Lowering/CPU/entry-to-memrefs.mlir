// RUN: seq-opt %s --seqc-entry-to-memrefs | FileCheck %s

// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: memref<?x4xf32>, %[[C:.*]]: memref<f32>, %[[Y:.*]]: memref<?x4xf32>, %[[D:.*]]: memref<f32>) {
// CHECK-DAG: %[[T:.*]] = bufferization.to_tensor %[[X]] restrict
// CHECK-DAG: %[[S:.*]] = memref.load %[[C]][] : memref<f32>
// CHECK: bufferization.materialize_in_destination %[[T]] in restrict writable %[[Y]]
// CHECK: memref.store %[[S]], %[[D]][] : memref<f32>
// CHECK: return{{$}}
func.func @f(%x: tensor<?x4xf32>, %c: f32) -> (tensor<?x4xf32>, f32) {
  return %x, %c : tensor<?x4xf32>, f32
}

// Private functions stay as they are.
// CHECK-LABEL: func.func private @g(%{{.*}}: tensor<?xf32>) -> tensor<?xf32>
func.func private @g(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
