// HGRN in f32: input and gate are read, the state is written.

func.func @hgrn(%i: tensor<?x?x?xf32>, %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid"},
                %h0: tensor<?x?xf32>) -> (tensor<?x?x?xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {b = 2, t = 65, d = 200}, seqc.bench = {b = 2, t = 8192, d = 2048},
               seqc.bar = {bytes = 12, least = 75}} {
  %one = arith.constant 1.0 : f32
  %h, %hT = seqc.recurrence seq(%i, %g : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%it: f32, %gt: f32, %s: f32):
    %f = math.exp %gt : f32
    %n = arith.negf %it : f32
    %e = math.exp %n : f32
    %e1 = arith.addf %e, %one : f32
    %silu = arith.divf %it, %e1 : f32
    %c = arith.subf %one, %f : f32
    %x = arith.mulf %c, %silu : f32
    %kept = arith.mulf %f, %s : f32
    %next = arith.addf %kept, %x : f32
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x?xf32>, tensor<?x?xf32>
}
