// Parsing and printing: what is printed parses again to the same.
// RUN: seq-opt %s | seq-opt | FileCheck %s
// RUN: seq-opt %s --mlir-print-op-generic | seq-opt | FileCheck %s

// CHECK-LABEL: func.func @every_clause
func.func @every_clause(%q: tensor<2x?x3x8xbf16>, %v: tensor<2x?x6x4xbf16>, %A: tensor<6xf32>, %R: tensor<8x8xf32>,
                        %s0: tensor<2x6x8x4xf32>, %z: tensor<8x4xf32>, %f: tensor<2x?xi8>) {
  // CHECK: %{{.*}}:3 = seqc.recurrence seq(%{{.*}} : (b, t, h floordiv 2), %{{.*}} : (b, t, h)) weight(%{{.*}} : (h), %{{.*}} : ()) carry(%{{.*}} : (b, h)) restart(%{{.*}} : ()) resets(%{{.*}} : (b, t)) out((t, b, h) : bf16, (b, t, h)) snapshot(0 every 16) position first reverse {
  // CHECK-NEXT: ^bb0(%{{.*}}: tensor<8xf32>, %{{.*}}: tensor<4xbf16>, %{{.*}}: f32, %{{.*}}: tensor<8x8xf32>, %{{.*}}: tensor<8x4xf32>, %{{.*}}: tensor<8x4xf32>, %{{.*}}: index, %{{.*}}: i1):
  // CHECK: seqc.einsum "k,v->kv"(%{{.*}}, %{{.*}})
  // CHECK: seqc.reduce add %{{.*}} over 0
  // CHECK: seqc.yield out(%{{.*}}, %{{.*}}) carry(%{{.*}})
  %o, %n, %sT = seqc.recurrence seq(%q : (b, t, h floordiv 2), %v : (b, t, h)) weight(%A : (h), %R : ())
      carry(%s0 : (b, h)) restart(%z : ()) resets(%f : (b, t)) out((t, b, h) : bf16, (b, t, h))
      snapshot(0 every 16) position first reverse {
  ^step(%qt: tensor<8xf32>, %vt: tensor<4xbf16>, %a: f32, %r: tensor<8x8xf32>, %s: tensor<8x4xf32>,
        %old: tensor<8x4xf32>, %t: index, %isfirst: i1):
    %kv = seqc.einsum "k,v->kv"(%qt, %vt)
    %sum = seqc.reduce add %kv over 0
    seqc.yield out(%sum, %t) carry(%kv)
  }
  return
}

// CHECK-LABEL: func.func @segments
func.func @segments(%x: tensor<?x?xf32>, %h0: tensor<?x?xf32>, %cu: tensor<?xi64>) {
  // CHECK: seqc.recurrence seq(%{{.*}} : (t, d)) carry(%{{.*}} : (s, d)) segments(%{{.*}} : (s)) {
  %y, %hT = seqc.recurrence seq(%x : (t, d)) carry(%h0 : (s, d)) segments(%cu : (s)) {
  ^step(%xt: f32, %h: f32):
    %n = arith.addf %xt, %h : f32
    seqc.yield out(%n) carry(%n)
  }
  return
}

// CHECK-LABEL: func.func @scan
func.func @scan(%x: tensor<?x?xf32>, %x0: tensor<?xf32>) -> (tensor<?x?xbf16>, tensor<?xf32>) {
  %zero = arith.constant 0.0 : f32
  // CHECK: %[[R:.*]]:2 = seqc.scan seq(%{{.*}} : (b, t)) identity(%{{.*}}) initial(%{{.*}} : (b)) out((b, t) : bf16) exclusive reverse final {
  %y, %total = seqc.scan seq(%x : (b, t)) identity(%zero) initial(%x0 : (b)) out((b, t) : bf16) exclusive reverse final {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  // CHECK: return %[[R]]#0, %[[R]]#1 : tensor<?x?xbf16>, tensor<?xf32>
  return %y, %total : tensor<?x?xbf16>, tensor<?xf32>
}

// Sizes of results come from the operands: static where any operand is.
// CHECK-LABEL: func.func @static_sizes
// CHECK-SAME: -> (tensor<2x?x4xf32>, tensor<2x4xf32>)
func.func @static_sizes(%x: tensor<2x?x?xf32>, %s0: tensor<?x4xf32>) -> (tensor<2x?x4xf32>, tensor<2x4xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (b, t, d)) carry(%s0 : (b, d)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %s, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<2x?x4xf32>, tensor<2x4xf32>
}

// A step on four tokens at a time; its last argument counts those that exist.
// CHECK-LABEL: @chunk
// CHECK: seqc.recurrence seq(%arg0 : (t)) carry(%arg1 : ()) chunk(4) {
// CHECK-NEXT: ^bb0(%x0: tensor<4x3xf32>, %s0: tensor<3xf32>, %count: index):
func.func @chunk(%x: tensor<?x3xf32>, %s0: tensor<3xf32>) -> (tensor<?x3xf32>, tensor<3xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) chunk(4) {
  ^step(%xt: tensor<4x3xf32>, %s: tensor<3xf32>, %n: index):
    %sum = seqc.reduce add %xt over 0
    %next = arith.addf %s, %sum : tensor<3xf32>
    seqc.yield out(%xt) carry(%next)
  }
  return %y, %sT : tensor<?x3xf32>, tensor<3xf32>
}
