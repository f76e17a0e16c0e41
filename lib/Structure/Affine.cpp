//===- Affine.cpp - How values of a step depend on its carries ------------===//

#include "seqc/lib/Structure/Affine.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <set>

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

//===----------------------------------------------------------------------===//
// Dependence
//===----------------------------------------------------------------------===//

Dependence::Dependence(RecurrenceOp op)
    : numCarries(op.getCarries().size()),
      bits(numCarries + op.getSnapshotArgs().size() + 1), none(bits) {
  auto single = [&](unsigned bit) {
    llvm::BitVector v(bits);
    v.set(bit);
    return v;
  };
  for (Value arg : op.getSeqArgs())
    map[arg] = single(bits - 1);
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
    map[arg] = single(i);
  for (auto [i, arg] : llvm::enumerate(op.getSnapshotArgs()))
    map[arg] = single(numCarries + i);
  for (Value arg : {op.getPositionArg(), op.getFirstArg()})
    if (arg)
      map[arg] = single(bits - 1);
  for (Operation &inner : op.getStep().front()) {
    llvm::BitVector all(bits);
    for (Value operand : inner.getOperands())
      all |= of(operand);
    for (Value result : inner.getResults())
      map[result] = all;
  }
}

const llvm::BitVector &Dependence::of(Value value) const {
  auto it = map.find(value);
  return it == map.end() ? none : it->second;
}

//===----------------------------------------------------------------------===//
// AffineAnalysis
//===----------------------------------------------------------------------===//

Value seqc::structure::stripCasts(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(def))
      break;
    value = def->getOperand(0);
  }
  return value;
}

std::optional<double> seqc::structure::splatConstant(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return std::nullopt;
  Attribute attr = constant.getValue();
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (!dense.isSplat() || !isa<FloatType>(dense.getElementType()))
      return std::nullopt;
    return dense.getSplatValue<APFloat>().convertToDouble();
  }
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  return std::nullopt;
}

/// The numbers of a constant vector that `value` repeats, and where it varies.
static DenseElementsAttr repeatedVector(Value value, int &along) {
  auto einsum = stripCasts(value).getDefiningOp<EinsumOp>();
  if (!einsum)
    return {};
  DenseElementsAttr vector;
  for (auto [operand, term] : llvm::zip(einsum.getOperands(), einsum.getTerms())) {
    if (splatConstant(operand) == 1.0)
      continue;
    auto constant = stripCasts(operand).getDefiningOp<arith::ConstantOp>();
    if (vector || !constant || term.size() != 1)
      return {};
    vector = dyn_cast<DenseElementsAttr>(constant.getValue());
    size_t place = einsum.getOutputTerm().find(term[0]);
    if (place == std::string::npos)
      return {};
    along = place;
  }
  return vector;
}

bool seqc::structure::isIdentity(Value value) {
  value = stripCasts(value);
  ArrayRef<int64_t> shape = seqc::shapeOf(value.getType());
  if (shape.size() != 2 || shape[0] != shape[1] || shape[0] < 2)
    return false;
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  if (isa<arith::UIToFPOp>(def))
    return isIdentity(def->getOperand(0));
  if (auto constant = dyn_cast<arith::ConstantOp>(def)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!dense)
      return false;
    auto diagonal = [&](int64_t i) { return i / shape[0] == i % shape[0]; };
    if (dense.getElementType().isInteger(1))
      return llvm::all_of(llvm::enumerate(dense.getValues<bool>()), [&](auto pair) {
        return pair.value() == diagonal(pair.index());
      });
    return isa<FloatType>(dense.getElementType()) &&
           llvm::all_of(llvm::enumerate(dense.getValues<APFloat>()), [&](auto pair) {
             return diagonal(pair.index()) ? pair.value().isExactlyValue(1.0)
                                           : pair.value().isZero();
           });
  }
  auto compare = dyn_cast<arith::CmpFOp>(def);
  if (!compare || (compare.getPredicate() != arith::CmpFPredicate::OEQ &&
                   compare.getPredicate() != arith::CmpFPredicate::UEQ))
    return false;
  int x = -1, y = -1;
  DenseElementsAttr a = repeatedVector(compare.getLhs(), x),
                    b = repeatedVector(compare.getRhs(), y);
  if (!a || a != b || x == y || !isa<FloatType>(a.getElementType()))
    return false;
  std::set<double> numbers;
  for (const APFloat &number : a.getValues<APFloat>()) {
    APFloat wide = number;
    bool exact;
    wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &exact);
    if (!wide.isFinite() || !numbers.insert(wide.convertToDouble()).second)
      return false;
  }
  return true;
}

