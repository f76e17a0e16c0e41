// The form follows from the cost: a wide gated delta rule in chunks, a small one
// token by token; so do linear attention and cells that are not linear.
// RUN: seq-opt %s -seqc-select-form | FileCheck %s

// CHECK-LABEL: @wide
// CHECK: seqc.form = "chunked"
func.func @wide(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"}, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
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
func.func @small(%k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"}, %s0: tensor<16x16xf32>) -> tensor<16x16xf32> {
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
func.func @one_token(%k: tensor<1x128xf32>, %v: tensor<1x128xf32>, %g: tensor<1xf32> {seqc.range = "<= 0"}, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
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

// A gate that may grow has no safe exponents: its sums over tokens could overflow.
// CHECK-LABEL: @undeclared
// CHECK: seqc.form = "sequential"
func.func @undeclared(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %w: tensor<?xf32>, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
  %sT = seqc.recurrence seq(%k, %v, %w : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %wt: f32, %s: tensor<128x128xf32>):
    %a = math.exp %wt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<128x128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<128x128xf32>
}

// A sigmoid is a gate, whatever its argument.
// CHECK-LABEL: @sigmoid
// CHECK: seqc.form = "chunked"
func.func @sigmoid(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %w: tensor<?xf32>, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
  %one = arith.constant 1.0 : f32
  %sT = seqc.recurrence seq(%k, %v, %w : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %wt: f32, %s: tensor<128x128xf32>):
    %minus = arith.negf %wt : f32
    %e = math.exp %minus : f32
    %sum = arith.addf %one, %e : f32
    %a = arith.divf %one, %sum : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<128x128xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<128x128xf32>
}

// The state's maximum is at least what it is subtracted from: x + m - max(x + m, i).
// CHECK-LABEL: @stabilised
// CHECK: seqc.form = "chunked"
func.func @stabilised(%k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %f: tensor<?xf32>, %i: tensor<?xf32>, %s0: tensor<128x128xf32>) -> tensor<128x128xf32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %sT, %mT = seqc.recurrence seq(%k, %v, %f, %i : (t)) carry(%s0, %zero : ()) {
  ^step(%kt: tensor<128xf32>, %vt: tensor<128xf32>, %ft: f32, %it: f32, %s: tensor<128x128xf32>, %m: f32):
    %fm = arith.addf %ft, %m : f32
    %mn = arith.maximumf %fm, %it : f32
    %g = arith.subf %fm, %mn : f32
    %a = math.exp %g : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<128x128xf32>
    seqc.yield carry(%n, %mn)
  }
  return %sT : tensor<128x128xf32>
}

// A dense transition that no token changes: in chunks if a fixed vector reads the state,
// token by token if all of it is an output.
// CHECK-LABEL: @read
// CHECK: seqc.form = "chunked"
func.func @read(%u: tensor<?xf32>, %A: tensor<128x128xf32>, %B: tensor<128xf32>, %m0: tensor<128xf32>) -> tensor<?xf32> {
  %y, %mT = seqc.recurrence seq(%u : (t)) weight(%A, %B : ()) carry(%m0 : ()) {
  ^step(%ut: f32, %At: tensor<128x128xf32>, %Bt: tensor<128xf32>, %m: tensor<128xf32>):
    %kept = seqc.einsum "ij,j->i"(%At, %m)
    %in = seqc.einsum "i,->i"(%Bt, %ut)
    %next = arith.addf %kept, %in : tensor<128xf32>
    %o = seqc.einsum "i,i->"(%Bt, %next)
    seqc.yield out(%o) carry(%next)
  }
  return %y : tensor<?xf32>
}

// CHECK-LABEL: @memory
// CHECK: seqc.form = "sequential"
func.func @memory(%u: tensor<?xf32>, %A: tensor<128x128xf32>, %B: tensor<128xf32>, %m0: tensor<128xf32>) -> tensor<?x128xf32> {
  %y, %mT = seqc.recurrence seq(%u : (t)) weight(%A, %B : ()) carry(%m0 : ()) {
  ^step(%ut: f32, %At: tensor<128x128xf32>, %Bt: tensor<128xf32>, %m: tensor<128xf32>):
    %kept = seqc.einsum "ij,j->i"(%At, %m)
    %in = seqc.einsum "i,->i"(%Bt, %ut)
    %next = arith.addf %kept, %in : tensor<128xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %y : tensor<?x128xf32>
}
