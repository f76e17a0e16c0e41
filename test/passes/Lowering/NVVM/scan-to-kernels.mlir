// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-scan-to-kernels | FileCheck %s

// Contiguous time: elements are exchanged in shared memory, and every tile looks
// back at those before it.
// CHECK-LABEL: func.func @sum
// CHECK: scf.parallel
// CHECK: gpu.launch {{.*}} dynamic_shared_memory_size %c34848_i32
// A thread's run has 32 elements, and one between runs; four blocks are resident.
// CHECK: gpu.dynamic_shared_memory {seqc.resident_blocks = 4 : i32}
// CHECK: memref.view {{.*}} to memref<8448xf32, #gpu.address_space<workgroup>>
// CHECK: llvm.atomicrmw add {{.*}} syncscope("device") monotonic
// CHECK-NOT: nvvm.cp.async
// CHECK: memref.store {{.*}} #gpu.address_space<workgroup>
// CHECK: gpu.barrier
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
func.func @sum(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// Where combining calls functions, elements are copied to shared memory past
// registers; in a tile that is not whole, those that exist are loaded.
// CHECK-LABEL: func.func @logarithms
// CHECK: gpu.dynamic_shared_memory {seqc.resident_blocks = 5 : i32}
// CHECK: memref.view {{.*}} to memref<8448xf32, #gpu.address_space<workgroup>>
// CHECK: scf.if
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

// Segments stay for the sequential form.
// CHECK-LABEL: func.func @packed
// CHECK: seqc.scan
func.func @packed(%x: tensor<?xf32>, %cu: tensor<?xi32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (t)) identity(%zero) segments(%cu : (s)) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?xf32>
}
