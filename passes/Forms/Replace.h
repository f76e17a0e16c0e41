//===- Replace.h - A linear recurrence's results ----------------*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_REPLACE_H
#define SEQC_PASSES_FORMS_REPLACE_H

#include "seqc/dialects/Seq/Seq.h"

namespace seqc {

/// Replaces `op` by `made`, which has its reads as outputs and its state as the
/// only carry, and erases it.  A final state whose axes come in another order,
/// because `made` takes them from its operands, is transposed.
void replaceLinear(LinearRecurrenceOp op, RecurrenceOp made);

} // namespace seqc

#endif // SEQC_PASSES_FORMS_REPLACE_H
