//===- Semirings.h - Affine over (max,+) and (logaddexp,+) ------*- C++ -*-===//

#ifndef SEQC_LIB_STRUCTURE_SEMIRINGS_H
#define SEQC_LIB_STRUCTURE_SEMIRINGS_H

#include "seqc/lib/Structure/Structure.h"

namespace seqc::structure {

/// `next` as max(known + carry, known, ...), elementwise, or nothing; over (min,+) as
/// such a minimum.
/// `component` are the carries that count as unknown.
std::optional<llvm::SmallVector<RingTerm, 2>>
extremeTerms(RecurrenceOp op, const Dependence &dependence,
             const llvm::BitVector &component, mlir::Value next, Semiring semiring);

/// exp(`next`) as a sum of known * exp(carry) and of known terms, elementwise, or
/// nothing.
std::optional<llvm::SmallVector<RingTerm, 2>>
logTerms(RecurrenceOp op, const Dependence &dependence,
         const llvm::BitVector &component, mlir::Value next);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_SEMIRINGS_H
