//===- Passes.h - Lowering to CPU code --------------------------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_NVVM_PASSES_H
#define SEQC_PASSES_LOWERING_NVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace seqc {

#define GEN_PASS_DECL
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_LOWERING_NVVM_PASSES_H
