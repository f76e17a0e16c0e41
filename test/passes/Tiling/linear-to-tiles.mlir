// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles -seqc-entry-to-memrefs -seqc-linear-to-tiles | FileCheck %s
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles=factors=split -seqc-entry-to-memrefs -seqc-linear-to-tiles | FileCheck %s --check-prefix=SPLIT
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles -seqc-entry-to-memrefs -seqc-linear-to-tiles=machine=sm_90a | FileCheck %s --check-prefix=PARTS

// A scalar gate, 48 keys, 40 values in one slice, one block a sequence.

// On a machine that it does not fill the sequence is split: a first launch computes what
// parts make of the state, of keys, values and gates; the second starts with it.

// PARTS-LABEL: func.func @gated
// PARTS: arith.divui %c264
// PARTS: %[[PARTS:.*]] = arith.select {{.*}} %c1
// PARTS: %[[BEFORE:.*]] = arith.subi %[[PARTS]], %c1
// PARTS: %[[ADDED:.*]] = memref.alloc({{.*}}) : memref<?x48x40xf32>
// PARTS: %[[KEPT:.*]] = memref.alloc({{.*}}) : memref<?xf32>
// PARTS: gpu.launch
// PARTS: scf.for
// PARTS-COUNT-3: seqc_tile.copy_in
// PARTS-NOT: seqc_tile.copy_in
// PARTS: seqc_tile.mma {{.*}} : <64x64xbf16, lhs, 4>, <64x48xbf16>, <64x48xf32, acc, 4>
// PARTS: seqc_tile.write {{.*}} -> %[[ADDED]]
// PARTS: memref.store {{.*}}, %[[KEPT]]
// PARTS: gpu.launch
// PARTS: seqc_tile.read {{.*}} : memref<?x?x48x40xf32>
// PARTS: scf.for
// PARTS: memref.load %[[KEPT]]
// PARTS: seqc_tile.read %[[ADDED]]
// PARTS: scf.for
// PARTS: seqc_tile.copy_out
// PARTS: scf.if
// PARTS: seqc_tile.write
// PARTS: return

// CHECK-LABEL: func.func @gated
// CHECK: gpu.launch {{.*}} threads({{.*}}) in ({{.*}} = %c128
// CHECK-SAME: dynamic_shared_memory_size
// CHECK: seqc_tile.alloc : <2x64x48xbf16>
// CHECK: seqc_tile.read {{.*}} {transpose} : memref<?x?x48x40xf32> -> <64x48xf32, acc, 4>
// CHECK: scf.for
// CHECK: seqc_tile.wait 0
// CHECK: gpu.barrier
// CHECK-COUNT-4: seqc_tile.copy_in
// CHECK: seqc_tile.cumsum
// Pairs of tokens, then what they read, then the state.
// CHECK: seqc_tile.mma {{.*}} {transpose} : <64x48xbf16, lhs, 4>, <64x48xbf16>, <64x64xf32, acc, 4>
// CHECK: math.exp
// CHECK: seqc_tile.triangle
// CHECK: seqc_tile.convert {{.*}} <64x48xbf16, lhs, 4>
// CHECK: seqc_tile.mma {{.*}} {transpose} : <64x48xbf16, lhs, 4>, <64x48xbf16>, <64x64xf32, acc, 4>
// CHECK: seqc_tile.mma {{.*}} {transpose} : <64x64xbf16, lhs, 4>, <64x64xbf16>, <64x64xf32, acc, 4>
// CHECK: seqc_tile.mma {{.*}} : <64x64xbf16, lhs, 4>, <64x48xbf16>, <64x48xf32, acc, 4>
// CHECK: seqc_tile.copy_out {{.*}} : <64x64xbf16> -> memref<?x?x?x40xbf16>
// CHECK: seqc_tile.write
// CHECK-NOT: seqc.
// CHECK: return
func.func @gated(%q: tensor<?x?x?x48xbf16>, %k: tensor<?x?x?x48xbf16>, %v: tensor<?x?x?x40xbf16>,
                 %g: tensor<?x?x?xf32>, %s0: tensor<?x?x48x40xf32>)
    -> (tensor<?x?x?x40xbf16>, tensor<?x?x48x40xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) out((b, t, h) : bf16) {
  ^step(%qt: tensor<48xbf16>, %kt: tensor<48xbf16>, %vt: tensor<40xbf16>, %gt: f32, %s: tensor<48x40xf32>):
    %a = math.exp %gt : f32
    %kept = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<48x40xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x?x?x40xbf16>, tensor<?x?x48x40xf32>
}

