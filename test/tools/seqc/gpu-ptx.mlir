// RUN: seqc compile %s --target=sm_90a --emit=ptx -o - | FileCheck %s
// RUN: seqc compile %s --target=sm_80 --emit=ptx -o - | FileCheck %s --check-prefix=SM80
// RUN: seqc compile %s --target=sm_90a -o %t.so --header=%t.h && FileCheck %s --check-prefix=HEADER --input-file %t.h
// RUN: seqc compile %s --target=sm_80,sm_90a --emit=llvm -o - | FileCheck %s --check-prefix=BOTH
// RUN: not seqc compile %s --target=sm_80,sm_90a --emit=ptx 2>&1 | FileCheck %s --check-prefix=ONE
// RUN: not seqc compile %s --emit=ptx 2>&1 | FileCheck %s --check-prefix=CPU

// SM80: .target sm_80
// CHECK: .target sm_90a
// The scan: a ticket, and states of tiles that are published and awaited.
// CHECK: .visible .entry leaky_0(
// CHECK: .visible .entry leaky_1(
// CHECK: .maxntid 128
// CHECK: atom.global.add.u32
// CHECK: st.relaxed.gpu.global.b64
// CHECK: ld.relaxed.gpu.global.b64
// One token: a thread a sequence.
// CHECK: .visible .entry leaky_step_0(
// HEADER: int32_t leaky(const DLTensor *x, const DLTensor *h0, DLTensor *y, void *scratch, void *stream, seqc_error *error);
// HEADER: int64_t leaky_scratch(const DLTensor *x, const DLTensor *h0, DLTensor *y, seqc_error *error);
// CPU: code for the CPU has none for a GPU
// ONE: such a file holds code for one target, found 2
// Its number, and whether the name has a letter.
// BOTH: { ptr, ptr, ptr, i32, i32 } { {{.*}}, i32 80, i32 0 }, { ptr, ptr, ptr, i32, i32 } { {{.*}}, i32 90, i32 1 }
func.func @leaky(%x: tensor<?x?x?xf32>, %h0: tensor<?x?xf32>)
    -> (tensor<?x?x?xf32> {seqc.name = "y"}) {
  %y, %h = seqc.recurrence seq(%x : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%xt: f32, %s: f32):
    %c = arith.constant 0.5 : f32
    %kept = arith.mulf %s, %c : f32
    %next = arith.addf %kept, %xt : f32
    seqc.yield out(%next) carry(%next)
  }
  return %y : tensor<?x?x?xf32>
}
