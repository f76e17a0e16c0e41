//===- Select.cpp - Which form a recurrence should have -------------------===//

#include "seqc/lib/Structure/Select.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

std::optional<FormCost> seqc::structure::estimateForms(RecurrenceOp op) {
  if (op.getChunk() || !op.getSnapshots().empty() || !op.getRestarts().empty() ||
      op.getPosition() || op.getFirst())
    return std::nullopt;
  FormCost total;
  bool any = false;
  for (const Component &component : analyze(op).components) {
    Type state = op.getCarryArgs()[component.carries[0]].getType();
    if (component.cls != Class::C4 && component.cls != Class::C5) {
      if (seqc::shapeOf(state).size() > 1)
        return std::nullopt;
      continue;
    }
    if (component.carries.size() != 1 || seqc::shapeOf(state).size() != 2 ||
        !elementOf(state).isF32())
      return std::nullopt;
    Transition t = transitionOf(component.next[0], component.carries[0]);
    if (t.diagonal.terms.size() != 1 || t.diagonal.terms[0].scale <= 0)
      return std::nullopt;
    LinearShape shape;
    shape.keys = seqc::shapeOf(state)[0];
    shape.values = seqc::shapeOf(state)[1];
    shape.pairs = t.lowRank.size();
    shape.scalarGate = t.diagonal.terms[0].scale != 1;
    bool along[2] = {false, false};
    for (const Factor &f : t.diagonal.terms[0].factors) {
      // A gate has to be known by its logarithm.
      if (f.kind != Factor::Kind::Value || !f.value.getDefiningOp<math::ExpOp>() ||
          f.letters.size() > 1)
        return std::nullopt;
      if (f.letters.empty() || f.letters[0] > 1)
        shape.scalarGate = true;
      else
        along[f.letters[0]] = shape.vectorGate = true;
    }
    if (along[1] && (along[0] || shape.pairs))
      return std::nullopt;
    if (along[1])
      std::swap(shape.keys, shape.values);
    FormCost cost = formCost(shape);
    total.sequential += cost.sequential;
    total.chunked += cost.chunked;
    any = true;
  }
  if (!any)
    return std::nullopt;
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
