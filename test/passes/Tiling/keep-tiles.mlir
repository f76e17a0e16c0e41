// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles=remarks=1 --verify-diagnostics | FileCheck %s
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles=shared-bytes=166912 | FileCheck %s --check-prefix=SMALL
// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles=factors=bf16 | FileCheck %s --check-prefix=NARROW

// What has a kernel of tiles is kept, and rounds by itself.

// CHECK-LABEL: @kept
// CHECK: seqc.linear_recurrence {{.*}}seqc.tiles{{.*}} -> (tensor<?x32xbf16>, tensor<64x32xf32>)
// CHECK-NEXT: return
func.func @kept(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %s0: tensor<64x32xf32>) -> tensor<?x32xbf16> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) out((t) : bf16) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xbf16>
}

// Vectors that are all f32 are rounded only on request.

// NARROW-LABEL: @wide
// NARROW: seqc.linear_recurrence {{.*}}seqc.factors = bf16, seqc.tiles
// CHECK-LABEL: @wide
// CHECK-NOT: seqc.tiles
// CHECK: return
func.func @wide(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  // expected-remark@+1 {{has no kernel of tiles: its vectors are f32, which --factors=bf16 rounds and --factors=split splits}}
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<32xf32>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// One correction of low rank is kept, two are not.

// CHECK-LABEL: @delta
// CHECK: seqc.linear_recurrence {{.*}}pairs({{.*}}seqc.tiles
func.func @delta(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vb: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %vt = arith.extf %vb : tensor<32xbf16> to tensor<32xf32>
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %u = arith.subf %vt, %r : tensor<32xf32>
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %s, %ku : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// More values than 64 get teams of warps, where a block has room for their tiles.

// CHECK-LABEL: @teams
// CHECK: seqc.linear_recurrence {{.*}}seqc.teams, seqc.tiles
// SMALL-LABEL: @teams
// SMALL-NOT: seqc.teams
// SMALL: seqc.tiles
func.func @teams(%q: tensor<?x128xbf16>, %k: tensor<?x128xbf16>, %v: tensor<?x128xbf16>, %s0: tensor<128x128xf32>) -> tensor<?x128xbf16> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) out((t) : bf16) {
  ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vb: tensor<128xbf16>, %s: tensor<128x128xf32>):
    %vt = arith.extf %vb : tensor<128xbf16> to tensor<128xf32>
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %u = arith.subf %vt, %r : tensor<128xf32>
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %s, %ku : tensor<128x128xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x128xbf16>
}

// CHECK-LABEL: @twice
// CHECK-NOT: seqc.tiles
// CHECK: return
func.func @twice(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %l: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  // expected-remark@+1 {{has no kernel of tiles: it has 2 corrections, expected at most one}}
  %o, %sT = seqc.recurrence seq(%q, %k, %l, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %lt: tensor<64xbf16>, %vt: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %z = seqc.einsum "k,kv->v"(%lt, %s)
    %kr = seqc.einsum "k,v->kv"(%qt, %r)
    %lz = seqc.einsum "k,v->kv"(%kt, %z)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %a = arith.addf %s, %kr : tensor<64x32xf32>
    %b = arith.addf %a, %lz : tensor<64x32xf32>
    %next = arith.addf %b, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// CHECK-LABEL: @narrow
// CHECK-NOT: seqc.tiles
// CHECK: return
func.func @narrow(%q: tensor<?x16xbf16>, %k: tensor<?x16xbf16>, %v: tensor<?x32xbf16>, %s0: tensor<16x32xf32>) -> tensor<?x32xf32> {
  // expected-remark@+1 {{has no kernel of tiles: a correction of a state of 16 rows, expected at least 32}}
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<16xbf16>, %kt: tensor<16xbf16>, %vb: tensor<32xbf16>, %s: tensor<16x32xf32>):
    %vt = arith.extf %vb : tensor<32xbf16> to tensor<32xf32>
    %r = seqc.einsum "k,kv->v"(%kt, %s)
    %u = arith.subf %vt, %r : tensor<32xf32>
    %ku = seqc.einsum "k,v->kv"(%kt, %u)
    %next = arith.addf %s, %ku : tensor<16x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// f32 vectors beside bf16 ones are rounded anyway; f16 does not have their range.

// CHECK-LABEL: @beside
// CHECK: seqc.linear_recurrence
// CHECK-NOT: seqc.factors
// CHECK-SAME: seqc.tiles
func.func @beside(%q: tensor<?x64xbf16>, %k: tensor<?x64xf32>, %v: tensor<?x32xbf16>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xf32>, %vt: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}

// CHECK-LABEL: @half
// CHECK-NOT: seqc.tiles
// CHECK: return
func.func @half(%q: tensor<?x64xf16>, %k: tensor<?x64xf32>, %v: tensor<?x32xf16>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  // expected-remark@+1 {{has no kernel of tiles: keys are f32, beyond the range of f16 factors}}
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xf16>, %kt: tensor<64xf32>, %vt: tensor<32xf16>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}
