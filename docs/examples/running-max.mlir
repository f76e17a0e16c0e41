// Running maximum: y_t = max(x_1, ..., x_t).  NaN wins, as in NumPy.
// x: [b, t, d] f32, time-major within a batch row.

func.func @running_max(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    attributes {seqc.sizes = {b = 2, t = 131, d = 37}, seqc.bench = {b = 4, t = 8192, d = 1024}} {
  %lowest = arith.constant 0xFF800000 : f32
  %y = seqc.scan seq(%x : (b, t, d)) identity(%lowest) {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    seqc.yield out(%m)
  }
  return %y : tensor<?x?x?xf32>
}
