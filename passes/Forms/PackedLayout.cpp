//===- PackedLayout.cpp - Chunks over the packed axis ---------------------===//

#include "PackedLayout.h"

#include "seqc/dialects/Seq/StepBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace seqc;

using Operand = LinearRecurrenceOp::Operand;

/// Marks recurrences whose chunks straddle boundaries.
static constexpr StringRef kStraddles = "seqc.straddles";

bool seqc::straddles(LinearRecurrenceOp op) { return op->hasAttr(kStraddles); }

static bool isZero(Value v) {
  auto constant = v.getDefiningOp<arith::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue())
                        : DenseFPElementsAttr();
  return dense && dense.isSplat() && dense.getSplatValue<APFloat>().isZero();
}

/// Operands and their maps, the initial state left out.
static SmallVector<Source> operandsOf(LinearRecurrenceOp op) {
  SmallVector<Source> result;
  for (unsigned i = 1; i < op.getMaps().size(); ++i)
    result.push_back({op->getOperand(i), cast<AxesAttr>(op.getMaps()[i])});
  return result;
}

bool seqc::prefersStraddling(LinearRecurrenceOp op, int64_t chunk) {
  if (!op.getSegments() || !isZero(op.getInitial()) ||
      !op.getFinalState().use_empty())
    return false;
  auto time = StringAttr::get(op.getContext(), RecurrenceOp::getTimeAxis());
  int64_t tokens = staticSizeOf(operandsOf(op), time),
          entries = shapeOf(op.getSegments().getType())[0];
  return !ShapedType::isDynamic(tokens) && !ShapedType::isDynamic(entries) &&
         entries > 1 && 2 * tokens < chunk * (entries - 1);
}

