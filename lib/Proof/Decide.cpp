//===- Decide.cpp - Bounds and equality of normal forms -------------------===//

#include "Algebra.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace seqc;
using namespace seqc::proof;

/// Substitutions that a bound looks for, one inside the other.
static constexpr unsigned kDepth = 3;
/// Coefficients differ by this at most where constants were rounded to f32.
static constexpr double kRounding = 1e-6;

/// 0 times anything is 0: bounds are limits of finite values.
static double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }

static Interval product(Interval a, Interval b) {
  double corners[] = {times(a.low, b.low), times(a.low, b.high),
                      times(a.high, b.low), times(a.high, b.high)};
  auto [low, high] = std::minmax_element(std::begin(corners), std::end(corners));
  return {*low, *high};
}

/// The range of x^e.
static Interval raised(Interval x, const Number &e, double exponent) {
  bool integer = e.den == 1;
  if (integer && exponent < 0 && x.high <= 0) {
    Interval positive = raised({-x.high, -x.low}, e, exponent);
    return e.num % 2 == 0 ? positive : Interval{-positive.high, -positive.low};
  }
  if (!integer || exponent < 0) {
    // Bases are positive.
    if (x.low < 0)
      return {};
    double p = std::pow(x.low, exponent), q = std::pow(x.high, exponent);
    return {std::min(p, q), std::max(p, q)};
  }
  double p = std::pow(x.low, exponent), q = std::pow(x.high, exponent);
  if (e.num % 2 == 0)
    return {x.low <= 0 && x.high >= 0 ? 0 : std::min(p, q), std::max(p, q)};
  return {p, q};
}

