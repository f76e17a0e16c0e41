// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-loops --canonicalize --cse | FileCheck %s

// A scalar step: vectors across channels, the last one masked.
// CHECK-LABEL: func.func @channels(
// CHECK-SAME: %[[A:.*]]: memref<?x?x?xf32>, %[[X:.*]]: memref<?x?x?xf32>, %[[H0:.*]]: memref<?x?xf32>, %[[H:.*]]: memref<?x?x?xf32>, %[[HT:.*]]: memref<?x?xf32>)
// CHECK: scf.parallel
// CHECK: %[[S:.*]] = memref.alloca() {{.*}} : memref<256xf32>
// Time, then vectors.
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.load %[[A]]{{.*}} vector<16xf32>
// CHECK: vector.load %[[X]]{{.*}} vector<16xf32>
// CHECK: vector.load %[[S]]
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: vector.store {{.*}} %[[H]]
// CHECK: vector.store {{.*}} %[[S]]
// CHECK: scf.if
// CHECK: vector.maskedload %[[A]]
func.func @channels(%a: tensor<?x?x?xf32>, %x: tensor<?x?x?xf32>, %h0: tensor<?x?xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?xf32>) {
  %h, %hT = seqc.recurrence seq(%a, %x : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%at: f32, %xt: f32, %s: f32):
    %kept = arith.mulf %at, %s : f32
    %next = arith.addf %kept, %xt : f32
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x?xf32>, tensor<?x?xf32>
}

// A matrix state: one pass over it per token updates it in place and reads it out,
// with the sums in registers.
// CHECK-LABEL: func.func @features(
// CHECK: scf.parallel
// CHECK: %[[S:.*]] = memref.alloc() {{.*}} : memref<64x32xf32>
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: vector.load %[[S]]
// CHECK: math.fma
// CHECK: vector.store {{.*}} %[[S]]
// CHECK-NOT: memref<64x32xf32>, vector<16xf32>{{.*}}scf.for
func.func @features(%q: tensor<?x?x64xf32>, %k: tensor<?x?x64xf32>, %v: tensor<?x?x32xf32>, %s0: tensor<?x64x32xf32>)
    -> (tensor<?x?x32xf32>, tensor<?x64x32xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t, h)) carry(%s0 : (h)) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<32xf32>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x32xf32>, tensor<?x64x32xf32>
}
