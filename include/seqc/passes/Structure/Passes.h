//===- Passes.h - Deriving and rewriting structure --------------*- C++ -*-===//

#ifndef SEQC_PASSES_STRUCTURE_PASSES_H
#define SEQC_PASSES_STRUCTURE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace seqc {

#define GEN_PASS_DECL
#include "seqc/passes/Structure/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Structure/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_STRUCTURE_PASSES_H
