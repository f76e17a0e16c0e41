//===- ScanForm.h - Which scans have a blocked form -------------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_CPU_SCANFORM_H
#define SEQC_PASSES_LOWERING_CPU_SCANFORM_H

#include "seqc/dialects/Seq/Seq.h"

namespace seqc::cpu {

/// True for an inclusive forward scan of scalars, not in segments, whose operands
/// and results are contiguous along time and whose combine region can run on
/// vectors lane by lane.
bool hasBlockedForm(ScanOp scan);

/// The knob of the blocks of a group, and how many those have that nobody solved.
inline constexpr llvm::StringLiteral kBlocksKnob = "blocks";
inline constexpr int64_t kBlocksPerGroup = 128;

} // namespace seqc::cpu

#endif // SEQC_PASSES_LOWERING_CPU_SCANFORM_H
