//===- LinearSplit.cpp - Linear recurrences over parts of a sequence ------===//

#include "seqc/passes/Forms/SequenceSplit.h"

using namespace mlir;
using namespace seqc;

static StringRef timeAxis() { return RecurrenceOp::getTimeAxis(); }

namespace {
/// A part's summary is the state after it from a state of zero, and its transition:
/// a diagonal for gates, a K x K matrix for corrections, which is the state after it
/// from the identity, nothing written; for a constant the number of its tokens.
class LinearSplit {
public:
  LinearSplit(LinearRecurrenceOp op, OpBuilder &b)
      : op(op), b(b), loc(op.getLoc()) {
    rowGates = op.getResets() != nullptr;
    for (int64_t axis : op.getGateAxes())
      (axis == 1 ? columnGates : rowGates) = true;
  }
  static std::optional<std::string> obstacle(LinearRecurrenceOp op);
  /// What is written, then rows (K x 1, or K x K with corrections) and columns
  /// (1 x V) of the transition, where there are such gates, then the tokens that a
  /// constant's power needs.
  SmallVector<Source> summarise(const TokenView &view);
  SplitStates combine(const TokenView &view, ArrayRef<Source> summary);
  SmallVector<Source> apply(const TokenView &view, const Source &before);

private:
  bool hasRows() { return op.numPairs() || rowGates; }
  struct Roles {
    bool gates[3] = {true, true, true}; // none, K, V
    bool pairs = true, writes = true, reads = true, constant = true;
  };
  SmallVector<Source> run(const TokenView &view, const Source &initial,
                          const Roles &roles);
  /// Logarithms of one for all tokens of the view.
  Source ones(const TokenView &view, AxesAttr axes);
  /// How many tokens every part has.
  Source tokensOf(const TokenView &view);
  /// `state` times the constant's power, in a step, with `count` tokens.
  Value power(OpBuilder &step, Value blocks, Value count, Value state);
  /// Einsums are in f32 or f64: a narrower state is widened.
  Value widened(StepBuilder &sb, Value v);
  Source constantState(int64_t rows, int64_t columns, double diagonal, double rest);

  LinearRecurrenceOp op;
  OpBuilder &b;
  Location loc;
  bool rowGates = false, columnGates = false;
};
} // namespace

std::optional<std::string> LinearSplit::obstacle(LinearRecurrenceOp op) {
  // A correction of the state before its gates is scaled by none of them, so that
  // every column has a transition of its own.
  if (llvm::is_contained(op.getGateAxes(), 1) &&
      llvm::is_contained(op.getPairDecayed(), false))
    return "a vector gate along the second dimension meets a correction";
  return std::nullopt;
}

Source LinearSplit::constantState(int64_t rows, int64_t columns, double diagonal,
                                  double rest) {
  Type element = elementOf(op.getInitial().getType());
  SmallVector<Attribute> entries;
  for (int64_t i = 0; i < rows * columns; ++i)
    entries.push_back(b.getFloatAttr(
        element, rows == columns && i / columns == i % columns ? diagonal : rest));
  Value state = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(RankedTensorType::get({rows, columns}, element),
                             entries));
  return {state, AxesAttr::get(b.getContext(), {}, {})};
}

Source LinearSplit::ones(const TokenView &view, AxesAttr axes) {
  StepBuilder sb(b, loc);
  for (unsigned i = 1; i < op.getMaps().size(); ++i) {
    auto map = cast<AxesAttr>(op.getMaps()[i]);
    if (map.has(timeAxis()))
      sb.add(view.take({op->getOperand(i), map}));
  }
  Type element = b.getF32Type();
  Value zero = arith::ConstantOp::create(sb.step(), loc, b.getF32FloatAttr(0));
  sb.addOut(zero, axes, element);
  return {sb.finish({}, {}).getOuts()[0], axes};
}

