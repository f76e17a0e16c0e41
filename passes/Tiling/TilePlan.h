//===- TilePlan.h - What a kernel of tiles keeps in shared memory -*- C++ -*-===//

#ifndef SEQC_PASSES_TILING_TILEPLAN_H
#define SEQC_PASSES_TILING_TILEPLAN_H

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/dialects/Tile/Tile.h"

#include <array>
#include <optional>
#include <string>

namespace seqc::tile {

using namespace mlir;

/// What is free to choose for a kernel.
struct Knobs {
  int64_t tokens = 64; // of a chunk
  int64_t values = 64; // of a block; a warp has 16
  // Of the rings by which tokens arrive; with one the next chunk's tokens are asked for
  // when the chunk's have been read, and tiles lie over others that are not needed then.
  int64_t stages = 2;
  // 16-bit tiles by units, and results in the place of values: smaller, slower to fill.
  bool units = false;
  // Four more warps prepare the next chunk: what its tokens read of each other.
  bool teams = false;
};

/// A kernel's tiles.
enum class Part : unsigned {
  // Rings by which tokens arrive.
  keys,
  queries,
  values,
  rights, // of the correction: what reads the state
  lefts,  // and where it is written
  gates,
  writeScales,
  readScales,
  pairScales,
  // Pairs of tokens: what queries read of keys and of lefts, rights of keys and lefts.
  keyWeights,
  leftWeights,
  keyCorrections,
  leftCorrections,
  inverses, // of the correction's system, if another team's warps make them
  // Gates for each key: their sums, and vectors times what the gates make of them, where
  // they cannot take the place of the vectors.
  sums,
  scaledKeys,
  scaledLefts,
  results,
  // Gates for each value: values times what gates leave of them, and what they leave of
  // what is read.
  scaledValues,
  decays,
  count
};

/// A tile or ring of tiles in shared memory, before there is a dialect to name it.
struct PlannedTile {
  SmallVector<int64_t, 3> shape;
  Type element;
  bool units = false;
  int64_t bytes() const {
    return element ? bytesOfTiles(shape, element.getIntOrFloatBitWidth() / 8, units) : 0;
  }
  explicit operator bool() const { return bool(element); }
};

/// A kernel's tiles, by its structure and knobs.
struct Plan {
  Knobs knobs;
  Type element;         // of products' factors
  int64_t keys = 0;     // of the state, whole pieces
  bool perKey = false;  // a gate for each key
  bool perValue = false; // or for each value
  bool pair = false;    // a correction
  bool apart = false;   // its left is not the key: it has results of its own
  bool ones = false;    // values are one number, and arrive before the first chunk
  std::array<PlannedTile, unsigned(Part::count)> parts;
  /// Where vectors arrive that are rounded to factors.
  std::array<PlannedTile, unsigned(Part::count)> wide;
  /// With split factors, what rounding leaves over.
  bool split = false;
  std::array<PlannedTile, unsigned(Part::count)> rest;
  /// The ring that a part shares, being the same vectors.
  std::array<Part, unsigned(Part::count)> sameAs;
  /// The part over whose tile a part's lies, or itself.
  std::array<Part, unsigned(Part::count)> over;

  const PlannedTile &operator[](Part part) const { return parts[unsigned(part)]; }
  /// Warps that have the values, and that prepare chunks for them.
  int64_t warps() const { return knobs.values / 16; }
  bool late() const { return knobs.stages == 1; }
  int64_t preparing() const { return knobs.teams ? 4 : 0; }
  int64_t bytes() const;
};

/// The type of products' factors: that of the 16-bit vectors among keys, values, queries
/// and those of a correction.  f32 ones beside bf16 are rounded to it; if all are f32,
/// only with `narrow`.  Null if there is no such type.
Type factorsOf(LinearRecurrenceOp op, bool narrow);

/// The vectors that are factors of products, by what they are called.
SmallVector<std::pair<const char *, LinearRecurrenceOp::Operand>>
factorOperands(LinearRecurrenceOp op);

/// The plan of a recurrence that meets the conditions of `seqc-keep-tiles`.
/// `split`: factors of f32 vectors are two of `element`, their sum.
Plan planOf(LinearRecurrenceOp op, Knobs knobs, Type element, bool split);

/// Why the knobs make no kernel for a recurrence on a target whose blocks have
/// `sharedBytes` of shared memory, or nothing.
std::optional<std::string> violation(const Plan &plan, int64_t sharedBytes);

/// The knobs that a recurrence's kernel gets: those of teams where it says so.
Knobs knobsOf(LinearRecurrenceOp op);

/// Whether a correction's kernel may be one of teams, if its tiles fit.
bool hasTeams(LinearRecurrenceOp op, Type element);
/// On a recurrence: its kernel is one of teams.
inline constexpr llvm::StringLiteral teamsAttr = "seqc.teams";

/// A constant all of whose elements are one number.
std::optional<double> splatNumber(Value v);

} // namespace seqc::tile

#endif // SEQC_PASSES_TILING_TILEPLAN_H