// Without gates nothing is summed or raised; reads before the write leave the
// diagonal out; an initial state of zero is not read, a final one not written.

// CHECK-LABEL: func.func @plain
// CHECK: gpu.launch
// CHECK-NOT: seqc_tile.read
// CHECK-NOT: math.exp
// CHECK-NOT: seqc_tile.cumsum
// CHECK: seqc_tile.triangle %{{.*}} {strict}
// CHECK-NOT: seqc_tile.write
// CHECK: return
func.func @plain(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>) -> tensor<?x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<64x32xf32>
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%zero : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// A gate for each key: mild ones by one anchor, others by one for each 16 tokens, whose own
// pairs are halved four times if that is not enough.

// CHECK-LABEL: func.func @vector
// CHECK: %[[NEAR:.*]] = seqc_tile.bounded %{{.*}} row 63 limit 7.500000e+01 : <64x64xf32>
// CHECK: scf.if
// CHECK: seqc_tile.bounded %{{.*}} row 63 limit 7.500000e+01 {step = 16 : i64} : <64x64xf32>
// CHECK: seqc_tile.map
// CHECK: seqc_tile.mma {{.*}} {count = 16 : i64, transpose}
// CHECK: seqc_tile.mma {{.*}} {count = 16 : i64, first = 16 : i64, transpose}
// CHECK: seqc_tile.mma {{.*}} {count = 16 : i64, first = 32 : i64, transpose}
// CHECK: seqc_tile.mma {{.*}} {count = 16 : i64, first = 48 : i64, transpose}
// CHECK: scf.if
// CHECK-COUNT-4: seqc_tile.cross
// CHECK: } else {
// CHECK: gpu.barrier
// CHECK: scf.if %[[NEAR]]
// CHECK: seqc_tile.map
// CHECK: seqc_tile.triangle
// CHECK: }
func.func @vector(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %g: tensor<?x64xf32>,
                  %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<32xbf16>, %gt: tensor<64xf32>, %s: tensor<64x32xf32>):
    %a = math.exp %gt : tensor<64xf32>
    %kept = seqc.einsum "k,kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// The delta rule: tokens' readings of earlier ones are a triangular system, f32, whose
// diagonal is solved at once; each warp solves for its own values.  Keys read and are
// written, so that they arrive once.

// A corrected state is not split.

// PARTS-LABEL: func.func @delta
// PARTS: gpu.launch
// PARTS-NOT: gpu.launch
// PARTS: return

// CHECK-LABEL: func.func @delta
// CHECK: gpu.launch
// CHECK-COUNT-2: seqc_tile.alloc : <2x64x64xbf16, units>
// CHECK: seqc_tile.alloc : <64x64xf32>
// CHECK: scf.for
// CHECK: seqc_tile.mma
// CHECK: seqc_tile.triangle %{{.*}} {strict}
// CHECK: seqc_tile.store {{.*}} -> <64x64xf32>
// CHECK: seqc_tile.invert
// CHECK: seqc_tile.triangle %{{[0-9]*}} :
// CHECK: gpu.barrier
// CHECK: %[[U:.*]] = seqc_tile.substitute %{{.*}} : <64x64xf32, acc, 4>, <64x64xf32>
// CHECK-NOT: seqc.
// CHECK: return
func.func @delta(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %beta: tensor<?xf32>,
                 %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %beta : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vb: tensor<32xbf16>, %bt: f32, %s: tensor<64x32xf32>):
    %vt = arith.extf %vb : tensor<32xbf16> to tensor<32xf32>
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %d = arith.subf %vt, %r : tensor<32xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %s, %ku : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// The same with a gate for each key: single stages, so that two blocks have room.  Pairs of
// queries lie over the sums, results over the correction's system; keys that read and
// queries are scaled in their place, and the next tokens are asked for when all have been
// read.

