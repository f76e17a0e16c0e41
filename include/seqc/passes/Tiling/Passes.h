//===- Passes.h - Kernels of tiles ------------------------------*- C++ -*-===//

#ifndef SEQC_PASSES_TILING_PASSES_H
#define SEQC_PASSES_TILING_PASSES_H

#include "seqc/lib/Target/Machine.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <optional>
#include <string>

namespace seqc {

class LinearRecurrenceOp;
class RecurrenceOp;

/// Why a linear recurrence has no kernel of tiles in `sharedBytes` of shared memory a
/// block, or nothing.  With `narrow`, vectors that are all f32 may be rounded to bf16.
std::optional<std::string> obstacleToTiles(LinearRecurrenceOp op, int64_t sharedBytes,
                                           bool narrow);
/// The same for the canonical form of a recurrence, tried on a copy.
std::optional<std::string> obstacleToTiles(RecurrenceOp op, int64_t sharedBytes,
                                           bool narrow);

using target::machineFor;

#define GEN_PASS_DECL
#include "seqc/passes/Tiling/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Tiling/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_TILING_PASSES_H
