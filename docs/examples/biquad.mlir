// Biquad audio filter, direct form II transposed: y_t = b0 x_t + p_{t-1},
// p_t = b1 x_t - a1 y_t + r_{t-1}, r_t = b2 x_t - a2 y_t: an affine recurrence with a
// two-element state.
// x: [b, t] f32, one channel a row; coefficients: scalars.

func.func @biquad(%x: tensor<?x?xf32>,
                  %b0: f32 {seqc.draw = "constant(0.2)"}, %b1: f32 {seqc.draw = "constant(0.4)"}, %b2: f32 {seqc.draw = "constant(0.2)"},
                  %a1: f32 {seqc.draw = "constant(-0.3)"}, %a2: f32 {seqc.draw = "constant(0.1)"}) -> tensor<?x?xf32>
    attributes {seqc.sizes = {b = 2, t = 501}, seqc.bench = {b = 16, t = 2000000}} {
  %zero = arith.constant 0.0 : f32
  %y, %pT, %rT = seqc.recurrence seq(%x : (b, t)) weight(%b0, %b1, %b2, %a1, %a2 : ()) carry(%zero, %zero : ()) {
  ^step(%xt: f32, %c0: f32, %c1: f32, %c2: f32, %d1: f32, %d2: f32, %p: f32, %r: f32):
    %0 = arith.mulf %c0, %xt : f32
    %yt = arith.addf %0, %p : f32
    %1 = arith.mulf %c1, %xt : f32
    %2 = arith.mulf %d1, %yt : f32
    %3 = arith.subf %1, %2 : f32
    %pn = arith.addf %3, %r : f32
    %4 = arith.mulf %c2, %xt : f32
    %5 = arith.mulf %d2, %yt : f32
    %rn = arith.subf %4, %5 : f32
    seqc.yield out(%yt) carry(%pn, %rn)
  }
  return %y : tensor<?x?xf32>
}
