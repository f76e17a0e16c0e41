//===- ConversionPlan.cpp - What a recurrence's components become ---------===//

#include "Conversion.h"
#include "SumEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::conversion;
using namespace seqc::structure;

//===----------------------------------------------------------------------===//
// Splitting terms
//===----------------------------------------------------------------------===//

SmallVector<Factor> seqc::conversion::factorsAt(const Term &term, unsigned rank,
                                                int letter, int skip) {
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

Sum seqc::conversion::partOf(const Term &term, ArrayRef<Factor> factors, int letter,
                             double scale) {
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
  if (diagonal.terms.size() > 1) {
    // A sum is one gate, if it varies along one dimension.
    int axis = -1;
    for (const Term &t : diagonal.terms)
      for (const Factor &f : t.factors)
        for (int letter : f.letters) {
          if (letter > 1 || t.extents[letter] == 1)
            continue;
          if (axis >= 0 && axis != letter)
            return "the decay is a sum that varies along both dimensions";
          axis = letter;
        }
    GatePlan gate;
    gate.axis = axis;
    gate.log = false;
    if (axis >= 0)
      gate.value.shape.push_back(diagonal.shape[axis]);
    for (const Term &t : diagonal.terms)
      gate.value.add(partOf(t, t.factors, axis, t.scale));
    c.gates.push_back(std::move(gate));
    return {};
  }
  const Term &term = diagonal.terms[0];
  // A number stays a number: its logarithm would round.
  if (term.scale != 1)
    c.gates.push_back({Sum::constant(term.scale, {}), -1, false});
  for (const Factor &f : term.factors) {
    GatePlan gate;
    for (int letter : f.letters) {
      if (letter > 1 || (f.letters.size() > 1 && term.extents[letter] == 1))
        continue;
      if (gate.axis >= 0)
        return "a factor of the decay varies along both dimensions";
      gate.axis = letter;
    }
    if (f.kind != Factor::Kind::Value) {
      gate.log = false;
      gate.value = partOf(term, f, gate.axis);
      c.gates.push_back(std::move(gate));
      continue;
    }
    Value value = f.value;
    if (auto exp = value.getDefiningOp<math::ExpOp>())
      value = stripCasts(exp.getOperand());
    else
      gate.log = false;
    // A vector of one element is a scalar: the sum over it.
    Factor same = f;
    same.value = value;
    gate.value = partOf(term, same, gate.axis);
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
  for (unsigned d = 0; d < shape.size(); ++d)
    term.carryLetters.push_back(d);
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
      // A column is read as a whole, by one query.
      if (c.column) {
        int summed = t.carryLetters[0];
        SmallVector<Factor> query = factorsAt(t, rank, summed, summed),
                            scale = factorsAt(t, rank, -1, summed);
        ok &= rank == 0 && query.size() + scale.size() == t.factors.size();
        if (!ok)
          break;
        part.query = {partOf(t, query, summed), partOf(t, scale, -1, t.scale)};
        part.multiplier = Sum::constant(1, {}).terms[0];
        read.parts.push_back(std::move(part));
        continue;
      }
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

/// True if both are the same value, as far as their terms tell.
static bool same(const Sum &a, const Sum &b) {
  return a.shape == b.shape && a.terms.size() == b.terms.size() &&
         llvm::all_of(llvm::zip(a.terms, b.terms), [](auto pair) {
           auto &[x, y] = pair;
           return x.scale == y.scale && x.sameProduct(y);
         });
}

void Conversion::planColumn(ComponentPlan &c) {
  const Component &component = c.component;
  if (c.linear || component.carries.size() != 1 || component.next.empty() ||
      component.semiring != Semiring::PlusTimes)
    return;
  unsigned carry = component.carries[0];
  Type state = op.getCarryArgs()[carry].getType();
  const Sum &next = component.next[0];
  if (seqc::shapeOf(state).size() != 1 || seqc::shapeOf(state)[0] == 1 ||
      !isa<FloatType>(elementOf(state)) ||
      llvm::any_of(next.terms, [&](const Term &t) {
        return t.carry >= int(dependence.carries());
      }))
    return;
  Transition t = transitionOf(next, carry);
  Sum written = writesOf(next);
  if (!t.lowRank.empty() || !t.dense.empty() || written.terms.empty())
    return;
  ComponentPlan column;
  column.component = component;
  if (planGates(column, t.diagonal))
    return;
  WritePlan write{scaled(written), Sum::constant(1, {1})};
  bool shared = llvm::any_of(plans, [&](const ComponentPlan &other) {
    auto sameGate = [](auto pair) {
      auto &[x, y] = pair;
      return x.axis == y.axis && x.log == y.log && same(x.value, y.value);
    };
    return other.linear && !other.column &&
           other.gates.size() == column.gates.size() &&
           llvm::all_of(llvm::zip(other.gates, column.gates), sameGate) &&
           llvm::any_of(other.writes, [&](const WritePlan &w) {
             return same(w.key.vector, write.key.vector) &&
                    same(w.key.scale, write.key.scale);
           });
  });
  if (!shared)
    return;
  column.linear = column.column = true;
  column.writes.push_back(std::move(write));
  if (!planReads(column))
    c = std::move(column);
}

std::optional<std::string> Conversion::plan(ComponentPlan &c) {
  const Component &component = c.component;
  Reason none;
  if (target == Target::Scan) {
    none = planScan(c);
    if (c.scan)
      return {};
    if (!noScan)
      noScan = none;
  }
  c.linear = component.carries.size() == 1 &&
             (component.cls == Class::C4 || component.cls == Class::C5) &&
             component.next[0].shape.size() == 2 &&
             isa<FloatType>(
                 elementOf(op.getCarryArgs()[component.carries[0]].getType()));
  if (!c.linear) {
    if (target == Target::LinearAndScan)
      none = planScan(c);
    if (c.scan)
      return {};
    if (constants && target != Target::Scan) {
      Reason why = planConstant(c);
      if (!why)
        return {};
      if (!noConstant && component.cls == Class::C3)
        noConstant = why;
    }
    for (unsigned carry : component.carries)
      if (seqc::shapeOf(op.getCarryArgs()[carry].getType()).size() > 1) {
        if (none)
          return none;
        if (component.carries.size() > 1 &&
            (component.cls == Class::C4 || component.cls == Class::C5))
          return "matrix states are coupled (" + component.label() +
                 ") by a block that changes with the token: a chunk would need its "
                 "products for every pair of tokens";
        return "a component of class " + component.label() + " has a matrix state";
      }
    return {};
  }
  Transition t = transitionOf(component.next[0], component.carries[0]);
  if (!isSumOfOuterProducts(writesOf(component.next[0])))
    return "what is written is no sum of outer products";
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
      if (c->linear && (!c->constant || c->constant->matrix))
        return "a matrix state is used as a whole";
      c->previous = true;
      return {};
    }
  for (auto [i, next] : llvm::enumerate(op.getYield().getCarries()))
    if (v == next && !dependence.of(v).none() && v.getDefiningOp()) {
      ComponentPlan *c = owner(i);
      if (c->linear && (!c->constant || c->constant->matrix))
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
    for (const BlockPlan &block : c.scan->blocks)
      if (Reason r = need(block.value))
        return r;
    for (const Sum &written : c.scan->written)
      if (Reason r = need(written))
        return r;
    for (ArrayRef<RingTerm> next : c.component.ring)
      for (const RingTerm &term : next)
        for (auto [value, times] : term.summands)
          if (Reason r = need(value))
            return r;
  }
  // A scan gives the states before or after tokens: the others are computed.
  if (!c.linear && (!c.scan || (c.previous && c.next))) {
    // The component's own states are at hand there, those of others are not.
    auto own = [&](Value v) {
      return llvm::any_of(c.component.carries, [&](unsigned carry) {
        return v == op.getCarryArgs()[carry];
      });
    };
    for (unsigned carry : c.component.carries) {
      Value next = op.getYield().getCarries()[carry];
      Operation *def = next.getDefiningOp();
      for (Value v : def ? ValueRange(def->getOperands()) : ValueRange(next))
        if (!own(v))
          if (Reason r = need(v))
            return r;
    }
    return {};
  }
  if (c.scan)
    return {};
  if (c.constant) {
    for (const BlockPlan &block : c.constant->blocks.blocks)
      if (Reason r = need(block.value))
        return r;
    for (const ConstantPlan::Write &write : c.constant->writes) {
      if (Reason r = need(write.scale))
        return r;
      for (const Sum &key : write.keys)
        if (Reason r = need(key))
          return r;
    }
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
