//===- CopiesToLoops.cpp - Copies of strided buffers ----------------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace seqc {
#define GEN_PASS_DEF_COPIESTOLOOPS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

namespace {
struct CopiesToLoops : seqc::impl::CopiesToLoopsBase<CopiesToLoops> {
  using CopiesToLoopsBase::CopiesToLoopsBase;
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp op : copies) {
      auto from = cast<MemRefType>(op.getSource().getType());
      auto to = cast<MemRefType>(op.getTarget().getType());
      if (!all && from.getLayout().isIdentity() && to.getLayout().isIdentity())
        continue;
      OpBuilder b(op);
      linalg::CopyOp::create(b, op.getLoc(), op.getSource(), op.getTarget());
      op.erase();
    }
  }
};
} // namespace
