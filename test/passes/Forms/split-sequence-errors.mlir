// Parts have to be a sensible number; a cell that is not linear has no summary.
// RUN: not seq-opt %s -seqc-recurrence-to-linear -seqc-split-sequence=parts=0 2>&1 | FileCheck %s --check-prefix=PARTS
// RUN: not seq-opt %s -seqc-split-sequence=parts=2 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not seqc run %s --split=-1 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not seqc run %s --split=2 --form=sequential 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not seq-opt %S/Inputs/columns.mlir -seqc-split-sequence=parts=2 2>&1 | FileCheck %s --check-prefix=COLUMNS

// COLUMNS: error: the recurrence does not split: a vector gate along the second dimension meets a correction
// PARTS: error: the sequence is to be split into 0 parts, expected 1 to 65536
// NONE: split-sequence-errors.mlir:14:9: error: the sequence cannot be split: no recurrence is a linear one or a scan
// OPTION: seqc: error: --split: -1 parts, expected 1 to 65536, or 0
// FORM: seqc: error: --split: the sequential form does not split, expected auto, canonical, chunked or scan
func.func @packed(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<?x8x4xf32>, %cu: tensor<?xi32>) -> tensor<?x8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>):
    %u = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<?x8x4xf32>
}
