//===- Lockstep.h - Sequences that step together ----------------*- C++ -*-===//
//
// A step that multiplies its state by weights reads all of them at every token.
// Sequences that share the weights may take each step together: the values of the
// step get a leading dimension of sequences, and a product of a matrix with a vector
// becomes one of matrices, which reads an element of the weights once for all.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_STEPS_LOCKSTEP_H
#define SEQC_PASSES_LOWERING_STEPS_LOCKSTEP_H

#include "seqc/dialects/Seq/Seq.h"

namespace seqc::steps {

/// `count` sequences, neighbours along `axis`, that one task steps together.
struct Lockstep {
  mlir::StringAttr axis; // null: a task runs one sequence
  int64_t count = 1;

  explicit operator bool() const { return bool(axis); }
  /// True if an operand with these axes has a slice per sequence.
  bool has(AxesAttr map) const { return axis && map.has(axis.getValue()); }
};

/// The sequences to step together so that `op` multiplies matrices by weights, or none:
/// where there is no such product, where their states would leave the cache, and
/// where sequences are not of one length.
Lockstep chooseLockstep(RecurrenceOp op);

/// Gives the values of `op`'s step a leading dimension of sequences.  The operation
/// does not verify afterwards: it is to be lowered at once.  Returns false, and leaves
/// it alone, if the step has an operation for which there is no such form.
bool stepTogether(RecurrenceOp op, const Lockstep &lockstep);

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_LOCKSTEP_H
