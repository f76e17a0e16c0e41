//===- Tiles.cpp - The tiles of one operation -----------------------------===//

#include "seqc/lib/Solver/Solver.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::solver;

DictionaryAttr seqc::solver::solutionOf(MLIRContext *context, const Problem &problem,
                                        ArrayRef<int64_t> point) {
  SmallVector<NamedAttribute> attrs;
  auto type = IntegerType::get(context, 64);
  for (auto [knob, value] : llvm::zip(problem.knobs, point))
    attrs.emplace_back(StringAttr::get(context, knob.name), IntegerAttr::get(type, value));
  return DictionaryAttr::get(context, attrs);
}

llvm::Expected<std::optional<DictionaryAttr>>
seqc::solver::tilesOf(Operation *op, const target::Machine &machine) {
  if (auto tiles = op->getAttrOfType<DictionaryAttr>("seqc.tiles"))
    return tiles;
  auto tileable = dyn_cast<tile::TilingProblemOpInterface>(op);
  if (!tileable)
    return std::nullopt;
  OwningOpRef<ModuleOp> scratch(ModuleOp::create(op->getLoc()));
  OpBuilder b(scratch->getBodyRegion());
  tile::ProblemBuilder builder(b, op->getLoc(), "problem");
  if (!tileable.poseTiles(builder, machine))
    return std::nullopt;
  Problem problem(builder.problem());
  Answer answer = solve(problem);
  if (answer.status != Answer::Status::Solved)
    return llvm::createStringError(explainFailure(problem, answer));
  return solutionOf(op->getContext(), problem, answer.point);
}
