// A correction and a write of rank two, each one einsum, are two vectors each.
// RUN: seq-opt %s -seqc-split-ranks -canonicalize -cse -seqc-derive-structure | FileCheck %s
// RUN: seqc explain %s | FileCheck %s --check-prefix=EXPLAIN
// RUN: seqc prove %s | FileCheck %s --check-prefix=PROVE
// RUN: seqc run %s --interpret --form=chunked --random=1 --check | FileCheck %s --check-prefix=RESULT
// RUN: seqc run %s --interpret --form=sequential --random=1 --check | FileCheck %s --check-prefix=RESULT

// PROVE: proved {{.*}}the chunked form equals the program
// PROVE-NOT: unknown
// PROVE-NOT: refuted
// RESULT: o {{.*}} ok
// RESULT: sT {{.*}} ok

// CHECK-LABEL: @correction
// CHECK: seqc.structure = ["0: C5.0 rank 2"]
// CHECK-COUNT-4: tensor.extract_slice
// EXPLAIN: class   s0: C5.0 rank 2,
// EXPLAIN: s0'[i,j] = s0[i,j] - k[0,i] k[0,l] s0[l,j] - k[1,i] k[1,l] s0[l,j] + k[0,i] v[0,j] + k[1,i] v[1,j]
// EXPLAIN: chunked, 16 tokens {{[0-9]+}}, floor
func.func @correction(%q: tensor<?x5xf32>, %k: tensor<?x2x5xf32> {seqc.draw = "normal(0.2)"}, %v: tensor<?x2x3xf32>, %s0: tensor<5x3xf32>) -> (tensor<?x3xf32>, tensor<5x3xf32>) attributes {seqc.sizes = {t = 19}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<5xf32>, %kt: tensor<2x5xf32>, %vt: tensor<2x3xf32>, %s: tensor<5x3xf32>):
    %r = seqc.einsum "rk,kv->rv"(%kt, %s)
    %d = arith.subf %vt, %r : tensor<2x3xf32>
    %w = seqc.einsum "rk,rv->kv"(%kt, %d)
    %n = arith.addf %s, %w : tensor<5x3xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x3xf32>, tensor<5x3xf32>
}
