//===- Acme.h - A dialect outside of seqc that lowers to it ---------------===//

#ifndef ACME_H
#define ACME_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "Acme-dialect-decls.inc"
#define GET_OP_CLASSES
#include "Acme-op-decls.inc"

namespace acme {
/// Registers the pass `acme-ema-to-seqc`.
void registerPasses();
/// Replaces every acme.ema under `root` by a seqc.recurrence.
void lowerEma(mlir::Operation *root);
} // namespace acme

#endif // ACME_H
