//===- ChunkShape.h - What the cost of a chunk depends on -------*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_CHUNKSHAPE_H
#define SEQC_PASSES_FORMS_CHUNKSHAPE_H

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Cost/Forms.h"

namespace seqc {

/// True if all keys, values and queries are bf16.
bool hasNarrowVectors(LinearRecurrenceOp op);

LinearShape chunkShapeOf(LinearRecurrenceOp op);

} // namespace seqc

#endif // SEQC_PASSES_FORMS_CHUNKSHAPE_H
