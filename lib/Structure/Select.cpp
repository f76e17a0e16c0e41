//===- Select.cpp - Which form a recurrence should have -------------------===//

#include "seqc/lib/Structure/Select.h"

#include "seqc/lib/Cost/Work.h"
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
  case Factor::Kind::Same:
  case Factor::Kind::When:
  case Factor::Kind::Unless:
    return true;
  }
  llvm_unreachable("covered switch");
}

StringRef seqc::structure::kindName(FormEstimate::Kind kind) {
  switch (kind) {
  case FormEstimate::Sequential:
    return "sequential";
  case FormEstimate::Scan:
    return "scan";
  case FormEstimate::Chunked:
    return "chunked";
  }
  llvm_unreachable("covered switch");
}

/// Bytes of a token's operands and results, each counted once a sequence.
static double bytesOf(RecurrenceOp op) {
  double bytes = 0;
  for (auto [v, arg] : llvm::zip(op.getSeq(), op.getSeqArgs()))
    bytes += elementsOf(arg.getType()) *
             ((elementOf(v.getType()).getIntOrFloatBitWidth() + 7) / 8);
  for (auto [v, out] : llvm::zip(op.getOuts(), op.getYield().getOuts()))
    bytes += elementsOf(out.getType()) *
             ((elementOf(v.getType()).getIntOrFloatBitWidth() + 7) / 8);
  return bytes;
}

/// True if all vectors of a token are bf16 but for those that only gates depend on.
static bool hasNarrowVectors(RecurrenceOp op, const Term &gate) {
  llvm::SmallPtrSet<Value, 8> gates;
  SmallVector<Value> work;
  for (const Factor &f : gate.factors)
    work.push_back(f.value);
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (gates.insert(v).second)
      if (Operation *def = v.getDefiningOp(); def && op.getStep().isAncestor(def->getParentRegion()))
        llvm::append_range(work, def->getOperands());
  }
  bool any = false;
  for (Value arg : op.getSeqArgs()) {
    if (seqc::shapeOf(arg.getType()).empty() || gates.contains(arg))
      continue;
    if (!elementOf(arg.getType()).isBF16())
      return false;
    any = true;
  }
  return any;
}

/// The matrices of the recurrence, if all of them have a chunked form; else why not.
static std::optional<std::string>
linearShapes(RecurrenceOp op, const Structure &structure,
             SmallVectorImpl<LinearShape> &shapes) {
  if (op.getChunk() || !op.getSnapshots().empty() || !op.getRestarts().empty() ||
      op.getPosition() || op.getFirst())
    return "it has a chunk, snapshots, restart values or a position";
  for (const Component &component : structure.components) {
    Type state = op.getCarryArgs()[component.carries[0]].getType();
    if (component.cls != Class::C4 && component.cls != Class::C5) {
      if (seqc::shapeOf(state).size() > 1)
        return "a matrix state is neither C4 nor C5";
      continue;
    }
    if (component.carries.size() != 1 || seqc::shapeOf(state).size() != 2 ||
        !elementOf(state).isF32())
      return "states are coupled, or not f32 matrices";
    Transition t = transitionOf(component.next[0], component.carries[0]);
    if (!isSumOfOuterProducts(writesOf(component.next[0])))
      return "what is written is no sum of outer products";
    if (t.diagonal.terms.size() != 1 || t.diagonal.terms[0].scale <= 0)
      return "the gate is a sum, or not positive";
    LinearShape shape;
    shape.keys = seqc::shapeOf(state)[0];
    shape.values = seqc::shapeOf(state)[1];
    shape.pairs = t.lowRank.size();
    shape.scalarGate = t.diagonal.terms[0].scale != 1;
    bool along[2] = {false, false};
    for (const Factor &f : t.diagonal.terms[0].factors) {
      // Sums of the gates' logarithms over tokens must not rise.
      if (f.letters.size() > 1 || !isFraction(f))
        return "a gate is not known to be within 0 .. 1: declare seqc.range";
      if (f.letters.empty() || f.letters[0] > 1)
        shape.scalarGate = true;
      else
        along[f.letters[0]] = shape.vectorGate = true;
    }
    if (llvm::any_of(t.lowRank, [](const LowRank &pair) { return pair.axis == 1; })) {
      if (llvm::any_of(t.lowRank, [](const LowRank &pair) { return pair.axis == 0; }))
        return "corrections act along both dimensions";
      // The state is held transposed.
      std::swap(shape.keys, shape.values);
      std::swap(along[0], along[1]);
    }
    if (along[1] && shape.pairs)
      return "a vector gate along the second dimension meets a correction";
    if (along[1] && !along[0])
      std::swap(shape.keys, shape.values);
    shape.narrow = hasNarrowVectors(op, t.diagonal.terms[0]);
    shapes.push_back(shape);
  }
  if (shapes.empty())
    return "no state is a matrix";
  return {};
}

