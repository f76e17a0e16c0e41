//===- SplitSequence.cpp - Linear recurrences over parts of a sequence ----===//

#include "SequenceSplit.h"

#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace seqc {
#define GEN_PASS_DEF_SPLITSEQUENCE
#include "seqc/passes/Forms/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

static StringRef timeAxis() { return RecurrenceOp::getTimeAxis(); }

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

AxesAttr TokenView::map(AxesAttr map) const {
  int64_t at = map.find(timeAxis());
  if (at < 0 || !part)
    return map;
  SmallVector<StringAttr> names(map.getNames());
  SmallVector<int64_t> divisors(map.getDivisors());
  names.insert(names.begin() + at, part);
  divisors.insert(divisors.begin() + at, 1);
  return AxesAttr::get(b.getContext(), names, divisors);
}

Source TokenView::take(const Source &operand) const {
  int64_t at = operand.map.find(timeAxis());
  if (at < 0)
    return operand;
  auto type = cast<RankedTensorType>(operand.tensor.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
      strides(type.getRank(), b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, loc, operand.tensor);
  Value all = part ? arith::MulIOp::create(
                         b, loc, length,
                         arith::ConstantIndexOp::create(b, loc, parts).getResult())
                         .getResult()
                   : length;
  offsets[at] = offset;
  sizes[at] = all;
  SmallVector<int64_t> shape(type.getShape());
  shape[at] = ShapedType::kDynamic;
  Value slice = tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), operand.tensor,
      offsets, sizes, strides);
  if (!part)
    return {slice, operand.map};
  // [.., parts * length, ..] as [.., parts, length, ..].
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (d == at)
      groups.push_back({d, d + 1});
    else
      groups.push_back({d < at ? d : d + 1});
  }
  sizes[at] = length;
  sizes.insert(sizes.begin() + at, b.getIndexAttr(parts));
  shape.insert(shape.begin() + at, parts);
  Value cut = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), slice, groups,
      sizes);
  return {cut, map(operand.map)};
}

//===----------------------------------------------------------------------===//
// The split of linear recurrences
//===----------------------------------------------------------------------===//

std::optional<std::string> LinearSplit::obstacle(LinearRecurrenceOp op) {
  if (op.getSegments())
    return "it has segments, which are parts already";
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
  SmallVector<StringAttr> stateAxes = stateAxesOf(outMap.getNames(), StringAttr());
  AxesAttr finalMap = finalMapOf(b.getContext(), initial.map, stateAxes);
  typeOf(finalMap.getNames(), state, elementOf(initial.tensor.getType()));
  auto made = LinearRecurrenceOp::create(
      b, loc, types, initial.tensor, gates, pairs, writes, reads, Value(), resets,
      b.getArrayAttr(maps), AxesAttr(), resetsMap, b.getDenseI64ArrayAttr(gateAxes),
      b.getDenseBoolArrayAttr(gateLogs), b.getDenseBoolArrayAttr(decayed),
      b.getDenseI64ArrayAttr(readAxes), b.getDenseBoolArrayAttr(after), outMap,
      op.getReverseAttr());
  SmallVector<Source> results;
  for (Value result : made.getResults().drop_back())
    results.push_back({result, outMap});
  results.push_back({made.getFinalState(), made.getFinalMap()});
  return results;
}

LinearSplit::Summary LinearSplit::summarise(const TokenView &view) {
  int64_t keys = op.keySize(), values = op.valueSize();
  Roles written;
  written.reads = false;
  Summary summary;
  summary.written = run(view, constantState(keys, values, 0, 0), written).back();
  bool rowGates = op.getResets() != nullptr, columnGates = false;
  for (int64_t axis : op.getGateAxes())
    (axis == 1 ? columnGates : rowGates) = true;
  Roles kept;
  kept.writes = kept.reads = false;
  if (op.numPairs() || rowGates) {
    kept.gates[2] = false;
    summary.rows =
        run(view, op.numPairs() ? constantState(keys, keys, 1, 0)
                                : constantState(keys, 1, 1, 1),
            kept)
            .back();
  }
  if (columnGates) {
    Roles columns;
    columns.writes = columns.reads = columns.pairs = false;
    columns.gates[0] = columns.gates[1] = false;
    summary.columns = run(view, constantState(1, values, 1, 1), columns).back();
  }
  return summary;
}

/// `map` with one name in place of another.
static AxesAttr renamed(AxesAttr map, StringAttr from, StringAttr to) {
  SmallVector<StringAttr> names(map.getNames());
  llvm::replace(names, from, to);
  return AxesAttr::get(map.getContext(), names, map.getDivisors());
}

