// Running product of 2x2 matrices: P_t = A_t ... A_1, entries as four numbers.
// The order matters: the monoid does not commute.
// a, b, c, d: [m, t, n] f32, the rows (a b) and (c d) of each matrix.

func.func @matmul_scan(
    %a: tensor<?x?x?xf32> {seqc.draw = "normal(0.7)"}, %b: tensor<?x?x?xf32> {seqc.draw = "normal(0.7)"},
    %c: tensor<?x?x?xf32> {seqc.draw = "normal(0.7)"}, %d: tensor<?x?x?xf32> {seqc.draw = "normal(0.7)"})
    -> (tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
    attributes {seqc.sizes = {m = 2, t = 41, n = 35}, seqc.bench = {m = 2, t = 4000000, n = 1}} {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %p, %q, %r, %s = seqc.scan seq(%a, %b, %c, %d : (m, t, n)) identity(%one, %zero, %zero, %one) {
  ^combine(%la: f32, %lb: f32, %lc: f32, %ld: f32, %ra: f32, %rb: f32, %rc: f32, %rd: f32):
    %0 = arith.mulf %ra, %la : f32
    %1 = arith.mulf %rb, %lc : f32
    %2 = arith.addf %0, %1 : f32
    %3 = arith.mulf %ra, %lb : f32
    %4 = arith.mulf %rb, %ld : f32
    %5 = arith.addf %3, %4 : f32
    %6 = arith.mulf %rc, %la : f32
    %7 = arith.mulf %rd, %lc : f32
    %8 = arith.addf %6, %7 : f32
    %9 = arith.mulf %rc, %lb : f32
    %10 = arith.mulf %rd, %ld : f32
    %11 = arith.addf %9, %10 : f32
    seqc.yield out(%2, %5, %8, %11)
  }
  return %p, %q, %r, %s : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>
}
