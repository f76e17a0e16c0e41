// RUN: seq-opt %s --seqc-solve-tiles=keep | FileCheck %s
// RUN: seq-opt %s --seqc-solve-tiles | FileCheck %s --check-prefix=GONE
// GONE-NOT: seqc_tile.problem
// GONE-NOT: seqc.problem
// GONE: tiles = {rows = 5 : i64, vectors = 6 : i64}

// The largest of many products: 5 x 6 and 6 x 5 have 30 sums, and rows are preferred small.
// CHECK: seqc_tile.problem @product of "a product" solved {rows = 5 : i64, vectors = 6 : i64}
seqc_tile.problem @product of "a product" {
  %rows = seqc_tile.knob "rows" in 1 to 16
  %vectors = seqc_tile.knob "vectors" in [7, 6, 5]
  %sums = arith.muli %rows, %vectors : index
  %registers = arith.constant 30 : index
  seqc_tile.constraint "registers" %sums le %registers, "{0} sums do not fit {1} registers"
  %work = arith.constant 16384 : index
  %cost = arith.divui %work, %sums : index
  seqc_tile.minimize %cost per 2
}
// CHECK: seqc.tiles = {rows = 5 : i64, vectors = 6 : i64}
func.func private @user() attributes {seqc.problem = @product}

// Numbers beyond tables: five knobs of 24 values.  The sides of a box of 4200 or more
// with the least surface of three of its faces.
// CHECK: seqc_tile.problem @wide of "a box" solved {a = 14 : i64, b = 15 : i64, c = 20 : i64, d = 1 : i64, e = 2 : i64}
seqc_tile.problem @wide of "a box" {
  %a = seqc_tile.knob "a" in 1 to 24
  %b = seqc_tile.knob "b" in 1 to 24
  %c = seqc_tile.knob "c" in 1 to 24
  %d = seqc_tile.knob "d" in 1 to 24
  %e = seqc_tile.knob "e" in 1 to 24
  %ab = arith.muli %a, %b : index
  %abc = arith.muli %ab, %c : index
  %least = arith.constant 4200 : index
  seqc_tile.constraint "volume" %least le %abc, "{1} is less than {0}"
  seqc_tile.constraint "order" %a le %b, "a is not the shortest"
  seqc_tile.constraint "order'" %b le %c, "c is not the longest"
  %one = arith.constant 1 : index
  %d1 = arith.addi %d, %one : index
  seqc_tile.constraint "next" %d1 eq %e, "e does not follow d"
  %bc = arith.muli %b, %c : index
  %ac = arith.muli %a, %c : index
  %s = arith.addi %ab, %bc : index
  %t = arith.addi %s, %ac : index
  %cost = arith.addi %t, %e : index
  seqc_tile.minimize %cost per 1
}

// A quotient that some points do not have: they are no answers.
// CHECK: seqc_tile.problem @partial of "a quotient" solved {n = 2 : i64}
seqc_tile.problem @partial of "a quotient" {
  %n = seqc_tile.knob "n" in 0 to 2
  %six = arith.constant 6 : index
  %cost = arith.divui %six, %n : index
  seqc_tile.minimize %cost per 1
}
