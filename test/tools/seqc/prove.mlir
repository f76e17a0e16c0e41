// What compilation relies on, proved: monoids, every form that is emitted, exponents.
// RUN: seqc prove %s | FileCheck %s

// CHECK: proved   gated: the sequential form equals the program (it is the program)
// CHECK: proved   gated: the canonical form equals the program (features of 1 to 3, up to 4 tokens)
// CHECK: proved   gated: the chunked form equals the program (features of 1 to 3, chunks of 1 to 4 tokens)
// CHECK: proved   gated: exponents of the chunked form are at most 0 (of declared ranges)
// CHECK: proved   gated: the split over 2 parts equals the program
// CHECK: proved   gated: the split over 3 parts equals the program
// CHECK: proved   gated: the step of one token equals the program's (features of 1 to 3, any state)
func.func @gated(%q: tensor<?x?x64xf32>, %k: tensor<?x?x64xf32>, %v: tensor<?x?x32xf32>,
                 %g: tensor<?x?x64xf32> {seqc.range = "<= 0"}, %beta: tensor<?x?xf32>,
                 %s0: tensor<?x64x32xf32>) -> (tensor<?x?x32xf32>, tensor<?x64x32xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (b, t)) carry(%s0 : (b)) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<32xf32>, %gt: tensor<64xf32>, %bt: f32,
        %s: tensor<64x32xf32>):
    %a = math.exp %gt : tensor<64xf32>
    %old = seqc.einsum "k,kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<32xf32>
    %ku = seqc.einsum "k,v,->kv"(%kt, %d, %bt)
    %next = arith.addf %old, %ku : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x32xf32>, tensor<?x64x32xf32>
}

// Without a range the exponents may rise; the form equals the program only as long as
// they do not.
// CHECK: unknown  undeclared: the chunked form equals the program (it does where every exponent is at most 0; features of 1 to 3, chunks of 1 to 4 tokens; no gate is below -100, whose exponential is zero to f32)
// CHECK: unknown  undeclared: exponents of the chunked form are at most 0 (g[{{.*}}] may be positive; the sequential form is used unless this one is asked for)
func.func @undeclared(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>,
                      %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<?x4xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %old, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x4xf32>
}

// A scan form with an initial state and resets, some of them at neighbours.
// CHECK: proved   resets: the sequential form equals the program
// CHECK: proved   resets: of the scan form: the combine region is associative
// CHECK: proved   resets: of the scan form: its identity is neutral
// CHECK: proved   resets: the scan form equals the program
func.func @resets(%x: tensor<?x?x16xf32>, %a: tensor<?x?x16xf32>, %r: tensor<?x?xi1>, %h0: tensor<?x16xf32>)
    -> (tensor<?x?x16xf32>, tensor<?x16xf32>) {
  %h, %hT = seqc.recurrence seq(%x, %a : (b, t)) carry(%h0 : (b)) resets(%r : (b, t)) {
  ^step(%xt: tensor<16xf32>, %at: tensor<16xf32>, %s: tensor<16xf32>):
    %m = arith.mulf %at, %s : tensor<16xf32>
    %n = arith.addf %m, %xt : tensor<16xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %h, %hT : tensor<?x?x16xf32>, tensor<?x16xf32>
}

// What no class covers has a sequential form, which is proved as well.
// CHECK: proved   recurrent: the sequential form equals the program
// CHECK-NOT: recurrent: the chunked
func.func @recurrent(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %h0: tensor<8xf32>) -> tensor<?x8xf32> {
  %h, %hT = seqc.recurrence seq(%x : (t)) weight(%w : ()) carry(%h0 : ()) {
  ^step(%xt: tensor<8xf32>, %wt: tensor<8x8xf32>, %s: tensor<8xf32>):
    %r = seqc.einsum "ij,j->i"(%wt, %s)
    %p = arith.addf %r, %xt : tensor<8xf32>
    %n = math.tanh %p : tensor<8xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %h : tensor<?x8xf32>
}

// A gate that is no exponential: one minus a number.
// CHECK: proved   complement: the chunked form equals the program
// CHECK: proved   complement: exponents of the chunked form are at most 0 (of declared ranges)
func.func @complement(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %g: tensor<?xf32> {seqc.range = "0 .. 1"}, %s0: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %one = arith.constant 1.0 : f32
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<8xf32>, %gt: f32, %s: tensor<8x8xf32>):
    %a = arith.subf %one, %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %old, %kv : tensor<8x8xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x8xf32>
}