// CHECK-LABEL: func.func @late
// CHECK: gpu.launch
// CHECK: %[[KEYS:.*]] = seqc_tile.alloc : <1x64x64xbf16, units>
// CHECK: %[[QUERIES:.*]] = seqc_tile.alloc : <1x64x64xbf16, units>
// CHECK: %[[SYSTEM:.*]] = seqc_tile.alloc : <64x64xf32>
// CHECK: %[[WRITTEN:.*]] = seqc_tile.alloc : <64x64xbf16, units>
// CHECK: %[[PAIRS:.*]] = seqc_tile.alloc over %{{.*}} : !seqc_tile.shared<1x64x64xf32> : <64x64xbf16, units>
// CHECK: %[[RESULTS:.*]] = seqc_tile.alloc over %[[SYSTEM]] : !seqc_tile.shared<64x64xf32> : <64x64xf32>
// CHECK: scf.for
// CHECK: %[[NEAR:.*]] = seqc_tile.bounded
// CHECK: scf.if %[[NEAR]]
// CHECK: seqc_tile.map {{.*}} -> %[[K:.*]], %[[Q:.*]], %[[WRITTEN]] blocks
// CHECK: seqc_tile.store {{.*}} -> %[[SYSTEM]]
// CHECK: seqc_tile.store {{.*}} -> %[[PAIRS]]
// CHECK: seqc_tile.mma %{{.*}}, %[[PAIRS]],
// CHECK: gpu.barrier
// CHECK-COUNT-5: seqc_tile.copy_in
// CHECK: seqc_tile.commit
// CHECK: seqc_tile.mma %{{.*}}, %[[WRITTEN]],
// CHECK: seqc_tile.store {{.*}} -> %[[RESULTS]] {transpose}
// CHECK: return
func.func @late(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %g: tensor<?x64xf32>, %beta: tensor<?xf32>,
                %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vb: tensor<32xbf16>, %gt: tensor<64xf32>, %bt: f32, %s: tensor<64x32xf32>):
    %vt = arith.extf %vb : tensor<32xbf16> to tensor<32xf32>
    %a = math.exp %gt : tensor<64xf32>
    %old = seqc.einsum "k,kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<32xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %old, %ku : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// With more than 64 values one block has them all, and four warps more: a team prepares the
// next chunk, pairs of tokens and the inverse of the system, in tf32, while the other uses
// this one's.  Keys are those of three chunks.

// CHECK-LABEL: func.func @teams
// CHECK: gpu.launch {{.*}} threads({{.*}}) in ({{.*}} = %c384
// CHECK-COUNT-2: seqc_tile.alloc : <3x64x64xbf16, units>
// CHECK: seqc_tile.alloc : <2x64x128xbf16, units>
// CHECK: seqc_tile.alloc : <2x64x64xbf16, units>
// CHECK: seqc_tile.alloc : <64x64xf32>
// CHECK: %[[RING:.*]] = seqc_tile.alloc : <2x64x64xf32, units>
// CHECK: seqc_tile.team of 4 from 0 registers 152 {
// CHECK: seqc_tile.wait 0
// CHECK: seqc_tile.meet
// CHECK: seqc_tile.substitute
// CHECK: seqc_tile.meet
// CHECK: scf.for
// CHECK: seqc_tile.copy_in {{.*}} -> <64x128xbf16, units>
// CHECK: seqc_tile.copy_in {{.*}} -> <64x64xbf16, units>
// CHECK: seqc_tile.mma
// CHECK: seqc_tile.invert
// CHECK: seqc_tile.mma
// CHECK: gpu.barrier
// CHECK: %[[UNIT:.*]] = seqc_tile.cross %{{.*}} {half = 0
// CHECK: %[[INVERSE:.*]] = seqc_tile.substitute %[[UNIT]]
// CHECK: %[[AT:.*]] = seqc_tile.stage %[[RING]]
// CHECK: seqc_tile.store %[[INVERSE]] -> %[[AT]] {transpose}
// CHECK: seqc_tile.wait 0
// CHECK: seqc_tile.meet
// CHECK: seqc_tile.team of 8 from 4 registers 176 {
// CHECK: seqc_tile.read
// CHECK: seqc_tile.meet
// CHECK: seqc_tile.meet
// CHECK: scf.for
// CHECK: seqc_tile.mma
// CHECK: seqc_tile.mma {{.*}} {lower, transpose} : <128x64xf32, lhs, 8>, <64x64xf32, units>, <128x64xf32, acc, 8>
// CHECK-COUNT-3: seqc_tile.mma
// CHECK: seqc_tile.copy_out
// CHECK: seqc_tile.meet
// CHECK-NOT: seqc_tile.mma
// CHECK: return
func.func @teams(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x96xbf16>, %g: tensor<?xf32>, %beta: tensor<?xf32>,
                 %s0: tensor<64x96xf32>) -> tensor<?x96xbf16> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t)) carry(%s0 : ()) out((t) : bf16) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vb: tensor<96xbf16>, %gt: f32, %bt: f32, %s: tensor<64x96xf32>):
    %vt = arith.extf %vb : tensor<96xbf16> to tensor<96xf32>
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<96xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %old, %ku : tensor<64x96xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x96xbf16>
}

