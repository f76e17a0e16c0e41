//===- Algebra.cpp - Exact terms in normal form ---------------------------===//

#include "Algebra.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace seqc;
using namespace seqc::proof;
using llvm::DynamicAPInt;

static thread_local Algebra *innermost = nullptr;

static size_t hashOf(const Number &n) {
  // Equal integers may be stored with different widths, which hash differently.
  const DynamicAPInt prime((int64_t(1) << 61) - 1);
  return llvm::hash_combine(int64_t(n.num % prime), int64_t(n.den % prime));
}
static bool isInteger(const Number &n) { return n.den == 1; }

/// Sums and products; whole numbers need no common denominators.
static Number plus(const Number &a, const Number &b) {
  return isInteger(a) && isInteger(b) ? Number(a.num + b.num) : a + b;
}
static Number product(const Number &a, const Number &b) {
  return isInteger(a) && isInteger(b) ? Number(a.num * b.num) : a * b;
}
static bool isZero(const Number &n) { return n.num == 0; }

/// The double nearest to n, or close to it.
static double toDouble(const Number &n) {
  // Both parts are cut to what a double holds.
  auto part = [](const DynamicAPInt &value, int &exponent) {
    DynamicAPInt v = value;
    const DynamicAPInt step(int64_t(1) << 30);
    const DynamicAPInt limit(int64_t(1) << 60);
    for (exponent = 0; v > limit || v < -limit; exponent += 30)
      v = v / step;
    return double(int64_t(v));
  };
  int above, below;
  double x = part(n.num, above), y = part(n.den, below);
  return std::ldexp(x / y, above - below);
}

static Number exactly(double value) {
  int exponent;
  double fraction = std::frexp(value, &exponent);
  Number n(static_cast<int64_t>(fraction * 0x1p53));
  exponent -= 53;
  DynamicAPInt scale(1);
  for (int i = std::abs(exponent); i > 0; i -= std::min(i, 60))
    scale *= DynamicAPInt(int64_t(1) << std::min(i, 60));
  return exponent < 0 ? n / Number(scale) : n * Number(scale);
}

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

Algebra::Algebra(uint64_t limit) : limit(limit), before(innermost) {
  innermost = this;
  monomials.emplace_back();
  for (auto kind : {Sum::Kind::Finite, Sum::Kind::Nan, Sum::Kind::Infinite,
                    Sum::Kind::MinusInfinite, Sum::Kind::Unknown})
    sums.push_back({kind, {}});
}
Algebra::~Algebra() { innermost = before; }
Algebra &Algebra::current() { return *innermost; }

Formula Algebra::unknown(const std::string &reason) {
  if (why.empty())
    why = reason;
  return special(Sum::Kind::Unknown);
}

bool Algebra::spend(uint64_t work) {
  spent += work;
  if (spent <= limit)
    return true;
  unknown("its terms are too many");
  return false;
}

bool Algebra::isUnknown(Formula a) const {
  return get(a).kind == Sum::Kind::Unknown;
}
bool Algebra::isFinite(Formula a) const {
  return get(a).kind == Sum::Kind::Finite;
}

std::optional<double> Algebra::asNumber(Formula a) const {
  const Sum &s = get(a);
  switch (s.kind) {
  case Sum::Kind::Nan:
    return NAN;
  case Sum::Kind::Infinite:
    return HUGE_VAL;
  case Sum::Kind::MinusInfinite:
    return -HUGE_VAL;
  case Sum::Kind::Unknown:
    return std::nullopt;
  case Sum::Kind::Finite:
    break;
  }
  if (s.terms.empty())
    return 0;
  if (s.terms.size() == 1 && s.terms[0].first == 0)
    return ::toDouble(s.terms[0].second);
  return std::nullopt;
}

unsigned Algebra::atom(Atom a) {
  auto key = std::make_tuple(int(a.kind), a.name, a.monomial, a.arguments);
  auto [it, isNew] = atomNumbers.try_emplace(std::move(key), atoms.size());
  if (isNew)
    atoms.push_back(std::move(a));
  return it->second;
}

