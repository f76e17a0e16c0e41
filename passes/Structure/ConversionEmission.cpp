//===- ConversionEmission.cpp - Emits a planned conversion ----------------===//

#include "Conversion.h"
#include "SumEmitter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::conversion;
using namespace seqc::structure;

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

std::optional<Source> Conversion::direct(Value v) {
  v = stripCasts(v);
  if (auto it = available.find(v); it != available.end())
    return it->second;
  for (auto [i, arg] : llvm::enumerate(op.getSeqArgs()))
    if (arg == v)
      return Source{op.getSeq()[i], cast<AxesAttr>(op.getSeqMaps()[i])};
  for (auto [i, arg] : llvm::enumerate(op.getWeightArgs()))
    if (arg == v) {
      Source weight{op.getWeights()[i], cast<AxesAttr>(op.getWeightMaps()[i])};
      return timeless ? atOneToken(weight) : weight;
    }
  return std::nullopt;
}

Value Conversion::emit(StepBuilder &sb, IRMapping &map, Value v) {
  if (Value known = map.lookupOrNull(v))
    return known;
  OpBuilder &step = sb.step();
  Value result;
  if (auto source = direct(v)) {
    result = sb.add(*source);
    // Arguments may be wider than their operands.
    if (result.getType() != v.getType() && isa<FloatType>(elementOf(v.getType())))
      result = castTo(step, loc, result, elementOf(v.getType()));
  } else if (ReadPlan *read = readOf(v)) {
    result = read->direct.terms.empty() ? Value() : emit(sb, map, read->direct);
    for (PartPlan &part : read->parts) {
      Value r = castTo(step, loc, sb.add(part.result), computeType());
      if (read->direct.shape.empty())
        r = EinsumOp::create(step, loc, r, step.getStringAttr("i->"));
      if (!part.multiplier.factors.empty() || part.multiplier.scale != 1) {
        Sum outer;
        outer.shape = read->direct.shape;
        outer.add(part.multiplier);
        r = arith::MulFOp::create(step, loc, r, emit(sb, map, outer));
      }
      result = result ? arith::AddFOp::create(step, loc, result, r).getResult() : r;
    }
    result = castTo(step, loc, result, elementOf(v.getType()));
  } else {
    Operation *def = v.getDefiningOp();
    assert(def && "values that no tensor holds are computed");
    for (Value operand : def->getOperands())
      emit(sb, map, operand);
    result = step.clone(*def, map)->getResult(cast<OpResult>(v).getResultNumber());
  }
  map.map(v, result);
  return result;
}

Value Conversion::emit(StepBuilder &sb, IRMapping &map, const Sum &sum) {
  return emitSum(sb.step(), loc, sum, computeType(),
                 [&](Value v) { return emit(sb, map, v); });
}

Source Conversion::constantSource(double value, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, computeType());
  Value constant = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(type,
                             b.getFloatAttr(computeType(), value).getValue()));
  return {constant, AxesAttr::get(b.getContext(), {}, {})};
}

/// Adds operands until the step has all axes of the recurrence.
void Conversion::cover(StepBuilder &sb) {
  for (unsigned i = 0; i < op.getSeq().size(); ++i)
    sb.add({op.getSeq()[i], cast<AxesAttr>(op.getSeqMaps()[i])});
}

Source Conversion::materialize(const Sum &sum) {
  if (sum.terms.empty())
    return constantSource(0, sum.shape);
  if (sum.terms.size() == 1) {
    const Term &term = sum.terms[0];
    if (term.factors.empty())
      return constantSource(term.scale, sum.shape);
    if (term.scale == 1 && term.factors.size() == 1 &&
        term.factors[0].kind == Factor::Kind::Value &&
        term.factors[0].letters.size() == sum.shape.size())
      if (auto source = direct(term.factors[0].value))
        return *source;
  }
  StepBuilder sb(b, loc);
  IRMapping map;
  Value value = emit(sb, map, sum);
  // Weights bring axes that no token operand need have.
  cover(sb);
  SmallVector<StringAttr> axes = sb.axes();
  auto out = AxesAttr::get(b.getContext(), axes,
                           SmallVector<int64_t>(axes.size(), 1));
  sb.addOut(value, out, computeType());
  RecurrenceOp made = sb.finish({}, {});
  return {made.getOuts()[0], out};
}