/// Flags of the tokens that segments start with, and their axes.
static Source startsOf(LinearRecurrenceOp op, OpBuilder &b) {
  Location loc = op.getLoc();
  // One operand over time is enough, the smaller the better.
  SmallVector<Source> seq;
  for (const Source &source : operandsOf(op)) {
    if (!source.map.has(RecurrenceOp::getTimeAxis()))
      continue;
    bool plain = llvm::all_of(source.map.getDivisors(),
                              [](int64_t divisor) { return divisor == 1; });
    if (plain && (seq.empty() || source.map.size() < seq[0].map.size()))
      seq.assign({source});
  }
  if (seq.empty())
    for (const Source &source : operandsOf(op))
      if (source.map.has(RecurrenceOp::getTimeAxis()))
        seq.push_back(source);
  SmallVector<Value> values;
  SmallVector<Attribute> maps;
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> shape;
  for (const Source &source : seq) {
    values.push_back(source.tensor);
    maps.push_back(source.map);
    for (StringAttr axis : source.map.getNames())
      if (!llvm::is_contained(axes, axis))
        axes.push_back(axis);
  }
  for (StringAttr axis : axes)
    shape.push_back(staticSizeOf(seq, axis));
  auto map = AxesAttr::get(b.getContext(), axes,
                           SmallVector<int64_t>(axes.size(), 1));
  Type i8 = b.getI8Type();
  ArrayAttr none = b.getArrayAttr({});
  auto made = RecurrenceOp::create(
      b, loc, Type(RankedTensorType::get(shape, i8)), values, ValueRange(),
      ValueRange(), ValueRange(), op.getSegments(), Value(), b.getArrayAttr(maps),
      none, none, none, op.getSegmentsMapAttr(), AxesAttr(),
      b.getArrayAttr(ArrayRef<Attribute>(map)), b.getDenseI64ArrayAttr({}),
      UnitAttr(), b.getUnitAttr(), op.getReverseAttr(), IntegerAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *step = b.createBlock(&made.getStep());
  for (const Source &source : seq)
    step->addArgument(
        tensorOrScalar(shapeOf(source.tensor.getType()).drop_front(source.map.size()),
                       elementOf(source.tensor.getType())),
        loc);
  Value first = step->addArgument(b.getI1Type(), loc);
  Value flag = arith::ExtUIOp::create(b, loc, i8, first);
  YieldOp::create(b, loc, flag, ValueRange());
  return {made.getOuts()[0], map};
}

/// The recurrence again, with or without its writes and reads, and from `initial` over
/// the whole axis with `flags`, or in segments.
static LinearRecurrenceOp partOf(LinearRecurrenceOp op, OpBuilder &b, bool writes,
                                 bool reads, Value initial, const Source *flags) {
  SmallVector<Source> operands;
  auto add = [&](Operand o) { operands.push_back({o.value, o.map}); };
  for (unsigned i = 0; i < op.numGates(); ++i)
    add(op.gate(i));
  for (unsigned i = 0; i < op.numPairs(); ++i)
    for (unsigned part = 0; part < 3; ++part)
      add(op.pair(i, part));
  unsigned updates = operands.size();
  for (unsigned i = 0; writes && i < op.numWrites(); ++i)
    for (unsigned part = 0; part < 3; ++part)
      add(op.write(i, part));
  unsigned queries = operands.size();
  for (unsigned i = 0; reads && i < op.numReads(); ++i)
    for (unsigned part = 0; part < 2; ++part)
      add(op.read(i, part));
  // What is left out may have been all that has some axis: a scale has it then.
  if (!coverAxes(operands, op.getOutMap().getNames()))
    operands.back() =
        spreadOverTokens(b, op.getLoc(), operands.back(), operandsOf(op));
  unsigned constant = operands.size();
  if (op.getConstant())
    add(op.constantBlocks());
  AxesAttr none = AxesAttr::get(b.getContext(), {}, {});
  SmallVector<Attribute> maps = {flags ? none : op.initial().map};
  SmallVector<Value> values;
  for (const Source &source : operands) {
    maps.push_back(source.map);
    values.push_back(source.tensor);
  }
  unsigned gates = op.numGates();
  SmallVector<Type> types;
  for (unsigned i = 0; reads && i < op.numReads(); ++i)
    types.push_back(op.getResult(i).getType());
  auto final = cast<RankedTensorType>(op.getFinalState().getType());
  if (flags) {
    SmallVector<int64_t> shape;
    for (StringAttr axis : stateAxesOf(op.getOutMap().getNames(), {}))
      shape.push_back(staticSizeOf(operandsOf(op), axis));
    llvm::append_range(shape, final.getShape().take_back(2));
    final = RankedTensorType::get(shape, final.getElementType());
  }
  types.push_back(final);
  ArrayRef<int64_t> axes = op.getReadAxes();
  ArrayRef<bool> after = op.getReadAfter();
  return LinearRecurrenceOp::create(
      b, op.getLoc(), types, initial, ArrayRef(values).take_front(gates),
      ArrayRef(values).slice(gates, updates - gates),
      ArrayRef(values).slice(updates, queries - updates),
      ArrayRef(values).slice(queries, constant - queries),
      op.getConstant(), flags ? Value() : op.getSegments(), flags ? flags->tensor : Value(),
      b.getArrayAttr(maps), flags ? AxesAttr() : op.getSegmentsMapAttr(),
      flags ? flags->map : AxesAttr(), op.getGateAxesAttr(), op.getGateLogsAttr(),
      op.getPairDecayedAttr(),
      b.getDenseI64ArrayAttr(reads ? axes : ArrayRef<int64_t>()),
      b.getDenseBoolArrayAttr(reads ? after : ArrayRef<bool>()), op.getOutMap(),
      op.getReverseAttr());
}

void seqc::straddleSegments(LinearRecurrenceOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto replace = [&](Value old, Value value) {
    if (value.getType() != old.getType())
      value = tensor::CastOp::create(b, loc, old.getType(), value);
    old.replaceAllUsesWith(value);
  };
  bool entered = !isZero(op.getInitial());
  if (op.numReads() && op.numWrites()) {
    Source flags = startsOf(op, b);
    auto state = cast<RankedTensorType>(op.getInitial().getType());
    auto slice = RankedTensorType::get(state.getShape().take_back(2),
                                       state.getElementType());
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(slice));
    auto inside = partOf(op, b, true, true, zero, &flags);
    inside->setAttr(kStraddles, b.getUnitAttr());
    auto before = entered ? partOf(op, b, false, true, op.getInitial(), nullptr)
                          : LinearRecurrenceOp();
    for (unsigned i = 0; i < op.numReads(); ++i) {
      Value result = inside.getResult(i);
      if (before) {
        StepBuilder sb(b, loc);
        Value sum = arith::AddFOp::create(
            sb.step(), loc, sb.add({result, op.getOutMap()}),
            sb.add({before.getResult(i), op.getOutMap()}));
        sb.addOut(sum, op.getOutMap(), elementOf(result.getType()));
        result = sb.finish({}, {}).getOuts()[0];
      }
      replace(op.getResult(i), result);
    }
  } else if (op.numReads()) {
    auto before = partOf(op, b, false, true, op.getInitial(), nullptr);
    for (unsigned i = 0; i < op.numReads(); ++i)
      replace(op.getResult(i), before.getResult(i));
  }
  if (!op.getFinalState().use_empty())
    replace(op.getFinalState(),
            partOf(op, b, true, false, op.getInitial(), nullptr).getFinalState());
  op.erase();
}
