//===- KeepTiles.cpp - Linear recurrences for kernels of tiles ------------===//

#include "TilePlan.h"

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/passes/Tiling/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_KEEPTILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

/// Why the vectors make no factors of products, or nothing.
static std::optional<std::string> obstacleToFactors(LinearRecurrenceOp op,
                                                    WideFactors becomes) {
  Type common;
  const char *wide = nullptr;
  for (auto [what, operand] : tile::factorOperands(op)) {
    Type type = elementOf(operand.value.getType());
    if (type.isF32())
      wide = what;
    else if (!type.isBF16() && !type.isF16())
      return std::string(what) + " are neither bf16, f16 nor f32";
    else if (common && type != common)
      return std::string(what) + " have another element type than keys";
    else
      common = type;
    bool constant = StringRef(what) == "values" && tile::splatNumber(operand.value);
    if (!operand.map.has(RecurrenceOp::getTimeAxis()) && !constant)
      return std::string(what) + " are the same at every token";
  }
  if (!common && becomes == WideFactors::keep)
    return "its vectors are f32, which --factors=bf16 rounds and --factors=split splits";
  if (!common && becomes == WideFactors::split && op.numPairs())
    return "a correction of f32 vectors, whose factors are not split";
  if (wide && common && common.isF16())
    return std::string(wide) + " are f32, beyond the range of f16 factors";
  return std::nullopt;
}

std::optional<std::string> seqc::obstacleToTiles(LinearRecurrenceOp op,
                                                 int64_t sharedBytes,
                                                 WideFactors becomes) {
  auto timed = [](LinearRecurrenceOp::Operand o) {
    return o.map.has(RecurrenceOp::getTimeAxis());
  };
  if (op.getResets())
    return "it has resets";
  if (op.getConstant())
    return "it has a constant transition";
  if (op.numPairs() > 1)
    return "it has " + std::to_string(op.numPairs()) + " corrections, expected at most one";
  if (op.numWrites() != 1 || op.numReads() != 1)
    return "it has " + std::to_string(op.numWrites()) + " writes and " +
           std::to_string(op.numReads()) + " reads, expected one of each";
  if (op.getNumOperands() != op.getMaps().size() + bool(op.getSegments()))
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
    bool vector = op.getGateAxes()[i] >= 0;
    if (op.getGateAxes()[i] == 1 && op.numPairs())
      return "a corrected state has a gate for each column";
    if (vector && !timed(op.gate(i)))
      return "a vector gate is the same at every token";
    if (vector && op.keySize() > 128)
      return "a state with a vector gate has " + std::to_string(op.keySize()) +
             " rows, expected at most 128";
    if (!op.getGateLogs()[i])
      return "a gate is not given as a logarithm";
    if (elementOf(op.gate(i).value.getType()).isF64())
      return "a gate is f64";
  }
  if (auto why = obstacleToFactors(op, becomes))
    return why;
  SmallVector<LinearRecurrenceOp::Operand> scales = {op.write(0, 2), op.read(0, 1)};
  if (op.numPairs())
    scales.push_back(op.pair(0, 2));
  // Fewer keys than a chunk has tokens cancel much of what a correction writes: bf16
  // factors then leave errors beyond 5e-3.
  if (op.numPairs() && op.keySize() < 32)
    return "a correction of a state of " + std::to_string(op.keySize()) +
           " rows, expected at least 32";
  for (LinearRecurrenceOp::Operand scale : scales)
    if (elementOf(scale.value.getType()).isF64())
      return "a scale is f64";
  if (elementOf(op.getResult(0).getType()).isF64() ||
      elementOf(op.getFinalState().getType()) != initial.getElementType())
    return "a result is f64, or the final state is not f32";
  bool wide = !tile::factorsOf(op, false);
  tile::Plan plan =
      tile::planOf(op, tile::knobsOf(op), tile::factorsOf(op, becomes != WideFactors::keep),
                   wide && becomes == WideFactors::split);
  return tile::violation(plan, sharedBytes);
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

  /// Teams, where a block has room for their tiles.
  void keepTeams(LinearRecurrenceOp op) {
    Type element = tile::factorsOf(op, /*narrow=*/false);
    if (!element || !tile::hasTeams(op, element))
      return;
    op->setAttr(tile::teamsAttr, UnitAttr::get(&getContext()));
    if (tile::violation(tile::planOf(op, tile::knobsOf(op), element, false), sharedBytes))
      op->removeAttr(tile::teamsAttr);
  }

  void runOnOperation() override {
    SmallVector<LinearRecurrenceOp> ops;
    getOperation()->walk([&](LinearRecurrenceOp op) { ops.push_back(op); });
    for (LinearRecurrenceOp op : ops) {
      auto why = obstacleToTiles(op, sharedBytes, wideFactors(factors));
      if (!why) {
        op->setAttr(kTilesAttr, UnitAttr::get(&getContext()));
        bool wide = !tile::factorsOf(op, /*narrow=*/false);
        if (wide && wideFactors(factors) == WideFactors::split)
          op->setAttr("seqc.split", UnitAttr::get(&getContext()));
        else if (wide)
          op->setAttr("seqc.factors",
                      TypeAttr::get(BFloat16Type::get(&getContext())));
        for (unsigned i = 0; i < op.numReads(); ++i)
          foldRounding(op->getResult(i), op.getOutMap());
        keepTeams(op);
      } else if (remarks) {
        emitRemark(op.getLoc()) << "has no kernel of tiles: " << *why;
      }
    }
  }
};
} // namespace
