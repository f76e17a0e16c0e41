//===- SumEmitter.h - Sums of products as step operations -------*- C++ -*-===//

#ifndef SEQC_PASSES_STRUCTURE_SUMEMITTER_H
#define SEQC_PASSES_STRUCTURE_SUMEMITTER_H

#include "seqc/lib/Structure/Terms.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace seqc {

/// `value` with float elements of type `element`.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                   mlir::Type element);

/// Emits `sum`, which has no carry, with elements of `element`; `value` gives
/// the values of its factors.  Summed letters are contracted first.
mlir::Value emitSum(mlir::OpBuilder &b, mlir::Location loc,
                    const structure::Sum &sum, mlir::Type element,
                    llvm::function_ref<mlir::Value(mlir::Value)> value);

} // namespace seqc

#endif // SEQC_PASSES_STRUCTURE_SUMEMITTER_H
