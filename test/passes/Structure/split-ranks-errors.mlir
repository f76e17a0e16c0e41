// What is of no low rank stays one product: its class says so, and a form that is asked
// for names what is missing.
// RUN: seq-opt %s -split-input-file -seqc-split-ranks -seqc-derive-structure | FileCheck %s
// RUN: not seq-opt %s -split-input-file -seqc-split-ranks -seqc-recurrence-to-linear=force=1 2>&1 | FileCheck %s --check-prefix=ERROR

// 17 vectors are more than are written out.
// ERROR: error: the recurrence has no chunked form: a component of class C1 has a matrix state
// CHECK-LABEL: @wide
// CHECK: seqc.structure = ["0: C1"]
// CHECK-NOT: tensor.extract_slice
func.func @wide(%k: tensor<?x17x5xf32>, %v: tensor<?x17x3xf32>, %s0: tensor<5x3xf32>) -> tensor<5x3xf32> attributes {seqc.sizes = {t = 7}} {
  %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<17x5xf32>, %vt: tensor<17x3xf32>, %s: tensor<5x3xf32>):
    %w = seqc.einsum "rk,rv->kv"(%kt, %vt)
    %n = arith.addf %s, %w : tensor<5x3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<5x3xf32>
}

// -----

// Three vectors of three numbers correct a state as any 3 x 3 matrix does.
// ERROR: error: the recurrence has no chunked form: a component of class C2m has a matrix state
// CHECK-LABEL: @whole
// CHECK: seqc.structure = ["0: C2m"]
// CHECK-NOT: tensor.extract_slice
func.func @whole(%k: tensor<?x3x3xf32>, %s0: tensor<3x4xf32>) -> tensor<3x4xf32> attributes {seqc.sizes = {t = 7}} {
  %sT = seqc.recurrence seq(%k : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<3x3xf32>, %s: tensor<3x4xf32>):
    %r = seqc.einsum "rk,kv->rv"(%kt, %s)
    %w = seqc.einsum "rk,rv->kv"(%kt, %r)
    %n = arith.subf %s, %w : tensor<3x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<3x4xf32>
}