static Sum atom(Value value, Factor::Kind kind = Factor::Kind::Value,
                ArrayRef<int64_t> shape = {}) {
  Sum sum;
  ArrayRef<int64_t> own = seqc::shapeOf(value.getType());
  sum.shape.assign(own.begin(), own.end());
  // A scalar condition selects whole tensors.
  if (own.empty())
    sum.shape.assign(shape.begin(), shape.end());
  Term term;
  term.extents.assign(sum.shape.begin(), sum.shape.end());
  Factor factor;
  factor.value = value;
  factor.kind = kind;
  for (unsigned i = 0; i < own.size(); ++i)
    factor.letters.push_back(i);
  term.factors.push_back(std::move(factor));
  sum.add(std::move(term));
  return sum;
}

/// Terms of an expanded sum beyond which it stays a factor.
static constexpr size_t kMaxTerms = 256;

/// Products of terms: `a` with its letters renamed to `lettersA`, `b` likewise,
/// over letters of `extents`; the first letters are those of the result.
std::optional<Sum> AffineAnalysis::product(Operation *at, const Sum &a,
                                           const Sum &b, ArrayRef<int> lettersA,
                                           ArrayRef<int> lettersB,
                                           ArrayRef<int64_t> extents,
                                           ArrayRef<int64_t> shape) {
  if (a.hasCarry() && b.hasCarry())
    return fail(at);
  if ((expand || !(a.hasCarry() || b.hasCarry())) &&
      a.terms.size() * b.terms.size() > kMaxTerms)
    return std::nullopt;
  Sum result;
  result.shape.assign(shape.begin(), shape.end());
  for (const Term &x : a.terms)
    for (const Term &y : b.terms) {
      SmallVector<int64_t> sizes(extents);
      Term p = renamed(x, lettersA, a.shape.size(), sizes);
      Term q = renamed(y, lettersB, b.shape.size(), sizes);
      p.scale *= q.scale;
      llvm::append_range(p.factors, q.factors);
      if (q.carry >= 0) {
        p.carry = q.carry;
        p.carryLetters = q.carryLetters;
      }
      p.extents.assign(sizes.begin(), sizes.end());
      result.add(std::move(p));
    }
  return result;
}

bool AffineAnalysis::opens(Value value) {
  if (expand)
    return true;
  auto [it, isNew] = identities.try_emplace(value, false);
  if (!isNew)
    return it->second;
  bool found = isIdentity(value);
  if (Operation *def = value.getDefiningOp(); def && !found && def->getNumOperands() > 0)
    found = llvm::any_of(def->getOperands(), [&](Value v) { return opens(v); });
  return identities[value] = found;
}

std::optional<Sum> AffineAnalysis::get(Value value) {
  auto it = cache.find(value);
  if (it != cache.end())
    return it->second;
  std::optional<Sum> sum = compute(value);
  cache[value] = sum;
  return sum;
}

static SmallVector<int> iota(unsigned n) {
  SmallVector<int> result;
  for (unsigned i = 0; i < n; ++i)
    result.push_back(i);
  return result;
}

std::optional<Sum> AffineAnalysis::selected(arith::SelectOp select) {
  ArrayRef<int64_t> shape = seqc::shapeOf(select.getType());
  SmallVector<int> identity = iota(shape.size());
  if (!isKnown(select.getCondition()))
    return fail(select);
  auto a = get(select.getTrueValue()), b = get(select.getFalseValue());
  if (!a || !b)
    return std::nullopt;
  // What both sides have does not depend on the condition.
  Sum both;
  both.shape = a->shape;
  llvm::erase_if(a->terms, [&](const Term &x) {
    auto y = llvm::find_if(b->terms, [&](const Term &y) {
      return x.scale == y.scale && x.sameProduct(y);
    });
    if (y == b->terms.end())
      return false;
    b->terms.erase(y);
    both.add(x);
    return true;
  });
  Value condition = select.getCondition();
  if (isIdentity(condition)) {
    // Where not on the diagonal: everywhere, but not on the diagonal.
    Sum same = atom(condition, Factor::Kind::Same);
    auto p = product(select, same, *a, identity, identity, shape, shape);
    auto q = product(select, same, *b, identity, identity, shape, shape);
    if (!p || !q)
      return std::nullopt;
    p->add(*b);
    p->add(*q, -1);
    p->add(both);
    return p;
  }
  auto p = product(select, atom(condition, Factor::Kind::When, shape), *a,
                   identity, identity, shape, shape);
  auto q = product(select, atom(condition, Factor::Kind::Unless, shape), *b,
                   identity, identity, shape, shape);
  if (!p || !q)
    return std::nullopt;
  p->add(*q);
  p->add(both);
  return p;
}

