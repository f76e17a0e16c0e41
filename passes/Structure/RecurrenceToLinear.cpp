//===- RecurrenceToLinear.cpp - Recurrences to linear ones and scans ------===//
//
// A recurrence becomes, component by component in dependence order: elementwise
// steps that compute the factors of a linear recurrence where operands do not
// hold them already, the linear recurrence, and a step without state that
// computes the outputs from what it read.  Components over other semirings stay
// recurrences of their own and hand on their states.
//
// In scan form the same is done to elementwise affine components: their gates and
// writes become the elements of an affine scan.
//
//===----------------------------------------------------------------------===//

#include "SumEmitter.h"

#include "seqc/dialects/Seq/StepBuilder.h"
#include "seqc/lib/Structure/Structure.h"
#include "seqc/passes/Structure/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

namespace seqc {
#define GEN_PASS_DEF_RECURRENCETOLINEAR
#define GEN_PASS_DEF_RECURRENCETOSCAN
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

namespace {

/// A vector (or scalar) factor and the scalar it is multiplied by.
struct Scaled {
  Sum vector, scale;
};
struct GatePlan {
  Sum value;
  int64_t axis = -1;
  bool log = true;
};
struct PairPlan {
  Scaled left;
  Sum right;
  bool decayed = false;
};
struct WritePlan {
  Scaled key;
  Sum value;
};
/// One contraction of the state; a read value is the sum of its parts, each
/// times `multiplier`, and of `direct`.
struct PartPlan {
  Scaled query;
  unsigned axis = 0;
  bool after = false;
  Term multiplier;
  Source result;
};
struct ReadPlan {
  Value value;
  SmallVector<PartPlan, 0> parts;
  Sum direct;
  bool needed = false;
};
struct ComponentPlan {
  Component component;
  bool linear = false;
  /// Elementwise affine: a scan over (gate, written).
  bool scan = false;
  Sum gate, written;
  SmallVector<GatePlan, 0> gates;
  SmallVector<PairPlan, 0> pairs;
  SmallVector<WritePlan, 0> writes;
  SmallVector<ReadPlan, 0> reads;
  bool previous = false, next = false; // kept: states that others need
};

/// What components become.
enum class Target { Linear, Scan };

class Conversion {
public:
  Conversion(RecurrenceOp op, OpBuilder &b, Target target)
      : op(op), b(b), loc(op.getLoc()), target(target), dependence(op) {}
  /// Rewrites the operation, or says why not and changes nothing.
  std::optional<std::string> run();

private:
  using Reason = std::optional<std::string>;
  Reason plan(ComponentPlan &c);
  Reason planGates(ComponentPlan &c, const Sum &diagonal);
  Reason planReads(ComponentPlan &c);
  Reason need(Value v);
  Reason need(const Sum &sum);
  Reason needComponent(ComponentPlan &c);

  void buildLinear(ComponentPlan &c);
  void buildKept(ComponentPlan &c);
  void buildScan(ComponentPlan &c);
  void buildOutputs();
  Source materialize(const Sum &sum);
  Source constantSource(double value, ArrayRef<int64_t> shape);
  std::optional<Source> direct(Value v);
  Value emit(StepBuilder &sb, IRMapping &map, Value v);
  Value emit(StepBuilder &sb, IRMapping &map, const Sum &sum);
  void cover(StepBuilder &sb);
  Type computeType() {
    for (Value carry : op.getCarries())
      if (elementOf(carry.getType()).isF64())
        return b.getF64Type();
    return b.getF32Type();
  }
  AxesAttr allAxes() {
    SmallVector<StringAttr> axes = op.getAxes();
    return AxesAttr::get(b.getContext(), axes,
                         SmallVector<int64_t>(axes.size(), 1));
  }
  ComponentPlan *owner(unsigned carry) {
    for (ComponentPlan &c : plans)
      if (llvm::is_contained(c.component.carries, carry))
        return &c;
    return nullptr;
  }
  ReadPlan *readOf(Value v) {
    for (ComponentPlan &c : plans)
      for (ReadPlan &read : c.reads)
        if (read.value == v)
          return &read;
    return nullptr;
  }

