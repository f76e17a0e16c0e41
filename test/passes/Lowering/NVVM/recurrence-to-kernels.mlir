// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-kernels | FileCheck %s
// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-kernels=shared-bytes=64 | FileCheck %s --check-prefix=SMALL

// A state that stays as it is: 128 blocks share the chunks of a sequence, and the first
// writes the state.
// CHECK-LABEL: func.func @experts
// CHECK: arith.minui %{{.*}}, %[[MOST:.*]] : index
// CHECK: %[[SHARES:.*]] = arith.maxui
// CHECK: gpu.launch
// CHECK: %[[SHARE:.*]] = arith.remui %{{.*}}, %[[SHARES]]
// CHECK: %[[FROM:.*]] = arith.muli %[[SHARE]],
// CHECK: %[[STEP:.*]] = arith.muli %[[SHARES]],
// CHECK: scf.for %{{.*}} = %[[FROM]] to %{{.*}} step %[[STEP]]
// CHECK: arith.cmpi eq, %[[SHARE]],
// CHECK: gpu.terminator
func.func @experts(%x: tensor<?x64xf32>, %w: tensor<9x64x48xf32>, %cu: tensor<10xi32>) -> (tensor<?x48xf32>, tensor<9x64x48xf32>) {
  %o, %same = seqc.recurrence seq(%x : (t)) carry(%w : (s)) segments(%cu : (s)) chunk(16) {
  ^step(%block: tensor<16x64xf32>, %we: tensor<64x48xf32>, %count: index):
    %y = seqc.einsum "td,df->tf"(%block, %we)
    seqc.yield out(%y) carry(%we)
  }
  return %o, %same : tensor<?x48xf32>, tensor<9x64x48xf32>
}

// One sequence a thread: states are the thread's own, neighbours are neighbours.
// CHECK-LABEL: func.func @leaky
// CHECK: gpu.launch
// CHECK: memref.alloca() : memref<f32>
// CHECK: %[[SUM:.*]] = arith.addi
// CHECK: %[[EXISTS:.*]] = arith.cmpi ult, %[[SUM]]
// CHECK: scf.if %[[EXISTS]]
// CHECK: scf.for
// CHECK-NOT: gpu.barrier
// CHECK: gpu.terminator
func.func @leaky(%x: tensor<?x?x?xf32>, %h0: tensor<?x?xf32>) -> tensor<?x?x?xf32> {
  %y, %h = seqc.recurrence seq(%x : (b, t, d)) carry(%h0 : (b, d)) {
  ^step(%xt: f32, %s: f32):
    %c = arith.constant 0.5 : f32
    %kept = arith.mulf %s, %c : f32
    %next = arith.addf %kept, %xt : f32
    seqc.yield out(%next) carry(%next)
  }
  return %y : tensor<?x?x?xf32>
}

// The state in registers: loaded before the tokens, carried by their loop, stored
// after it.  The summed axis is within a warp, whose lanes exchange; the operands
// come through shared memory.
// CHECK-LABEL: func.func @memory
// CHECK-NOT: memref.alloc(
// CHECK: gpu.launch
// CHECK: vector.load %{{.*}} {alignment = {{8|16}} : i64} : memref<?x128x64xf32>, vector<{{2|4}}xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK: gpu.barrier
// CHECK: vector.store %{{.*}} {alignment = 16 : i64} : memref<{{.*}}xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: gpu.barrier
// CHECK: math.fma
// CHECK: gpu.shuffle xor
// CHECK: vector.store {{.*}} memref<?x128x64xf32>
// CHECK: seqc.distribution = "128 = {{[0-9]+}} held x {{[0-9]+}} lanes; 64 = {{.*}}"
// Without shared memory for the tokens a block's threads share the loops, and the
// state is in device memory.
// SMALL-LABEL: func.func @memory
// SMALL: memref.alloc(%{{.*}}) {{.*}}: memref<?x128x64xf32>
// SMALL: gpu.launch
func.func @memory(%q: tensor<?x?x128xf32>, %k: tensor<?x?x128xf32>, %v: tensor<?x?x64xf32>,
                  %s0: tensor<?x128x64xf32>) -> (tensor<?x?x64xf32>, tensor<?x128x64xf32>) {
  %o, %s = seqc.recurrence seq(%q, %k, %v : (b, t)) carry(%s0 : (b)) {
  ^step(%qt: tensor<128xf32>, %kt: tensor<128xf32>, %vt: tensor<64xf32>, %m: tensor<128x64xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %m, %kv : tensor<128x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %s : tensor<?x?x64xf32>, tensor<?x128x64xf32>
}

// A state that is summed over and written back: its elements are exchanged through
// shared memory once a token, and the weights stay in registers.
// CHECK-LABEL: func.func @cell
// CHECK: gpu.launch
// CHECK: vector.load %{{.*}} : memref<64x64xf32>
// CHECK: scf.for
// CHECK: scf.for
// CHECK-NOT: memref<64x64xf32>
// CHECK: memref.store %{{.*}} : memref<2x64xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: vector.load %{{.*}} : memref<2x64xf32, #gpu.address_space<workgroup>>, vector<4xf32>
// CHECK: gpu.shuffle xor
func.func @cell(%x: tensor<?x?x64xf32>, %R: tensor<64x64xf32>, %h0: tensor<?x64xf32>) -> tensor<?x?x64xf32> {
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<64xf32>, %r: tensor<64x64xf32>, %s: tensor<64xf32>):
    %rh = seqc.einsum "de,e->d"(%r, %s)
    %sum = arith.addf %xt, %rh : tensor<64xf32>
    %next = math.tanh %sum : tensor<64xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h : tensor<?x?x64xf32>
}

// A step with an index of the largest element is not spread: a block's threads share
// its loops and meet at barriers.
// CHECK-LABEL: func.func @largest
// CHECK: gpu.launch
// CHECK: memref.view {{.*}} to memref<128xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK-NOT: seqc.distribution
func.func @largest(%x: tensor<?x?x128xf32>, %m0: tensor<?x128xf32>) -> tensor<?x?xi64> {
  %i, %m = seqc.recurrence seq(%x : (b, t)) carry(%m0 : (b)) {
  ^step(%xt: tensor<128xf32>, %s: tensor<128xf32>):
    %next = arith.addf %xt, %s : tensor<128xf32>
    %at = seqc.reduce argmax %next over 0
    seqc.yield out(%at) carry(%next)
  }
  return %i : tensor<?x?xi64>
}
