// RUN: seq-opt %s --seqc-approximate-math | FileCheck %s

// CHECK-LABEL: func.func @f32
// CHECK-NOT: math.exp
// CHECK-NOT: math.tanh
// CHECK-NOT: math.log
// CHECK: math.fma {{.*}} : vector<16xf32>
func.func @f32(%x: vector<16xf32>, %s: f32) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, f32) {
  %e = math.exp %x : vector<16xf32>
  %t = math.tanh %x : vector<16xf32>
  %l = math.log1p %x : vector<16xf32>
  %se = math.exp %s : f32
  return %e, %t, %l, %se : vector<16xf32>, vector<16xf32>, vector<16xf32>, f32
}

// Double precision is left for the library.
// CHECK-LABEL: func.func @f64
// CHECK: math.exp %{{.*}} : f64
func.func @f64(%x: f64) -> f64 {
  %e = math.exp %x : f64
  return %e : f64
}

// A logarithm of what is known to be positive and normal has no special cases.
// CHECK-LABEL: func.func @bounded
// CHECK-NOT: math.log
// CHECK-NOT: arith.select
// CHECK: return
func.func @bounded(%x: vector<16xf32>) -> vector<16xf32> {
  %l = math.log %x {seqc.bounded} : vector<16xf32>
  return %l : vector<16xf32>
}
