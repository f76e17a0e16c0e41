//===- Distribution.h - A step's values over a block's threads --*- C++ -*-===//
//
// The dimensions of a step's tensors fall into classes that have to be indexed
// alike: the feature axes.  Each is cut over blocks, warps, lanes and what one
// thread holds in registers, so that elementwise work never leaves a thread and
// sums cross the lanes of one warp only.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_NVVM_DISTRIBUTION_H
#define SEQC_PASSES_LOWERING_NVVM_DISTRIBUTION_H

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <optional>

namespace seqc::kernels {

/// Dimensions of a step's values that are indexed alike.
struct FeatureAxis {
  int64_t size = 1;
  bool contracted = false; // summed over: within one warp
  bool whole = false;      // sliced: each thread has all of it
  bool together = false;   // within one block
  /// Bytes of the widest element with this axis last.
  int64_t bytes = 1;
  int64_t blocks = 1, warps = 1, lanes = 1, held = 1;
  /// Neighbouring indices in a thread.
  int64_t vector = 1;

  /// Indices in a block, those beyond the end included.
  int64_t perBlock() const { return held * lanes * warps; }
  bool padded() const { return perBlock() * blocks != size; }
};

struct Distribution {
  llvm::SmallVector<FeatureAxis> axes;
  /// From the fastest in memory to the slowest.
  llvm::SmallVector<unsigned> order;
  /// The axis of each dimension of a value, and of each letter of an einsum.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<unsigned>> dims;
  llvm::DenseMap<mlir::Operation *, llvm::SmallDenseMap<char, unsigned>> letters;
  /// Operands whose value other threads hold: read through shared memory.
  llvm::DenseSet<mlir::OpOperand *> exchanged;
  /// Values of weights and constants only.
  llvm::DenseSet<mlir::Value> invariant;

  int64_t blocks() const;
  int64_t warps() const;
  int64_t threads() const { return 32 * warps(); }
  /// Lanes that hold different elements; the others of a warp repeat them.
  int64_t lanes() const;
  /// Elements of `value` that a thread holds.
  int64_t held(mlir::Value value) const;
  /// One line for people and tests: "a0 = 128: 16 x 8 lanes; ...".
  std::string describe() const;
};

/// Whether a step's operation sums over one of its axes.
bool isContraction(mlir::Operation *op);

/// The axes of `op`'s step, none of them cut, and who reads what; or nothing where the
/// step does more than arithmetic, sums and slices, or has no state.
std::optional<Distribution> featureAxes(RecurrenceOp op);

/// How `op`'s step is spread, or nothing where it cannot be or registers do not
/// hold it.  `oneToken`: there is a single one, so that bytes count.
/// `inPlace[i]`: the final state of carry i overwrites the initial one.
std::optional<Distribution> distribute(RecurrenceOp op, bool oneToken,
                                       llvm::ArrayRef<bool> inPlace);

} // namespace seqc::kernels

#endif // SEQC_PASSES_LOWERING_NVVM_DISTRIBUTION_H
