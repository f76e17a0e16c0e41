// RUN: seq-opt %s -seqc-select-tiles | FileCheck %s

// The mark of each recurrence with a state; the program is not changed otherwise.

// CHECK-LABEL: @both
// CHECK: seqc.recurrence seq(%{{.*}}, %{{.*}}, %{{.*}} : (t)) carry{{.*}}seqc.form = "chunked"
// CHECK: seqc.recurrence seq(%{{.*}} : (t)) carry{{.*}}seqc.form = "sequential"
// CHECK-NOT: seqc.linear_recurrence
func.func @both(%q: tensor<?x64xbf16>, %k: tensor<?x64xbf16>, %v: tensor<?x32xbf16>, %s0: tensor<64x32xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %o, %sT = seqc.recurrence seq(%q, %k, %v : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<64xbf16>, %kt: tensor<64xbf16>, %vt: tensor<32xbf16>, %s: tensor<64x32xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %s, %kv : tensor<64x32xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot) carry(%next)
  }
  %zero = arith.constant dense<0.0> : tensor<32xf32>
  %p, %zT = seqc.recurrence seq(%v : (t)) carry(%zero : ()) {
  ^step(%vt: tensor<32xbf16>, %z: tensor<32xf32>):
    %wide = arith.extf %vt : tensor<32xbf16> to tensor<32xf32>
    %sum = arith.addf %z, %wide : tensor<32xf32>
    %next = math.tanh %sum : tensor<32xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %o, %p : tensor<?x32xf32>, tensor<?x32xf32>
}
