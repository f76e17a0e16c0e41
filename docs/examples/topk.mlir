// Gate of a mixture: the 8 most probable of 64 experts, their probabilities summing to 1.
// logits: [n, 64] f32.

func.func @topk(%logits: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>)
    attributes {seqc.sizes = {n = 77}, seqc.bench = {n = 65536}} {
  %w, %i = seqc.topk 8 of %logits softmax(before) normalize
  return %w, %i : tensor<?x8xf32>, tensor<?x8xi32>
}
