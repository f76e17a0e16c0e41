//===- StepBuilder.cpp - Builds a recurrence operand by operand -----------===//

#include "seqc/dialects/Seq/StepBuilder.h"

using namespace mlir;
using namespace seqc;

static bool same(const Source &a, const Source &b) {
  return a.tensor == b.tensor && a.map == b.map;
}

/// The slice type of a source.
static Type sliceOf(const Source &source) {
  Type type = source.tensor.getType();
  return tensorOrScalar(shapeOf(type).drop_front(source.map.size()),
                        elementOf(type));
}

Value StepBuilder::add(const Source &source) {
  bool timed = source.map.has(RecurrenceOp::getTimeAxis());
  auto &group = timed ? seq : weights;
  unsigned offset = timed ? 0 : seq.size();
  for (auto [i, known] : llvm::enumerate(group))
    if (same(known, source))
      return body->getArgument(offset + i);
  Type type = sliceOf(source);
  if (timed && chunk) {
    SmallVector<int64_t> shape = {chunk};
    llvm::append_range(shape, shapeOf(type));
    type = RankedTensorType::get(shape, elementOf(type));
  }
  unsigned at = offset + group.size();
  group.push_back(source);
  return body->insertArgument(at, type, loc);
}

Value StepBuilder::addCarry(const Source &initial) {
  unsigned at = seq.size() + weights.size() + carries.size();
  carries.push_back(initial);
  return body->insertArgument(at, sliceOf(initial), loc);
}

Value StepBuilder::count() {
  if (!countArg)
    countArg = body->addArgument(inner.getIndexType(), loc);
  return countArg;
}

void StepBuilder::addOut(Value value, AxesAttr map, Type element) {
  outs.push_back({value, map, element});
}

SmallVector<StringAttr> StepBuilder::axes() const {
  SmallVector<StringAttr> result;
  for (const Source &source : seq)
    for (StringAttr axis : source.map.getNames())
      if (!llvm::is_contained(result, axis))
        result.push_back(axis);
  return result;
}

bool seqc::coverAxes(ArrayRef<Source> sources, ArrayRef<StringAttr> axes) {
  return llvm::all_of(axes, [&](StringAttr axis) {
    return llvm::any_of(sources, [&](const Source &source) {
      int64_t at = source.map.find(axis.getValue());
      return source.map.has(RecurrenceOp::getTimeAxis()) && at >= 0 &&
             source.map.getDivisors()[at] == 1;
    });
  });
}

Source seqc::spreadOverTokens(OpBuilder &builder, Location loc,
                              const Source &scalar, ArrayRef<Source> sources) {
  StepBuilder sb(builder, loc);
  for (const Source &source : sources)
    if (source.map.has(RecurrenceOp::getTimeAxis()))
      sb.add(source);
  Value value = sb.add(scalar);
  SmallVector<StringAttr> axes = sb.axes();
  auto map = AxesAttr::get(builder.getContext(), axes,
                           SmallVector<int64_t>(axes.size(), 1));
  sb.addOut(value, map, elementOf(value.getType()));
  return {sb.finish({}, {}).getOuts()[0], map};
}

int64_t seqc::staticSizeOf(ArrayRef<Source> sources, StringAttr axis) {
  for (const Source &source : sources) {
    int64_t at = source.map.find(axis.getValue());
    if (at < 0)
      continue;
    int64_t size = shapeOf(source.tensor.getType())[at];
    if (!ShapedType::isDynamic(size))
      return size * source.map.getDivisors()[at];
  }
  return ShapedType::kDynamic;
}

RecurrenceOp StepBuilder::finish(ValueRange next, const Modifiers &m) {
  if (chunk)
    count();
  SmallVector<Source> all(seq);
  llvm::append_range(all, weights);
  llvm::append_range(all, carries);
  StringAttr segment;
  if (m.segmentsMap)
    segment = m.segmentsMap.getNames()[0];
  auto tensor = [&](AxesAttr map, Type slice, Type element) -> Type {
    SmallVector<int64_t> shape;
    for (StringAttr axis : map.getNames())
      shape.push_back(staticSizeOf(all, axis));
    llvm::append_range(shape, shapeOf(slice));
    return RankedTensorType::get(shape, element);
  };
  SmallVector<Type> types;
  SmallVector<Attribute> seqMaps, weightMaps, carryMaps, restartMaps, outMaps;
  SmallVector<Value> seqValues, weightValues, carryValues, restartValues,
      outValues;
  auto split = [](ArrayRef<Source> sources, SmallVectorImpl<Value> &values,
                  SmallVectorImpl<Attribute> &maps) {
    for (const Source &source : sources) {
      values.push_back(source.tensor);
      maps.push_back(source.map);
    }
  };
  split(seq, seqValues, seqMaps);
  split(weights, weightValues, weightMaps);
  split(carries, carryValues, carryMaps);
  split(m.restarts, restartValues, restartMaps);
  for (const Out &out : outs) {
    Type slice = out.value.getType();
    types.push_back(tensor(out.map, chunk ? dropLeading(slice) : slice,
                           out.element));
    outMaps.push_back(out.map);
    outValues.push_back(out.value);
  }
  SmallVector<StringAttr> states = stateAxesOf(axes(), segment);
  for (auto [i, carry] : llvm::enumerate(carries)) {
    AxesAttr map = finalMapOf(b.getContext(), carry.map, states);
    Type slice = sliceOf(carry);
    types.push_back(tensor(map, slice, elementOf(slice)));
  }
  auto op = RecurrenceOp::create(
      b, loc, types, seqValues, weightValues, carryValues, restartValues,
      m.segments, m.resets, b.getArrayAttr(seqMaps), b.getArrayAttr(weightMaps),
      b.getArrayAttr(carryMaps), b.getArrayAttr(restartMaps), m.segmentsMap,
      m.resetsMap, b.getArrayAttr(outMaps), b.getDenseI64ArrayAttr({}),
      UnitAttr(), UnitAttr(), m.reverse ? b.getUnitAttr() : UnitAttr(),
      chunk ? b.getI64IntegerAttr(chunk) : IntegerAttr());
  YieldOp::create(inner, loc, outValues, next);
  op.getStep().push_back(body.release());
  return op;
}
