// RUN: seq-opt %s '-seqc-tiles-to-nvvm=groups=true' -canonicalize -cse | FileCheck %s
// RUN: seq-opt %s -seqc-tiles-to-nvvm | FileCheck %s --check-prefix=MMA

gpu.module @kernels {
  // Four warps multiply at once by a tile by units.  One that is N x K: units, 65 x 16
  // bytes apart, follow each other along the depth, groups of eight rows along the
  // columns; the second piece of depth is two units further.  Sums of zero are not read.
  // Barriers order what was stored before it.
  // CHECK-LABEL: gpu.func @columns
  // CHECK: %[[STRIDES:.*]] = arith.constant 34363998208 : i64
  // CHECK: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  // CHECK-NEXT: gpu.barrier
  // CHECK: %[[AT:.*]] = llvm.ptrtoint
  // CHECK: %[[LOW:.*]] = arith.andi %[[AT]]
  // CHECK: %[[START:.*]] = arith.shrui %[[LOW]]
  // CHECK: %[[DESC:.*]] = arith.ori %[[START]], %[[STRIDES]]
  // CHECK: llvm.inline_asm has_side_effects
  // CHECK-SAME: wgmma.fence.sync.aligned; setp.ne.b32 p, 0, 0; add.s64 at, $40, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {$0, {{.*}}$31}, {$32, $33, $34, $35}, at, p, 1, 1, 0;
  // CHECK-SAME: setp.ne.b32 p, 1, 0; add.s64 at, $40, 130; wgmma{{.*}} {$36, $37, $38, $39}, at, p, 1, 1, 0;
  // CHECK-SAME: wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; }"
  // CHECK-SAME: %[[DESC]]
  // CHECK-NOT: nvvm.mma.sync
  // MMA-LABEL: gpu.func @columns
  // MMA-NOT: nvvm.fence.proxy
  // MMA-NOT: wgmma
  // MMA: nvvm.mma.sync
  gpu.func @columns(%out: memref<64x64xf32>, %x: f32) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %a = seqc_tile.alloc : !seqc_tile.shared<64x32xbf16, units>
    %b = seqc_tile.alloc : !seqc_tile.shared<64x32xbf16, units>
    gpu.barrier
    %f = seqc_tile.load %a : !seqc_tile.shared<64x32xbf16, units> -> !seqc_tile.fragment<64x32xbf16, lhs, 4>
    %c = seqc_tile.splat %zero : f32 -> !seqc_tile.fragment<64x64xf32, acc, 4>
    %p = seqc_tile.mma %f, %b, %c {transpose} : !seqc_tile.fragment<64x32xbf16, lhs, 4>, !seqc_tile.shared<64x32xbf16, units>, !seqc_tile.fragment<64x64xf32, acc, 4>
    seqc_tile.write %p -> %out[%c0, %c0] : !seqc_tile.fragment<64x64xf32, acc, 4> -> memref<64x64xf32>
    gpu.return
  }

  // One that is K x N, in f16: the other way around, transposed by the instruction, and
  // 16 rows from piece to piece.  Two pieces of rows are two products; sums are read.
  // CHECK-LABEL: gpu.func @rows
  // CHECK: arith.constant 141734445056 : i64
  // CHECK-COUNT-2: wgmma.fence.sync.aligned; setp.ne.b32 p, 1, 0; add.s64 at, ${{[0-9]+}}, 0; wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {$0, $1, $2, $3, $4, $5, $6, $7}, {$16, $17, $18, $19}, at, p, 1, 1, 1;{{.*}} 16; wgmma
  gpu.func @rows(%out: memref<128x16xf32>, %x: f16, %y: f32) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %b = seqc_tile.alloc : !seqc_tile.shared<32x16xf16, units>
    %f = seqc_tile.splat %x : f16 -> !seqc_tile.fragment<128x32xf16, lhs, 4>
    %c = seqc_tile.splat %y : f32 -> !seqc_tile.fragment<128x16xf32, acc, 4>
    %p = seqc_tile.mma %f, %b, %c : !seqc_tile.fragment<128x32xf16, lhs, 4>, !seqc_tile.shared<32x16xf16, units>, !seqc_tile.fragment<128x16xf32, acc, 4>
    seqc_tile.write %p -> %out[%c0, %c0] : !seqc_tile.fragment<128x16xf32, acc, 4> -> memref<128x16xf32>
    gpu.return
  }

  // Tiles by rows, and two warps, keep mma.sync.
  // CHECK-LABEL: gpu.func @others
  // CHECK-NOT: wgmma
  // CHECK: nvvm.mma.sync
  gpu.func @others(%out: memref<64x16xf32>, %x: bf16, %y: f32) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %b = seqc_tile.alloc : !seqc_tile.shared<32x16xbf16>
    %f = seqc_tile.splat %x : bf16 -> !seqc_tile.fragment<64x32xbf16, lhs, 4>
    %c = seqc_tile.splat %y : f32 -> !seqc_tile.fragment<64x16xf32, acc, 4>
    %p = seqc_tile.mma %f, %b, %c : !seqc_tile.fragment<64x32xbf16, lhs, 4>, !seqc_tile.shared<32x16xbf16>, !seqc_tile.fragment<64x16xf32, acc, 4>
    seqc_tile.write %p -> %out[%c0, %c0] : !seqc_tile.fragment<64x16xf32, acc, 4> -> memref<64x16xf32>
    gpu.return
  }

  // With few addresses eight lanes have a row of 256 bytes, two pieces each, 128 bytes
  // apart; the first column is a multiple of the tile's.
  // CHECK-LABEL: gpu.func @few
  // CHECK: %[[FROM:.*]] = arith.select %{{.*}} : !llvm.ptr<1>
  // CHECK: nvvm.cp.async.shared.global %{{.*}}, %[[FROM]], 16, cache = cg
  // CHECK: %[[NEXT:.*]] = llvm.getelementptr %[[FROM]][128]
  // CHECK: nvvm.cp.async.shared.global %{{.*}}, %[[NEXT]], 16, cache = cg
  gpu.func @few(%in: memref<?x256xbf16>, %i: index, %slice: index, %n: index) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c128 = arith.constant 128 : index
    %col = arith.muli %slice, %c128 : index
    %x = seqc_tile.alloc : !seqc_tile.shared<16x128xbf16, units>
    seqc_tile.copy_in %in[%i, %col], %n -> %x {row_dim = 0, col_dim = 1, seqc_tile.few_addresses} : memref<?x256xbf16> -> !seqc_tile.shared<16x128xbf16, units>
    seqc_tile.commit
    gpu.return
  }

  // Teams: a branch each.  Their barriers have numbers and as many threads as they; what is
  // stored is seen by products after a meeting, and registers change hands.  A factor of f32 is one of tf32: of eight
  // columns the even ones are a unit.
  // CHECK-LABEL: gpu.func @teams
  // CHECK: scf.if
  // CHECK-NEXT: nvvm.setmaxregister decrease 152
  // CHECK: llvm.getelementptr %{{.*}}[1040]
  // CHECK-NOT: nvvm.fence.proxy
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
  // CHECK: nvvm.fence.proxy
  // CHECK-NEXT: nvvm.barrier{{$}}
  // CHECK: arith.cmpi uge
  // CHECK: scf.if
  // CHECK-NEXT: nvvm.setmaxregister increase 176
  // CHECK: nvvm.fence.proxy
  // CHECK-NEXT: nvvm.barrier{{$}}
  // CHECK: wgmma.mma_async.sync.aligned.m64n16k8.f32.tf32.tf32 {$0, $1, $2, $3, $4, $5, $6, $7}, {$8, $9, $10, $11}, at, p, 1, 1; setp{{.*}} 34; wgmma
  // CHECK-NOT: k8.f32.tf32.tf32 {$0, $1, $2, $3, $4, $5, $6, $7}, {$8, $9, $10, $11}, at, p, 1, 1, 0
  // MMA-LABEL: gpu.func @teams
  // MMA-NOT: nvvm.setmaxregister
  // MMA-COUNT-4: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<tf32>{{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 8>
  gpu.func @teams(%out: memref<128x16xf32>, %x: f32) kernel
      attributes {known_block_size = array<i32: 384, 1, 1>} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %b = seqc_tile.alloc : !seqc_tile.shared<16x16xf32, units>
    %large = seqc_tile.alloc : !seqc_tile.shared<64x16xf32, units>
    seqc_tile.team of 4 from 0 registers 152 {
      %f = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<64x16xf32, acc, 4>
      seqc_tile.store %f -> %large : !seqc_tile.fragment<64x16xf32, acc, 4> -> !seqc_tile.shared<64x16xf32, units>
      gpu.barrier
      seqc_tile.meet
    }
    seqc_tile.team of 8 from 4 registers 176 {
      seqc_tile.meet
      %f = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<128x16xf32, lhs, 8>
      %c = seqc_tile.splat %zero : f32 -> !seqc_tile.fragment<128x16xf32, acc, 8>
      %p = seqc_tile.mma %f, %b, %c {transpose} : !seqc_tile.fragment<128x16xf32, lhs, 8>, !seqc_tile.shared<16x16xf32, units>, !seqc_tile.fragment<128x16xf32, acc, 8>
      seqc_tile.write %p -> %out[%c0, %c0] : !seqc_tile.fragment<128x16xf32, acc, 8> -> memref<128x16xf32>
    }
    gpu.return
  }

  // Of a lower triangle the last half of the columns needs all of the depth and comes
  // first, 16 rows of the tile further; the first half needs two pieces of four.
  // CHECK-LABEL: gpu.func @lower
  // CHECK: add.s64 at, $24, 16; wgmma.mma_async.sync.aligned.m64n16k8.f32.tf32.tf32 {{.*}} add.s64 at, $24, 214; wgmma{{[^w]*}} wgmma.commit_group
  // CHECK: add.s64 at, $16, 0; wgmma.mma_async.sync.aligned.m64n16k8.f32.tf32.tf32 {{.*}} add.s64 at, $16, 66; wgmma{{[^w]*}} wgmma.commit_group
  // CHECK-NOT: wgmma.mma_async
  // MMA-LABEL: gpu.func @lower
  // MMA-COUNT-10: nvvm.mma.sync
  // MMA-NOT: nvvm.mma.sync
  gpu.func @lower(%out: memref<64x32xf32>, %x: f32) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %b = seqc_tile.alloc : !seqc_tile.shared<32x32xf32, units>
    %f = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<64x32xf32, lhs, 4>
    %c = seqc_tile.splat %zero : f32 -> !seqc_tile.fragment<64x32xf32, acc, 4>
    %p = seqc_tile.mma %f, %b, %c {lower, transpose} : !seqc_tile.fragment<64x32xf32, lhs, 4>, !seqc_tile.shared<32x32xf32, units>, !seqc_tile.fragment<64x32xf32, acc, 4>
    seqc_tile.write %p -> %out[%c0, %c0] : !seqc_tile.fragment<64x32xf32, acc, 4> -> memref<64x32xf32>
    gpu.return
  }
}
