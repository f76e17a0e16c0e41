//===- PackedLayout.h - Chunks over the packed axis -------------*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_PACKEDLAYOUT_H
#define SEQC_PASSES_FORMS_PACKEDLAYOUT_H

#include "seqc/dialects/Seq/Seq.h"

namespace seqc {

/// True if chunks over the packed axis are expected to cost less than chunks of
/// `chunk` tokens for each segment: sizes are known, segments have less than half a
/// chunk of tokens on average, and no state enters or leaves them.
bool prefersStraddling(LinearRecurrenceOp op, int64_t chunk);

/// True if chunks of the recurrence may hold tokens of several histories, which its
/// flags part.
bool straddles(LinearRecurrenceOp op);

/// Rewrites a recurrence with segments as one over the whole packed axis that starts
/// anew at flags, so that a chunk may hold several segments, plus, where states enter
/// or leave segments, what they contribute: by linearity, a recurrence that only
/// reads and one that only writes, segment by segment.
void straddleSegments(LinearRecurrenceOp op);

} // namespace seqc

#endif // SEQC_PASSES_FORMS_PACKEDLAYOUT_H