unsigned Algebra::monomial(Monomial m) {
  llvm::erase_if(m, [](auto &factor) { return isZero(factor.second); });
  if (m.empty())
    return 0;
  size_t hash = 0;
  for (auto &[a, e] : m)
    hash = llvm::hash_combine(hash, a, hashOf(e));
  auto [from, to] = monomialNumbers.equal_range(hash);
  for (auto it = from; it != to; ++it)
    if (monomials[it->second] == m)
      return it->second;
  monomialNumbers.emplace(hash, monomials.size());
  monomials.push_back(std::move(m));
  return monomials.size() - 1;
}

unsigned Algebra::power(unsigned atom, const Number &exponent) {
  return monomial({{atom, exponent}});
}

unsigned Algebra::times(unsigned a, unsigned b) {
  if (a == 0 || b == 0)
    return a + b;
  auto key = std::minmax(a, b);
  auto [it, isNew] = products.try_emplace({key.first, key.second}, 0);
  if (!isNew)
    return it->second;
  Monomial result;
  const Monomial &x = monomials[a], &y = monomials[b];
  for (auto i = x.begin(), j = y.begin(); i != x.end() || j != y.end();) {
    if (j == y.end() || (i != x.end() && i->first < j->first)) {
      result.push_back(*i++);
    } else if (i == x.end() || j->first < i->first) {
      result.push_back(*j++);
    } else {
      // A truth value is its own square.
      Number e = atoms[i->first].boolean ? Number(1)
                                             : plus(i->second, j->second);
      result.push_back({i->first, e});
      ++i;
      ++j;
    }
  }
  unsigned number = monomial(std::move(result));
  products[{key.first, key.second}] = number;
  return number;
}

Formula Algebra::sum(std::vector<Term> terms) {
  if (!spend(terms.size()))
    return special(Sum::Kind::Unknown);
  llvm::sort(terms, llvm::less_first());
  size_t kept = 0;
  for (size_t i = 0; i < terms.size();) {
    Term term = std::move(terms[i]);
    for (++i; i < terms.size() && terms[i].first == term.first; ++i)
      term.second = plus(term.second, terms[i].second);
    if (!isZero(term.second))
      terms[kept++] = std::move(term);
  }
  terms.resize(kept);
  if (terms.empty())
    return {};
  size_t hash = 0;
  for (auto &[m, c] : terms)
    hash = llvm::hash_combine(hash, m, hashOf(c));
  auto [from, to] = sumNumbers.equal_range(hash);
  for (auto it = from; it != to; ++it)
    if (sums[it->second].terms == terms)
      return {it->second};
  sumNumbers.emplace(hash, sums.size());
  sums.push_back({Sum::Kind::Finite, std::move(terms)});
  return {static_cast<unsigned>(sums.size() - 1)};
}

Formula Algebra::single(unsigned monomial, const Number &coefficient) {
  return sum({{monomial, coefficient}});
}

Formula Algebra::variable(const std::string &name, Interval range) {
  Atom a{Atom::Kind::Variable, name, 0, {}, range, false};
  return single(power(atom(std::move(a)), Number(1)), Number(1));
}
Formula Algebra::number(const Number &value) { return single(0, value); }
Formula Algebra::number(double value) {
  if (std::isnan(value))
    return special(Sum::Kind::Nan);
  if (std::isinf(value))
    return special(value > 0 ? Sum::Kind::Infinite : Sum::Kind::MinusInfinite);
  return value == 0 ? Formula() : number(exactly(value));
}

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

Formula Algebra::add(Formula a, Formula b) {
  using Kind = Sum::Kind;
  Kind x = get(a).kind, y = get(b).kind;
  if (x == Kind::Finite && y == Kind::Finite) {
    if (a.id == 0 || b.id == 0)
      return {a.id + b.id};
    std::vector<Term> terms = get(a).terms;
    llvm::append_range(terms, get(b).terms);
    return sum(std::move(terms));
  }
  for (Kind kind : {Kind::Unknown, Kind::Nan})
    if (x == kind || y == kind)
      return special(kind);
  if (x == Kind::Finite || y == Kind::Finite || x == y)
    return x == Kind::Finite ? b : a;
  return special(Kind::Nan);
}

