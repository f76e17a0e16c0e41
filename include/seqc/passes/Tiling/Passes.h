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

/// What becomes of vectors that are all f32, where products want narrower factors.
enum class WideFactors {
  keep,  ///< no tensor cores
  round, ///< to bf16
  split  ///< into two bf16, their sum
};
/// By the name of `--factors`.
inline WideFactors wideFactors(llvm::StringRef name) {
  return name == "bf16"    ? WideFactors::round
         : name == "split" ? WideFactors::split
                           : WideFactors::keep;
}

/// Why a linear recurrence has no kernel of tiles in `sharedBytes` of shared memory a
/// block, or nothing.
std::optional<std::string> obstacleToTiles(LinearRecurrenceOp op, int64_t sharedBytes,
                                           WideFactors wide);
/// The same for the canonical form of a recurrence, tried on a copy.
std::optional<std::string> obstacleToTiles(RecurrenceOp op, int64_t sharedBytes,
                                           WideFactors wide);

using target::machineFor;

#define GEN_PASS_DECL
#include "seqc/passes/Tiling/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Tiling/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_TILING_PASSES_H
