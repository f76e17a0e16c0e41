//===- Passes.h - Forms of linear recurrences -------------------*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_PASSES_H
#define SEQC_PASSES_FORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace seqc {

#define GEN_PASS_DECL
#include "seqc/passes/Forms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "seqc/passes/Forms/Passes.h.inc"

} // namespace seqc

#endif // SEQC_PASSES_FORMS_PASSES_H
