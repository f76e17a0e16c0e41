// RUN: seq-opt %s --pass-pipeline="builtin.module(gpu.module(gpu.func(seqc-unroll-threads)))" | FileCheck %s

// The rates are read once; of each token first what belongs to the thread, for four
// tokens; then a vector of four numbers a token. The state is at constant places.
// CHECK-LABEL: gpu.func @thread
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: scf.for
// CHECK-COUNT-4: memref.load %arg0
// CHECK: llvm.load {{.*}} invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK-NOT: scf.for
// CHECK-COUNT-4: memref.store {{.*}} %arg3
// The tokens that are left.
// CHECK: scf.for
// CHECK: memref.store {{.*}} %arg3
// CHECK-NOT: scf.for
// CHECK: gpu.return

// Threads that wait for one another are left alone.
// CHECK-LABEL: gpu.func @block
// CHECK-COUNT-1: gpu.barrier
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
gpu.module @kernels {
  gpu.func @thread(%x: memref<?x?xf32>, %rate: memref<?x4xf32>, %b: memref<?x4xf32>,
                   %y: memref<?x?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant 0.0 : f32
    %d = gpu.thread_id x
    %t = memref.dim %x, %c0 : memref<?x?xf32>
    %state = memref.alloca() : memref<4xf32>
    scf.for %i = %c0 to %t step %c1 {
      %xt = memref.load %x[%i, %d] : memref<?x?xf32>
      %o = scf.for %n = %c0 to %c4 step %c1 iter_args(%sum = %zero) -> (f32) {
        %r = memref.load %rate[%d, %n] : memref<?x4xf32>
        %bn = memref.load %b[%i, %n] : memref<?x4xf32>
        %s = memref.load %state[%n] : memref<4xf32>
        %kept = arith.mulf %r, %s : f32
        %in = arith.mulf %bn, %xt : f32
        %next = arith.addf %kept, %in : f32
        memref.store %next, %state[%n] : memref<4xf32>
        %more = arith.addf %sum, %next : f32
        scf.yield %more : f32
      }
      memref.store %o, %y[%i, %d] : memref<?x?xf32>
    }
    gpu.return
  }
  gpu.func @block(%x: memref<?xf32>, %y: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %t = memref.dim %x, %c0 : memref<?xf32>
    scf.for %i = %c0 to %t step %c1 {
      %v = memref.load %x[%i] : memref<?xf32>
      gpu.barrier
      memref.store %v, %y[%i] : memref<?xf32>
    }
    gpu.return
  }
}
