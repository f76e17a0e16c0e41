//===- Operations.cpp - Scalar operations on terms ------------------------===//

#include "Algebra.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Support/SplitLog.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::proof;

namespace {
using Dom = reference::Domain<Formula>;
using Function = std::function<Formula(const Formula *)>;

Algebra &alg() { return Algebra::current(); }

/// Logarithms below this are those of numbers that no f32 tells from zero times
/// anything of size one.
constexpr double kNegligible = -87;

Formula negated(Formula truth) {
  return alg().subtract(alg().number(1.0), truth);
}

Formula lessEqual(Formula a, Formula b) { return negated(alg().less(b, a)); }

Function comparison(arith::CmpFPredicate p) {
  using P = arith::CmpFPredicate;
  switch (p) {
  case P::OEQ:
  case P::UEQ:
    return [](const Formula *a) { return alg().equal(a[0], a[1]); };
  case P::ONE:
  case P::UNE:
    return [](const Formula *a) { return negated(alg().equal(a[0], a[1])); };
  case P::OLT:
  case P::ULT:
    return [](const Formula *a) { return alg().less(a[0], a[1]); };
  case P::OLE:
  case P::ULE:
    return [](const Formula *a) { return lessEqual(a[0], a[1]); };
  case P::OGT:
  case P::UGT:
    return [](const Formula *a) { return alg().less(a[1], a[0]); };
  case P::OGE:
  case P::UGE:
    return [](const Formula *a) { return lessEqual(a[1], a[0]); };
  case P::ORD:
  case P::AlwaysTrue:
    return [](const Formula *) { return alg().number(1.0); };
  case P::UNO:
  case P::AlwaysFalse:
    return [](const Formula *) { return Formula(); };
  }
  llvm_unreachable("covered switch");
}

Function comparison(arith::CmpIPredicate p) {
  using P = arith::CmpIPredicate;
  switch (p) {
  case P::eq:
    return [](const Formula *a) { return alg().equal(a[0], a[1]); };
  case P::ne:
    return [](const Formula *a) { return negated(alg().equal(a[0], a[1])); };
  case P::slt:
    return [](const Formula *a) { return alg().less(a[0], a[1]); };
  case P::sle:
    return [](const Formula *a) { return lessEqual(a[0], a[1]); };
  case P::sgt:
    return [](const Formula *a) { return alg().less(a[1], a[0]); };
  case P::sge:
    return [](const Formula *a) { return lessEqual(a[1], a[0]); };
  default:
    return {};
  }
}

/// In a chunk, gates are cut where their exponentials are zero to f32.
Formula cutBelow(Formula a, Formula b) {
  auto floor = alg().asNumber(b);
  if (!floor || *floor > kNegligible || !alg().isFinite(a) || alg().asNumber(a))
    return alg().maximum(a, b);
  if (alg().bounds(a).low < *floor) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "no gate is below " << llvm::format("%g", *floor)
       << ", whose exponential is zero to f32";
    alg().assume(text);
  }
  return a;
}

/// In a chunk, an exponent stops at zero: those of pairs of tokens that a mask
/// hides are positive, and others are recorded where they are used.
Formula stopAtZero(Formula a, Formula b) {
  for (auto [x, y] : {std::pair(a, b), std::pair(b, a)}) {
    auto zero = alg().asNumber(y);
    if (!zero || *zero != 0 || !alg().isFinite(x) || alg().asNumber(x))
      continue;
    return alg().bounds(x).low >= 0 ? y : x;
  }
  return alg().minimum(a, b);
}

Formula exponentOf(Formula a) {
  Algebra &algebra = alg();
  ++algebra.exponents;
  if (algebra.isFinite(a) && !(algebra.bounds(a).high <= 0) &&
      !llvm::is_contained(algebra.risingExponents, a))
    algebra.risingExponents.push_back(a);
  return algebra.exponential(a);
}

/// The logarithm of a constant, as passes write it.
Formula logOf(double base) {
  auto [high, low] = splitLog(base);
  return alg().number(high + low);
}
Formula log2() { return logOf(2); }

/// Bounds of functions that have no laws here.
Interval rangeOf(Operation *op) {
  if (isa<math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(op))
    return {-1, 1};
  if (isa<math::SqrtOp>(op))
    return {0, HUGE_VAL};
  return {};
}

/// Numbers are computed with; other operands make the function an atom.
Function opaque(Operation *op) {
  std::string name = op->getName().stripDialect().str();
  for (NamedAttribute attribute : op->getAttrs())
    if (attribute.getName() != "fastmath") {
      llvm::raw_string_ostream os(name);
      os << " " << attribute.getName().getValue() << "=" << attribute.getValue();
    }
  auto numeric = reference::Domain<double>::resolve(op);
  unsigned operands = op->getNumOperands();
  Interval range = rangeOf(op);
  bool boolean = getElementTypeOrSelf(op->getResult(0).getType()).isInteger(1);
  return [=](const Formula *a) {
    SmallVector<double> numbers;
    for (unsigned i = 0; i < operands; ++i)
      if (auto n = alg().asNumber(a[i]))
        numbers.push_back(*n);
    if (numeric && numbers.size() == operands)
      return alg().number(numeric(numbers.data()));
    return alg().apply(name, ArrayRef<Formula>(a, operands), range, boolean);
  };
}
} // namespace