Formula Algebra::negate(Formula a) {
  switch (get(a).kind) {
  case Sum::Kind::Infinite:
    return special(Sum::Kind::MinusInfinite);
  case Sum::Kind::MinusInfinite:
    return special(Sum::Kind::Infinite);
  case Sum::Kind::Finite: {
    std::vector<Term> terms = get(a).terms;
    for (Term &t : terms)
      t.second = -t.second;
    return sum(std::move(terms));
  }
  default:
    return a;
  }
}

Formula Algebra::multiply(Formula a, Formula b) {
  using Kind = Sum::Kind;
  Kind x = get(a).kind, y = get(b).kind;
  for (Kind kind : {Kind::Unknown, Kind::Nan})
    if (x == kind || y == kind)
      return special(kind);
  if (x != Kind::Finite || y != Kind::Finite) {
    // An infinity: the signs decide.
    Interval p = bounds(a), q = bounds(b);
    auto sign = [](Interval i) { return i.low > 0 ? 1 : i.high < 0 ? -1 : 0; };
    if (a.id == 0 || b.id == 0)
      return special(Kind::Nan);
    if (int s = sign(p) * sign(q))
      return special(s > 0 ? Kind::Infinite : Kind::MinusInfinite);
    return unknown("an infinity is multiplied by a value of unknown sign");
  }
  if (a.id == 0 || b.id == 0)
    return {};
  std::vector<Term> terms;
  size_t n = get(a).terms.size() * get(b).terms.size();
  if (!spend(n))
    return special(Kind::Unknown);
  terms.reserve(n);
  for (const Term &s : get(a).terms)
    for (const Term &t : get(b).terms)
      terms.push_back({times(s.first, t.first), product(s.second, t.second)});
  return sum(std::move(terms));
}

Formula Algebra::raise(Formula a, unsigned exponent) {
  Formula result = number(Number(1));
  for (unsigned i = 0; i < exponent; ++i)
    result = multiply(result, a);
  return result;
}

/// A positive integer exponent of a sum.
static bool isWhole(const Number &e) { return isInteger(e) && e > Number(0); }

Formula Algebra::expand(Formula a) {
  if (!isFinite(a))
    return a;
  if (auto it = expanded.find(a.id); it != expanded.end())
    return {it->second};
  std::vector<Term> plain;
  Formula rest;
  for (const Term &term : std::vector<Term>(get(a).terms)) {
    Formula product;
    Monomial others;
    bool found = false;
    for (auto &[number, e] : Monomial(monomials[term.first]))
      if (atoms[number].kind == Atom::Kind::Base && isWhole(e)) {
        Formula power = raise({atoms[number].arguments[0]},
                              unsigned(int64_t(e.num)));
        product = found ? multiply(product, power) : power;
        found = true;
      } else {
        others.push_back({number, e});
      }
    if (!found) {
      plain.push_back(term);
      continue;
    }
    Formula scale = single(monomial(std::move(others)), term.second);
    rest = add(rest, expand(multiply(product, scale)));
  }
  Formula result = rest.id ? add(sum(std::move(plain)), rest) : a;
  expanded[a.id] = result.id;
  return result;
}

Formula Algebra::content(Formula a, bool positiveOnly, Formula &rest) {
  std::map<unsigned, Number> least;
  bool first = true;
  for (const Term &term : get(a).terms) {
    const Monomial &m = monomials[term.first];
    for (auto &[number, e] : least)
      if (llvm::none_of(m, [&](auto &f) { return f.first == number; }) &&
          e > Number(0))
        e = Number(0);
    for (auto &[number, e] : m) {
      auto [it, isNew] = least.try_emplace(number, first ? e : Number(0));
      if (e < it->second)
        it->second = e;
    }
    first = false;
  }
  Monomial shared, inverted;
  for (auto &[number, e] : least)
    if (e != Number(0) && !atoms[number].boolean &&
        (!positiveOnly || isPositive(number))) {
      shared.push_back({number, e});
      inverted.push_back({number, -e});
    }
  unsigned divide = monomial(std::move(inverted));
  std::vector<Term> terms;
  for (const Term &term : get(a).terms)
    terms.push_back({times(term.first, divide), term.second});
  // A power of a sum in every denominator is now one in some numerators.
  rest = expand(sum(std::move(terms)));
  return single(monomial(std::move(shared)), Number(1));
}

