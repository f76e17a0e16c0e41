// Combine regions that are monoids, proved.
// RUN: seq-opt %s -seqc-check-monoids=solver=1 -verify-diagnostics
// RUN: seqc prove %s | FileCheck %s

// CHECK: proved   affine: the combine region is associative
// CHECK: proved   affine: its identity is neutral
func.func @affine(%a: tensor<?xf32>, %x: tensor<?xf32>) -> tensor<?xf32> {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %p, %y = seqc.scan seq(%a, %x : (t)) identity(%one, %zero) {
  ^combine(%la: f32, %lx: f32, %ra: f32, %rx: f32):
    %m = arith.mulf %la, %ra : f32
    %s = arith.mulf %ra, %lx : f32
    %n = arith.addf %s, %rx : f32
    seqc.yield out(%m, %n)
  }
  return %y : tensor<?xf32>
}

// A softmax's running maximum and sum.
// CHECK: proved   softmax: the combine region is associative
// CHECK: proved   softmax: its identity is neutral
func.func @softmax(%m: tensor<?xf32>, %u: tensor<?xf32>) -> tensor<?xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
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
    seqc.yield out(%max, %sum)
  }
  return %z : tensor<?xf32>
}

// A reset lifted into the element: a later flag drops what came before.
// CHECK: proved   reset: the combine region is associative
func.func @reset(%x: tensor<?xf32>, %f: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %y, %z = seqc.scan seq(%x, %f : (t)) identity(%zero, %lowest) {
  ^combine(%lx: f32, %lf: f32, %rx: f32, %rf: f32):
    %set = arith.cmpf ogt, %rf, %zero : f32
    %sum = arith.addf %lx, %rx : f32
    %n = arith.select %set, %rx, %sum : f32
    %flag = arith.maximumf %lf, %rf : f32
    seqc.yield out(%n, %flag)
  }
  return %y : tensor<?xf32>
}
