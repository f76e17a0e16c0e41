// The chunked form: scores inside a chunk, the state from chunk to chunk.
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-linear-to-chunks=length=4 -canonicalize -cse | FileCheck %s

// A scalar gate: one matrix product of queries and keys, times decays.
// CHECK-LABEL: @scalar_gate
// CHECK: seqc.recurrence {{.*}} chunk(4) {
// CHECK: ^bb0(%x0: tensor<4xf32>, %x1: tensor<4x8xf32>, %x2: tensor<4x4xf32>, %x3: tensor<4x8xf32>, %s0: tensor<8x4xf32>, %count: index):
// CHECK: arith.maximumf %x0
// CHECK: math.roundeven
// CHECK: seqc.einsum "ik,kv->iv"({{.*}}, %s0)
// CHECK: seqc.einsum "ik,jk->ij"(%x3, %x1)
// CHECK: arith.minimumf
// CHECK: math.exp
// CHECK: seqc.einsum "ij,jk->ik"({{.*}}, %x2)
// CHECK: seqc.einsum "ik,iv->kv"
// CHECK: seqc.yield out({{.*}}) carry
func.func @scalar_gate(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"}, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}

// A fixed gate is masked where a chunk has fewer tokens.
// CHECK-LABEL: @fixed_gate
// CHECK: arith.index_cast %count
// CHECK: arith.cmpf olt
// The delta rule inverts a unit triangle.
// CHECK: seqc.einsum "ik,jk->ij"(%[[K:.*]], %[[K]])
// CHECK: seqc.einsum "ij,jv->iv"
func.func @fixed_gate(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: f32 {seqc.range = "<= 0"}, %s0: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %sT = seqc.recurrence seq(%k, %v : (t)) weight(%g : ()) carry(%s0 : ()) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<4xf32>
    %u = seqc.einsum "k,v->kv"(%kt, %d)
    %n = arith.addf %old, %u : tensor<8x4xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<8x4xf32>
}

// Gates along both dimensions: those of the keys inside the scores, those of the
// values on the way out.
// CHECK-LABEL: @both
// CHECK: seqc.einsum "ik,jk,ijk->ij"
// CHECK: seqc.einsum "ij,ijk,jk->ik"
func.func @both(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %g: tensor<?x8xf32> {seqc.range = "<= 0"},
                %a: tensor<?x4xf32> {seqc.range = "0 .. 1"}, %s0: tensor<8x4xf32>) -> tensor<?x4xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %a : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: tensor<8xf32>, %at: tensor<4xf32>, %s: tensor<8x4xf32>):
    %e = math.exp %gt : tensor<8xf32>
    %kept = seqc.einsum "k,v,kv->kv"(%e, %at, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o : tensor<?x4xf32>
}
