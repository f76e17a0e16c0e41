//===- RecurrenceToKernels.cpp - Recurrences to GPU kernels ---------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "RegisterKernel.h"

#include "../Steps/RecurrenceLowering.h"
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

/// Keeps the state in registers, if the step's values can be spread so that they
/// fit; else does nothing.
static bool lowerToRegisters(RecurrenceOp op, OpBuilder &b, int64_t sharedBytes) {
  // Small steps run a sequence a thread.
  if (steps::chooseLane(op) || op.getChunk() || op.getCarries().empty())
    return false;
  bool oneToken = true;
  SmallVector<bool> inPlace;
  for (auto [value, map] : llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>())) {
    int64_t time = map.find(RecurrenceOp::getTimeAxis());
    oneToken &= cast<RankedTensorType>(value.getType()).getDimSize(time) == 1;
  }
  // Where results go is known once their buffers are; a state that is read and
  // written in one place comes from an argument that receives the result.
  for (auto [initial, final] : llvm::zip(op.getCarries(), op.getFinals())) {
    Value from, to;
    if (auto tensor = initial.getDefiningOp<bufferization::ToTensorOp>())
      from = tensor.getBuffer();
    for (Operation *user : final.getUsers())
      if (auto store = dyn_cast<bufferization::MaterializeInDestinationOp>(user))
        to = store.getDest();
    inPlace.push_back(from && from == to);
  }
  std::optional<kernels::Distribution> d =
      kernels::distribute(op, oneToken, inPlace);
  if (!d)
    return false;
  kernels::RegisterKernel kernel(op, b, std::move(*d), oneToken);
  if (kernel.sharedBytes() > sharedBytes)
    return false;
  kernel.emit();
  return true;
}

namespace {
struct RecurrenceToKernels
    : seqc::impl::RecurrenceToKernelsBase<RecurrenceToKernels> {
  using RecurrenceToKernelsBase::RecurrenceToKernelsBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      OpBuilder builder(op);
      if (!lowerToRegisters(op, builder, sharedBytes))
        steps::lowerToKernel(op, builder, sharedBytes);
    }
  }
};
} // namespace
