//===- Ranges.cpp - Bounds of values under declared ranges ----------------===//

#include "seqc/lib/Structure/Ranges.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Structure/Affine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

namespace {
/// 0 times anything is 0: bounds are limits of finite values.
double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }

Interval product(Interval a, Interval b) {
  double corners[] = {times(a.low, b.low), times(a.low, b.high),
                      times(a.high, b.low), times(a.high, b.high)};
  auto [low, high] = std::minmax_element(std::begin(corners), std::end(corners));
  return {*low, *high};
}

/// constant + sum of coefficients times values.
struct Form {
  double constant = 0;
  llvm::SmallMapVector<Value, double, 4> terms;
  void add(const Form &other, double scale) {
    constant += scale * other.constant;
    for (auto [v, c] : other.terms)
      if ((terms[v] += scale * c) == 0)
        terms.erase(v);
  }
};

class Ranges {
public:
  Interval of(Value v);

private:
  Interval atom(Value v);
  Interval compute(Operation *op);
  Form formOf(Value v, unsigned depth = 0);
  double upper(const Form &form, unsigned depth);
  Value trace(Value v);
  template <class Op> Value operandOf(Op op, BlockArgument arg);

  llvm::DenseMap<Value, Interval> known;
};
} // namespace

/// The tensor that a step's argument is a slice of, if it is one.
template <class Op> Value Ranges::operandOf(Op op, BlockArgument arg) {
  for (auto [i, seq] : llvm::enumerate(op.getSeqArgs()))
    if (seq == arg)
      return op.getSeq()[i];
  for (auto [i, weight] : llvm::enumerate(op.getWeightArgs()))
    if (weight == arg)
      return op.getWeights()[i];
  return {};
}

/// Looks through casts and spreading, and from a step's argument to the value of
/// another step that was stored.
Value Ranges::trace(Value v) {
  for (;;) {
    if (auto arg = dyn_cast<BlockArgument>(v)) {
      auto op = dyn_cast_or_null<RecurrenceOp>(arg.getOwner()->getParentOp());
      Value tensor = op ? operandOf(op, arg) : Value();
      if (!tensor)
        return v;
      v = tensor;
      continue;
    }
    Operation *def = v.getDefiningOp();
    if (auto recurrence = dyn_cast<RecurrenceOp>(def)) {
      unsigned i = cast<OpResult>(v).getResultNumber();
      if (i >= recurrence.getOuts().size() || recurrence.getChunk())
        return v;
      v = recurrence.getYield().getOuts()[i];
    } else if (isa<arith::ExtFOp, arith::TruncFOp, tensor::CastOp,
                   tensor::SplatOp>(def)) {
      v = def->getOperand(0);
    } else if (auto einsum = dyn_cast<EinsumOp>(def);
               einsum && einsum.getNumOperands() == 1 && !einsum.isContraction()) {
      v = einsum.getOperand(0);
    } else {
      return v;
    }
  }
}

Form Ranges::formOf(Value v, unsigned depth) {
  v = trace(v);
  Form form;
  if (auto number = splatConstant(v)) {
    form.constant = *number;
    return form;
  }
  Operation *def = v.getDefiningOp();
  auto operand = [&](unsigned i) { return formOf(def->getOperand(i), depth + 1); };
  // Depth bounds the work on chains of sums.
  if (def && depth < 32) {
    if (isa<arith::AddFOp, arith::SubFOp>(def)) {
      form = operand(0);
      form.add(operand(1), isa<arith::AddFOp>(def) ? 1 : -1);
      return form;
    }
    if (isa<arith::NegFOp>(def)) {
      form.add(operand(0), -1);
      return form;
    }
    auto einsum = dyn_cast<EinsumOp>(def);
    if (isa<arith::MulFOp>(def) ||
        (einsum && einsum.getNumOperands() == 2 && !einsum.isContraction()))
      for (unsigned i : {0, 1})
        if (auto number = splatConstant(trace(def->getOperand(i)));
            number && std::isfinite(*number)) {
          form.add(operand(1 - i), *number);
          return form;
        }
  }
  form.terms[v] = 1;
  return form;
}

/// An upper bound of a form: that of its parts, or, where it subtracts a maximum
/// or a log-sum-exp, that of the form with one of their parts in its place.
double Ranges::upper(const Form &form, unsigned depth) {
  double bound = form.constant;
  for (auto [v, c] : form.terms) {
    Interval i = atom(v);
    bound += c > 0 ? times(c, i.high) : times(c, i.low);
  }
  if (depth == 0)
    return bound;
  for (auto [v, c] : form.terms) {
    Operation *def = v.getDefiningOp();
    if (c >= 0 || !def)
      continue;
    SmallVector<Form> below;
    if (isa<arith::MaximumFOp, arith::MaxNumFOp>(def)) {
      below = {formOf(def->getOperand(0)), formOf(def->getOperand(1))};
    } else if (isa<math::LogOp>(def)) {
      // log(x + y) >= log x where y is not negative.
      auto add = trace(def->getOperand(0)).getDefiningOp<arith::AddFOp>();
      if (!add)
        continue;
      for (unsigned i : {0, 1}) {
        auto exp = trace(add->getOperand(i)).getDefiningOp<math::ExpOp>();
        if (exp && of(add->getOperand(1 - i)).low >= 0)
          below.push_back(formOf(exp.getOperand()));
      }
    }
    for (const Form &part : below) {
      Form tighter = form;
      tighter.terms.erase(v);
      tighter.add(part, c);
      bound = std::min(bound, upper(tighter, depth - 1));
    }
  }
  return bound;
}

