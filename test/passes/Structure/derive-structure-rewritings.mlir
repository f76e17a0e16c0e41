// Two spellings of one step have one class and the same factors.
// RUN: seq-opt %s -seqc-derive-structure | FileCheck %s

// exp(g) * S on the left, and S * exp(g) through a transposition and casts.
// CHECK-LABEL: @decay_left
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2[i])[i]; writes x0[i] x1[j]"], seqc.structure = ["0: C4.3"]
func.func @decay_left(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %a = math.exp %gt : tensor<8xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
// CHECK-LABEL: @decay_right
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2[i])[i]; writes x0[i] x1[j]"], seqc.structure = ["0: C4.3"]
func.func @decay_right(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %st = seqc.einsum "kv->vk"(%s)
    %a = math.exp %gt : tensor<8xf32>
    %kept = seqc.einsum "vk,k->vk"(%st, %a)
    %w = seqc.einsum "v,k->vk"(%vt, %kt)
    %n = arith.addf %w, %kept : tensor<4x8xf32>
    %back = seqc.einsum "vk->kv"(%n)
    seqc.yield carry(%back)
  }
  return %sT : tensor<8x4xf32>
}

// The delta rule on the decayed state, contracted first and expanded.
// CHECK-LABEL: @gated_delta
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2); corrects -exp(x2) x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.1"]
func.func @gated_delta(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %kept)
    %d = arith.subf %vt, %r : tensor<4xf32>
    %w = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %kept, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