Source LinearSplit::tokensOf(const TokenView &view) {
  // Any operand over time; the fewer axes the better.
  std::optional<Source> found;
  for (unsigned i = 1; i < op.getMaps().size(); ++i) {
    auto map = cast<AxesAttr>(op.getMaps()[i]);
    bool plain = llvm::all_of(map.getDivisors(), [](int64_t d) { return d == 1; });
    if (map.has(timeAxis()) && plain && (!found || map.size() < found->map.size()))
      found = {op->getOperand(i), map};
  }
  StepBuilder sb(b, loc);
  if (found)
    sb.add(view.take(*found));
  else
    for (unsigned i = 1; i < op.getMaps().size(); ++i)
      if (auto map = cast<AxesAttr>(op.getMaps()[i]); map.has(timeAxis()))
        sb.add(view.take({op->getOperand(i), map}));
  Type f64 = b.getF64Type();
  Value zero = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(RankedTensorType::get({}, f64), 0.0));
  Value count = sb.addCarry({zero, AxesAttr::get(b.getContext(), {}, {})});
  Value one = arith::ConstantOp::create(sb.step(), loc, b.getF64FloatAttr(1));
  Value next = arith::AddFOp::create(sb.step(), loc, count, one);
  StepBuilder::Modifiers modifiers;
  modifiers.reverse = op.getReverse();
  if (view.isPacked()) {
    modifiers.segments = view.getPieces().tensor;
    modifiers.segmentsMap = view.getPieces().map;
  }
  RecurrenceOp made = sb.finish(next, modifiers);
  return {made.getFinals()[0], made.getFinalMap(0)};
}

Value LinearSplit::power(OpBuilder &step, Value blocks, Value count, Value state) {
  constexpr unsigned bits = 31;
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(step, loc, step.getF64FloatAttr(value));
  };
  auto reaches = [&](Value n, unsigned s) -> Value {
    return arith::CmpFOp::create(step, loc, arith::CmpFPredicate::OGE, n,
                                 number(double(int64_t(1) << s)));
  };
  SmallVector<Value> flags(bits);
  Value left = count;
  for (unsigned s = bits; s-- > 0;) {
    flags[s] = reaches(left, s);
    Value rest =
        arith::SubFOp::create(step, loc, left, number(double(int64_t(1) << s)));
    left = arith::SelectOp::create(step, loc, flags[s], rest, left);
  }
  auto einsum = [&](StringRef equation, ValueRange operands) -> Value {
    return EinsumOp::create(step, loc, operands, step.getStringAttr(equation));
  };
  int64_t r = op.blockSize(), m = op.keySize() / r;
  auto whole = cast<RankedTensorType>(state.getType());
  SmallVector<ReassociationIndices> groups = {{0, 1}, {2}};
  auto split =
      RankedTensorType::get({m, r, op.valueSize()}, whole.getElementType());
  state = tensor::ExpandShapeOp::create(step, loc, split, state, groups);
  Value matrix = blocks;
  for (unsigned s = 0; s < bits; ++s) {
    Value moved = einsum("mij,mjv->miv", {matrix, state});
    state = arith::SelectOp::create(step, loc, flags[s], moved, state);
    if (s + 1 == bits)
      break;
    // Powers beyond what there is are not computed, so that nothing overflows.
    Value none = arith::ConstantOp::create(
        step, loc, cast<TypedAttr>(step.getZeroAttr(matrix.getType())));
    matrix = arith::SelectOp::create(step, loc, reaches(count, s + 1), matrix, none);
    matrix = einsum("mij,mjk->mik", {matrix, matrix});
  }
  return tensor::CollapseShapeOp::create(step, loc, whole, state, groups);
}

