// DeltaNet: u_t = beta_t (v_t - S_{t-1}^T k_t), S_t = S_{t-1} + k_t u_t^T, o_t = S_t^T q_t.
// Yang et al., "Parallelizing Linear Transformers with the Delta Rule over Sequence
// Length", 2024.  Keys have norm 1.
// q, k, v: [b, t, h, 128] bf16; beta: [b, t, h] f32.

func.func @deltanet(%q: tensor<?x?x?x128xbf16> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x128xbf16> {seqc.draw = "unit"},
                    %v: tensor<?x?x?x128xbf16>, %beta: tensor<?x?x?xf32> {seqc.draw = "sigmoid"},
                    %s0: tensor<?x?x128x128xf32>) -> (tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %beta : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vb: tensor<128xbf16>, %bt: f32, %s: tensor<128x128xf32>):
    %vt = arith.extf %vb : tensor<128xbf16> to tensor<128xf32>
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %d = arith.subf %vt, %r : tensor<128xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %s, %ku : tensor<128x128xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>
}
