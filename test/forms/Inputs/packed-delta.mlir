// The gated delta rule over packed sequences, in reverse, with a read before the write.
func.func @packed_delta(%q: tensor<?x?x12xf32>, %k: tensor<?x?x12xf32> {seqc.draw = "unit"}, %v: tensor<?x?x5xf32>,
                        %b: tensor<?x?xf32> {seqc.draw = "sigmoid"}, %g: tensor<?x?xf32> {seqc.draw = "logsigmoid"},
                        %cu: tensor<?xi32>, %s0: tensor<?x?x12x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x?x5xf32>, tensor<?x?x12x5xf32>)
    attributes {seqc.sizes = {t = 70, h = 2, s = 9}} {
  %o, %p, %sT = seqc.recurrence seq(%q, %k, %v, %b, %g : (t, h)) carry(%s0 : (s, h)) segments(%cu : (s)) reverse {
  ^step(%qt: tensor<12xf32>, %kt: tensor<12xf32>, %vt: tensor<5xf32>, %bt: f32, %gt: f32, %s: tensor<12x5xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %kept)
    %d = arith.subf %vt, %r : tensor<5xf32>
    %u = seqc.einsum ",k,v->kv"(%bt, %kt, %d)
    %n = arith.addf %kept, %u : tensor<12x5xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    %pt = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot, %pt) carry(%n)
  }
  return %o, %p, %sT : tensor<?x?x5xf32>, tensor<?x?x5xf32>, tensor<?x?x12x5xf32>
}