SmallVector<Source> LinearSplit::run(const TokenView &view, const Source &initial,
                                     const Roles &roles) {
  SmallVector<Value> gates, pairs, writes, reads;
  SmallVector<Attribute> maps = {initial.map};
  SmallVector<int64_t> gateAxes, readAxes;
  SmallVector<bool> gateLogs, decayed, after;
  SmallVector<Source> sources = {initial};
  auto add = [&](SmallVectorImpl<Value> &group, LinearRecurrenceOp::Operand o) {
    Source source = view.take({o.value, o.map});
    group.push_back(source.tensor);
    maps.push_back(source.map);
    sources.push_back(source);
  };
  for (unsigned i = 0; i < op.numGates(); ++i) {
    if (!roles.gates[op.getGateAxes()[i] + 1])
      continue;
    add(gates, op.gate(i));
    gateAxes.push_back(op.getGateAxes()[i]);
    gateLogs.push_back(op.getGateLogs()[i]);
  }
  for (unsigned i = 0; roles.pairs && i < op.numPairs(); ++i) {
    for (unsigned part = 0; part < 3; ++part)
      add(pairs, op.pair(i, part));
    decayed.push_back(op.getPairDecayed()[i]);
  }
  for (unsigned i = 0; roles.writes && i < op.numWrites(); ++i)
    for (unsigned part = 0; part < 3; ++part)
      add(writes, op.write(i, part));
  for (unsigned i = 0; roles.reads && i < op.numReads(); ++i) {
    for (unsigned part = 0; part < 2; ++part)
      add(reads, op.read(i, part));
    readAxes.push_back(op.getReadAxes()[i]);
    after.push_back(op.getReadAfter()[i]);
  }
  Value constant;
  if (roles.constant && op.getConstant()) {
    auto blocks = op.constantBlocks();
    constant = blocks.value;
    maps.push_back(blocks.map);
  }
  AxesAttr outMap = view.map(op.getOutMap());
  // A transition may depend on fewer axes than the tokens have: a gate of one for
  // all of them says how many tokens there are.
  if (!llvm::all_of(outMap.getNames(), [&](StringAttr axis) {
        return llvm::any_of(ArrayRef<Source>(sources).drop_front(), [&](const Source &s) {
          int64_t at = s.map.find(axis.getValue());
          return at >= 0 && s.map.getDivisors()[at] == 1;
        });
      })) {
    Source carrier = ones(view, outMap);
    gates.push_back(carrier.tensor);
    maps.insert(maps.begin() + gates.size(), carrier.map);
    gateAxes.push_back(-1);
    gateLogs.push_back(true);
    sources.push_back(carrier);
  }
  Value resets;
  AxesAttr resetsMap;
  if (op.getResets()) {
    Source flags = view.take({op.getResets(), *op.getResetsMap()});
    resets = flags.tensor;
    resetsMap = flags.map;
    sources.push_back(flags);
  }
  ArrayRef<int64_t> state = shapeOf(initial.tensor.getType()).take_back(2);
  SmallVector<Type> types;
  auto typeOf = [&](ArrayRef<StringAttr> axes, ArrayRef<int64_t> slice,
                    Type element) {
    SmallVector<int64_t> shape;
    for (StringAttr axis : axes)
      shape.push_back(staticSizeOf(sources, axis));
    llvm::append_range(shape, slice);
    types.push_back(RankedTensorType::get(shape, element));
  };
  for (unsigned i = 0; i < readAxes.size(); ++i)
    typeOf(outMap.getNames(), {state[readAxes[i] == 0 ? 1 : 0]},
           elementOf(op.getResult(i).getType()));
  Value segments;
  AxesAttr segmentsMap;
  if (view.isPacked()) {
    segments = view.getPieces().tensor;
    segmentsMap = view.getPieces().map;
  }
  SmallVector<StringAttr> stateAxes = stateAxesOf(
      outMap.getNames(), segmentsMap ? view.partAxis() : StringAttr());
  AxesAttr finalMap = finalMapOf(b.getContext(), initial.map, stateAxes);
  typeOf(finalMap.getNames(), state, elementOf(initial.tensor.getType()));
  auto made = LinearRecurrenceOp::create(
      b, loc, types, initial.tensor, gates, pairs, writes, reads, constant, segments, resets,
      b.getArrayAttr(maps), segmentsMap, resetsMap, b.getDenseI64ArrayAttr(gateAxes),
      b.getDenseBoolArrayAttr(gateLogs), b.getDenseBoolArrayAttr(decayed),
      b.getDenseI64ArrayAttr(readAxes), b.getDenseBoolArrayAttr(after), outMap,
      op.getReverseAttr());
  SmallVector<Source> results;
  for (Value result : made.getResults().drop_back())
    results.push_back({result, outMap});
  results.push_back({made.getFinalState(), made.getFinalMap()});
  return results;
}

SmallVector<Source> LinearSplit::summarise(const TokenView &view) {
  int64_t keys = op.keySize(), values = op.valueSize();
  Roles written;
  written.reads = false;
  SmallVector<Source> summary;
  summary.push_back(run(view, constantState(keys, values, 0, 0), written).back());
  Roles kept;
  kept.writes = kept.reads = kept.constant = false;
  if (hasRows()) {
    kept.gates[2] = false;
    summary.push_back(run(view,
                          op.numPairs() ? constantState(keys, keys, 1, 0)
                                        : constantState(keys, 1, 1, 1),
                          kept)
                          .back());
  }
  if (columnGates) {
    Roles columns;
    columns.writes = columns.reads = columns.pairs = columns.constant = false;
    columns.gates[0] = columns.gates[1] = false;
    summary.push_back(run(view, constantState(1, values, 1, 1), columns).back());
  }
  if (op.getConstant())
    summary.push_back(tokensOf(view));
  return summary;
}

Value LinearSplit::widened(StepBuilder &sb, Value v) {
  Type element = elementOf(op.getInitial().getType());
  Type wide = tensorOrScalar(shapeOf(v.getType()),
                             element.isF64() ? element : Type(b.getF32Type()));
  return v.getType() == wide
             ? v
             : arith::ExtFOp::create(sb.step(), loc, wide, v).getResult();
}

