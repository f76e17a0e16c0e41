// Causal softmax attention with grouped heads, over packed sequences: the case of block
// attention without a list.  lse is the logarithm of each query's sum of weights.
// q: [t, 4, 32]; k, v: [t, 2, 32] f16; cu: [s + 1] i32.

func.func @attention(%q: tensor<?x4x32xf16>, %k: tensor<?x2x32xf16>, %v: tensor<?x2x32xf16>, %cu: tensor<?xi32>)
    -> (tensor<?x4x32xf32>, tensor<?x4xf32>)
    attributes {seqc.sizes = {t = 61, s = 6}, seqc.bench = {t = 4096, s = 4}} {
  %o, %lse = seqc.block_attention q(%q) k(%k) v(%v) segments(%cu) causal
  return %o, %lse : tensor<?x4x32xf32>, tensor<?x4xf32>
}
