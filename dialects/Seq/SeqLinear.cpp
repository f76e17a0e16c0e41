//===- SeqLinear.cpp - The canonical linear recurrence --------------------===//

#include "seqc/dialects/Seq/Seq.h"

using namespace mlir;
using namespace seqc;

using Operand = LinearRecurrenceOp::Operand;

/// Operand number `index` and its map; operands stand in the order of `maps`.
static Operand operandAt(LinearRecurrenceOp op, unsigned index) {
  return {op->getOperand(index), cast<AxesAttr>(op.getMaps()[index])};
}

Operand LinearRecurrenceOp::initial() { return operandAt(*this, 0); }
Operand LinearRecurrenceOp::gate(unsigned i) { return operandAt(*this, 1 + i); }
Operand LinearRecurrenceOp::pair(unsigned i, unsigned part) {
  return operandAt(*this, 1 + getGates().size() + 3 * i + part);
}
Operand LinearRecurrenceOp::write(unsigned i, unsigned part) {
  return operandAt(*this,
                   1 + getGates().size() + getPairs().size() + 3 * i + part);
}
Operand LinearRecurrenceOp::read(unsigned i, unsigned part) {
  return operandAt(*this, 1 + getGates().size() + getPairs().size() +
                              getWrites().size() + 2 * i + part);
}

Operand LinearRecurrenceOp::constantBlocks() {
  return operandAt(*this, getMaps().size() - 1);
}
int64_t LinearRecurrenceOp::blockSize() {
  return shapeOf(getConstant().getType()).back();
}

int64_t LinearRecurrenceOp::keySize() {
  return shapeOf(getInitial().getType()).drop_back().back();
}
int64_t LinearRecurrenceOp::valueSize() {
  return shapeOf(getInitial().getType()).back();
}

StringAttr LinearRecurrenceOp::getSegmentAxis() {
  auto map = getSegmentsMap();
  return map && map->size() == 1 ? map->getNames()[0] : StringAttr();
}

SmallVector<StringAttr> LinearRecurrenceOp::getCarryAxes() {
  return stateAxesOf(getOutMap().getNames(), getSegmentAxis());
}

AxesAttr LinearRecurrenceOp::getFinalMap() {
  return finalMapOf(getContext(), initial().map, getCarryAxes());
}

