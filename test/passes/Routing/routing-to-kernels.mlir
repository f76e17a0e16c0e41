// Routing operations become kernels of warps; what has none is left alone.
// RUN: seq-opt %s -split-input-file -seqc-entry-to-memrefs -seqc-routing-to-kernels | FileCheck %s
// RUN: seq-opt %s -split-input-file -seqc-entry-to-memrefs -seqc-routing-to-kernels=shared-bytes=21000 | FileCheck %s --check-prefix=SMALL

// Four lanes have a row of 64, 16 scores each, by vectors of 4; the largest key, the
// lowest column that has it, 8 times; the order of scores is that of integers.
// CHECK-LABEL: @topk
// CHECK: gpu.launch
// CHECK-COUNT-4: vector.load {{.*}} {alignment = 16 : i64} : {{.*}} vector<4xf32>
// CHECK: arith.maxsi
// CHECK-COUNT-2: gpu.shuffle {{ *}}xor
// CHECK: arith.cmpi eq
// CHECK: gpu.shuffle {{ *}}xor
// CHECK: arith.minui
// CHECK: math.exp
// CHECK-NOT: seqc.topk
func.func @topk(%s: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>) {
  %w, %i = seqc.topk 8 of %s softmax(before)
  return %w, %i : tensor<?x8xf32>, tensor<?x8xi32>
}

// -----

// Rows of an odd length are read one by one, many picks in a loop.
// CHECK-LABEL: @odd
// CHECK: gpu.launch
// CHECK-NOT: vector.load
// CHECK: scf.for
// CHECK: return
func.func @odd(%s: tensor<?x333xf32>) -> (tensor<?x40xf32>, tensor<?x40xi32>) {
  %w, %i = seqc.topk 40 of %s
  return %w, %i : tensor<?x40xf32>, tensor<?x40xi32>
}

// -----

// Rows of any length and those of f64 are loops.
// CHECK-LABEL: @left
// CHECK-NOT: gpu.launch
// CHECK: seqc.topk
// CHECK: seqc.topk
func.func @left(%s: tensor<?x?xf32>, %d: tensor<?x8xf64>) -> (tensor<?x2xi32>, tensor<?x2xi32>) {
  %w, %i = seqc.topk 2 of %s
  %v, %j = seqc.topk 2 of %d
  return %i, %j : tensor<?x2xi32>, tensor<?x2xi32>
}

// -----

// Lanes of one expert find each other by votes on its two bits; counts are shared by
// a block's warps, summed over tiles, laid out; slots get rows.  Between these parts
// blocks wait for each other, by a count that another kernel has set to zero.
// CHECK-LABEL: @dispatch
// CHECK: %[[COUNT:.*]] = memref.alloc(%c1{{.*}}) {
// CHECK: gpu.launch
// CHECK: memref.store %{{.*}}, %[[COUNT]][
// CHECK: gpu.launch
// CHECK: gpu.dynamic_shared_memory {seqc.together}
// CHECK-COUNT-3: nvvm.vote.sync ballot
// CHECK: nvvm.bar.warp.sync
// CHECK: math.ctpop
// CHECK: llvm.atomicrmw add
// CHECK: gpu.shuffle {{ *}}up
// CHECK: llvm.atomicrmw add
// CHECK: gpu.shuffle {{ *}}up
// CHECK: llvm.atomicrmw add
// CHECK-NOT: gpu.launch
// A token is read once, by 8 elements of 16 bits, and written for both picks.
// CHECK: scf.parallel
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : {{.*}} vector<8xbf16>
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : {{.*}} vector<8xbf16>
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : {{.*}} vector<8xbf16>
// A combination reads both rows before it adds.
// CHECK: scf.parallel
// CHECK: vector.load {{.*}} vector<8xbf16>
// CHECK: vector.load {{.*}} vector<8xbf16>
// CHECK: arith.truncf
// CHECK-NOT: seqc.
func.func @dispatch(%x: tensor<?x64xbf16>, %i: tensor<?x2xi32>) -> tensor<?x64xbf16> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(4) tokens(%x)
  %y = seqc.combine %p by %inv
  return %y : tensor<?x64xbf16>
}

