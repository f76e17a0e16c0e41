// The gated delta rule over packed sequences.
func.func @delta_packed(%q: tensor<?x?x12xf32>, %k: tensor<?x?x12xf32> {seqc.draw = "unit"}, %v: tensor<?x?x9xf32>,
                        %g: tensor<?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                        %beta: tensor<?x?xf32> {seqc.draw = "sigmoid"},
                        %cu: tensor<?xi32>, %s0: tensor<?x?x12x9xf32>)
    -> (tensor<?x?x9xf32>, tensor<?x?x12x9xf32>)
    attributes {seqc.sizes = {t = 67, h = 2, s = 5}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t, h)) carry(%s0 : (s, h)) segments(%cu : (s)) {
  ^step(%qt: tensor<12xf32>, %kt: tensor<12xf32>, %vt: tensor<9xf32>, %gt: f32, %bt: f32, %s: tensor<12x9xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<9xf32>
    %w = seqc.einsum ",k,v->kv"(%bt, %kt, %d)
    %next = arith.addf %old, %w : tensor<12x9xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x9xf32>, tensor<?x?x12x9xf32>
}
