//===- Products.h - Tiles of matrix products on CPUs ------------*- C++ -*-===//
//
// A product C[M, N] += A[M, K] B[K, N] is computed tile by tile: a tile of the
// result stays in registers while K runs, rows of A are broadcast and vectors of B
// are loaded.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_COST_PRODUCTS_H
#define SEQC_LIB_COST_PRODUCTS_H

#include <cstdint>

namespace seqc {

/// What the lowering of a step may use.
struct CpuVectors {
  /// Lanes of an f32 vector, and vector registers.
  int64_t width = 16, registers = 32;
  /// Dot products of pairs of bf16, added to f32 (`vdpbf16ps`).
  bool bf16Dot = false;
  /// Outputs of fewer bytes may still be in a cache when somebody reads them; larger ones
  /// are stored around the caches.
  int64_t streamBytes = 16 << 20;

  static CpuVectors ofWidth(int64_t width, bool dots = false) {
    CpuVectors vectors;
    vectors.width = width;
    vectors.registers = width >= 16 ? 32 : 16;
    vectors.bf16Dot = dots && width == 16;
    return vectors;
  }
};

/// From how many bytes on outputs go around the caches: inputs have the other half.
inline int64_t streamBytesOf(int64_t l3Bytes) { return l3Bytes / 2; }

/// The loop nest of one product: the knobs of its problem (ProductProblem.cpp).
struct ProductTiles {
  /// Rows and vectors of a tile of the result.
  int64_t rows = 1, vectors = 1;
};

/// The least size of each dimension for which a contraction is a product: smaller
/// ones stay in the loop nest of the values around them.
constexpr int64_t kLeastProduct = 4;

} // namespace seqc

#endif // SEQC_LIB_COST_PRODUCTS_H
