// Cumulative sum of 2^26 f32: an element is read and written.

func.func @cumsum(%x: tensor<?x?xf32>) -> tensor<?x?xf32>
    attributes {seqc.sizes = {b = 3, t = 1037}, seqc.bench = {b = 1, t = 67108864},
               seqc.bar = {bytes = 8, least = 80}} {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}
