//===- Solver.h - The best legal tiles --------------------------*- C++ -*-===//

#ifndef SEQC_LIB_SOLVER_SOLVER_H
#define SEQC_LIB_SOLVER_SOLVER_H

#include "seqc/dialects/Tile/TilingProblem.h"
#include "seqc/lib/Solver/Problem.h"
#include "seqc/lib/Target/Machine.h"

#include "llvm/Support/Error.h"

namespace seqc::solver {

struct Answer {
  enum class Status { Solved, Infeasible, Unknown };
  Status status = Status::Unknown;
  /// Solved: the knobs and what they cost.  Infeasible: the point that breaks the least,
  /// if breaking one constraint of the core is enough.
  Point point;
  int64_t cost = 0;
  /// Infeasible: constraints that clash, none of which can be left out; for each the
  /// point at which the others hold and it lacks the least, if there is one; and that
  /// of them which `point` breaks.
  llvm::SmallVector<unsigned> core;
  std::vector<Point> lacking;
  std::optional<unsigned> broken;
  /// Unknown: why.
  std::string reason;
  /// Questions that Z3 was asked.
  unsigned questions = 0;
};

/// A space of so few points is tried before Z3 is asked.
constexpr int64_t kFewPoints = 4096;

/// The legal point of the least cost; of several the preferred one (`seqc_tile.problem`
/// says which that is).  Solved by Z3, within a limit that is the same on every machine,
/// then evaluated without it; an answer that does not stand that is Unknown.  Of at most
/// `few` points all are tried, and Z3 says that none is below the best of them.
Answer solve(const Problem &problem, int64_t few = kFewPoints);

/// The same by trying every point, for spaces that are small.
Answer enumerate(const Problem &problem);

/// Constraints without which there would be a cheaper answer.
llvm::SmallVector<unsigned> bindingConstraints(const Problem &problem,
                                               const Answer &answer);

/// An infeasible or unknown answer in words.
std::string explainFailure(const Problem &problem, const Answer &answer);

/// The problem as SMT-LIB over the integers, by way of the `smt` dialect; with the
/// `minimize` that Z3 and OptiMathSAT know.
std::string smtLib(const Problem &problem, mlir::MLIRContext *context);

/// The knobs' values as an attribute.
mlir::DictionaryAttr solutionOf(mlir::MLIRContext *context, const Problem &problem,
                                llvm::ArrayRef<int64_t> point);

/// The tiles of an operation that has some to choose: those that its attribute
/// `seqc.tiles` gives, else the answer of its problem on `machine`.  Nothing: it has
/// nothing to choose.
llvm::Expected<std::optional<mlir::DictionaryAttr>>
tilesOf(mlir::Operation *op, const target::Machine &machine);

} // namespace seqc::solver

#endif // SEQC_LIB_SOLVER_SOLVER_H
