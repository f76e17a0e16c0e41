// A chunk length has to be a sensible one; a gate has to be a logarithm, or a number up to one.
// RUN: not seq-opt %s -seqc-recurrence-to-linear -seqc-linear-to-chunks=length=0 2>&1 | FileCheck %s --check-prefix=LENGTH
// RUN: not seq-opt %s -seqc-recurrence-to-linear -seqc-linear-to-chunks=force=1 2>&1 | FileCheck %s --check-prefix=GATE
// RUN: seq-opt %s -seqc-recurrence-to-linear -seqc-linear-to-chunks | FileCheck %s --check-prefix=STAYS
// RUN: not seqc run %s --form=chunked --bind t=3 2>&1 | FileCheck %s --check-prefix=GATE
// RUN: not seqc run %s --form=chunked --chunk=-1 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not seq-opt %s -seqc-linear-to-chunks=packed=rows 2>&1 | FileCheck %s --check-prefix=PACKED
// RUN: not seqc run %s --packed=rows 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: not seqc run %s --form=chunked --chunk=0 2>&1 | FileCheck %s --check-prefix=ZERO

// PACKED: error: packed is 'rows', expected auto, segments or masks
// LAYOUT: seqc: error: --packed: unknown layout 'rows', expected auto, segments or masks
// ZERO: seqc: error: --chunk: the length is 0, expected 1 to 1024 tokens
// LENGTH: error: chunk length is 0, expected 1 to 1024 tokens
// GATE: error: the recurrence has no chunked form: gate #0 is neither given as a logarithm nor known to be within 0 .. 1
// STAYS: seqc.linear_recurrence
// OPTION: seqc: error: --chunk: the length is -1, expected 1 to 1024 tokens
func.func @plain_gate(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %a: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v, %a : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %at: f32, %s: tensor<8x4xf32>):
    %old = seqc.einsum ",kv->kv"(%at, %s)
    %u = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %old, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}
