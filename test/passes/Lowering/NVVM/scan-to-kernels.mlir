// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-scan-to-kernels | FileCheck %s

// Contiguous time: elements are exchanged in shared memory, and every tile looks
// back at those before it.
// CHECK-LABEL: func.func @sum
// CHECK: scf.parallel
// CHECK: gpu.launch
// CHECK: llvm.atomicrmw add {{.*}} syncscope("device") monotonic
// CHECK: memref.store {{.*}} #gpu.address_space<workgroup>
// CHECK: gpu.barrier
// CHECK: llvm.store {{.*}} atomic syncscope("device") release
// CHECK: llvm.load {{.*}} atomic syncscope("device") acquire
// CHECK: llvm.store {{.*}} atomic syncscope("device") release
func.func @sum(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
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
