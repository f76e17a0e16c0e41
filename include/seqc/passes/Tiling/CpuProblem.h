//===- CpuProblem.h - Problems that operations pose on CPUs -----*- C++ -*-===//

#ifndef SEQC_PASSES_TILING_CPUPROBLEM_H
#define SEQC_PASSES_TILING_CPUPROBLEM_H

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/dialects/Tile/TilingProblem.h"
#include "seqc/lib/Target/Machine.h"

#include <algorithm>
#include <cmath>

namespace seqc::tile {

/// Costs of instructions are in parts of a cycle.
inline constexpr int64_t kCycleParts = 16;
inline int64_t parts(double cycles) { return std::llround(kCycleParts * cycles); }
/// Parts of a cycle for one instruction, of which `rate` issue a cycle.
inline int64_t issue(double rate) { return parts(1 / std::max(rate, 0.01)); }

/// An operation states what `pose` says of it, on CPUs; `pose` returns false where there
/// is nothing to choose.
template <typename Op, bool (*pose)(Op, ProblemBuilder &, const target::Cpu &)>
struct CpuProblem
    : TilingProblemOpInterface::ExternalModel<CpuProblem<Op, pose>, Op> {
  bool poseTiles(mlir::Operation *op, ProblemBuilder &problem,
                 const target::Machine &machine) const {
    return !machine.isGpu && pose(mlir::cast<Op>(op), problem, machine.cpu);
  }
  static void attach(mlir::DialectRegistry &registry) {
    registry.addExtension(+[](mlir::MLIRContext *context, SeqDialect *) {
      Op::template attachInterface<CpuProblem>(*context);
    });
  }
};

} // namespace seqc::tile

#endif // SEQC_PASSES_TILING_CPUPROBLEM_H
