//===- Algebra.h - Exact terms in normal form -------------------*- C++ -*-===//
//
// The interpreter's domain for proofs of forms.  A value is a sum of products of
// powers of atoms with rational coefficients: a Laurent polynomial.  Atoms are
// inputs, exponentials of products (so that the exponential of a sum is a
// product, and differences of exponents cancel), and whatever else has no law
// here: logarithms, maxima, quotients, other functions, of normal forms
// themselves.  Equal normal forms are one object.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_PROOF_ALGEBRA_H
#define SEQC_LIB_PROOF_ALGEBRA_H

#include "seqc/lib/Reference/Interpreter.h"
#include "seqc/lib/Support/Interval.h"

#include "mlir/Analysis/Presburger/Fraction.h"
#include "llvm/ADT/DenseMap.h"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

namespace seqc::proof {

using Number = mlir::presburger::Fraction;

/// A value: the number of a sum in the current algebra.  Zero is number 0.
struct Formula {
  unsigned id = 0;
  bool operator==(Formula other) const { return id == other.id; }
  bool operator!=(Formula other) const { return id != other.id; }
};

/// All terms of one proof.  Work is counted, so that it ends the same way on
/// every machine: beyond the limit every result is unknown.
class Algebra {
public:
  explicit Algebra(uint64_t limit);
  ~Algebra();
  Algebra(const Algebra &) = delete;
  Algebra &operator=(const Algebra &) = delete;
  /// The algebra that the interpreter works in: the latest made.
  static Algebra &current();

  /// An input within `range`.
  Formula variable(const std::string &name, Interval range);
  Formula number(const Number &value);
  /// Exactly; infinities and NaN included.
  Formula number(double value);
  /// A result that nothing is known of; the first reason is kept.
  Formula unknown(const std::string &why);

  Formula add(Formula a, Formula b);
  Formula negate(Formula a);
  Formula subtract(Formula a, Formula b) { return add(a, negate(b)); }
  Formula multiply(Formula a, Formula b);
  Formula divide(Formula a, Formula b);
  Formula exponential(Formula a);
  Formula logarithm(Formula a);
  Formula maximum(Formula a, Formula b);
  Formula minimum(Formula a, Formula b);
  /// 1 where a < b, else 0.
  Formula less(Formula a, Formula b);
  Formula equal(Formula a, Formula b);
  /// `a` where the condition is 1, `b` where it is 0.
  Formula select(Formula condition, Formula a, Formula b);
  /// A function without laws.
  Formula apply(const std::string &function, llvm::ArrayRef<Formula> arguments,
                Interval range, bool boolean = false);

  bool isUnknown(Formula a) const;
  bool isFinite(Formula a) const;
  /// The value of a number, infinite or not a number included.
  std::optional<double> asNumber(Formula a) const;
  /// Bounds over all inputs within their ranges.
  Interval bounds(Formula a);

  /// Whether the difference of two values is zero: quotients multiplied out, and
  /// coefficients that differ by the rounding of constants taken as equal.
  enum class Answer { Equal, Different, Unknown };
  Answer compare(Formula a, Formula b);

  std::string text(Formula a) const;
  const std::string &reason() const { return why; }
  bool isExhausted() const { return spent > limit; }
  void assume(const std::string &what) { assumptions.insert(what); }
  /// What was taken for granted.
  std::set<std::string> assumptions;
  /// Exponents that the interpreter met inside chunks, and those among them that
  /// are not known to be at most zero.
  uint64_t exponents = 0;
  std::vector<Formula> risingExponents;

private:
  struct Atom {
    enum class Kind { Variable, Exp, Base, Log, Max, Function } kind;
    std::string name;                 // of variables and functions
    unsigned monomial = 0;            // Exp: of this product
    std::vector<unsigned> arguments;  // sums
    Interval range;
    bool boolean = false;
  };
  /// Powers of atoms, by rising number of the atom.
  using Monomial = llvm::SmallVector<std::pair<unsigned, Number>, 4>;
  using Term = std::pair<unsigned, Number>; // monomial, coefficient
  struct Sum {
    enum class Kind { Finite, Nan, Infinite, MinusInfinite, Unknown } kind;
    std::vector<Term> terms; // by rising number of the monomial
  };

