//===- SplitRanks.cpp - Products of low rank as sums of outer products ----===//
//
// A correction or write of rank r may be one einsum over r vectors.  Where classes look
// for vectors, it is a sum over r.
//
//===----------------------------------------------------------------------===//

#include "SumEmitter.h"

#include "seqc/lib/Structure/Structure.h"
#include "seqc/passes/Structure/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace seqc {
#define GEN_PASS_DEF_SPLITRANKS
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

namespace {
/// The largest rank that is split.
constexpr int64_t kMaxRank = 16;

/// True if no factors of `term` that belong together, through letters that are summed
/// over, vary along two of the value's letters and `summed`; `fixed` is left out.
bool isSeparable(const Term &term, int summed, int fixed) {
  llvm::EquivalenceClasses<unsigned> groups;
  unsigned n = term.factors.size();
  auto visible = [&](int l) { return l < 2 || l == summed; };
  for (unsigned i = 0; i < n; ++i) {
    groups.insert(i);
    for (unsigned j = 0; j < i; ++j)
      for (int l : term.factors[i].letters)
        if (!visible(l) && l != fixed && llvm::is_contained(term.factors[j].letters, l))
          groups.unionSets(i, j);
  }
  llvm::DenseMap<unsigned, llvm::SmallDenseSet<int>> along;
  for (unsigned i = 0; i < n; ++i)
    for (int l : term.factors[i].letters)
      if (visible(l))
        along[groups.getLeaderValue(i)].insert(l);
  return llvm::none_of(along, [](auto &pair) { return pair.second.size() > 1; });
}

/// The letter whose values make `term` a sum of products of vectors, or -1.
int rankLetter(const Term &term) {
  int summed = -1;
  if (term.carry >= 0) {
    if (term.carryLetters.size() != 2)
      return -1;
    for (auto [d, l] : llvm::enumerate(term.carryLetters))
      if (l != int(d)) {
        if (summed >= 0 || l < 2)
          return -1;
        summed = l;
      }
    if (summed < 0)
      return -1;
  }
  if (isSeparable(term, summed, -1))
    return -1;
  // A correction of the rank of its dimension is any matrix.
  int64_t most =
      term.carry < 0 ? kMaxRank : std::min(term.extents[summed] - 1, kMaxRank);
  for (unsigned l = 2; l < term.extents.size(); ++l) {
    bool plain = llvm::all_of(term.factors, [&](const Factor &f) {
      return llvm::count(f.letters, int(l)) <= 1 &&
             (f.kind == Factor::Kind::Value || !llvm::is_contained(f.letters, int(l)));
    });
    if (int(l) != summed && plain && term.extents[l] <= most &&
        isSeparable(term, summed, l))
      return l;
  }
  return -1;
}

/// `v` at `index` of dimension `dim`.
Value sliceOf(OpBuilder &b, Location loc, Value v, unsigned dim, int64_t index) {
  auto type = cast<RankedTensorType>(v.getType());
  if (type.getRank() == 1) {
    Value at = arith::ConstantIndexOp::create(b, loc, index);
    return tensor::ExtractOp::create(b, loc, v, at);
  }
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
      strides(type.getRank(), b.getIndexAttr(1)), sizes;
  SmallVector<int64_t> kept;
  for (auto [d, size] : llvm::enumerate(type.getShape())) {
    sizes.push_back(b.getIndexAttr(d == dim ? 1 : size));
    if (d != dim)
      kept.push_back(size);
  }
  offsets[dim] = b.getIndexAttr(index);
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(kept, type.getElementType()), v, offsets, sizes,
      strides);
}

/// The next value of a state, with terms of low rank split; null if there are none.
Value split(RecurrenceOp op, const Sum &next, Value old) {
  if (next.shape.size() != 2 || !old.getDefiningOp() ||
      !isa<FloatType>(elementOf(old.getType())) ||
      llvm::all_of(next.terms, [](const Term &t) { return rankLetter(t) < 0; }))
    return {};
  OpBuilder b(op.getContext());
  b.setInsertionPointAfterValue(old);
  Location loc = old.getLoc();
  llvm::DenseMap<std::tuple<Value, unsigned, int64_t>, Value> slices;
  Sum sum;
  sum.shape = next.shape;
  for (Term term : next.terms) {
    int letter = rankLetter(term);
    // To emit it, the state is a factor like others.
    if (term.carry >= 0) {
      unsigned n = op.getCarries().size();
      Factor state;
      state.value = unsigned(term.carry) < n ? op.getCarryArgs()[term.carry]
                                             : op.getSnapshotArgs()[term.carry - n];
      state.letters = term.carryLetters;
      term.factors.push_back(std::move(state));
      term.carry = -1;
      term.carryLetters.clear();
    }
    if (letter < 0) {
      sum.terms.push_back(std::move(term));
      continue;
    }
    for (int64_t i = 0; i < term.extents[letter]; ++i) {
      Term part = term;
      for (Factor &f : part.factors)
        for (unsigned d = 0; d < f.letters.size(); ++d)
          if (f.letters[d] == letter) {
            Value &slice = slices[{f.value, d, i}];
            if (!slice)
              slice = sliceOf(b, loc, f.value, d, i);
            f.value = slice;
            f.letters.erase(f.letters.begin() + d);
            break;
          }
      sum.terms.push_back(std::move(part));
    }
  }
  Type element = elementOf(old.getType());
  Type wide = element.isF64() ? element : b.getF32Type();
  return castTo(b, loc, emitSum(b, loc, sum, wide, [](Value v) { return v; }), element);
}

struct SplitRanks : seqc::impl::SplitRanksBase<SplitRanks> {
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, SeqDialect, tensor::TensorDialect>();
  }
  void runOnOperation() override {
    getOperation()->walk([&](RecurrenceOp op) {
      if (op.getChunk())
        return;
      Structure structure = analyze(op);
      for (const Component &component : structure.components)
        for (auto [carry, next] : llvm::zip(component.carries, component.next)) {
          Value old = op.getYield().getCarries()[carry];
          Value value = split(op, next, old);
          if (!value)
            continue;
          // What the sum is made of precedes the old value.
          old.replaceAllUsesWith(value);
        }
    });
  }
};
} // namespace
