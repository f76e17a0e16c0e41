// Retention with resets: a flag drops the history, and what was not finite in it.
func.func @packed_resets(%q: tensor<?x?x12xf32>, %k: tensor<?x?x12xf32>, %v: tensor<?x?x5xf32>, %a: tensor<?xf32> {seqc.draw = "sigmoid", seqc.range = "0 .. 1"},
                         %f: tensor<?xi8> {seqc.draw = "flags(0.1)"}, %s0: tensor<?x12x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x12x5xf32>)
    attributes {seqc.sizes = {t = 70, h = 2}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t, h)) weight(%a : (h)) carry(%s0 : (h)) resets(%f : (t)) {
  ^step(%qt: tensor<12xf32>, %kt: tensor<12xf32>, %vt: tensor<5xf32>, %at: f32, %s: tensor<12x5xf32>):
    %kept = seqc.einsum ",kv->kv"(%at, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<12x5xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x?x5xf32>, tensor<?x12x5xf32>
}
