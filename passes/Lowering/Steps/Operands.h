//===- Operands.h - A recurrence's operands and results as memrefs -*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_STEPS_OPERANDS_H
#define SEQC_PASSES_LOWERING_STEPS_OPERANDS_H

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/StringMap.h"

namespace seqc::steps {

/// What a lowered recurrence reads and writes.
struct Operands {
  /// Makes buffers of `op`'s operands and results at the builder's position.
  void bind(RecurrenceOp op, mlir::OpBuilder &b);

  llvm::StringMap<mlir::Value> sizes; // axis -> size
  llvm::SmallVector<mlir::Value> seq, weights, carries, restarts, outs, finals;
  mlir::Value segments, resets; // or null
  /// For finishResults.
  llvm::SmallVector<mlir::Value> results;
};

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_OPERANDS_H
