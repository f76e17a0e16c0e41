//===- Select.cpp - Which form a recurrence should have -------------------===//

#include "seqc/lib/Structure/Select.h"

#include "seqc/lib/Structure/Ranges.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

/// True if the factor is known to be within 0 .. 1.
static bool isFraction(const Factor &f) {
  switch (f.kind) {
  case Factor::Kind::Value:
    return rangeOf(f.value).within(0, 1);
  case Factor::Kind::Inverse:
    return rangeOf(f.value).low >= 1;
  case Factor::Kind::When:
  case Factor::Kind::Unless:
    return true;
  }
  llvm_unreachable("covered switch");
}

std::optional<FormCost> seqc::structure::estimateForms(RecurrenceOp op,
                                                      std::string *why) {
  auto no = [&](const char *reason) {
    if (why)
      *why = reason;
    return std::nullopt;
  };
  if (op.getChunk() || !op.getSnapshots().empty() || !op.getRestarts().empty() ||
      op.getPosition() || op.getFirst())
    return no("it has a chunk, snapshots, restart values or a position");
  FormCost total;
  bool any = false;
  for (const Component &component : analyze(op).components) {
    Type state = op.getCarryArgs()[component.carries[0]].getType();
    if (component.cls != Class::C4 && component.cls != Class::C5) {
      if (seqc::shapeOf(state).size() > 1)
        return no("a matrix state is neither C4 nor C5");
      continue;
    }
    if (component.carries.size() != 1 || seqc::shapeOf(state).size() != 2 ||
        !elementOf(state).isF32())
      return no("states are coupled, or not f32 matrices");
    Transition t = transitionOf(component.next[0], component.carries[0]);
    if (t.diagonal.terms.size() != 1 || t.diagonal.terms[0].scale <= 0)
      return no("the gate is a sum, or not positive");
    LinearShape shape;
    shape.keys = seqc::shapeOf(state)[0];
    shape.values = seqc::shapeOf(state)[1];
    shape.pairs = t.lowRank.size();
    shape.scalarGate = t.diagonal.terms[0].scale != 1;
    bool along[2] = {false, false};
    for (const Factor &f : t.diagonal.terms[0].factors) {
      // Sums of the gates' logarithms over tokens must not rise.
      if (f.letters.size() > 1 || !isFraction(f))
        return no("a gate is not known to be within 0 .. 1: declare seqc.range");
      if (f.letters.empty() || f.letters[0] > 1)
        shape.scalarGate = true;
      else
        along[f.letters[0]] = shape.vectorGate = true;
    }
    if (along[1] && shape.pairs)
      return no("a vector gate along the second dimension meets a correction");
    if (along[1] && !along[0])
      std::swap(shape.keys, shape.values);
    FormCost cost = formCost(shape);
    total.sequential += cost.sequential;
    total.chunked += cost.chunked;
    any = true;
  }
  if (!any)
    return no("no state is a matrix");
  return total;
}

bool seqc::structure::prefersChunks(RecurrenceOp op) {
  for (auto [v, map] :
       llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>())) {
    int64_t size =
        seqc::shapeOf(v.getType())[map.find(RecurrenceOp::getTimeAxis())];
    if (!ShapedType::isDynamic(size) && size < 2 * kChunk)
      return false;
  }
  std::optional<FormCost> cost = estimateForms(op);
  return cost && cost->chunkedIsFaster();
}
