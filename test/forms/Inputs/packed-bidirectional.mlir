// Both directions of every packed segment: a forward recurrence, and one in reverse that
// adds what is behind a token.  Each token meets itself once, and no other segment.
func.func @packed_bidirectional(%q: tensor<?x?x10xf32> {seqc.draw = "normal(0.3)"}, %k: tensor<?x?x10xf32> {seqc.draw = "normal(0.3)"},
                                %v: tensor<?x?x12xf32>, %g: tensor<?x?x10xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                                %s0: tensor<?x?x10x12xf32>, %r0: tensor<?x?x10x12xf32>, %cu: tensor<?xi32>)
    -> (tensor<?x?x12xf32>, tensor<?x?x10x12xf32>, tensor<?x?x10x12xf32>) attributes {seqc.sizes = {t = 70, h = 2, s = 5}} {
  %f, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t, h)) carry(%s0 : (s, h)) segments(%cu : (s)) {
  ^step(%qt: tensor<10xf32>, %kt: tensor<10xf32>, %vt: tensor<12xf32>, %gt: tensor<10xf32>, %s: tensor<10x12xf32>):
    %a = math.exp %gt : tensor<10xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<10x12xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  %o, %rT = seqc.recurrence seq(%q, %k, %v, %g, %f : (t, h)) carry(%r0 : (s, h)) segments(%cu : (s)) reverse {
  ^step(%qt: tensor<10xf32>, %kt: tensor<10xf32>, %vt: tensor<12xf32>, %gt: tensor<10xf32>, %ft: tensor<12xf32>, %r: tensor<10x12xf32>):
    %a = math.exp %gt : tensor<10xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %r)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<10x12xf32>
    %behind = seqc.einsum "k,kv->v"(%qt, %kept)
    %ot = arith.addf %ft, %behind : tensor<12xf32>
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT, %rT : tensor<?x?x12xf32>, tensor<?x?x10x12xf32>, tensor<?x?x10x12xf32>
}
