// RUN: seq-opt %s --seqc-parallel-to-runtime --verify-diagnostics

func.func @two(%m: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  // expected-error @+1 {{has 2 dimensions and 0 reductions, expected one dimension and no reduction}}
  scf.parallel (%i, %j) = (%c0, %c0) to (%n, %n) step (%c1, %c1) {
    memref.store %one, %m[%i, %j] : memref<?x?xf32>
  }
  return
}
