// RG-LRU: log a_t = -8 softplus(lambda) r_t, h_t = a_t h_{t-1} + sqrt(1 - a_t^2) i_t x_t.
// De et al., "Griffin: Mixing Gated Linear Recurrences with Local Attention", 2024.
// r, i (already through their sigmoids), x: [b, t, d] f32; lambda: [d]; h0: [b, d].

func.func @rg_lru(%r: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %i: tensor<?x?x?xf32> {seqc.draw = "sigmoid"},
                  %x: tensor<?x?x?xf32>, %lambda: tensor<?xf32>, %h0: tensor<?x?xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {b = 2, t = 65, d = 77}, seqc.bench = {b = 2, t = 8192, d = 2048}} {
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  %c = arith.constant -8.0 : f32
  %h, %hT = seqc.recurrence seq(%r, %i, %x : (b, t, d)) weight(%lambda : (d)) carry(%h0 : (b, d)) {
  ^step(%rt: f32, %it: f32, %xt: f32, %l: f32, %s: f32):
    %e = math.exp %l : f32
    %sp = math.log1p %e : f32
    %csp = arith.mulf %c, %sp : f32
    %la = arith.mulf %csp, %rt : f32
    %a = math.exp %la : f32
    // 1 - a^2 without cancellation.
    %la2 = arith.mulf %two, %la : f32
    %m1 = math.expm1 %la2 : f32
    %q = arith.negf %m1 : f32
    %b = math.sqrt %q : f32
    %ix = arith.mulf %it, %xt : f32
    %bx = arith.mulf %b, %ix : f32
    %kept = arith.mulf %a, %s : f32
    %next = arith.addf %kept, %bx : f32
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x?xf32>, tensor<?x?xf32>
}