double Dom::toDouble(const Formula &v) {
  if (auto n = alg().asNumber(v))
    return *n;
  // Indices, flags and positions have to be numbers.
  alg().unknown("a value decides which element is taken");
  return 0;
}

Function Dom::resolve(Operation *op) {
  auto recurrence = op->getParentOfType<RecurrenceOp>();
  bool chunk = recurrence && recurrence.getChunk();
#define SCALAR(OP, EXPR)                                                       \
  .Case<OP>([](auto) -> Function {                                             \
    return [](const Formula *a) -> Formula { return EXPR; };                   \
  })
  return llvm::TypeSwitch<Operation *, Function>(op)
      SCALAR(arith::AddFOp, alg().add(a[0], a[1]))
      SCALAR(arith::AddIOp, alg().add(a[0], a[1]))
      SCALAR(arith::SubFOp, alg().subtract(a[0], a[1]))
      SCALAR(arith::SubIOp, alg().subtract(a[0], a[1]))
      SCALAR(arith::MulFOp, alg().multiply(a[0], a[1]))
      SCALAR(arith::MulIOp, alg().multiply(a[0], a[1]))
      SCALAR(arith::DivFOp, alg().divide(a[0], a[1]))
      SCALAR(arith::NegFOp, alg().negate(a[0]))
      SCALAR(arith::MaxNumFOp, alg().maximum(a[0], a[1]))
      SCALAR(arith::MinNumFOp, alg().minimum(a[0], a[1]))
      SCALAR(arith::MaxSIOp, alg().maximum(a[0], a[1]))
      SCALAR(arith::MinSIOp, alg().minimum(a[0], a[1]))
      SCALAR(arith::ExtFOp, a[0])
      SCALAR(arith::TruncFOp, a[0])
      SCALAR(arith::ExtSIOp, a[0])
      SCALAR(arith::TruncIOp, a[0])
      SCALAR(arith::SIToFPOp, a[0])
      SCALAR(arith::IndexCastOp, a[0])
      SCALAR(arith::SelectOp, alg().select(a[0], a[1], a[2]))
      SCALAR(math::AbsFOp, alg().maximum(a[0], alg().negate(a[0])))
      SCALAR(math::LogOp, alg().logarithm(a[0]))
      SCALAR(math::Log1pOp, alg().logarithm(alg().add(alg().number(1.0), a[0])))
      SCALAR(math::Log2Op, alg().divide(alg().logarithm(a[0]), log2()))
      SCALAR(math::Exp2Op, alg().exponential(alg().multiply(a[0], log2())))
      SCALAR(math::ExpM1Op,
             alg().subtract(alg().exponential(a[0]), alg().number(1.0)))
      SCALAR(math::FmaOp, alg().add(alg().multiply(a[0], a[1]), a[2]))
      .Case<math::PowFOp>([](Operation *op) -> Function {
        Function other = opaque(op);
        return [=](const Formula *a) {
          auto base = alg().asNumber(a[0]);
          if (!base || !(*base > 0) || *base == 1 || alg().asNumber(a[1]))
            return other(a);
          return alg().exponential(alg().multiply(a[1], logOf(*base)));
        };
      })
      .Case<math::ExpOp>([=](auto) -> Function {
        if (chunk)
          return [](const Formula *a) { return exponentOf(a[0]); };
        return [](const Formula *a) { return alg().exponential(a[0]); };
      })
      .Case<arith::MaximumFOp>([=](auto) -> Function {
        if (chunk)
          return [](const Formula *a) { return cutBelow(a[0], a[1]); };
        return [](const Formula *a) { return alg().maximum(a[0], a[1]); };
      })
      .Case<arith::MinimumFOp>([=](auto) -> Function {
        if (chunk)
          return [](const Formula *a) { return stopAtZero(a[0], a[1]); };
        return [](const Formula *a) { return alg().minimum(a[0], a[1]); };
      })
      .Case<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(
          [](Operation *op) -> Function {
            if (!getElementTypeOrSelf(op->getResult(0).getType()).isInteger(1))
              return opaque(op);
            // Over 0 and 1: x y, x + y - x y, x + y - 2 x y.
            double shared = isa<arith::OrIOp>(op) ? -1 : -2;
            if (isa<arith::AndIOp>(op))
              return [](const Formula *a) { return alg().multiply(a[0], a[1]); };
            return [=](const Formula *a) {
              return alg().add(alg().add(a[0], a[1]),
                               alg().multiply(alg().number(shared),
                                              alg().multiply(a[0], a[1])));
            };
          })
      .Case<arith::CmpFOp>(
          [](arith::CmpFOp op) { return comparison(op.getPredicate()); })
      .Case<arith::CmpIOp>([](arith::CmpIOp op) -> Function {
        Function f = comparison(op.getPredicate());
        return f ? f : opaque(op);
      })
      .Default([](Operation *op) { return opaque(op); });
#undef SCALAR
}