static double approximately(const Number &n, Algebra &algebra) {
  return *algebra.asNumber(algebra.number(n));
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

Interval Algebra::atomBounds(unsigned number) {
  const Atom &a = atoms[number];
  auto argument = [&](unsigned i) { return bounds({a.arguments[i]}); };
  switch (a.kind) {
  case Atom::Kind::Variable:
  case Atom::Kind::Function:
    return a.range;
  case Atom::Kind::Exp: {
    Interval x = termBounds({a.monomial, Number(1)});
    return {std::exp(x.low), std::exp(x.high)};
  }
  case Atom::Kind::Base:
    return argument(0);
  case Atom::Kind::Log: {
    Interval x = argument(0);
    return {x.low > 0 ? std::log(x.low) : -HUGE_VAL,
            x.high > 0 ? std::log(x.high) : -HUGE_VAL};
  }
  case Atom::Kind::Max: {
    Interval result{-HUGE_VAL, -HUGE_VAL};
    for (unsigned i = 0; i < a.arguments.size(); ++i) {
      Interval x = argument(i);
      result = {std::max(result.low, x.low), std::max(result.high, x.high)};
    }
    return result;
  }
  }
  llvm_unreachable("covered switch");
}

bool Algebra::isPositive(unsigned number) {
  return atoms[number].kind == Atom::Kind::Exp || atomBounds(number).low >= 0;
}

Interval Algebra::termBounds(const Term &term) {
  double c = approximately(term.second, *this);
  Interval result{c, c};
  // Exponentials together, since their exponents may cancel.
  Formula exponent;
  const Monomial factors = monomials[term.first];
  for (auto &[number, e] : factors) {
    if (atoms[number].kind == Atom::Kind::Exp)
      exponent = add(exponent, single(atoms[number].monomial, e));
    else
      result = product(result,
                       raised(atomBounds(number), e, approximately(e, *this)));
  }
  if (exponent.id) {
    Interval x = bounds(exponent);
    result = product(result, {std::exp(x.low), std::exp(x.high)});
  }
  return result;
}

double Algebra::upper(Formula a, unsigned depth) {
  if (!isFinite(a) || !spend(get(a).terms.size()))
    return HUGE_VAL;
  double bound = 0;
  const std::vector<Term> terms = get(a).terms;
  for (const Term &term : terms)
    bound += termBounds(term).high;
  if (std::isnan(bound))
    bound = HUGE_VAL;
  if (depth == 0)
    return bound;
  auto atomOf = [&](const Term &term, Atom::Kind kind) -> const Atom * {
    const Monomial &m = monomials[term.first];
    return m.size() == 1 && m[0].second == Number(1) &&
                   atoms[m[0].first].kind == kind
               ? &atoms[m[0].first]
               : nullptr;
  };
  auto replaced = [&](const Term &term, Formula by) {
    return add(subtract(a, single(term.first, term.second)),
               multiply(number(term.second), by));
  };
  for (const Term &term : terms) {
    bool positive = term.second > Number(0);
    if (const Atom *max = atomOf(term, Atom::Kind::Max)) {
      // One of the parts is the maximum, and none exceeds it.
      double parts = positive ? -HUGE_VAL : HUGE_VAL;
      for (unsigned part : std::vector<unsigned>(max->arguments)) {
        double one = upper(replaced(term, {part}), depth - 1);
        parts = positive ? std::max(parts, one) : std::min(parts, one);
      }
      bound = std::min(bound, parts);
    } else if (const Atom *log = atomOf(term, Atom::Kind::Log); log && !positive) {
      // log x - log y <= 0 where x <= y, and log(x + y) >= log x where x, y >= 0.
      Formula whole{log->arguments[0]};
      for (const Term &other : terms)
        if (const Atom *part = atomOf(other, Atom::Kind::Log);
            part && other.second > Number(0) &&
            bounds(subtract(whole, {part->arguments[0]})).low >= 0) {
          Number shared = std::min(other.second, -term.second);
          Formula rest = add(subtract(a, single(other.first, shared)),
                             single(term.first, shared));
          bound = std::min(bound, upper(rest, depth - 1));
        }
      for (const Term &part : std::vector<Term>(get(whole).terms)) {
        Formula one = single(part.first, part.second);
        if (get(whole).terms.size() > 1 && bounds(one).low >= 0 &&
            bounds(subtract(whole, one)).low >= 0)
          bound = std::min(bound, upper(replaced(term, logarithm(one)), depth - 1));
      }
    }
  }
  return bound;
}

Interval Algebra::bounds(Formula a) {
  if (auto n = asNumber(a); n && !std::isnan(*n))
    return {*n, *n};
  if (!isFinite(a))
    return {};
  if (auto it = knownBounds.find(a.id); it != knownBounds.end())
    return it->second;
  Interval result{-upper(negate(a), kDepth), upper(a, kDepth)};
  if (!facts.empty()) {
    if (facts.count(scaled(a, false).id))
      result.high = std::min(result.high, 0.0);
    if (facts.count(scaled(negate(a), false).id))
      result.low = std::max(result.low, 0.0);
  }
  knownBounds[a.id] = result;
  return result;
}

//===----------------------------------------------------------------------===//
// Equality
//===----------------------------------------------------------------------===//

Formula Algebra::multiplyOut(Formula d) {
  for (;;) {
    d = expand(d);
    // The latest quotient first: its denominator has earlier atoms only.
    unsigned latest = 0;
    Number least(0);
    for (const Term &term : get(d).terms)
      for (auto &[number, e] : monomials[term.first])
        if (atoms[number].kind == Atom::Kind::Base && e < Number(0) &&
            e.den == 1 && (least == Number(0) || number >= latest)) {
          least = number == latest ? std::min(least, e) : e;
          latest = number;
        }
    if (least == Number(0))
      return d;
    d = multiply(d, single(power(latest, -least), Number(1)));
  }
}

std::optional<double> Algebra::valueOf(unsigned number) {
  Interval x = atomBounds(number);
  if (x.low == x.high)
    return x.low;
  const Atom &a = atoms[number];
  if (a.kind != Atom::Kind::Log && a.kind != Atom::Kind::Base)
    return std::nullopt;
  Formula inside = approximate({a.arguments[0]});
  auto n = asNumber(inside);
  if (!n)
    return std::nullopt;
  return a.kind == Atom::Kind::Log ? std::log(*n) : *n;
}

Formula Algebra::approximate(Formula a) {
  Formula result;
  for (const Term &term : std::vector<Term>(get(expand(a)).terms)) {
    Formula product = number(term.second);
    for (auto &[number, e] : Monomial(monomials[term.first])) {
      auto value = valueOf(number);
      product = multiply(
          product, value && std::isfinite(*value)
                       ? this->number(std::pow(*value, approximately(e, *this)))
                       : single(power(number, e), Number(1)));
    }
    result = add(result, product);
  }
  return result;
}

Algebra::Answer Algebra::compareTerms(Formula a, Formula b) {
  if (a == b)
    return isUnknown(a) ? Answer::Unknown : Answer::Equal;
  if (isUnknown(a) || isUnknown(b))
    return Answer::Unknown;
  if (!isFinite(a) || !isFinite(b))
    return Answer::Different;
  Formula difference = multiplyOut(subtract(a, b));
  if (difference.id == 0)
    return Answer::Equal;
  if (isUnknown(difference))
    return Answer::Unknown;
  if (!facts.empty()) {
    // Where two cases meet.
    Interval range = bounds(difference);
    if (range.low == 0 && range.high == 0)
      return Answer::Equal;
  }
  // A sum of logarithms is zero where the product is one.
  bool logarithms = llvm::any_of(get(difference).terms, [&](const Term &term) {
    const Monomial &m = monomials[term.first];
    return m.size() == 1 && atoms[m[0].first].kind == Atom::Kind::Log;
  });
  if (logarithms) {
    Formula rest =
        multiplyOut(subtract(exponential(difference), number(Number(1))));
    if (rest.id == 0)
      return Answer::Equal;
    if (isUnknown(rest))
      return Answer::Unknown;
  }
  Formula x = approximate(a), y = approximate(b);
  if (isUnknown(x) || isUnknown(y))
    return Answer::Unknown;
  std::map<unsigned, std::pair<double, double>> coefficients;
  for (const Term &term : get(x).terms)
    coefficients[term.first].first = approximately(term.second, *this);
  for (const Term &term : get(y).terms)
    coefficients[term.first].second = approximately(term.second, *this);
  for (auto &[m, pair] : coefficients)
    if (std::fabs(pair.first - pair.second) >
        kRounding * std::max(std::fabs(pair.first), std::fabs(pair.second)))
      return Answer::Different;
  assume("constants are rounded to their type");
  return Answer::Equal;
}

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

/// Maxima and conditions that one comparison distinguishes, one inside the other.
static constexpr unsigned kCases = 6;

std::optional<unsigned> Algebra::undecidedIn(Formula a, std::set<unsigned> &seen) {
  std::optional<unsigned> best;
  auto better = [&](std::optional<unsigned> found) {
    if (found && (!best || *found < *best))
      best = found;
  };
  if (!isFinite(a) || !seen.insert(a.id).second)
    return best;
  for (const Term &term : get(a).terms)
    for (auto &[number, e] : monomials[term.first]) {
      const Atom &atom = atoms[number];
      if (atom.kind == Atom::Kind::Max ||
          (atom.boolean && atom.name == "negative"))
        better(number);
      if (atom.kind == Atom::Kind::Exp)
        better(undecidedIn(single(atom.monomial, Number(1)), seen));
      for (unsigned argument : std::vector<unsigned>(atom.arguments))
        better(undecidedIn({argument}, seen));
    }
  return best;
}

Formula Algebra::replace(Formula a, unsigned target, Formula by,
                         std::map<unsigned, Formula> &done) {
  if (!isFinite(a))
    return a;
  if (auto it = done.find(a.id); it != done.end())
    return it->second;
  auto inside = [&](unsigned argument) {
    return replace({argument}, target, by, done);
  };
  Formula result;
  for (const Term &term : std::vector<Term>(get(a).terms)) {
    Formula product = number(term.second);
    // Exponentials together: what is in their exponents cancels there.
    Formula exponent;
    for (auto &[number, e] : Monomial(monomials[term.first])) {
      const Atom &atom = atoms[number];
      if (atom.kind == Atom::Kind::Exp) {
        Formula whole = replace(single(atom.monomial, Number(1)), target, by, done);
        exponent = add(exponent, multiply(this->number(e), whole));
        continue;
      }
      Formula base;
      if (number == target) {
        base = by;
      } else {
        switch (atom.kind) {
        case Atom::Kind::Base:
          base = inside(atom.arguments[0]);
          break;
        case Atom::Kind::Log:
          base = logarithm(inside(atom.arguments[0]));
          break;
        case Atom::Kind::Max:
          base = special(Sum::Kind::MinusInfinite);
          for (unsigned argument : std::vector<unsigned>(atom.arguments))
            base = maximum(base, inside(argument));
          break;
        case Atom::Kind::Function: {
          llvm::SmallVector<Formula> arguments;
          std::string name = atom.name;
          Interval range = atom.range;
          bool boolean = atom.boolean;
          for (unsigned argument : std::vector<unsigned>(atom.arguments))
            arguments.push_back(inside(argument));
          base = boolean && name == "negative" ? less(arguments[0], {})
                 : boolean && name == "zero"   ? equal(arguments[0], {})
                 : name == "select"
                     ? select(arguments[0], arguments[1], arguments[2])
                     : apply(name, arguments, range, boolean);
          break;
        }
        default:
          base = single(power(number, Number(1)), Number(1));
        }
      }
      if (e.den == 1 && mlir::presburger::abs(e) <= Number(64)) {
        int64_t n = int64_t(e.num);
        Formula power = raise(base, n < 0 ? -n : n);
        product = multiply(product, n < 0 ? inverse(power) : power);
      } else {
        product = multiply(
            product, exponential(multiply(this->number(e), logarithm(base))));
      }
    }
    if (exponent.id)
      product = multiply(product, exponential(exponent));
    result = add(result, product);
  }
  done[a.id] = result;
  return result;
}

/// One case for each part that may be the maximum, or for each truth value.  At
/// every point some case is the real one, so that all have to agree.
Algebra::Answer Algebra::compareCases(Formula a, Formula b, unsigned depth) {
  Answer answer = compareTerms(a, b);
  if (answer != Answer::Different || depth == 0 || !isFinite(a) || !isFinite(b))
    return answer;
  std::set<unsigned> seen;
  std::optional<unsigned> target = undecidedIn(a, seen), other = undecidedIn(b, seen);
  if (!target || (other && *other < *target))
    target = other;
  if (!target)
    return answer;
  bool condition = atoms[*target].boolean;
  std::vector<unsigned> parts = atoms[*target].arguments;
  std::vector<Formula> values;
  for (unsigned part : parts)
    values.push_back(condition ? number(1.0) : Formula{part});
  if (condition)
    values.push_back(number(0.0));
  std::set<unsigned> before = facts;
  for (size_t i = 0; i < values.size() && answer != Answer::Unknown; ++i) {
    auto known = [&](Formula difference) {
      if (isFinite(difference) && difference.id)
        facts.insert(scaled(difference, false).id);
    };
    if (condition)
      known(i == 0 ? Formula{parts[0]} : negate({parts[0]}));
    else
      for (unsigned part : parts)
        known(subtract({part}, values[i]));
    knownBounds.clear();
    std::map<unsigned, Formula> done;
    Formula x = replace(a, *target, values[i], done),
            y = replace(b, *target, values[i], done);
    answer = compareCases(x, y, depth - 1);
    facts = before;
    knownBounds.clear();
    if (answer != Answer::Equal)
      return answer;
  }
  return answer;
}

Algebra::Answer Algebra::compare(Formula a, Formula b) {
  return compareCases(a, b, kCases);
}
