// RUN: seq-opt %s --split-input-file --verify-diagnostics

// T1
// expected-error@+1 {{a fragment 'acc' of 40x64 elements over 4 warps, expected whole pieces of mma.m16n8k16 in each warp (T1)}}
func.func private @rows(!seqc_tile.fragment<40x64xf32, acc, 4>)

// -----

// expected-error@+1 {{a fragment has place 'mid', expected acc, lhs, row or col}}
func.func private @place(!seqc_tile.fragment<64x64xf32, mid, 4>)

// -----

// expected-error@+1 {{a shared tile of 64, expected two or three dimensions of 1 to 4096 (T2)}}
func.func private @flat(!seqc_tile.shared<64xf32>)

// -----

// expected-error@+1 {{a shared tile of 'i32', expected floats (T2)}}
func.func private @integers(!seqc_tile.shared<64x64xi32>)

// -----

func.func @stage(%t: !seqc_tile.shared<64x64xf32>, %i: index) {
  // expected-error@+1 {{expected a tile of a ring (T3)}}
  %s = seqc_tile.stage %t[%i] : !seqc_tile.shared<64x64xf32> -> !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @indices(%t: !seqc_tile.shared<64x64xf32>, %m: memref<?x64xf32>, %i: index) {
  // expected-error@+1 {{has 1 indices for a buffer of 2 dimensions, expected as many (T4)}}
  seqc_tile.copy_in %m[%i], %i -> %t {row_dim = 0, col_dim = 1} : memref<?x64xf32> -> !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @dims(%t: !seqc_tile.shared<64x64xf32>, %m: memref<?x64xf32>, %i: index) {
  // expected-error@+1 {{has row_dim 1 and col_dim 1 for a buffer of 2 dimensions}}
  seqc_tile.copy_in %m[%i, %i], %i -> %t {row_dim = 1, col_dim = 1} : memref<?x64xf32> -> !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @narrower(%t: !seqc_tile.shared<64x64xbf16>, %m: memref<?x64xf32>, %i: index) {
  // expected-error@+1 {{copies 'f32' to 'bf16', expected equal element types or a wider target (T4)}}
  seqc_tile.copy_in %m[%i, %i], %i -> %t {row_dim = 0, col_dim = 1} : memref<?x64xf32> -> !seqc_tile.shared<64x64xbf16>
  return
}

// -----

func.func @sums(%t: !seqc_tile.shared<64x1xf32>, %u: !seqc_tile.shared<32x1xf32>) {
  // expected-error@+1 {{expected a tile of f32 of the same shape (T5)}}
  seqc_tile.cumsum %t -> %u floor -1.0 : !seqc_tile.shared<64x1xf32> -> !seqc_tile.shared<32x1xf32>
  return
}

// -----

func.func @splat(%x: f32) {
  // expected-error@+1 {{expected its element type (T6)}}
  %s = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<64x64xbf16, acc, 4>
  return
}

// -----

func.func @element(%t: !seqc_tile.shared<64x1xf32>, %i: index) {
  // expected-error@+1 {{expected the element type of a tile (T6)}}
  %s = seqc_tile.element %t[%i, %i] : !seqc_tile.shared<64x1xf32> -> bf16
  return
}

// -----

func.func @iota() {
  // expected-error@+1 {{expected a row or col of f32 (T7)}}
  %s = seqc_tile.iota : !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @load(%t: !seqc_tile.shared<64x32xbf16>) {
  // expected-error@+1 {{expected equal shapes, transposed, and element types (T8)}}
  %s = seqc_tile.load %t {transpose} : !seqc_tile.shared<64x32xbf16> -> !seqc_tile.fragment<64x32xbf16, lhs, 4>
  return
}

// -----

func.func @store(%t: !seqc_tile.shared<64x64xbf16>, %f: !seqc_tile.fragment<64x64xbf16, lhs, 4>) {
  // expected-error@+1 {{expected an acc (T8)}}
  seqc_tile.store %f -> %t : !seqc_tile.fragment<64x64xbf16, lhs, 4> -> !seqc_tile.shared<64x64xbf16>
  return
}

// -----

func.func @read(%m: memref<?x64xf32>, %i: index) {
  // expected-error@+1 {{has 1 indices for a buffer of 2 dimensions, expected as many (T9)}}
  %s = seqc_tile.read %m[%i] : memref<?x64xf32> -> !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @broadcast(%f: !seqc_tile.fragment<1x32xf32, row, 4>) {
  // expected-error@+1 {{expected a row of its columns or a col of its rows}}
  %s = seqc_tile.broadcast %f : !seqc_tile.fragment<1x32xf32, row, 4> -> !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @triangle(%f: !seqc_tile.fragment<64x64xbf16, lhs, 4>) {
  // expected-error@+1 {{expected an acc (T11)}}
  %s = seqc_tile.triangle %f : !seqc_tile.fragment<64x64xbf16, lhs, 4>
  return
}

// -----

func.func @convert(%f: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{expected an lhs of the same acc, or an acc of the same lhs (T12)}}
  %s = seqc_tile.convert %f : !seqc_tile.fragment<64x64xf32, acc, 4> -> !seqc_tile.fragment<64x64xbf16, lhs, 4>
  return
}

// -----

func.func @factor(%a: !seqc_tile.fragment<64x64xf32, lhs, 4>, %b: !seqc_tile.shared<64x64xbf16>,
                  %c: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{expected an lhs of bf16 or f16, or of f32 for a transposed tile of f32 by units, and an acc of f32 (T13)}}
  %s = seqc_tile.mma %a, %b, %c : !seqc_tile.fragment<64x64xf32, lhs, 4>, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @depth(%a: !seqc_tile.fragment<64x32xbf16, lhs, 4>, %b: !seqc_tile.shared<64x64xbf16>,
                 %c: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{expected M x K, K x N and M x N with N a multiple of 16 (T13)}}
  %s = seqc_tile.mma %a, %b, %c : !seqc_tile.fragment<64x32xbf16, lhs, 4>, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @cast(%a: !seqc_tile.fragment<64x32xbf16, lhs, 4>) {
  // expected-error@+1 {{expected another float type alone (T14)}}
  %s = seqc_tile.cast %a : !seqc_tile.fragment<64x32xbf16, lhs, 4> -> !seqc_tile.fragment<64x32xf32, acc, 4>
  return
}

// -----

func.func @cross(%f: !seqc_tile.fragment<64x16xf32, acc, 4>) {
  // expected-error@+1 {{expected an acc whose columns are whole blocks (T11)}}
  %s = seqc_tile.cross %f {half = 16} : !seqc_tile.fragment<64x16xf32, acc, 4>
  return
}

// -----

func.func @bounded(%t: !seqc_tile.shared<64x64xf32>) {
  // expected-error@+1 {{looks at row 64 of '!seqc_tile.shared<64x64xf32>', expected one of a tile of f32 with several columns (T16)}}
  %s = seqc_tile.bounded %t row 64 limit 1.0 : !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @sources(%t: !seqc_tile.shared<64x64xf32>) {
  // expected-error@+1 {{has 1 sources, 2 blocks, 1 firsts and 1 arguments, expected as many of each (T15)}}
  seqc_tile.map %t -> %t blocks [1, 1] firsts [0] {
  ^bb0(%x: f32):
    seqc_tile.yield %x : f32
  } : !seqc_tile.shared<64x64xf32> -> !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @yielded(%t: !seqc_tile.shared<64x64xf32>, %u: !seqc_tile.shared<64x64xbf16>) {
  // expected-error@+1 {{makes '!seqc_tile.shared<64x64xbf16>' of 'f32', expected the first target's shape and an element of each target (T15)}}
  seqc_tile.map %t -> %u blocks [1] firsts [0] {
  ^bb0(%x: f32):
    seqc_tile.yield %x : f32
  } : !seqc_tile.shared<64x64xf32> -> !seqc_tile.shared<64x64xbf16>
  return
}

// -----

func.func @diagonal(%a: !seqc_tile.fragment<64x64xbf16, lhs, 4>, %b: !seqc_tile.shared<64x64xbf16>,
                    %c: !seqc_tile.fragment<64x16xf32, acc, 4>) {
  // expected-error@+1 {{expected M x K, M x K transposed and M x D (T13)}}
  %s = seqc_tile.mma %a, %b, %c {diagonal = 16} : !seqc_tile.fragment<64x64xbf16, lhs, 4>, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x16xf32, acc, 4>
  return
}

// -----

func.func @invert(%t: !seqc_tile.shared<64x64xbf16>) {
  // expected-error@+1 {{inverts blocks of '!seqc_tile.shared<64x64xbf16>', expected a tile of N x N f32, N a multiple of 16 (T17)}}
  seqc_tile.invert %t : !seqc_tile.shared<64x64xbf16>
  return
}

// -----

func.func @substitute(%f: !seqc_tile.fragment<64x64xf32, acc, 4>, %t: !seqc_tile.shared<32x32xf32>) {
  // expected-error@+1 {{expected an acc of M x N f32 and a tile of N x N f32, N a multiple of 16 (T18)}}
  %s = seqc_tile.substitute %f, %t : !seqc_tile.fragment<64x64xf32, acc, 4>, !seqc_tile.shared<32x32xf32>
  return
}

// -----

// expected-error@+1 {{a shared tile by units of 64 columns of 'f64', expected f32 or 16-bit elements and a multiple of 8 columns (T2)}}
func.func @units(%t: !seqc_tile.shared<64x64xf64, units>) {
  return
}

// -----

func.func @within(%f: !seqc_tile.fragment<64x64xf32, acc, 4>, %b: !seqc_tile.fragment<128x1xf32, col, 4>, %x: f32) {
  // expected-error@+1 {{expected an acc of f32 and cols of f32 of its rows (T20)}}
  %s = seqc_tile.within %f from %b to %b else %x : !seqc_tile.fragment<64x64xf32, acc, 4>, !seqc_tile.fragment<128x1xf32, col, 4>
  return
}

// -----

func.func @reduce(%f: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{expected a col of f32 of the rows of an acc of f32 (T19)}}
  %s = seqc_tile.reduce %f : !seqc_tile.fragment<64x64xf32, acc, 4> -> !seqc_tile.fragment<1x64xf32, row, 4>
  return
}

// -----

func.func @write(%f: !seqc_tile.fragment<64x64xf32, acc, 4>, %m: memref<?x64xf32>, %i: index) {
  // expected-error@+1 {{2 indices and row_dim 1, expected an acc or a col}}
  seqc_tile.write %f -> %m[%i, %i] {row_dim = 1} : !seqc_tile.fragment<64x64xf32, acc, 4> -> memref<?x64xf32>
  return
}

// -----

func.func @rows(%t: !seqc_tile.shared<64x64xbf16>) {
  // expected-error@+1 {{from row 32 of '!seqc_tile.shared<64x64xbf16>', expected rows of it (T21)}}
  %s = seqc_tile.rows %t from 32 : !seqc_tile.shared<64x64xbf16> -> !seqc_tile.shared<64x64xbf16>
  return
}

// -----

func.func @fold(%f: !seqc_tile.fragment<64x64xf32, acc, 4>, %m: memref<?x?x64xf32>, %i: index) {
  // expected-error@+1 {{folds 64 rows by 48 along dimension 0, expected a divisor}}
  seqc_tile.write %f -> %m[%i, %i, %i] {row_dim = 1, fold = 48, fold_dim = 0} : !seqc_tile.fragment<64x64xf32, acc, 4> -> memref<?x?x64xf32>
  return
}

// -----

func.func @finite(%t: !seqc_tile.shared<64x64xf32>) {
  // expected-error@+1 {{expected a tile of rows of bf16 or f16 with a multiple of 8 columns (T22)}}
  %s = seqc_tile.finite %t : !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @add_seen(%a: !seqc_tile.fragment<64x64xbf16, lhs, 4>, %t: !seqc_tile.shared<32x64xbf16>, %c: !seqc_tile.fragment<64x64xf32, acc, 4>, %b: !seqc_tile.fragment<64x1xf32, col, 4>) {
  // expected-error@+1 {{expected M x K, K x N and M x N (T23)}}
  %s = seqc_tile.add_seen %a, %t, %c from %b to %b : !seqc_tile.fragment<64x64xbf16, lhs, 4>, !seqc_tile.shared<32x64xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>, !seqc_tile.fragment<64x1xf32, col, 4>
  return
}

// -----

func.func @add_seen_bounds(%a: !seqc_tile.fragment<64x64xbf16, lhs, 4>, %t: !seqc_tile.shared<64x64xbf16>, %c: !seqc_tile.fragment<64x64xf32, acc, 4>, %b: !seqc_tile.fragment<128x1xf32, col, 4>) {
  // expected-error@+1 {{expected an lhs of bf16 or f16, an acc of f32 and cols of f32 of as many rows (T23)}}
  %s = seqc_tile.add_seen %a, %t, %c from %b to %b : !seqc_tile.fragment<64x64xbf16, lhs, 4>, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>, !seqc_tile.fragment<128x1xf32, col, 4>
  return
}

// -----

func.func @yieldedFewer(%t: !seqc_tile.shared<64x64xf32>, %u: !seqc_tile.shared<64x64xf32>) {
  // expected-error@+1 {{has to yield an element of each target (T15)}}
  seqc_tile.map %t -> %t, %u blocks [1] firsts [0] {
  ^bb0(%x: f32):
    seqc_tile.yield %x : f32
  } : !seqc_tile.shared<64x64xf32> -> !seqc_tile.shared<64x64xf32>, !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @steps(%t: !seqc_tile.shared<64x64xf32>) {
  // expected-error@+1 {{looks at row 62}}
  %s = seqc_tile.bounded %t row 62 limit 1.0 {step = 16} : !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @over() {
  %t = seqc_tile.alloc : !seqc_tile.shared<64x32xf32>
  // expected-error@+1 {{lies over '!seqc_tile.shared<64x32xf32>' of 9216 bytes, expected room for 17408 (T25)}}
  %u = seqc_tile.alloc over %t : !seqc_tile.shared<64x32xf32> : !seqc_tile.shared<64x64xf32>
  return
}

// -----

func.func @columns(%a: !seqc_tile.fragment<64x64xbf16, lhs, 4>, %b: !seqc_tile.shared<64x64xbf16>,
                   %c: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{makes 32 columns from 48 on of '!seqc_tile.fragment<64x64xf32, acc, 4>', expected multiples of 16, transposed and without a diagonal (T13)}}
  %s = seqc_tile.mma %a, %b, %c {transpose, first = 48, count = 32} : !seqc_tile.fragment<64x64xbf16, lhs, 4>, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @above(%t: !seqc_tile.shared<64x64xf32>) {
  // expected-error@+1 {{expected equal shapes and element types (T8)}}
  %s = seqc_tile.load %t {first = -2} : !seqc_tile.shared<64x64xf32> -> !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @tf32(%a: !seqc_tile.fragment<64x64xf32, lhs, 4>, %b: !seqc_tile.shared<64x64xf32, units>, %c: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{or of f32 for a transposed tile of f32 by units, and an acc of f32 (T13)}}
  %s = seqc_tile.mma %a, %b, %c : !seqc_tile.fragment<64x64xf32, lhs, 4>, !seqc_tile.shared<64x64xf32, units>, !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @lower(%a: !seqc_tile.fragment<64x64xbf16, lhs, 4>, %b: !seqc_tile.shared<64x64xbf16>, %c: !seqc_tile.fragment<64x64xf32, acc, 4>) {
  // expected-error@+1 {{has the lower triangle '!seqc_tile.shared<64x64xbf16>', expected a square tile, transposed (T13)}}
  %s = seqc_tile.mma %a, %b, %c {lower} : !seqc_tile.fragment<64x64xbf16, lhs, 4>, !seqc_tile.shared<64x64xbf16>, !seqc_tile.fragment<64x64xf32, acc, 4>
  return
}

// -----

func.func @team() {
  // expected-error@+1 {{has 8 warps from 2 on, expected multiples of 4, 32 at most (T26)}}
  seqc_tile.team of 8 from 2 {
  }
  return
}

// -----

func.func @registers() {
  // expected-error@+1 {{has 100 registers, expected a multiple of 8 from 24 to 256 (T26)}}
  seqc_tile.team of 8 from 4 registers 100 {
  }
  return
}

// -----

func.func @teams() {
  seqc_tile.team of 8 from 0 {
    // expected-error@+1 {{is within another team, expected none (T26)}}
    seqc_tile.team of 4 from 0 {
    }
  }
  return
}

// -----

func.func @meet() {
  // expected-error@+1 {{is in no team, expected one (T27)}}
  seqc_tile.meet
  return
}
