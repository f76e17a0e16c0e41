//===- StepPlan.h - How one step becomes loop nests -------------*- C++ -*-===//
//
// A step is a small dataflow graph over scalars and static tensors.  The plan
// says which of its values live in memory ("roots"), and groups the loop nests
// that compute them so that values used at the same point stay in registers.
//
// Vocabulary:
//   virtual   a value computed again wherever it is read (casts, products, ...)
//   root      a value computed once per token: a contraction, a next carry, ...
//   nest      loops over feature dimensions that compute one or more roots
//   product   a nest that multiplies two matrices, tile by tile
//   special   an operation that moves data (insert_slice, ...), emitted alone
//   stage     number that orders scalars, specials and nests within one token
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_STEPS_STEPPLAN_H
#define SEQC_PASSES_LOWERING_STEPS_STEPPLAN_H

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

#include <optional>

namespace seqc::steps {

/// A sum (or maximum, ...) over some of a nest's dimensions.
enum class Combine { None, Add, Max, Min };

/// One value that a nest computes.
struct Member {
  mlir::Value value;
  Combine combine = Combine::None;
  /// Nest dimension of each dimension of the value.
  llvm::SmallVector<unsigned> outputDims;
  /// For einsum: nest dimension of each letter; for reduce: of each input dim.
  llvm::DenseMap<char, unsigned> letterDims;
  llvm::SmallVector<unsigned> inputDims;
};

/// A contraction of two operands as products of matrices.
struct Product {
  /// Which operand's elements are broadcast, and which one's vectors are loaded.
  unsigned left = 0, right = 1;
  /// The result's letters of a tile: its rows, along which only `left` moves, and
  /// its columns, along which only `right` does.
  char row = 0, column = 0;
  /// The result's other letters, and those that are summed over.
  std::string outer, summed;
  /// `right` is not contiguous along `column`: it is transposed first.
  bool transposed = false;
  /// `right` is the same at every token: it is packed before the first one, in panels
  /// as broad as a tile of the result.
  bool panels = false;
  /// Both operands are rounded to bf16 and packed in pairs along the summed letter.
  bool narrow = false;
};

/// How a matrix [R, N] is packed in words of two bf16: pairs of columns, in rows;
/// pairs of rows, in rows; pairs of columns, transposed.
enum class Pairing { Columns, Rows, Transposed };

/// How a narrow product's operand is packed.
Pairing pairingOf(EinsumOp einsum, const Product &product, unsigned operand);

/// The contraction as a product, if its sizes and its operands' layouts allow it.
/// With `dots`, products whose factors may be rounded are narrow.
std::optional<Product> asProduct(EinsumOp einsum, bool dots = false);

/// Loops over `sizes`; `vectorDim` (the last by construction) is vectorised
/// unless the step is vectorised over lanes.
struct Nest {
  llvm::SmallVector<int64_t> sizes;
  llvm::SmallVector<Member> members;
  unsigned stage = 0;
  /// Of a product: the first member is the sum, the others map its elements while
  /// they are in registers.  `sizes` has the result's dimensions, then the summed.
  std::optional<Product> product = std::nullopt;
  unsigned resultRank = 0;
};

/// The plan of one phase: what depends on weights only, or what runs per token.
struct Phase {
  llvm::SmallVector<Nest, 0> nests;
  /// Operations with scalar results and specials, in program order.
  llvm::SmallVector<mlir::Operation *> singles;
  llvm::DenseMap<mlir::Operation *, unsigned> singleStage;
  unsigned stages = 0;
};

class StepPlan {
public:
  /// Plans `op`'s step.  `lane` is the axis whose indices share a vector, or
  /// null; a value has lanes if an operand with that axis feeds it.  With
  /// `shared`, threads share a nest's iterations: a nest keeps enough dimensions
  /// along which its members are independent.  With `multiply`, contractions of
  /// matrices are products; `dots`: see `asProduct`.
  StepPlan(RecurrenceOp op, mlir::StringAttr lane, bool shared, bool multiply,
           bool dots);

  /// True if `value` differs between the lanes of a vector.
  bool hasLane(mlir::Value value) const { return lanes.contains(value); }
  /// True if `value` depends on weights and constants only.
  bool isInvariant(mlir::Value value) const { return invariant.contains(value); }
  /// True if `value` is kept in memory.
  bool isRoot(mlir::Value value) const { return roots.contains(value); }
  /// True if `value` is a scalar held in a register from its computation on.
  bool isSingle(mlir::Value value) const { return singles.contains(value); }
  /// True if `value` is read only where it is computed: it needs no memory.
  bool isInner(mlir::Value value) const { return inner.contains(value); }
  /// The tensor in whose place `value` is made, by writing into it, or null.
  mlir::Value writtenInto(mlir::Value value) const;
  /// True if carry `i` needs a second buffer: its old value is read after, or
  /// at another place than, where the new one is written.
  bool needsCopy(unsigned carry) const { return copies.contains(carry); }

  /// The dimensions of `nest` that every member's result has, in order.
  static llvm::SmallVector<unsigned> commonDims(const Nest &nest);

  /// The nest of the token's product with the largest result, or null.
  const Nest *largestProduct() const;

  Phase before, token;

private:
  void classify();
  void build();
  void addRoot(Phase &phase, mlir::Value value);
  /// The values that a product's operand is made of get memory.
  void materialise(mlir::Value value);
  bool fits(const Phase &phase, unsigned number, const Member &member,
            llvm::ArrayRef<int64_t> sizes) const;
  void findInner();
  void findCopies();
  unsigned stageOf(mlir::Value value) const;
  bool isReady(mlir::Value value) const;

  /// Calls `visit(leaf, indices)` for every non-virtual value that computing
  /// `value` at `indices` reads; an index is a nest dimension or -1.
  using Indices = llvm::SmallVector<int>;
  void leaves(mlir::Value value, llvm::ArrayRef<int> indices,
              llvm::function_ref<void(mlir::Value, llvm::ArrayRef<int>)> visit,
              bool through = false) const;
  void memberLeaves(
      const Member &member, unsigned rank,
      llvm::function_ref<void(mlir::Value, llvm::ArrayRef<int>)> visit) const;

  RecurrenceOp op;
  mlir::StringAttr lane;
  bool shared, multiply, dots;
  llvm::DenseSet<mlir::Value> lanes, invariant, singles, inner;
  llvm::DenseMap<mlir::Operation *, Product> products;
  llvm::SetVector<mlir::Value> roots;
  llvm::DenseMap<mlir::Value, unsigned> stages;
  llvm::DenseMap<mlir::Value, std::pair<Phase *, unsigned>> nestOf;
  llvm::DenseSet<unsigned> copies;
};

/// True if `op` maps scalars to scalars, and tensors element by element.
bool isElementwise(mlir::Operation *op);

/// True if `op` is worth computing once: library functions and divisions.
bool isCostly(mlir::Operation *op);

/// True if `op` moves data and is emitted alone: insert_slice, collapse_shape...
bool isSpecial(mlir::Operation *op);

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_STEPPLAN_H