/// A vector's type as that of a matrix with one column, and how dimensions join.
static RankedTensorType withColumn(RankedTensorType type) {
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(1);
  return RankedTensorType::get(shape, type.getElementType());
}
SmallVector<ReassociationIndices> seqc::conversion::columnGroups(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < rank; ++d)
    groups.push_back({d});
  groups.back().push_back(rank);
  return groups;
}

Value seqc::conversion::asColumn(OpBuilder &b, Location loc, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, v);
  sizes.push_back(b.getIndexAttr(1));
  return tensor::ExpandShapeOp::create(b, loc, withColumn(type), v,
                                       columnGroups(type.getRank()), sizes);
}

void Conversion::buildLinear(ComponentPlan &c) {
  unsigned carry = c.component.carries[0];
  SmallVector<Value> gates, pairs, writes, reads;
  Source initial{op.getCarries()[carry], cast<AxesAttr>(op.getCarryMaps()[carry])};
  auto stateType = cast<RankedTensorType>(op.getFinals()[carry].getType());
  bool stacked = c.constant && !c.column && !c.constant->matrix;
  if (stacked) {
    initial = initialOf(c);
  } else if (c.column) {
    initial.tensor = asColumn(b, loc, initial.tensor);
    stateType = withColumn(stateType);
  }
  SmallVector<Attribute> maps = {initial.map};
  auto add = [&](SmallVectorImpl<Value> &group, const Sum &sum) {
    Source source = materialize(sum);
    group.push_back(source.tensor);
    maps.push_back(source.map);
  };
  SmallVector<int64_t> gateAxes, readAxes;
  SmallVector<bool> gateLogs, decayed, after;
  for (const GatePlan &gate : c.gates) {
    add(gates, gate.value);
    gateAxes.push_back(gate.axis);
    gateLogs.push_back(gate.log);
  }
  for (const PairPlan &pair : c.pairs) {
    add(pairs, pair.left.vector);
    add(pairs, pair.right);
    add(pairs, pair.left.scale);
    decayed.push_back(pair.decayed);
  }
  for (const WritePlan &write : c.writes) {
    if (c.constant) {
      Source key = materializeKey(write.key.vector);
      writes.push_back(key.tensor);
      maps.push_back(key.map);
    } else {
      add(writes, write.key.vector);
    }
    add(writes, write.value);
    add(writes, write.key.scale);
  }
  if (c.constant)
    for (const Source &source : constantWrites(c)) {
      writes.push_back(source.tensor);
      maps.push_back(source.map);
    }
  AxesAttr axes = allAxes();
  SmallVector<Type> types;
  SmallVector<PartPlan *> parts;
  auto resultShape = [&](int64_t size) {
    SmallVector<Source> sources;
    for (auto [v, map] :
         llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>()))
      sources.push_back({v, map});
    SmallVector<int64_t> shape;
    for (StringAttr axis : axes.getNames())
      shape.push_back(staticSizeOf(sources, axis));
    shape.push_back(size);
    return RankedTensorType::get(shape, computeType());
  };
  for (ReadPlan &read : c.reads)
    for (PartPlan &part : read.parts) {
      if (!read.needed)
        continue;
      add(reads, part.query.vector);
      add(reads, part.query.scale);
      readAxes.push_back(part.axis);
      after.push_back(part.after);
      types.push_back(
          resultShape(read.direct.shape.empty() ? 1 : read.direct.shape[0]));
      parts.push_back(&part);
    }
  // Whole states: a column is what it is times one.
  for (bool next : {false, true})
    if (c.constant && (next ? c.next : c.previous)) {
      add(reads, Sum::constant(1, {1}));
      add(reads, Sum::constant(1, {}));
      readAxes.push_back(1);
      after.push_back(next);
      types.push_back(resultShape(shapeOf(initial.tensor.getType()).drop_back().back()));
    }
  // Whatever has all axes may not be among these operands: a scale has them then.
  SmallVector<Source> sources, all;
  unsigned at = 1;
  for (ValueRange group : {ValueRange(gates), ValueRange(pairs), ValueRange(writes),
                           ValueRange(reads)})
    for (Value v : group)
      sources.push_back({v, cast<AxesAttr>(maps[at++])});
  if (!sources.empty() && !coverAxes(sources, axes.getNames())) {
    for (auto [v, map] :
         llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>()))
      all.push_back({v, map});
    Source spread = spreadOverTokens(b, loc, sources.back(), all);
    maps.back() = spread.map;
    (!reads.empty()    ? reads
     : !writes.empty() ? writes
     : !pairs.empty()  ? pairs
                       : gates)
        .back() = spread.tensor;
  }
  Value constant;
  if (c.constant) {
    Source blocks = withoutTokens({}, [&](StepBuilder &sb, ValueRange) {
      IRMapping map;
      return SmallVector<Value>{emitConstant(sb, map, c)};
    })[0];
    constant = blocks.tensor;
    maps.push_back(blocks.map);
  }
  if (stacked) {
    // The axes of a final state are those of the initial one, if it has all.
    AxesAttr final = finalMapOf(b.getContext(), initial.map, op.getCarryAxes());
    AxesAttr own = op.getFinalMap(carry);
    SmallVector<int64_t> shape;
    for (StringAttr axis : final.getNames())
      shape.push_back(stateType.getDimSize(own.find(axis.getValue())));
    llvm::append_range(shape,
                       shapeOf(initial.tensor.getType()).take_back(2));
    stateType = RankedTensorType::get(shape, computeType());
  }
  types.push_back(stateType);
  auto linear = LinearRecurrenceOp::create(
      b, loc, types, initial.tensor, gates, pairs, writes, reads, constant,
      op.getSegments(), op.getResets(), b.getArrayAttr(maps),
      op.getSegmentsMapAttr(), op.getResetsMapAttr(),
      b.getDenseI64ArrayAttr(gateAxes), b.getDenseBoolArrayAttr(gateLogs),
      b.getDenseBoolArrayAttr(decayed), b.getDenseI64ArrayAttr(readAxes),
      b.getDenseBoolArrayAttr(after), axes, op.getReverseAttr());
  for (auto [i, part] : llvm::enumerate(parts))
    part->result = {linear.getResult(i), axes};
  finals[carry] = linear.getFinalState();
  if (c.constant)
    setStates(c, linear.getFinalState(), linear.getFinalMap(),
              SmallVector<Value>(linear.getResults().drop_back().drop_front(parts.size())));
}

