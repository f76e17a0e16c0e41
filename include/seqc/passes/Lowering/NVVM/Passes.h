//===- Passes.h - Lowering to NVIDIA GPUs -----------------------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_NVVM_PASSES_H
#define SEQC_PASSES_LOWERING_NVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace seqc {

#define GEN_PASS_DECL
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"

/// On a kernel's `gpu.dynamic_shared_memory`: how many of its blocks a
/// multiprocessor is to hold at once (i32), which bounds a thread's registers.
inline constexpr llvm::StringLiteral residentBlocksAttr = "seqc.resident_blocks";

/// On a kernel's `gpu.dynamic_shared_memory`: how many of its blocks, neighbours in the
/// grid, are a cluster (i32).
inline constexpr llvm::StringLiteral clusterBlocksAttr = "seqc.cluster_blocks";

/// On a kernel's `gpu.dynamic_shared_memory`: its blocks wait for each other, so that all
/// of them have to run at once (unit); its grid may be smaller than asked for.  On the
/// kernel once kernels are merged.
inline constexpr llvm::StringLiteral togetherAttr = "seqc.together";

} // namespace seqc

#endif // SEQC_PASSES_LOWERING_NVVM_PASSES_H
