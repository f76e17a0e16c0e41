// RUN: seq-opt %s -seqc-alloc-to-runtime --verify-diagnostics

// expected-error @+1 {{calls of 'malloc' cannot become calls of 'seqc_rt_alloc': the name is taken}}
llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @seqc_rt_alloc(%n: i64) -> !llvm.ptr {
  %p = llvm.call @malloc(%n) : (i64) -> !llvm.ptr
  llvm.return %p : !llvm.ptr
}
