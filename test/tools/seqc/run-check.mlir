// run --check: a result that is too far from the reference says FAIL and exits with 1.
// RUN: sh -c 'seqc run %s --entry=exact --check; echo status $?' | FileCheck %s --check-prefix=EXACT
// RUN: sh -c 'seqc run %s --entry=lossy --check; echo status $?' | FileCheck %s --check-prefix=LOSSY
// Without --check nothing is compared; a result that fails is saved all the same.
// RUN: rm -rf %t
// RUN: seqc run %s --entry=lossy | FileCheck %s --check-prefix=UNCHECKED --implicit-check-not=RMS
// RUN: not seqc run %s --entry=lossy --check --save %t
// RUN: ls %t | FileCheck %s --check-prefix=SAVED

// EXACT: exact: t=5
// EXACT-NEXT: y {{ *}}relative RMS 0.00e+00  max abs error 0.00e+00 at [0]  ok (tolerance 1e-05)
// EXACT-NEXT: status 0
// LOSSY: lossy: t=5
// LOSSY-NEXT: y {{ *}}relative RMS {{[0-9.e+-]+}}  max abs error {{[0-9.e+-]+}} at [{{[0-4]}}]  FAIL (tolerance 1e-05)
// LOSSY-NEXT: status 1
// UNCHECKED: lossy: t=5
// SAVED: x.npy
// SAVED-NEXT: y.npy

func.func @exact(%x: tensor<?xf32>) -> tensor<?xf32> attributes {seqc.sizes = {t = 5}} {
  %two = arith.constant 2.0 : f32
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %n = arith.mulf %xt, %two : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}
// In f32 the sum with 1e8 leaves nothing of a small number; in f64 it does.
func.func @lossy(%x: tensor<?xf32>) -> tensor<?xf32> attributes {seqc.sizes = {t = 5}} {
  %big = arith.constant 1.0e+08 : f32
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %a = arith.addf %xt, %big : f32
    %n = arith.subf %a, %big : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}
