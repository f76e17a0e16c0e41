// Regions that are no monoids where no sample shows it: the solver's numbers do, once
// the region itself has been run on them.
// RUN: seq-opt %s -seqc-check-monoids=solver=1 -split-input-file -verify-diagnostics
// RUN: not seqc prove %s | FileCheck %s --implicit-check-not=unknown
// RUN: not seqc compile %s --entry capped -o %t.so 2>&1 | FileCheck %s --check-prefix=COMPILE

// COMPILE: error: refuted: its identity is neutral: for x = {{.*}}, with -inf on the left it gives 5
// CHECK: proved   capped: the combine region is associative
// CHECK: refuted  capped: its identity is neutral (for x = {{.*}}, with -inf on the left it gives 5)
func.func @capped(%x: tensor<?xf32>) -> tensor<?xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %five = arith.constant 5.0 : f32
  // expected-error @below {{refuted: its identity is neutral: for operand #0 = }}
  %y = seqc.scan seq(%x : (t)) identity(%lowest) {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    %c = arith.minimumf %m, %five : f32
    seqc.yield out(%c)
  }
  return %y : tensor<?xf32>
}

// -----

// What it does with large values shows only beyond the samples' sums.
// CHECK: refuted  turning: the combine region is associative (for x[t=0] = {{.*}}, x[t=1] = {{.*}}, x[t=2] = {{.*}} it gives {{.*}} combining the first two first, {{.*}} the last two)
// CHECK: proved   turning: its identity is neutral
func.func @turning(%x: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %bound = arith.constant 100.0 : f32
  // expected-error @below {{refuted: the combine region is associative: for operand #0[t=0] = }}
  %y = seqc.scan seq(%x : (t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %above = arith.cmpf ogt, %l, %bound : f32
    %sum = arith.addf %l, %r : f32
    %difference = arith.subf %l, %r : f32
    %n = arith.select %above, %difference, %sum : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}

// -----

// A softmax's sum that stops at 50: two values, one of them by its exponential.
// CHECK: refuted  stopped: its identity is neutral (for m = {{.*}}, u = {{.*}}, with (-inf, 0) on the left it gives ({{.*}}, 50)
func.func @stopped(%m: tensor<?xf32>, %u: tensor<?xf32>) -> tensor<?xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %most = arith.constant 50.0 : f32
  // expected-error @below {{refuted: the combine region is associative: for operand #0[t=0] = }}
  // expected-error @below {{refuted: its identity is neutral: for operand #0 = }}
  %y, %z = seqc.scan seq(%m, %u : (t)) identity(%lowest, %zero) {
  ^combine(%lm: f32, %lu: f32, %rm: f32, %ru: f32):
    %max = arith.maximumf %lm, %rm : f32
    %dl = arith.subf %lm, %max : f32
    %dr = arith.subf %rm, %max : f32
    %el = math.exp %dl : f32
    %er = math.exp %dr : f32
    %ul = arith.mulf %lu, %el : f32
    %ur = arith.mulf %ru, %er : f32
    %sum = arith.addf %ul, %ur : f32
    %n = arith.minimumf %sum, %most : f32
    seqc.yield out(%max, %n)
  }
  return %z : tensor<?xf32>
}
