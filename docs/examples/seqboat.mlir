// SeqBoat: a state space model decides which tokens are worth attention; those are packed,
// attend to the 8 before them that are active, too, and go back, weighted by their
// probability; the others get 0.
// Ren et al., "Sparse Modular Activation for Efficient Sequence Modeling", 2023.
// x: [b, t, 32]; q, k, v, u: [b, t, 2, 16]; a, w: [32]; all f32.

func.func @seqboat(%x: tensor<?x?x32xf32>, %q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>,
                   %u: tensor<?x?x2x16xf32>, %a: tensor<32xf32> {seqc.draw = "sigmoid"}, %w: tensor<32xf32>)
    -> tensor<?x?x2x16xf32>
    attributes {seqc.sizes = {b = 3, t = 43}, seqc.bench = {b = 8, t = 4096}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x32xf32>
  %t = tensor.dim %x, %c1 : tensor<?x?x32xf32>
  %zero = arith.constant dense<0.0> : tensor<32xf32>
  %act, %p, %hT = seqc.recurrence seq(%x : (b, t)) weight(%a, %w : ()) carry(%zero : ()) {
  ^step(%xt: tensor<32xf32>, %at: tensor<32xf32>, %wt: tensor<32xf32>, %h: tensor<32xf32>):
    %none = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %yes = arith.constant 0 : i32
    %no = arith.constant -1 : i32
    %kept = arith.mulf %at, %h : tensor<32xf32>
    %next = arith.addf %kept, %xt : tensor<32xf32>
    %logit = seqc.einsum "d,d->"(%next, %wt)
    %is = arith.cmpf ogt, %logit, %none : f32
    %pick = arith.select %is, %yes, %no : i32
    %minus = arith.negf %logit : f32
    %e = math.exp %minus : f32
    %den = arith.addf %one, %e : f32
    %prob = arith.divf %one, %den : f32
    seqc.yield out(%pick, %prob) carry(%next)
  }
  // Compress: tokens without a pick are dropped; the capacity is no limit here.
  %picks = tensor.expand_shape %act [[0], [1, 2]] output_shape [%b, %t, 1] : tensor<?x?xi32> into tensor<?x?x1xi32>
  %weights = tensor.expand_shape %p [[0], [1, 2]] output_shape [%b, %t, 1] : tensor<?x?xf32> into tensor<?x?x1xf32>
  %pq, %pk, %pv, %perm, %inv, %cu = seqc.dispatch %picks experts(1) tokens(%q, %k, %v) capacity(1000000000)
  %o, %lse = seqc.block_attention q(%pq) k(%pk) v(%pv) segments(%cu) window(8) causal
  // Extract.
  %y = seqc.combine %o by %inv weights(%weights)
  %gated = arith.mulf %y, %u : tensor<?x?x2x16xf32>
  return %gated : tensor<?x?x2x16xf32>
}
