// Where terms are too many, inputs are numbers: two corrections a token, each of rank
// one, of a 2x3 state.  What a maximum sees stays a variable.
// RUN: seqc prove %s | FileCheck %s

// CHECK: proved   twice: the chunked form equals the program (features of 1 to 3, chunks of 1 to 4 tokens; no gate is below -100, whose exponential is zero to f32; where terms are too many, inputs are numbers drawn from 2^52 and polynomials of them agree)
func.func @twice(%k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %b: tensor<?x2xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"},
                 %s0: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %sT = seqc.recurrence seq(%k, %v, %b, %g : (t)) carry(%s0 : ()) {
  ^step(%kt: tensor<2x16xf32>, %vt: tensor<2x16xf32>, %bt: tensor<2xf32>, %gt: f32, %s: tensor<16x16xf32>):
    %a = math.exp %gt : f32
    %s1 = seqc.einsum ",kv->kv"(%a, %s)
    %k0 = tensor.extract_slice %kt[0, 0] [1, 16] [1, 1] : tensor<2x16xf32> to tensor<16xf32>
    %k1 = tensor.extract_slice %kt[1, 0] [1, 16] [1, 1] : tensor<2x16xf32> to tensor<16xf32>
    %v0 = tensor.extract_slice %vt[0, 0] [1, 16] [1, 1] : tensor<2x16xf32> to tensor<16xf32>
    %v1 = tensor.extract_slice %vt[1, 0] [1, 16] [1, 1] : tensor<2x16xf32> to tensor<16xf32>
    %b0 = tensor.extract_slice %bt[0] [1] [1] : tensor<2xf32> to tensor<f32>
    %b1 = tensor.extract_slice %bt[1] [1] [1] : tensor<2xf32> to tensor<f32>
    %r0 = seqc.einsum "k,kv->v"(%k0, %s1)
    %d0 = arith.subf %v0, %r0 : tensor<16xf32>
    %w0 = seqc.einsum ",k,v->kv"(%b0, %k0, %d0)
    %s2 = arith.addf %s1, %w0 : tensor<16x16xf32>
    %r1 = seqc.einsum "k,kv->v"(%k1, %s2)
    %d1 = arith.subf %v1, %r1 : tensor<16xf32>
    %w1 = seqc.einsum ",k,v->kv"(%b1, %k1, %d1)
    %s3 = arith.addf %s2, %w1 : tensor<16x16xf32>
    seqc.yield carry(%s3)
  }
  return %sT : tensor<16x16xf32>
}
