//===- Semirings.cpp - Affine over (max,+) and (logaddexp,+) --------------===//

#include "Semirings.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <map>
#include <set>

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

/// What `v` is behind casts, signs, scales and transpositions that cancel.
static Value bare(Value v) {
  v = stripCasts(v);
  Value result = v;
  double scale = 1;
  auto same = llvm::seq<unsigned>(0, seqc::shapeOf(v.getType()).size());
  SmallVector<unsigned> order(same.begin(), same.end());
  while (Operation *def = v.getDefiningOp()) {
    auto constant = [&](unsigned i) { return splatConstant(def->getOperand(i)); };
    if (isa<arith::NegFOp>(def)) {
      scale = -scale;
      v = def->getOperand(0);
    } else if (isa<arith::MulFOp>(def) && (constant(0) || constant(1))) {
      unsigned i = constant(1) ? 1 : 0;
      scale *= *constant(i);
      v = def->getOperand(1 - i);
    } else if (isa<arith::DivFOp>(def) && constant(1)) {
      scale /= *constant(1);
      v = def->getOperand(0);
    } else if (auto einsum = dyn_cast<EinsumOp>(def);
               einsum && einsum->getNumOperands() == 1 &&
               einsum.getTerms()[0].size() == einsum.getOutputTerm().size()) {
      std::string in = einsum.getTerms()[0], out = einsum.getOutputTerm();
      for (unsigned &d : order)
        d = in.find(out[d]);
      v = einsum->getOperand(0);
    } else {
      break;
    }
    v = stripCasts(v);
    if (scale == 1 && llvm::equal(order, same))
      result = v;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// (max,+) and (min,+)
//===----------------------------------------------------------------------===//

/// The operands of a maximum (or `least`: minimum), written as an operation or as a
/// selection.
static std::optional<std::pair<Value, Value>> maximum(Operation *op,
                                                      bool least = false) {
  if (least ? isa<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp>(op)
            : isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(op))
    return std::make_pair(op->getOperand(0), op->getOperand(1));
  auto select = dyn_cast<arith::SelectOp>(op);
  if (!select)
    return std::nullopt;
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return std::nullopt;
  using P = arith::CmpFPredicate;
  Value a = compare.getLhs(), b = compare.getRhs();
  switch (compare.getPredicate()) {
  case P::OLT:
  case P::OLE:
  case P::ULT:
  case P::ULE:
    std::swap(a, b);
    break;
  case P::OGT:
  case P::OGE:
  case P::UGT:
  case P::UGE:
    break;
  default:
    return std::nullopt;
  }
  if (least)
    std::swap(a, b);
  if (select.getTrueValue() == a && select.getFalseValue() == b)
    return std::make_pair(a, b);
  return std::nullopt;
}

namespace {
class MaxAnalysis {
public:
  MaxAnalysis(RecurrenceOp op, const Dependence &dependence,
              const llvm::BitVector &component, bool least)
      : op(op), dependence(dependence), component(component), least(least) {}

  std::optional<SmallVector<RingTerm, 2>> get(Value v) {
    v = bare(v);
    RingTerm one;
    if (!dependence.of(v).anyCommon(component)) {
      one.summands.push_back({v, 1});
      return SmallVector<RingTerm, 2>{one};
    }
    for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
      if (arg == v) {
        one.carry = i;
        return SmallVector<RingTerm, 2>{one};
      }
    Operation *def = v.getDefiningOp();
    if (!def)
      return std::nullopt;
    if (auto operands = maximum(def, least)) {
      auto a = get(operands->first), b = get(operands->second);
      if (!a || !b)
        return std::nullopt;
      a->append(*b);
      return a;
    }
    auto known = [&](unsigned i) {
      return !dependence.of(def->getOperand(i)).anyCommon(component);
    };
    auto shifted = [&](unsigned i, int sign) -> decltype(get(v)) {
      auto terms = get(def->getOperand(1 - i));
      if (terms)
        for (RingTerm &term : *terms)
          term.summands.push_back({stripCasts(def->getOperand(i)), sign});
      return terms;
    };
    if (isa<arith::AddFOp, arith::AddIOp>(def))
      return known(1) ? shifted(1, 1) : known(0) ? shifted(0, 1) : std::nullopt;
    if (isa<arith::SubFOp, arith::SubIOp>(def) && known(1))
      return shifted(1, -1);
    return std::nullopt;
  }

private:
  RecurrenceOp op;
  const Dependence &dependence;
  const llvm::BitVector &component;
  bool least;
};
} // namespace

std::optional<SmallVector<RingTerm, 2>>
seqc::structure::extremeTerms(RecurrenceOp op, const Dependence &dependence,
                              const llvm::BitVector &component, Value next,
                              Semiring semiring) {
  return MaxAnalysis(op, dependence, component, semiring == Semiring::MinPlus)
      .get(next);
}

//===----------------------------------------------------------------------===//
// (logaddexp,+)
//===----------------------------------------------------------------------===//

namespace {
/// Values by their order, for deterministic maps.
struct Order {
  bool operator()(Value a, Value b) const { return a != b && precedes(a, b); }
};
/// A product of powers of exp(value); a polynomial maps products to coefficients.
using Monomial = std::map<Value, int, Order>;
struct MonomialOrder {
  bool operator()(const Monomial &a, const Monomial &b) const {
    return std::lexicographical_compare(
        a.begin(), a.end(), b.begin(), b.end(), [](auto &x, auto &y) {
          if (x.first != y.first)
            return precedes(x.first, y.first);
          return x.second < y.second;
        });
  }
};
using Polynomial = std::map<Monomial, double, MonomialOrder>;

Monomial times(const Monomial &a, const Monomial &b, int power = 1) {
  Monomial result = a;
  for (auto &[v, n] : b)
    if ((result[v] += n * power) == 0)
      result.erase(v);
  return result;
}

Polynomial times(const Polynomial &a, const Polynomial &b) {
  Polynomial result;
  for (auto &[m, x] : a)
    for (auto &[n, y] : b)
      result[times(m, n)] += x * y;
  return result;
}

class LogAnalysis {
public:
  /// `carries` are unknown (null where one counts as known), and so is what depends on them.
  LogAnalysis(SmallVector<Value> carries, llvm::function_ref<bool(Value)> known)
      : carries(std::move(carries)), known(known) {}

  /// exp(v) as a polynomial in exponentials of carries, known values and maxima.
  std::optional<Polynomial> exponential(Value v, unsigned depth = 0);
  /// v itself as such a polynomial.
  std::optional<Polynomial> linear(Value v, unsigned depth);
  /// exp(max(a, b)) + exp(a + b - max(a, b)) is exp(a) + exp(b).
  void resolveMaxima(Polynomial &p);
  std::optional<SmallVector<RingTerm, 2>> terms(Value next);

private:
  Polynomial atom(Value v) { return {{Monomial{{v, 1}}, 1.0}}; }
  /// The number of the unknown carry that `v` is, or -1.
  int carryOf(Value v) {
    auto it = llvm::find(carries, v);
    return it == carries.end() ? -1 : int(it - carries.begin());
  }
  std::optional<Polynomial> inverse(std::optional<Polynomial> p) {
    if (!p || p->size() != 1 || p->begin()->second <= 0)
      return std::nullopt;
    return Polynomial{{times({}, p->begin()->first, -1), 1 / p->begin()->second}};
  }

  SmallVector<Value> carries;
  llvm::function_ref<bool(Value)> known;
  /// Maxima met, with their operands' exponentials.
  std::map<Value, std::pair<Polynomial, Polynomial>, Order> maxima;
};
} // namespace

static constexpr unsigned kMaxDepth = 64;

std::optional<Polynomial> LogAnalysis::exponential(Value v, unsigned depth) {
  v = bare(v);
  if (depth > kMaxDepth)
    return std::nullopt;
  if (carryOf(v) >= 0)
    return atom(v);
  if (auto c = splatConstant(v); c && std::isfinite(*c))
    return Polynomial{{Monomial{}, std::exp(*c)}};
  Operation *def = v.getDefiningOp();
  if (!def)
    return atom(v);
  auto operand = [&](unsigned i) {
    return exponential(def->getOperand(i), depth + 1);
  };
  if (isa<arith::AddFOp>(def)) {
    auto a = operand(0), b = operand(1);
    return a && b ? std::optional(times(*a, *b)) : std::nullopt;
  }
  if (isa<arith::SubFOp>(def)) {
    auto a = operand(0), b = inverse(operand(1));
    return a && b ? std::optional(times(*a, *b)) : std::nullopt;
  }
  if (isa<arith::NegFOp>(def))
    return inverse(operand(0));
  if (isa<tensor::SplatOp>(def))
    return operand(0);
  if (isa<math::LogOp>(def))
    return linear(def->getOperand(0), depth + 1);
  if (isa<math::Log1pOp>(def)) {
    auto p = linear(def->getOperand(0), depth + 1);
    if (p)
      (*p)[{}] += 1;
    return p;
  }
  if (auto operands = maximum(def); operands && !known(v)) {
    auto a = exponential(operands->first, depth + 1),
         b = exponential(operands->second, depth + 1);
    if (!a || !b)
      return std::nullopt;
    maxima[v] = {*a, *b};
    return atom(v);
  }
  if (auto abs = dyn_cast<math::AbsFOp>(def); abs && !known(v)) {
    // |a - b| = 2 max(a, b) - a - b, where the step has that maximum.
    auto sub = abs.getOperand().getDefiningOp<arith::SubFOp>();
    if (!sub)
      return std::nullopt;
    for (Operation &other : *def->getBlock()) {
      auto operands = maximum(&other);
      if (!operands || isa<arith::SelectOp>(other))
        continue;
      std::set<Value, Order> x = {operands->first, operands->second},
                             y = {sub.getLhs(), sub.getRhs()};
      if (x != y)
        continue;
      auto m = exponential(other.getResult(0), depth + 1);
      auto a = inverse(exponential(sub.getLhs(), depth + 1)),
           b = inverse(exponential(sub.getRhs(), depth + 1));
      if (m && a && b)
        return times(times(*m, *m), times(*a, *b));
    }
    return std::nullopt;
  }
  if (auto select = dyn_cast<arith::SelectOp>(def); select && !known(v)) {
    // A guard for infinite values: where a value is infinite, the maximum is the
    // sum.
    auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
    auto bound = compare ? splatConstant(compare.getRhs()) : std::nullopt;
    Operation *guarded = select.getTrueValue().getDefiningOp();
    if (bound && std::isinf(*bound) && guarded && maximum(guarded))
      return exponential(select.getFalseValue(), depth + 1);
    return std::nullopt;
  }
  return known(v) ? std::optional(atom(v)) : std::nullopt;
}

std::optional<Polynomial> LogAnalysis::linear(Value v, unsigned depth) {
  v = bare(v);
  if (depth > kMaxDepth)
    return std::nullopt;
  if (auto c = splatConstant(v); c && std::isfinite(*c))
    return Polynomial{{Monomial{}, *c}};
  Operation *def = v.getDefiningOp();
  if (!def)
    return std::nullopt;
  if (isa<math::ExpOp>(def))
    return exponential(def->getOperand(0), depth + 1);
  if (isa<tensor::SplatOp>(def))
    return linear(def->getOperand(0), depth + 1);
  if (isa<arith::AddFOp, arith::MulFOp>(def)) {
    auto a = linear(def->getOperand(0), depth + 1),
         b = linear(def->getOperand(1), depth + 1);
    if (!a || !b)
      return std::nullopt;
    if (isa<arith::MulFOp>(def))
      return times(*a, *b);
    for (auto &[m, x] : *b)
      (*a)[m] += x;
    return a;
  }
  return std::nullopt;
}

void LogAnalysis::resolveMaxima(Polynomial &p) {
  for (auto &[max, operands] : maxima) {
    auto &[a, b] = operands;
    if (a.size() != 1 || b.size() != 1)
      continue;
    const Monomial &x = a.begin()->first, &y = b.begin()->first;
    Polynomial result = p;
    for (auto &[m, coefficient] : p) {
      auto it = m.find(max);
      if (it == m.end() || it->second != 1)
        continue;
      // m = rest * exp(max); its partner is rest * exp(a) exp(b) / exp(max).
      Monomial rest = times(m, Monomial{{max, 1}}, -1);
      Monomial partner = times(times(times(rest, x), y), Monomial{{max, 1}}, -1);
      auto other = result.find(partner);
      double scale = a.begin()->second * b.begin()->second;
      if (other == result.end() || other->second != coefficient * scale)
        continue;
      result.erase(m);
      result.erase(partner);
      result[times(rest, x)] += coefficient * a.begin()->second;
      result[times(rest, y)] += coefficient * b.begin()->second;
    }
    p = std::move(result);
  }
}

std::optional<SmallVector<RingTerm, 2>> LogAnalysis::terms(Value next) {
  auto p = exponential(next);
  if (!p)
    return std::nullopt;
  resolveMaxima(*p);
  SmallVector<RingTerm, 2> result;
  for (auto &[m, coefficient] : *p) {
    if (coefficient == 0)
      continue;
    if (coefficient < 0)
      return std::nullopt;
    RingTerm term;
    term.offset = std::log(coefficient);
    for (auto &[v, power] : m) {
      if (known(v)) {
        term.summands.push_back({v, power});
        continue;
      }
      if (carryOf(v) < 0 || power != 1 || term.carry >= 0)
        return std::nullopt;
      term.carry = carryOf(v);
    }
    result.push_back(std::move(term));
  }
  return result;
}

std::optional<SmallVector<RingTerm, 2>>
seqc::structure::logTerms(RecurrenceOp op, const Dependence &dependence,
                          const llvm::BitVector &component, Value next) {
  SmallVector<Value> carries(op.getCarryArgs());
  for (unsigned i = 0; i < carries.size(); ++i)
    if (!component.test(i))
      carries[i] = {};
  auto known = [&](Value v) { return !dependence.of(v).anyCommon(component); };
  return LogAnalysis(std::move(carries), known).terms(next);
}

bool seqc::structure::addsExponentials(ScanOp scan) {
  if (scan.getLeftArgs().size() != 1)
    return false;
  Value left = scan.getLeftArgs()[0], right = scan.getRightArgs()[0];
  if (!isa<FloatType>(left.getType()))
    return false;
  // What depends on the left operand, in the order of the region.
  llvm::SmallPtrSet<Value, 16> unknown = {left};
  for (Operation &op : scan.getCombine().front()) {
    if (op.getNumRegions())
      return false;
    if (llvm::any_of(op.getOperands(), [&](Value v) { return unknown.contains(v); }))
      unknown.insert_range(op.getResults());
  }
  auto known = [&](Value v) { return !unknown.contains(v); };
  auto terms = LogAnalysis({left}, known).terms(scan.getYield().getOuts()[0]);
  if (!terms || terms->size() != 2)
    return false;
  auto plain = [](const RingTerm &term) { return term.offset == 0; };
  auto isLeft = [&](const RingTerm &term) {
    return plain(term) && term.carry == 0 && term.summands.empty();
  };
  auto isRight = [&](const RingTerm &term) {
    return plain(term) && term.carry < 0 && term.summands.size() == 1 &&
           term.summands[0] == std::pair<Value, int>(right, 1);
  };
  return (isLeft((*terms)[0]) && isRight((*terms)[1])) ||
         (isLeft((*terms)[1]) && isRight((*terms)[0]));
}
