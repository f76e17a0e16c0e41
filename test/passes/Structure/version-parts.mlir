// A function whose recurrence may run in parts gets a second version, and says for which
// calls it is.
// RUN: seq-opt %s -seqc-select-form=cores=4 -seqc-version-parts | FileCheck %s
// RUN: seq-opt %s -seqc-select-form -seqc-version-parts | FileCheck %s --check-prefix=ONE --implicit-check-not=parts

// One core has nothing to gain.
// ONE-LABEL: func.func @f(
// ONE: seqc.form = "chunked"

// CHECK-LABEL: func.func @f(
// CHECK-SAME: attributes {seqc.version = {calls = [{at_least = {{[0-9]+}} : i64, at_most = 2 : i64, sequences = [array<i64: 0, 0>, array<i64: 0, 2>], tokens = array<i64: 0, 1>}], function = @f__parts}}
// CHECK: seqc.recurrence
// CHECK-NOT: seqc.parts
// CHECK: return
func.func @f(%k: tensor<?x?x?x128xf32>, %v: tensor<?x?x?x128xf32>, %s0: tensor<?x?x128x128xf32>) -> tensor<?x?x128x128xf32> {
  %sT = seqc.recurrence seq(%k, %v : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %s: tensor<128x128xf32>):
    %u = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %u : tensor<128x128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<?x?x128x128xf32>
}

// Sizes that are not those of arguments decide nothing.
// CHECK-LABEL: func.func @inner(
// CHECK-NOT: seqc.version
// CHECK-NOT: seqc.parts
// CHECK: return
func.func @inner(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
  %k2 = tensor.collapse_shape %k [[0, 1]] : tensor<?x128xf32> into tensor<?xf32>
  %k3 = arith.addf %k2, %k2 : tensor<?xf32>
  %k4 = tensor.expand_shape %k3 [[0, 1]] output_shape [7, 128] : tensor<?xf32> into tensor<?x128xf32>
  %sT = seqc.recurrence seq(%k4, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %s: tensor<128x128xf32>):
    %u = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %u : tensor<128x128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<128x128xf32>
}

// CHECK-LABEL: func.func @f__parts(
// CHECK-SAME: attributes {seqc.parts = 4 : i64}
// CHECK: seqc.parts = array<i64: 4, 2, {{[0-9]+}}>
