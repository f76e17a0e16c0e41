// Regions that are no monoids are refuted with values that show it.
// RUN: seq-opt %s -seqc-check-monoids -split-input-file -verify-diagnostics
// RUN: not seqc prove %s | FileCheck %s --implicit-check-not=unknown
// RUN: not seqc run %s --entry minus --bind t=3 2>&1 | FileCheck %s --check-prefix=JIT

// JIT: error: refuted: the combine region is associative
// CHECK: refuted  minus: the combine region is associative (for x[t=0] = {{.*}}, x[t=1] = {{.*}}, x[t=2] = {{.*}} it gives {{.*}} combining the first two first, {{.*}} the last two)
func.func @minus(%x: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{refuted: the combine region is associative: for operand #0[t=0] = }}
  // expected-error @below {{refuted: its identity is neutral: for operand #0 = }}
  %y = seqc.scan seq(%x : (t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.subf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?xf32>
}

// CHECK: proved   one: the combine region is associative
// CHECK: refuted  one: its identity is neutral (for x = {{.*}}, with 1 on the left it gives
func.func @one(%x: tensor<?xf32>) -> tensor<?xf32> {
  %one = arith.constant 1.0 : f32
  // expected-error @below {{refuted: its identity is neutral: for operand #0 = }}
  %y = seqc.scan seq(%x : (t)) identity(%one) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?xf32>
}

// The mean is not associative.
// CHECK: refuted  mean: the combine region is associative
func.func @mean(%x: tensor<?xf32>) -> tensor<?xf32> {
  %half = arith.constant 0.5 : f32
  // expected-error @below {{refuted: the combine region is associative}}
  // expected-error @below {{refuted: its identity is neutral}}
  %y = seqc.scan seq(%x : (t)) identity(%half) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    %m = arith.mulf %s, %half : f32
    seqc.yield out(%m)
  }
  return %y : tensor<?xf32>
}

// An affine pair composed in the wrong order.
// CHECK: refuted  wrong_order: the combine region is associative (for a[t=0] = {{.*}}, x[t=0] = {{.*}}, a[t=1] = {{.*}} it gives ({{.*}}, {{.*}}) combining
func.func @wrong_order(%a: tensor<?xf32>, %x: tensor<?xf32>) -> tensor<?xf32> {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{refuted: the combine region is associative}}
  %p, %y = seqc.scan seq(%a, %x : (t)) identity(%one, %zero) {
  ^combine(%la: f32, %lx: f32, %ra: f32, %rx: f32):
    %m = arith.addf %la, %ra : f32
    %n2 = arith.subf %m, %one : f32
    %s = arith.mulf %ra, %lx : f32
    %n = arith.addf %s, %rx : f32
    seqc.yield out(%n2, %n)
  }
  return %y : tensor<?xf32>
}

// An operand that is no argument is called what the region calls it.
// CHECK: refuted  halves: the combine region is associative (for l[t=0] =
func.func @halves(%x: tensor<?xf32>) -> tensor<?xf32> {
  %half = arith.constant 0.5 : f32
  %zero = arith.constant 0.0 : f32
  %h = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %m = arith.mulf %xt, %half : f32
    seqc.yield out(%m)
  }
  // expected-error @below {{refuted: the combine region is associative}}
  // expected-error @below {{refuted: its identity is neutral}}
  %y = seqc.scan seq(%h : (t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.subf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?xf32>
}
