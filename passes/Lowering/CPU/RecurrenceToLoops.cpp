//===- RecurrenceToLoops.cpp - Recurrences to parallel loops --------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "../Steps/StepLowering.h"

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

namespace seqc {
#define GEN_PASS_DEF_RECURRENCETOLOOPS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct RecurrenceToLoops
    : seqc::impl::RecurrenceToLoopsBase<RecurrenceToLoops> {
  using RecurrenceToLoopsBase::RecurrenceToLoopsBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      OpBuilder builder(op);
      CpuVectors cpu = CpuVectors::ofWidth(width, dots);
      cpu.streamBytes = streamBytes;
      steps::lowerToVectors(op, builder, cpu, cores);
    }
  }
};
} // namespace
