// Gated DeltaNet with bf16 inputs: 1.3 times the bar of f32.

func.func @f(%q: tensor<?x?x?x128xbf16> {seqc.draw = "normal(0.09)"},
          %k: tensor<?x?x?x128xbf16> {seqc.draw = "unit"}, %v: tensor<?x?x?x128xbf16>,
          %g: tensor<?x?x?xf32> {seqc.range = "<= 0", seqc.draw = "logsigmoid"},
          %b: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %s0: tensor<?x?x128x128xf32>)
    -> (tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>)
    attributes {seqc.sizes = {b = 2, t = 37, h = 3}, seqc.bench = {b = 1, t = 4096, h = 8},
               seqc.bar = {operations = 98304, least = 58}} {
  %y, %sT = seqc.recurrence seq(%q, %k, %v, %g, %b : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vt: tensor<128xbf16>, %gt: f32, %bt: f32, %s: tensor<128x128xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %ve = arith.extf %vt : tensor<128xbf16> to tensor<128xf32>
    %d = arith.subf %ve, %r : tensor<128xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %w = seqc.einsum "k,v->kv"(%kt, %u)
    %n = arith.addf %old, %w : tensor<128x128xf32>
    %o = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>
}
