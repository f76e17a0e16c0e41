// Gated linear attention where a flagged token drops the history of its row.
func.func @gla_resets(%q: tensor<?x?x?x12xf32>, %k: tensor<?x?x?x12xf32>, %v: tensor<?x?x?x9xf32>,
                      %g: tensor<?x?x?x12xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                      %done: tensor<?x?xi8> {seqc.draw = "flags(0.1)"}, %s0: tensor<?x?x12x9xf32>)
    -> (tensor<?x?x?x9xf32>, tensor<?x?x12x9xf32>)
    attributes {seqc.sizes = {b = 3, t = 67, h = 2}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) resets(%done : (b, t)) {
  ^step(%qt: tensor<12xf32>, %kt: tensor<12xf32>, %vt: tensor<9xf32>, %gt: tensor<12xf32>, %s: tensor<12x9xf32>):
    %a = math.exp %gt : tensor<12xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<12x9xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x9xf32>, tensor<?x?x12x9xf32>
}
