//===- Shrink.h - The same program at small sizes ---------------*- C++ -*-===//
//
// Proofs run programs over terms, which is feasible where feature dimensions are
// one, two or three.  Sizes that have to agree are one extent; an extent can be
// given another size unless some operation depends on its value.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_PROOF_SHRINK_H
#define SEQC_LIB_PROOF_SHRINK_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace seqc::proof {

/// Changes the static sizes of `functions`, whose arguments and results agree in
/// their extents: sizes of axes become dynamic, and free feature extents get the
/// size `sizeOf(i)`, i counting them in the order of the arguments.  Returns how
/// many extents were free, or an error if a changed function does not verify.
llvm::Expected<unsigned>
shrink(llvm::ArrayRef<mlir::func::FuncOp> functions,
       llvm::function_ref<int64_t(unsigned)> sizeOf);

} // namespace seqc::proof

#endif // SEQC_LIB_PROOF_SHRINK_H