// CHECK-LABEL: @gated_delta_expanded
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2); corrects -exp(x2) x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.1"]
func.func @gated_delta_expanded(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %kk = seqc.einsum "k,j->kj"(%kt, %kt)
    %p = seqc.einsum "kj,jv->kv"(%kk, %s)
    %m = arith.subf %s, %p : tensor<8x4xf32>
    %kept = seqc.einsum "kv,->kv"(%m, %a)
    %w = seqc.einsum "v,k->kv"(%vt, %kt)
    %n = arith.addf %w, %kept : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// (1 - z) h + z x, and h + z (x - h).
// CHECK-LABEL: @blend
// CHECK: seqc.factors = ["s0: keeps 1 - x1; writes x0 x1"], seqc.structure = ["0: C2"]
func.func @blend(%x: tensor<?xf32>, %z: tensor<?xf32>, %h0: tensor<f32>) -> tensor<f32> {
  %hT = seqc.recurrence seq(%x, %z : (t)) carry(%h0 : ()) {
  ^step(%xt: f32, %zt: f32, %h: f32):
    %one = arith.constant 1.0 : f32
    %k = arith.subf %one, %zt : f32
    %a = arith.mulf %k, %h : f32
    %b = arith.mulf %zt, %xt : f32
    %n = arith.addf %a, %b : f32
    seqc.yield carry(%n)
  }
  return %hT : tensor<f32>
}
// CHECK-LABEL: @blend_step
// CHECK: seqc.factors = ["s0: keeps 1 - x1; writes x0 x1"], seqc.structure = ["0: C2"]
func.func @blend_step(%x: tensor<?xf32>, %z: tensor<?xf32>, %h0: tensor<f32>) -> tensor<f32> {
  %hT = seqc.recurrence seq(%x, %z : (t)) carry(%h0 : ()) {
  ^step(%xt: f32, %zt: f32, %h: f32):
    %d = arith.subf %xt, %h : f32
    %u = arith.mulf %d, %zt : f32
    %n = arith.addf %h, %u : f32
    seqc.yield carry(%n)
  }
  return %hT : tensor<f32>
}

// Two coupled maxima are one component over (max,+).
// CHECK-LABEL: @trellis
// CHECK: seqc.structure = ["0,1: C1 (max,+) 2x2"]
func.func @trellis(%x: tensor<?xf32>, %y: tensor<?xf32>, %a0: tensor<f32>, %b0: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %aT, %bT = seqc.recurrence seq(%x, %y : (t)) carry(%a0, %b0 : ()) {
  ^step(%xt: f32, %yt: f32, %a: f32, %b: f32):
    %0 = arith.addf %a, %xt : f32
    %1 = arith.addf %yt, %b : f32
    %na = arith.maximumf %0, %1 : f32
    %2 = arith.subf %a, %yt : f32
    %nb = arith.maximumf %2, %b : f32
    seqc.yield carry(%na, %nb)
  }
  return %aT, %bT : tensor<f32>, tensor<f32>
}

// k (v - S^T k), and S - k (S^T k) + k v^T from the transposed state.
// CHECK-LABEL: @delta
// CHECK: seqc.factors = ["s0[i,j]: keeps 1; corrects -x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.0"]
func.func @delta(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %d = arith.subf %vt, %r : tensor<4xf32>
    %w = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %s, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
// CHECK-LABEL: @delta_three_terms
// CHECK: seqc.factors = ["s0[i,j]: keeps 1; corrects -x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.0"]
func.func @delta_three_terms(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %st = seqc.einsum "kv->vk"(%s)
    %r = seqc.einsum "vk,k->v"(%st, %kt)
    %p = seqc.einsum "v,k->kv"(%r, %kt)
    %w = seqc.einsum "v,k->kv"(%vt, %kt)
    %m = arith.subf %w, %p : tensor<8x4xf32>
    %n = arith.addf %m, %s : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// The same with scales that cancel, casts and a fused multiply-add.
// CHECK-LABEL: @delta_scaled
// CHECK: seqc.factors = ["s0[i,j]: keeps 1; corrects -x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.0"]
func.func @delta_scaled(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %half = arith.constant 0.5 : f32
    %two = arith.constant dense<2.0> : tensor<8xf32>
    %k2 = arith.mulf %two, %kt : tensor<8xf32>
    %kd = arith.extf %k2 : tensor<8xf32> to tensor<8xf64>
    %ks = arith.truncf %kd : tensor<8xf64> to tensor<8xf32>
    %r = seqc.einsum "k,kv,->v"(%ks, %s, %half)
    %d = arith.subf %r, %vt : tensor<4xf32>
    %neg = arith.negf %d : tensor<4xf32>
    %w = seqc.einsum ",k,v->kv"(%half, %k2, %neg)
    %one = arith.constant dense<1.0> : tensor<8x4xf32>
    %n = math.fma %one, %s, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// The decay after the write, on the sum or on both parts.
// CHECK-LABEL: @late_decay
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2); writes exp(x2) x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
func.func @late_decay(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %u = arith.addf %s, %w : tensor<8x4xf32>
    %n = seqc.einsum ",kv->kv"(%a, %u)
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
// CHECK-LABEL: @late_decay_in_parts
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2); writes exp(x2) x0[i] x1[j]"], seqc.structure = ["0: C4.2"]
func.func @late_decay_in_parts(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %e = math.exp %gt : f32
    %a = tensor.splat %e : tensor<8x4xf32>
    %kept = arith.mulf %s, %a : tensor<8x4xf32>
    %b = math.exp %gt : f32
    %kb = seqc.einsum "k,->k"(%kt, %b)
    %w = seqc.einsum "v,k->kv"(%vt, %kb)
    %n = arith.addf %w, %kept : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// A write where a flag says so: what the state keeps does not depend on the flag,
// whether the flag selects a state or what is written.
// CHECK-LABEL: @written_if
// CHECK: seqc.factors = ["s0[i,j]: keeps 1; writes [cmpf olt(0, x2)] x0[i] x1[j]"], seqc.structure = ["0: C4.0"]
func.func @written_if(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %c = arith.cmpf ogt, %gt, %zero : f32
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %w : tensor<8x4xf32>
    %n = arith.select %c, %next, %s : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
// CHECK-LABEL: @write_of_if
// CHECK: seqc.factors = ["s0[i,j]: keeps 1; writes [cmpf olt(0, x2)] x0[i] x1[j]"], seqc.structure = ["0: C4.0"]
func.func @write_of_if(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : tensor<8x4xf32>
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %c = arith.cmpf olt, %zero, %gt : f32
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %taken = arith.select %c, %w, %none : tensor<8x4xf32>
    %n = arith.addf %s, %taken : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// The transition as a matrix: the identity as a constant, or where two counts agree.
// CHECK-LABEL: @identity_minus
// CHECK: seqc.factors = ["s0[i,j]: keeps 1; corrects -x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.0"]
func.func @identity_minus(%k: tensor<?x3xf32>, %v: tensor<?x4xf32>, %s0: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<3xf32>, %vt: tensor<4xf32>, %s: tensor<3x4xf32>):
    %one = arith.constant dense<[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]> : tensor<3x3xf32>
    %kk = seqc.einsum "i,j->ij"(%kt, %kt)
    %m = arith.subf %one, %kk : tensor<3x3xf32>
    %p = seqc.einsum "ij,jv->iv"(%m, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %p, %w : tensor<3x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<3x4xf32>
}
// CHECK-LABEL: @diagonal_minus
// CHECK: seqc.factors = ["s0[i,j]: keeps exp(x2[i])[i]; corrects -x0[a] x0[i] s0[a,j]; writes x0[i] x1[j]"], seqc.structure = ["0: C5.2"]
func.func @diagonal_minus(%k: tensor<?x3xf32>, %v: tensor<?x4xf32>, %g: tensor<?x3xf32>, %s0: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<3xf32>, %vt: tensor<4xf32>, %gt: tensor<3xf32>, %s: tensor<3x4xf32>):
    %count = arith.constant dense<[0.0, 1.0, 2.0]> : tensor<3xf32>
    %ones = arith.constant dense<1.0> : tensor<3xf32>
    %zero = arith.constant dense<0.0> : tensor<3x3xf32>
    %rows = seqc.einsum "i,j->ij"(%count, %ones)
    %columns = seqc.einsum "i,j->ij"(%ones, %count)
    %same = arith.cmpf oeq, %rows, %columns : tensor<3x3xf32>
    %a = math.exp %gt : tensor<3xf32>
    %wide = seqc.einsum "i,j->ij"(%a, %ones)
    %diagonal = arith.select %same, %wide, %zero : tensor<3x3xi1>, tensor<3x3xf32>
    %kk = seqc.einsum "i,j->ij"(%kt, %kt)
    %m = arith.subf %diagonal, %kk : tensor<3x3xf32>
    %p = seqc.einsum "ij,jv->iv"(%m, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %p, %w : tensor<3x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<3x4xf32>
}

// A minimum, as an operation and as a selection; a sum of integers.
// CHECK-LABEL: @minimum
// CHECK: seqc.factors = ["s0: min of s0, x0", "s1: min of s1, x0"], seqc.structure = ["0: C1 (min,+)", "1: C1 (min,+)"]
func.func @minimum(%x: tensor<?xf32>, %h0: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %a, %b = seqc.recurrence seq(%x : (t)) carry(%h0, %h0 : ()) {
  ^step(%xt: f32, %h: f32, %i: f32):
    %n = arith.minimumf %h, %xt : f32
    %less = arith.cmpf olt, %xt, %i : f32
    %m = arith.select %less, %xt, %i : f32
    seqc.yield carry(%n, %m)
  }
  return %a, %b : tensor<f32>, tensor<f32>
}
// CHECK-LABEL: @integers
// CHECK: seqc.factors = ["s0: keeps 1; writes x0"], seqc.structure = ["0: C1"]
func.func @integers(%x: tensor<?xi32>, %h0: tensor<i32>) -> tensor<i32> {
  %a = seqc.recurrence seq(%x : (t)) carry(%h0 : ()) {
  ^step(%xt: i32, %h: i32):
    %n = arith.addi %xt, %h : i32
    seqc.yield carry(%n)
  }
  return %a : tensor<i32>
}

// What is not affine in a snapshot is a known value until the next one.
// CHECK-LABEL: @snapshot
// CHECK: seqc.structure = ["0: C6"]
func.func @snapshot(%x: tensor<?xf32>, %h0: tensor<f32>) -> tensor<f32> {
  %a = seqc.recurrence seq(%x : (t)) carry(%h0 : ()) snapshot(0 every 4) {
  ^step(%xt: f32, %h: f32, %old: f32):
    %f = math.tanh %old : f32
    %d = arith.mulf %f, %xt : f32
    %n = arith.addf %h, %d : f32
    seqc.yield carry(%n)
  }
  return %a : tensor<f32>
}

// The sum of exponentials behind signs, scales and transpositions that cancel, and so a
// maximum.
// CHECK-LABEL: @logaddexp_spelled
// CHECK: seqc.structure = ["0: C1 (logaddexp,+)", "1: C1 (max,+)"]
func.func @logaddexp_spelled(%x: tensor<?x3x2xf32>, %g: tensor<?x3x2xf32>, %h0: tensor<3x2xf32>, %m0: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %two = arith.constant dense<2.0> : tensor<3x2xf32>
  %half = arith.constant dense<0.5> : tensor<3x2xf32>
  %hT, %mT = seqc.recurrence seq(%x, %g : (t)) carry(%h0, %m0 : ()) {
  ^step(%xt: tensor<3x2xf32>, %gt: tensor<3x2xf32>, %h: tensor<3x2xf32>, %m: tensor<3x2xf32>):
    %a = arith.addf %gt, %h : tensor<3x2xf32>
    %b = arith.mulf %a, %two : tensor<3x2xf32>
    %kept = arith.mulf %half, %b : tensor<3x2xf32>
    %top = arith.maximumf %kept, %xt : tensor<3x2xf32>
    %d = arith.subf %kept, %top : tensor<3x2xf32>
    %e = arith.subf %xt, %top : tensor<3x2xf32>
    %ed = math.exp %d : tensor<3x2xf32>
    %ee = math.exp %e : tensor<3x2xf32>
    %sum = arith.addf %ed, %ee : tensor<3x2xf32>
    %sumT = seqc.einsum "ij->ji"(%sum)
    %again = seqc.einsum "ji->ij"(%sumT)
    %log = math.log %again : tensor<3x2xf32>
    %all = arith.addf %log, %top : tensor<3x2xf32>
    %minus = arith.negf %all : tensor<3x2xf32>
    %next = arith.negf %minus : tensor<3x2xf32>
    %n = arith.negf %m : tensor<3x2xf32>
    %nn = arith.negf %n : tensor<3x2xf32>
    %most = arith.maximumf %nn, %xt : tensor<3x2xf32>
    seqc.yield carry(%next, %most)
  }
  return %hT, %mT : tensor<3x2xf32>, tensor<3x2xf32>
}
