// Affine scan, time-major f32: two elements are read, one is written.

func.func @affine_scan(%a: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %x: tensor<?x?x?xf32>,
                       %h0: tensor<?x?xf32>) -> (tensor<?x?x?xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {b = 2, t = 65, d = 301}, seqc.bench = {b = 8, t = 4096, d = 2048},
               seqc.bar = {bytes = 12, least = 75}} {
  %h, %hT = seqc.recurrence seq(%a, %x : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%at: f32, %xt: f32, %s: f32):
    %kept = arith.mulf %at, %s : f32
    %next = arith.addf %kept, %xt : f32
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x?xf32>, tensor<?x?xf32>
}
