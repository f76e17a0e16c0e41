//===- ProductState.h - A product while it is emitted -----------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_STEPS_PRODUCTSTATE_H
#define SEQC_PASSES_LOWERING_STEPS_PRODUCTSTATE_H

#include "StepEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc::steps {

struct StepEmitter::ProductState {
  const Nest &nest;
  const Product &product;
  /// Index of each of the nest's dimensions.
  llvm::SmallVector<Index> indices;
  /// The right operand, transposed or packed in panels or pairs, or null.
  const Access *packed = nullptr;
  /// Columns of its panels.
  int64_t breadth = 0;
  /// Of a narrow product: the left operand, and whether its pairs are of columns.
  const Access *left = nullptr;
  bool leftByRows = false;
  /// Dimensions of the letters.
  unsigned row, column;
  llvm::SmallVector<unsigned> summed;
};

/// Runs `body` at begin, begin + step, ... below end.
inline void loop(mlir::OpBuilder &b, mlir::Location loc, int64_t begin, int64_t end,
                 int64_t step, llvm::function_ref<void(mlir::Value)> body) {
  using namespace mlir;
  if (begin >= end)
    return;
  Value from = arith::ConstantIndexOp::create(b, loc, begin);
  if (begin + step >= end)
    return body(from);
  auto loop = scf::ForOp::create(b, loc, from,
                                 arith::ConstantIndexOp::create(b, loc, end),
                                 arith::ConstantIndexOp::create(b, loc, step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_PRODUCTSTATE_H
