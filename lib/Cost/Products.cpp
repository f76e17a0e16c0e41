//===- Products.cpp - Tiles of matrix products on CPUs --------------------===//

#include "seqc/lib/Cost/Products.h"

#include <algorithm>

using namespace seqc;

/// Vector operations and loads a cycle, and cycles until a sum can be added to.
static constexpr double kIssue = 2, kLatency = 4;
/// Cycles around the loop along K: the result's tile is written.
static constexpr double kPerVector = 2, kPerTile = 8;

ProductTiles seqc::chooseTiles(int64_t rows, int64_t columns, int64_t depth,
                               const CpuVectors &cpu) {
  int64_t vectors = (columns + cpu.width - 1) / cpu.width;
  // Beside the sums, a row of B and one broadcast are in registers.
  auto fits = [&](int64_t r, int64_t v) { return r * v + v + 1 <= cpu.registers; };
  auto cycles = [&](int64_t r, int64_t v) {
    double sums = double(r * v);
    double step = std::max({sums / kIssue, double(r + v) / kIssue, kLatency});
    return depth * step + kPerVector * sums + kPerTile;
  };
  ProductTiles best;
  for (int64_t v = 1; v <= std::min<int64_t>(vectors, 8); ++v)
    for (int64_t r = 1; r <= rows && fits(r, v); ++r) {
      double total = 0;
      for (auto [tiles, width] : {std::pair{vectors / v, v}, {int64_t(1), vectors % v}})
        for (auto [blocks, height] : {std::pair{rows / r, r}, {int64_t(1), rows % r}})
          if (width && height)
            total += double(tiles * blocks) * cycles(height, width);
      if (best.cycles == 0 || total < best.cycles ||
          (total == best.cycles && r * v > best.rows * best.vectors))
        best = {r, v, 1, total};
    }
  return best;
}
