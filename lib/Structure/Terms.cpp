//===- Terms.cpp - Sums of products of tensors ----------------------------===//

#include "seqc/lib/Structure/Terms.h"

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace seqc::structure;

bool Term::uses(int letter) const {
  return llvm::any_of(factors, [&](const Factor &f) {
    return llvm::is_contained(f.letters, letter);
  });
}

bool Term::sameProduct(const Term &other) const {
  return carry == other.carry && carryLetters == other.carryLetters &&
         factors == other.factors && extents == other.extents;
}

Sum Sum::constant(double value, ArrayRef<int64_t> shape) {
  Sum sum;
  sum.shape.assign(shape.begin(), shape.end());
  Term term;
  term.scale = value;
  term.extents.assign(shape.begin(), shape.end());
  sum.add(std::move(term));
  return sum;
}

void Sum::add(Term term) {
  canonicalize(term, shape.size());
  for (auto it = terms.begin(); it != terms.end(); ++it) {
    if (!it->sameProduct(term))
      continue;
    it->scale += term.scale;
    if (it->scale == 0)
      terms.erase(it);
    return;
  }
  if (term.scale != 0)
    terms.push_back(std::move(term));
}

void Sum::add(const Sum &other, double scale) {
  for (Term term : other.terms) {
    term.scale *= scale;
    add(std::move(term));
  }
}

bool Sum::hasCarry() const {
  return llvm::any_of(terms, [](const Term &t) { return t.carry >= 0; });
}

Term seqc::structure::renamed(const Term &term, ArrayRef<int> to, unsigned rank,
                              SmallVectorImpl<int64_t> &extents) {
  SmallVector<int> map(to.begin(), to.begin() + rank);
  for (unsigned i = rank; i < term.extents.size(); ++i) {
    map.push_back(extents.size());
    extents.push_back(term.extents[i]);
  }
  Term result = term;
  for (Factor &f : result.factors)
    for (int &letter : f.letters)
      letter = map[letter];
  for (int &letter : result.carryLetters)
    letter = map[letter];
  return result;
}

bool seqc::structure::precedes(Value a, Value b) {
  auto x = dyn_cast<BlockArgument>(a), y = dyn_cast<BlockArgument>(b);
  if (x && y)
    return x.getArgNumber() < y.getArgNumber();
  if (x || y)
    return bool(x);
  Operation *p = a.getDefiningOp(), *q = b.getDefiningOp();
  if (p == q)
    return cast<OpResult>(a).getResultNumber() < cast<OpResult>(b).getResultNumber();
  if (p->getBlock() != q->getBlock()) // Constants from above come first.
    return p->getBlock()->getParentOp()->isProperAncestor(q);
  return p->isBeforeInBlock(q);
}

/// Sums over a letter that has to equal another are over no letter.
static void mergeSameLetters(Term &term, unsigned rank) {
  for (unsigned i = 0; i < term.factors.size();) {
    const Factor &f = term.factors[i];
    if (f.kind != Factor::Kind::Same) {
      ++i;
      continue;
    }
    int kept = std::min(f.letters[0], f.letters[1]),
        merged = std::max(f.letters[0], f.letters[1]);
    if (kept != merged && merged < int(rank)) {
      ++i;
      continue;
    }
    term.factors.erase(term.factors.begin() + i);
    if (kept == merged)
      continue;
    for (Factor &other : term.factors)
      llvm::replace(other.letters, merged, kept);
    llvm::replace(term.carryLetters, merged, kept);
    term.extents[merged] = 1;
    i = 0;
  }
}

void seqc::structure::canonicalize(Term &term, unsigned rank) {
  mergeSameLetters(term, rank);
  auto before = [](const Factor &a, const Factor &b) {
    if (a.value != b.value)
      return precedes(a.value, b.value);
    if (a.kind != b.kind)
      return a.kind < b.kind;
    return std::lexicographical_compare(a.letters.begin(), a.letters.end(),
                                        b.letters.begin(), b.letters.end());
  };
  // A summed letter of size one is as good as the value's own of that size: the
  // carry keeps its dimensions where it can.
  for (auto [d, letter] : llvm::enumerate(term.carryLetters)) {
    unsigned own = term.carryLetters.size() == rank ? d : 0;
    bool taken = llvm::is_contained(term.carryLetters, int(own));
    if (letter >= int(rank) && term.extents[letter] == 1 && own < rank &&
        term.extents[own] == 1 && !taken)
      letter = own;
  }
  for (Factor &f : term.factors)
    for (int &letter : f.letters)
      if (letter >= int(rank) && term.extents[letter] == 1)
        for (unsigned own = 0; own < rank; ++own)
          if (term.extents[own] == 1 && !llvm::is_contained(f.letters, int(own))) {
            letter = own;
            break;
          }
  // Summed letters in the order of their use: the carry's first.  Sorting by the
  // new numbers may change the order of equal values, so it is done twice.
  for (int round = 0; round < 2; ++round) {
    llvm::sort(term.factors, before);
    SmallVector<int> map(term.extents.size(), -1);
    SmallVector<int64_t, 4> extents(term.extents.begin(),
                                    term.extents.begin() + rank);
    for (unsigned i = 0; i < rank; ++i)
      map[i] = i;
    auto visit = [&](int &letter) {
      if (map[letter] < 0) {
        map[letter] = extents.size();
        extents.push_back(term.extents[letter]);
      }
      letter = map[letter];
    };
    for (int &letter : term.carryLetters)
      visit(letter);
    for (Factor &f : term.factors)
      for (int &letter : f.letters)
        visit(letter);
    // A letter that nothing uses is a sum of equal terms.
    for (unsigned i = rank; i < term.extents.size(); ++i)
      if (map[i] < 0)
        term.scale *= term.extents[i];
    term.extents = extents;
  }
}

SmallVector<unsigned> seqc::structure::factorGroups(const Term &term,
                                                    unsigned rank, int skip) {
  unsigned n = term.factors.size();
  llvm::EquivalenceClasses<unsigned> groups;
  for (unsigned i = 0; i < n; ++i)
    groups.insert(i);
  for (unsigned i = 0; i < n; ++i)
    for (unsigned j = i + 1; j < n; ++j)
      for (int letter : term.factors[i].letters)
        if (letter >= int(rank) && letter != skip &&
            llvm::is_contained(term.factors[j].letters, letter))
          groups.unionSets(i, j);
  SmallVector<unsigned> result;
  for (unsigned i = 0; i < n; ++i)
    result.push_back(groups.getLeaderValue(i));
  return result;
}