/// Why no component is a scan, or nothing.
static std::optional<std::string> obstacleToScan(RecurrenceOp op,
                                                 const Structure &structure) {
  if (op.getChunk() || !op.getSnapshots().empty() || op.getPosition() || op.getFirst())
    return "it has a chunk, snapshots or a position";
  std::string why = "its state is a matrix";
  for (const Component &component : structure.components) {
    Type element = elementOf(op.getCarryArgs()[component.carries[0]].getType());
    if (!element.isF32() && !element.isF64()) {
      why = "a state is not of f32 or f64";
      continue;
    }
    switch (component.cls) {
    case Class::C1:
    case Class::C2:
    case Class::C2m:
      return {};
    case Class::C3:
      if (elementsOf(op.getCarryArgs()[component.carries[0]].getType()) <= 8)
        return {};
      why = "its constant transition is a large matrix";
      break;
    case Class::C7:
      why = "a state is not affine over any semiring";
      if (component.breaks)
        why += ": '" + component.breaks->getName().getStringRef().str() + "'";
      break;
    default:
      break;
    }
  }
  return why;
}

/// True if every operand and result that changes over time is contiguous along it.
static bool isTimeContiguous(RecurrenceOp op) {
  auto last = [](AxesAttr map) {
    return map.size() &&
           map.getNames().back().getValue() == RecurrenceOp::getTimeAxis();
  };
  return llvm::all_of(op.getSeqMaps().getAsRange<AxesAttr>(), last) &&
         llvm::all_of(op.getOutMaps().getAsRange<AxesAttr>(), last) &&
         llvm::all_of(op.getStep().getArguments(), [](Value arg) {
           return !isa<ShapedType>(arg.getType());
         });
}

/// True if a sequence is known to be shorter than two chunks.
static bool isShort(RecurrenceOp op) {
  for (auto [v, map] :
       llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>())) {
    int64_t at = map.find(RecurrenceOp::getTimeAxis());
    int64_t size = at < 0 ? ShapedType::kDynamic : seqc::shapeOf(v.getType())[at];
    if (!ShapedType::isDynamic(size) && size < 2 * kChunk)
      return true;
  }
  return false;
}

/// Cycles for an element of a prefix that a chunked form finds first: what depends on it
/// is written to memory that nobody touched before, and read again (LightNet).
static constexpr double kBeside = 30;

/// The states, if each has a dense transition that no token changes.
static SmallVector<ConstantShape> constantShapes(RecurrenceOp op,
                                                 const Structure &structure) {
  SmallVector<ConstantShape> shapes;
  if (op.getChunk() || !op.getSnapshots().empty() || !op.getRestarts().empty() ||
      op.getPosition() || op.getFirst())
    return shapes;
  auto isScalar = [](Value v) { return seqc::shapeOf(v.getType()).empty(); };
  for (const Component &component : structure.components) {
    Type state = op.getCarryArgs()[component.carries[0]].getType();
    ArrayRef<int64_t> sizes = seqc::shapeOf(state);
    if (component.cls != Class::C3 || component.carries.size() != 1 || sizes.empty() ||
        sizes.size() > 2 || sizes[0] <= 8 || !elementOf(state).isF32())
      return {};
    ConstantShape shape;
    shape.order = sizes[0];
    shape.columns = sizes.size() > 1 ? sizes[1] : 1;
    if (llvm::all_of(op.getSeqArgs(), isScalar))
      shape.reads = llvm::all_of(op.getYield().getOuts(), isScalar)
                        ? ConstantShape::Reads::Fixed
                        : ConstantShape::Reads::Whole;
    shapes.push_back(shape);
  }
  return shapes;
}

