//===- Classify.cpp - From terms to classes -------------------------------===//

#include "seqc/lib/Structure/Structure.h"

#include "Semirings.h"

#include "seqc/dialects/Seq/Seq.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

llvm::StringRef seqc::structure::className(Class c) {
  static constexpr llvm::StringLiteral names[] = {"C0", "C1", "C2", "C2m", "C3",
                                                  "C4", "C5", "C6", "C7"};
  return names[unsigned(c)];
}

llvm::StringRef seqc::structure::semiringName(Semiring semiring) {
  switch (semiring) {
  case Semiring::PlusTimes:
    return "(+,x)";
  case Semiring::MaxPlus:
    return "(max,+)";
  case Semiring::MinPlus:
    return "(min,+)";
  case Semiring::LogPlus:
    return "(logaddexp,+)";
  }
  llvm_unreachable("covered switch");
}

std::string Component::label() const {
  std::string text = className(cls).str();
  if (cls == Class::C4 || cls == Class::C5) {
    // The numbers of the operator catalogue: the gate of C4, the gate and the
    // freedom of the pair of C5.
    unsigned sub = gate == Gate::None       ? 0
                   : gate == Gate::Constant ? 1
                   : gate == Gate::Scalar   ? 2
                                            : 3;
    if (cls == Class::C5)
      sub = !tied ? 3 : gate == Gate::None ? 0 : sub == 3 ? 2 : 1;
    text += "." + std::to_string(sub);
  }
  if (semiring != Semiring::PlusTimes)
    text += " " + semiringName(semiring).str();
  if (rank > 1)
    text += " rank " + std::to_string(rank);
  if (complex)
    text += " complex";
  else if (carries.size() > 1 && cls != Class::C7)
    text += " " + std::to_string(carries.size()) + "x" +
            std::to_string(carries.size());
  return text;
}

bool Transition::isIdentity() const {
  return lowRank.empty() && dense.empty() && diagonal.terms.size() == 1 &&
         diagonal.terms[0].scale == 1 && diagonal.terms[0].factors.empty();
}

//===----------------------------------------------------------------------===//
// Transitions and writes
//===----------------------------------------------------------------------===//

/// The part of `term` made of `factors`, as a vector over `letter`.
static Term vectorOf(const Term &term, ArrayRef<Factor> factors, int letter) {
  Term result;
  result.factors.assign(factors.begin(), factors.end());
  result.extents.push_back(term.extents[letter]);
  SmallVector<int> map(term.extents.size(), -1);
  map[letter] = 0;
  for (Factor &f : result.factors)
    for (int &l : f.letters) {
      if (map[l] < 0) {
        map[l] = result.extents.size();
        result.extents.push_back(term.extents[l]);
      }
      l = map[l];
    }
  canonicalize(result, 1);
  return result;
}

Transition seqc::structure::transitionOf(const Sum &next, unsigned carry) {
  Transition result;
  result.diagonal.shape = next.shape;
  unsigned rank = next.shape.size();
  for (const Term &term : next.terms) {
    if (term.carry != int(carry))
      continue;
    SmallVector<unsigned> moved;
    for (auto [d, letter] : llvm::enumerate(term.carryLetters))
      if (letter != int(d))
        moved.push_back(d);
    bool sameRank = term.carryLetters.size() == rank;
    if (sameRank && moved.empty()) {
      result.diagonal.add(term);
      continue;
    }
    int summed = sameRank && moved.size() == 1 ? term.carryLetters[moved[0]] : -1;
    if (summed < int(rank)) {
      result.dense.push_back(term);
      continue;
    }
    unsigned axis = moved[0];
    SmallVector<unsigned> group = factorGroups(term, rank, summed);
    llvm::SmallDenseSet<unsigned> reading;
    for (auto [f, g] : llvm::zip(term.factors, group))
      if (llvm::is_contained(f.letters, summed))
        reading.insert(g);
    SmallVector<Factor> left, right;
    bool separable = true;
    for (auto [f, g] : llvm::zip(term.factors, group)) {
      bool reads = reading.contains(g);
      (reads ? right : left).push_back(f);
      for (int letter : f.letters)
        if (letter < int(rank))
          separable &= !reads && letter == int(axis);
    }
    if (!separable) {
      result.dense.push_back(term);
      continue;
    }
    Term reader = vectorOf(term, right, summed);
    Term writer = vectorOf(term, left, axis);
    writer.scale = term.scale;
    reader.scale = 1;
    auto same = llvm::find_if(result.lowRank, [&](const LowRank &pair) {
      return pair.axis == axis && pair.right.sameProduct(reader);
    });
    if (same == result.lowRank.end()) {
      LowRank pair;
      pair.axis = axis;
      pair.right = reader;
      pair.left.shape = {term.extents[axis]};
      result.lowRank.push_back(std::move(pair));
      same = std::prev(result.lowRank.end());
    }
    same->left.add(writer);
  }
  llvm::erase_if(result.lowRank,
                 [](const LowRank &pair) { return pair.left.terms.empty(); });
  return result;
}

