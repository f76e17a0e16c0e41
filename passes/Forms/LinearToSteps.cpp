//===- LinearToSteps.cpp - Linear recurrences in sequential form ----------===//

#include "Replace.h"

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/dialects/Seq/StepBuilder.h"
#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace seqc {
#define GEN_PASS_DEF_LINEARTOSTEPS
#include "seqc/passes/Forms/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

static void convert(LinearRecurrenceOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  StepBuilder sb(b, loc);
  OpBuilder &step = sb.step();
  auto arg = [&](LinearRecurrenceOp::Operand o) {
    return sb.add({o.value, o.map});
  };
  auto einsum = [&](StringRef equation, ValueRange operands) -> Value {
    return EinsumOp::create(step, loc, operands, step.getStringAttr(equation));
  };
  auto plus = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(step, loc, x, y);
  };
  Value state = sb.addCarry({op.initial().value, op.initial().map});
  Value kept = einsum("kv->kv", state);
  Type element = elementOf(kept.getType());
  if (op.getConstant()) {
    Value blocks = arg(op.constantBlocks());
    int64_t r = op.blockSize();
    if (r == op.keySize()) {
      kept = einsum("mkj,jv->kv", {blocks, kept});
    } else {
      SmallVector<ReassociationIndices> groups = {{0, 1}, {2}};
      auto whole = cast<RankedTensorType>(kept.getType());
      auto split = RankedTensorType::get({op.keySize() / r, r, op.valueSize()}, element);
      kept = tensor::ExpandShapeOp::create(step, loc, split, kept, groups);
      kept = einsum("mkj,mjv->mkv", {blocks, kept});
      kept = tensor::CollapseShapeOp::create(step, loc, whole, kept, groups);
    }
  }
  for (unsigned i = 0; i < op.numGates(); ++i) {
    Value gate = arg(op.gate(i));
    if (op.getGateLogs()[i]) {
      StringRef same = shapeOf(gate.getType()).empty() ? "->" : "k->k";
      gate = math::ExpOp::create(step, loc, einsum(same, gate));
    }
    int64_t axis = op.getGateAxes()[i];
    kept = einsum(axis < 0 ? ",kv->kv" : axis == 0 ? "k,kv->kv" : "v,kv->kv",
                  {gate, kept});
  }
  Value next = kept;
  for (unsigned i = 0; i < op.numPairs(); ++i) {
    Value read = einsum(
        "k,kv->v", {arg(op.pair(i, 1)), op.getPairDecayed()[i] ? kept : state});
    next = plus(next, einsum("k,v,->kv",
                             {arg(op.pair(i, 0)), read, arg(op.pair(i, 2))}));
  }
  for (unsigned i = 0; i < op.numWrites(); ++i)
    next = plus(next, einsum("k,v,->kv", {arg(op.write(i, 0)),
                                          arg(op.write(i, 1)),
                                          arg(op.write(i, 2))}));
  for (unsigned i = 0; i < op.numReads(); ++i) {
    Value from = op.getReadAfter()[i] ? next : state;
    Value y = einsum(op.getReadAxes()[i] == 0 ? "k,kv,->v" : "v,kv,->k",
                     {arg(op.read(i, 0)), from, arg(op.read(i, 1))});
    sb.addOut(y, op.getOutMap(), elementOf(op.getResult(i).getType()));
  }
  Type stored = elementOf(state.getType());
  if (stored != element)
    next = arith::TruncFOp::create(step, loc, state.getType(), next);
  StepBuilder::Modifiers m;
  m.segments = op.getSegments();
  m.resets = op.getResets();
  if (op.getSegments())
    m.segmentsMap = *op.getSegmentsMap();
  if (op.getResets())
    m.resetsMap = *op.getResetsMap();
  m.reverse = op.getReverse();
  replaceLinear(op, sb.finish(next, m));
}

namespace {
struct LinearToSteps : seqc::impl::LinearToStepsBase<LinearToSteps> {
  using LinearToStepsBase::LinearToStepsBase;
  void runOnOperation() override {
    SmallVector<LinearRecurrenceOp> ops;
    getOperation()->walk([&](LinearRecurrenceOp op) {
      if (!hasKernelOfTiles(op))
        ops.push_back(op);
    });
    for (LinearRecurrenceOp op : ops)
      convert(op);
  }
};
} // namespace