Formula Algebra::inverse(Formula a) {
  if (isUnknown(a) || a == special(Sum::Kind::Nan))
    return a;
  if (!isFinite(a))
    return {};
  if (a.id == 0)
    return unknown("a division by zero");
  auto flip = [&](const Term &term) {
    Monomial m = monomials[term.first];
    for (auto &factor : m)
      factor.second = -factor.second;
    return single(monomial(std::move(m)), Number(1) / term.second);
  };
  auto flips = [&](const Term &term) {
    return llvm::none_of(monomials[term.first],
                         [&](auto &f) { return atoms[f.first].boolean; });
  };
  if (isSingle(a) && flips(get(a).terms[0]))
    return flip(get(a).terms[0]);
  Formula rest;
  Formula shared = content(expand(a), false, rest);
  if (isUnknown(rest) || rest.id == 0)
    return rest.id ? rest : unknown("a division by zero");
  if (isSingle(rest) && flips(get(rest).terms[0]))
    return multiply(flip(get(shared).terms[0]), flip(get(rest).terms[0]));
  Number lead = get(rest).terms[0].second;
  Formula monic = multiply(rest, number(Number(1) / lead));
  Atom base{Atom::Kind::Base, "", 0, {monic.id}, {}, false};
  return multiply(flip(get(shared).terms[0]),
                  single(power(atom(std::move(base)), Number(-1)),
                         Number(1) / lead));
}

Formula Algebra::divide(Formula a, Formula b) { return multiply(a, inverse(b)); }

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

void Algebra::print(llvm::raw_ostream &os, const Monomial &m) const {
  bool first = true;
  for (auto &[number, e] : m) {
    os << (first ? "" : " ");
    first = false;
    const Atom &a = atoms[number];
    switch (a.kind) {
    case Atom::Kind::Variable:
      os << a.name;
      break;
    case Atom::Kind::Exp:
      os << "exp(";
      print(os, monomials[a.monomial]);
      os << ")";
      break;
    default:
      os << (a.kind == Atom::Kind::Log    ? "log"
             : a.kind == Atom::Kind::Max  ? "max"
             : a.kind == Atom::Kind::Base ? ""
                                          : a.name)
         << "(";
      llvm::interleaveComma(a.arguments, os, [&](unsigned s) { print(os, {s}); });
      os << ")";
    }
    if (isInteger(e) && e != Number(1))
      os << "^" << e.num;
    else if (!isInteger(e))
      os << "^(" << ::toDouble(e) << ")";
  }
}

void Algebra::print(llvm::raw_ostream &os, Formula a) const {
  if (!isFinite(a)) {
    auto n = asNumber(a);
    os << (!n ? "?" : std::isnan(*n) ? "nan" : *n > 0 ? "inf" : "-inf");
    return;
  }
  if (a.id == 0)
    os << "0";
  bool first = true;
  for (const auto &[m, c] : get(a).terms) {
    Number magnitude = mlir::presburger::abs(c);
    bool negative = c < Number(0);
    os << (first ? (negative ? "-" : "") : negative ? " - " : " + ");
    first = false;
    if (m == 0 || magnitude != Number(1)) {
      if (isInteger(magnitude))
        os << magnitude.num;
      else
        os << ::toDouble(magnitude);
      os << (m ? " " : "");
    }
    print(os, monomials[m]);
  }
}

std::string Algebra::text(Formula a) const {
  std::string result;
  llvm::raw_string_ostream os(result);
  print(os, a);
  return result;
}
