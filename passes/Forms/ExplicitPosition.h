//===- ExplicitPosition.h - Positions and snapshots as operands -*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_EXPLICITPOSITION_H
#define SEQC_PASSES_FORMS_EXPLICITPOSITION_H

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace seqc {

/// True if the step needs to know where in its sequence a token is.
bool usesPosition(RecurrenceOp op);

/// Replaces `position`, `first` and snapshots by what a single token can be given:
/// the position as an i64 weight with the axes of `map`, which `position(map)`
/// supplies (rank: the map's size), and every snapshot as one more carry.  The new
/// carries start at the values of the carries that they are snapshots of.
RecurrenceOp
makePositionExplicit(RecurrenceOp op,
                     llvm::function_ref<mlir::Value(AxesAttr map)> position);

} // namespace seqc

#endif // SEQC_PASSES_FORMS_EXPLICITPOSITION_H
