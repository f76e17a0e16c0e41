// Routing operations print as they are read, and routes that lead nowhere else fold.
// RUN: seq-opt %s | seq-opt | FileCheck %s
// RUN: seq-opt %s --canonicalize | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: @text
// CHECK: seqc.topk 2 of %{{.*}} softmax(before) normalize
// CHECK: seqc.dispatch %{{.*}} experts(8) tokens(%{{.*}}, %{{.*}}) capacity(4)
// CHECK: seqc.combine %{{.*}} by %{{.*}} weights(%{{.*}}) mean
func.func @text(%s: tensor<?x?x8xf32>, %x: tensor<?x?x4xf32>, %y: tensor<?x?xf32>) -> tensor<?x?x4xf32> {
  %w, %i = seqc.topk 2 of %s softmax(before) normalize
  %p, %r, %perm, %inv, %cu = seqc.dispatch %i experts(8) tokens(%x, %y) capacity(4)
  %z = seqc.combine %p by %inv weights(%w) mean
  return %z : tensor<?x?x4xf32>
}

// CHECK-LABEL: @attention
// CHECK: seqc.block_attention q(%{{.*}}) k(%{{.*}}) v(%{{.*}}) blocks(%{{.*}}) block(16) window(5) group(2) scale(2.5{{.*}}) causal
// CHECK: seqc.block_attention q(%{{.*}}) k(%{{.*}}) v(%{{.*}}){{$}}
// CHECK: seqc.merge (%{{.*}}, %{{.*}}), (%{{.*}}, %{{.*}})
func.func @attention(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %i: tensor<?x?x1x3xi32>) -> tensor<?x?x4x8xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) blocks(%i) block(16) window(5) group(2) scale(2.5) causal
  %p, %m = seqc.block_attention q(%q) k(%k) v(%k)
  %r, %n = seqc.merge (%o, %l), (%p, %m)
  return %r : tensor<?x?x4x8xf32>
}

// CHECK-LABEL: @scores
// CHECK: seqc.block_attention q(%{{.*}}) k(%{{.*}}) v(%{{.*}}) relative(%{{.*}}) at(%{{.*}}) window(5) causal {
// CHECK-NEXT: ^{{.*}}(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
// CHECK-NEXT: math.tanh %[[S]]
// CHECK-NEXT: seqc.yield out(
func.func @scores(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %e: tensor<9x1x8xf32>, %p: tensor<?xi64>) -> tensor<?x?x4x8xf32> {
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k) relative(%e) at(%p) window(5) causal {
  ^score(%s: f32, %i: index, %j: index, %h: index):
    %r = math.tanh %s : f32
    seqc.yield out(%r)
  }
  return %o : tensor<?x?x4x8xf32>
}

// CHECK-LABEL: @assign
// CHECK: seqc.assign %{{.*}} to %{{.*}} cosine{{$}}
// CHECK: seqc.assign %{{.*}} to %{{.*}} members(3)
func.func @assign(%x: tensor<?x?x2x8xf16>, %mu: tensor<2x5x8xf32>) -> (tensor<?x?x2xi32>, tensor<?x2x5x3xi32>, tensor<?x?x2x5xi32>) {
  %s, %i = seqc.assign %x to %mu cosine
  %t, %rows, %inv = seqc.assign %x to %mu members(3)
  return %i, %rows, %inv : tensor<?x?x2xi32>, tensor<?x2x5x3xi32>, tensor<?x?x2x5xi32>
}

// FOLD-LABEL: @there_and_back
// FOLD-SAME: %[[X:.*]]: tensor<?x4xf32>
// FOLD-NEXT: return %[[X]]
func.func @there_and_back(%x: tensor<?x4xf32>, %i: tensor<?x1xi32>) -> tensor<?x4xf32> {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x)
  %y = seqc.combine %p by %inv
  return %y : tensor<?x4xf32>
}

// A capacity drops tokens, and two picks add up: sums over the slots that are kept weigh
// tokens, and no rows are made.
// FOLD-LABEL: @weighted
// FOLD-SAME: %[[X:.*]]: tensor<?x4xbf16>, %{{.*}}: tensor<?x2xi32>, %[[W:.*]]: tensor<?x2xf32>
// FOLD: %{{.*}}, %[[INV:.*]], %{{.*}} = seqc.dispatch %{{[^ ]*}} experts(3) capacity(2)
// FOLD: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[INV]], %[[W]] :
// FOLD: arith.cmpi sge
// FOLD: %[[COUNT:.*]] = linalg.generic {{.*}} ins(%[[INV]] :
// FOLD: linalg.generic {{.*}} ins(%[[X]], %[[SUM]], %[[COUNT]] :
// FOLD: arith.divf
// FOLD: arith.truncf
// FOLD-NOT: seqc.combine
// FOLD: return
func.func @weighted(%x: tensor<?x4xbf16>, %j: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x4xbf16> {
  %q, %perm, %inv, %cu = seqc.dispatch %j experts(3) tokens(%x) capacity(2)
  %z = seqc.combine %q by %inv weights(%w) mean
  return %z : tensor<?x4xbf16>
}

// Another route, or rows that something else reads.
// FOLD-LABEL: @not_there
// FOLD: seqc.dispatch %{{.*}} tokens(
// FOLD: seqc.combine
// FOLD: seqc.dispatch %{{.*}} tokens(
// FOLD: seqc.combine
func.func @not_there(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>, %j: tensor<?x2xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x)
  %y = seqc.combine %p by %j
  %q, %perm2, %inv2, %cu2 = seqc.dispatch %j experts(3) tokens(%x)
  %z = seqc.combine %q by %inv2
  return %y, %z, %q : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// Rows that nothing reads are not made.
// FOLD-LABEL: @unread
// FOLD-SAME: %{{.*}}: tensor<?x4xf32>, %[[Y:.*]]: tensor<?xf32>
// FOLD: seqc.dispatch %{{.*}} experts(3) tokens(%[[Y]])
func.func @unread(%x: tensor<?x4xf32>, %y: tensor<?xf32>, %i: tensor<?x2xi32>) -> (tensor<?xf32>, tensor<4xi32>) {
  %p, %r, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x, %y)
  return %r, %cu : tensor<?xf32>, tensor<4xi32>
}

// FOLD-LABEL: @one_expert
// FOLD-NOT: seqc.dispatch
// FOLD: tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>
func.func @one_expert(%x: tensor<2x3x4xf32>) -> tensor<6x4xf32> {
  %i = arith.constant dense<1> : tensor<2x3x1xi32>
  %p, %perm, %inv, %cu = seqc.dispatch %i experts(3) tokens(%x)
  return %p : tensor<6x4xf32>
}