void Conversion::buildKept(ComponentPlan &c) {
  StepBuilder sb(b, loc);
  IRMapping map;
  SmallVector<Value> states, next;
  StepBuilder::Modifiers modifiers;
  for (unsigned carry : c.component.carries) {
    Value arg = sb.addCarry(
        {op.getCarries()[carry], cast<AxesAttr>(op.getCarryMaps()[carry])});
    map.map(op.getCarryArgs()[carry], arg);
    states.push_back(arg);
    if (!op.getRestarts().empty())
      modifiers.restarts.push_back(
          {op.getRestarts()[carry], cast<AxesAttr>(op.getRestartMaps()[carry])});
  }
  for (unsigned carry : c.component.carries)
    next.push_back(emit(sb, map, op.getYield().getCarries()[carry]));
  cover(sb);
  AxesAttr axes = allAxes();
  for (auto [i, carry] : llvm::enumerate(c.component.carries)) {
    if (c.previous)
      sb.addOut(states[i], axes, elementOf(states[i].getType()));
    if (c.next)
      sb.addOut(next[i], axes, elementOf(next[i].getType()));
  }
  modifiers.segments = op.getSegments();
  modifiers.resets = op.getResets();
  if (op.getSegments())
    modifiers.segmentsMap = *op.getSegmentsMap();
  if (op.getResets())
    modifiers.resetsMap = *op.getResetsMap();
  modifiers.reverse = op.getReverse();
  RecurrenceOp made = sb.finish(next, modifiers);
  unsigned out = 0;
  for (auto [i, carry] : llvm::enumerate(c.component.carries)) {
    if (c.previous)
      available[op.getCarryArgs()[carry]] = {made.getOuts()[out++], axes};
    if (c.next)
      available[op.getYield().getCarries()[carry]] = {made.getOuts()[out++], axes};
    finals[carry] = made.getFinals()[i];
  }
}

