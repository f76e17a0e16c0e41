//===- Semirings.h - Affine over (max,+) and (logaddexp,+) ------*- C++ -*-===//

#ifndef SEQC_LIB_STRUCTURE_SEMIRINGS_H
#define SEQC_LIB_STRUCTURE_SEMIRINGS_H

#include "seqc/lib/Structure/Affine.h"

namespace seqc::structure {

/// True if `next` is max(known + carry, known, ...), elementwise.
bool isMaxAffine(RecurrenceOp op, const Dependence &dependence, unsigned carry,
                 mlir::Value next);

/// True if exp(next) is known * exp(carry) + known, elementwise.
bool isLogAffine(RecurrenceOp op, const Dependence &dependence, unsigned carry,
                 mlir::Value next);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_SEMIRINGS_H
