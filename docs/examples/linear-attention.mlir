// Linear attention with normaliser: S_t = S_{t-1} + k_t v_t^T, z_t = z_{t-1} + k_t,
// o_t = S_t^T q_t / (q_t . z_t).  Queries and keys are positive features.
// Katharopoulos et al., "Transformers are RNNs", 2020.
// q, k: [b, t, h, 60] f32; v: [b, t, h, 100] f32.

func.func @linear_attention(%q: tensor<?x?x?x60xf32> {seqc.draw = "sigmoid"}, %k: tensor<?x?x?x60xf32> {seqc.draw = "sigmoid"},
                            %v: tensor<?x?x?x100xf32>) -> (tensor<?x?x?x100xf32>, tensor<?x?x60x100xf32>, tensor<?x?x60xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %s0 = arith.constant dense<0.0> : tensor<60x100xf32>
  %z0 = arith.constant dense<0.0> : tensor<60xf32>
  %o, %sT, %zT = seqc.recurrence seq(%q, %k, %v : (b, t, h)) carry(%s0, %z0 : ()) {
  ^step(%qt: tensor<60xf32>, %kt: tensor<60xf32>, %vt: tensor<100xf32>, %s: tensor<60x100xf32>, %z: tensor<60xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<60x100xf32>
    %zn = arith.addf %z, %kt : tensor<60xf32>
    %num = seqc.einsum "k,kv->v"(%qt, %next)
    %den = seqc.einsum "k,k->"(%qt, %zn)
    %den1 = tensor.splat %den : tensor<100xf32>
    %ot = arith.divf %num, %den1 : tensor<100xf32>
    seqc.yield out(%ot) carry(%next, %zn)
  }
  return %o, %sT, %zT : tensor<?x?x?x100xf32>, tensor<?x?x60x100xf32>, tensor<?x?x60xf32>
}
