//===- Passes.h - Sparse routing --------------------------------*- C++ -*-===//

#ifndef SEQC_PASSES_ROUTING_PASSES_H
#define SEQC_PASSES_ROUTING_PASSES_H

#include "mlir/Pass/Pass.h"

namespace seqc {

#define GEN_PASS_DECL
#include "seqc/passes/Routing/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Routing/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_ROUTING_PASSES_H
