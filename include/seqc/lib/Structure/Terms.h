//===- Terms.h - Sums of products of tensors --------------------*- C++ -*-===//
//
// The normal form in which a step is compared: a sum of terms, each a product of
// factors over named dimensions (letters), at most one of them a carry.  Letters
// 0 .. rank-1 are those of the value itself; further ones are summed over.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_STRUCTURE_TERMS_H
#define SEQC_LIB_STRUCTURE_TERMS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace seqc::structure {

/// A value of the step that does not depend on the carries in question.
struct Factor {
  enum class Kind {
    Value,   ///< x
    Inverse, ///< 1 / x
    When,    ///< 1 where x is true, else 0
    Unless,  ///< 0 where x is true, else 1
    Same,    ///< 1 where both letters are equal, else 0; x holds that
  };
  mlir::Value value;
  Kind kind = Kind::Value;
  llvm::SmallVector<int, 2> letters;

  bool sameValue(const Factor &other) const {
    return value == other.value && kind == other.kind;
  }
  bool operator==(const Factor &other) const {
    return sameValue(other) && letters == other.letters;
  }
};

/// scale * factors * carry, summed over the letters that are not the value's.
struct Term {
  double scale = 1;
  llvm::SmallVector<Factor, 4> factors;
  /// The carry (or, from the number of carries on, the snapshot), or -1.
  int carry = -1;
  llvm::SmallVector<int, 2> carryLetters;
  /// Size of each letter.
  llvm::SmallVector<int64_t, 4> extents;

  /// Letters that factors of the term use, the carry's not counted.
  bool uses(int letter) const;
  /// True if both have the same factors and carry (scales may differ).
  bool sameProduct(const Term &other) const;
};

/// A term over (max,+) or (logaddexp,+), elementwise: the sum of a carry (or none),
/// of multiples of known values, and of a number.
struct RingTerm {
  int carry = -1;
  llvm::SmallVector<std::pair<mlir::Value, int>, 2> summands;
  double offset = 0;
};

/// A value: its shape and the terms that add up to it.
struct Sum {
  llvm::SmallVector<int64_t, 2> shape;
  llvm::SmallVector<Term, 4> terms;

  /// The constant `value` at every element.
  static Sum constant(double value, llvm::ArrayRef<int64_t> shape);
  void add(const Sum &other, double scale = 1);
  /// Adds one term, merged with an equal product; terms of scale 0 vanish.
  void add(Term term);
  /// True if a term multiplies a carry.
  bool hasCarry() const;
};

/// `term` with letter i of its value renamed to `to[i]`; its summed letters are
/// appended after `extents`, which grows by them.
Term renamed(const Term &term, llvm::ArrayRef<int> to, unsigned rank,
             llvm::SmallVectorImpl<int64_t> &extents);

/// Factors of `term` joined through letters that are summed over (those from
/// `rank` on, `skip` left out): the number of its group for each factor.
llvm::SmallVector<unsigned> factorGroups(const Term &term, unsigned rank,
                                         int skip = -1);

/// Sorts factors and renumbers summed letters, so that equal products compare
/// equal.  `rank` letters are the value's own.
void canonicalize(Term &term, unsigned rank);

/// True if `a` comes before `b`: arguments by number, then operations in order.
bool precedes(mlir::Value a, mlir::Value b);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_TERMS_H
