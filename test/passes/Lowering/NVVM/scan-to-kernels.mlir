// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-scan-to-kernels | FileCheck %s

// Contiguous time: elements are exchanged in shared memory, and every tile looks
// back at those before it.
// CHECK-LABEL: func.func @sum
// CHECK: scf.parallel
// CHECK: gpu.launch {{.*}} dynamic_shared_memory_size %c33824_i32
// A thread's run has 32 elements, whose units of four are exchanged, so that none is
// left empty between runs; six blocks are resident.
// CHECK: gpu.dynamic_shared_memory {seqc.resident_blocks = 6 : i32}
// CHECK: memref.view {{.*}} to memref<8192xf32, #gpu.address_space<workgroup>>
// CHECK: llvm.atomicrmw add {{.*}} syncscope("device") monotonic
// A whole tile at multiples of 16 bytes is copied past registers by units; at other
// places by elements; in a tile that is not whole those that exist are loaded.
// CHECK: scf.if
// CHECK-COUNT-8: nvvm.cp.async.shared.global {{.*}}, 16, cache = {{ *}}cg
// CHECK-NOT: nvvm.cp.async.shared.global {{.*}}, 16
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: else
// CHECK-COUNT-32: nvvm.cp.async.shared.global {{.*}}, 4
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: else
// CHECK: memref.load {{.*}} memref<?x?xf32>
// CHECK: gpu.barrier
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
// Its total, as one word with what it is; those of its group, which a warp folds;
// the group's total; the groups before it, up to one whose prefix is known; the
// group's prefix.
// CHECK: llvm.store {{.*}} atomic syncscope("device") monotonic {alignment = 8 : i64} : i64
// CHECK: llvm.load {{.*}} atomic syncscope("device") monotonic {alignment = 8 : i64} : {{.*}} -> i64
// CHECK: gpu.shuffle {{ *}}up
// CHECK: llvm.store {{.*}} atomic syncscope("device") monotonic {alignment = 8 : i64} : i64
// CHECK: llvm.load {{.*}} atomic syncscope("device") monotonic {alignment = 8 : i64} : {{.*}} -> i64
// CHECK: nvvm.redux.sync umin
// CHECK: gpu.shuffle {{ *}}idx
// CHECK: llvm.store {{.*}} atomic syncscope("device") monotonic {alignment = 8 : i64} : i64
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
func.func @sum(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// So are they where combining calls functions.
// CHECK-LABEL: func.func @logarithms
// CHECK: gpu.dynamic_shared_memory {seqc.resident_blocks = 5 : i32}
// CHECK: memref.view {{.*}} to memref<8192xf32, #gpu.address_space<workgroup>>
// CHECK: scf.if
// CHECK-COUNT-8: nvvm.cp.async.shared.global {{.*}}, 16
// CHECK-COUNT-32: nvvm.cp.async.shared.global {{.*}}, 4
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: else
// CHECK: memref.load {{.*}} memref<?x?xf32>
// CHECK: memref.store {{.*}} #gpu.address_space<workgroup>
// CHECK: gpu.barrier
func.func @logarithms(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%lowest) {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    %d = arith.subf %l, %r : f32
    %a = math.absf %d : f32
    %n = arith.negf %a : f32
    %e = math.exp %n : f32
    %p = math.log1p %e : f32
    %s = arith.addf %m, %p : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// A map that only the scan reads is computed where its elements are loaded.
// CHECK-LABEL: func.func @mapped
// CHECK-NOT: seqc.recurrence
// CHECK: gpu.launch
// CHECK: math.exp
func.func @mapped(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %e = seqc.recurrence seq(%x : (b, t, d)) {
  ^step(%xt: f32):
    %v = math.exp %xt : f32
    seqc.yield out(%v)
  }
  %y = seqc.scan seq(%e : (b, t, d)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?x?xf32>
}

// So is what a map makes of the scan's results, which then do not pass through
// memory; narrow rows that are neighbours are read and written by vectors where
// the tile is whole and lies at multiples of their size.
// CHECK-LABEL: func.func @rounded
// CHECK-NOT: seqc.recurrence
// CHECK: gpu.launch
// CHECK: gpu.dynamic_shared_memory {seqc.resident_blocks
// CHECK: llvm.load {{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xbf16>
// CHECK: math.tanh
// CHECK: llvm.store {{.*}} {alignment = 4 : i64} : vector<2xbf16>, !llvm.ptr<1>
// CHECK: memref.store {{.*}} memref<?x?x?xbf16>
// CHECK-NOT: gpu.launch
func.func @rounded(%x: tensor<?x?x?xbf16>) -> tensor<?x?x?xbf16> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t, d)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  %z = seqc.recurrence seq(%y : (b, t, d)) out((b, t, d) : bf16) {
  ^step(%yt: f32):
    %v = math.tanh %yt : f32
    seqc.yield out(%v)
  }
  return %z : tensor<?x?x?xbf16>
}

// A map with an operand that is not there before the scan is left to the last scan.
// CHECK-LABEL: func.func @both
// CHECK: gpu.launch
// CHECK-NOT: math.tanh
// CHECK: gpu.launch
// CHECK: math.tanh
// CHECK-NOT: seqc.recurrence
func.func @both(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  %z = seqc.scan seq(%y : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  %w = seqc.recurrence seq(%y, %z : (b, t)) {
  ^step(%yt: f32, %zt: f32):
    %v = math.tanh %yt : f32
    %u = arith.mulf %v, %zt : f32
    seqc.yield out(%u)
  }
  return %w : tensor<?x?xf32>
}

// Segments: every token is marked with its segment, found in the table, and whether it
// begins or ends it.  The tuple has a member more, which says whether it drops all to
// its left, and passes through shared memory and published words like the others.
// CHECK-LABEL: func.func @packed
// CHECK: scf.parallel
// CHECK: scf.while
// CHECK: memref.load {{.*}} memref<?xi32>
// CHECK: memref.store {{.*}} memref<?xi32>
// The states after empty segments are those before.
// CHECK: scf.parallel
// CHECK: scf.if
// CHECK: gpu.launch
// CHECK: memref<4352xf32, #gpu.address_space<workgroup>>
// CHECK: memref<4352xi32, #gpu.address_space<workgroup>>
// The state before a segment is folded into its first element.
// CHECK: %[[MARK:.*]] = memref.load {{.*}} : memref<?xi32>
// CHECK: %[[BIT:.*]] = arith.shrui %[[MARK]], %c1_i32
// CHECK: arith.andi %[[BIT]]
// CHECK: scf.if
// CHECK: memref.load {{.*}} : memref<?xf32>
// CHECK: arith.select
// CHECK: arith.ori
// CHECK: nvvm.redux.sync
// CHECK-NOT: seqc.scan
func.func @packed(%x: tensor<?xf32>, %cu: tensor<?xi32>, %x0: tensor<?xf32>)
    -> (tensor<?xf32>, tensor<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %y, %yT = seqc.scan seq(%x : (t)) identity(%zero) initial(%x0 : (s)) segments(%cu : (s)) final {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y, %yT : tensor<?xf32>, tensor<?xf32>
}

// Resets of rows that are side by side: flags of a thread's own run are bits, and take
// no shared memory but where threads exchange their runs' folds.
// CHECK-LABEL: func.func @flagged
// CHECK: gpu.launch
// CHECK: memref<4096xf32, #gpu.address_space<workgroup>>
// CHECK-NOT: memref<4096xi32, #gpu.address_space<workgroup>>
// CHECK: memref.load {{.*}} : memref<?x?xi8>
// CHECK: arith.shli
// CHECK: arith.shrui
// CHECK-NOT: seqc.scan
func.func @flagged(%x: tensor<?x?x?xf32>, %f: tensor<?x?xi8>) -> tensor<?x?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t, d)) identity(%zero) resets(%f : (b, t)) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?x?xf32>
}

// The final state lies as the initial one does.
// CHECK-LABEL: func.func @turned
// CHECK: gpu.launch
// CHECK: memref.load %arg0[%[[B:[0-9]+]], %{{[^,]*}}, %[[D:[0-9]+]]] : memref<?x?x?xf32>
// CHECK: memref.store %{{[^,]*}}, %{{[^[]*}}[%[[D]], %[[B]]] : memref<?x?xf32>
// CHECK-NOT: seqc.scan
func.func @turned(%x: tensor<?x?x?xf32>, %x0: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y, %yT = seqc.scan seq(%x : (b, t, d)) identity(%zero) initial(%x0 : (d, b)) final {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %yT : tensor<?x?xf32>
}
