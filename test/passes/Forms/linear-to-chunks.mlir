// The chunked form: scores inside a chunk, the state from chunk to chunk.
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-linear-to-chunks=length=4 -canonicalize -cse | FileCheck %s
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -cse -seqc-linear-to-chunks="length=4 packed=masks" -canonicalize -cse | FileCheck %s --check-prefix=MASKS
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -cse -seqc-linear-to-chunks="length=16" -canonicalize -cse | FileCheck %s --check-prefix=AUTO

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

// A fixed gate has powers, which no token and no count changes; the last of them is
// that of the tokens that exist.
// CHECK-LABEL: @fixed_gate
// CHECK: ^bb0(%x0: tensor<4x8xf32>, %x1: tensor<4x4xf32>, %w0: f32, %w1: f32, %s0: tensor<8x4xf32>, %count: index):
// CHECK: arith.index_cast %count
// CHECK: %[[COARSE:.*]] = arith.divf
// CHECK: seqc.einsum "i,->i"(%cst{{.*}}, %[[COARSE]])
// CHECK: seqc.einsum ",->"({{.*}}, %[[COARSE]])
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
// One exponential a token; two sub-tiles of two tokens: their prefixes, queries decayed
// from where the second begins, keys decayed to there.
// CHECK: %[[LOG:.*]] = arith.minimumf %x{{.*}}, %{{.*}} : tensor<4x8xf32>
// CHECK: %[[DECAY:.*]] = math.exp %[[LOG]]
// CHECK-NOT: math.exp
// CHECK: tensor.expand_shape %[[DECAY]] {{.*}} into tensor<2x2x8xf32>
// CHECK: seqc.einsum "ik,kv->iv"
// CHECK: seqc.einsum "ik,jk->ij"
// Pairs inside a sub-tile, a diagonal at a time.
// CHECK: seqc.einsum "ik,ik->i"
// CHECK: seqc.einsum "i,ij->ij"
// CHECK: seqc.einsum "ij,jk->ik"
// CHECK: seqc.einsum "ij,ij->i"
// CHECK: seqc.einsum "i,ik,ik->ik"
// CHECK-NOT: math.exp
// CHECK: seqc.yield
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

// Segments that start from nothing, with chunks over the packed axis: flags at the first
// tokens part them.  They are known to be short, so that this is the choice, too.
// MASKS-LABEL: @short
// MASKS: %[[FLAGS:.*]] = seqc.recurrence seq({{.*}} : (t)) segments(%{{.*}} : (s)) first {
// MASKS: arith.extui %first : i1 to i8
// A chunk does not end where a segment does.
// MASKS: seqc.recurrence seq(%{{[^:]*}}, %[[FLAGS]]{{[^:]*}} : (t)) carry({{[^:]*}} : ()) chunk(4) {
// AUTO-LABEL: @short
// AUTO: seqc.recurrence {{.*}} segments(%{{.*}} : (s)) first {
// AUTO: seqc.recurrence {{.*}} chunk(16) {
func.func @short(%q: tensor<60x8xf32>, %k: tensor<60x8xf32>, %v: tensor<60x4xf32>, %cu: tensor<13xi32>) -> tensor<60x4xf32> {
  %s0 = arith.constant dense<0.0> : tensor<8x4xf32>
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) segments(%cu : (s)) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o : tensor<60x4xf32>
}

// States that enter and leave segments: they are added by recurrences of their own.
// MASKS-LABEL: @states
// MASKS: seqc.recurrence {{.*}} first {
// MASKS: chunk(4) {
// MASKS: seqc.recurrence {{.*}} carry(%{{.*}} : (s)) segments({{.*}}) chunk(4) {
// MASKS: arith.addf %x0, %x1 : tensor<4xf32>
// MASKS: seqc.recurrence {{.*}} carry(%{{.*}} : (s)) segments({{.*}}) chunk(4) {
// AUTO-LABEL: @states
// AUTO-NOT: first
// AUTO: seqc.recurrence {{.*}} segments({{.*}}) chunk(16) {
func.func @states(%q: tensor<60x8xf32>, %k: tensor<60x8xf32>, %v: tensor<60x4xf32>, %cu: tensor<13xi32>, %s0: tensor<12x8x4xf32>)
    -> (tensor<60x4xf32>, tensor<12x8x4xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%ot) carry(%n)
  }
  return %o, %sT : tensor<60x4xf32>, tensor<12x8x4xf32>
}

