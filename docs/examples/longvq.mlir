// LongVQ: keys become the nearest of 12 codes, so that attention is to codes, each as often
// as it occurred so far, with the mean of its values; the state is a sum of values and a
// count for each code.  A moving average of the values gates the result.
// Liu et al., "LongVQ: Long Sequence Modeling with Vector Quantization on Structured Memory", 2024.
// q, k: [b, n, 16]; v: [b, n, 32]; codes: [12, 16]; a: [32]; all f32.

func.func @longvq(%q: tensor<?x?x16xf32>, %k: tensor<?x?x16xf32>, %v: tensor<?x?x32xf32>,
                  %codes: tensor<12x16xf32> {seqc.draw = "unit"}, %a: tensor<32xf32> {seqc.draw = "sigmoid"})
    -> tensor<?x?x32xf32>
    attributes {seqc.sizes = {b = 2, n = 53}, seqc.bench = {b = 8, n = 4096}} {
  %similarity, %code = seqc.assign %k to %codes cosine
  %s0 = arith.constant dense<0.0> : tensor<12x32xf32>
  %n0 = arith.constant dense<0.0> : tensor<12xf32>
  %h0 = arith.constant dense<0.0> : tensor<32xf32>
  %o, %sT, %nT = seqc.recurrence seq(%q, %v, %code : (b, t)) weight(%codes : ()) carry(%s0, %n0 : ()) {
  ^step(%qt: tensor<16xf32>, %vt: tensor<32xf32>, %ct: i32, %c: tensor<12x16xf32>, %s: tensor<12x32xf32>, %n: tensor<12xf32>):
    %all = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]> : tensor<12xi32>
    %none = arith.constant dense<0.0> : tensor<12xf32>
    %never = arith.constant dense<0xFF800000> : tensor<12xf32>
    %scale = arith.constant 0.25 : f32
    %cs = tensor.splat %ct : tensor<12xi32>
    %is = arith.cmpi eq, %all, %cs : tensor<12xi32>
    %hot = arith.uitofp %is : tensor<12xi1> to tensor<12xf32>
    %sv = seqc.einsum "c,v->cv"(%hot, %vt)
    %sn = arith.addf %s, %sv : tensor<12x32xf32>
    %nn = arith.addf %n, %hot : tensor<12xf32>
    %dots = seqc.einsum ",ck,k->c"(%scale, %c, %qt)
    %met = arith.cmpf ogt, %nn, %none : tensor<12xf32>
    %logits = arith.select %met, %dots, %never : tensor<12xi1>, tensor<12xf32>
    %top = seqc.reduce max %logits over 0
    %tops = tensor.splat %top : tensor<12xf32>
    %d = arith.subf %logits, %tops : tensor<12xf32>
    %e = math.exp %d : tensor<12xf32>
    %num = seqc.einsum "c,cv->v"(%e, %sn)
    %den = seqc.einsum "c,c->"(%e, %nn)
    %dens = tensor.splat %den : tensor<32xf32>
    %ot = arith.divf %num, %dens : tensor<32xf32>
    seqc.yield out(%ot) carry(%sn, %nn)
  }
  %y, %hT = seqc.recurrence seq(%o, %v : (b, t)) weight(%a : ()) carry(%h0 : ()) {
  ^step(%ot: tensor<32xf32>, %vt: tensor<32xf32>, %at: tensor<32xf32>, %h: tensor<32xf32>):
    %one = arith.constant dense<1.0> : tensor<32xf32>
    %b = arith.subf %one, %at : tensor<32xf32>
    %kept = arith.mulf %at, %h : tensor<32xf32>
    %more = arith.mulf %b, %vt : tensor<32xf32>
    %next = arith.addf %kept, %more : tensor<32xf32>
    %minus = arith.negf %next : tensor<32xf32>
    %e = math.exp %minus : tensor<32xf32>
    %den = arith.addf %one, %e : tensor<32xf32>
    %yt = arith.divf %ot, %den : tensor<32xf32>
    seqc.yield out(%yt) carry(%next)
  }
  return %y : tensor<?x?x32xf32>
}
