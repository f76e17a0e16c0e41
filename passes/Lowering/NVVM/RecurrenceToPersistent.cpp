//===- RecurrenceToPersistent.cpp - Recurrences with resident matrices ----===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "Persistent.h"

#include "../Steps/RecurrenceLowering.h"

#include "seqc/lib/Target/Machine.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace seqc {
#define GEN_PASS_DEF_RECURRENCETOPERSISTENT
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct RecurrenceToPersistent
    : seqc::impl::RecurrenceToPersistentBase<RecurrenceToPersistent> {
  using RecurrenceToPersistentBase::RecurrenceToPersistentBase;
  void runOnOperation() override {
    auto found = target::machineFor(machine, 0);
    if (!found || !found->isGpu) {
      emitError(getOperation()->getLoc())
          << (found ? "the machine '" + machine + "' is not a GPU"
                    : llvm::toString(found.takeError()));
      return signalPassFailure();
    }
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      if (steps::chooseLane(op))
        continue;
      std::optional<kernels::Persistence> plan = kernels::persist(op, found->gpu);
      if (!plan)
        continue;
      // A block for each sequence multiplies f32 at full rate, where they fit.
      if (plan->terms > 1 && kernels::distribute(op, /*oneToken=*/false, {}))
        continue;
      OpBuilder builder(op);
      kernels::lowerToPersistentKernel(op, builder, std::move(*plan));
    }
  }
};
} // namespace
