// What is no scan stays, with the reason; with `force` it is an error.
// RUN: seq-opt %s -seqc-recurrence-to-scan=remarks=1 -split-input-file -verify-diagnostics
// RUN: not seq-opt %s -seqc-recurrence-to-scan=force=1 -split-input-file 2>&1 | FileCheck %s

// CHECK: error: the recurrence has no scan form: a state is not affine over any semiring: 'math.tanh'
func.func @cell(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{stays a recurrence: a state is not affine over any semiring: 'math.tanh'}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %a = arith.addf %xt, %s : f32
    %n = math.tanh %a : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}

// -----

// CHECK: error: the recurrence has no scan form: with a state of 16 x 16 the elements of a scan would have 257 numbers (at most 256)
func.func @matrix(%x: tensor<?x16x16xf32>, %s0: tensor<16x16xf32>) -> tensor<16x16xf32> {
  // expected-remark @below {{stays a recurrence: with a state of 16 x 16 the elements of a scan would have 257 numbers (at most 256)}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: tensor<16x16xf32>, %s: tensor<16x16xf32>):
    %n = arith.addf %xt, %s : tensor<16x16xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<16x16xf32>
}

// -----

// CHECK: error: the recurrence has no scan form: its transition is a matrix of order 9, too large for the elements of a scan (at most 8)
func.func @order(%a: tensor<?x9x9xf32>, %s0: tensor<9xf32>) -> tensor<9xf32> {
  // expected-remark @below {{stays a recurrence: its transition is a matrix of order 9, too large for the elements of a scan (at most 8)}}
  %sT = seqc.recurrence seq(%a : (t)) carry(%s0 : ()) {
  ^step(%at: tensor<9x9xf32>, %s: tensor<9xf32>):
    %n = seqc.einsum "ij,j->i"(%at, %s)
    seqc.yield carry(%n)
  }
  return %sT : tensor<9xf32>
}

// -----

// CHECK: error: the recurrence has no scan form: a state is not of f32 or f64, but rounds at every token
func.func @narrow(%x: tensor<?xf32>, %s0: tensor<bf16>) -> tensor<bf16> {
  // expected-remark @below {{stays a recurrence: a state is not of f32 or f64, but rounds at every token}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: bf16):
    %w = arith.extf %s : bf16 to f32
    %n = arith.addf %xt, %w : f32
    %r = arith.truncf %n : f32 to bf16
    seqc.yield carry(%r)
  }
  return %sT : tensor<bf16>
}

// -----

// CHECK: error: the recurrence has no scan form: it has snapshots
func.func @snapshot(%x: tensor<?xf32>, %s0: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{stays a recurrence: it has snapshots}}
  %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) snapshot(0 every 2) {
  ^step(%xt: f32, %s: f32, %old: f32):
    %n = arith.addf %xt, %old : f32
    seqc.yield carry(%n)
  }
  return %sT : tensor<f32>
}
