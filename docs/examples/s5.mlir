// S5 with resets: h_t = a h_{t-1} + x_t with complex diagonal a, as real and imaginary
// parts; a flagged token drops the history.
// Smith et al., "Simplified State Space Layers for Sequence Modeling", 2023; Lu et
// al., "Structured State Space Models for In-Context Reinforcement Learning", 2023.
// xr, xi: [t, b, p] f32 (time-major, as reinforcement learning keeps it); done: [t, b] i8;
// ar, ai: [p]; hr0, hi0: [b, p].

func.func @s5(%xr: tensor<?x?x?xf32>, %xi: tensor<?x?x?xf32>,
              %done: tensor<?x?xi8> {seqc.draw = "flags(0.1)"},
              %ar: tensor<?xf32> {seqc.draw = "uniform(-0.7,0.7)"},
              %ai: tensor<?xf32> {seqc.draw = "uniform(-0.7,0.7)"},
              %hr0: tensor<?x?xf32>, %hi0: tensor<?x?xf32>)
    -> (tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
    attributes {seqc.sizes = {t = 65, b = 3, p = 70}, seqc.bench = {t = 8192, b = 8, p = 256}} {
  %yr, %yi, %hr, %hi = seqc.recurrence seq(%xr, %xi : (t, b, p)) weight(%ar, %ai : (p))
      carry(%hr0, %hi0 : (b, p)) resets(%done : (t, b)) {
  ^step(%xrt: f32, %xit: f32, %a: f32, %c: f32, %r: f32, %i: f32):
    %0 = arith.mulf %a, %r : f32
    %1 = arith.mulf %c, %i : f32
    %2 = arith.subf %0, %1 : f32
    %nr = arith.addf %2, %xrt : f32
    %3 = arith.mulf %a, %i : f32
    %4 = arith.mulf %c, %r : f32
    %5 = arith.addf %3, %4 : f32
    %ni = arith.addf %5, %xit : f32
    seqc.yield out(%nr, %ni) carry(%nr, %ni)
  }
  return %yr, %yi, %hr, %hi : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}
