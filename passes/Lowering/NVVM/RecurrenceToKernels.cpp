//===- RecurrenceToKernels.cpp - Recurrences to GPU kernels ---------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "../Steps/StepLowering.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace seqc {
#define GEN_PASS_DEF_RECURRENCETOKERNELS
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct RecurrenceToKernels
    : seqc::impl::RecurrenceToKernelsBase<RecurrenceToKernels> {
  using RecurrenceToKernelsBase::RecurrenceToKernelsBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      OpBuilder builder(op);
      steps::lowerToKernel(op, builder, sharedBytes);
    }
  }
};
} // namespace
