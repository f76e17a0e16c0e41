//===- ScalarBlock.h - Repeats blocks of scalar operations ------*- C++ -*-===//
//
// A combine region, or a step on scalars, repeated on scalars or, lane by lane,
// on vectors.  Floats narrower than f32 are computed in f32.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_STEPS_SCALARBLOCK_H
#define SEQC_PASSES_LOWERING_STEPS_SCALARBLOCK_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace seqc::steps {

/// A float or vector of floats with elements of type `to`; others as they are.
mlir::Value convertFloat(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                         mlir::Type to);

/// The elementwise `op` of these values, with a result of `type`; sums and products may
/// be contracted.
mlir::Value repeatOperation(mlir::OpBuilder &b, mlir::Location loc, mlir::Operation *op,
                            mlir::ValueRange values, mlir::Type type);

/// The constant that defines `value`, as a scalar or, for `width` > 0, in every
/// lane of a vector.
mlir::Value repeatConstant(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value value, int64_t width = 0);

/// Repeats the operations of `block`, whose arguments `mapping` holds, on scalars
/// or, for `width` > 0, on vectors of that many lanes.  Returns what `yielded`,
/// values of the block, become.
llvm::SmallVector<mlir::Value> repeatBlock(mlir::OpBuilder &b, mlir::Location loc,
                                           mlir::Block &block,
                                           mlir::ValueRange yielded,
                                           mlir::IRMapping &mapping,
                                           int64_t width = 0);

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_SCALARBLOCK_H
