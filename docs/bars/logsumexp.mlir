// Running logsumexp, time-major.

func.func @logsumexp(%x: tensor<?x?x?xf32> {seqc.draw = "normal(5)"}) -> tensor<?x?x?xf32>
    attributes {seqc.sizes = {b = 2, t = 65, d = 75}, seqc.bench = {b = 4, t = 8192, d = 1024},
               seqc.bar = {bytes = 8, least = 40}} {
  %lowest = arith.constant 0xFF800000 : f32
  %y = seqc.scan seq(%x : (b, t, d)) identity(%lowest) {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    %d = arith.subf %l, %r : f32
    %a = math.absf %d : f32
    %n = arith.negf %a : f32
    %e = math.exp %n : f32
    %p = math.log1p %e : f32
    %s = arith.addf %m, %p : f32
    %none = arith.cmpf oeq, %m, %lowest : f32
    %z = arith.select %none, %m, %s : f32
    seqc.yield out(%z)
  }
  return %y : tensor<?x?x?xf32>
}
