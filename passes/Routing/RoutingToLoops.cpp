//===- RoutingToLoops.cpp - Routing operations to parallel loops ----------===//

#include "seqc/passes/Routing/Passes.h"

#include "Loops.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace seqc {
#define GEN_PASS_DEF_ROUTINGTOLOOPS
#include "seqc/passes/Routing/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

namespace {
struct RoutingToLoops : seqc::impl::RoutingToLoopsBase<RoutingToLoops> {
  using RoutingToLoopsBase::RoutingToLoopsBase;
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isRoute(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      OpBuilder b(op);
      llvm::TypeSwitch<Operation *>(op)
          .Case([&](TopkOp op) { lowerTopk(op, b, width); })
          .Case([&](AssignOp op) { lowerAssign(op, b, width); })
          .Case([&](DispatchOp op) { lowerDispatch(op, b, width); })
          .Case([&](CombineOp op) { lowerCombine(op, b, width); })
          .Case([&](BlockAttentionOp op) { lowerAttention(op, b, width); })
          .Case([&](MergeOp op) { lowerMerge(op, b, width); });
    }
  }
};
} // namespace
