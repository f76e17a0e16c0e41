// DeltaProduct with two micro-steps a token: decay once, then two delta-rule updates.
// Siems et al., "DeltaProduct: Improving State-Tracking in Linear RNNs via Householder
// Products", 2025.
// q: [b, t, h, 64]; k, v: [b, t, h, 2, 64]; beta: [b, t, h, 2]; g: [b, t, h]; all f32.

func.func @delta_product(%q: tensor<?x?x?x64xf32> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x?x2x64xf32> {seqc.draw = "unit"},
                         %v: tensor<?x?x?x2x64xf32>, %beta: tensor<?x?x?x2xf32> {seqc.draw = "sigmoid(2)"},
                         %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"}, %s0: tensor<?x?x64x64xf32>)
    -> (tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 16384, h = 8}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %beta, %g : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<2x64xf32>, %vt: tensor<2x64xf32>, %bt: tensor<2xf32>, %gt: f32, %s: tensor<64x64xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %k0 = tensor.extract_slice %kt[0, 0] [1, 64] [1, 1] : tensor<2x64xf32> to tensor<64xf32>
    %v0 = tensor.extract_slice %vt[0, 0] [1, 64] [1, 1] : tensor<2x64xf32> to tensor<64xf32>
    %b0 = tensor.extract %bt[%c0] : tensor<2xf32>
    %r0 = seqc.einsum "k,kv->v"(%k0, %old)
    %d0 = arith.subf %v0, %r0 : tensor<64xf32>
    %u0 = seqc.einsum ",v->v"(%b0, %d0)
    %ku0 = seqc.einsum "k,v->kv"(%k0, %u0)
    %s1 = arith.addf %old, %ku0 : tensor<64x64xf32>
    %k1 = tensor.extract_slice %kt[1, 0] [1, 64] [1, 1] : tensor<2x64xf32> to tensor<64xf32>
    %v1 = tensor.extract_slice %vt[1, 0] [1, 64] [1, 1] : tensor<2x64xf32> to tensor<64xf32>
    %b1 = tensor.extract %bt[%c1] : tensor<2xf32>
    %r1 = seqc.einsum "k,kv->v"(%k1, %s1)
    %d1 = arith.subf %v1, %r1 : tensor<64xf32>
    %u1 = seqc.einsum ",v->v"(%b1, %d1)
    %ku1 = seqc.einsum "k,v->kv"(%k1, %u1)
    %next = arith.addf %s1, %ku1 : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>
}