// A correction with vectors of its own has two sums of outer products, and four kinds
// of pairs of tokens.

// CHECK-LABEL: func.func @apart
// CHECK: gpu.launch
// CHECK-COUNT-5: seqc_tile.alloc : <2x64x64xbf16, units>
// CHECK: scf.for
// CHECK-COUNT-4: seqc_tile.triangle
// CHECK: seqc_tile.mma
// CHECK: seqc_tile.mma
// CHECK: seqc_tile.substitute
// CHECK-COUNT-5: seqc_tile.mma
// CHECK-NOT: seqc_tile.mma
func.func @apart(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x64xbf16>, %x: tensor<?x64xbf16>,
                 %y: tensor<?x64xbf16>, %s0: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %x, %y : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<64xbf16>, %xt: tensor<64xbf16>,
        %yt: tensor<64xbf16>, %s: tensor<64x64xf32>):
    %r = seqc.einsum "k,kv->v"(%xt, %s)
    %yr = seqc.einsum "k,v->kv"(%yt, %r)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %sum = arith.addf %s, %yr : tensor<64x64xf32>
    %next = arith.addf %sum, %kv : tensor<64x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x64xf32>
}

// Of packed segments each is a sequence of its own: a block finds its tokens in the
// table.  f32 keys arrive in a tile of their own and are rounded from there, which makes
// room for the next chunk's; values that are one number arrive once.

// CHECK-LABEL: func.func @packed
// CHECK: %[[SEGMENTS:.*]] = arith.subi %{{.*}}, %c1
// CHECK: gpu.launch blocks
// CHECK: %[[BEGIN:.*]] = memref.load %[[CU:.*]][%[[S:.*]]] : memref<?xi32>
// CHECK: memref.load %[[CU]][%{{.*}}] : memref<?xi32>
// CHECK: arith.maxsi
// CHECK: %[[KEYS:.*]] = seqc_tile.alloc : <64x64xbf16>
// CHECK: %[[QUERIES:.*]] = seqc_tile.alloc : <2x64x64xbf16>
// CHECK: %[[ONES:.*]] = seqc_tile.alloc : <64x32xbf16>
// CHECK: %[[WIDE:.*]] = seqc_tile.alloc : <64x64xf32>
// CHECK: seqc_tile.map  -> %[[ONES]]
// CHECK: seqc_tile.read
// CHECK: scf.for
// CHECK: seqc_tile.wait 0
// CHECK: gpu.barrier
// CHECK: seqc_tile.map %[[WIDE]] -> %[[KEYS]]
// CHECK: arith.truncf
// CHECK: gpu.barrier
// CHECK-COUNT-2: seqc_tile.copy_in
// CHECK-NOT: seqc_tile.copy_in
// CHECK: seqc_tile.copy_out
// CHECK: seqc_tile.write
func.func @packed(%q: tensor<?x64xbf16>, %k: tensor<?x64xf32>, %cu: tensor<?xi32>, %s0: tensor<?x64x1xf32>)
    -> (tensor<?x1xf32>, tensor<?x64x1xf32>) {
  %one = arith.constant dense<1.0> : tensor<1xf32>
  %o, %sT = seqc.recurrence seq(%q, %k : (t)) weight(%one : ()) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xf32>, %vt: tensor<1xf32>, %s: tensor<64x1xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x1xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %sT : tensor<?x1xf32>, tensor<?x64x1xf32>
}

