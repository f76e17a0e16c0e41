// One error for each numbered constraint.
// RUN: seq-opt %s --split-input-file --verify-diagnostics

func.func @r1(%x: tensor<?xf32>) {
  // expected-error @+1 {{seq operand #0 does not name the time axis 't' (R1)}}
  %y = seqc.recurrence seq(%x : (b)) out((b)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r1_weight(%x: tensor<?xf32>) {
  // expected-error @+1 {{weight operand #0 names the time axis 't'}}
  %y = seqc.recurrence seq(%x : (t)) weight(%x : (t)) {
  ^step(%xt: f32, %w: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r2_rank(%x: tensor<?xf32>) {
  // expected-error @+1 {{operand '%x' has rank 1, its axes name 2 dimensions}}
  %y = seqc.recurrence seq(%x : (b, t)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r2_dynamic(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{seq operand #0 has dynamic feature dimension 1, expected a static size (R2)}}
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: tensor<4xf32>):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r3(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{region argument #0 (seq) is 'tensor<5xf32>', expected 'tensor<4xf32>' (R3)}}
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: tensor<5xf32>):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r3_narrower(%x: tensor<?xf32>) {
  // expected-error @+1 {{region argument #0 (seq) is 'bf16', expected 'f32' (R3)}}
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: bf16):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r4(%x: tensor<2x?xf32>, %z: tensor<3x?xf32>) {
  // expected-error @+1 {{seq operand #1 has size 3 in dimension 0 (axis 'b'), expected 2 as in seq operand #0 (R4)}}
  %y = seqc.recurrence seq(%x, %z : (b, t)) {
  ^step(%xt: f32, %zt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r5(%x: tensor<?xf32>, %w: tensor<?xf32>) {
  // expected-error @+1 {{weight operand #0 names axis 'h', which no seq operand has (R5)}}
  %y = seqc.recurrence seq(%x : (t)) weight(%w : (h)) {
  ^step(%xt: f32, %wt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r6(%x: tensor<?xf32>, %s0: f32) {
  %y, %s1 = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    // expected-error @+1 {{has 0 carry values, expected 1 (R6)}}
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r7(%x: tensor<?xf32>, %cu: tensor<?xf32>) {
  // expected-error @+1 {{segment table is 'tensor<?xf32>', expected a rank-1 tensor of i32 or i64 (R7)}}
  %y = seqc.recurrence seq(%x : (t)) segments(%cu : (s)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @r8(%x: tensor<?xf32>, %s0: f32) {
  // expected-error @+1 {{has restart values but no resets (R8)}}
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) restart(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    seqc.yield out(%xt) carry(%s)
  }
  return
}

// -----

func.func @r9(%x: tensor<?xf32>, %s0: f32) {
  // expected-error @+1 {{snapshot #0 is of carry 3, there are 1 (R9)}}
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) snapshot(3 every 2) {
  ^step(%xt: f32, %s: f32, %old: f32):
    seqc.yield out(%xt) carry(%s)
  }
  return
}

// -----

func.func @r9_period(%x: tensor<?xf32>, %s0: f32) {
  // expected-error @+1 {{snapshot #0 has period 0, expected a positive one (R9)}}
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) snapshot(0 every 0) {
  ^step(%xt: f32, %s: f32, %old: f32):
    seqc.yield out(%xt) carry(%s)
  }
  return
}

// -----

func.func @r10(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{out map #0 lacks axis 'b' (R10)}}
  %y = seqc.recurrence seq(%x : (b, t)) out((t)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func private @g(f32) -> f32
func.func @r11(%x: tensor<?xf32>) {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    // expected-error @+1 {{is not part of the step vocabulary (R11)}}
    %z = func.call @g(%xt) : (f32) -> f32
    seqc.yield out(%z)
  }
  return
}

// -----

func.func @r12(%x: tensor<?xf32>, %c: f32) {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    // expected-error @+1 {{uses a value from outside the step that is not a constant; pass it as an operand (R12)}}
    %z = arith.addf %xt, %c : f32
    seqc.yield out(%z)
  }
  return
}

// -----

func.func @r13(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{axis 'h' occurs only with floordiv, so that its size is unknown (R13)}}
  %y = seqc.recurrence seq(%x : (t, h floordiv 2)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return
}

// -----

func.func @s3(%x: tensor<?xf32>) {
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{region has 1 arguments, expected 2: a left and a right value per seq operand (S3)}}
  %y = seqc.scan seq(%x : (t)) identity(%zero) {
  ^combine(%l: f32):
    seqc.yield out(%l)
  }
  return
}

// -----

func.func @s5(%x: tensor<?xf32>) {
  // expected-error @+1 {{has 0 identity values, expected 1 (S5)}}
  %y = seqc.scan seq(%x : (t)) identity() {
  ^combine(%l: f32, %r: f32):
    seqc.yield out(%l)
  }
  return
}

// -----

func.func @s5_constant(%x: tensor<?xf32>, %c: f32) {
  // expected-error @+1 {{identity values must be constants (S5)}}
  %y = seqc.scan seq(%x : (t)) identity(%c) {
  ^combine(%l: f32, %r: f32):
    seqc.yield out(%l)
  }
  return
}

// -----

func.func @s6(%x: tensor<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %y, %z = seqc.scan seq(%x : (t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    // expected-error @+1 {{has 2 out and 0 carry values, expected 1 and 0 (S6)}}
    seqc.yield out(%l, %r)
  }
  return
}

// -----

func.func @s8(%x: tensor<?xf32>, %x0: tensor<2xf32>) {
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{initial operand #0 has slices 'tensor<2xf32>', expected 'f32' (S8)}}
  %y = seqc.scan seq(%x : (t)) identity(%zero) initial(%x0 : ()) {
  ^combine(%l: f32, %r: f32):
    seqc.yield out(%l)
  }
  return
}

// -----

func.func @e1(%a: tensor<2xf32>) {
  // expected-error @+1 {{equation "i,j->i" has 2 terms for 1 operands (E1)}}
  %y = seqc.einsum "i,j->i"(%a)
  return
}

// -----

func.func @e1_arrow(%a: tensor<2xf32>) {
  // expected-error @+1 {{equation "i" lacks '->' (E1)}}
  %y = seqc.einsum "i"(%a)
  return
}

// -----

func.func @e2(%a: tensor<2x2xf32>) {
  // expected-error @+1 {{letter 'i' occurs twice in term "ii" (E2)}}
  %y = seqc.einsum "ii->i"(%a)
  return
}

// -----

func.func @e3(%a: tensor<2xi32>) {
  // expected-error @+1 {{operand #0 is 'tensor<2xi32>', expected a float or a tensor of floats (E3)}}
  %y = seqc.einsum "i->i"(%a)
  return
}

// -----

func.func @e4(%a: tensor<2xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{letter 'i' has size 3 in operand #1, expected 2 (E4)}}
  %y = seqc.einsum "i,i->i"(%a, %b)
  return
}

// -----

func.func @e5(%a: tensor<2xf32>) {
  // expected-error @+1 {{output letter 'j' occurs in no operand (E5)}}
  %y = seqc.einsum "i->j"(%a)
  return
}

// -----

func.func @d1(%a: tensor<0xf32>) {
  // expected-error @+1 {{input is 'tensor<0xf32>', expected a static, non-empty tensor of floats or integers (D1)}}
  %y = seqc.reduce add %a over 0
  return
}

// -----

func.func @d2(%a: tensor<2xf32>) {
  // expected-error @+1 {{axis is 1, the input has rank 1 (D2)}}
  %y = seqc.reduce add %a over 1
  return
}

// -----

func.func @undefined() {
  // expected-error @+1 {{operand '%nobody' must be defined above its use}}
  %y = seqc.einsum "i->i"(%nobody)
  return
}

// -----

func.func @r14(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{has chunk length -2, expected a positive one without snapshot, position and first (R14)}}
  %y = seqc.recurrence seq(%x : (t)) chunk(-2) {
  ^step(%xt: tensor<1xf32>, %n: index):
    seqc.yield out(%xt)
  }
  return %y : tensor<?xf32>
}

// -----

func.func @r14_out(%x: tensor<?xf32>) -> tensor<?x3xf32> {
  %y = seqc.recurrence seq(%x : (t)) chunk(2) {
  ^step(%xt: tensor<2xf32>, %n: index):
    %z = arith.constant dense<0.0> : tensor<3x3xf32>
    // expected-error @below {{out value #0 is 'tensor<3x3xf32>', expected a leading dimension of 2 tokens (R14)}}
    seqc.yield out(%z)
  }
  return %y : tensor<?x3xf32>
}

// -----

func.func @factors(%a: tensor<4x8xf32>, %x: tensor<8xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'seqc.factors' is f32, expected bf16 (E6)}}
  %y = seqc.einsum "ij,j->i"(%a, %x) {seqc.factors = f32}
  return %y : tensor<4xf32>
}
