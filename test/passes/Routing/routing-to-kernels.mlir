// Routing operations become kernels of warps; what has none is left alone.
// RUN: seq-opt %s -split-input-file -seqc-entry-to-memrefs -seqc-routing-to-kernels | FileCheck %s

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
// a block's warps, summed over tiles, laid out; slots get rows.
// CHECK-LABEL: @dispatch
// CHECK: gpu.launch
// CHECK: gpu.dynamic_shared_memory
// CHECK-COUNT-3: nvvm.vote.sync ballot
// CHECK: nvvm.bar.warp.sync
// CHECK: math.ctpop
// CHECK: gpu.barrier
// CHECK: gpu.launch
// CHECK: gpu.shuffle {{ *}}up
// CHECK: gpu.launch
// CHECK: gpu.barrier
// CHECK: scf.parallel
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
// CHECK-NOT: atomic
// CHECK-NOT: seqc.
func.func @dispatch(%x: tensor<?x64xbf16>, %i: tensor<?x2xi32>) -> tensor<?x64xbf16> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(4) tokens(%x)
  %y = seqc.combine %p by %inv
  return %y : tensor<?x64xbf16>
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