LinearSplit::States LinearSplit::combine(const TokenView &view,
                                         const Summary &summary) {
  // One token is one part.
  auto time = b.getStringAttr(timeAxis());
  auto overParts = [&](const Source &s) -> Source {
    return {s.tensor, renamed(s.map, view.partAxis(), time)};
  };
  StepBuilder sb(b, loc);
  auto einsum = [&](StringRef equation, ValueRange operands) -> Value {
    return EinsumOp::create(sb.step(), loc, operands,
                            b.getStringAttr(equation));
  };
  Value written = sb.add(overParts(summary.written));
  Value state = sb.addCarry({op.initial().value, op.initial().map});
  Value kept = state;
  if (summary.rows)
    kept = einsum(op.numPairs() ? "kj,jv->kv" : "ki,kv->kv",
                  {sb.add(overParts(*summary.rows)), kept});
  if (summary.columns)
    kept = einsum("iv,kv->kv", {sb.add(overParts(*summary.columns)), kept});
  // Einsums are in f32 or f64; a narrower state is widened for the sum.
  Type element = elementOf(state.getType());
  Type sumElement = element.isF64() ? element : Type(b.getF32Type());
  auto widen = [&](Value v) -> Value {
    Type wide = tensorOrScalar(shapeOf(v.getType()), sumElement);
    return v.getType() == wide
               ? v
               : arith::ExtFOp::create(sb.step(), loc, wide, v).getResult();
  };
  Value next = arith::AddFOp::create(sb.step(), loc, widen(kept), widen(written));
  AxesAttr beforeMap = overParts(summary.written).map;
  sb.addOut(state, beforeMap, elementOf(state.getType()));
  if (next.getType() != state.getType())
    next = arith::TruncFOp::create(sb.step(), loc, state.getType(), next);
  StepBuilder::Modifiers modifiers;
  modifiers.reverse = op.getReverse();
  RecurrenceOp made = sb.finish(next, modifiers);
  return {{made.getOuts()[0], summary.written.map},
          {made.getFinals()[0], made.getFinalMap(0)}};
}

SmallVector<Source> LinearSplit::apply(const TokenView &view,
                                       const Source &before) {
  return run(view, before, {});
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// `parts` parts of equal length first, in the order of the recurrence, then the
/// tokens that are left, fewer than there are parts.
static void split(LinearRecurrenceOp op, int64_t parts) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value length;
  for (auto [value, attr] : llvm::zip(op->getOperands(), op.getMaps()))
    if (int64_t at = cast<AxesAttr>(attr).find(timeAxis()); at >= 0 && !length)
      length = tensor::DimOp::create(b, loc, value, at);
  std::string name = "part";
  while (op.getOutMap().has(name))
    name += "_";
  Value count = arith::ConstantIndexOp::create(b, loc, parts),
        zero = arith::ConstantIndexOp::create(b, loc, 0),
        each = arith::DivUIOp::create(b, loc, length, count),
        main = arith::MulIOp::create(b, loc, each, count),
        rest = arith::SubIOp::create(b, loc, length, main);
  bool reverse = op.getReverse();
  Value mainAt = reverse ? rest : zero, restAt = reverse ? zero : main;
  TokenView cut(b, loc, mainAt, each, parts, b.getStringAttr(name)),
      tail(b, loc, restAt, rest);

  LinearSplit splitting(op, b);
  LinearSplit::States states = splitting.combine(cut, splitting.summarise(cut));
  SmallVector<Source> bulk = splitting.apply(cut, states.before),
                      last = splitting.apply(tail, states.after);

  for (unsigned i = 0; i < op.numReads(); ++i) {
    int64_t at = op.getOutMap().find(timeAxis());
    Value most = bulk[i].tensor;
    auto type = cast<RankedTensorType>(most.getType());
    SmallVector<ReassociationIndices> groups;
    SmallVector<int64_t> shape;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (d == at + 1) {
        groups.back().push_back(d);
        shape.back() = ShapedType::kDynamic;
        continue;
      }
      groups.push_back({d});
      shape.push_back(type.getDimSize(d));
    }
    auto whole = RankedTensorType::get(shape, type.getElementType());
    most = tensor::CollapseShapeOp::create(b, loc, whole, most, groups);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, most),
                              offsets(shape.size(), b.getIndexAttr(0)),
                              strides(shape.size(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> all = sizes;
    all[at] = length;
    Value result = tensor::EmptyOp::create(b, loc, all, type.getElementType());
    offsets[at] = mainAt;
    sizes[at] = main;
    result = tensor::InsertSliceOp::create(b, loc, most, result, offsets, sizes,
                                           strides);
    offsets[at] = restAt;
    sizes[at] = rest;
    result = tensor::InsertSliceOp::create(b, loc, last[i].tensor, result, offsets,
                                           sizes, strides);
    if (result.getType() != op.getResult(i).getType())
      result = tensor::CastOp::create(b, loc, op.getResult(i).getType(), result);
    op.getResult(i).replaceAllUsesWith(result);
  }
  Value final = last.back().tensor;
  if (final.getType() != op.getFinalState().getType())
    final = tensor::CastOp::create(b, loc, op.getFinalState().getType(), final);
  op.getFinalState().replaceAllUsesWith(final);
  op.erase();
}

namespace {
struct SplitSequence : seqc::impl::SplitSequenceBase<SplitSequence> {
  using SplitSequenceBase::SplitSequenceBase;
  void runOnOperation() override {
    if (parts < 1 || parts > 65536) {
      emitError(getOperation()->getLoc())
          << "the sequence is to be split into " << int64_t(parts)
          << " parts, expected 1 to 65536";
      return signalPassFailure();
    }
    if (parts == 1)
      return;
    SmallVector<LinearRecurrenceOp> ops;
    bool steps = false;
    getOperation()->walk([&](LinearRecurrenceOp op) {
      auto function = op->getParentOfType<mlir::func::FuncOp>();
      bool step = function && function->hasAttr("seqc.step");
      steps |= step;
      if (!step)
        ops.push_back(op);
    });
    if (ops.empty() && !steps) {
      emitError(getOperation()->getLoc())
          << "the sequence cannot be split: no recurrence is a linear one";
      return signalPassFailure();
    }
    for (LinearRecurrenceOp op : ops) {
      if (auto why = LinearSplit::obstacle(op)) {
        emitError(op.getLoc()) << "the recurrence does not split: " << *why;
        return signalPassFailure();
      }
      split(op, parts);
    }
  }
};
} // namespace
