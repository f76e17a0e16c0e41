//===- Laws.cpp - Exponentials, logarithms, maxima, conditions ------------===//

#include "Algebra.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cmath>

using namespace seqc;
using namespace seqc::proof;
using llvm::DynamicAPInt;

/// Maxima with more parts than this stay as they were written.
static constexpr size_t kMostElements = 64;

static bool isInteger(const Number &n) { return n.den == 1; }

Formula Algebra::exponential(Formula a) {
  switch (get(a).kind) {
  case Sum::Kind::MinusInfinite:
    return {};
  case Sum::Kind::Finite:
    break;
  default:
    return a;
  }
  Formula result = number(Number(1));
  for (const Term &term : std::vector<Term>(get(expand(a)).terms)) {
    const Monomial &m = monomials[term.first];
    const Number &c = term.second;
    if (m.size() == 1 && m[0].second == Number(1) &&
        atoms[m[0].first].kind == Atom::Kind::Log) {
      // exp(c log x) = x^c.
      Formula x{atoms[m[0].first].arguments[0]};
      const Sum &s = get(x);
      if (s.terms.size() == 1 && (isInteger(c) || s.terms[0].second == Number(1))) {
        Monomial powers = monomials[s.terms[0].first];
        for (auto &factor : powers)
          factor.second = factor.second * c;
        Number scale(1), one = c > Number(0)
                                   ? s.terms[0].second
                                   : Number(1) / s.terms[0].second;
        for (DynamicAPInt i = abs(c.num); one != Number(1) && i > 0; --i)
          scale *= one;
        result = multiply(result, single(monomial(std::move(powers)), scale));
        continue;
      }
      Atom base{Atom::Kind::Base, "", 0, {x.id}, {}, false};
      result = multiply(result, single(power(atom(std::move(base)), c), Number(1)));
      continue;
    }
    Atom exp{Atom::Kind::Exp, "", term.first, {}, {0, HUGE_VAL}, false};
    result = multiply(result, single(power(atom(std::move(exp)), c), Number(1)));
  }
  return result;
}

Formula Algebra::logarithm(Formula a) {
  switch (get(a).kind) {
  case Sum::Kind::MinusInfinite:
    return special(Sum::Kind::Nan);
  case Sum::Kind::Finite:
    break;
  default:
    return a;
  }
  if (a.id == 0)
    return special(Sum::Kind::MinusInfinite);
  auto logOf = [&](Formula x) {
    if (auto n = asNumber(x)) {
      if (*n == 1)
        return Formula();
      if (*n <= 0)
        return unknown("a logarithm of a number that is not positive");
    }
    Atom log{Atom::Kind::Log, "", 0, {x.id}, {}, false};
    return single(power(atom(std::move(log)), Number(1)), Number(1));
  };
  // Of a product, the sum over its positive factors.
  Formula rest, result;
  Formula shared = content(expand(a), true, rest);
  if (isUnknown(rest))
    return rest;
  for (auto &[number, e] : Monomial(monomials[get(shared).terms[0].first])) {
    const Atom &factor = atoms[number];
    Formula log = factor.kind == Atom::Kind::Exp
                      ? single(factor.monomial, Number(1))
                  : factor.kind == Atom::Kind::Base
                      ? logOf({factor.arguments[0]})
                      : logOf(single(power(number, Number(1)), Number(1)));
    result = add(result, multiply(log, this->number(e)));
  }
  Number lead = get(rest).terms[0].second;
  if (lead > Number(0) && lead != Number(1)) {
    result = add(result, logOf(number(lead)));
    rest = multiply(rest, number(Number(1) / lead));
  }
  return add(result, logOf(rest));
}

void Algebra::flatten(Formula a, llvm::SmallVectorImpl<Formula> &elements) {
  if (elements.size() > kMostElements)
    return;
  a = expand(a);
  for (const Term &term : get(a).terms) {
    const Monomial &m = monomials[term.first];
    if (m.size() != 1 || m[0].second != Number(1) ||
        atoms[m[0].first].kind != Atom::Kind::Max || !(term.second > Number(0)))
      continue;
    Formula scale = number(term.second);
    Formula rest = subtract(a, single(term.first, term.second));
    for (unsigned element : std::vector<unsigned>(atoms[m[0].first].arguments))
      flatten(add(rest, multiply(scale, {element})), elements);
    return;
  }
  if (!llvm::is_contained(elements, a))
    elements.push_back(a);
}

