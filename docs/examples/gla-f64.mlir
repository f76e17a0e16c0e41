// In double precision.  Gated linear attention: S_t = diag(exp g_t) S_{t-1} + k_t v_t^T, o_t = S_t^T q_t.
// Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient
// Training", 2023.
// q, k, v: [b, t, h, 20] f64; g: [b, t, h, 20] f64 (log gates); s0: [b, h, 20, 20] f64.

func.func @gla_f64(%q: tensor<?x?x?x20xf64> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x20xf64>,
               %v: tensor<?x?x?x20xf64>, %g: tensor<?x?x?x20xf64> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
               %s0: tensor<?x?x20x20xf64>) -> (tensor<?x?x?x20xf64>, tensor<?x?x20x20xf64>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<20xf64>, %kt: tensor<20xf64>, %vt: tensor<20xf64>, %gt: tensor<20xf64>, %s: tensor<20x20xf64>):
    %a    = math.exp %gt : tensor<20xf64>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv   = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<20x20xf64>
    %ot   = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x20xf64>, tensor<?x?x20x20xf64>
}
