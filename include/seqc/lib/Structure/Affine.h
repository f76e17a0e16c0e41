//===- Affine.h - How values of a step depend on its carries ----*- C++ -*-===//

#ifndef SEQC_LIB_STRUCTURE_AFFINE_H
#define SEQC_LIB_STRUCTURE_AFFINE_H

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Structure/Terms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseMap.h"

#include <optional>

namespace seqc::structure {

/// Which carries each value of a step depends on, through values of one token.
class Dependence {
public:
  explicit Dependence(RecurrenceOp op);
  /// Bits: carries, then snapshots, then one bit for the token (sequence
  /// operands, position, first).
  const llvm::BitVector &of(mlir::Value value) const;
  unsigned carries() const { return numCarries; }
  unsigned tokenBit() const { return bits - 1; }
  /// True if the value is the same at every token: made of weights and constants.
  bool isConstant(mlir::Value value) const { return of(value).none(); }

private:
  unsigned numCarries, bits;
  llvm::DenseMap<mlir::Value, llvm::BitVector> map;
  llvm::BitVector none;
};

/// Values of a step as sums of terms that are of degree one in the carries of a
/// component; other carries count as known.
class AffineAnalysis {
public:
  /// With `expand` known sums are terms, too, and not one factor each.
  AffineAnalysis(RecurrenceOp op, const Dependence &dependence,
                 const llvm::BitVector &component, bool expand = false)
      : op(op), dependence(dependence), component(component), expand(expand) {}

  /// The terms of `value`, or nothing if it is not affine in the component.
  std::optional<Sum> get(mlir::Value value);
  /// Makes `sum` the terms of `value`, before `get` is called.
  void define(mlir::Value value, Sum sum) { cache[value] = std::move(sum); }
  /// True if `value` depends on no carry of the component.
  bool isKnown(mlir::Value value) const {
    return !dependence.of(value).anyCommon(component);
  }
  /// The first operation found that is not affine, or null.
  mlir::Operation *breaks() const { return blame; }

private:
  std::optional<Sum> compute(mlir::Value value);
  /// True if known sums in `value` are looked into: all, or those with an identity.
  bool opens(mlir::Value value);
  std::optional<Sum> selected(mlir::arith::SelectOp select);
  std::optional<Sum> fail(mlir::Operation *op) {
    if (!blame)
      blame = op;
    return std::nullopt;
  }
  std::optional<Sum> product(mlir::Operation *at, const Sum &a, const Sum &b,
                             llvm::ArrayRef<int> lettersA,
                             llvm::ArrayRef<int> lettersB,
                             llvm::ArrayRef<int64_t> extents,
                             llvm::ArrayRef<int64_t> shape);

  RecurrenceOp op;
  const Dependence &dependence;
  llvm::BitVector component;
  bool expand;
  llvm::DenseMap<mlir::Value, std::optional<Sum>> cache;
  llvm::DenseMap<mlir::Value, bool> identities;
  mlir::Operation *blame = nullptr;
};

/// `value` seen through casts between float types, which have no meaning of
/// their own inside a step.
mlir::Value stripCasts(mlir::Value value);

/// True if `value` is 1 (or true) where its two indices are equal, else 0: a constant,
/// or a comparison of the same numbers along either dimension.
bool isIdentity(mlir::Value value);

/// The constant if every element is the same number.
std::optional<double> splatConstant(mlir::Value value);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_AFFINE_H
