//===- SolveTiles.cpp - Solves problems of tiles --------------------------===//

#include "seqc/lib/Solver/Solver.h"
#include "seqc/passes/Tiling/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_SOLVETILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct SolveTiles : seqc::impl::SolveTilesBase<SolveTiles> {
  using SolveTilesBase::SolveTilesBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<tile::ProblemOp> problems(module.getOps<tile::ProblemOp>());
    for (tile::ProblemOp op : problems) {
      if (op.getSolution())
        continue;
      solver::Problem problem(op);
      solver::Answer answer = solver::solve(problem);
      if (answer.status != solver::Answer::Status::Solved) {
        emitError(op.getLoc()) << solver::explainFailure(problem, answer);
        return signalPassFailure();
      }
      op.setSolutionAttr(solver::solutionOf(&getContext(), problem, answer.point));
    }
    module.walk([&](Operation *op) {
      auto name = op->getAttrOfType<FlatSymbolRefAttr>("seqc.problem");
      auto problem = name ? module.lookupSymbol<tile::ProblemOp>(name.getAttr())
                          : tile::ProblemOp();
      if (!problem)
        return;
      op->setAttr("seqc.tiles", problem.getSolutionAttr());
      if (!keep)
        op->removeAttr("seqc.problem");
    });
    if (!keep)
      for (tile::ProblemOp op : problems)
        op.erase();
  }
};
} // namespace
