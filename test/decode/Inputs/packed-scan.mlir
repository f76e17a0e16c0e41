// A packed scan that returns its totals.
func.func @packed_scan(%x: tensor<?x?xf32>, %cu: tensor<?xi64>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {t = 23, d = 5, s = 7}} {
  %lowest = arith.constant 0xFF800000 : f32
  %y, %yT = seqc.scan seq(%x : (d, t)) identity(%lowest) segments(%cu : (s)) final {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    seqc.yield out(%m)
  }
  return %y, %yT : tensor<?x?xf32>, tensor<?x?xf32>
}
