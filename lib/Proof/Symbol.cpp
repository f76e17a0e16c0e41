//===- Symbol.cpp - Values that are formulas ------------------------------===//

#include "Symbol.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::proof;
using smt::Context;
using smt::Term;

namespace {
using Dom = reference::Domain<Symbol>;

Context *contextOf(const Symbol &a, const Symbol &b) {
  return a.context ? a.context : b.context;
}

std::optional<Term> plainOf(Context &c, const Symbol &s) {
  if (s.number)
    return std::isfinite(*s.number) ? std::optional(c.number(*s.number))
                                    : std::nullopt;
  return s.plain;
}

/// e^s; of numbers only those whose exponential is exact.
std::optional<Term> exponentialOf(Context &c, const Symbol &s) {
  if (!s.number)
    return s.exponential;
  if (*s.number == 0)
    return c.number(1);
  if (*s.number == -HUGE_VAL)
    return c.number(0);
  return std::nullopt;
}

Symbol formula(Context *c, std::optional<Term> plain,
               std::optional<Term> exponential = std::nullopt) {
  Symbol s = Symbol::unknown();
  s.context = c;
  s.plain = plain;
  s.exponential = exponential;
  return s;
}

template <class F>
std::optional<Term> lift(std::optional<Term> a, std::optional<Term> b, F f) {
  return a && b ? std::optional<Term>(f(*a, *b)) : std::nullopt;
}

Symbol negate(const Symbol &a) {
  if (a.number)
    return Symbol::constant(-*a.number);
  Context *c = a.context;
  if (!c)
    return Symbol::unknown();
  std::optional<Term> plain, exponential;
  if (a.plain)
    plain = c->sub(c->number(0), *a.plain);
  if (a.exponential)
    exponential = c->div(c->number(1), *a.exponential);
  return formula(c, plain, exponential);
}

Symbol subtract(const Symbol &a, const Symbol &b) { return Dom::add(a, negate(b)); }

Symbol divide(const Symbol &a, const Symbol &b) {
  if (a.number && b.number)
    return Symbol::constant(*a.number / *b.number);
  Context *c = contextOf(a, b);
  if (!c)
    return Symbol::unknown();
  return formula(c, lift(plainOf(*c, a), plainOf(*c, b),
                         [&](Term x, Term y) { return c->div(x, y); }));
}

Symbol boolean(Context *c, Term condition) {
  Symbol s = Symbol::unknown();
  s.context = c;
  s.condition = condition;
  return s;
}

/// a < b, or a <= b.
Symbol compare(const Symbol &a, const Symbol &b, bool orEqual) {
  if (a.number && b.number)
    return Symbol::constant(orEqual ? *a.number <= *b.number
                                    : *a.number < *b.number);
  // Formulas stand for finite values.
  if (a.number && std::isinf(*a.number))
    return Symbol::constant(*a.number < 0);
  if (b.number && std::isinf(*b.number))
    return Symbol::constant(*b.number > 0);
  Context *c = contextOf(a, b);
  if (!c)
    return Symbol::unknown();
  auto decide = [&](Term x, Term y) {
    return orEqual ? c->lessEqual(x, y) : c->less(x, y);
  };
  if (auto t = lift(exponentialOf(*c, a), exponentialOf(*c, b), decide))
    return boolean(c, *t);
  if (auto t = lift(plainOf(*c, a), plainOf(*c, b), decide))
    return boolean(c, *t);
  return Symbol::unknown();
}

Symbol invert(const Symbol &a) {
  if (a.number)
    return Symbol::constant(*a.number == 0);
  if (!a.condition)
    return Symbol::unknown();
  return boolean(a.context, a.context->negation(*a.condition));
}

Symbol choose(const Symbol &condition, const Symbol &a, const Symbol &b) {
  if (condition.number)
    return *condition.number != 0 ? a : b;
  if (!condition.condition)
    return Symbol::unknown();
  if (a.number && b.number && *a.number == *b.number)
    return a;
  Context *c = condition.context;
  auto pick = [&](Term x, Term y) { return c->ite(*condition.condition, x, y); };
  if (a.condition || b.condition) {
    auto truth = [&](const Symbol &s) -> std::optional<Term> {
      return s.number ? std::optional(c->boolean(*s.number != 0)) : s.condition;
    };
    if (auto t = lift(truth(a), truth(b), pick))
      return boolean(c, *t);
    return Symbol::unknown();
  }
  return formula(c, lift(plainOf(*c, a), plainOf(*c, b), pick),
                 lift(exponentialOf(*c, a), exponentialOf(*c, b), pick));
}

Symbol both(const Symbol &a, const Symbol &b, bool either) {
  if (a.number)
    return (*a.number != 0) == either ? a : b;
  if (b.number)
    return (*b.number != 0) == either ? b : a;
  if (!a.condition || !b.condition)
    return Symbol::unknown();
  Context *c = a.context;
  return boolean(c, either ? c->either(*a.condition, *b.condition)
                           : c->both(*a.condition, *b.condition));
}

Symbol equality(const Symbol &a, const Symbol &b) {
  if (a.number && b.number)
    return Symbol::constant(*a.number == *b.number);
  if ((a.number && std::isinf(*a.number)) || (b.number && std::isinf(*b.number)))
    return Symbol::constant(0);
  Context *c = contextOf(a, b);
  if (!c)
    return Symbol::unknown();
  if (auto t = equal(*c, a, b))
    return boolean(c, *t);
  return Symbol::unknown();
}

Symbol absolute(const Symbol &a) {
  if (a.number)
    return Symbol::constant(std::fabs(*a.number));
  return choose(compare(Symbol::constant(0), a, true), a, negate(a));
}

Symbol exponential(const Symbol &a) {
  if (a.number && (*a.number == 0 || std::isinf(*a.number)))
    return Symbol::constant(std::exp(*a.number));
  if (a.number || !a.exponential)
    return Symbol::unknown();
  return formula(a.context, a.exponential);
}

Symbol logarithm(const Symbol &a) {
  if (a.number && (*a.number == 1 || *a.number == 0))
    return Symbol::constant(std::log(*a.number));
  if (a.number || !a.plain)
    return Symbol::unknown();
  return formula(a.context, std::nullopt, a.plain);
}

using Function = std::function<Symbol(const Symbol *)>;

Function comparison(arith::CmpFPredicate p) {
  using P = arith::CmpFPredicate;
  switch (p) {
  case P::OEQ:
  case P::UEQ:
    return [](const Symbol *a) { return equality(a[0], a[1]); };
  case P::ONE:
  case P::UNE:
    return [](const Symbol *a) { return invert(equality(a[0], a[1])); };
  case P::OLT:
  case P::ULT:
    return [](const Symbol *a) { return compare(a[0], a[1], false); };
  case P::OLE:
  case P::ULE:
    return [](const Symbol *a) { return compare(a[0], a[1], true); };
  case P::OGT:
  case P::UGT:
    return [](const Symbol *a) { return compare(a[1], a[0], false); };
  case P::OGE:
  case P::UGE:
    return [](const Symbol *a) { return compare(a[1], a[0], true); };
  default:
    return {};
  }
}

Function comparison(arith::CmpIPredicate p) {
  using P = arith::CmpIPredicate;
  switch (p) {
  case P::eq:
    return [](const Symbol *a) { return equality(a[0], a[1]); };
  case P::ne:
    return [](const Symbol *a) { return invert(equality(a[0], a[1])); };
  case P::slt:
    return [](const Symbol *a) { return compare(a[0], a[1], false); };
  case P::sle:
    return [](const Symbol *a) { return compare(a[0], a[1], true); };
  case P::sgt:
    return [](const Symbol *a) { return compare(a[1], a[0], false); };
  case P::sge:
    return [](const Symbol *a) { return compare(a[1], a[0], true); };
  default:
    return {};
  }
}
} // namespace

