//===- Loops.h - Short names for what the lowerings emit --------*- C++ -*-===//

#ifndef SEQC_PASSES_ROUTING_LOOPS_H
#define SEQC_PASSES_ROUTING_LOOPS_H

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc::routing {

using Value = mlir::Value;
using Values = llvm::SmallVector<Value>;

/// Emits index arithmetic, accesses and loops at the builder's place.
class Loops {
public:
  Loops(mlir::OpBuilder &b, mlir::Location loc, int64_t width)
      : b(b), loc(loc), width(width) {}

  Value index(int64_t value);
  /// A constant of a float or integer type, or of a vector of them.
  Value number(mlir::Type type, double value);
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value div(Value x, Value y);
  Value rem(Value x, Value y);
  Value ceilDiv(Value x, Value y);
  Value min(Value x, Value y);
  Value max(Value x, Value y);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  Value less(Value x, Value y);
  Value both(Value x, Value y);
  Value select(Value condition, Value x, Value y);
  /// Between index and integer types.
  Value cast(Value x, mlir::Type type);
  Value load(Value memref, mlir::ValueRange at);
  /// An integer element as an index.
  Value loadIndex(Value memref, mlir::ValueRange at);
  void store(Value x, Value memref, mlir::ValueRange at);
  /// `lanes` elements from `at` on (one: a scalar), widened or rounded to `element`.
  Value loadLanes(Value memref, mlir::ValueRange at, int64_t lanes, mlir::Type element);
  void storeLanes(Value x, Value memref, mlir::ValueRange at);
  Value repeat(Value x, int64_t lanes);
  mlir::Type lanesOf(mlir::Type element, int64_t lanes);

  /// `first` and the numbers after it, of type `element`.
  Value countFrom(Value first, int64_t lanes, mlir::Type element);
  /// An integer of the width of float `score` that compares as the score does, zeros of
  /// both signs equal: the highest of all for NaN, the lowest for -inf.
  Value orderedKey(Value score);
  /// A float that has `key`.
  Value scoreOf(Value key, mlir::Type element);
  /// A constant of an integer type, or of a vector of them.
  Value integer(mlir::Type type, const llvm::APInt &value);

  Values loop(Value from, Value to, int64_t step, mlir::ValueRange initial,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  void loop(Value from, Value to, llvm::function_ref<void(Value)> body);
  void parallel(Value count, llvm::function_ref<void(Value)> body);
  void when(Value condition, llvm::function_ref<void()> body);
  Values choose(Value condition, llvm::function_ref<Values()> yes,
                llvm::function_ref<Values()> no);
  /// Calls `body(first, lanes)` so that all of `size` elements are covered.
  void chunks(int64_t size, llvm::function_ref<void(Value, int64_t)> body);

  /// Sums over `i` from 0 to `size`: `lanes` at a time, then what is left one by one.
  Value sumOver(Value size, mlir::Type element,
                llvm::function_ref<Value(Value first, int64_t lanes)> term);

  Value dim(Value memref, unsigned d);
  /// The product of dimensions [from, to) of a memref.
  Value extent(Value memref, unsigned from, unsigned to);
  /// A contiguous memref with its dimensions joined into groups that start at `starts`.
  Value grouped(Value memref, llvm::ArrayRef<unsigned> starts);
  /// A buffer for intermediate values.
  Value scratch(mlir::Type element, mlir::ValueRange sizes);

  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t width;
};

/// A window, or one as wide as any sequence: sums of it and a position are in range.
/// 0 where there is none.
int64_t windowOf(BlockAttentionOp op);

// The lowerings; each replaces the operation.
void lowerTopk(TopkOp op, mlir::OpBuilder &b, int64_t width);
void lowerAssign(AssignOp op, mlir::OpBuilder &b, int64_t width);
void lowerDispatch(DispatchOp op, mlir::OpBuilder &b, int64_t width);
void lowerCombine(CombineOp op, mlir::OpBuilder &b, int64_t width);
void lowerAttention(BlockAttentionOp op, mlir::OpBuilder &b, int64_t width);
void lowerMerge(MergeOp op, mlir::OpBuilder &b, int64_t width);

} // namespace seqc::routing

#endif // SEQC_PASSES_ROUTING_LOOPS_H
