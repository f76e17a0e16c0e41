// RUN: not seq-opt %s --seqc-pose-tiles=machine=pdp11 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not seq-opt %s --seqc-pose-tiles=machine=none/such.yaml 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not seq-opt %s --seqc-pose-tiles=tiles=rows 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not seq-opt %s --seqc-pose-tiles=tiles=stages=2 2>&1 | FileCheck %s --check-prefix=KNOB
// RUN: not seq-opt %s --seqc-pose-tiles=tiles=rows=17 2>&1 | FileCheck %s --check-prefix=VALUE
// NAME: error: unknown machine 'pdp11', expected one of: host, sapphirerapids, sm_100a,
// FILE: error: cannot read 'none/such.yaml': No such file or directory
// FORM: error: the tile 'rows' is not NAME=VALUE
// KNOB: error: no tiles have a knob 'stages', expected one of: rows, vectors
// VALUE: error: the tile 'rows=17' is not among the values of any knob 'rows'

func.func @f(%q: tensor<?x16x64xf32>, %s0: tensor<64x96xf32>) -> tensor<?x16x96xf32> {
  %y, %sT = seqc.recurrence seq(%q : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<16x64xf32>, %s: tensor<64x96xf32>):
    %a = seqc.einsum "ik,kv->iv"(%qt, %s)
    seqc.yield out(%a) carry(%s)
  }
  return %y : tensor<?x16x96xf32>
}
