// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-kernels | FileCheck %s
// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-kernels=shared-bytes=64 | FileCheck %s --check-prefix=SMALL

// One sequence a thread: states are the thread's own, neighbours are neighbours.
// CHECK-LABEL: func.func @leaky
// CHECK: gpu.launch
// CHECK: memref.alloca() : memref<f32>
// CHECK: %[[SUM:.*]] = arith.addi
// CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[SUM]]
// CHECK: scf.if %[[EXISTS]]
// CHECK: scf.for
// CHECK-NOT: gpu.barrier
// CHECK: gpu.terminator
func.func @leaky(%x: tensor<?x?x?xf32>, %h0: tensor<?x?xf32>) -> tensor<?x?x?xf32> {
  %y, %h = seqc.recurrence seq(%x : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%xt: f32, %s: f32):
    %c = arith.constant 0.5 : f32
    %kept = arith.mulf %s, %c : f32
    %next = arith.addf %kept, %xt : f32
    seqc.yield out(%next) carry(%next)
  }
  return %y : tensor<?x?x?xf32>
}

// One sequence a block: the state is in shared memory, threads share the columns
// and meet at barriers.
// CHECK-LABEL: func.func @memory
// CHECK: gpu.launch
// CHECK: gpu.dynamic_shared_memory
// CHECK: memref.view {{.*}} to memref<16x8xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: gpu.barrier
// Without room the state is in device memory, a slice a block.
// SMALL-LABEL: func.func @memory
// SMALL: memref.alloc(%{{.*}}) {{.*}}: memref<?x16x8xf32>
// SMALL: gpu.launch
func.func @memory(%q: tensor<?x?x16xf32>, %k: tensor<?x?x16xf32>, %v: tensor<?x?x8xf32>,
                  %s0: tensor<?x16x8xf32>) -> tensor<?x?x8xf32> {
  %o, %s = seqc.recurrence seq(%q, %k, %v : (b, t)) carry(%s0 : (b)) {
  ^step(%qt: tensor<16xf32>, %kt: tensor<16xf32>, %vt: tensor<8xf32>, %m: tensor<16x8xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %m, %kv : tensor<16x8xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x?x8xf32>
}
