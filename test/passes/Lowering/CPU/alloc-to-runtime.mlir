// Buffers come from the runtime.
// RUN: seq-opt %s -seqc-alloc-to-runtime | FileCheck %s

// CHECK: llvm.func @seqc_rt_free(!llvm.ptr)
// CHECK: llvm.func @seqc_rt_alloc(i64) -> (!llvm.ptr {llvm.noalias})
// CHECK-NOT: @malloc
// CHECK-NOT: @free
llvm.func @free(!llvm.ptr)
llvm.func @malloc(i64) -> !llvm.ptr

// CHECK: llvm.call @seqc_rt_alloc
// CHECK: llvm.call @seqc_rt_free
llvm.func @f(%n: i64) {
  %p = llvm.call @malloc(%n) : (i64) -> !llvm.ptr
  llvm.call @free(%p) : (!llvm.ptr) -> ()
  llvm.return
}
