// Gated linear attention over packed sequences: offsets cu[0] = 0 <= cu[1] <= ... <= T cut the
// token axis; every sequence has its own initial and final state, empty ones included.
// q, k, v, g: [t, h, 64]; cu: [s + 1] i32; s0: [s, h, 64, 64].

func.func @gla_packed(%q: tensor<?x?x64xf16> {seqc.draw = "normal(0.125)"}, %k: tensor<?x?x64xf16>,
                      %v: tensor<?x?x64xf16>, %g: tensor<?x?x64xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                      %cu: tensor<?xi32>, %s0: tensor<?x?x64x64xf32>)
    -> (tensor<?x?x64xf32>, tensor<?x?x64x64xf32>)
    attributes {seqc.sizes = {t = 61, h = 3, s = 6}, seqc.bench = {t = 16384, h = 8, s = 16}} {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t, h)) carry(%s0 : (s, h)) segments(%cu : (s)) {
  ^step(%qt: tensor<64xf16>, %kt: tensor<64xf16>, %vt: tensor<64xf16>, %gt: tensor<64xf32>, %s: tensor<64x64xf32>):
    %a    = math.exp %gt : tensor<64xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv   = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<64x64xf32>
    %ot   = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x64xf32>, tensor<?x?x64x64xf32>
}
