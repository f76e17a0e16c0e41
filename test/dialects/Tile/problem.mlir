// RUN: seq-opt %s | seq-opt | FileCheck %s
// RUN: seq-opt %s --mlir-print-op-generic | seq-opt | FileCheck %s

// CHECK-LABEL: seqc_tile.problem @product of "a product"
seqc_tile.problem @product of "a product" {
  // CHECK: seqc_tile.knob "rows" in 16 to 1
  %rows = seqc_tile.knob "rows" in 16 to 1
  // CHECK: seqc_tile.knob "vectors" in [4, 1, 2]
  %vectors = seqc_tile.knob "vectors" in [4, 1, 2]
  %sums = arith.muli %rows, %vectors : index
  %registers = arith.constant 32 : index
  // CHECK: seqc_tile.constraint "registers" %{{.*}} le %{{.*}}, "{0} sums do not fit {1} registers"
  seqc_tile.constraint "registers" %sums le %registers, "{0} sums do not fit {1} registers"
  %zero = arith.constant 0 : index
  %rest = arith.remui %registers, %rows : index
  // CHECK: seqc_tile.constraint "even" %{{.*}} eq %{{.*}}, "{2} rows leave {0}" of %{{.*}}
  seqc_tile.constraint "even" %rest eq %zero, "{2} rows leave {0}" of %rows
  // CHECK: seqc_tile.part "floor" %{{.*}} per 2
  seqc_tile.part "floor" %registers per 2
  // CHECK: seqc_tile.minimize %{{.*}} per 2
  seqc_tile.minimize %rest per 2
}

// CHECK-LABEL: seqc_tile.problem @answered of "it" solved {n = 3 : i64}
seqc_tile.problem @answered of "it" solved {n = 3 : i64} {
  %n = seqc_tile.knob "n" in 1 to 3
  seqc_tile.minimize %n per 1
}
