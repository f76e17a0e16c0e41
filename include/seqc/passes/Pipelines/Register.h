//===- Register.h - Everything seqc registers -------------------*- C++ -*-===//

#ifndef SEQC_PASSES_PIPELINES_REGISTER_H
#define SEQC_PASSES_PIPELINES_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace seqc {

/// Adds seqc's dialects and the upstream ones that programs and lowerings use,
/// with their interface implementations and translations.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers seqc's passes, upstream's passes and the pipeline `seqc-cpu`.
void registerAllPasses();

} // namespace seqc

#endif // SEQC_PASSES_PIPELINES_REGISTER_H