FormTable seqc::structure::estimateForms(RecurrenceOp op, const CpuMachine &machine) {
  FormTable table;
  Structure structure = analyze(op);
  Work work = workOf(op.getStep());
  double operations = work.operations + kOperationsPerFunction * work.functions,
         bytes = bytesOf(op);
  auto add = [&](FormEstimate::Kind kind, bool parts,
                 std::optional<std::string> obstacle) -> FormCost & {
    table.forms.push_back({kind, parts, obstacle.value_or(""), FormCost()});
    return table.forms.back().cost;
  };
  SmallVector<LinearShape> shapes;
  std::optional<std::string> noChunks = linearShapes(op, structure, shapes);
  if (noChunks)
    shapes.clear();

  SmallVector<ConstantShape> constants;
  if (noChunks)
    constants = constantShapes(op, structure);
  std::optional<std::string> noParts;
  if (op.getSegments())
    noParts = "packed segments run apart already";
  else if (noChunks)
    noParts = constants.empty() ? *noChunks : "its transition is a large matrix";
  else if (structure.components.size() != shapes.size())
    noParts = "it has states beside its matrices";
  if (!constants.empty())
    noChunks.reset();

  bool rows = isTimeContiguous(op);
  FormCost &sequential = add(FormEstimate::Sequential, false, {});
  if (shapes.empty() && constants.empty())
    sequential = elementCost(operations, bytes, !rows);
  for (const ConstantShape &shape : constants)
    sequential += constantCost(shape, false, machine);
  for (const LinearShape &shape : shapes)
    sequential += stepCost(shape, machine);
  sequential.operations = operations;
  sequential.bytes = bytes;
  FormCost whole = sequential;

  add(FormEstimate::Scan, false, obstacleToScan(op, structure));
  if (table.forms.back().legal()) {
    // A sum or maximum is its own element; others are a factor and a term.
    double elements = 0;
    bool blocked = rows && !op.getReverse() && !op.getSegments() && !op.getResets();
    for (const Component &component : structure.components) {
      blocked &= component.carries.size() == 1 &&
                 (component.cls == Class::C1 || component.cls == Class::C2);
      for (unsigned carry : component.carries)
        elements += (component.cls == Class::C1 ? 1 : 2) *
                    elementsOf(op.getCarryArgs()[carry].getType());
    }
    for (Value arg : op.getCarryArgs())
      blocked &= !isa<ShapedType>(arg.getType());
    table.forms.back().cost = scanCost(whole, elements, blocked);
  }

  FormCost chunked;
  for (const LinearShape &shape : shapes)
    chunked += chunkCost(shape, machine);
  for (const ConstantShape &shape : constants)
    chunked += constantCost(shape, true, machine);
  // What is around the products is done once, whatever the form; but prefixes
  // that gates depend on are computed for all tokens before: they go through memory.
  chunked.bytes = bytes;
  if (!noChunks)
    for (const Component &component : structure.components)
      if (component.cls == Class::C1)
        for (unsigned carry : component.carries)
          chunked.token += kBeside * elementsOf(op.getCarryArgs()[carry].getType());
  add(FormEstimate::Chunked, false, noChunks) = chunked;

  for (bool inChunks : {false, true}) {
    FormCost &cost =
        add(inChunks ? FormEstimate::Chunked : FormEstimate::Sequential, true, noParts);
    if (!noParts)
      cost = partsCost(inChunks ? chunked : whole, shapes[0], inChunks, machine);
  }

  auto best = [&](bool inParts) {
    unsigned at = inParts ? 3 : 0;
    for (unsigned i = at; i < table.forms.size(); ++i)
      if (const FormEstimate &f = table.forms[i];
          f.legal() && f.inParts == inParts &&
          f.cost.token < table.forms[at].cost.token)
        at = i;
    return at;
  };
  table.chosen = isShort(op) ? 0 : best(false);
  if (!noParts && machine.cores > 1 && !isShort(op)) {
    table.chosenInParts = best(true);
    table.parts = partsRule(table.forms[table.chosen].cost,
                            table.forms[table.chosenInParts].cost, machine);
  }
  return table;
}

SequenceSizes seqc::structure::sizesOf(RecurrenceOp op) {
  SequenceSizes sizes;
  auto find = [&](StringRef axis) -> std::pair<Value, int64_t> {
    for (auto [v, map] :
         llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>()))
      if (int64_t at = map.find(axis); at >= 0 && map.getDivisors()[at] == 1)
        return {v, at};
    return {};
  };
  for (StringAttr axis : op.getCarryAxes())
    if (auto size = find(axis.getValue()); size.first)
      sizes.sequences.push_back(size);
  sizes.tokens = find(RecurrenceOp::getTimeAxis());
  return sizes;
}
