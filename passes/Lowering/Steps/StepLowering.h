//===- StepLowering.h - Recurrences to loops over tokens --------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_STEPS_STEPLOWERING_H
#define SEQC_PASSES_LOWERING_STEPS_STEPLOWERING_H

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Cost/Products.h"

namespace seqc::steps {

/// Replaces `op` by an `scf.parallel` over its independent sequences; inside, a
/// step is loops over vectors and, for products of matrices, over tiles of them.
/// Where several sequences may step together, the sizes of a call and the number of
/// cores decide whether they do.
void lowerToVectors(RecurrenceOp op, mlir::OpBuilder &b, const CpuVectors &cpu,
                    int64_t cores = 1);

/// Replaces `op` by a `gpu.launch`.  Where a step's values fit a thread's
/// registers, each thread runs one sequence; else a block's threads share the
/// work of one, whose states are in shared memory while they fit in
/// `sharedBytes`, and beyond that in device memory.
void lowerToKernel(RecurrenceOp op, mlir::OpBuilder &b, int64_t sharedBytes);

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_STEPLOWERING_H
