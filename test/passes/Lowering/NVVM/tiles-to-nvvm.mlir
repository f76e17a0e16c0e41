// RUN: seq-opt %s -seqc-tiles-to-nvvm -canonicalize -cse | FileCheck %s

gpu.module @kernels {
  // A product: the left factor by ldmatrix with a transposition, the right one
  // piece by piece, 2 x 4 pieces of mma for each of two pieces of depth.
  // CHECK-LABEL: gpu.func @product
  // CHECK-COUNT-2: nvvm.ldmatrix {{.*}} {eltType = #nvvm.ld_st_matrix_elt_type<b16>, layout = #nvvm.mma_layout<col>, num = 4
  // CHECK-COUNT-2: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>
  // CHECK: nvvm.mma.sync A[{{.*}}] B[{{.*}}] C[{{.*}}] {{.*}}multiplicandAPtxType = #nvvm.mma_type<bf16>{{.*}} : (i32, i32, f32)
  // CHECK-NOT: seqc_tile
  gpu.func @product(%out: memref<?x32x32xf32>, %i: index) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %zero = arith.constant 0.0 : f32
    %x = seqc_tile.alloc : !seqc_tile.shared<32x32xbf16>
    %y = seqc_tile.alloc : !seqc_tile.shared<32x32xbf16>
    %a = seqc_tile.load %x {transpose} : !seqc_tile.shared<32x32xbf16> -> !seqc_tile.fragment<32x32xbf16, lhs, 2>
    %c = seqc_tile.splat %zero : f32 -> !seqc_tile.fragment<32x32xf32, acc, 2>
    %p = seqc_tile.mma %a, %y, %c {transpose} : !seqc_tile.fragment<32x32xbf16, lhs, 2>, !seqc_tile.shared<32x32xbf16>, !seqc_tile.fragment<32x32xf32, acc, 2>
    seqc_tile.write %p -> %out[%i, %i, %i] : !seqc_tile.fragment<32x32xf32, acc, 2> -> memref<?x32x32xf32>
    gpu.return
  }

  // Rows of 128 bytes are copied by 16 bytes, if the buffer is aligned so; eight
  // such pieces a row, 32 rows: 4 pieces for each of 64 threads.
  // CHECK-LABEL: gpu.func @copies
  // CHECK: scf.if
  // CHECK-COUNT-4: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
  // CHECK-NOT: nvvm.cp.async.shared.global
  // CHECK: } else {
  // CHECK: scf.for
  // CHECK: nvvm.cp.async.commit.group
  // CHECK: nvvm.cp.async.wait.group 0
  // CHECK: llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>
  gpu.func @copies(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>, %i: index, %n: index) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %x = seqc_tile.alloc : !seqc_tile.shared<32x64xbf16>
    seqc_tile.copy_in %in[%i, %c0], %n -> %x {row_dim = 0, col_dim = 1} : memref<?x64xbf16> -> !seqc_tile.shared<32x64xbf16>
    seqc_tile.commit
    seqc_tile.wait 0
    gpu.barrier
    seqc_tile.copy_out %x -> %out[%i, %c0], %n {row_dim = 0, col_dim = 1} : !seqc_tile.shared<32x64xbf16> -> memref<?x64xbf16>
    gpu.return
  }

  // A row's elements of a lane, then those of its four lanes; bounds are compared with
  // constant columns; a choice between fragments is one between scalars.  The first of
  // the four lanes writes a column, pairs of neighbours are written together.
  // CHECK-LABEL: gpu.func @rows
  // CHECK: arith.maximumf
  // CHECK-COUNT-2: gpu.shuffle {{ *}}xor
  // CHECK: scf.if {{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32)
  // CHECK: arith.cmpf ole
  // CHECK: arith.cmpf olt
  // CHECK: scf.yield {{.*}} : f32, f32, f32, f32, f32, f32, f32, f32
  // CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"
  // CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
  // CHECK: llvm.store {{.*}} {alignment = 4 : i64} : f32, !llvm.ptr<1>
  // CHECK-NOT: seqc_tile
  gpu.func @rows(%in: memref<32x16xf32>, %out: memref<32x?x16xf32>, %tops: memref<?xf32>, %some: i1, %n: index) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %none = arith.constant 0.0 : f32
    %x = seqc_tile.read %in[%c0, %c0] : memref<32x16xf32> -> !seqc_tile.fragment<32x16xf32, acc, 2>
    %top = seqc_tile.reduce max %x : !seqc_tile.fragment<32x16xf32, acc, 2> -> !seqc_tile.fragment<32x1xf32, col, 2>
    %first = seqc_tile.iota : !seqc_tile.fragment<32x1xf32, col, 2>
    %y = scf.if %some -> !seqc_tile.fragment<32x16xf32, acc, 2> {
      %kept = seqc_tile.within %x from %first to %top else %none : !seqc_tile.fragment<32x16xf32, acc, 2>, !seqc_tile.fragment<32x1xf32, col, 2>
      scf.yield %kept : !seqc_tile.fragment<32x16xf32, acc, 2>
    } else {
      scf.yield %x : !seqc_tile.fragment<32x16xf32, acc, 2>
    }
    %z = math.exp2 %y : !seqc_tile.fragment<32x16xf32, acc, 2>
    seqc_tile.write %z -> %out[%c0, %n, %c0] rows %n {row_dim = 0} : !seqc_tile.fragment<32x16xf32, acc, 2> -> memref<32x?x16xf32>
    seqc_tile.write %top -> %tops[%c0] rows %n {row_dim = 0} : !seqc_tile.fragment<32x1xf32, col, 2> -> memref<?xf32>
    gpu.return
  }

  // Exponents of two elements at once; all lanes of a warp agree, also on what a branch
  // yields.  Then row by row: the element comes from the lane that has it.
  // CHECK-LABEL: gpu.func @seen
  // CHECK: arith.constant 2139127680 : i32
  // CHECK: scf.if
  // CHECK: nvvm.vote.sync {{ *}}all
  // CHECK: scf.yield
  // CHECK: scf.for
  // CHECK: gpu.shuffle {{ *}}idx
  // CHECK: arith.cmpf ole
  // CHECK: arith.cmpf olt
  // CHECK: math.fma
  // CHECK: arith.select
  // CHECK-NOT: seqc_tile.
  // CHECK: gpu.return
  gpu.func @seen(%out: memref<32x16xf32>, %some: i1, %x: bf16) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %true = arith.constant true
    %v = seqc_tile.alloc : !seqc_tile.shared<16x16xbf16>
    %a = seqc_tile.splat %x : bf16 -> !seqc_tile.fragment<32x16xbf16, lhs, 2>
    %c = seqc_tile.splat %zero : f32 -> !seqc_tile.fragment<32x16xf32, acc, 2>
    %row = seqc_tile.iota : !seqc_tile.fragment<32x1xf32, col, 2>
    %d, %fine = scf.if %some -> (!seqc_tile.fragment<32x16xf32, acc, 2>, i1) {
      %e = math.exp2 %c : !seqc_tile.fragment<32x16xf32, acc, 2>
      %all = seqc_tile.finite %v : !seqc_tile.shared<16x16xbf16>
      scf.yield %e, %all : !seqc_tile.fragment<32x16xf32, acc, 2>, i1
    } else {
      scf.yield %c, %true : !seqc_tile.fragment<32x16xf32, acc, 2>, i1
    }
    %y = scf.if %fine -> !seqc_tile.fragment<32x16xf32, acc, 2> {
      scf.yield %d : !seqc_tile.fragment<32x16xf32, acc, 2>
    } else {
      %z = seqc_tile.add_seen %a, %v, %d from %row to %row : !seqc_tile.fragment<32x16xbf16, lhs, 2>, !seqc_tile.shared<16x16xbf16>, !seqc_tile.fragment<32x16xf32, acc, 2>, !seqc_tile.fragment<32x1xf32, col, 2>
      scf.yield %z : !seqc_tile.fragment<32x16xf32, acc, 2>
    }
    seqc_tile.write %y -> %out[%c0, %c0] : !seqc_tile.fragment<32x16xf32, acc, 2> -> memref<32x16xf32>
    gpu.return
  }

  // Fragments cross a loop as scalars: 32 x 16 elements over 64 lanes are 8.
  // CHECK-LABEL: gpu.func @loop
  // CHECK: scf.for {{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32)
  // CHECK-COUNT-8: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"
  // CHECK: scf.yield {{.*}} : f32, f32, f32, f32, f32, f32, f32, f32
  gpu.func @loop(%out: memref<32x16xf32>, %n: index, %x: f32) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %first = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<32x16xf32, acc, 2>
    %last = scf.for %k = %c0 to %n step %c1 iter_args(%f = %first) -> (!seqc_tile.fragment<32x16xf32, acc, 2>) {
      %e = math.exp %f : !seqc_tile.fragment<32x16xf32, acc, 2>
      scf.yield %e : !seqc_tile.fragment<32x16xf32, acc, 2>
    }
    seqc_tile.write %last -> %out[%c0, %c0] : !seqc_tile.fragment<32x16xf32, acc, 2> -> memref<32x16xf32>
    gpu.return
  }

  // An accumulator is a left factor without a shuffle; sums are one warp's.
  // CHECK-LABEL: gpu.func @fold
  // CHECK-NOT: gpu.shuffle
  // CHECK: scf.if
  // CHECK-COUNT-6: gpu.shuffle up
  // CHECK: }
  // CHECK: arith.truncf %{{.*}} : vector<2xf32> to vector<2xbf16>
  // CHECK-NOT: gpu.shuffle
  // CHECK: nvvm.mma.sync
  gpu.func @fold(%out: memref<32x32xf32>, %g: memref<?xf32>, %n: index, %x: f32) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %gates = seqc_tile.alloc : !seqc_tile.shared<64x1xf32>
    %sums = seqc_tile.alloc : !seqc_tile.shared<64x1xf32>
    %y = seqc_tile.alloc : !seqc_tile.shared<16x32xbf16>
    seqc_tile.cumsum %gates -> %sums floor -100.0 : !seqc_tile.shared<64x1xf32> -> !seqc_tile.shared<64x1xf32>
    %row = seqc_tile.load %sums {first = 16} : !seqc_tile.shared<64x1xf32> -> !seqc_tile.fragment<1x16xf32, row, 2>
    %f = seqc_tile.broadcast %row : !seqc_tile.fragment<1x16xf32, row, 2> -> !seqc_tile.fragment<32x16xf32, acc, 2>
    %t = seqc_tile.triangle %f : !seqc_tile.fragment<32x16xf32, acc, 2>
    %h = seqc_tile.cast %t : !seqc_tile.fragment<32x16xf32, acc, 2> -> !seqc_tile.fragment<32x16xbf16, acc, 2>
    %a = seqc_tile.convert %h : !seqc_tile.fragment<32x16xbf16, acc, 2> -> !seqc_tile.fragment<32x16xbf16, lhs, 2>
    %c = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<32x32xf32, acc, 2>
    %p = seqc_tile.mma %a, %y, %c : !seqc_tile.fragment<32x16xbf16, lhs, 2>, !seqc_tile.shared<16x32xbf16>, !seqc_tile.fragment<32x32xf32, acc, 2>
    seqc_tile.write %p -> %out[%c0, %c0] : !seqc_tile.fragment<32x32xf32, acc, 2> -> memref<32x32xf32>
    gpu.return
  }

  // A row of a tile is a column of a fragment: two elements a lane.  What `stays` is
  // computed before the barrier, not where it is written.
  // CHECK-LABEL: gpu.func @column
  // CHECK-COUNT-32: arith.addf {{.*}} {seqc_tile.stays}
  // CHECK: gpu.barrier
  // CHECK-NOT: arith.addf
  // CHECK: gpu.return
  gpu.func @column(%out: memref<32x64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %t = seqc_tile.alloc : !seqc_tile.shared<64x32xf32>
    %last = seqc_tile.load %t {first = 63} : !seqc_tile.shared<64x32xf32> -> !seqc_tile.fragment<32x1xf32, col, 2>
    %x = seqc_tile.broadcast %last : !seqc_tile.fragment<32x1xf32, col, 2> -> !seqc_tile.fragment<32x64xf32, acc, 2>
    %y = seqc_tile.load %t {transpose} : !seqc_tile.shared<64x32xf32> -> !seqc_tile.fragment<32x64xf32, acc, 2>
    %s = arith.addf %x, %y {seqc_tile.stays} : !seqc_tile.fragment<32x64xf32, acc, 2>
    gpu.barrier
    seqc_tile.write %s -> %out[%c0, %c0] : !seqc_tile.fragment<32x64xf32, acc, 2> -> memref<32x64xf32>
    gpu.return
  }

  // A warp computes its own 32 of 64 rows, or the second halves of blocks among them;
  // four elements a lane, 16 lanes a row.
  // CHECK-LABEL: gpu.func @map
  // CHECK-COUNT-8: llvm.store {{.*}} : vector<4xbf16>, !llvm.ptr<3>
  // CHECK-NOT: llvm.store
  // CHECK: nvvm.barrier #nvvm.reduction<and>
  // CHECK-NOT: seqc_tile
  gpu.func @map(%g: memref<1xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %x = seqc_tile.alloc : !seqc_tile.shared<64x64xbf16>
    %b = seqc_tile.alloc : !seqc_tile.shared<64x64xf32>
    %y = seqc_tile.alloc : !seqc_tile.shared<64x64xbf16>
    seqc_tile.map %x, %b, %b -> %y blocks [1, 1, 8] firsts [0, 0, 3] {
    ^bb0(%own: bf16, %now: f32, %middle: f32):
      %wide = arith.extf %own : bf16 to f32
      %d = arith.subf %now, %middle : f32
      %e = math.exp %d : f32
      %scaled = arith.mulf %wide, %e : f32
      %h = arith.truncf %scaled : f32 to bf16
      seqc_tile.yield %h : bf16
    } {half = 4, second} : !seqc_tile.shared<64x64xbf16>, !seqc_tile.shared<64x64xf32>, !seqc_tile.shared<64x64xf32> -> !seqc_tile.shared<64x64xbf16>
    %near = seqc_tile.bounded %b row 63 limit 75.0 : !seqc_tile.shared<64x64xf32>
    scf.if %near {
      %one = arith.constant 1.0 : f32
      memref.store %one, %g[%c0] : memref<1xf32>
    }
    gpu.return
  }

  // A triangular system of 32 rows: a block of 16 a warp, whose rows the lanes of half
  // a warp read in fours, a column each, and write when all have read.
  // CHECK-LABEL: gpu.func @solve
  // CHECK: llvm.load {{.*}} : !llvm.ptr<3> -> vector<4xf32>
  // CHECK: llvm.intr.fma
  // CHECK: nvvm.bar.warp.sync
  // CHECK: scf.if
  // CHECK-COUNT-16: llvm.store {{.*}} : f32, !llvm.ptr<3>
  // CHECK-NOT: llvm.store
  // CHECK: }
  // Then X, by products of tf32: the block of 16 columns itself, what the next ones get
  // of it, and these, 4 mma of depth 8 each.
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  // CHECK: arith.andi %{{.*}}, %c-8192_i32
  // CHECK-COUNT-12: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<tf32>
  // CHECK-NOT: nvvm.mma.sync
  // CHECK-NOT: seqc_tile
  gpu.func @solve(%out: memref<32x32xf32>, %x: f32) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %a = seqc_tile.alloc : !seqc_tile.shared<32x32xf32>
    seqc_tile.invert %a : !seqc_tile.shared<32x32xf32>
    gpu.barrier
    %f = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<32x32xf32, acc, 2>
    %s = seqc_tile.substitute %f, %a : !seqc_tile.fragment<32x32xf32, acc, 2>, !seqc_tile.shared<32x32xf32>
    seqc_tile.write %s -> %out[%c0, %c0] : !seqc_tile.fragment<32x32xf32, acc, 2> -> memref<32x32xf32>
    gpu.return
  }

  // By units, 32 rows of 16 bytes lie together, then 16 bytes are left out: columns 16
  // to 31 begin at 2 * 33 * 16 bytes, rows 16 to 31 at 16 * 16.
  // CHECK-LABEL: gpu.func @units
  // CHECK: nvvm.ldmatrix
  // CHECK: llvm.getelementptr {{.*}}[1056]
  // CHECK: nvvm.ldmatrix
  // CHECK: llvm.getelementptr {{.*}}[256]
  gpu.func @units(%out: memref<32x32xf32>, %x: f32) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %t = seqc_tile.alloc : !seqc_tile.shared<32x32xbf16, units>
    %a = seqc_tile.load %t : !seqc_tile.shared<32x32xbf16, units> -> !seqc_tile.fragment<32x32xbf16, lhs, 2>
    %z = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<32x32xf32, acc, 2>
    %s = seqc_tile.mma %a, %t, %z {transpose} : !seqc_tile.fragment<32x32xbf16, lhs, 2>, !seqc_tile.shared<32x32xbf16, units>, !seqc_tile.fragment<32x32xf32, acc, 2>
    seqc_tile.write %s -> %out[%c0, %c0] : !seqc_tile.fragment<32x32xf32, acc, 2> -> memref<32x32xf32>
    gpu.return
  }
}