void Conversion::buildOutputs() {
  SmallVector<Value> results(op.getOuts().size());
  StepBuilder sb(b, loc);
  IRMapping map;
  SmallVector<unsigned> computed;
  for (auto [i, value] : llvm::enumerate(op.getYield().getOuts())) {
    if (auto it = available.find(value);
        it != available.end() && it->second.map == op.getOutMaps()[i] &&
        it->second.tensor.getType() == op.getOuts()[i].getType()) {
      results[i] = it->second.tensor;
      continue;
    }
    ReadPlan *read = readOf(stripCasts(value));
    if (read && read->parts.size() == 1 && read->direct.terms.empty()) {
      const PartPlan &part = read->parts[0];
      if (part.multiplier.factors.empty() && part.multiplier.scale == 1 &&
          part.result.map == op.getOutMaps()[i] &&
          part.result.tensor.getType() == op.getOuts()[i].getType()) {
        results[i] = part.result.tensor;
        continue;
      }
    }
    sb.addOut(emit(sb, map, value), cast<AxesAttr>(op.getOutMaps()[i]),
              elementOf(op.getOuts()[i].getType()));
    computed.push_back(i);
  }
  if (!computed.empty()) {
    cover(sb);
    RecurrenceOp made = sb.finish({}, {});
    for (auto [k, i] : llvm::enumerate(computed))
      results[i] = made.getOuts()[k];
  }
  auto replace = [&](Value old, Value value) {
    auto type = cast<RankedTensorType>(old.getType());
    if (cast<RankedTensorType>(value.getType()).getRank() > type.getRank())
      value = tensor::CollapseShapeOp::create(b, loc, value,
                                              columnGroups(type.getRank()));
    if (old.getType() != value.getType())
      value = tensor::CastOp::create(b, loc, old.getType(), value);
    old.replaceAllUsesWith(value);
  };
  for (auto [old, value] : llvm::zip(op.getOuts(), results))
    replace(old, value);
  for (auto [old, value] : llvm::zip(op.getFinals(), finals))
    replace(old, value);
  op.erase();
}

std::optional<std::string> Conversion::planAll(bool columns) {
  bool linear = false, gated = false, scan = false;
  plans.clear();
  needed.clear();
  for (Component &component : analyze(op).components) {
    ComponentPlan &c = plans.emplace_back();
    c.component = std::move(component);
    if (Reason r = plan(c))
      return r;
    linear |= c.linear;
    gated |= c.linear && !c.constant;
    scan |= c.scan.has_value();
  }
  if (target == Target::Scan && !scan)
    return noScan ? *noScan : "no component is affine over a semiring";
  if (target != Target::Scan && !linear)
    return noConstant ? *noConstant
                      : "no component is a gated sum of outer products";
  if (!op.getRestarts().empty() && gated)
    return "a matrix state has restart values";
  // Where the components are clear: those that go along with another.
  for (ComponentPlan &c : plans)
    if (columns && target == Target::Linear)
      planColumn(c);
  for (Value out : op.getYield().getOuts())
    if (Reason r = need(out))
      return r;
  // What one component needs may add to what is kept of another.
  for (unsigned before = 0; before != needed.size() + 1;) {
    before = needed.size() + 1;
    for (ComponentPlan &c : plans)
      if (Reason r = needComponent(c))
        return r;
  }
  // Dependence order holds for states; reads of a component may use values that
  // a later one reads, which this order does not cover.
  for (unsigned i = 0; i < plans.size(); ++i)
    for (const ReadPlan &read : plans[i].reads)
      if (read.needed)
        for (unsigned j = i + 1; j < plans.size(); ++j)
          for (unsigned carry : plans[j].component.carries)
            for (const PartPlan &part : read.parts)
              for (const Sum *sum : {&part.query.vector, &part.query.scale})
                for (const Term &t : sum->terms)
                  for (const Factor &f : t.factors)
                    if (dependence.of(f.value).test(carry))
                      return "a state is read with what a later one holds";
  return {};
}

std::optional<std::string> Conversion::run() {
  if (!op.getSnapshots().empty())
    return "it has snapshots";
  if (op.getChunk())
    return "it has a form already";
  // A vector state that is needed whole after all stays as it is.
  if (planAll(/*columns=*/true))
    if (Reason r = planAll(/*columns=*/false))
      return r;
  b.setInsertionPoint(op);
  finals.resize(op.getCarries().size());
  for (ComponentPlan &c : plans)
    c.linear ? buildLinear(c) : c.scan ? buildScan(c) : buildKept(c);
  buildOutputs();
  return {};
}

/// True in a function for one token, where forms over time gain nothing.

bool seqc::conversion::isStep(Operation *op) {
  auto func = op->getParentOfType<func::FuncOp>();
  return func && func->hasAttr("seqc.step");
}