Sum seqc::structure::writesOf(const Sum &next) {
  Sum result;
  result.shape = next.shape;
  for (const Term &term : next.terms)
    if (term.carry < 0)
      result.add(term);
  return result;
}

bool seqc::structure::isSumOfOuterProducts(const Sum &sum) {
  if (sum.shape.size() != 2)
    return false;
  for (const Term &term : sum.terms) {
    SmallVector<unsigned> group = factorGroups(term, 2, -1);
    llvm::DenseMap<unsigned, unsigned> letters;
    for (auto [f, g] : llvm::zip(term.factors, group))
      for (int letter : f.letters)
        if (letter < 2)
          letters[g] |= 1u << letter;
    for (auto &[g, mask] : letters)
      if (mask == 3)
        return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

namespace {
class Classifier {
public:
  Classifier(RecurrenceOp op) : op(op), dependence(op) {}
  Structure run();

private:
  SmallVector<Component, 2> condense(ArrayRef<llvm::BitVector> needs);
  void joinBlocks(SmallVectorImpl<llvm::BitVector> &needs, Structure &structure);
  void classify(Component &component);
  void classifyAffine(Component &component);
  bool constant(const Sum &sum) {
    return llvm::all_of(sum.terms, [&](const Term &t) { return constant(t); });
  }
  bool constant(const Term &term) {
    return llvm::all_of(term.factors, [&](const Factor &f) {
      return dependence.isConstant(f.value);
    });
  }
  void setGate(Component &component, const Sum &diagonal);
  bool isTied(const Transition &transition);
  llvm::BitVector bitsOf(const Component &component) {
    llvm::BitVector bits(dependence.tokenBit() + 1);
    for (unsigned c : component.carries) {
      bits.set(c);
      ArrayRef<int64_t> snapshots = op.getSnapshots();
      for (unsigned s = 0; 2 * s < snapshots.size(); ++s)
        if (snapshots[2 * s] == int64_t(c))
          bits.set(dependence.carries() + s);
    }
    return bits;
  }

  RecurrenceOp op;
  Dependence dependence;
};
} // namespace

void Classifier::setGate(Component &component, const Sum &diagonal) {
  llvm::SmallDenseSet<int> letters;
  for (const Term &term : diagonal.terms)
    for (const Factor &f : term.factors)
      letters.insert(f.letters.begin(), f.letters.end());
  if (diagonal.terms.size() == 1 && diagonal.terms[0].factors.empty() &&
      diagonal.terms[0].scale == 1)
    component.gate = Gate::None;
  else if (constant(diagonal))
    component.gate = Gate::Constant;
  else if (letters.empty())
    component.gate = Gate::Scalar;
  else if (letters.size() == 1)
    component.gate = Gate::Axis;
  else
    component.gate = Gate::Full;
  if (letters.size() == 1)
    component.gateAxis = *letters.begin();
}

/// True if the pairs read with the vectors that they write, gates aside.
bool Classifier::isTied(const Transition &transition) {
  auto onAxis = [](const Factor &f, int axis) {
    return llvm::is_contained(f.letters, axis);
  };
  llvm::SmallPtrSet<void *, 4> reads, writes;
  for (const LowRank &pair : transition.lowRank) {
    for (const Factor &f : pair.right.factors) {
      bool gate = llvm::any_of(transition.diagonal.terms, [&](const Term &t) {
        return llvm::any_of(t.factors,
                            [&](const Factor &g) { return g.sameValue(f); });
      });
      if (onAxis(f, 0) && !gate)
        reads.insert(f.value.getAsOpaquePointer());
    }
    for (const Term &t : pair.left.terms)
      for (const Factor &f : t.factors)
        if (onAxis(f, 0))
          writes.insert(f.value.getAsOpaquePointer());
  }
  return reads.size() == writes.size() &&
         llvm::all_of(reads, [&](void *v) { return writes.contains(v); });
}

void Classifier::classifyAffine(Component &component) {
  unsigned n = component.carries.size();
  bool snapshot = false, anything = false, lowRank = false, dense = false,
       fixed = true, full = false, outer = true;
  SmallVector<SmallVector<Transition, 2>, 2> blocks;
  for (const Sum &next : component.next) {
    snapshot |= llvm::any_of(next.terms, [&](const Term &t) {
      return t.carry >= int(dependence.carries());
    });
    auto &row = blocks.emplace_back();
    for (unsigned from : component.carries) {
      Transition t = transitionOf(next, from);
      anything |= !t.empty();
      lowRank |= !t.lowRank.empty();
      dense |= !t.dense.empty();
      fixed &= constant(t.diagonal) && llvm::all_of(t.dense, [&](const Term &x) {
        return constant(x);
      });
      for (const LowRank &pair : t.lowRank)
        fixed &= constant(pair.left) && constant(pair.right);
      full |= !isSumOfOuterProducts(t.diagonal);
      row.push_back(std::move(t));
    }
    outer &= isSumOfOuterProducts(writesOf(next));
  }
  if (n == 2) {
    const Transition &a = blocks[0][0], &b = blocks[0][1], &c = blocks[1][0],
                     &d = blocks[1][1];
    Sum difference = a.diagonal, sum = b.diagonal;
    difference.shape = sum.shape = component.next[0].shape;
    Sum dd, cc;
    // Carries differ, products may not.
    auto strip = [](Sum s) {
      for (Term &t : s.terms)
        t.carry = 0;
      return s;
    };
    difference = strip(difference);
    difference.add(strip(d.diagonal), -1);
    sum = strip(sum);
    sum.add(strip(c.diagonal));
    component.complex = !lowRank && !dense && !b.diagonal.terms.empty() &&
                        difference.terms.empty() && sum.terms.empty();
  }

  if (n == 1)
    setGate(component, blocks[0][0].diagonal);
  if (snapshot) {
    component.cls = Class::C6;
  } else if (!anything) {
    component.cls = Class::C0;
  } else if (dense || (lowRank && component.next[0].shape.size() != 2)) {
    component.cls = fixed ? Class::C3 : Class::C2m;
  } else if (lowRank) {
    component.cls = Class::C5;
    for (auto &row : blocks)
      for (Transition &t : row)
        component.rank = std::max<unsigned>(component.rank, t.lowRank.size());
    component.tied = true;
    for (auto &row : blocks)
      for (Transition &t : row)
        component.tied &= t.lowRank.empty() || isTied(t);
  } else if (outer && !full) {
    component.cls = Class::C4;
    if (n > 1)
      component.gate = fixed ? Gate::Constant : Gate::Scalar;
  } else if (n == 1 && blocks[0][0].isIdentity()) {
    component.cls = Class::C1;
  } else if (fixed) {
    component.cls = Class::C3;
  } else {
    component.cls = n == 1 || component.complex ? Class::C2 : Class::C2m;
  }
}

void Classifier::classify(Component &component) {
  llvm::BitVector bits = bitsOf(component);
  AffineAnalysis affine(op, dependence, bits);
  auto derive = [&](AffineAnalysis &analysis) {
    component.next.clear();
    bool ok = true;
    for (unsigned c : component.carries) {
      auto next = analysis.get(op.getYield().getCarries()[c]);
      ok &= bool(next);
      component.next.push_back(next ? *next : Sum());
    }
    return ok;
  };
  if (derive(affine))
    return classifyAffine(component);
  // What is not affine may be a function of a snapshot alone.
  llvm::BitVector now = bits;
  now.reset(dependence.carries(), dependence.tokenBit());
  if (now != bits) {
    AffineAnalysis frozen(op, dependence, now);
    if (derive(frozen)) {
      component.cls = Class::C6;
      component.frozen = true;
      return;
    }
  }
  component.next.clear();
  component.cls = Class::C7;
  component.breaks = affine.breaks();
  for (Semiring semiring :
       {Semiring::MaxPlus, Semiring::MinPlus, Semiring::LogPlus}) {
    bool ok = true;
    for (unsigned c : component.carries) {
      Value value = op.getYield().getCarries()[c];
      auto next = semiring == Semiring::LogPlus
                      ? logTerms(op, dependence, bits, value)
                      : extremeTerms(op, dependence, bits, value, semiring);
      ok &= bool(next);
      component.ring.push_back(next ? *next : SmallVector<RingTerm, 2>());
    }
    if (ok) {
      component.cls = Class::C1;
      component.semiring = semiring;
      component.breaks = nullptr;
      return;
    }
    component.ring.clear();
  }
}

/// Components of carries that need one another.  Tarjan's algorithm yields them in
/// dependence order because edges point at what is needed.
SmallVector<Component, 2> Classifier::condense(ArrayRef<llvm::BitVector> needs) {
  unsigned n = needs.size();
  SmallVector<Component, 2> components;
  SmallVector<int> index(n, -1), low(n, 0);
  SmallVector<unsigned> stack;
  llvm::BitVector onStack(n);
  int next = 0;
  std::function<void(unsigned)> visit = [&](unsigned v) {
    index[v] = low[v] = next++;
    stack.push_back(v);
    onStack.set(v);
    for (unsigned w = 0; w < n; ++w) {
      if (!needs[v].test(w))
        continue;
      if (index[w] < 0) {
        visit(w);
        low[v] = std::min(low[v], low[w]);
      } else if (onStack.test(w)) {
        low[v] = std::min(low[v], index[w]);
      }
    }
    if (low[v] != index[v])
      return;
    Component component;
    unsigned w;
    do {
      w = stack.pop_back_val();
      onStack.reset(w);
      component.carries.push_back(w);
    } while (w != v);
    llvm::sort(component.carries);
    components.push_back(std::move(component));
  };
  for (unsigned v = 0; v < n; ++v)
    if (index[v] < 0)
      visit(v);
  for (Component &component : components)
    classify(component);
  return components;
}

/// A matrix state that another one is added to as a whole is no sum of outer products;
/// both together are, with a block that is the same at every token (momentum).
void Classifier::joinBlocks(SmallVectorImpl<llvm::BitVector> &needs,
                            Structure &structure) {
  auto typeOf = [&](const Component &c) {
    return op.getCarryArgs()[c.carries[0]].getType();
  };
  auto isBlock = [](const Component &c) {
    return c.cls == Class::C4 && c.gate == Gate::Constant && c.carries.size() > 1;
  };
  for (unsigned i = 1; i < structure.components.size(); ++i) {
    const Component &later = structure.components[i];
    if (seqc::shapeOf(typeOf(later)).size() != 2 ||
        (later.cls != Class::C1 && later.cls != Class::C3) ||
        later.semiring != Semiring::PlusTimes)
      continue;
    for (unsigned j = 0; j < i; ++j) {
      const Component &earlier = structure.components[j];
      unsigned from = later.carries[0], to = earlier.carries[0];
      if (typeOf(earlier) != typeOf(later) || !needs[from].test(to))
        continue;
      SmallVector<llvm::BitVector> joined(needs.begin(), needs.end());
      joined[to].set(from);
      SmallVector<Component, 2> components = condense(joined);
      auto *both = llvm::find_if(components, [&](const Component &c) {
        return llvm::is_contained(c.carries, from);
      });
      if (!isBlock(*both))
        continue;
      needs = joined;
      structure.components = std::move(components);
      i = 0; // from the start
      break;
    }
  }
}

Structure Classifier::run() {
  unsigned n = op.getCarries().size();
  ArrayRef<int64_t> snapshots = op.getSnapshots();
  SmallVector<llvm::BitVector> needs;
  for (unsigned c = 0; c < n; ++c) {
    llvm::BitVector bits = dependence.of(op.getYield().getCarries()[c]);
    for (unsigned s = 0; 2 * s < snapshots.size(); ++s)
      if (bits.test(n + s))
        bits.set(snapshots[2 * s]);
    needs.push_back(bits);
  }
  Structure structure;
  structure.components = condense(needs);
  joinBlocks(needs, structure);
  return structure;
}

Structure seqc::structure::analyze(RecurrenceOp op) {
  return Classifier(op).run();
}