std::optional<Term> seqc::proof::equal(Context &c, const Symbol &a,
                                       const Symbol &b) {
  if (a.number && b.number)
    return c.boolean(*a.number == *b.number);
  auto same = [&](Term x, Term y) { return c.equal(x, y); };
  if (a.condition && b.condition)
    return same(*a.condition, *b.condition);
  if (auto t = lift(exponentialOf(c, a), exponentialOf(c, b), same))
    return t;
  return lift(plainOf(c, a), plainOf(c, b), same);
}

Symbol Dom::add(const Symbol &a, const Symbol &b) {
  if (a.number && b.number)
    return Symbol::constant(*a.number + *b.number);
  for (auto [x, y] : {std::pair(&a, &b), std::pair(&b, &a)})
    if (x->number && (*x->number == 0 || !std::isfinite(*x->number)))
      return *x->number == 0 ? *y : *x;
  Context *c = contextOf(a, b);
  if (!c)
    return Symbol::unknown();
  return formula(c,
                 lift(plainOf(*c, a), plainOf(*c, b),
                      [&](Term x, Term y) { return c->add(x, y); }),
                 lift(exponentialOf(*c, a), exponentialOf(*c, b),
                      [&](Term x, Term y) { return c->mul(x, y); }));
}

Symbol Dom::exponential(const Symbol &a) { return ::exponential(a); }
Symbol Dom::less(const Symbol &a, const Symbol &b) { return compare(a, b, false); }
Symbol Dom::select(const Symbol &condition, const Symbol &a, const Symbol &b) {
  return choose(condition, a, b);
}
Symbol Dom::maximum(const Symbol &a, const Symbol &b) {
  return choose(compare(b, a, true), a, b);
}
Symbol Dom::minimum(const Symbol &a, const Symbol &b) {
  return choose(compare(a, b, true), a, b);
}

