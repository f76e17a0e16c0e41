// RUN: seq-opt %s --seqc-functions-to-nvvm | FileCheck %s

// CHECK-LABEL: func.func @exp
// CHECK: %[[SCALED:.*]] = arith.mulf %arg0, %{{.*}}
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"(%[[SCALED]])
func.func @exp(%x: f32) -> f32 {
  %y = math.exp %x : f32
  return %y : f32
}

// Near 0 a series, whose error is relative; elsewhere the unit.
// CHECK-LABEL: func.func @log1p
// CHECK: %[[SUM:.*]] = arith.addf %arg0
// CHECK: llvm.call_intrinsic "llvm.nvvm.div.full"
// CHECK-COUNT-7: math.fma
// CHECK: llvm.call_intrinsic "llvm.nvvm.lg2.approx.f"(%[[SUM]])
// CHECK: arith.select
func.func @log1p(%x: f32) -> f32 {
  %y = math.log1p %x : f32
  return %y : f32
}

// What is known to be at most 1 takes neither a logarithm nor a quotient.
// CHECK-LABEL: func.func @softplus
// CHECK: %[[E:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
// CHECK-COUNT-8: math.fma {{.*}}, %[[E]], %
// CHECK: arith.mulf {{.*}}, %[[E]]
// CHECK-NOT: call_intrinsic
func.func @softplus(%x: f32) -> f32 {
  %a = math.absf %x : f32
  %n = arith.negf %a : f32
  %e = math.exp %n : f32
  %y = math.log1p %e : f32
  return %y : f32
}

// CHECK-LABEL: func.func @log(
// CHECK: llvm.call_intrinsic "llvm.nvvm.lg2.approx.f"(%arg0)
func.func @log(%x: f32) -> f32 {
  %y = math.log %x : f32
  return %y : f32
}

// CHECK-LABEL: func.func @divide
// CHECK: llvm.call_intrinsic "llvm.nvvm.div.full"(%arg0, %arg1)
func.func @divide(%x: f32, %y: f32) -> f32 {
  %z = arith.divf %x, %y : f32
  return %z : f32
}

// A divisor of at least 1 needs no scaling.
// CHECK-LABEL: func.func @logistic
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: %[[INVERSE:.*]] = llvm.call_intrinsic "llvm.nvvm.rcp.approx.ftz.f"(%[[SUM]])
// CHECK: arith.mulf %arg1, %[[INVERSE]]
func.func @logistic(%x: f32, %y: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %e = math.exp %x : f32
  %sum = arith.addf %e, %one : f32
  %z = arith.divf %y, %sum : f32
  return %z : f32
}

// Near 0 a series; elsewhere one power of e and one inverse.
// CHECK-LABEL: func.func @tanh
// CHECK: %[[SIZE:.*]] = math.absf %arg0
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
// CHECK: llvm.call_intrinsic "llvm.nvvm.rcp.approx.ftz.f"
// CHECK: math.copysign %{{.*}}, %arg0
// CHECK-COUNT-4: math.fma
// CHECK: arith.cmpf olt, %[[SIZE]]
// CHECK: arith.select
func.func @tanh(%x: f32) -> f32 {
  %y = math.tanh %x : f32
  return %y : f32
}

// f64 and vectors are left alone.
// CHECK-LABEL: func.func @others
// CHECK: math.exp %{{.*}} : f64
// CHECK: arith.divf %{{.*}} : vector<4xf32>
func.func @others(%x: f64, %v: vector<4xf32>) -> (f64, vector<4xf32>) {
  %y = math.exp %x : f64
  %w = arith.divf %v, %v : vector<4xf32>
  return %y, %w : f64, vector<4xf32>
}