// -----

// The kernel of the picks sets the count; one of its own does where that has no rows.
// CHECK-LABEL: @gate
// CHECK: %[[COUNT:.*]] = memref.alloc(%c1{{.*}}) {
// CHECK: %[[NONE:.*]] = arith.cmpi eq, %[[BLOCKS:.*]], %
// CHECK: arith.select %[[NONE]]
// CHECK: gpu.launch
// CHECK: memref.store %{{.*}}, %[[COUNT]][
// CHECK: gpu.launch blocks({{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}}) threads
// CHECK: memref.store %{{.*}}, %[[COUNT]][
// CHECK: gpu.launch
// CHECK-NOT: gpu.launch
func.func @gate(%s: tensor<?x8xf32>) -> tensor<?x2xi32> {
  %w, %i = seqc.topk 2 of %s
  %perm, %inv, %cu = seqc.dispatch %i experts(8)
  return %inv : tensor<?x2xi32>
}

// -----

// Rows of 12 bytes are aligned to 4.
// CHECK-LABEL: @narrow
// CHECK-NOT: vector.load
// CHECK: memref.load {{.*}} : memref<?x3xf32>
// CHECK-NOT: seqc.
func.func @narrow(%x: tensor<2x?x3xf32>, %i: tensor<2x?x1xi32>) -> tensor<2x?x3xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(5) tokens(%x) capacity(3)
  %y = seqc.combine %p by %inv mean
  return %y : tensor<2x?x3xf32>
}

// -----

// Lists are put in order first.  Then 64 queries of two heads a block, by 4 warps: scores,
// of which those beyond a query's position are hidden where a tile has such, maximum,
// powers of two, sum, and what they weigh, key by key where hidden values are infinite.
// CHECK-LABEL: @attention
// CHECK: scf.parallel
// CHECK: gpu.launch
// CHECK-SAME: threads({{.*}}) in
// CHECK: seqc_tile.alloc : <128x32xbf16>
// CHECK: seqc_tile.alloc : <2x64x32xbf16>
// SMALL: seqc_tile.alloc : <128x32xbf16>
// SMALL: seqc_tile.alloc : <2x32x32xbf16>
// CHECK: seqc_tile.rows {{.*}} from 64 : <128x32xbf16> -> <64x32xbf16>
// CHECK: scf.for
// CHECK: gpu.barrier
// CHECK: seqc_tile.copy_in
// CHECK: seqc_tile.mma {{.*}} {transpose} : <128x32xbf16, lhs, 4>, <64x32xbf16>, <128x64xf32, acc, 4>
// CHECK: scf.if
// CHECK: seqc_tile.within
// CHECK: seqc_tile.finite
// CHECK: seqc_tile.reduce max
// CHECK: math.exp2
// CHECK: seqc_tile.reduce
// CHECK: scf.if
// CHECK: seqc_tile.mma {{.*}} : <128x64xbf16, lhs, 4>, <64x32xbf16>, <128x32xf32, acc, 4>
// CHECK: seqc_tile.add_seen
// CHECK: seqc_tile.write {{.*}} rows {{.*}} {fold = 64 : i64, fold_dim = 2 : i64, row_dim = 1 : i64} : <128x32xf32, acc, 4> -> memref<?x?x4x32xf32>
// CHECK: seqc_tile.write {{.*}} rows {{.*}} : <128x1xf32, col, 4> -> memref<?x?x4xf32>
// CHECK-NOT: seqc.block_attention
func.func @attention(%q: tensor<?x?x4x32xbf16>, %k: tensor<?x?x2x32xbf16>, %i: tensor<?x?x2x3xi32>)
    -> (tensor<?x?x4x32xf32>, tensor<?x?x4xf32>) {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) blocks(%i) block(64) group(64) causal
  return %o, %l : tensor<?x?x4x32xf32>, tensor<?x?x4xf32>
}

// -----

