// RUN: seq-opt %s -seqc-recurrence-to-linear -canonicalize -seqc-keep-tiles=remarks=1 --verify-diagnostics | FileCheck %s

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

// CHECK-LABEL: @wide
// CHECK-NOT: seqc.tiles
// CHECK: return
func.func @wide(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>, %s0: tensor<64x32xf32>) -> tensor<?x32xf32> {
  // expected-remark@+1 {{has no kernel of tiles: keys are neither bf16 nor f16}}
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<32xf32>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x32xf32>
}