Interval Ranges::of(Value v) {
  Form form = formOf(v);
  if (form.terms.size() == 1 && form.terms.front().second == 1 &&
      form.constant == 0)
    return atom(form.terms.front().first);
  Form negated;
  negated.add(form, -1);
  return {-upper(negated, 3), upper(form, 3)};
}

Interval Ranges::atom(Value v) {
  auto [it, isNew] = known.try_emplace(v);
  if (!isNew)
    return it->second;
  Interval result;
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    if (auto func = dyn_cast_or_null<func::FuncOp>(arg.getOwner()->getParentOp()))
      if (auto text = func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), kRangeAttr))
        result = parseRange(text.getValue()).value_or(result);
  } else if (auto dispatch = v.getDefiningOp<DispatchOp>()) {
    // Rows of tokens, or zero.
    unsigned i = cast<OpResult>(v).getResultNumber();
    if (i < dispatch.getTokens().size()) {
      Interval x = of(dispatch.getTokens()[i]);
      result = {std::min(x.low, 0.0), std::max(x.high, 0.0)};
    }
  } else {
    result = compute(v.getDefiningOp());
  }
  // A bound that is not a number bounds nothing.
  if (std::isnan(result.low))
    result.low = -HUGE_VAL;
  if (std::isnan(result.high))
    result.high = HUGE_VAL;
  known[v] = result;
  return result;
}

Interval Ranges::compute(Operation *op) {
  auto get = [&](unsigned i) { return of(op->getOperand(i)); };
  auto rising = [&](double (*f)(double)) {
    Interval x = get(0);
    return Interval{f(x.low), f(x.high)};
  };
  if (op->getNumResults() != 1)
    return {};
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseFPElementsAttr>(constant.getValue());
    if (!dense || dense.empty())
      return {};
    Interval range{HUGE_VAL, -HUGE_VAL};
    for (const APFloat &x : dense) {
      APFloat wide = x;
      bool loses;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
      range = {std::min(range.low, wide.convertToDouble()),
               std::max(range.high, wide.convertToDouble())};
    }
    return range;
  }
  return llvm::TypeSwitch<Operation *, Interval>(op)
      .Case<arith::MulFOp>([&](auto) -> Interval {
        if (trace(op->getOperand(0)) == trace(op->getOperand(1)))
          return {0, HUGE_VAL};
        return product(get(0), get(1));
      })
      .Case<EinsumOp>([&](EinsumOp einsum) -> Interval {
        if (einsum.isContraction() || einsum.getNumOperands() > 8)
          return {};
        Interval result{1, 1};
        for (unsigned i = 0; i < einsum.getNumOperands(); ++i)
          result = product(result, get(i));
        return result;
      })
      .Case<arith::DivFOp>([&](auto) -> Interval {
        Interval y = get(1);
        if (y.low <= 0)
          return {};
        return product(get(0), {1 / y.high, 1 / y.low});
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) -> Interval {
        Interval x = get(0), y = get(1);
        return {std::max(x.low, y.low), std::max(x.high, y.high)};
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) -> Interval {
        Interval x = get(0), y = get(1);
        return {std::min(x.low, y.low), std::min(x.high, y.high)};
      })
      .Case<arith::SelectOp>([&](auto) -> Interval {
        Interval x = get(1), y = get(2);
        return {std::min(x.low, y.low), std::max(x.high, y.high)};
      })
      .Case<math::AbsFOp>([&](auto) -> Interval {
        Interval x = get(0);
        double far = std::max(std::fabs(x.low), std::fabs(x.high));
        return {x.low > 0 ? x.low : x.high < 0 ? -x.high : 0, far};
      })
      .Case<math::ExpOp>([&](auto) { return rising(std::exp); })
      .Case<math::ExpM1Op>([&](auto) { return rising(std::expm1); })
      .Case<math::TanhOp>([&](auto) { return rising(std::tanh); })
      .Case<math::ErfOp>([&](auto) { return rising(std::erf); })
      .Case<math::SinOp, math::CosOp>([](auto) { return Interval{-1, 1}; })
      .Case<math::LogOp>([&](auto) -> Interval {
        Interval x = get(0);
        return {x.low > 0 ? std::log(x.low) : -HUGE_VAL,
                x.high > 0 ? std::log(x.high) : -HUGE_VAL};
      })
      .Case<math::Log1pOp>([&](auto) -> Interval {
        Interval x = get(0);
        return {x.low > -1 ? std::log1p(x.low) : -HUGE_VAL,
                x.high > -1 ? std::log1p(x.high) : -HUGE_VAL};
      })
      .Case<math::SqrtOp>([&](auto) -> Interval {
        Interval x = get(0);
        return {x.low > 0 ? std::sqrt(x.low) : 0, std::sqrt(std::max(0.0, x.high))};
      })
      .Case<math::RsqrtOp>([](auto) { return Interval{0, HUGE_VAL}; })
      .Default([](Operation *) { return Interval(); });
}

Interval seqc::structure::rangeOf(Value value) { return Ranges().of(value); }