// A list for each query: the 16 heads that share keys and the list are the rows, of one
// warp.
// CHECK-LABEL: @own
// CHECK: gpu.launch
// CHECK: seqc_tile.copy_in {{.*}} row_dim = 2 : i64} : memref<?x?x32x16xf16> -> <16x16xf16>
// CHECK: seqc_tile.mma {{.*}} <16x16xf16, lhs, 1>
// CHECK: seqc_tile.write {{.*}} {row_dim = 2 : i64} : <16x16xf32, acc, 1>
// CHECK-NOT: seqc.block_attention
func.func @own(%q: tensor<?x?x32x16xf16>, %k: tensor<?x?x2x16xf16>, %i: tensor<?x?x2x3xi32>) -> tensor<?x?x32x16xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) blocks(%i) block(16) causal
  return %o : tensor<?x?x32x16xf32>
}

// -----

// Without a list 128 queries a block, here of one of the packed sequences.
// CHECK-LABEL: @packed
// CHECK: gpu.launch
// CHECK: scf.for
// CHECK: seqc_tile.mma {{.*}} <128x16xf16, lhs, 4>
// CHECK-NOT: seqc.block_attention
func.func @packed(%q: tensor<?x4x16xf16>, %k: tensor<?x2x16xf16>, %cu: tensor<?xi32>) -> tensor<?x4x16xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) segments(%cu) window(9)
  return %o : tensor<?x4x16xf32>
}

// -----

// Two heads of one query are the first rows of 16.  Lists of packed queries count blocks
// of their own sequence.
// CHECK-LABEL: @few
// CHECK: gpu.launch
// CHECK: seqc_tile.copy_in {{.*}} row_dim = 2 : i64} : memref<1x?x4x16xf16> -> <16x16xf16>
// CHECK: seqc_tile.mma {{.*}} <16x16xf16, lhs, 1>
// CHECK-NOT: seqc.block_attention
func.func @few(%q: tensor<?x4x16xf16>, %k: tensor<?x2x16xf16>, %cu: tensor<?xi32>, %i: tensor<?x2x3xi32>) -> tensor<?x4x16xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) blocks(%i) segments(%cu) block(16) causal
  return %o : tensor<?x4x16xf32>
}

// -----

// Of one head and large blocks, queries are sorted by the blocks that they list: ranks by
// votes, sums over parts and blocks, the block of each tile by halving, the query of
// each row; then tiles of 128 queries and one block, whose results are merged.
// CHECK-LABEL: @sorted
// CHECK: gpu.launch
// CHECK: nvvm.match.sync any
// CHECK: math.ctpop
// CHECK: scf.parallel
// CHECK: scf.while
// CHECK: scf.parallel
// CHECK: memref.store {{.*}} : memref<?xi32>
// CHECK: gpu.launch
// CHECK: seqc_tile.copy_in {{.*}} by {{.*}} row_dim = 1 : i64} : memref<2x?x2x32xf16> by memref<?xi32> -> <128x32xf16>
// CHECK: seqc_tile.read {{.*}} : memref<?x?x1xf32> -> <128x8xf32, acc, 4>
// CHECK: seqc_tile.reduce max
// CHECK: seqc_tile.mma {{.*}} <128x32xf16, lhs, 4>
// CHECK: seqc_tile.write {{.*}} rows {{.*}} {row_dim = 2 : i64} : <128x32xf32, acc, 4>
// CHECK: scf.parallel
// CHECK-COUNT-3: vector.load {{.*}} vector<4xf32>
// CHECK: math.exp
// CHECK: vector.store {{.*}} vector<4xf32>
// CHECK-NOT: seqc.block_attention
func.func @sorted(%q: tensor<2x?x2x32xf16>, %i: tensor<2x?x1x3xi32>) -> tensor<2x?x2x32xf32> {
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) blocks(%i) block(100) causal
  return %o : tensor<2x?x2x32xf32>
}

// -----

