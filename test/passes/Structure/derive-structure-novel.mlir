// Eleven recurrences that nobody published.
// RUN: seq-opt %s -seqc-derive-structure | FileCheck %s

// Decays along both dimensions.
// CHECK-LABEL: @gates_on_both_sides
// CHECK: seqc.structure = ["0: C4.3"]
func.func @gates_on_both_sides(%k: tensor<?x8xf32> {seqc.draw = "logsigmoid"}, %v: tensor<?x4xf32> {seqc.draw = "logsigmoid"}, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>):
    %a = math.exp %kt : tensor<8xf32>
    %b = math.exp %vt : tensor<4xf32>
    %x = seqc.einsum "k,kv,v->kv"(%a, %s, %b)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %x, %w : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// A fast and a slow memory, the slow one fed by the fast one's read-out.
// CHECK-LABEL: @coupled_one_way
// CHECK: seqc.structure = ["0: C4.2", "1: C4.2"]
func.func @coupled_one_way(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32> {seqc.draw = "logsigmoid"}, %f0: tensor<8x4xf32>, %s0: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %fT, %sT = seqc.recurrence seq(%k, %v, %g : (t)) carry(%f0, %s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %f: tensor<8x4xf32>, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %f1 = seqc.einsum ",kv->kv"(%a, %f)
    %f2 = seqc.einsum "k,v->kv"(%kt, %vt)
    %fn = arith.addf %f1, %f2 : tensor<8x4xf32>
    %r = seqc.einsum "k,kv->v"(%kt, %fn)
    %t = math.tanh %r : tensor<4xf32>
    %h = arith.constant 0.5 : f32
    %ah = arith.mulf %a, %h : f32
    %s1 = seqc.einsum ",kv->kv"(%ah, %s)
    %s2 = seqc.einsum "k,v->kv"(%kt, %t)
    %sn = arith.addf %s1, %s2 : tensor<8x4xf32>
    seqc.yield carry(%fn, %sn)
  }
  return %fT, %sT : tensor<8x4xf32>, tensor<8x4xf32>
}

// Two memories that read each other.
// CHECK-LABEL: @coupled_both_ways
// CHECK: seqc.structure = ["0,1: C5.3 2x2"]
func.func @coupled_both_ways(%k: tensor<?x8xf32> {seqc.draw = "unit"}, %q: tensor<?x8xf32> {seqc.draw = "normal(0.1)"}, %f0: tensor<8x4xf32>, %s0: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %fT, %sT = seqc.recurrence seq(%k, %q : (t)) carry(%f0, %s0 : ()) {
  ^step(%kt: tensor<8xf32>, %qt: tensor<8xf32>, %f: tensor<8x4xf32>, %s: tensor<8x4xf32>):
    %rf = seqc.einsum "k,kv->v"(%kt, %f)
    %rs = seqc.einsum "k,kv->v"(%kt, %s)
    %uf = seqc.einsum "k,v->kv"(%qt, %rs)
    %us = seqc.einsum "k,v->kv"(%qt, %rf)
    %fn = arith.subf %f, %uf : tensor<8x4xf32>
    %sn = arith.addf %s, %us : tensor<8x4xf32>
    seqc.yield carry(%fn, %sn)
  }
  return %fT, %sT : tensor<8x4xf32>, tensor<8x4xf32>
}