SplitStates LinearSplit::combine(const TokenView &view,
                                 ArrayRef<Source> summary) {
  // One token is one part.
  auto time = b.getStringAttr(timeAxis());
  auto overParts = [&](const Source &s) -> Source {
    return {s.tensor, renamedAxis(s.map, view.partAxis(), time)};
  };
  StepBuilder sb(b, loc);
  auto einsum = [&](StringRef equation, ValueRange operands) -> Value {
    return EinsumOp::create(sb.step(), loc, operands,
                            b.getStringAttr(equation));
  };
  Value written = sb.add(overParts(summary[0]));
  Value state = sb.addCarry({op.initial().value, op.initial().map});
  Value kept = state;
  if (hasRows())
    kept = einsum(op.numPairs() ? "kj,jv->kv" : "ki,kv->kv",
                  {sb.add(overParts(summary[1])), kept});
  if (columnGates)
    kept = einsum("iv,kv->kv",
                  {sb.add(overParts(summary[1 + hasRows()])), kept});
  if (op.getConstant()) {
    auto blocks = op.constantBlocks();
    kept = power(sb.step(), widened(sb, sb.add({blocks.value, blocks.map})),
                 sb.add(overParts(summary.back())), widened(sb, kept));
  }
  Value next =
      arith::AddFOp::create(sb.step(), loc, widened(sb, kept), widened(sb, written));
  AxesAttr beforeMap = overParts(summary[0]).map;
  sb.addOut(state, beforeMap, elementOf(state.getType()));
  if (next.getType() != state.getType())
    next = arith::TruncFOp::create(sb.step(), loc, state.getType(), next);
  StepBuilder::Modifiers modifiers;
  modifiers.reverse = op.getReverse();
  if (view.getGroups().tensor) {
    modifiers.segments = view.getGroups().tensor;
    modifiers.segmentsMap = view.getGroups().map;
  }
  RecurrenceOp made = sb.finish(next, modifiers);
  return {{{made.getOuts()[0], summary[0].map}},
          {{made.getFinals()[0], made.getFinalMap(0)}}};
}

SmallVector<Source> LinearSplit::apply(const TokenView &view,
                                       const Source &before) {
  return run(view, before, {});
}


namespace {
struct LinearModel
    : SequenceSplitOpInterface::ExternalModel<LinearModel, LinearRecurrenceOp> {
  std::optional<std::string> splitObstacle(Operation *op) const {
    return LinearSplit::obstacle(cast<LinearRecurrenceOp>(op));
  }
  SmallVector<Source> splitOperands(Operation *op) const {
    SmallVector<Source> result;
    for (auto [value, map] :
         llvm::zip(op->getOperands(), cast<LinearRecurrenceOp>(op).getMaps()))
      result.push_back({value, cast<AxesAttr>(map)});
    return result;
  }
  SmallVector<AxesAttr> splitResultMaps(Operation *op) const {
    auto linear = cast<LinearRecurrenceOp>(op);
    SmallVector<AxesAttr> maps(linear.numReads(), linear.getOutMap());
    maps.push_back(linear.getFinalMap());
    return maps;
  }
  Source splitSegments(Operation *op) const {
    auto linear = cast<LinearRecurrenceOp>(op);
    if (!linear.getSegments())
      return {};
    return {linear.getSegments(), *linear.getSegmentsMap()};
  }
  bool splitReverse(Operation *op) const {
    return cast<LinearRecurrenceOp>(op).getReverse();
  }
  bool splitsIntoSegments(Operation *op) const {
    return !cast<LinearRecurrenceOp>(op).getResets();
  }
  SmallVector<Source> summarise(Operation *op, OpBuilder &b,
                                const TokenView &view) const {
    return LinearSplit(cast<LinearRecurrenceOp>(op), b).summarise(view);
  }
  SplitStates combine(Operation *op, OpBuilder &b, const TokenView &view,
                      ArrayRef<Source> summary) const {
    return LinearSplit(cast<LinearRecurrenceOp>(op), b).combine(view, summary);
  }
  SmallVector<Source> apply(Operation *op, OpBuilder &b, const TokenView &view,
                            ArrayRef<Source> before) const {
    return LinearSplit(cast<LinearRecurrenceOp>(op), b).apply(view, before[0]);
  }
};
} // namespace

void seqc::registerLinearSplitModel(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, SeqDialect *) {
    LinearRecurrenceOp::attachInterface<LinearModel>(*context);
  });
}
