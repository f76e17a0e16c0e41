// Causal attention with a learned vector for each distance: S = (Q K^T + skew(Q E^T)) /
// sqrt(d), the last row of E for distance 0; beyond the 40 rows there is none.
// Huang et al., "Music Transformer", 2018.
// q, k, v: [b, t, 2, 16] f32; e: [40, 2, 16] f32.

func.func @music_transformer(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>,
                             %e: tensor<40x2x16xf32>) -> tensor<?x?x2x16xf32>
    attributes {seqc.sizes = {b = 2, t = 57, s = 57}, seqc.bench = {b = 1, t = 2048, s = 2048}} {
  %o, %lse = seqc.block_attention q(%q) k(%k) v(%v) relative(%e) causal
  return %o : tensor<?x?x2x16xf32>
}
