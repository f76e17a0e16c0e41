// Products of tensors of 16 bits, or of bf16 with f32, become kernels of tiles.
// RUN: seq-opt %s -split-input-file -seqc-entry-to-memrefs -seqc-products-to-tiles | FileCheck %s
// RUN: seq-opt %s -split-input-file -seqc-entry-to-memrefs -seqc-products-to-tiles=factors=f32 | FileCheck %s --check-prefix=F32

// The f32 factor is two of bf16; heads are of blocks, rows the tokens.
// CHECK-LABEL: @scores
// CHECK: gpu.launch
// CHECK: seqc_tile.read {{.*}} -> <64x128xf32, acc, 4>
// CHECK: arith.maxnumf
// CHECK-COUNT-2: seqc_tile.store
// CHECK: scf.for
// CHECK: seqc_tile.copy_in {{.*}} {col_dim = 3 : i64, row_dim = 1 : i64}
// CHECK-COUNT-2: seqc_tile.mma {{.*}} {transpose}
// CHECK: seqc_tile.write {{.*}} {row_dim = 1 : i64}
// CHECK-NOT: linalg.generic
// F32-LABEL: @scores
// F32: linalg.generic
func.func @scores(%q: tensor<2x?x4x128xbf16>, %m: tensor<2x4x50x128xf32>) -> tensor<2x?x4x50xf32> {
  %zero = arith.constant 0.0 : f32
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<2x?x4x128xbf16>
  %s0 = tensor.empty(%n) : tensor<2x?x4x50xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<2x?x4x50xf32>) -> tensor<2x?x4x50xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, t, h, n, d) -> (b, t, h, d)>,
      affine_map<(b, t, h, n, d) -> (b, h, n, d)>, affine_map<(b, t, h, n, d) -> (b, t, h, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %m : tensor<2x?x4x128xbf16>, tensor<2x4x50x128xf32>) outs(%s1 : tensor<2x?x4x50xf32>) {
  ^one(%x: bf16, %y: f32, %acc: f32):
    %wide = arith.extf %x : bf16 to f32
    %p = arith.mulf %wide, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<2x?x4x50xf32>
  return %s : tensor<2x?x4x50xf32>
}

// -----

// Two factors of bf16 are what they are; the right one comes by copies.
// CHECK-LABEL: @matmul
// CHECK: gpu.launch
// CHECK-NOT: seqc_tile.read
// CHECK: seqc_tile.copy_in {{.*}} -> <32x64xbf16>
// CHECK: seqc_tile.mma {{.*}} <128x32xbf16, lhs, 4>
// F32-LABEL: @matmul
// F32: seqc_tile.mma
func.func @matmul(%x: tensor<?x32xbf16>, %w: tensor<32x?xbf16>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c0 : tensor<?x32xbf16>
  %n = tensor.dim %w, %c1 : tensor<32x?xbf16>
  %y0 = tensor.empty(%m, %n) : tensor<?x?xf32>
  %y1 = linalg.fill ins(%zero : f32) outs(%y0 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x32xbf16>, tensor<32x?xbf16>) outs(%y1 : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// Of f32 alone, of few rows, of a depth that is not known, not from zero: left alone.
// CHECK-LABEL: @left
// CHECK-NOT: gpu.launch
// CHECK-COUNT-4: linalg.matmul
// CHECK: return
func.func @left(%x: tensor<?x32xf32>, %w: tensor<32x16xf32>, %few: tensor<8x32xbf16>, %b: tensor<32x16xbf16>,
                %far: tensor<?x?xbf16>, %c: tensor<?x16xbf16>, %y: tensor<8x16xf32>, %z: tensor<?x16xf32>)
    -> (tensor<?x16xf32>, tensor<8x16xf32>, tensor<?x16xf32>, tensor<8x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %z1 = linalg.fill ins(%zero : f32) outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y1 = linalg.fill ins(%zero : f32) outs(%y : tensor<8x16xf32>) -> tensor<8x16xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x32xf32>, tensor<32x16xf32>) outs(%z1 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %1 = linalg.matmul ins(%few, %b : tensor<8x32xbf16>, tensor<32x16xbf16>) outs(%y1 : tensor<8x16xf32>) -> tensor<8x16xf32>
  %2 = linalg.matmul ins(%far, %c : tensor<?x?xbf16>, tensor<?x16xbf16>) outs(%z1 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %3 = linalg.matmul ins(%few, %b : tensor<8x32xbf16>, tensor<32x16xbf16>) outs(%y : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %0, %1, %2, %3 : tensor<?x16xf32>, tensor<8x16xf32>, tensor<?x16xf32>, tensor<8x16xf32>
}
