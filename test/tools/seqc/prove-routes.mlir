// Where values decide which elements are taken, each recurrence is proved alone, for
// any operands in the ranges that are known of them.
// RUN: seqc prove %s | FileCheck %s --match-full-lines --strict-whitespace

// CHECK:  proved   routed: recurrence 1 alone: the sequential form equals the program (it is the program)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: the canonical form equals the program (features of 1 to 3, up to 4 tokens)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: the chunked form equals the program (features of 1 to 3, chunks of 1 to 4 tokens; no gate is below -100, whose exponential is zero to f32)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: exponents of the chunked form are at most 0 (of declared ranges)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: the chunked form over several segments a chunk equals the program (features of 1 to 3, chunks of 1 to 4 tokens; no gate is below -100, whose exponential is zero to f32)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: exponents of the chunked form over several segments a chunk are at most 0 (of declared ranges)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: the split over 2 parts equals the program (features of 1 to 3, up to 5 tokens)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: the split over 3 parts equals the program (features of 1 to 3, up to 4 tokens)
// CHECK-NEXT:  proved   routed: recurrence 1 alone: the step of one token equals the program's (features of 1 to 3, any state)
// CHECK-NEXT:  proved   routed: everything else stays as it is written
func.func @routed(%k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"},
                  %picks: tensor<?x2xi32>, %s0: tensor<4x16x16xf32>)
    -> (tensor<?x16xf32>, tensor<4x16x16xf32>) attributes {seqc.sizes = {n = 5}} {
  %pk, %pv, %pg, %perm, %inv, %cu = seqc.dispatch %picks experts(4) tokens(%k, %v, %g)
  %o, %sT = seqc.recurrence seq(%pk, %pv, %pg : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%kt: tensor<16xf32>, %vt: tensor<16xf32>, %gt: f32, %s: tensor<16x16xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %w : tensor<16x16xf32>
    %ot = seqc.einsum "k,kv->v"(%kt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  %y = seqc.combine %o by %inv
  return %y, %sT : tensor<?x16xf32>, tensor<4x16x16xf32>
}
