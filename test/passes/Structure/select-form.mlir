// The form follows from the cost: a wide gated delta rule in chunks, a small one
// token by token; so do linear attention and cells that are not linear.
// RUN: seq-opt %s -seqc-select-form | FileCheck %s

// CHECK-LABEL: @wide
// CHECK: seqc.form = "chunked"
func.func @wide(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %g: tensor<?xf32>, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %gt: f32, %s: tensor<128x128xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<128x128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<128x128xf32>
}

// CHECK-LABEL: @small
// CHECK: seqc.form = "sequential"
func.func @small(%k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %g: tensor<?xf32>, %s0: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<16xf32>, %vt: tensor<16xf32>, %gt: f32, %s: tensor<16x16xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<16xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<16x16xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<16x16xf32>
}

// One token is no chunk.
// CHECK-LABEL: @one_token
// CHECK: seqc.form = "sequential"
func.func @one_token(%k: tensor<1x128xf32>, %v: tensor<1x128xf32>, %g: tensor<1xf32>, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %gt: f32, %s: tensor<128x128xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<128x128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<128x128xf32>
}

// CHECK-LABEL: @cell
// CHECK: seqc.form = "sequential"
func.func @cell(%x: tensor<?x128xf32>, %s0: tensor<128xf32>) -> tensor<128xf32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: tensor<128xf32>, %s: tensor<128xf32>):
    %a = arith.addf %xt, %s : tensor<128xf32>
    %n = math.tanh %a : tensor<128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<128xf32>
}
