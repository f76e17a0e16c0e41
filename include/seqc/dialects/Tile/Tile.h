//===- Tile.h - The seqc_tile dialect ---------------------------*- C++ -*-===//

#ifndef SEQC_DIALECTS_TILE_TILE_H
#define SEQC_DIALECTS_TILE_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "seqc/dialects/Tile/TileDialect.h.inc"
#include "seqc/dialects/Tile/TileEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "seqc/dialects/Tile/TileTypes.h.inc"

namespace seqc::tile {

/// Registers of a multiprocessor, of every GPU from sm_80 on.
inline constexpr int64_t kRegisters = 65536;

/// A knob's values in its text.
mlir::ParseResult parseValues(mlir::OpAsmParser &parser, mlir::DenseI64ArrayAttr &table,
                              mlir::IntegerAttr &first, mlir::IntegerAttr &last);
void printValues(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                 mlir::DenseI64ArrayAttr table, mlir::IntegerAttr first,
                 mlir::IntegerAttr last);
} // namespace seqc::tile

#define GET_OP_CLASSES
#include "seqc/dialects/Tile/TileOps.h.inc"

namespace seqc::tile {

/// Bytes of a shared tile, or a ring of them, of `shape`, by rows or by units.
int64_t bytesOfTiles(llvm::ArrayRef<int64_t> shape, int64_t elementBytes,
                     bool units = false);

/// On arithmetic of fragments and casts: it is not moved to its uses, for what it is
/// computed of takes more registers than it does.
inline constexpr llvm::StringLiteral staysAttr = "seqc_tile.stays";
/// Marks a copy whose lanes have several pieces of a row, constants apart, where its tile
/// lies by units: fewer addresses, shorter runs of bytes.
inline constexpr llvm::StringLiteral fewAddressesAttr = "seqc_tile.few_addresses";

} // namespace seqc::tile

#endif // SEQC_DIALECTS_TILE_TILE_H