// A correction of rank two: two keys read at once.
// CHECK-LABEL: @rank_two
// CHECK: seqc.structure = ["0: C5.0 rank 2"]
func.func @rank_two(%k: tensor<?x2x8xf32> {seqc.draw = "normal(0.2)"}, %v: tensor<?x2x4xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<2x8xf32>, %vt: tensor<2x4xf32>, %s: tensor<8x4xf32>):
    %ka = tensor.extract_slice %kt[0, 0] [1, 8] [1, 1] : tensor<2x8xf32> to tensor<8xf32>
    %kb = tensor.extract_slice %kt[1, 0] [1, 8] [1, 1] : tensor<2x8xf32> to tensor<8xf32>
    %va = tensor.extract_slice %vt[0, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<4xf32>
    %vb = tensor.extract_slice %vt[1, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<4xf32>
    %ra = seqc.einsum "k,kv->v"(%ka, %s)
    %rb = seqc.einsum "k,kv->v"(%kb, %s)
    %da = arith.subf %va, %ra : tensor<4xf32>
    %db = arith.subf %vb, %rb : tensor<4xf32>
    %ua = seqc.einsum "k,v->kv"(%ka, %da)
    %ub = seqc.einsum "k,v->kv"(%kb, %db)
    %u = arith.addf %ua, %ub : tensor<8x4xf32>
    %n = arith.addf %s, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// A complex diagonal as two real carries, its angle different at every token.
// CHECK-LABEL: @rotation
// CHECK: seqc.structure = ["0,1: C2 complex"]
func.func @rotation(%x: tensor<?xf32>, %w: tensor<?xf32>, %r0: tensor<f32>, %i0: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %rT, %iT = seqc.recurrence seq(%x, %w : (t)) carry(%r0, %i0 : ()) {
  ^step(%xt: f32, %wt: f32, %r: f32, %i: f32):
    %c = math.cos %wt : f32
    %s = math.sin %wt : f32
    %cr = arith.mulf %c, %r : f32
    %si = arith.mulf %s, %i : f32
    %rot = arith.subf %cr, %si : f32
    %rn = arith.addf %rot, %xt : f32
    %sr = arith.mulf %r, %s : f32
    %ci = arith.mulf %i, %c : f32
    %in = arith.addf %ci, %sr : f32
    seqc.yield carry(%rn, %in)
  }
  return %rT, %iT : tensor<f32>, tensor<f32>
}

// A bonus for the current token and a restart where a flag says so.
// CHECK-LABEL: @bonus_and_reset
// CHECK: seqc.structure = ["0: C4.2"]
func.func @bonus_and_reset(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %f: tensor<?xf32> {seqc.draw = "uniform(-1,1)"}, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %o, %sT = seqc.recurrence seq(%k, %v, %f : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %ft: f32, %s: tensor<8x4xf32>):
    %c = arith.constant 0.5 : f32
    %z = arith.constant dense<0.0> : tensor<8x4xf32>
    %flag = arith.cmpf ogt, %ft, %c : f32
    %kept = arith.select %flag, %z, %s : tensor<8x4xf32>
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<8x4xf32>
    %b = seqc.einsum ",kv->kv"(%c, %w)
    %seen = arith.addf %n, %b : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%kt, %seen)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}

// A gate that depends on a running maximum of another signal.
// CHECK-LABEL: @gated_by_a_maximum
// CHECK: seqc.structure = ["0: C1 (max,+)", "1: C2"]
func.func @gated_by_a_maximum(%x: tensor<?xf32>, %m0: tensor<f32>, %h0: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %mT, %hT = seqc.recurrence seq(%x : (t)) carry(%m0, %h0 : ()) {
  ^step(%xt: f32, %m: f32, %h: f32):
    %mn = arith.maximumf %m, %xt : f32
    %d = arith.subf %xt, %mn : f32
    %a = math.exp %d : f32
    %kept = arith.mulf %a, %h : f32
    %hn = arith.addf %kept, %xt : f32
    seqc.yield carry(%mn, %hn)
  }
  return %mT, %hT : tensor<f32>, tensor<f32>
}

// Momentum on a vector: a 2x2 block of scalars that vary.
// CHECK-LABEL: @momentum
// CHECK: seqc.structure = ["0,1: C2m 2x2"]
func.func @momentum(%x: tensor<?x4xf32>, %e: tensor<?xf32> {seqc.draw = "uniform(0,0.5)"}, %p0: tensor<4xf32>, %v0: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %pT, %vT = seqc.recurrence seq(%x, %e : (t)) carry(%p0, %v0 : ()) {
  ^step(%xt: tensor<4xf32>, %et: f32, %p: tensor<4xf32>, %v: tensor<4xf32>):
    %ev = seqc.einsum ",d->d"(%et, %v)
    %ep = seqc.einsum ",d->d"(%et, %p)
    %v1 = arith.subf %ev, %ep : tensor<4xf32>
    %vn = arith.addf %v1, %xt : tensor<4xf32>
    %pn = arith.addf %p, %vn : tensor<4xf32>
    seqc.yield carry(%pn, %vn)
  }
  return %pT, %vT : tensor<4xf32>, tensor<4xf32>
}

// A previous token kept: the state is forgotten every time.
// CHECK-LABEL: @delay
// CHECK: seqc.structure = ["0: C0"]
func.func @delay(%x: tensor<?xf32>, %s0: tensor<f32>) -> (tensor<?xf32>, tensor<f32>) {
  %o, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %d = arith.subf %xt, %s : f32
    seqc.yield out(%d) carry(%xt)
  }
  return %o, %sT : tensor<?xf32>, tensor<f32>
}

// A state that multiplies itself.
// CHECK-LABEL: @logistic
// CHECK: seqc.structure = ["0: C7"]
func.func @logistic(%x: tensor<?xf32> {seqc.draw = "uniform(0,2)"}, %s0: tensor<f32> {seqc.draw = "uniform(0,1)"}) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %one = arith.constant 1.0 : f32
    %m = arith.subf %one, %s : f32
    %p = arith.mulf %m, %s : f32
    %n = arith.mulf %p, %xt : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// Momentum on matrices, coupled one way: the second is the first one's sum, which is no
// sum of outer products; both together are, with one block for all tokens.
// CHECK-LABEL: @momentum_of_matrices
// CHECK: seqc.structure = ["0,1: C4.1 2x2"]
func.func @momentum_of_matrices(%q: tensor<?x8xf32>, %k: tensor<?x8xf32> {seqc.draw = "unit"}, %v: tensor<?x4xf32>, %m0: tensor<8x4xf32>, %z0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) {
  %half = arith.constant dense<0.5> : tensor<8x4xf32>
  %most = arith.constant dense<0.75> : tensor<8x4xf32>
  %o, %mT, %zT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%m0, %z0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %m: tensor<8x4xf32>, %z: tensor<8x4xf32>):
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %zd = arith.mulf %half, %z : tensor<8x4xf32>
    %zn = arith.addf %zd, %w : tensor<8x4xf32>
    %md = arith.mulf %most, %m : tensor<8x4xf32>
    %mn = arith.addf %md, %zn : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %mn)
    seqc.yield out(%ot) carry(%mn, %zn)
  }
  return %o, %mT, %zT : tensor<?x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>
}
