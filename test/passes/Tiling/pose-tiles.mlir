// RUN: seq-opt %s --seqc-pose-tiles | FileCheck %s
// RUN: seq-opt %s --seqc-pose-tiles='lanes=8 tiles=rows=3' | FileCheck %s --check-prefix=NARROW
// RUN: seq-opt %s --seqc-pose-tiles=machine=sm_90a | FileCheck %s --check-prefix=GPU

// Two products alike have one problem; a small contraction has none.
// CHECK-LABEL: func.func @f
// CHECK: seqc.einsum "ik,kv->iv"({{.*}}) {seqc.problem = @tiles}
// CHECK: seqc.einsum "ik,kv->iv"({{.*}}) {seqc.problem = @tiles}
// CHECK: seqc.einsum "ik,k->i"
// CHECK-NOT: seqc.problem
// CHECK: seqc_tile.problem @tiles of "the product \22ik,kv->iv\22 of 16x64 and 64x96" {
// CHECK-DAG: arith.constant 32 : index
// CHECK-DAG: seqc_tile.knob "rows" in 16 to 1
// CHECK-DAG: seqc_tile.knob "vectors" in 6 to 1
// CHECK: seqc_tile.constraint "registers"
// CHECK: seqc_tile.minimize
// CHECK-NOT: seqc_tile.problem

// Vectors of 8: sixteen registers, twice the vectors.
// NARROW-DAG: arith.constant 16 : index
// NARROW-DAG: seqc_tile.knob "vectors" in 8 to 1
// NARROW: %[[GIVEN:.*]] = arith.constant 3 : index
// NARROW: seqc_tile.constraint "given rows" %{{.*}} eq %[[GIVEN]], "rows is {0}, {1} is asked for"

// GPU-NOT: seqc_tile.problem
// GPU-NOT: seqc.problem

func.func @f(%q: tensor<?x16x64xf32>, %s0: tensor<64x96xf32>) -> tensor<?x16x96xf32> {
  %y, %sT = seqc.recurrence seq(%q : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<16x64xf32>, %s: tensor<64x96xf32>):
    %a = seqc.einsum "ik,kv->iv"(%qt, %s)
    %b = seqc.einsum "ik,kv->iv"(%qt, %s)
    %ones = arith.constant dense<1.0> : tensor<64xf32>
    %c = seqc.einsum "ik,k->i"(%qt, %ones)
    %d = arith.addf %a, %b : tensor<16x96xf32>
    %e = seqc.einsum "iv,i->iv"(%d, %c)
    seqc.yield out(%e) carry(%s)
  }
  return %y : tensor<?x16x96xf32>
}
