// In reverse over packed sequences.  HGRN: h_t = f_t h_{t-1} + (1 - f_t) silu(i_t), f = exp g.
// Qin, Yang, Zhong, "Hierarchically Gated Recurrent Neural Network for Sequence
// Modeling", 2023.
// i, g: [t, d] bf16; cu: [s + 1] i64; h0: [s, d] f32.

func.func @hgrn_packed(%i: tensor<?x?xbf16>, %g: tensor<?x?xbf16> {seqc.draw = "logsigmoid"},
                %cu: tensor<?xi64>, %h0: tensor<?x?xf32>) -> (tensor<?x?xbf16>, tensor<?x?xf32>)
    attributes {seqc.sizes = {t = 65, d = 200, s = 5}, seqc.bench = {t = 16384, d = 2048, s = 16}} {
  %one = arith.constant 1.0 : f32
  %h, %hT = seqc.recurrence seq(%i, %g : (t, d)) carry(%h0 : (s, d)) segments(%cu : (s)) out((t, d) : bf16) reverse {
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
  return %h, %hT : tensor<?x?xbf16>, tensor<?x?xf32>
}