// A thread a vector, which it has in registers, its length once; no loop but over
// centroids.
// CHECK-LABEL: @assign
// CHECK: scf.parallel
// CHECK: math.sqrt
// CHECK: scf.parallel
// CHECK-COUNT-4: vector.load {{.*}} vector<4xf32>
// CHECK: math.sqrt
// CHECK: scf.for
// CHECK-COUNT-4: vector.load {{.*}} vector<4xf32>
// CHECK-NOT: scf.for
// CHECK: return
func.func @assign(%x: tensor<?x3x16xf32>, %mu: tensor<3x5x16xf32>) -> tensor<?x3xi32> {
  %s, %i = seqc.assign %x to %mu cosine
  return %i : tensor<?x3xi32>
}

// -----

// Members of a centroid are a block's: the 32 bits of a key from counts of the block,
// then all threads number theirs together.
// CHECK-LABEL: @members
// CHECK: gpu.launch
// CHECK: %[[BITS:.*]] = arith.constant 32 : index
// CHECK: scf.for {{.*}} to %[[BITS]]
// CHECK: gpu.barrier
// CHECK: nvvm.vote.sync ballot
// CHECK: nvvm.vote.sync ballot
// CHECK-NOT: seqc.assign
func.func @members(%x: tensor<?x3x16xf32>, %mu: tensor<3x5x16xf32>) -> tensor<3x5x4xi32> {
  %s, %i, %inverse = seqc.assign %x to %mu members(4)
  return %i : tensor<3x5x4xi32>
}

// -----

// CHECK-LABEL: @merge
// CHECK: scf.parallel
// CHECK-COUNT-2: vector.load {{.*}} vector<4xf32>
// CHECK: math.exp
// CHECK: vector.store {{.*}} vector<4xf32>
// CHECK: scf.if
// CHECK: math.log
// CHECK-NOT: seqc.merge
func.func @merge(%a: tensor<?x3x16xf32>, %l: tensor<?x3xf32>, %b: tensor<?x3x16xf32>, %m: tensor<?x3xf32>) -> (tensor<?x3x16xf32>, tensor<?x3xf32>) {
  %o, %n = seqc.merge (%a, %l), (%b, %m)
  return %o, %n : tensor<?x3x16xf32>, tensor<?x3xf32>
}

// -----

// What is merged with results of sorted queries is merged where these are: one kernel for
// the entries' 3 rows and the other part's.
// CHECK-LABEL: @merged
// CHECK: seqc_tile.mma
// CHECK: scf.parallel
// CHECK-COUNT-4: vector.load {{.*}} vector<4xf32>
// CHECK: vector.store {{.*}} vector<4xf32>
// CHECK-NOT: vector.load
// CHECK-NOT: seqc.merge
// CHECK: return
func.func @merged(%q: tensor<2x?x2x32xf16>, %i: tensor<2x?x1x3xi32>, %a: tensor<2x?x2x32xf32>, %m: tensor<2x?x2xf32>)
    -> (tensor<2x?x2x32xf32>, tensor<2x?x2xf32>) {
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) blocks(%i) block(100) causal
  %r, %n = seqc.merge (%a, %m), (%o, %l)
  return %r, %n : tensor<2x?x2x32xf32>, tensor<2x?x2xf32>
}

// -----

// f32, a region of scores, f64: left alone.
// CHECK-LABEL: @others
// CHECK: seqc.block_attention
// CHECK: seqc.assign
// CHECK: seqc.block_attention
func.func @others(%x: tensor<?x?x2x16xf32>, %h: tensor<?x?x2x16xf16>, %d: tensor<?x2x16xf64>, %mu: tensor<2x3x16xf64>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2xi32>, tensor<?x?x2x16xf32>) {
  %a, %la = seqc.block_attention q(%x) k(%x) v(%x) causal
  %far, %b = seqc.assign %d to %mu
  %c, %lc = seqc.block_attention q(%h) k(%h) v(%h) causal {
  ^score(%s: f32, %p: index, %j: index, %n: index):
    seqc.yield out(%s)
  }
  return %a, %b, %c : tensor<?x?x2x16xf32>, tensor<?x2xi32>, tensor<?x?x2x16xf32>
}
