// RUN: seq-opt %s | seq-opt | FileCheck %s

// Every operation, printed and parsed again.

!acc = !seqc_tile.fragment<64x64xf32, acc, 4>
!half = !seqc_tile.fragment<64x64xbf16, acc, 4>
!lhs = !seqc_tile.fragment<64x64xbf16, lhs, 4>
!row = !seqc_tile.fragment<1x64xf32, row, 4>
!col = !seqc_tile.fragment<64x1xf32, col, 4>

// CHECK-LABEL: @all
func.func @all(%in: memref<?x?x64xbf16>, %out: memref<?x?x64xbf16>, %state: memref<?x64x64xf32>,
               %g: memref<?x?xf32>, %i: index, %n: index, %x: f32) {
  // CHECK: seqc_tile.alloc : <2x64x64xbf16>
  %ring = seqc_tile.alloc : !seqc_tile.shared<2x64x64xbf16>
  %tile = seqc_tile.alloc : !seqc_tile.shared<64x64xbf16>
  %gates = seqc_tile.alloc : !seqc_tile.shared<64x1xf32>
  %sums = seqc_tile.alloc : !seqc_tile.shared<64x1xf32>
  %more = seqc_tile.alloc : !seqc_tile.shared<72x1xf32>
  // CHECK: seqc_tile.stage %{{.*}}[%{{.*}}] : <2x64x64xbf16> -> <64x64xbf16>
  %now = seqc_tile.stage %ring[%i] : !seqc_tile.shared<2x64x64xbf16> -> !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.copy_in %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}], %{{.*}} -> %{{.*}} {col_dim = 2 : i64, row_dim = 1 : i64} : memref<?x?x64xbf16> -> <64x64xbf16>
  seqc_tile.copy_in %in[%i, %i, %i], %n -> %now {row_dim = 1, col_dim = 2}
      : memref<?x?x64xbf16> -> !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.copy_in {{.*}}reverse{{.*}} : memref<?x?xf32> -> <64x1xf32>
  seqc_tile.copy_in %g[%i, %i], %n -> %gates {row_dim = 0, col_dim = -1, reverse}
      : memref<?x?xf32> -> !seqc_tile.shared<64x1xf32>
  // CHECK: seqc_tile.commit
  seqc_tile.commit
  // CHECK: seqc_tile.wait 1
  seqc_tile.wait 1
  // CHECK: seqc_tile.cumsum %{{.*}} -> %{{.*}} floor -1.000000e+02 : <64x1xf32> -> <64x1xf32>
  seqc_tile.cumsum %gates -> %sums floor -100.0 : !seqc_tile.shared<64x1xf32> -> !seqc_tile.shared<64x1xf32>
  // CHECK: seqc_tile.element %{{.*}}[%{{.*}}, %{{.*}}] : <64x1xf32> -> f32
  %last = seqc_tile.element %sums[%i, %i] : !seqc_tile.shared<64x1xf32> -> f32
  // CHECK: seqc_tile.splat %{{.*}} : f32 -> <64x64xf32, acc, 4>
  %zero = seqc_tile.splat %last : f32 -> !acc
  // CHECK: seqc_tile.iota : <1x64xf32, row, 4>
  %numbers = seqc_tile.iota : !row
  // CHECK: seqc_tile.load %{{.*}} {first = 8 : i64} : <72x1xf32> -> <64x1xf32, col, 4>
  %b = seqc_tile.load %more {first = 8} : !seqc_tile.shared<72x1xf32> -> !col
  // CHECK: seqc_tile.load %{{.*}} {transpose} : <64x64xbf16> -> <64x64xbf16, lhs, 4>
  %a = seqc_tile.load %now {transpose} : !seqc_tile.shared<64x64xbf16> -> !lhs
  // CHECK: seqc_tile.broadcast %{{.*}} : <64x1xf32, col, 4> -> <64x64xf32, acc, 4>
  %across = seqc_tile.broadcast %b : !col -> !acc
  %down = seqc_tile.broadcast %numbers : !row -> !acc
  // CHECK: arith.subf {{.*}} : !seqc_tile.fragment<64x64xf32, acc, 4>
  %d = arith.subf %across, %down : !acc
  %e = math.exp %d : !acc
  // CHECK: seqc_tile.triangle %{{.*}} {strict} : <64x64xf32, acc, 4>
  %t = seqc_tile.triangle %e {strict} : !acc
  // CHECK: seqc_tile.rows %{{.*}} from 8 : <72x1xf32> -> <64x1xf32>
  %later = seqc_tile.rows %more from 8 : !seqc_tile.shared<72x1xf32> -> !seqc_tile.shared<64x1xf32>
  // CHECK: seqc_tile.reduce max %{{.*}} : <64x64xf32, acc, 4> -> <64x1xf32, col, 4>
  %most = seqc_tile.reduce max %e : !acc -> !col
  // CHECK: seqc_tile.reduce %{{.*}} : <64x64xf32, acc, 4> -> <64x1xf32, col, 4>
  %total = seqc_tile.reduce %e : !acc -> !col
  // CHECK: seqc_tile.within %{{.*}} from %{{.*}} to %{{.*}} else %{{.*}} : <64x64xf32, acc, 4>, <64x1xf32, col, 4>
  %w = seqc_tile.within %e from %total to %most else %x : !acc, !col
  // CHECK: seqc_tile.finite %{{.*}} : <64x64xbf16>
  %fine = seqc_tile.finite %now : !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.add_seen %{{.*}}, %{{.*}}, %{{.*}} from %{{.*}} to %{{.*}} : <64x64xbf16, lhs, 4>, <64x64xbf16>, <64x64xf32, acc, 4>, <64x1xf32, col, 4>
  %seen = seqc_tile.add_seen %a, %now, %zero from %total to %most : !lhs, !seqc_tile.shared<64x64xbf16>, !acc, !col
  // CHECK: seqc_tile.write %{{.*}} -> %{{.*}}[%{{.*}}, %{{.*}}] rows %{{.*}} {row_dim = 1 : i64} : <64x1xf32, col, 4> -> memref<?x?xf32>
  seqc_tile.write %total -> %g[%i, %i] rows %n {row_dim = 1} : !col -> memref<?x?xf32>
  // CHECK: seqc_tile.cast %{{.*}} : <64x64xf32, acc, 4> -> <64x64xbf16, acc, 4>
  %h = seqc_tile.cast %t : !acc -> !half
  // CHECK: seqc_tile.convert %{{.*}} : <64x64xbf16, acc, 4> -> <64x64xbf16, lhs, 4>
  %l = seqc_tile.convert %h : !half -> !lhs
  // CHECK: seqc_tile.store %{{.*}} -> %{{.*}} {transpose} : <64x64xbf16, acc, 4> -> <64x64xbf16>
  seqc_tile.store %h -> %tile {transpose} : !half -> !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.mma %{{.*}}, %{{.*}}, %{{.*}} {transpose} : <64x64xbf16, lhs, 4>, <64x64xbf16>, <64x64xf32, acc, 4>
  %s = seqc_tile.mma %a, %now, %zero {transpose} : !lhs, !seqc_tile.shared<64x64xbf16>, !acc
  // CHECK: seqc_tile.alloc : <2x64x64xbf16, units>
  %units = seqc_tile.alloc : !seqc_tile.shared<2x64x64xbf16, units>
  // CHECK: seqc_tile.convert %{{.*}} : <64x64xbf16, lhs, 4> -> <64x64xbf16, acc, 4>
  %back = seqc_tile.convert %a : !lhs -> !half
  // CHECK: seqc_tile.invert %{{.*}} : <64x64xf32>
  %system = seqc_tile.alloc : !seqc_tile.shared<64x64xf32>
  seqc_tile.invert %system : !seqc_tile.shared<64x64xf32>
  // CHECK: seqc_tile.substitute %{{.*}}, %{{.*}} : <64x64xf32, acc, 4>, <64x64xf32>
  %solved = seqc_tile.substitute %e, %system : !acc, !seqc_tile.shared<64x64xf32>
  // CHECK: seqc_tile.cross %{{.*}} {half = 8 : i64} : <64x64xf32, acc, 4>
  %x2 = seqc_tile.cross %e {half = 8} : !acc
  // CHECK: seqc_tile.bounded %{{.*}} row 63 limit 7.500000e+01 : <64x64xf32>
  %wide = seqc_tile.alloc : !seqc_tile.shared<64x64xf32>
  %near = seqc_tile.bounded %wide row 63 limit 75.0 : !seqc_tile.shared<64x64xf32>
  // CHECK: seqc_tile.map %{{.*}}, %{{.*}} -> %{{.*}} blocks [1, 64] firsts [0, 63] {
  // CHECK: seqc_tile.yield %{{.*}} : bf16
  // CHECK: } {half = 16 : i64, second} : {{.*}} -> !seqc_tile.shared<64x64xbf16>
  seqc_tile.map %now, %wide -> %tile blocks [1, 64] firsts [0, 63] {
  ^bb0(%own: bf16, %of: f32):
    seqc_tile.yield %own : bf16
  } {half = 16, second} : !seqc_tile.shared<64x64xbf16>, !seqc_tile.shared<64x64xf32> -> !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.map %{{.*}} -> %{{.*}}, %{{.*}} blocks [1] firsts [0] {
  // CHECK: seqc_tile.yield %{{.*}}, %{{.*}} : bf16, f32
  seqc_tile.map %now -> %tile, %wide blocks [1] firsts [0] {
  ^bb0(%own: bf16):
    %f = arith.extf %own : bf16 to f32
    seqc_tile.yield %own, %f : bf16, f32
  } : !seqc_tile.shared<64x64xbf16> -> !seqc_tile.shared<64x64xbf16>, !seqc_tile.shared<64x64xf32>
  // CHECK: seqc_tile.alloc over %{{.*}} : !seqc_tile.shared<64x64xf32> : <64x64xbf16>
  %over = seqc_tile.alloc over %wide : !seqc_tile.shared<64x64xf32> : !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.bounded %{{.*}} row 63 limit 7.500000e+01 {step = 16 : i64} : <64x64xf32>
  %even = seqc_tile.bounded %wide row 63 limit 75.0 {step = 16} : !seqc_tile.shared<64x64xf32>
  // CHECK: seqc_tile.load %{{.*}} {first = -1 : i64} : <64x64xf32> -> <64x64xf32, acc, 4>
  %above = seqc_tile.load %wide {first = -1} : !seqc_tile.shared<64x64xf32> -> !acc
  // CHECK: seqc_tile.mma {{.*}} {count = 16 : i64, first = 48 : i64, transpose}
  %some = seqc_tile.mma %a, %now, %zero {transpose, first = 48, count = 16} : !lhs, !seqc_tile.shared<64x64xbf16>, !acc
  // CHECK: seqc_tile.warp_barrier
  seqc_tile.warp_barrier
  // CHECK: seqc_tile.mma {{.*}} {diagonal = 16 : i64, transpose}
  %z16 = seqc_tile.splat %last : f32 -> !seqc_tile.fragment<64x16xf32, acc, 4>
  %d16 = seqc_tile.mma %a, %now, %z16 {diagonal = 16, transpose} : !lhs, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x16xf32, acc, 4>
  %h16 = seqc_tile.cast %d16 : !seqc_tile.fragment<64x16xf32, acc, 4> -> !seqc_tile.fragment<64x16xbf16, acc, 4>
  // CHECK: seqc_tile.store {{.*}} {diagonal = 16 : i64} : <64x16xbf16, acc, 4> -> <64x64xbf16>
  seqc_tile.store %h16 -> %tile {diagonal = 16} : !seqc_tile.fragment<64x16xbf16, acc, 4> -> !seqc_tile.shared<64x64xbf16>
  // CHECK: seqc_tile.read %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : memref<?x64x64xf32> -> <64x64xf32, acc, 4>
  %r = seqc_tile.read %state[%i, %i, %i] : memref<?x64x64xf32> -> !acc
  // CHECK: seqc_tile.write %{{.*}} -> %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] {transpose} : <64x64xf32, acc, 4> -> memref<?x64x64xf32>
  seqc_tile.write %s -> %state[%i, %i, %i] {transpose} : !acc -> memref<?x64x64xf32>
  // CHECK: seqc_tile.copy_out %{{.*}} -> %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}], %{{.*}} {col_dim = 2 : i64, row_dim = 0 : i64} : <64x64xbf16> -> memref<?x?x64xbf16>
  seqc_tile.copy_out %tile -> %out[%i, %i, %i], %n {row_dim = 0, col_dim = 2}
      : !seqc_tile.shared<64x64xbf16> -> memref<?x?x64xbf16>
  // CHECK: seqc_tile.team of 4 from 4 registers 152 {
  // CHECK: seqc_tile.mma %{{.*}}, %{{.*}}, %{{.*}} {transpose} : <64x64xf32, lhs, 4>, <64x64xf32, units>, <64x64xf32, acc, 4>
  // CHECK: seqc_tile.meet
  %tf32 = seqc_tile.alloc : !seqc_tile.shared<64x64xf32, units>
  seqc_tile.team of 4 from 4 registers 152 {
    %left = seqc_tile.splat %last : f32 -> !seqc_tile.fragment<64x64xf32, lhs, 4>
    %right = seqc_tile.mma %left, %tf32, %zero {transpose} : !seqc_tile.fragment<64x64xf32, lhs, 4>, !seqc_tile.shared<64x64xf32, units>, !acc
    seqc_tile.meet
  }
  return
}
