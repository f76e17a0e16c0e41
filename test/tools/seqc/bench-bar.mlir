// `seqc.bar` says how many bytes or operations a point of the axes stands for, and how
// much of the ceiling is asked; with `step` it is about the one-token function.
// RUN: seqc bench %s --entry=sum | FileCheck %s --check-prefix=SUM
// RUN: seqc bench %s --entry=memory | FileCheck %s --check-prefix=STEP
// RUN: seqc bench %s --entry=plain | FileCheck %s --check-prefix=PLAIN
// RUN: not seqc bench %s --entry=none 2>&1 | FileCheck %s --check-prefix=NONE

// 8 bytes of each of 4 x 1000 points.
// SUM: copy {{[0-9.]+}} GB/s, multiply-adds {{[0-9.]+}} GFLOP/s
// SUM: | bench-bar | b=4 t=1000 | 0 | {{[0-9.]+}} | {{.*}} % | {{[0-9]+}} % of copy | 80 % |
func.func @sum(%x: tensor<?x?xf32>) -> tensor<?x?xf32>
    attributes {seqc.bench = {b = 4, t = 1000}, seqc.bar = {bytes = 8, least = 80}} {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// STEP: | bench-bar | b=16 | 0 | {{[0-9.]+}} | {{.*}} % | {{[0-9]+}} % of multiply-adds | 5 % |
func.func @memory(%k: tensor<?x?x8xf32>, %v: tensor<?x?x8xf32>, %s0: tensor<?x8x8xf32>) -> tensor<?x?x8x8xf32>
    attributes {seqc.bench = {b = 16, t = 1000}, seqc.bar = {step, operations = 128, least = 5}} {
  %y, %sT = seqc.recurrence seq(%k, %v : (b, t)) carry(%s0 : (b)) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<8xf32>, %s: tensor<8x8xf32>):
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %w : tensor<8x8xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %y : tensor<?x?x8x8xf32>
}

// PLAIN: | bench-bar | b=4 t=1000 | {{.*}} % | | |
func.func @plain(%x: tensor<?x?xf32>) -> tensor<?x?xf32> attributes {seqc.bench = {b = 4, t = 1000}} {
  %y = seqc.recurrence seq(%x : (b, t)) {
  ^step(%xt: f32):
    %n = arith.mulf %xt, %xt : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?x?xf32>
}
// NONE: seqc: error: no entry 'none', expected one of: sum, memory, plain