// A gate for each value: pairs of tokens are without gates, values and results have the
// exponentials; where gates are strong, by halving.

// CHECK-LABEL: func.func @columns
// CHECK: %[[NEAR:.*]] = seqc_tile.bounded
// CHECK-NOT: math.exp
// CHECK: seqc_tile.triangle
// CHECK: scf.if %[[NEAR]]
// CHECK-COUNT-2: seqc_tile.map
// CHECK: seqc_tile.mma
// CHECK: } else {
// CHECK-COUNT-7: seqc_tile.cross
// CHECK: }
// CHECK: seqc_tile.mma
func.func @columns(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %g: tensor<?x32xf32>,
                   %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<32xbf16>, %gt: tensor<32xf32>, %s: tensor<64x32xf32>):
    %a = math.exp %gt : tensor<32xf32>
    %kept = seqc.einsum "kv,v->kv"(%s, %a)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %kept, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// Split factors: keys, queries, values and pairs have a second tile with what rounding
// leaves over; each of the four products is three, the small ones first.

// SPLIT-LABEL: func.func @wide
// SPLIT: %[[KEYS:.*]] = seqc_tile.alloc : <64x64xbf16>
// SPLIT: seqc_tile.map %{{.*}} -> %[[KEYS]], %[[REST:.*]] blocks
// SPLIT: arith.subf
// SPLIT: seqc_tile.mma %{{.*}}, %[[REST]],
// SPLIT: seqc_tile.mma %{{.*}}, %[[KEYS]],
// SPLIT: seqc_tile.mma %{{.*}}, %[[KEYS]],
// SPLIT-COUNT-9: seqc_tile.mma
// SPLIT-NOT: seqc_tile.mma
// SPLIT: return
func.func @wide(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<32xf32>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// Keys and values of a dispatch that only the recurrence takes are read where they are, by
// slots of two picks; queries, which are a result, too, as they were packed.

// CHECK-LABEL: func.func @routed
// CHECK: %{{.*}}, %[[SLOTS:.*]], %{{.*}}, %{{.*}} = seqc.dispatch
// CHECK: %[[TABLE:.*]] = bufferization.to_buffer %{{.*}} read_only : tensor<?xi32> to memref<?xi32>
// CHECK: %[[TOKENS:.*]] = memref.collapse_shape {{.*}} : memref<2x?x64xbf16> into memref<?x64xbf16>
// CHECK: gpu.launch
// CHECK: seqc_tile.copy_in %[[TOKENS]][%c0{{.*}} by %[[TABLE]][{{.*}} share = 2 : i64}
// CHECK: seqc_tile.copy_in {{.*}} {col_dim = 1 : i64, row_dim = 0 : i64} : memref<?x64xbf16> -> <64x64xbf16>
// CHECK: seqc_tile.copy_in {{.*}} by {{.*}} -> <64x32xbf16>
func.func @routed(%q: tensor<2x?x64xbf16>, %k: tensor<2x?x64xbf16>, %v: tensor<2x?x32xbf16>, %i: tensor<2x?x2xi32>)
    -> (tensor<?x32xf32>, tensor<?x64xbf16>) {
  %pq, %pk, %pv, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%q, %k, %v)
  %s0 = arith.constant dense<0.0> : tensor<64x32xf32>
  %o, %sT = seqc.recurrence seq(%pq, %pk, %pv : (t)) carry(%s0 : ()) segments(%cu : (s)) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %pq : tensor<?x32xf32>, tensor<?x64xbf16>
}
