//===- Kernels.h - Short names for what warps do ----------------*- C++ -*-===//

#ifndef SEQC_PASSES_ROUTING_KERNELS_H
#define SEQC_PASSES_ROUTING_KERNELS_H

#include "Loops.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace seqc::routing {

inline constexpr int64_t warpLanes = 32;

/// Emits kernels, and what the lanes of a warp do together.  All lanes take part in
/// shuffles and votes.
class Warps : public Loops {
public:
  Warps(mlir::OpBuilder &b, mlir::Location loc) : Loops(b, loc, /*width=*/1) {}

  /// A kernel of `blocks` blocks; `body(block, thread)` emits it.
  void launch(Value blocks, int64_t threads, int64_t sharedBytes,
              llvm::function_ref<void(Value, Value)> body);
  /// `size` i32 elements of the running kernel's shared memory, from byte `first` on.
  Value shared(int64_t size, int64_t first);
  /// A kernel whose blocks wait for each other: it runs with `blocks` of them or fewer.
  /// It has shared memory.
  void launchTogether(Value blocks, int64_t threads, int64_t sharedBytes,
                      llvm::function_ref<void(Value, Value)> body);
  /// Waits for all blocks of such a kernel, for the `number`th time, by a word of
  /// `cleared`.
  void gridBarrier(Value word, int64_t number, Value thread);
  /// A word in device memory that is zero when the next kernel starts: an earlier kernel
  /// of the function sets it, if there is one.
  Value cleared();
  /// Calls `body` for what blocks of a running kernel have to do, `count` in all.
  void perBlock(Value block, Value count, llvm::function_ref<void(Value)> body);
  void barrier();
  void warpBarrier();

  /// An i32 constant.
  Value word(int64_t value);
  Value toWord(Value index) { return cast(index, b.getI32Type()); }
  Value toIndex(Value word) { return cast(word, b.getIndexType()); }
  Value isZero(Value word);
  Value shuffle(Value x, Value by, mlir::gpu::ShuffleMode mode);
  /// The fold of a value over the `lanes` lanes of a group, in all of them.
  Value foldGroup(Value x, int64_t lanes,
                  llvm::function_ref<Value(Value, Value)> combine);
  /// The sums of a word over the lanes up to each.
  Value prefix(Value word, Value lane);
  /// The lanes where `condition` holds, as bits.
  Value ballot(Value condition);
  Value countBits(Value word);
  Value extract(Value vector, int64_t lane);

  /// Elements of `stored` that fit the access to a row of `buffer`: up to 16 bytes.
  int64_t together(Value buffer);
  /// As loadLanes and storeLanes, of elements that `together` allows.
  Value loadTogether(Value memref, mlir::ValueRange at, int64_t lanes,
                     mlir::Type element);
  void storeTogether(Value x, Value memref, mlir::ValueRange at);

private:
  Value dynamicShared;
};

/// True where a kernel of its own serves: the rest is loops.
bool hasKernel(TopkOp op);
bool hasKernel(AssignOp op);
bool hasKernel(MergeOp op);
bool hasKernel(BlockAttentionOp op, int64_t sharedBytes);

// The lowerings; each replaces the operation.
void topkToKernels(TopkOp op, mlir::OpBuilder &b);
void assignToKernels(AssignOp op, mlir::OpBuilder &b);
void mergeToKernels(MergeOp op, mlir::OpBuilder &b);
void dispatchToKernels(DispatchOp op, mlir::OpBuilder &b);
void combineToKernels(CombineOp op, mlir::OpBuilder &b);
/// The merge that the kernel of an attention does, too, if there is one.
MergeOp mergeOf(BlockAttentionOp op);
void attentionToKernels(BlockAttentionOp op, mlir::OpBuilder &b, int64_t sharedBytes);

} // namespace seqc::routing

#endif // SEQC_PASSES_ROUTING_KERNELS_H
