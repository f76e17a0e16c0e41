//===- KeepTiles.cpp - Linear recurrences for kernels of tiles ------------===//

#include "TilePlan.h"

#include "seqc/passes/Tiling/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_KEEPTILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

std::optional<std::string> seqc::obstacleToTiles(LinearRecurrenceOp op,
                                                 int64_t sharedBytes) {
  auto timed = [](LinearRecurrenceOp::Operand o) {
    return o.map.has(RecurrenceOp::getTimeAxis());
  };
  if (op.getSegments() || op.getResets())
    return "it has segments or resets";
  if (op.getConstant())
    return "it has a constant transition";
  if (op.numPairs() > 1)
    return "it has " + std::to_string(op.numPairs()) + " corrections, expected at most one";
  if (op.numWrites() != 1 || op.numReads() != 1)
    return "it has " + std::to_string(op.numWrites()) + " writes and " +
           std::to_string(op.numReads()) + " reads, expected one of each";
  if (op.getNumOperands() != op.getMaps().size())
    return "it has operands that tiles have no part for";
  if (op.getReadAxes()[0] != 0)
    return "a read sums over the second dimension";
  auto initial = cast<RankedTensorType>(op.getInitial().getType());
  if (!initial.getElementType().isF32())
    return "the state is not f32";
  if (op.keySize() > 256)
    return "the state has " + std::to_string(op.keySize()) +
           " rows, expected at most 256";
  if (op.numGates() > 1)
    return "it has " + std::to_string(op.numGates()) + " gates";
  for (unsigned i = 0; i < op.numGates(); ++i) {
    if (op.getGateAxes()[i] == 1)
      return "a gate is a vector along the second dimension";
    if (op.getGateAxes()[i] == 0 && !timed(op.gate(i)))
      return "a vector gate is the same at every token";
    if (op.getGateAxes()[i] == 0 && op.keySize() > 128)
      return "a vector gate has " + std::to_string(op.keySize()) +
             " elements, expected at most 128";
    if (!op.getGateLogs()[i])
      return "a gate is not given as a logarithm";
    if (elementOf(op.gate(i).value.getType()).isF64())
      return "a gate is f64";
  }
  Type element = elementOf(op.write(0, 0).value.getType());
  if (!element.isBF16() && !element.isF16())
    return "keys are neither bf16 nor f16";
  SmallVector<std::pair<const char *, LinearRecurrenceOp::Operand>> vectors = {
      {"keys", op.write(0, 0)}, {"values", op.write(0, 1)}, {"queries", op.read(0, 0)}};
  SmallVector<LinearRecurrenceOp::Operand> scales = {op.write(0, 2), op.read(0, 1)};
  if (op.numPairs()) {
    vectors.push_back({"a correction's left vectors", op.pair(0, 0)});
    vectors.push_back({"a correction's right vectors", op.pair(0, 1)});
    scales.push_back(op.pair(0, 2));
  }
  // Fewer keys than a chunk has tokens cancel much of what a correction writes: bf16
  // factors then leave errors beyond 5e-3.
  if (op.numPairs() && op.keySize() < 32)
    return "a correction of a state of " + std::to_string(op.keySize()) +
           " rows, expected at least 32";
  for (auto [what, operand] : vectors) {
    if (elementOf(operand.value.getType()) != element)
      return std::string(what) + " have another element type than keys";
    if (!timed(operand))
      return std::string(what) + " are the same at every token";
  }
  for (LinearRecurrenceOp::Operand scale : scales)
    if (elementOf(scale.value.getType()).isF64())
      return "a scale is f64";
  if (elementOf(op.getResult(0).getType()).isF64() ||
      elementOf(op.getFinalState().getType()) != initial.getElementType())
    return "a result is f64, or the final state is not f32";
  return tile::violation(tile::planOf(op, tile::knobsOf(op)), sharedBytes);
}

/// If a recurrence without state does nothing but round `result`, the type it
/// rounds to is the result's.
static void foldRounding(OpResult result, AxesAttr map) {
  if (!result.hasOneUse())
    return;
  auto rounding = dyn_cast<RecurrenceOp>(*result.getUsers().begin());
  if (!rounding || rounding.getNumResults() != 1 || rounding.getSeq().size() != 1 ||
      rounding.getSeq()[0] != result || rounding.getSegments() ||
      rounding.getResets() || rounding.getReverse() || rounding.getChunk() ||
      !rounding.getWeights().empty())
    return;
  Value out = rounding.getYield().getOuts()[0];
  if (out != rounding.getStep().front().getArgument(0) ||
      rounding.getSeqMaps()[0] != rounding.getOutMaps()[0] ||
      rounding.getSeqMaps()[0] != map)
    return;
  Type type = rounding.getResult(0).getType();
  if (elementOf(type).isF64() ||
      cast<ShapedType>(type).getShape() !=
          cast<ShapedType>(result.getType()).getShape())
    return;
  result.setType(type);
  rounding.getResult(0).replaceAllUsesWith(result);
  rounding.erase();
}

namespace {
struct KeepTiles : seqc::impl::KeepTilesBase<KeepTiles> {
  using KeepTilesBase::KeepTilesBase;
  void runOnOperation() override {
    SmallVector<LinearRecurrenceOp> ops;
    getOperation()->walk([&](LinearRecurrenceOp op) { ops.push_back(op); });
    for (LinearRecurrenceOp op : ops) {
      auto why = obstacleToTiles(op, sharedBytes);
      if (!why) {
        op->setAttr("seqc.tiles", UnitAttr::get(&getContext()));
        for (unsigned i = 0; i < op.numReads(); ++i)
          foldRounding(op->getResult(i), op.getOutMap());
      } else if (remarks) {
        emitRemark(op.getLoc()) << "has no kernel of tiles: " << *why;
      }
    }
  }
};
} // namespace
