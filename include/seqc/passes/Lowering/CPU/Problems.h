//===- Problems.h - What lowering to CPUs has to choose ---------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_CPU_PROBLEMS_H
#define SEQC_PASSES_LOWERING_CPU_PROBLEMS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace seqc {

/// `seqc.scan` states the blocks of its groups on a CPU.
void registerScanProblem(mlir::DialectRegistry &registry);

} // namespace seqc

#endif // SEQC_PASSES_LOWERING_CPU_PROBLEMS_H
