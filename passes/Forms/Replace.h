//===- Replace.h - A linear recurrence's results ----------------*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_REPLACE_H
#define SEQC_PASSES_FORMS_REPLACE_H

#include "seqc/dialects/Seq/Seq.h"

namespace seqc {

/// Replaces `op` by `made`, which has its reads as outputs from number `out` on and
/// its state as carry number `carry`, and erases it.  A final state whose axes come
/// in another order, because `made` takes them from its operands, is transposed.
void replaceLinear(LinearRecurrenceOp op, RecurrenceOp made, unsigned out = 0,
                   unsigned carry = 0);

} // namespace seqc

#endif // SEQC_PASSES_FORMS_REPLACE_H