  RecurrenceOp op;
  OpBuilder &b;
  Location loc;
  Target target;
  Dependence dependence;
  SmallVector<ComponentPlan, 0> plans;
  llvm::DenseSet<Value> needed;
  llvm::DenseMap<Value, Source> available;
  SmallVector<Value> finals;
};

} // namespace

//===----------------------------------------------------------------------===//
// Splitting terms
//===----------------------------------------------------------------------===//

/// Part of a term whose groups of factors touch exactly `letter` among the
/// value's own letters (-1: none of them).
static SmallVector<Factor> factorsAt(const Term &term, unsigned rank, int letter,
                                     int skip = -1) {
  SmallVector<Factor> result;
  SmallVector<unsigned> group = factorGroups(term, rank, skip);
  for (auto [f, g] : llvm::zip(term.factors, group)) {
    llvm::SmallDenseSet<int> touched;
    for (auto [other, h] : llvm::zip(term.factors, group))
      if (g == h)
        for (int l : other.letters)
          if (l < int(rank) || l == skip)
            touched.insert(l);
    if (letter < 0 ? touched.empty()
                   : touched.size() == 1 && touched.contains(letter))
      result.push_back(f);
  }
  return result;
}

/// The sum with the single term `factors` over `letter` (or none), times scale.
static Sum partOf(const Term &term, ArrayRef<Factor> factors, int letter,
                  double scale = 1) {
  Sum sum;
  Term part;
  part.scale = scale;
  SmallVector<int> map(term.extents.size(), -1);
  if (letter >= 0) {
    sum.shape.push_back(term.extents[letter]);
    part.extents.push_back(term.extents[letter]);
    map[letter] = 0;
  }
  part.factors.assign(factors.begin(), factors.end());
  for (Factor &f : part.factors)
    for (int &l : f.letters) {
      if (map[l] < 0) {
        map[l] = part.extents.size();
        part.extents.push_back(term.extents[l]);
      }
      l = map[l];
    }
  sum.add(std::move(part));
  return sum;
}

/// A vector sum as a product with a scalar where it is one term.
static Scaled scaled(const Sum &sum) {
  if (sum.terms.size() != 1)
    return {sum, Sum::constant(1, {})};
  const Term &term = sum.terms[0];
  return {partOf(term, factorsAt(term, 1, 0), 0),
          partOf(term, factorsAt(term, 1, -1), -1, term.scale)};
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

std::optional<std::string> Conversion::planGates(ComponentPlan &c,
                                                 const Sum &diagonal) {
  if (diagonal.terms.empty()) {
    c.gates.push_back({Sum::constant(0, {}), -1, false});
    return {};
  }
  if (diagonal.terms.size() > 1)
    return "the decay is a sum, not a product";
  const Term &term = diagonal.terms[0];
  // A number stays a number: its logarithm would round.
  if (term.scale != 1)
    c.gates.push_back({Sum::constant(term.scale, {}), -1, false});
  for (const Factor &f : term.factors) {
    if (f.kind != Factor::Kind::Value || f.letters.size() > 1)
      return "a factor of the decay is not a plain scalar or vector";
    GatePlan gate;
    gate.axis = f.letters.empty() || f.letters[0] > 1 ? -1 : f.letters[0];
    Value value = f.value;
    if (auto exp = value.getDefiningOp<math::ExpOp>())
      value = stripCasts(exp.getOperand());
    else
      gate.log = false;
    ArrayRef<int64_t> shape = seqc::shapeOf(value.getType());
    if (gate.axis >= 0)
      gate.value.shape.assign(shape.begin(), shape.end());
    // A vector of one element is a scalar: the sum over it.
    Term one;
    one.extents.assign(shape.begin(), shape.end());
    one.factors.push_back({value, Factor::Kind::Value, {}});
    if (!f.letters.empty())
      one.factors[0].letters.push_back(0);
    gate.value.add(std::move(one));
    c.gates.push_back(std::move(gate));
  }
  return {};
}

std::optional<std::string> Conversion::planReads(ComponentPlan &c) {
  unsigned carry = c.component.carries[0];
  AffineAnalysis analysis(op, dependence, [&] {
    llvm::BitVector bits(dependence.tokenBit() + 1);
    bits.set(carry);
    return bits;
  }());
  // The next state is a value of its own, so that reads of it stay reads.
  unsigned after = dependence.tokenBit() + carry;
  Value next = op.getYield().getCarries()[carry];
  Sum self;
  ArrayRef<int64_t> shape = seqc::shapeOf(next.getType());
  self.shape.assign(shape.begin(), shape.end());
  Term term;
  term.carry = after;
  term.carryLetters = {0, 1};
  term.extents.assign(shape.begin(), shape.end());
  self.add(std::move(term));
  if (next != op.getCarryArgs()[carry])
    analysis.define(next, self);

  auto isWhole = [&](Value v) {
    if (analysis.isKnown(v))
      return false;
    auto sum = analysis.get(v);
    return !sum || llvm::any_of(sum->terms, [&](const Term &t) {
      return t.carry >= 0 && llvm::all_of(t.carryLetters, [&](int l) {
        return l < int(sum->shape.size());
      });
    });
  };
  for (Operation &inner : op.getStep().front().without_terminator()) {
    if (inner.getNumResults() != 1)
      continue;
    Value v = inner.getResult(0);
    if (analysis.isKnown(v) || v == next || isWhole(v) ||
        llvm::none_of(inner.getOperands(), isWhole))
      continue;
    Sum sum = *analysis.get(v);
    unsigned rank = sum.shape.size();
    if (rank > 1)
      continue;
    ReadPlan read;
    read.value = v;
    read.direct.shape = sum.shape;
    bool ok = true;
    for (const Term &t : sum.terms) {
      if (t.carry < 0) {
        read.direct.add(t);
        continue;
      }
      PartPlan part;
      part.after = t.carry == int(after);
      // A scalar is a read of a state one of whose dimensions has size one.
      if (rank == 1)
        part.axis = t.carryLetters[0] == 0 ? 1 : 0;
      else
        part.axis = t.extents[t.carryLetters[1]] == 1 ? 0 : 1;
      int summed = t.carryLetters[part.axis], other = t.carryLetters[1 - part.axis];
      ok &= summed >= int(rank) && (rank == 1 ? other == 0 : t.extents[other] == 1);
      if (!ok)
        break;
      SmallVector<Factor> query = factorsAt(t, rank, summed, summed),
                          scale = factorsAt(t, rank, -1, summed), outer;
      if (rank == 1)
        outer = factorsAt(t, rank, 0, summed);
      ok &= query.size() + scale.size() + outer.size() == t.factors.size();
      part.query = {partOf(t, query, summed), partOf(t, scale, -1, t.scale)};
      part.multiplier = partOf(t, outer, rank == 1 ? 0 : -1).terms[0];
      read.parts.push_back(std::move(part));
    }
    if (ok)
      c.reads.push_back(std::move(read));
  }
  return {};
}

std::optional<std::string> Conversion::plan(ComponentPlan &c) {
  const Component &component = c.component;
  if (target == Target::Scan) {
    for (unsigned carry : component.carries)
      if (seqc::shapeOf(op.getCarryArgs()[carry].getType()).size() > 1)
        return "a state is a matrix";
    Type state = op.getCarryArgs()[component.carries[0]].getType();
    if (component.carries.size() != 1 || component.next.empty() ||
        !isa<FloatType>(elementOf(state)))
      return {};
    Transition t = transitionOf(component.next[0], component.carries[0]);
    c.scan = t.lowRank.empty() && t.dense.empty() && !t.diagonal.terms.empty();
    c.gate = t.diagonal;
    for (Term &term : c.gate.terms) {
      term.carry = -1;
      term.carryLetters.clear();
    }
    c.written = writesOf(component.next[0]);
    return {};
  }
  c.linear = component.carries.size() == 1 &&
             (component.cls == Class::C4 || component.cls == Class::C5) &&
             component.next[0].shape.size() == 2 &&
             isa<FloatType>(
                 elementOf(op.getCarryArgs()[component.carries[0]].getType()));
  if (!c.linear) {
    for (unsigned carry : component.carries)
      if (seqc::shapeOf(op.getCarryArgs()[carry].getType()).size() > 1)
        return "a component of class " + component.label() +
               " has a matrix state";
    return {};
  }
  Transition t = transitionOf(component.next[0], component.carries[0]);
  if (Reason r = planGates(c, t.diagonal))
    return r;
  // Factors of the gate that a pair's right vector may have absorbed.
  SmallVector<Factor> scalars, vectors;
  if (t.diagonal.terms.size() == 1)
    for (const Factor &f : t.diagonal.terms[0].factors)
      (f.letters.empty() ? scalars : vectors).push_back(f);
  bool rowGates = llvm::all_of(
      vectors, [](const Factor &f) { return f.letters[0] == 0; });
  for (const LowRank &pair : t.lowRank) {
    if (pair.axis != 0)
      return "a correction along the second dimension";
    PairPlan p;
    Term right = pair.right;
    Sum left = pair.left;
    // Reading the decayed state is reading the old one with decayed vectors.
    auto take = [](SmallVectorImpl<Factor> &from, const Factor &f) {
      auto it = llvm::find_if(from, [&](const Factor &x) {
        return x.sameValue(f) && x.letters.size() == f.letters.size();
      });
      if (it == from.end())
        return false;
      from.erase(it);
      return true;
    };
    if (rowGates && t.diagonal.terms.size() == 1 &&
        t.diagonal.terms[0].scale == 1 &&
        !t.diagonal.terms[0].factors.empty()) {
      Term strippedRight = right;
      Sum strippedLeft = left;
      bool ok = llvm::all_of(vectors, [&](const Factor &f) {
        return take(strippedRight.factors, f);
      });
      for (Term &l : strippedLeft.terms)
        ok &= llvm::all_of(scalars,
                           [&](const Factor &f) { return take(l.factors, f); });
      if (ok) {
        p.decayed = true;
        right = strippedRight;
        left = strippedLeft;
      }
    }
    p.right.shape = {right.extents[0]};
    p.right.add(right);
    p.left = scaled(left);
    c.pairs.push_back(std::move(p));
  }
  // Writes with one value are one write.
  for (const Term &term : writesOf(component.next[0]).terms) {
    Sum value = partOf(term, factorsAt(term, 2, 1), 1);
    SmallVector<Factor> left = factorsAt(term, 2, 0);
    llvm::append_range(left, factorsAt(term, 2, -1));
    Sum key = partOf(term, left, 0, term.scale);
    auto same = llvm::find_if(c.writes, [&](const WritePlan &w) {
      return w.value.terms[0].sameProduct(value.terms[0]);
    });
    if (same != c.writes.end())
      same->key.vector.add(key);
    else
      c.writes.push_back({{key, Sum::constant(1, {})}, value});
  }
  for (WritePlan &w : c.writes)
    w.key = scaled(w.key.vector);
  return planReads(c);
}

//===----------------------------------------------------------------------===//
// What is needed
//===----------------------------------------------------------------------===//

std::optional<std::string> Conversion::need(const Sum &sum) {
  for (const Term &term : sum.terms)
    for (const Factor &f : term.factors)
      if (Reason r = need(f.value))
        return r;
  return {};
}

std::optional<std::string> Conversion::need(Value v) {
  if (!needed.insert(v).second)
    return {};
  if (v == op.getPositionArg() || v == op.getFirstArg())
    return "a factor depends on the position";
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
    if (v == arg) {
      ComponentPlan *c = owner(i);
      if (c->linear)
        return "a matrix state is used as a whole";
      c->previous = true;
      return {};
    }
  for (auto [i, next] : llvm::enumerate(op.getYield().getCarries()))
    if (v == next && !dependence.of(v).none() && v.getDefiningOp()) {
      ComponentPlan *c = owner(i);
      if (c->linear)
        return "a matrix state is used as a whole";
      c->next = true;
      return {};
    }
  if (ReadPlan *read = readOf(v)) {
    read->needed = true;
    for (const PartPlan &part : read->parts) {
      Sum outer;
      outer.shape = read->direct.shape;
      outer.add(part.multiplier);
      for (const Sum *sum : {&part.query.vector, &part.query.scale,
                             const_cast<const Sum *>(&outer)})
        if (Reason r = need(*sum))
          return r;
    }
    return need(read->direct);
  }
  if (Operation *def = v.getDefiningOp())
    for (Value operand : def->getOperands())
      if (Reason r = need(operand))
        return r;
  return {};
}

std::optional<std::string> Conversion::needComponent(ComponentPlan &c) {
  if (c.scan) {
    for (const Sum *sum : {&c.gate, &c.written})
      if (Reason r = need(*sum))
        return r;
    return {};
  }
  if (!c.linear) {
    for (unsigned carry : c.component.carries) {
      Operation *def = op.getYield().getCarries()[carry].getDefiningOp();
      // The component's own states are at hand there.
      if (def)
        for (Value operand : def->getOperands())
          if (!llvm::is_contained(op.getCarryArgs(), operand))
            if (Reason r = need(operand))
              return r;
    }
    return {};
  }
  for (const GatePlan &gate : c.gates)
    if (Reason r = need(gate.value))
      return r;
  for (const PairPlan &pair : c.pairs)
    for (const Sum *sum : {&pair.left.vector, &pair.left.scale, &pair.right})
      if (Reason r = need(*sum))
        return r;
  for (const WritePlan &write : c.writes)
    for (const Sum *sum : {&write.key.vector, &write.key.scale, &write.value})
      if (Reason r = need(*sum))
        return r;
  return {};
}

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
    if (arg == v)
      return Source{op.getWeights()[i], cast<AxesAttr>(op.getWeightMaps()[i])};
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

void Conversion::buildLinear(ComponentPlan &c) {
  unsigned carry = c.component.carries[0];
  SmallVector<Value> gates, pairs, writes, reads;
  SmallVector<Attribute> maps = {op.getCarryMaps()[carry]};
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
    add(writes, write.key.vector);
    add(writes, write.value);
    add(writes, write.key.scale);
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
  types.push_back(op.getFinals()[carry].getType());
  auto linear = LinearRecurrenceOp::create(
      b, loc, types, op.getCarries()[carry], gates, pairs, writes, reads,
      op.getSegments(), op.getResets(), b.getArrayAttr(maps),
      op.getSegmentsMapAttr(), op.getResetsMapAttr(),
      b.getDenseI64ArrayAttr(gateAxes), b.getDenseBoolArrayAttr(gateLogs),
      b.getDenseBoolArrayAttr(decayed), b.getDenseI64ArrayAttr(readAxes),
      b.getDenseBoolArrayAttr(after), axes, op.getReverseAttr());
  for (auto [i, part] : llvm::enumerate(parts))
    part->result = {linear.getResult(i), axes};
  finals[carry] = linear.getFinalState();
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

void Conversion::buildScan(ComponentPlan &c) {
  unsigned carry = c.component.carries[0];
  // Elements of all axes: a scan takes each value once.
  StepBuilder sb(b, loc);
  IRMapping map;
  Value gate = emit(sb, map, c.gate), written = emit(sb, map, c.written);
  cover(sb);
  AxesAttr axes = allAxes();
  sb.addOut(gate, axes, computeType());
  sb.addOut(written, axes, computeType());
  RecurrenceOp elements = sb.finish({}, {});
  SmallVector<Value> seq(elements.getOuts());

  Type slice = tensorOrScalar(seqc::shapeOf(op.getCarryArgs()[carry].getType()),
                              computeType());
  auto constant = [&](double number) -> Value {
    TypedAttr attr = b.getFloatAttr(computeType(), number);
    if (auto tensor = dyn_cast<RankedTensorType>(slice))
      attr = DenseElementsAttr::get(tensor, attr);
    return arith::ConstantOp::create(b, loc, attr);
  };
  SmallVector<Value> identities = {constant(1), constant(0)};
  // On the left of the first element: no gate, and the state before it.
  SmallVector<Value> initials = {identities[0], op.getCarries()[carry]};
  Attribute none = AxesAttr::get(b.getContext(), {}, {});
  SmallVector<Attribute> seqMaps(2, axes),
      initialMaps = {none, op.getCarryMaps()[carry]};
  auto scanOf = [&](bool exclusive) {
    Type state = op.getFinals()[carry].getType();
    SmallVector<Type> types = {seq[0].getType(), seq[1].getType()};
    // Totals: the product of the gates has the axes of the state, too.
    SmallVector<int64_t> gateShape;
    SmallVector<StringAttr> states = op.getCarryAxes();
    AxesAttr finalMap = op.getFinalMap(carry);
    for (StringAttr axis : states)
      gateShape.push_back(
          cast<RankedTensorType>(state)
              .getDimSize(finalMap.find(axis.getValue())));
    llvm::append_range(gateShape, seqc::shapeOf(slice));
    if (!exclusive) {
      types.push_back(RankedTensorType::get(gateShape, computeType()));
      types.push_back(state);
    }
    auto scan = ScanOp::create(
        b, loc, types, seq, identities, initials, op.getSegments(),
        op.getResets(), b.getArrayAttr(seqMaps), b.getArrayAttr(initialMaps),
        op.getSegmentsMapAttr(), op.getResetsMapAttr(), b.getArrayAttr(seqMaps),
        exclusive ? b.getUnitAttr() : UnitAttr(), op.getReverseAttr(),
        exclusive ? UnitAttr() : b.getUnitAttr());
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> args(4, slice);
    Block *body = b.createBlock(&scan.getCombine(), {}, args,
                                SmallVector<Location>(4, loc));
    // (a1, x1) then (a2, x2) is (a1 a2, a2 x1 + x2).
    Value product = arith::MulFOp::create(b, loc, body->getArgument(0),
                                          body->getArgument(2));
    Value carried = arith::MulFOp::create(b, loc, body->getArgument(2),
                                          body->getArgument(1));
    Value sum = arith::AddFOp::create(b, loc, carried, body->getArgument(3));
    YieldOp::create(b, loc, ValueRange{product, sum}, ValueRange());
    return scan;
  };
  ScanOp scan = scanOf(false);
  available[op.getYield().getCarries()[carry]] = {scan.getOuts()[1], axes};
  finals[carry] = scan.getFinals()[1];
  if (c.previous)
    available[op.getCarryArgs()[carry]] = {scanOf(true).getOuts()[1], axes};
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

std::optional<std::string> Conversion::run() {
  if (!op.getSnapshots().empty())
    return "it has snapshots";
  if (op.getChunk())
    return "it has a form already";
  bool linear = false;
  for (Component &component : analyze(op).components) {
    ComponentPlan &c = plans.emplace_back();
    c.component = std::move(component);
    if (Reason r = plan(c))
      return r;
    linear |= c.linear || c.scan;
  }
  if (!linear)
    return target == Target::Scan ? "no component is elementwise affine"
                                  : "no component is a gated sum of outer products";
  if (!op.getRestarts().empty() && linear)
    return target == Target::Scan ? "an affine state has restart values"
                                  : "a matrix state has restart values";
  for (Value out : op.getYield().getOuts())
    if (Reason r = need(out))
      return r;
  for (ComponentPlan &c : plans)
    if (Reason r = needComponent(c))
      return r;
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
  b.setInsertionPoint(op);
  finals.resize(op.getCarries().size());
  for (ComponentPlan &c : plans)
    c.linear ? buildLinear(c) : c.scan ? buildScan(c) : buildKept(c);
  buildOutputs();
  return {};
}

/// True in a function for one token, where forms over time gain nothing.
static bool isStep(Operation *op) {
  auto func = op->getParentOfType<func::FuncOp>();
  return func && func->hasAttr("seqc.step");
}

namespace {
struct RecurrenceToLinear
    : seqc::impl::RecurrenceToLinearBase<RecurrenceToLinear> {
  using RecurrenceToLinearBase::RecurrenceToLinearBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      if (isStep(op))
        continue;
      auto form = op->getAttrOfType<StringAttr>("seqc.form");
      if (selected && (!form || form.getValue() != "chunked"))
        continue;
      OpBuilder b(op);
      Location loc = op.getLoc();
      bool state = !op.getCarries().empty();
      auto reason = Conversion(op, b, Target::Linear).run();
      if (reason && force && state) {
        emitError(loc) << "the recurrence has no chunked form: " << *reason;
        return signalPassFailure();
      }
      if (reason && remarks)
        emitRemark(loc) << "stays a recurrence: " << *reason;
    }
  }
};

struct RecurrenceToScan : seqc::impl::RecurrenceToScanBase<RecurrenceToScan> {
  using RecurrenceToScanBase::RecurrenceToScanBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      if (op.getCarries().empty() || isStep(op))
        continue;
      OpBuilder b(op);
      Location loc = op.getLoc();
      auto reason = Conversion(op, b, Target::Scan).run();
      if (!reason)
        continue;
      if (force) {
        emitError(loc) << "the recurrence has no scan form: " << *reason;
        return signalPassFailure();
      }
      if (remarks)
        emitRemark(loc) << "stays a recurrence: " << *reason;
    }
  }
};
} // namespace
