// Normalised linear attention over packed sequences that start from nothing; the final
// states are not asked for, and the sizes are known.
func.func @packed_zero(%q: tensor<70x2x12xf32> {seqc.draw = "sigmoid"}, %k: tensor<70x2x12xf32> {seqc.draw = "sigmoid"},
                       %v: tensor<70x2x5xf32>, %cu: tensor<10xi32>) -> tensor<70x2x5xf32> {
  %s0 = arith.constant dense<0.0> : tensor<12x5xf32>
  %n0 = arith.constant dense<0.0> : tensor<12xf32>
  %o, %sT, %nT = seqc.recurrence seq(%q, %k, %v : (t, h)) carry(%s0, %n0 : ()) segments(%cu : (s)) {
  ^step(%qt: tensor<12xf32>, %kt: tensor<12xf32>, %vt: tensor<5xf32>, %s: tensor<12x5xf32>, %n: tensor<12xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<12x5xf32>
    %nn = arith.addf %n, %kt : tensor<12xf32>
    %num = seqc.einsum "k,kv->v"(%qt, %next)
    %den = seqc.einsum "k,k->"(%qt, %nn)
    %full = tensor.splat %den : tensor<5xf32>
    %ot = arith.divf %num, %full : tensor<5xf32>
    seqc.yield out(%ot) carry(%next, %nn)
  }
  return %o : tensor<70x2x5xf32>
}