LogicalResult LinearRecurrenceOp::verify() {
  unsigned operands = 1 + getGates().size() + getPairs().size() +
                      getWrites().size() + getReads().size() +
                      bool(getConstant());
  auto count = [&](StringRef what, size_t found, size_t expected) {
    if (found == expected)
      return success();
    return LogicalResult(emitOpError() << "has " << found << " " << what
                                       << ", expected " << expected << " (L1)");
  };
  if (failed(count("maps", getMaps().size(), operands)) ||
      failed(count("gate_axes", getGateAxes().size(), getGates().size())) ||
      failed(count("gate_logs", getGateLogs().size(), getGates().size())) ||
      failed(count("operands of pairs", getPairs().size(),
                   3 * getPairDecayed().size())) ||
      failed(count("operands of writes", getWrites().size(),
                   3 * (getWrites().size() / 3))) ||
      failed(count("operands of reads", getReads().size(),
                   2 * getReadAxes().size())) ||
      failed(count("read_after", getReadAfter().size(), getReadAxes().size())))
    return failure();
  for (Attribute map : getMaps())
    if (!isa<AxesAttr>(map))
      return emitOpError("has a map that is not #seqc.axes (L1)");
  for (int64_t axis : getGateAxes())
    if (axis < -1 || axis > 1)
      return emitOpError() << "has gate axis " << axis
                           << ", expected -1, 0 or 1 (L1)";
  for (int64_t axis : getReadAxes())
    if (axis < 0 || axis > 1)
      return emitOpError() << "has read axis " << axis
                           << ", expected 0 or 1 (L1)";

  bool timed = false;
  auto operand = [&](StringRef what, unsigned i, Operand o,
                     ArrayRef<int64_t> slice) -> LogicalResult {
    auto type = dyn_cast<RankedTensorType>(o.value.getType());
    timed |= o.map.has(RecurrenceOp::getTimeAxis());
    // A number that is the same everywhere may be a scalar.
    if (isa<FloatType>(o.value.getType()) && o.map.size() + slice.size() == 0)
      return success();
    bool ok = type && isa<FloatType>(type.getElementType()) &&
              type.getRank() == int64_t(o.map.size() + slice.size());
    for (unsigned d = 0; ok && d < slice.size(); ++d)
      ok = ShapedType::isDynamic(slice[d])
               ? !type.isDynamicDim(o.map.size() + d)
               : type.getDimSize(o.map.size() + d) == slice[d];
    if (ok)
      return success();
    InFlightDiagnostic diag =
        emitOpError() << what << " #" << i << " is " << o.value.getType()
                      << ", expected a tensor of floats with " << o.map.size()
                      << " leading dimensions and then [";
    llvm::interleaveComma(slice, diag, [&](int64_t size) {
      if (ShapedType::isDynamic(size))
        diag << "a static size";
      else
        diag << size;
    });
    return diag << "] (L2)";
  };
  if (failed(operand("initial", 0, initial(),
                     {ShapedType::kDynamic, ShapedType::kDynamic})))
    return failure();
  if (timed)
    return emitOpError("has an initial state that names the time axis (L3)");
  int64_t sizes[2] = {keySize(), valueSize()};
  for (unsigned i = 0; i < numGates(); ++i) {
    int64_t axis = getGateAxes()[i];
    if (failed(operand("gate", i, gate(i),
                       axis < 0 ? ArrayRef<int64_t>() : ArrayRef(sizes[axis]))))
      return failure();
  }
  for (unsigned i = 0; i < numPairs(); ++i)
    if (failed(operand("left of pair", i, pair(i, 0), sizes[0])) ||
        failed(operand("right of pair", i, pair(i, 1), sizes[0])) ||
        failed(operand("scale of pair", i, pair(i, 2), {})))
      return failure();
  for (unsigned i = 0; i < numWrites(); ++i)
    if (failed(operand("key of write", i, write(i, 0), sizes[0])) ||
        failed(operand("value of write", i, write(i, 1), sizes[1])) ||
        failed(operand("scale of write", i, write(i, 2), {})))
      return failure();
  for (unsigned i = 0; i < numReads(); ++i)
    if (failed(operand("query of read", i, read(i, 0),
                       sizes[getReadAxes()[i]])) ||
        failed(operand("scale of read", i, read(i, 1), {})))
      return failure();
  if (getConstant()) {
    bool before = timed;
    auto blocks = constantBlocks();
    timed = false;
    if (failed(operand("constant", 0, blocks,
                       SmallVector<int64_t>(3, ShapedType::kDynamic))))
      return failure();
    ArrayRef<int64_t> shape = shapeOf(blocks.value.getType()).take_back(3);
    if (timed || shape[1] != shape[2] || shape[0] * shape[1] != sizes[0])
      return emitOpError() << "has a constant of " << blocks.value.getType()
                           << ", expected square blocks that make up " << sizes[0]
                           << " rows, the same at every token (L7)";
    if (llvm::is_contained(getGateAxes(), 0) || numPairs())
      return emitOpError("has a constant beside pairs or gates along the first "
                         "dimension (L7)");
    timed = before;
  }
  if (!timed)
    return emitOpError("has no operand that names the time axis 't' (L3)");

  llvm::SmallDenseSet<StringAttr> axes;
  for (StringAttr axis : getOutMap().getNames())
    if (!axes.insert(axis).second)
      return emitOpError() << "out_map names axis '" << axis.getValue()
                           << "' twice (L4)";
  StringAttr segment = getSegmentAxis();
  for (unsigned i = 0; i < operands; ++i)
    for (StringAttr axis : cast<AxesAttr>(getMaps()[i]).getNames())
      if (!axes.contains(axis) && axis != segment)
        return emitOpError() << "out_map lacks axis '" << axis.getValue()
                             << "' of operand #" << i << " (L4)";
  if (!getOutMap().has(RecurrenceOp::getTimeAxis()))
    return emitOpError("out_map lacks the time axis 't' (L4)");

  if (bool(getSegments()) != getSegmentsMap().has_value() ||
      bool(getResets()) != getResetsMap().has_value() ||
      (getSegments() && getResets()) ||
      (getSegmentsMap() && getSegmentsMap()->size() != 1))
    return emitOpError("needs axes for segments or resets, at most one of them "
                       "(L5)");
  if (getNumResults() != numReads() + 1)
    return emitOpError() << "has " << getNumResults() << " results, expected "
                         << numReads() + 1 << " (L6)";
  for (unsigned i = 0; i <= numReads(); ++i) {
    bool last = i == numReads();
    AxesAttr map = last ? getFinalMap() : getOutMap();
    SmallVector<int64_t> slice;
    if (last)
      slice.assign({sizes[0], sizes[1]});
    else
      slice.push_back(sizes[1 - getReadAxes()[i]]);
    auto type = dyn_cast<RankedTensorType>(getResult(i).getType());
    if (!type || !isa<FloatType>(type.getElementType()) ||
        type.getRank() != int64_t(map.size() + slice.size()) ||
        type.getShape().drop_front(map.size()) != ArrayRef<int64_t>(slice))
      return emitOpError() << "result #" << i << " is " << getResult(i).getType()
                           << ", expected a tensor of floats with " << map.size()
                           << " leading dimensions and the read's size (L6)";
  }
  return success();
}
