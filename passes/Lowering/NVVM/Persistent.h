//===- Persistent.h - A recurrence with resident matrices -------*- C++ -*-===//
//
// Steps that multiply vectors of their state by matrices which are the same at every
// token, as recurrent networks do.  One kernel runs all tokens: a block, or a cluster
// of blocks, has some sequences and the matrices of one head, in registers and
// shared memory.  A matrix's rows are the rows of a product on tensor cores, the
// sequences its columns; what else a step does is done where the sums come to lie.
// New vectors pass through shared memory: the block's own, or every block's of the
// cluster.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_NVVM_PERSISTENT_H
#define SEQC_PASSES_LOWERING_NVVM_PERSISTENT_H

#include "Distribution.h"

#include "seqc/lib/Target/Machine.h"

#include "llvm/ADT/StringSet.h"

namespace seqc::kernels {

using namespace mlir;

/// A vector that the step multiplies by matrices.
struct Factor {
  /// Sums that are wanted for each row: of one product, whose matrix is operand
  /// `matrix`, at these indices of its letters other than the row's and the summed one's.
  struct Sum {
    EinsumOp einsum;
    unsigned matrix = 0;
    char row = 0, summed = 0;
    llvm::SmallDenseMap<char, int64_t> letters;
  };
  Value vector;
  SmallVector<Sum> sums;
  /// 16-bit floats that together are one of its elements.
  int64_t terms = 1;
};

/// How such a recurrence runs.
struct Persistence {
  Distribution d;
  /// The axes of the vectors, indexed alike, and how long they are.
  llvm::SmallDenseSet<unsigned> rowAxes;
  int64_t rows = 0;
  /// Block arguments.
  llvm::SmallDenseSet<Value> matrices;
  /// Elements of the matrices; as 16-bit floats, of which one is `terms`.
  Type element, narrow;
  int64_t terms = 1;
  SmallVector<Factor> factors;
  /// State axes that matrices have; sequences along the others share them.
  llvm::StringSet<> heads;

  // The cut: blocks of a cluster, warps of a block, groups of 8 rows of a warp; how
  // many pieces of 16 columns of the matrices are in registers; tokens loaded at once.
  int64_t cluster = 1, warps = 1, groups = 1, held = 0, tokens = 2;
  /// Sequences of a thread: two neighbouring columns of the sums, or one that stands for
  /// both.
  int64_t columns = 2;
  /// Chains of products that make one sum.
  int64_t chains = 1;
  /// Estimated cycles of a token.
  double cycles = 0;

  bool isRow(unsigned axis) const { return rowAxes.contains(axis); }
  int64_t threads() const { return 32 * warps; }
  /// Sequences of a block.
  int64_t sequences() const { return 4 * columns; }
  /// Groups of 8 rows of all blocks, those beyond the end included.
  int64_t allGroups() const { return cluster * warps * groups; }
  bool padded() const { return allGroups() * 8 != rows; }
  /// Pieces of 16 columns, and pieces of 16 rows of a warp.
  int64_t depth() const { return (rows + 15) / 16; }
  int64_t tiles(const Factor &factor) const {
    return (groups * int64_t(factor.sums.size()) + 1) / 2;
  }
  /// Whether piece `k` of columns is in registers: they are spread over all, so that
  /// their products run while others come from shared memory.
  bool isHeld(int64_t k) const { return (k + 1) * held / depth() > k * held / depth(); }
  /// Products of parts for one product of pieces.
  int64_t pairs(const Factor &factor) const;
  /// Whether the parts `i` of a matrix and `j` of a vector are multiplied.
  bool multiplies(const Factor &factor, int64_t i, int64_t j) const {
    return i + j < std::max(terms, factor.terms);
  }
  /// Bytes of shared memory: of one of the two buffers of a vector, and of all.
  int64_t vectorBytes(const Factor &factor) const {
    return factor.terms * allGroups() * 128;
  }
  int64_t heldBytes() const; // of matrices
  int64_t sharedBytes() const;
  /// One line for people and tests.
  std::string describe() const;
};

/// What an operation that only widens takes.
Value widened(Value value);

/// How `op` runs on `machine` in this way, or nothing where its step has another
/// structure or the matrices do not fit a cluster.
std::optional<Persistence> persist(RecurrenceOp op, const target::Gpu &machine);

/// Replaces `op` by its kernel.
void lowerToPersistentKernel(RecurrenceOp op, OpBuilder &b, Persistence plan);

} // namespace seqc::kernels

#endif // SEQC_PASSES_LOWERING_NVVM_PERSISTENT_H
