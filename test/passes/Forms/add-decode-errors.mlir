// Functions without a one-token step, and why.
// RUN: seq-opt %s -seqc-add-decode="remarks=1 maps=1" -verify-diagnostics | FileCheck %s

// CHECK-NOT: _step
// expected-remark @below {{no one-token step: it runs in reverse}}
func.func @backwards(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) reverse {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// expected-remark @below {{no one-token step: some of its recurrences have packed segments and others do not}}
func.func @mixed(%x: tensor<?xf32>, %s0: tensor<?xf32>, %r0: tensor<f32>, %cu: tensor<?xi32>) -> (tensor<?xf32>, tensor<f32>) {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  %rT = seqc.recurrence seq(%x : (t)) carry(%r0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %rT : tensor<?xf32>, tensor<f32>
}

// expected-remark @below {{no one-token step: it has several tables of segments}}
func.func @tables(%x: tensor<?xf32>, %s0: tensor<?xf32>, %r0: tensor<?xf32>, %cu: tensor<?xi32>, %cv: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  %rT = seqc.recurrence seq(%x : (t)) carry(%r0 : (s)) segments(%cv : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %rT : tensor<?xf32>, tensor<?xf32>
}

// expected-remark @below {{no one-token step: an operand has its tokens along different dimensions}}
func.func @turned(%x: tensor<?x?xf32>, %s0: tensor<?xf32>, %r0: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %sT = seqc.recurrence seq(%x : (t, b)) carry(%s0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  %rT = seqc.recurrence seq(%x : (b, t)) carry(%r0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %rT : tensor<?xf32>, tensor<?xf32>
}

// expected-remark @below {{no one-token step: it returns an operand over time}}
func.func @returned(%x: tensor<?xf32>, %s0: tensor<f32>) -> (tensor<f32>, tensor<?xf32>) {
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %x : tensor<f32>, tensor<?xf32>
}

// expected-remark @below {{no one-token step: an operand over time is a constant}}
func.func @table(%x: tensor<3xf32>, %s0: tensor<f32>) -> tensor<f32> {
  %c = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %sT = seqc.recurrence seq(%x, %c : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %ct: f32, %s: f32):
    %m = arith.mulf %xt, %ct : f32
    %n = arith.addf %m, %s : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// expected-remark @below {{no one-token step: it has no state}}
func.func @pointwise(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %n = arith.negf %xt : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}

// expected-remark @below {{no one-token step: 'tensor.empty' is not part of a step}}
func.func @other(%x: tensor<4xf32>, %s0: tensor<f32>) -> (tensor<f32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield carry(%n)
  }
  return %sT, %e : tensor<f32>, tensor<4xf32>
}

// expected-remark @below {{no one-token step: what a capacity drops depends on earlier tokens}}
func.func @capacity(%x: tensor<?x4xf32>, %i: tensor<?x1xi32>, %s0: tensor<4x4xf32>) -> tensor<?x4xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x) capacity(2)
  %o, %sT = seqc.recurrence seq(%p : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: tensor<4xf32>, %s: tensor<4xf32>):
    %n = arith.addf %xt, %s : tensor<4xf32>
    seqc.yield out(%n) carry(%n)
  }
  %y = seqc.combine %o by %inv
  return %y : tensor<?x4xf32>
}

// expected-remark @below {{no one-token step: a state goes through rows in the order of their experts}}
func.func @rows(%x: tensor<?x4xf32>, %i: tensor<?x1xi32>, %s0: tensor<4xf32>) -> tensor<?x4xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x)
  %o, %sT = seqc.recurrence seq(%p : (t)) carry(%s0 : ()) {
  ^step(%xt: tensor<4xf32>, %s: tensor<4xf32>):
    %n = arith.addf %xt, %s : tensor<4xf32>
    seqc.yield out(%n) carry(%n)
  }
  %y = seqc.combine %o by %inv
  return %y : tensor<?x4xf32>
}

// expected-remark @below {{no one-token step: 'seqc.block_attention' is not part of a step}}
func.func @attention(%q: tensor<?x?x1x4xf32>, %i: tensor<?x?x1xi32>) -> tensor<?x?x1x4xf32> {
  %perm, %inv, %cu = seqc.dispatch %i experts(3)
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) causal
  return %o : tensor<?x?x1x4xf32>
}

// expected-remark @below {{no one-token step: 'linalg.generic' asks for the number of a token}}
func.func @numbered(%x: tensor<?xf32>, %i: tensor<?x1xi32>, %s0: tensor<3xf32>) -> tensor<?xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x)
  %o, %sT = seqc.recurrence seq(%p : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %xt, %s : f32
    seqc.yield out(%n) carry(%n)
  }
  %y = seqc.combine %o by %inv
  %z = linalg.generic {indexing_maps = [affine_map<(n) -> (n)>], iterator_types = ["parallel"]} outs(%y : tensor<?xf32>) {
  ^one(%v: f32):
    %at = linalg.index 0 : index
    %k = arith.index_cast %at : index to i32
    %f = arith.sitofp %k : i32 to f32
    %r = arith.addf %v, %f : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  return %z : tensor<?xf32>
}
