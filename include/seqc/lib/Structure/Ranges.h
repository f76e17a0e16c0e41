//===- Ranges.h - Bounds of values under declared ranges --------*- C++ -*-===//
//
// An entry's argument may declare `seqc.range`, as "<= 0", ">= 0" or "0 .. 1".
// Bounds follow through the operations of steps, from one recurrence into the
// next, and through differences with a maximum or a log-sum-exp of their own
// parts (f + m - max(f + m, i) is at most 0).
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_STRUCTURE_RANGES_H
#define SEQC_LIB_STRUCTURE_RANGES_H

#include "seqc/lib/Support/Interval.h"

#include "mlir/IR/Value.h"

namespace seqc {

namespace structure {

/// Bounds of a tensor of the entry, or of a value inside a step, over all inputs
/// in their declared ranges.  Exact arithmetic; rounding may exceed them by an ulp.
Interval rangeOf(mlir::Value value);

} // namespace structure
} // namespace seqc

#endif // SEQC_LIB_STRUCTURE_RANGES_H
