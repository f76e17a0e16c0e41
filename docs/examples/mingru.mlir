// minGRU: h_t = (1 - z_t) h_{t-1} + z_t x_t, z = sigmoid(zx).
// Feng et al., "Were RNNs All We Needed?", 2024.
// zx, x: [b, t, d] f32; h0: [b, d] f32.

func.func @mingru(%zx: tensor<?x?x?xf32>, %x: tensor<?x?x?xf32>, %h0: tensor<?x?xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {b = 2, t = 65, d = 77}, seqc.bench = {b = 2, t = 8192, d = 2048}} {
  %one = arith.constant 1.0 : f32
  %h, %hT = seqc.recurrence seq(%zx, %x : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%zt: f32, %xt: f32, %s: f32):
    %n = arith.negf %zt : f32
    %e = math.exp %n : f32
    %e1 = arith.addf %e, %one : f32
    %z = arith.divf %one, %e1 : f32
    %d = arith.subf %xt, %s : f32
    %m = arith.mulf %z, %d : f32
    %next = arith.addf %s, %m : f32
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x?xf32>, tensor<?x?xf32>
}
