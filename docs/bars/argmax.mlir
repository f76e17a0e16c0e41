// Running argmax of long rows: an f32 is read, it and an index of 4 bytes are written.

func.func @argmax(%x: tensor<?x?xf32>, %i: tensor<?xi32> {seqc.draw = "iota"})
    -> (tensor<?x?xf32>, tensor<?x?xi32>)
    attributes {seqc.sizes = {b = 3, t = 777}, seqc.bench = {b = 8, t = 4000000},
               seqc.bar = {bytes = 12, least = 60}} {
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0 : i32
  %m, %at = seqc.scan seq(%x : (b, t), %i : (t)) identity(%lowest, %zero) {
  ^combine(%lx: f32, %li: i32, %rx: f32, %ri: i32):
    // Ties keep the earlier index.
    %later = arith.cmpf ogt, %rx, %lx : f32
    %x1 = arith.select %later, %rx, %lx : f32
    %i1 = arith.select %later, %ri, %li : i32
    seqc.yield out(%x1, %i1)
  }
  return %m, %at : tensor<?x?xf32>, tensor<?x?xi32>
}