Formula Algebra::maximum(Formula a, Formula b) {
  using Kind = Sum::Kind;
  for (Kind kind : {Kind::Unknown, Kind::Nan, Kind::Infinite})
    if (get(a).kind == kind || get(b).kind == kind)
      return special(kind);
  for (auto [x, y] : {std::pair(a, b), std::pair(b, a)})
    if (get(x).kind == Kind::MinusInfinite)
      return y;
  if (a == b)
    return a;
  llvm::SmallVector<Formula> elements;
  flatten(a, elements);
  flatten(b, elements);
  if (elements.size() > kMostElements)
    elements = {a, b};
  // Parts that others exceed anyway go.
  for (size_t i = 0; i < elements.size() && elements.size() > 1;) {
    bool exceeded = false;
    for (size_t j = 0; j < elements.size() && !exceeded; ++j)
      exceeded = i != j && bounds(subtract(elements[i], elements[j])).high <= 0;
    if (exceeded)
      elements.erase(elements.begin() + i);
    else
      ++i;
  }
  if (llvm::any_of(elements, [&](Formula e) { return !isFinite(e); }))
    return special(Kind::Unknown);
  if (elements.size() == 1)
    return elements[0];
  // What all share stands before the maximum: max(x + z, y + z) = z + max(x, y).
  std::map<unsigned, Number> least;
  for (auto [i, element] : llvm::enumerate(elements)) {
    const std::vector<Term> &terms = get(element).terms;
    for (auto &[m, c] : least)
      if (llvm::none_of(terms, [&, m = m](auto &t) { return t.first == m; }) &&
          c > Number(0))
        c = Number(0);
    for (const Term &t : terms) {
      auto [it, isNew] = least.try_emplace(t.first, i ? Number(0) : t.second);
      if (t.second < it->second)
        it->second = t.second;
    }
  }
  Formula shared = sum(std::vector<Term>(least.begin(), least.end()));
  Atom max{Atom::Kind::Max, "", 0, {}, {}, false};
  for (Formula element : elements)
    max.arguments.push_back(subtract(element, shared).id);
  llvm::sort(max.arguments);
  return add(shared, single(power(atom(std::move(max)), Number(1)), Number(1)));
}

Formula Algebra::minimum(Formula a, Formula b) {
  return negate(maximum(negate(a), negate(b)));
}

Formula Algebra::scaled(Formula d, bool sign) {
  if (!isFinite(d) || d.id == 0)
    return d;
  Number lead = get(d).terms[0].second;
  if (!sign)
    lead = mlir::presburger::abs(lead);
  return multiply(d, number(Number(1) / lead));
}

Formula Algebra::less(Formula a, Formula b) {
  if (isUnknown(a) || isUnknown(b))
    return special(Sum::Kind::Unknown);
  if (!isFinite(a) || !isFinite(b)) {
    // Formulas stand for finite values.
    double x = asNumber(a).value_or(0), y = asNumber(b).value_or(0);
    return number(double(x < y));
  }
  Formula d = expand(subtract(a, b));
  if (isUnknown(d))
    return d;
  Interval range = bounds(d);
  if (range.high < 0 || range.low >= 0)
    return number(double(range.high < 0));
  return apply("negative", {scaled(d, false)}, {0, 1}, true);
}

Formula Algebra::equal(Formula a, Formula b) {
  if (isUnknown(a) || isUnknown(b))
    return special(Sum::Kind::Unknown);
  if (!isFinite(a) || !isFinite(b))
    return number(double(a == b && a != special(Sum::Kind::Nan)));
  Formula d = expand(subtract(a, b));
  if (isUnknown(d))
    return d;
  Interval range = bounds(d);
  if (d.id == 0 || range.high < 0 || range.low > 0)
    return number(double(d.id == 0));
  return apply("zero", {scaled(d, true)}, {0, 1}, true);
}

Formula Algebra::select(Formula condition, Formula a, Formula b) {
  if (isUnknown(condition))
    return condition;
  if (auto n = asNumber(condition))
    return *n != 0 ? a : b;
  if (a == b)
    return a;
  if (isFinite(a) && isFinite(b))
    return add(b, multiply(condition, subtract(a, b)));
  Interval x = bounds(a), y = bounds(b);
  return apply("select", {condition, a, b},
               {std::min(x.low, y.low), std::max(x.high, y.high)});
}

Formula Algebra::apply(const std::string &function,
                       llvm::ArrayRef<Formula> arguments, Interval range,
                       bool boolean) {
  Atom a{Atom::Kind::Function, function, 0, {}, range, boolean};
  for (Formula argument : arguments) {
    if (isUnknown(argument))
      return argument;
    a.arguments.push_back(expand(argument).id);
  }
  return single(power(atom(std::move(a)), Number(1)), Number(1));
}
