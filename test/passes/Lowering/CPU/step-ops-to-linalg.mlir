// RUN: seq-opt %s --seqc-step-ops-to-linalg | FileCheck %s

// CHECK-LABEL: func.func @matvec
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK-NOT: seqc.einsum
func.func @matvec(%a: tensor<4x8xbf16>, %x: tensor<8xf32>) -> tensor<4xf32> {
  %y = seqc.einsum "ij,j->i"(%a, %x)
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @argmax
// CHECK: linalg.generic
// CHECK: tensor.extract
func.func @argmax(%x: tensor<8xf32>) -> i64 {
  %y = seqc.reduce argmax %x over 0
  return %y : i64
}

// Inside a step they stay.
// CHECK-LABEL: func.func @inside
// CHECK: seqc.einsum
func.func @inside(%x: tensor<?x8xf32>) -> tensor<?xf32> {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: tensor<8xf32>):
    %n = seqc.einsum "k,k->"(%xt, %xt)
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}
