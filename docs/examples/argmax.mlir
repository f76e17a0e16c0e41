// Running maximum with the index at which it was reached first.
// x: [b, t] f32; i: [t] i32, the positions 0, 1, ...

func.func @argmax(%x: tensor<?x?xf32>, %i: tensor<?xi32> {seqc.draw = "iota"})
    -> (tensor<?x?xf32>, tensor<?x?xi32>)
    attributes {seqc.sizes = {b = 3, t = 777}, seqc.bench = {b = 8, t = 4000000}} {
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
