// Sequences that share weights take each step together, eight a task, where a call has
// enough of them; the last group repeats its last sequence.
//
// RUN: seqc run %s --entry=many --check --cores=2 --bind=b=11,t=7 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=many --check --cores=2 --bind=b=8,t=5 --features=-avx512f | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=heads --check --cores=1 --bind=b=9,t=5,h=2 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=memory --check --cores=1 --bind=b=13,t=9 | FileCheck %s --check-prefix=OK
// OK: y {{.*}} ok
// OK: sT {{.*}} ok

// RUN: seqc compile %s --entry=many --no-step --cores=2 --emit=mlir --stop-after=tiled | FileCheck %s
// CHECK-LABEL: func.func @many
// CHECK: scf.if
// CHECK: scf.parallel
// Panels of the weights, before the first token.
// CHECK-DAG: memref.alloc() {{.*}} : memref<2x{{[0-9]+}}x40x{{[0-9]+}}xf32>
// CHECK-DAG: memref.alloca() {{.*}} : memref<8x40xf32>
// CHECK: vector.transpose
// A tile's rows are sequences.
// CHECK: math.fma
// CHECK: } else {
// CHECK: scf.parallel
// CHECK-NOT: memref<8x40xf32>
// CHECK: return

// Most of what a step may say, with values that are the same for all sequences.
func.func @many(%x: tensor<?x?x2x40xf32>, %u: tensor<?x?xf32>, %p: tensor<?x40xbf16>,
                %R: tensor<2x40x40xf32> {seqc.draw = "normal(0.1)"}, %W: tensor<40x40xf32> {seqc.draw = "normal(0.1)"},
                %c: tensor<40xf32>, %f: tensor<?x?xi8> {seqc.draw = "flags(0.2)"}, %z0: tensor<40xf32>,
                %s0: tensor<?x40xf32>, %n0: tensor<f32>)
    -> (tensor<?x?x40xf32> {seqc.name = "y"}, tensor<?x?xf32>, tensor<?x40xf32> {seqc.name = "sT"}, tensor<?xf32>) {
  %half = arith.constant dense<0.5> : tensor<40xf32>
  %zero = arith.constant 0.0 : f32
  %first = arith.constant 0 : index
  %y, %m, %sT, %nT = seqc.recurrence seq(%x : (b, t), %u : (t, b), %p : (t)) weight(%R, %W, %c : ())
      carry(%s0 : (b), %n0 : ()) restart(%z0, %n0 : ()) resets(%f : (b, t)) {
  ^step(%xt: tensor<2x40xf32>, %ut: f32, %pt: tensor<40xbf16>, %r: tensor<2x40x40xf32>, %w: tensor<40x40xf32>,
        %ct: tensor<40xf32>, %s: tensor<40xf32>, %n: f32):
    %rs = seqc.einsum "gde,e->gd"(%r, %s)
    %ws = seqc.einsum "e,ed->d"(%s, %w)
    %g = arith.addf %xt, %rs : tensor<2x40xf32>
    %ga = tensor.extract_slice %g[0, 0] [1, 40] [1, 1] : tensor<2x40xf32> to tensor<40xf32>
    %gb = tensor.extract_slice %g[1, 0] [1, 40] [1, 1] : tensor<2x40xf32> to tensor<40xf32>
    %a = math.tanh %ga : tensor<40xf32>
    %b = arith.addf %gb, %ct : tensor<40xf32>
    %us = tensor.splat %ut : tensor<40xf32>
    %bu = arith.mulf %b, %us : tensor<40xf32>
    %pe = arith.extf %pt : tensor<40xbf16> to tensor<40xf32>
    %low = arith.cmpf olt, %a, %pe : tensor<40xf32>
    %mix = arith.select %low, %half, %bu : tensor<40xi1>, tensor<40xf32>
    %k = math.tanh %ws : tensor<40xf32>
    %sum = arith.addf %mix, %k : tensor<40xf32>
    %next = math.tanh %sum : tensor<40xf32>
    %most = seqc.reduce max %next over 0
    %here = tensor.extract %next[%first] : tensor<40xf32>
    %both = tensor.from_elements %most, %here : tensor<2xf32>
    %total = seqc.reduce add %both over 0
    %kept = arith.maximumf %n, %total : f32
    %positive = arith.maximumf %kept, %zero : f32
    seqc.yield out(%next, %total) carry(%next, %positive)
  }
  return %y, %m, %sT, %nT : tensor<?x?x40xf32>, tensor<?x?xf32>, tensor<?x40xf32>, tensor<?xf32>
}

// Weights per head: sequences of one head step together.  Large ones are packed, though
// their columns are contiguous.
func.func @heads(%x: tensor<?x?x?x96xf32>, %R: tensor<?x96x96xf32> {seqc.draw = "normal(0.1)"}, %s0: tensor<?x?x96xf32>)
    -> (tensor<?x?x?x96xf32> {seqc.name = "y"}, tensor<?x?x96xf32> {seqc.name = "sT"}) {
  %y, %sT = seqc.recurrence seq(%x : (b, t, h)) weight(%R : (h)) carry(%s0 : (b, h)) reverse {
  ^step(%xt: tensor<96xf32>, %r: tensor<96x96xf32>, %s: tensor<96xf32>):
    %rs = seqc.einsum "e,ed->d"(%s, %r)
    %g = arith.addf %xt, %rs : tensor<96xf32>
    %next = math.tanh %g : tensor<96xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %y, %sT : tensor<?x?x?x96xf32>, tensor<?x?x96xf32>
}

// A step that is linear, with a scalar a token.
func.func @memory(%u: tensor<?x?xf32>, %A: tensor<40x40xf32> {seqc.draw = "normal(0.1)"}, %B: tensor<40xf32>,
                  %s0: tensor<?x40xf32>) -> (tensor<?x?x40xf32> {seqc.name = "y"}, tensor<?x40xf32> {seqc.name = "sT"}) {
  %y, %sT = seqc.recurrence seq(%u : (b, t)) weight(%A, %B : ()) carry(%s0 : (b)) {
  ^step(%ut: f32, %At: tensor<40x40xf32>, %Bt: tensor<40xf32>, %s: tensor<40xf32>):
    %kept = seqc.einsum "ij,j->i"(%At, %s)
    %in = seqc.einsum "i,->i"(%Bt, %ut)
    %next = arith.addf %kept, %in : tensor<40xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %y, %sT : tensor<?x?x40xf32>, tensor<?x40xf32>
}
