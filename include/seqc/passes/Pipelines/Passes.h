//===- Passes.h - Passes over pipelines -------------------------*- C++ -*-===//

#ifndef SEQC_PASSES_PIPELINES_PASSES_H
#define SEQC_PASSES_PIPELINES_PASSES_H

#include "mlir/Pass/Pass.h"

namespace seqc {

#define GEN_PASS_DECL
#include "seqc/passes/Pipelines/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Pipelines/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_PIPELINES_PASSES_H