// A normaliser goes through the chunks of the state that it normalises, and shares its
// scores: one product of queries and keys.
// AUTO-LABEL: @normalised
// AUTO: seqc.recurrence {{.*}} carry(%{{.*}}, %{{.*}} : ()) chunk(16) {
// AUTO: seqc.einsum "ik,jk->ij"
// AUTO-NOT: seqc.einsum "ik,jk->ij"
// AUTO: seqc.einsum "ij,j->i"
// AUTO: seqc.yield out({{.*}}, {{.*}}) carry({{.*}}, {{.*}})
func.func @normalised(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<8x4xf32>, %n0: tensor<8xf32>)
    -> (tensor<?x4xf32>, tensor<8xf32>) {
  %o, %sT, %nT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0, %n0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %s: tensor<8x4xf32>, %n: tensor<8xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<8x4xf32>
    %nn = arith.addf %n, %kt : tensor<8xf32>
    %num = seqc.einsum "k,kv->v"(%qt, %next)
    %den = seqc.einsum "k,k->"(%qt, %nn)
    %all = tensor.splat %den : tensor<4xf32>
    %ot = arith.divf %num, %all : tensor<4xf32>
    seqc.yield out(%ot) carry(%next, %nn)
  }
  return %o, %nT : tensor<?x4xf32>, tensor<8xf32>
}

// A constant transition: the key's responses, by doubling; queries from the chunk's
// start by its powers; scores moved to where they belong; the state's power by the
// number of tokens.
// CHECK-LABEL: @dense
// CHECK: seqc.recurrence {{.*}} chunk(4) {
// CHECK: ^bb0({{.*}}, %w0: tensor<1x8x8xf32>, %w1: tensor<8xf32>, %s0: tensor<8x4xf32>, %count: index):
// CHECK: %[[A:.*]] = tensor.collapse_shape %w0
// CHECK: %[[A2:.*]] = seqc.einsum "ij,jk->ik"(%[[A]], %[[A]])
// CHECK: %[[A4:.*]] = seqc.einsum "ij,jk->ik"(%[[A2]], %[[A2]])
// CHECK: seqc.einsum "j,kj->k"(%w1, %[[A]])
// CHECK: tensor.collapse_shape {{.*}} : tensor<4x5xf32> into tensor<20xf32>
// CHECK: tensor.expand_shape {{.*}} : tensor<20xf32> into tensor<5x4xf32>
// CHECK: arith.cmpi sge, %{{.*}}, %c4_i32
// CHECK: %[[S:.*]] = seqc.einsum "ij,kj->ik"({{.*}}, %[[A4]])
// CHECK: arith.select {{.*}}, %[[S]]
func.func @dense(%u: tensor<?x4xf32>, %q: tensor<?x8xf32>, %A: tensor<8x8xf32>, %B: tensor<8xf32>, %s0: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %y, %sT = seqc.recurrence seq(%u, %q : (t)) weight(%A, %B : ()) carry(%s0 : ()) {
  ^step(%ut: tensor<4xf32>, %qt: tensor<8xf32>, %At: tensor<8x8xf32>, %Bt: tensor<8xf32>, %s: tensor<8x4xf32>):
    %kept = seqc.einsum "ij,jv->iv"(%At, %s)
    %in = seqc.einsum "i,v->iv"(%Bt, %ut)
    %n = arith.addf %kept, %in : tensor<8x4xf32>
    %o = seqc.einsum "i,iv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x4xf32>, tensor<8x4xf32>
}
