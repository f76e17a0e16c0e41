//===- Buffers.h - Tensors of a lowered operation as memrefs ----*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_STEPS_BUFFERS_H
#define SEQC_PASSES_LOWERING_STEPS_BUFFERS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace seqc::steps {

/// A memref with the elements of tensor (or scalar) `value`, for reading only.
mlir::Value readBuffer(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value value);

/// The memref that receives `result`: the destination it is materialised in,
/// if that is its only use, else a new one.  Appends to `replacements` the
/// tensor to use instead of `result`, or null if the destination was taken.
mlir::Value writeBuffer(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value result,
                        llvm::ArrayRef<mlir::OpFoldResult> shape,
                        llvm::SmallVectorImpl<mlir::Value> &replacements);

/// A read-only memref with the elements of `table`, in the module's globals.
mlir::Value constantBuffer(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::DenseElementsAttr table);

/// Replaces `op`'s results by what writeBuffer left, and erases `op`.
void finishResults(mlir::OpBuilder &builder, mlir::Operation *op,
                   llvm::ArrayRef<mlir::Value> replacements);

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_BUFFERS_H
