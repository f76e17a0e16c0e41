// Spellings of one gate are one exponential: one class, one factor, and where the
// gate's range is declared, chunks.
// RUN: seq-opt %s -seqc-exponential-gates -canonicalize -seqc-derive-structure | FileCheck %s
// RUN: seqc explain %s | FileCheck %s --check-prefix=EXPLAIN
// RUN: seqc prove %s | FileCheck %s --check-prefix=PROVE
// RUN: seqc run %s --entry=base_two --interpret --form=chunked --random=1 --check | FileCheck %s --check-prefix=RESULT
// RUN: seqc run %s --entry=power --interpret --form=chunked --random=1 --check | FileCheck %s --check-prefix=RESULT
// RUN: seqc run %s --entry=inverse --interpret --form=chunked --random=1 --check | FileCheck %s --check-prefix=RESULT
// RUN: seqc run %s --entry=halves --interpret --form=chunked --random=1 --check | FileCheck %s --check-prefix=RESULT

// RUN: seqc run %s --entry=base_two --form=sequential --random=1 --check | FileCheck %s --check-prefix=RESULT
// PROVE-NOT: unknown
// PROVE-NOT: refuted
// RESULT: ok

// CHECK-LABEL: @base_two
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(0.69314718056 x2); writes x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
// CHECK-NOT: math.exp2
// EXPLAIN: base_two(
// EXPLAIN: chunked, 16 tokens {{[0-9]+}}, floor
func.func @base_two(%k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %g: tensor<?xf32> {seqc.range = "<= 0", seqc.draw = "logsigmoid"}, %s0: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {seqc.sizes = {t = 19}} {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<4xf32>, %vt: tensor<3xf32>, %gt: f32, %s: tensor<4x3xf32>):
    %a = math.exp2 %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<4x3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x3xf32>
}

// CHECK-LABEL: @power
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(-0.69314718056 x2); writes x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
// CHECK-NOT: math.powf
// EXPLAIN: power(
// EXPLAIN: chunked, 16 tokens {{[0-9]+}}, floor
func.func @power(%k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %g: tensor<?xf32> {seqc.range = ">= 0", seqc.draw = "uniform(0, 2)"}, %s0: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {seqc.sizes = {t = 19}} {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<4xf32>, %vt: tensor<3xf32>, %gt: f32, %s: tensor<4x3xf32>):
    %base = arith.constant 0.5 : f32
    %a = math.powf %base, %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<4x3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x3xf32>
}

// CHECK-LABEL: @inverse
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2); writes x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
// CHECK-NOT: arith.divf
// EXPLAIN: inverse(
// EXPLAIN: chunked, 16 tokens {{[0-9]+}}, floor
func.func @inverse(%k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %g: tensor<?xf32> {seqc.range = "<= 0", seqc.draw = "logsigmoid"}, %s0: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {seqc.sizes = {t = 19}} {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<4xf32>, %vt: tensor<3xf32>, %gt: f32, %s: tensor<4x3xf32>):
    %minus = arith.negf %gt : f32
    %e = math.exp %minus : f32
    %wide = tensor.splat %e : tensor<4x3xf32>
    %kept = arith.divf %s, %wide : tensor<4x3xf32>
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<4x3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x3xf32>
}

// Twice the half, applied one after the other.
// CHECK-LABEL: @halves
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2); writes x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
// EXPLAIN: halves(
// EXPLAIN: chunked, 16 tokens {{[0-9]+}}, floor
func.func @halves(%k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %g: tensor<?xf32> {seqc.range = "<= 0", seqc.draw = "logsigmoid"}, %s0: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {seqc.sizes = {t = 19}} {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<4xf32>, %vt: tensor<3xf32>, %gt: f32, %s: tensor<4x3xf32>):
    %half = arith.constant 0.5 : f32
    %h = arith.mulf %gt, %half : f32
    %e = math.exp %h : f32
    %once = seqc.einsum ",kv->kv"(%e, %s)
    %kept = seqc.einsum "kv,->kv"(%once, %e)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<4x3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x3xf32>
}
