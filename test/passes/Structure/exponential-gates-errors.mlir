// What is no exponential stays: then a gate has no logarithm, and no chunked form.
// RUN: seq-opt %s -seqc-exponential-gates | FileCheck %s
// RUN: seqc explain %s | FileCheck %s --check-prefix=EXPLAIN

// EXPLAIN: negative(
// EXPLAIN: chunked, 16 tokens {{.*}}not possible: gate #0 is neither given as a logarithm nor known to be within 0 .. 1
// CHECK-LABEL: @negative
// CHECK: math.powf
// CHECK-NOT: math.exp
func.func @negative(%k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %g: tensor<?xf32> {seqc.range = ">= 0"}, %s0: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {seqc.sizes = {t = 7}} {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<4xf32>, %vt: tensor<3xf32>, %gt: f32, %s: tensor<4x3xf32>):
    %base = arith.constant -0.5 : f32
    %a = math.powf %base, %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<4x3xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x3xf32>
}

// Powers of 0, 1 and an infinity, and of what is not constant.
// CHECK-LABEL: @others
// CHECK-COUNT-4: math.powf
// CHECK-NOT: math.exp
func.func @others(%b: tensor<?xf32>, %g: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%b, %g : (t)) carry(%s0 : ()) {
  ^step(%bt: f32, %gt: f32, %s: f32):
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %inf = arith.constant 0x7F800000 : f32
    %p = math.powf %zero, %gt : f32
    %q = math.powf %one, %gt : f32
    %r = math.powf %inf, %gt : f32
    %u = math.powf %bt, %gt : f32
    %pq = arith.addf %p, %q : f32
    %ru = arith.addf %r, %u : f32
    %a = arith.addf %pq, %ru : f32
    %kept = arith.mulf %a, %s : f32
    seqc.yield carry(%kept)
  }
  return %sT : tensor<f32>
}

// Exponentials that something else needs are not joined.
// CHECK-LABEL: @shared
// CHECK-COUNT-2: math.exp
// CHECK: arith.mulf
func.func @shared(%g: tensor<?xf32>, %h: tensor<?xf32>, %s0: tensor<f32>) -> (tensor<?xf32>, tensor<f32>) {
  %o, %sT = seqc.recurrence seq(%g, %h : (t)) carry(%s0 : ()) {
  ^step(%gt: f32, %ht: f32, %s: f32):
    %a = math.exp %gt : f32
    %b = math.exp %ht : f32
    %ab = arith.mulf %a, %b : f32
    %n = arith.mulf %ab, %s : f32
    seqc.yield out(%a) carry(%n)
  }
  return %o, %sT : tensor<?xf32>, tensor<f32>
}
