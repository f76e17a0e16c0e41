//===- TilingProblem.h - States problems of tiles ---------------*- C++ -*-===//

#ifndef SEQC_DIALECTS_TILE_TILINGPROBLEM_H
#define SEQC_DIALECTS_TILE_TILINGPROBLEM_H

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/IR/Builders.h"

namespace seqc::target {
struct Machine;
} // namespace seqc::target

namespace seqc::tile {

class ProblemBuilder;

/// A number in a problem: a constant, or an expression over its knobs.  Arithmetic on
/// constants is done at once.
class Expr {
public:
  Expr(int64_t constant = 0) : constant(constant) {}
  Expr(ProblemBuilder &builder, mlir::Value value) : builder(&builder), value(value) {}
  friend Expr operator+(Expr a, Expr b);
  friend Expr operator-(Expr a, Expr b);
  friend Expr operator*(Expr a, Expr b);
  /// Quotients of numbers that are not negative, rounded down and up; remainders.
  friend Expr operator/(Expr a, Expr b);
  friend Expr operator%(Expr a, Expr b);
  friend Expr ceilDiv(Expr a, Expr b);
  friend Expr max(Expr a, Expr b);
  friend Expr min(Expr a, Expr b);
  /// `then` where a <= b, else `otherwise`.
  friend Expr ifAtMost(Expr a, Expr b, Expr then, Expr otherwise);

private:
  friend class ProblemBuilder;
  ProblemBuilder *builder = nullptr;
  mlir::Value value;
  int64_t constant = 0;
};

/// Adds to the body of a problem.
class ProblemBuilder {
public:
  /// A new problem at the builder's position.
  ProblemBuilder(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name);

  /// What is tiled, for people.
  void describe(const llvm::Twine &what);
  /// A knob; the values in the order of preference.
  Expr knob(llvm::StringRef name, llvm::ArrayRef<int64_t> values);
  Expr knob(llvm::StringRef name, int64_t first, int64_t last);
  void atMost(llvm::StringRef name, Expr left, Expr right, llvm::StringRef sentence,
              llvm::ArrayRef<Expr> values = {});
  void equal(llvm::StringRef name, Expr left, Expr right, llvm::StringRef sentence,
             llvm::ArrayRef<Expr> values = {});
  /// A part of the cost, or the cost: over `scale` in cycles.
  void part(llvm::StringRef name, Expr value, int64_t scale);
  void minimize(Expr cost, int64_t scale);

  ProblemOp problem() const { return op; }
  mlir::Value materialise(Expr e);

  mlir::OpBuilder b;
  mlir::Location loc;

private:
  void constraint(llvm::StringRef name, Expr left, Relation relation, Expr right,
                  llvm::StringRef sentence, llvm::ArrayRef<Expr> values);
  ProblemOp op;
  llvm::DenseMap<int64_t, mlir::Value> constants;
};

} // namespace seqc::tile

#include "seqc/dialects/Tile/TilingProblem.h.inc"

#endif // SEQC_DIALECTS_TILE_TILINGPROBLEM_H
