//===- Problems.h - Operations that have tiles to choose --------*- C++ -*-===//

#ifndef SEQC_PASSES_TILING_PROBLEMS_H
#define SEQC_PASSES_TILING_PROBLEMS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace seqc {

/// `seqc.einsum` states the tiles of its product on a CPU.
void registerProductProblem(mlir::DialectRegistry &registry);
/// `seqc.linear_recurrence` states the length of its chunks on a CPU.
void registerChunkProblem(mlir::DialectRegistry &registry);
/// `seqc.recurrence` states the lanes of a task on a CPU.
void registerLaneProblem(mlir::DialectRegistry &registry);

} // namespace seqc

#endif // SEQC_PASSES_TILING_PROBLEMS_H
