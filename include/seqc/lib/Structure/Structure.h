//===- Structure.h - The algebraic class of a recurrence --------*- C++ -*-===//
//
// Derived from the step alone: its carries fall into strongly connected
// components, and each component has the class of its transition, over one of
// four semirings.  Nothing here looks at names.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_STRUCTURE_STRUCTURE_H
#define SEQC_LIB_STRUCTURE_STRUCTURE_H

#include "seqc/lib/Structure/Affine.h"
#include "seqc/lib/Structure/Terms.h"

#include <string>

namespace seqc::structure {

enum class Class {
  C0,  ///< the next state does not depend on the state: a delay
  C1,  ///< a monoid prefix scan
  C2,  ///< elementwise affine
  C2m, ///< affine with a small matrix
  C3,  ///< affine with a transition that is the same at every token
  C4,  ///< gated outer-product state
  C5,  ///< gated state with a low-rank correction
  C6,  ///< affine in a state frozen at a snapshot
  C7,  ///< not affine
};
llvm::StringRef className(Class c);

/// The operations that a component is affine over.
enum class Semiring { PlusTimes, MaxPlus, MinPlus, LogPlus };
llvm::StringRef semiringName(Semiring semiring);

/// What a diagonal transition varies along.
enum class Gate { None, Constant, Scalar, Axis, Full };

/// left * (right . carry): rank one along one dimension of the carry.
struct LowRank {
  /// Over the carry's letters; the letter of `axis` is the pair's own.
  Sum left;
  /// Vector that reads the carry, over the letter of `axis` alone.
  Term right;
  unsigned axis = 0;
};

/// How one carry's next value depends on one carry of the component.
struct Transition {
  /// Terms that keep every letter: scale * factors * carry.
  Sum diagonal;
  llvm::SmallVector<LowRank, 2> lowRank;
  /// Anything else.
  llvm::SmallVector<Term, 2> dense;

  bool empty() const {
    return diagonal.terms.empty() && lowRank.empty() && dense.empty();
  }
  /// The carry itself, once.
  bool isIdentity() const;
};

/// A set of carries that depend on each other.
struct Component {
  llvm::SmallVector<unsigned, 2> carries;
  Class cls = Class::C7;
  Semiring semiring = Semiring::PlusTimes;
  /// C4 and C5: the gate; with `gateAxis` for Gate::Axis.
  Gate gate = Gate::None;
  unsigned gateAxis = 0;
  /// C5: pairs; `tied` if left and right are one vector (a Householder step).
  unsigned rank = 0;
  bool tied = false;
  /// Two carries that are real and imaginary part of one.
  bool complex = false;
  /// C6: affine only with snapshots as known values.
  bool frozen = false;
  /// Over (+,x): next[i] belongs to carries[i].
  llvm::SmallVector<Sum, 2> next;
  /// Over the other semirings: the same.
  llvm::SmallVector<llvm::SmallVector<RingTerm, 2>, 2> ring;
  /// C7: the operation that no semiring explains, if one was found.
  mlir::Operation *breaks = nullptr;

  /// "C4.3", "C1 (max,+)", "C5.2, rank 1".
  std::string label() const;
};

/// The structure of a recurrence, components in dependence order.
struct Structure {
  llvm::SmallVector<Component, 2> components;
};

/// Derives the structure of `op`.  Never fails: what no class covers is C7.
Structure analyze(RecurrenceOp op);

/// How `next`, the next value of a carry of the component, depends on `carry`.
Transition transitionOf(const Sum &next, unsigned carry);

/// The terms of `next` without a carry: what is written.
Sum writesOf(const Sum &next);

/// True if every term is a product of a vector along each of two dimensions.
bool isSumOfOuterProducts(const Sum &sum);

/// True for a scan of one number whose combination is log(exp(left) + exp(right)), by the laws of
/// real numbers and in whatever way it is written; where the maximum is infinite it may be anything.
bool addsExponentials(ScanOp scan);

/// The factors of a component in a normal form: x0, w0, s0 are the step's operands,
/// sums are multiplied out, products sorted, letters named by use.  Steps that are equal
/// by the laws of sums and products have equal texts.
std::string normalFactors(RecurrenceOp op, const Component &component);

/// The structure in words and one equation per carry.
std::string describe(RecurrenceOp op, const Structure &structure);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_STRUCTURE_H
