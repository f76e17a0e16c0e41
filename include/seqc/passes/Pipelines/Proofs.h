//===- Proofs.h - What compilation relies on, proved ------------*- C++ -*-===//

#ifndef SEQC_PASSES_PIPELINES_PROOFS_H
#define SEQC_PASSES_PIPELINES_PROOFS_H

#include "seqc/lib/Proof/Monoid.h"
#include "seqc/passes/Pipelines/Compiler.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <vector>

namespace seqc {

/// The obligations of an entry at the input stage: its combine regions are
/// monoids; every form that can be built for it, as emitted at the formed stage,
/// computes what the entry does, at small sizes; exponents inside chunks are at
/// most zero.  Where values decide which elements are taken (routes), each recurrence
/// and scan is an entry of its own, whatever its operands are.  `func` and its module
/// stay as they are.
std::vector<proof::Obligation> proveEntry(mlir::func::FuncOp func,
                                          const CompileOptions &options = {});

/// That a recurrence is what it is in the form, or in the parts, of `options`: at one
/// small size, as a compile asks; nothing if it cannot be built so.  A refutation where
/// gates may rise is unknown.
std::optional<proof::Obligation> proveForm(RecurrenceOp op, const CompileOptions &options);

/// A recurrence or scan as an entry of its own, whose arguments are its operands, in the
/// ranges that are known of them.
mlir::OwningOpRef<mlir::ModuleOp> outlined(mlir::Operation *op, llvm::StringRef name);

/// That `formed`, at any stage that the interpreter runs, computes what `meaning`
/// does, at small sizes.
proof::Obligation proveEqual(mlir::func::FuncOp meaning, mlir::func::FuncOp formed);

} // namespace seqc

#endif // SEQC_PASSES_PIPELINES_PROOFS_H
