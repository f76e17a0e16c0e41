//===- RoutingToKernels.cpp - Routing operations to kernels of warps ------===//

#include "seqc/passes/Routing/Passes.h"

#include "Kernels.h"

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace seqc {
#define GEN_PASS_DEF_ROUTINGTOKERNELS
#include "seqc/passes/Routing/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

namespace {
struct RoutingToKernels : seqc::impl::RoutingToKernelsBase<RoutingToKernels> {
  using RoutingToKernelsBase::RoutingToKernelsBase;
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isRoute(op))
        ops.push_back(op);
    });
    llvm::SmallPtrSet<Operation *, 4> merged;
    for (Operation *op : ops) {
      if (merged.contains(op))
        continue;
      OpBuilder b(op);
      llvm::TypeSwitch<Operation *>(op)
          .Case([&](TopkOp op) {
            if (hasKernel(op))
              topkToKernels(op, b);
          })
          .Case([&](AssignOp op) {
            if (hasKernel(op))
              assignToKernels(op, b);
          })
          .Case([&](MergeOp op) {
            if (hasKernel(op))
              mergeToKernels(op, b);
          })
          .Case([&](DispatchOp op) { dispatchToKernels(op, b); })
          .Case([&](CombineOp op) { combineToKernels(op, b); })
          .Case([&](BlockAttentionOp op) {
            if (!hasKernel(op, sharedBytes))
              return;
            // Where the other parts are known.
            if (MergeOp merge = mergeOf(op)) {
              merged.insert(merge);
              b.setInsertionPoint(merge);
            }
            attentionToKernels(op, b, sharedBytes);
          });
    }
  }
};
} // namespace
