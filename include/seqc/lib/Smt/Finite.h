//===- Finite.h - Choices among finitely many values ------------*- C++ -*-===//
//
// Integers that depend on choices, requirements on them, and the least of one of
// them.  Z3 sees bit-vectors of just the widths that the numbers need.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_SMT_FINITE_H
#define SEQC_LIB_SMT_FINITE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>

namespace seqc::smt {

class Finite {
public:
  /// A number or a truth value of the context.
  using Term = unsigned;

  /// `effort` bounds each question: Z3's resource limit, the same on every machine.
  explicit Finite(unsigned effort);
  ~Finite();

  /// A choice among `n` possibilities; returns its number.
  unsigned choice(unsigned n);
  /// Which possibility is chosen.
  Term index(unsigned choice);
  Term constant(int64_t value);
  /// A number for every combination of choices, the last choice varying fastest.
  Term table(llvm::ArrayRef<unsigned> choices, llvm::ArrayRef<int64_t> entries);
  Term truth(Term number); ///< number != 0
  Term add(Term a, Term b);
  Term sub(Term a, Term b);
  Term mul(Term a, Term b);
  /// Of numbers that are not negative and a positive divisor: see `least`.
  Term div(Term a, Term b);
  Term rem(Term a, Term b);
  Term lessEqual(Term a, Term b);
  Term equal(Term a, Term b);
  Term negation(Term a);
  Term select(Term condition, Term a, Term b);
  /// Bounds that hold whatever is chosen.
  int64_t least(Term number) const;
  int64_t most(Term number) const;

  /// A requirement with a number of its own, and one without.
  void require(unsigned name, Term holds);
  void always(Term holds);

  enum class Verdict { Found, Impossible, Unknown };
  /// The possibilities that give the least `cost`; of these the one whose first
  /// choice is the earliest, then the second, and so on.  `dropped` requirements do
  /// not count.  Impossible: `core` has requirements that clash, none of which can be
  /// left out.
  Verdict minimise(Term cost, llvm::ArrayRef<unsigned> dropped,
                   llvm::SmallVectorImpl<unsigned> &picks,
                   llvm::SmallVectorImpl<unsigned> &core);
  /// Whether something satisfies all but the `dropped` requirements at a cost below
  /// `bound`.
  Verdict below(Term cost, int64_t bound, llvm::ArrayRef<unsigned> dropped);
  /// Questions asked so far.
  unsigned questions() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace seqc::smt

#endif // SEQC_LIB_SMT_FINITE_H
