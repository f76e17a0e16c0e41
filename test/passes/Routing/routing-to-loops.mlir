// Routing operations become parallel loops; of width 1, of scalars.
// RUN: seq-opt %s -seqc-entry-to-memrefs -seqc-routing-to-loops=width=16 | FileCheck %s
// RUN: seq-opt %s -seqc-entry-to-memrefs -seqc-routing-to-loops=width=1 | FileCheck %s --check-prefix=SCALAR

// A pick is the best of vectors, then of the rest of the row.
// CHECK-LABEL: @topk
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: vector.load {{.*}} vector<16xf32>
// CHECK: vector.reduction <maxsi>
// CHECK: vector.reduction <minui>
// CHECK-NOT: seqc.topk
// SCALAR-LABEL: @topk
// SCALAR: scf.parallel
// SCALAR-NOT: vector
func.func @topk(%s: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>) {
  %w, %i = seqc.topk 8 of %s softmax(before)
  return %w, %i : tensor<?x8xf32>, tensor<?x8xi32>
}

// Parts are counted, counts summed, segments laid out, dropped slots counted, slots
// numbered and rows gathered.
// CHECK-LABEL: @dispatch
// CHECK: scf.parallel
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: scf.parallel
// CHECK: scf.parallel
// CHECK: vector.store {{.*}} vector<16xf32>
// CHECK: vector.store {{.*}} vector<4xf32>
// A combination reads the rows of a token and writes its own.
// CHECK: scf.parallel
// CHECK: arith.addf {{.*}} vector<16xf32>
// CHECK-NOT: seqc.
// SCALAR-LABEL: @dispatch
// SCALAR-NOT: vector
// SCALAR: return
func.func @dispatch(%x: tensor<?x20xf32>, %i: tensor<?x2xi32>) -> tensor<?x20xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(4) tokens(%x)
  %y = seqc.combine %p by %inv
  return %y : tensor<?x20xf32>
}

// CHECK-LABEL: @attention
// CHECK: scf.parallel
// CHECK: vector.reduction <maximumf>
// CHECK: math.exp
// CHECK: math.log
// CHECK: scf.parallel
// CHECK-NOT: seqc.
// SCALAR-LABEL: @attention
// SCALAR-NOT: vector
// SCALAR: return
func.func @attention(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %i: tensor<?x?x1x3xi32>) -> tensor<?x?x4x8xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) blocks(%i) block(16) window(5) causal
  %r, %n = seqc.merge (%o, %l)
  return %r : tensor<?x?x4x8xf32>
}

// The lengths of vectors and of centroids, then scores and the bits of the last member's.
// CHECK-LABEL: @members
// CHECK: scf.parallel
// CHECK: math.sqrt
// CHECK: scf.parallel
// CHECK: math.sqrt
// CHECK: scf.parallel
// CHECK: arith.cmpi sge, {{.*}} vector<16xi32>
// CHECK-NOT: seqc.
// SCALAR-LABEL: @members
// SCALAR-NOT: vector
// SCALAR: return
func.func @members(%x: tensor<?x?x8xf32>, %mu: tensor<5x8xf32>) -> tensor<?x5x3xi32> {
  %s, %rows, %inv = seqc.assign %x to %mu cosine members(3)
  return %rows : tensor<?x5x3xi32>
}

// A region is repeated on the lanes of 8 keys; relative rows are added to keys.
// CHECK-LABEL: @scores
// CHECK: arith.addf {{.*}} vector<8xf32>
// CHECK: math.tanh {{.*}} vector<8xf32>
// CHECK-NOT: seqc.
// SCALAR-LABEL: @scores
// SCALAR: math.tanh {{.*}} : f32
// SCALAR-NOT: vector
// SCALAR: return
func.func @scores(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %e: tensor<9x1x8xf32>, %p: tensor<?xi64>) -> tensor<?x?x4x8xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) relative(%e) at(%p) window(5) causal {
  ^score(%s: f32, %i: index, %j: index, %h: index):
    %r = math.tanh %s : f32
    seqc.yield out(%r)
  }
  return %o : tensor<?x?x4x8xf32>
}

// A window wider than any sequence does not overflow.
// CHECK-LABEL: @wide
// CHECK: arith.constant 1099511627776 : index
// CHECK-NOT: seqc.
func.func @wide(%q: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) window(9223372036854775807)
  return %o : tensor<?x?x2x16xf32>
}