/// True if the value is one product, none of whose factors varies along all of its
/// dimensions.
static bool isOuterProduct(const Sum &sum) {
  return sum.terms.size() == 1 &&
         llvm::none_of(sum.terms[0].factors, [&](const Factor &f) {
           return llvm::all_of(llvm::seq<int>(0, sum.shape.size()), [&](int letter) {
             return llvm::is_contained(f.letters, letter);
           });
         });
}

std::optional<Sum> AffineAnalysis::compute(Value value) {
  ArrayRef<int64_t> shape = seqc::shapeOf(value.getType());
  bool known = isKnown(value);
  if (known)
    if (std::optional<double> c = splatConstant(value))
      return Sum::constant(*c, shape);
  if (known && isIdentity(value) && isa<FloatType>(elementOf(value.getType())))
    return atom(stripCasts(value), Factor::Kind::Same);
  bool open = known && opens(value);
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    if (known)
      return atom(value);
    for (auto [i, carry] : llvm::enumerate(op.getCarryArgs()))
      if (carry == arg) {
        Sum sum;
        sum.shape.assign(shape.begin(), shape.end());
        Term term;
        term.carry = i;
        for (unsigned d = 0; d < shape.size(); ++d)
          term.carryLetters.push_back(d);
        term.extents.assign(shape.begin(), shape.end());
        sum.add(std::move(term));
        return sum;
      }
    for (auto [i, snapshot] : llvm::enumerate(op.getSnapshotArgs()))
      if (snapshot == arg) {
        Sum sum;
        sum.shape.assign(shape.begin(), shape.end());
        Term term;
        term.carry = dependence.carries() + i;
        for (unsigned d = 0; d < shape.size(); ++d)
          term.carryLetters.push_back(d);
        term.extents.assign(shape.begin(), shape.end());
        sum.add(std::move(term));
        return sum;
      }
    return std::nullopt;
  }
  Operation *def = value.getDefiningOp();
  auto identity = iota(shape.size());

  // Products and sums are looked into; of known values only products, so that a
  // known sum stays one factor.
  auto result =
      llvm::TypeSwitch<Operation *, std::optional<std::optional<Sum>>>(def)
          .Case<arith::ExtFOp, arith::TruncFOp>(
              [&](Operation *cast) { return get(cast->getOperand(0)); })
          .Case<arith::NegFOp>([&](auto neg) -> std::optional<Sum> {
            auto x = get(neg.getOperand());
            if (!x)
              return x;
            Sum sum;
            sum.shape = x->shape;
            sum.add(*x, -1);
            return sum;
          })
          .Case<arith::MulFOp>([&](auto mul) -> std::optional<Sum> {
            auto a = get(mul.getLhs()), b = get(mul.getRhs());
            if (!a || !b)
              return std::nullopt;
            return product(def, *a, *b, identity, identity, shape, shape);
          })
          .Case<arith::DivFOp>([&](auto div) -> std::optional<Sum> {
            auto a = get(div.getLhs());
            if (!a)
              return std::nullopt;
            if (!isKnown(div.getRhs()))
              return fail(def);
            if (std::optional<double> c = splatConstant(div.getRhs());
                c && *c != 0) {
              Sum sum;
              sum.shape = a->shape;
              sum.add(*a, 1 / *c);
              return sum;
            }
            // A broadcast denominator is a scalar factor.
            Value below = stripCasts(div.getRhs());
            SmallVector<int> letters = identity;
            if (auto splat = below.getDefiningOp<tensor::SplatOp>()) {
              below = stripCasts(splat.getInput());
              letters.clear();
            }
            return product(def, *a, atom(below, Factor::Kind::Inverse), identity,
                           letters, shape, shape);
          })
          .Case<EinsumOp>([&](EinsumOp einsum) -> std::optional<Sum> {
            std::string out = einsum.getOutputTerm(), letters = out;
            SmallVector<int64_t> extents(shape);
            for (auto [term, operand] :
                 llvm::zip(einsum.getTerms(), einsum.getOperands()))
              for (auto [letter, size] :
                   llvm::zip(term, seqc::shapeOf(operand.getType())))
                if (letters.find(letter) == std::string::npos) {
                  letters += letter;
                  extents.push_back(size);
                }
            // The running product keeps every letter.
            Sum all = Sum::constant(1, extents);
            auto every = iota(extents.size());
            for (auto [term, operand] :
                 llvm::zip(einsum.getTerms(), einsum.getOperands())) {
              auto x = get(operand);
              if (!x)
                return std::nullopt;
              SmallVector<int> to;
              for (char letter : term)
                to.push_back(letters.find(letter));
              auto p = product(def, all, *x, every, to, extents, extents);
              if (!p)
                return p;
              all = *p;
            }
            Sum sum;
            sum.shape.assign(shape.begin(), shape.end());
            for (Term &term : all.terms)
              sum.add(term);
            return sum;
          })
          .Case<tensor::SplatOp>([&](auto splat) -> std::optional<Sum> {
            auto x = get(splat.getInput());
            if (!x)
              return x;
            return product(def, Sum::constant(1, shape), *x, identity, {}, shape,
                           shape);
          })
          .Case<arith::SelectOp>([&](auto select) -> std::optional<std::optional<Sum>> {
            // An outer product or nothing is an outer product; another known
            // selection is one factor.
            std::optional<Sum> x = selected(select);
            if (known && !open && (!x || !isOuterProduct(*x)))
              return std::nullopt;
            return x;
          })
          .Case<tensor::ExtractOp>(
              [&](auto extract) -> std::optional<std::optional<Sum>> {
                // The only element of a tensor.
                auto x = get(extract.getTensor());
                if (!x)
                  return std::optional<Sum>();
                if (llvm::any_of(x->shape, [](int64_t size) { return size != 1; }))
                  return std::nullopt;
                return product(def, Sum::constant(1, {}), *x, {},
                               iota(x->shape.size()), x->shape, shape);
              })
          .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
              [&](auto reshape) -> std::optional<std::optional<Sum>> {
                // Dimensions of size one come and go; others keep their place.
                bool collapse = isa<tensor::CollapseShapeOp>(def);
                auto x = get(reshape.getSrc());
                if (!x)
                  return std::optional<Sum>();
                ArrayRef<int64_t> longer = collapse ? ArrayRef(x->shape) : shape;
                SmallVector<int> to(x->shape.size(), -1);
                SmallVector<int64_t> extents(shape);
                for (auto [i, group] :
                     llvm::enumerate(reshape.getReassociationIndices())) {
                  int64_t kept = group[0], large = 0;
                  for (int64_t d : group)
                    if (longer[d] != 1) {
                      kept = d;
                      ++large;
                    }
                  if (large > 1)
                    return std::nullopt;
                  if (!collapse) {
                    to[i] = kept;
                    continue;
                  }
                  for (int64_t d : group) {
                    to[d] = d == kept ? int(i) : int(extents.size());
                    if (d != kept)
                      extents.push_back(1);
                  }
                }
                // A collapse to a scalar has no groups.
                for (int &letter : to)
                  if (letter < 0) {
                    letter = extents.size();
                    extents.push_back(1);
                  }
                return product(def, Sum::constant(1, {}), *x, {}, to, extents,
                               shape);
              })
          .Default([](Operation *) { return std::nullopt; });
  if (result) {
    // Sums of known products are one factor each; looking into them would only
    // multiply terms.
    if (known && (!*result || (!open && (*result)->terms.size() != 1)))
      return atom(value);
    return *result;
  }
  if (known && !(open && isa<arith::AddFOp, arith::SubFOp, math::FmaOp, ReduceOp>(def)))
    return atom(value);

  std::optional<Sum> sum =
      llvm::TypeSwitch<Operation *, std::optional<Sum>>(def)
      .Case<arith::AddFOp, arith::SubFOp, arith::AddIOp, arith::SubIOp>(
          [&](auto add) -> std::optional<Sum> {
        auto a = get(add.getLhs()), b = get(add.getRhs());
        if (!a || !b)
          return std::nullopt;
        a->add(*b, isa<arith::SubFOp, arith::SubIOp>(def) ? -1 : 1);
        return a;
      })
      .Case<math::FmaOp>([&](auto fma) -> std::optional<Sum> {
        auto a = get(fma.getA()), b = get(fma.getB()), c = get(fma.getC());
        if (!a || !b || !c)
          return std::nullopt;
        auto p = product(def, *a, *b, identity, identity, shape, shape);
        if (p)
          p->add(*c);
        return p;
      })
      .Case<ReduceOp>([&](auto reduce) -> std::optional<Sum> {
        if (reduce.getKind() != ReduceKind::add)
          return fail(def);
        auto x = get(reduce.getInput());
        if (!x)
          return x;
        SmallVector<int64_t> extents(shape);
        SmallVector<int> to;
        unsigned axis = reduce.getAxis(), next = 0;
        for (unsigned d = 0; d < x->shape.size(); ++d) {
          if (d == axis) {
            to.push_back(extents.size());
            extents.push_back(x->shape[d]);
          } else {
            to.push_back(next++);
          }
        }
        return product(def, Sum::constant(1, {}), *x, {}, to, extents, shape);
      })
      .Default([&](Operation *) { return fail(def); });
  return sum || !known ? sum : atom(value);
}