Symbol Dom::multiply(const Symbol &a, const Symbol &b) {
  if (a.number && b.number)
    return Symbol::constant(*a.number * *b.number);
  for (auto [x, y] : {std::pair(&a, &b), std::pair(&b, &a)})
    if (x->number && (*x->number == 0 || *x->number == 1))
      return *x->number == 1 ? *y : *x;
  Context *c = contextOf(a, b);
  if (!c)
    return Symbol::unknown();
  return formula(c, lift(plainOf(*c, a), plainOf(*c, b),
                         [&](Term x, Term y) { return c->mul(x, y); }));
}

Function Dom::resolve(Operation *op) {
#define UNARY(OP, EXPR)                                                        \
  .Case<OP>([](auto) -> Function {                                             \
    return [](const Symbol *a) -> Symbol { return EXPR; };                     \
  })
  return llvm::TypeSwitch<Operation *, Function>(op)
      UNARY(arith::AddFOp, add(a[0], a[1]))
      UNARY(arith::AddIOp, add(a[0], a[1]))
      UNARY(arith::SubFOp, subtract(a[0], a[1]))
      UNARY(arith::SubIOp, subtract(a[0], a[1]))
      UNARY(arith::MulFOp, multiply(a[0], a[1]))
      UNARY(arith::MulIOp, multiply(a[0], a[1]))
      UNARY(arith::DivFOp, divide(a[0], a[1]))
      UNARY(arith::NegFOp, negate(a[0]))
      UNARY(arith::MaximumFOp, maximum(a[0], a[1]))
      UNARY(arith::MinimumFOp, minimum(a[0], a[1]))
      UNARY(arith::MaxNumFOp, maximum(a[0], a[1]))
      UNARY(arith::MinNumFOp, minimum(a[0], a[1]))
      UNARY(arith::MaxSIOp, maximum(a[0], a[1]))
      UNARY(arith::MinSIOp, minimum(a[0], a[1]))
      UNARY(arith::ExtFOp, a[0])
      UNARY(arith::TruncFOp, a[0])
      UNARY(arith::SelectOp, choose(a[0], a[1], a[2]))
      UNARY(math::AbsFOp, absolute(a[0]))
      UNARY(math::ExpOp, exponential(a[0]))
      UNARY(math::LogOp, logarithm(a[0]))
      UNARY(math::Log1pOp, logarithm(add(Symbol::constant(1), a[0])))
      UNARY(math::ExpM1Op, add(exponential(a[0]), Symbol::constant(-1)))
      UNARY(math::FmaOp, add(multiply(a[0], a[1]), a[2]))
      .Case<arith::AndIOp, arith::OrIOp>([](Operation *op) -> Function {
        if (!mlir::getElementTypeOrSelf(op->getResult(0).getType()).isInteger(1))
          return [](const Symbol *) { return Symbol::unknown(); };
        bool either = isa<arith::OrIOp>(op);
        return [=](const Symbol *a) { return both(a[0], a[1], either); };
      })
      .Case<arith::CmpFOp>(
          [](arith::CmpFOp op) { return comparison(op.getPredicate()); })
      .Case<arith::CmpIOp>(
          [](arith::CmpIOp op) { return comparison(op.getPredicate()); })
      .Default([](Operation *) -> Function {
        return [](const Symbol *) { return Symbol::unknown(); };
      });
#undef UNARY
}
