// Tokens to the 2 experts of 16 that each of them names, and back: y is x once for every
// pick, weighted.  Shazeer et al., "Outrageously Large Neural Networks", 2017 (the routing).
// x: [n, 512] f32; scores: [n, 16] f32.

func.func @permute(%x: tensor<?x512xf32>, %scores: tensor<?x16xf32>) -> tensor<?x512xf32>
    attributes {seqc.sizes = {n = 61}, seqc.bench = {n = 65536}} {
  %w, %i = seqc.topk 2 of %scores softmax(after)
  %rows, %perm, %inv, %cu = seqc.dispatch %i experts(16) tokens(%x)
  // So that moving out and back is not nothing: rows change on the way.
  %half = arith.constant dense<0.5> : tensor<512xf32>
  %changed = seqc.recurrence seq(%rows : (t)) {
  ^step(%row: tensor<512xf32>):
    %r = arith.mulf %row, %half : tensor<512xf32>
    seqc.yield out(%r)
  }
  %y = seqc.combine %changed by %inv weights(%w)
  return %y : tensor<?x512xf32>
}
