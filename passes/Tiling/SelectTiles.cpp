//===- SelectTiles.cpp - Which recurrences become kernels of tiles --------===//

#include "../Structure/Conversion.h"

#include "seqc/passes/Tiling/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_SELECTTILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

static SmallVector<RecurrenceOp> recurrencesOf(Operation *root) {
  SmallVector<RecurrenceOp> result;
  root->walk([&](RecurrenceOp op) { result.push_back(op); });
  return result;
}

std::optional<std::string> seqc::obstacleToTiles(RecurrenceOp op, int64_t sharedBytes,
                                                 WideFactors wide) {
  if (op.getCarries().empty() || conversion::isStep(op))
    return "it has no state, or takes one token";
  bool matrix = llvm::any_of(op.getCarryArgs(), [](BlockArgument arg) {
    return shapeOf(arg.getType()).size() == 2;
  });
  if (!matrix)
    return "no state is a matrix";
  // The canonical form is tried on a copy of the program.
  Operation *root = op;
  while (root->getParentOp())
    root = root->getParentOp();
  SmallVector<RecurrenceOp> all = recurrencesOf(root);
  OwningOpRef<Operation *> copy = root->clone();
  RecurrenceOp tried = recurrencesOf(copy.get())[llvm::find(all, op) - all.begin()];
  OpBuilder b(tried);
  llvm::DenseSet<Operation *> before;
  copy->walk([&](LinearRecurrenceOp linear) { before.insert(linear); });
  if (auto why = conversion::Conversion(tried, b, conversion::Target::Linear).run())
    return why;
  std::optional<std::string> result;
  bool any = false;
  copy->walk([&](LinearRecurrenceOp linear) {
    if (before.contains(linear))
      return;
    any = true;
    if (auto why = obstacleToTiles(linear, sharedBytes, wide))
      result = why;
  });
  if (!any)
    return "no component is a gated sum of outer products";
  return result;
}

namespace {
struct SelectTiles : seqc::impl::SelectTilesBase<SelectTiles> {
  using SelectTilesBase::SelectTilesBase;
  void runOnOperation() override {
    for (RecurrenceOp op : recurrencesOf(getOperation())) {
      if (op.getCarries().empty() || op.getChunk())
        continue;
      bool general = obstacleToTiles(op, sharedBytes, wideFactors(factors)).has_value();
      op->setAttr("seqc.form",
                  StringAttr::get(&getContext(), general ? "sequential" : "chunked"));
    }
  }
};
} // namespace
