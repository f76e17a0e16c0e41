// seqc compile: every kind of output, complete or not at all.
// RUN: rm -rf %t && mkdir -p %t
// RUN: seqc compile %s -o %t/lib.so --header=%t/lib.h
// RUN: llvm-nm -D --defined-only %t/lib.so | FileCheck %s --check-prefix=SYMBOLS
// RUN: FileCheck %s --check-prefix=HEADER < %t/lib.h
// RUN: seqc compile %s --emit=obj -o %t/a.o && seqc compile %s --emit=obj -o %t/b.o && cmp %t/a.o %t/b.o
// RUN: seqc compile %s --emit=asm | FileCheck %s --check-prefix=ASM
// RUN: seqc compile %s --emit=llvm | FileCheck %s --check-prefix=LLVM
// RUN: seqc compile %s --emit=mlir --stop-after=input | FileCheck %s --check-prefix=INPUT
// RUN: seqc compile %s --emit=mlir --stop-after=formed | FileCheck %s --check-prefix=FORMED
// RUN: seqc compile %s --emit=mlir --stop-after=tiled | FileCheck %s --check-prefix=TILED
// RUN: seqc compile %s --emit=mlir --stop-after=target | FileCheck %s --check-prefix=TARGET
// RUN: seqc compile %s --emit=llvm --no-step | FileCheck %s --check-prefix=NOSTEP
// RUN: seqc compile %s -o %t/timed.so --time-passes 2>&1 | FileCheck %s --check-prefix=TIME
// RUN: not seqc compile %s -o %t/none/lib.so 2>&1 | FileCheck %s --check-prefix=PATH
// RUN: not seqc compile %s -o %t/x.so --form=chunked 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not ls %t/x.so %t/none
// RUN: ls %t | FileCheck %s --check-prefix=FILES

// SYMBOLS-DAG: T decay
// SYMBOLS-DAG: T decay_step
// HEADER: int32_t decay(const DLTensor *x, const DLTensor *s0, DLTensor *y, DLTensor *sT, seqc_error *error);
// HEADER: in, out s0: f32[b]
// HEADER: int32_t decay_step(const DLTensor *x, DLTensor *s0, DLTensor *y, seqc_error *error);
// ASM: decay:
// LLVM: define i32 @decay(
// INPUT: seqc.recurrence
// FORMED: seqc.recurrence
// TILED: scf.parallel
// TARGET: llvm.func
// NOSTEP-NOT: @decay_step
// TIME: Total
// PATH: seqc: error: {{.*}}none/lib.so
// FORM: error: the recurrence has no chunked form: no component is a gated sum of outer products
// FILES: a.o
// FILES-NEXT: b.o
// FILES-NEXT: lib.h
// FILES-NEXT: lib.so
// FILES-NEXT: timed.so
// FILES-NOT: {{.}}
func.func @decay(%x: tensor<?x?xf32>, %s0: tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>)
    attributes {seqc.sizes = {b = 2, t = 5}} {
  %half = arith.constant 0.5 : f32
  %y, %sT = seqc.recurrence seq(%x : (b, t)) carry(%s0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %a = arith.mulf %half, %xt : f32
    %k = arith.mulf %a, %s : f32
    %n = arith.addf %k, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?x?xf32>, tensor<?xf32>
}
