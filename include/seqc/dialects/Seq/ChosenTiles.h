//===- ChosenTiles.h - What has been chosen for an operation ----*- C++ -*-===//
//
// The attribute `seqc.tiles` of an operation holds the values of its knobs
// (`seqc-solve-tiles`); of a linear recurrence that is kept for a kernel of tiles
// (`seqc-keep-tiles`) it is a unit.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_DIALECTS_SEQ_CHOSENTILES_H
#define SEQC_DIALECTS_SEQ_CHOSENTILES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

#include <optional>

namespace seqc {

inline constexpr llvm::StringLiteral kTilesAttr = "seqc.tiles";
/// The knob of a chunk's tokens.
inline constexpr llvm::StringLiteral kChunkKnob = "chunk";

/// True if forms leave the operation to a kernel of tiles.
inline bool hasKernelOfTiles(mlir::Operation *op) {
  return op->hasAttrOfType<mlir::UnitAttr>(kTilesAttr);
}

/// The value chosen for a knob, if there is one.
inline std::optional<int64_t> chosenTile(mlir::Operation *op, llvm::StringRef knob) {
  auto tiles = op->getAttrOfType<mlir::DictionaryAttr>(kTilesAttr);
  auto value = tiles ? tiles.getAs<mlir::IntegerAttr>(knob) : mlir::IntegerAttr();
  return value ? std::optional(value.getInt()) : std::nullopt;
}

} // namespace seqc

#endif // SEQC_DIALECTS_SEQ_CHOSENTILES_H
