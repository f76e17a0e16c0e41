// One token of GLA, K = V = 128, f32: the state is read and written, in place.

func.func @gla(%q: tensor<?x?x?x128xf32> {seqc.draw = "normal(0.09)"},
          %k: tensor<?x?x?x128xf32> {seqc.draw = "unit"}, %v: tensor<?x?x?x128xf32>,
          %g: tensor<?x?x?x128xf32> {seqc.range = "<= 0", seqc.draw = "logsigmoid"}, %s0: tensor<?x?x128x128xf32>)
    -> (tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 64, t = 1, h = 32},
               seqc.bar = {step, bytes = 131072, least = 70}} {
  %y, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<128xf32>, %kt: tensor<128xf32>, %vt: tensor<128xf32>, %gt: tensor<128xf32>, %s: tensor<128x128xf32>):
    %a = math.exp %gt : tensor<128xf32>
    %old = seqc.einsum "k,kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %old, %w : tensor<128x128xf32>
    %o = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>
}
