// RUN: seq-opt %s --seqc-pose-tiles | FileCheck %s
// RUN: seq-opt %s --seqc-pose-tiles='lanes=8 tiles=rows=3' | FileCheck %s --check-prefix=NARROW
// RUN: seq-opt %s --seqc-pose-tiles=machine=sm_90a | FileCheck %s --check-prefix=GPU
// RUN: seq-opt %s --seqc-recurrence-to-linear --seqc-pose-tiles=chunks | FileCheck %s --check-prefix=CHUNKS
// RUN: seq-opt %s --seqc-recurrence-to-linear --seqc-pose-tiles='chunks length=7' --seqc-solve-tiles=keep --seqc-linear-to-chunks | FileCheck %s --check-prefix=SEVEN
// RUN: seq-opt %s --seqc-recurrence-to-linear --seqc-pose-tiles='chunks tiles=chunk=24' --seqc-solve-tiles --seqc-linear-to-chunks | FileCheck %s --check-prefix=HAND

// The chunks of linear recurrences, and no products.  Gates that are known to be small
// sum to less.
// CHUNKS-LABEL: func.func @f
// CHUNKS-NOT: seqc.problem
// CHUNKS-LABEL: func.func @linear
// CHUNKS: seqc.problem = @chunks
// CHUNKS: seqc_tile.problem @chunks of "a token, in chunks, of a state of 128x128 with 1 read, 1 write and 0 corrections"
// CHUNKS: seqc_tile.knob "chunk" in [16, 8, 24, 32, 64]
// CHUNKS: seqc_tile.constraint "caches"
// CHUNKS: seqc_tile.constraint "gates" %{{.*}} le %[[EXACT:[^,]*]], "the gates' logarithms
// CHUNKS: seqc_tile.minimize
// CHUNKS-NOT: seqc_tile.problem

// A length that is asked for is one more value and one more constraint.
// SEVEN: chunk(7)
// SEVEN: seqc_tile.problem @chunks {{.*}} solved {chunk = 7 : i64}
// SEVEN: seqc_tile.knob "chunk" in [16, 8, 24, 32, 64, 7]
// SEVEN: seqc_tile.constraint "--chunk" %{{.*}} eq %{{.*}}, "chunk is {0}, {1} is asked for"
// HAND: chunk(24)
// HAND-NOT: seqc_tile.problem

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

func.func @linear(%x: tensor<?x128xf32>, %g: tensor<?xf32> {seqc.range = "-1 .. 0"}, %s0: tensor<128x128xf32>) -> tensor<?x128xf32> {
  %y, %sT = seqc.recurrence seq(%x, %g : (t)) carry(%s0 : ()) {
  ^step(%xt: tensor<128xf32>, %gt: f32, %s: tensor<128x128xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%xt, %xt)
    %n = arith.addf %old, %w : tensor<128x128xf32>
    %o = seqc.einsum "k,kv->v"(%xt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y : tensor<?x128xf32>
}
