// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-loops --canonicalize --cse | FileCheck %s
// RUN: seq-opt %s --seqc-pose-tiles=tiles=lanes=256 --seqc-solve-tiles --seqc-entry-to-memrefs --seqc-recurrence-to-loops=stream-bytes=777 --canonicalize --cse | FileCheck %s --check-prefix=SOLVED

// A task's lanes are those that are solved; large outputs as told.
// SOLVED-LABEL: func.func @channels(
// SOLVED: arith.cmpi uge, %{{.*}}, %c777
// SOLVED: memref.alloca() {{.*}} : memref<256xf32>

// A scalar step: vectors across channels, the last one masked.  Large outputs go around
// the caches.
// CHECK-LABEL: func.func @channels(
// CHECK-SAME: %[[A:.*]]: memref<?x?x?xf32>, %[[X:.*]]: memref<?x?x?xf32>, %[[H0:.*]]: memref<?x?xf32>, %[[H:.*]]: memref<?x?x?xf32>, %[[HT:.*]]: memref<?x?xf32>)
// CHECK: memref.extract_aligned_pointer_as_index %[[H]]
// CHECK: %[[LARGE:.*]] = arith.cmpi uge, %{{.*}}, %c16777216
// CHECK: %[[STREAM:.*]] = arith.andi %[[LARGE]]
// CHECK: scf.parallel
// CHECK: %[[S:.*]] = memref.alloc() {{.*}} : memref<2048xf32>
// CHECK: scf.if %[[STREAM]]
// Time, then vectors.
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.load %[[A]]{{.*}} vector<16xf32>
// CHECK: vector.load %[[X]]{{.*}} vector<16xf32>
// CHECK: vector.load %[[S]]
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: vector.store {{.*}} %[[H]]{{.*}}alignment = 64 : i64, nontemporal = true
// CHECK: vector.store {{.*}} %[[S]]
// CHECK: scf.if
// CHECK: vector.maskedload %[[A]]
// CHECK: } else {
// CHECK-NOT: nontemporal
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

// With dot products of bf16 pairs: a product whose factors may be rounded packs them
// in words, pairs of rows of the right operand and pairs of columns of the left one.
// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-loops=dots=true --canonicalize --cse | FileCheck %s --check-prefix=DOTS
// DOTS-LABEL: func.func @narrow(
// DOTS: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
// DOTS: vector.shuffle
// DOTS: vector.bitcast {{.*}} : vector<32xbf16> to vector<16xi32>
// DOTS: scf.for {{.*}} iter_args
// DOTS: x86vector.avx512.dot {{.*}} : vector<32xbf16> -> vector<16xf32>
func.func @narrow(%x: tensor<?x8x32xf32>, %w: tensor<32x16xf32>) -> tensor<?x8x16xf32> {
  %y = seqc.recurrence seq(%x : (t)) weight(%w : ()) {
  ^step(%xt: tensor<8x32xf32>, %wt: tensor<32x16xf32>):
    %p = seqc.einsum "ik,kv->iv"(%xt, %wt) {seqc.factors = bf16}
    seqc.yield out(%p)
  }
  return %y : tensor<?x8x16xf32>
}

// No token depends on another and time is contiguous: vectors run along it, blocks of
// tokens are tasks, and there is no loop over tokens.
// CHECK-LABEL: func.func @tokenwise(
// CHECK-SAME: %[[X:.*]]: memref<?x?xf32>, %[[Y:.*]]: memref<?x?xf32>)
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: vector.load %[[X]]{{.*}} vector<16xf32>
// CHECK-NOT: vector.gather
// CHECK: vector.store {{.*}} %[[Y]]
// CHECK: vector.maskedload %[[X]]
func.func @tokenwise(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %y = seqc.recurrence seq(%x : (b, t)) {
  ^step(%xt: f32):
    %n = arith.mulf %xt, %xt : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?x?xf32>
}
