// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-persistent | FileCheck %s
// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-recurrence-to-persistent=machine=sm_80 | FileCheck %s --check-prefix=SM80

// A block has some sequences of a head.  Both gates' matrices are in registers before
// the first token; a token's vector is two bf16 for every f32, exchanged once.
// CHECK-LABEL: func.func @gated
// CHECK: gpu.launch
// CHECK-NOT: seqc.cluster_blocks
// CHECK: scf.if
// CHECK: scf.for
// CHECK-COUNT-2: movmatrix
// CHECK: vector.store
// CHECK: gpu.barrier
// CHECK: nvvm.mma.sync
// CHECK: scf.if
// CHECK: memref.store
// CHECK: seqc.persistent = "32 rows = 8 x 1 x 4 warps; 4 sequences; 2 of 2 pieces of 16 columns in registers, 4 tokens at once"
// SM80-LABEL: func.func @gated
// SM80: seqc.persistent
func.func @gated(%x: tensor<?x?x?x2x32xf32>, %R: tensor<?x2x32x32xbf16>, %h0: tensor<?x?x32xf32>)
    -> (tensor<?x?x?x32xf32>, tensor<?x?x32xf32>) {
  %h, %hT = seqc.recurrence seq(%x : (b, t, h)) weight(%R : (h)) carry(%h0 : (b, h)) {
  ^step(%xt: tensor<2x32xf32>, %r: tensor<2x32x32xbf16>, %s: tensor<32xf32>):
    %rh = seqc.einsum "gde,e->gd"(%r, %s)
    %g = arith.addf %xt, %rh : tensor<2x32xf32>
    %z = tensor.extract_slice %g[0, 0] [1, 32] [1, 1] : tensor<2x32xf32> to tensor<32xf32>
    %f = tensor.extract_slice %g[1, 0] [1, 32] [1, 1] : tensor<2x32xf32> to tensor<32xf32>
    %u = math.tanh %z : tensor<32xf32>
    %next = arith.mulf %u, %f : tensor<32xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x?x32xf32>, tensor<?x?x32xf32>
}

// Matrices that a block does not hold are those of a cluster, where it has any.  Vectors
// of the matrices' type are one word.
// CHECK-LABEL: func.func @large
// CHECK: gpu.launch
// CHECK: gpu.dynamic_shared_memory {seqc.cluster_blocks = {{[0-9]+}} : i32}
// CHECK: mapa.shared::cluster.u32
// CHECK: mbarrier.init
// CHECK: nvvm.cluster.arrive
// CHECK: scf.for
// CHECK-COUNT-1: movmatrix
// CHECK: st.async.weak.shared::cluster.mbarrier::complete_tx::bytes{{.*}}.b32
// CHECK: mbarrier.try_wait
// CHECK: nvvm.mma.sync
// CHECK: seqc.persistent = "500 rows = {{.*}} x {{[0-9]+}} blocks of a cluster
// SM80-LABEL: func.func @large
// SM80: seqc.recurrence
func.func @large(%x: tensor<?x?x500xf16>, %R: tensor<500x500xf16>, %h0: tensor<?x500xf16>)
    -> (tensor<?x?x500xf16>, tensor<?x500xf16>) {
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0 : (b)) reverse {
  ^step(%xt: tensor<500xf16>, %r: tensor<500x500xf16>, %s: tensor<500xf16>):
    %xw = arith.extf %xt : tensor<500xf16> to tensor<500xf32>
    %rh = seqc.einsum "ed,e->d"(%r, %s)
    %g = arith.addf %xw, %rh : tensor<500xf32>
    %u = math.tanh %g : tensor<500xf32>
    %next = arith.truncf %u : tensor<500xf32> to tensor<500xf16>
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x?x500xf16>, tensor<?x500xf16>
}

// Another matrix's product is taken of what the first one's becomes: two exchanges a
// token.  Tokens of segments that have ended leave the state as it is.
// CHECK-LABEL: func.func @two
// CHECK: gpu.launch
// CHECK: scf.for
// CHECK: gpu.barrier
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// CHECK: nvvm.mma.sync
// CHECK: arith.select
// CHECK: seqc.persistent = "45 rows
func.func @two(%x: tensor<?x45xbf16>, %A: tensor<45x45xbf16>, %B: tensor<45x45xbf16>, %cu: tensor<?xi32>, %h0: tensor<?x45xf32>)
    -> (tensor<?x45xf32>, tensor<?x45xf32>) {
  %h, %hT = seqc.recurrence seq(%x : (t)) weight(%A, %B : ()) carry(%h0 : (s)) segments(%cu : (s)) {
  ^step(%xt: tensor<45xbf16>, %a: tensor<45x45xbf16>, %b: tensor<45x45xbf16>, %s: tensor<45xf32>):
    %xw = arith.extf %xt : tensor<45xbf16> to tensor<45xf32>
    %ah = seqc.einsum "de,e->d"(%a, %s)
    %u = math.tanh %ah : tensor<45xf32>
    %bu = seqc.einsum "de,e->d"(%b, %u)
    %next = arith.addf %xw, %bu : tensor<45xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h, %hT : tensor<?x45xf32>, tensor<?x45xf32>
}

// Flags are loaded ahead like operands; where one is set, the state is loaded again, and
// the sequence's count of tokens, which comes after the states, starts from 0.
// CHECK-LABEL: func.func @resets
// CHECK: gpu.launch
// CHECK: memref.load %{{.*}} : memref<?xi8>
// CHECK: scf.for {{.*}} -> (f32, index, f32, i8,
// CHECK: %[[SET:.*]] = arith.cmpi ne, %{{.*}}, %{{.*}} : i8
// CHECK: scf.if %[[SET]] -> (f32)
// CHECK-NEXT: memref.load
// CHECK: arith.select %[[SET]], %c0{{.*}} : index
// CHECK: gpu.barrier
// CHECK: seqc.persistent = "32 rows
func.func @resets(%x: tensor<?x?x32xf32>, %R: tensor<32x32xbf16>, %done: tensor<?x?xi8>, %h0: tensor<?x32xf32>, %h1: tensor<32xf32>)
    -> tensor<?x?x32xf32> {
  %zero = arith.constant 0.0 : f32
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0 : (b)) restart(%h1 : ()) resets(%done : (b, t)) first {
  ^step(%xt: tensor<32xf32>, %r: tensor<32x32xbf16>, %s: tensor<32xf32>, %first: i1):
    %one = arith.constant 1.0 : f32
    %rh = seqc.einsum "de,e->d"(%r, %s)
    %more = arith.select %first, %one, %zero : f32
    %m = tensor.splat %more : tensor<32xf32>
    %g = arith.addf %xt, %rh : tensor<32xf32>
    %next = arith.addf %g, %m : tensor<32xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h : tensor<?x?x32xf32>
}

// Matrices of f32 whose rows a block holds in registers stay f32; a sum over the vector
// is no product with a matrix.
// CHECK-LABEL: func.func @plain
// CHECK: seqc.recurrence
func.func @plain(%x: tensor<?x?x64xf32>, %R: tensor<64x64xf32>, %h0: tensor<?x64xf32>) -> tensor<?x?x64xf32> {
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<64xf32>, %r: tensor<64x64xf32>, %s: tensor<64xf32>):
    %rh = seqc.einsum "gd,d->g"(%r, %s)
    %next = arith.addf %xt, %rh : tensor<64xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h : tensor<?x?x64xf32>
}
// CHECK-LABEL: func.func @norm
// CHECK: seqc.recurrence
func.func @norm(%x: tensor<?x?x64xbf16>, %R: tensor<64x64xbf16>, %h0: tensor<?x64xf32>) -> tensor<?x?x64xf32> {
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<64xbf16>, %r: tensor<64x64xbf16>, %s: tensor<64xf32>):
    %xw = arith.extf %xt : tensor<64xbf16> to tensor<64xf32>
    %rh = seqc.einsum "gd,d->g"(%r, %s)
    %g = arith.addf %xw, %rh : tensor<64xf32>
    %most = seqc.reduce max %g over 0
    %m = tensor.splat %most : tensor<64xf32>
    %next = arith.subf %g, %m : tensor<64xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h : tensor<?x?x64xf32>
}

// A vector that is the same at every token, and a sum over all of the state.
// CHECK-LABEL: func.func @constant
// CHECK: seqc.recurrence
func.func @constant(%x: tensor<?x?x64xbf16>, %R: tensor<64x64xbf16>, %w: tensor<64xbf16>, %h0: tensor<?x64xf32>) -> tensor<?x?x64xf32> {
  %h, %hT = seqc.recurrence seq(%x : (b, t)) weight(%R, %w : ()) carry(%h0 : (b)) {
  ^step(%xt: tensor<64xbf16>, %r: tensor<64x64xbf16>, %v: tensor<64xbf16>, %s: tensor<64xf32>):
    %ones = arith.constant dense<1.0> : tensor<64xf32>
    %rh = seqc.einsum "gd,d->g"(%r, %ones)
    %all = seqc.einsum "d,d->"(%v, %s)
    %same = tensor.splat %all : tensor<64xf32>
    %xw = arith.extf %xt : tensor<64xbf16> to tensor<64xf32>
    %a = arith.addf %xw, %rh : tensor<64xf32>
    %next = arith.addf %a, %same : tensor<64xf32>
    seqc.yield out(%next) carry(%next)
  }
  return %h : tensor<?x?x64xf32>
}
