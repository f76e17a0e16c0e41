// Mixture of experts: every token goes to 2 of 8 experts, each a dense product of its own
// over its packed tokens, 16 rows at a time; an expert takes at most 24 tokens, what is
// beyond, by position, is dropped.
// Lepikhin et al., "GShard", 2020; Fedus et al., "Switch Transformers", 2021.
// x: [n, 64] f32; router: [n, 8] f32; w: [9, 64, 48] f32, the last is of dropped tokens.

func.func @moe(%x: tensor<?x64xf32>, %router: tensor<?x8xf32>, %w: tensor<9x64x48xf32> {seqc.draw = "normal(0.125)"})
    -> tensor<?x48xf32>
    attributes {seqc.sizes = {n = 83}, seqc.bench = {n = 8192}} {
  %p, %i = seqc.topk 2 of %router softmax(before) normalize
  %rows, %perm, %inv, %cu = seqc.dispatch %i experts(8) tokens(%x) capacity(24)
  %out, %same = seqc.recurrence seq(%rows : (t)) carry(%w : (s)) segments(%cu : (s)) chunk(16) {
  ^step(%block: tensor<16x64xf32>, %we: tensor<64x48xf32>, %count: index):
    %o = seqc.einsum "td,df->tf"(%block, %we)
    seqc.yield out(%o) carry(%we)
  }
  %y = seqc.combine %out by %inv weights(%p)
  return %y : tensor<?x48xf32>
}