  unsigned atom(Atom a);
  unsigned monomial(Monomial m);
  unsigned power(unsigned atom, const Number &exponent);
  unsigned times(unsigned a, unsigned b);
  Formula sum(std::vector<Term> terms);
  Formula single(unsigned monomial, const Number &coefficient);
  bool spend(uint64_t work);
  const Sum &get(Formula a) const { return sums[a.id]; }
  bool isSingle(Formula a) const { return get(a).terms.size() == 1; }

  Formula special(Sum::Kind kind) const {
    return {static_cast<unsigned>(kind)};
  }
  /// Products with positive integer powers of sums, multiplied out.
  Formula expand(Formula a);
  Formula raise(Formula a, unsigned exponent);
  /// a = content * rest, where content takes from every term what all share.
  Formula content(Formula a, bool positiveOnly, Formula &rest);
  bool isPositive(unsigned atom);
  Formula inverse(Formula a);
  void flatten(Formula a, llvm::SmallVectorImpl<Formula> &elements);
  /// `d` with its sign, if `sign`, and scale fixed.
  Formula scaled(Formula d, bool sign);
  double upper(Formula a, unsigned depth);
  Interval termBounds(const Term &term);
  Interval atomBounds(unsigned atom);
  /// Atoms without variables as numbers.
  Formula approximate(Formula a);
  std::optional<double> valueOf(unsigned atom);
  Formula multiplyOut(Formula d);
  Answer compareTerms(Formula a, Formula b);
  Answer compareCases(Formula a, Formula b, unsigned depth);
  /// The first atom, innermost, that is a maximum or a truth value.
  std::optional<unsigned> undecidedIn(Formula a, std::set<unsigned> &seen);
  /// `a` with `by` in place of `atom`, and what follows from the facts.
  Formula replace(Formula a, unsigned atom, Formula by,
                  std::map<unsigned, Formula> &done);
  void print(llvm::raw_ostream &os, Formula a) const;
  void print(llvm::raw_ostream &os, const Monomial &m) const;

  uint64_t limit, spent = 0;
  std::string why;
  std::deque<Atom> atoms;
  std::deque<Monomial> monomials;
  std::deque<Sum> sums;
  std::map<std::tuple<int, std::string, unsigned, std::vector<unsigned>>, unsigned>
      atomNumbers;
  std::unordered_multimap<size_t, unsigned> monomialNumbers, sumNumbers;
  llvm::DenseMap<std::pair<unsigned, unsigned>, unsigned> products;
  llvm::DenseMap<unsigned, Interval> knownBounds;
  llvm::DenseMap<unsigned, unsigned> expanded;
  /// Differences that are at most zero in the case that is looked at, scaled.
  std::set<unsigned> facts;
  Algebra *before;
};

} // namespace seqc::proof

template <>
struct seqc::reference::Domain<seqc::proof::Formula> {
  using Formula = seqc::proof::Formula;
  using Algebra = seqc::proof::Algebra;
  static Formula fromDouble(double v) { return Algebra::current().number(v); }
  static double toDouble(const Formula &v);
  static Formula add(const Formula &a, const Formula &b) {
    return Algebra::current().add(a, b);
  }
  static Formula multiply(const Formula &a, const Formula &b) {
    return Algebra::current().multiply(a, b);
  }
  static Formula exponential(const Formula &a) {
    return Algebra::current().exponential(a);
  }
  static bool isNaN(const Formula &a) {
    auto number = Algebra::current().asNumber(a);
    return number && *number != *number;
  }
  static Formula less(const Formula &a, const Formula &b) {
    return Algebra::current().less(a, b);
  }
  static Formula select(const Formula &c, const Formula &a, const Formula &b) {
    return Algebra::current().select(c, a, b);
  }
  static Formula maximum(const Formula &a, const Formula &b) {
    return Algebra::current().maximum(a, b);
  }
  static Formula minimum(const Formula &a, const Formula &b) {
    return Algebra::current().minimum(a, b);
  }
  static std::function<Formula(const Formula *)> resolve(mlir::Operation *op);
};

#endif // SEQC_LIB_PROOF_ALGEBRA_H
