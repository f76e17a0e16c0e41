// Positions, a snapshot and an epilogue without states, in packed segments.
func.func @packed_position(%x: tensor<?x?x4xf32>, %w: tensor<?xf32>, %cu: tensor<?xi32>, %s0: tensor<?x?x4xf32>)
    -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>)
    attributes {seqc.sizes = {t = 201, h = 3, s = 6}} {
  %y, %sT = seqc.recurrence seq(%x : (t, h)) carry(%s0 : (s, h)) segments(%cu : (s)) snapshot(0 every 16) position first {
  ^step(%xt: tensor<4xf32>, %s: tensor<4xf32>, %frozen: tensor<4xf32>, %at: index, %is: i1):
    %half = arith.constant dense<0.5> : tensor<4xf32>
    %kept = arith.mulf %s, %half : tensor<4xf32>
    %old = arith.select %is, %xt, %kept : tensor<4xf32>
    %i = arith.index_cast %at : index to i32
    %f = arith.sitofp %i : i32 to f32
    %p = tensor.splat %f : tensor<4xf32>
    %n = arith.addf %old, %xt : tensor<4xf32>
    %m = arith.mulf %frozen, %half : tensor<4xf32>
    %o = arith.addf %m, %p : tensor<4xf32>
    %next = arith.addf %n, %m : tensor<4xf32>
    seqc.yield out(%o) carry(%next)
  }
  %z = seqc.recurrence seq(%y : (t, h)) weight(%w : (h)) {
  ^step(%yt: tensor<4xf32>, %wt: f32):
    %o = seqc.einsum "k,->k"(%yt, %wt)
    seqc.yield out(%o)
  }
  return %z, %sT : tensor<?x?x4xf32>, tensor<?x?x4xf32>
}
