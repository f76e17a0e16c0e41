//===- PersistentKernel.h - Emits a recurrence with resident matrices -*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_NVVM_PERSISTENTKERNEL_H
#define SEQC_PASSES_LOWERING_NVVM_PERSISTENTKERNEL_H

#include "Persistent.h"

#include "../Steps/Operands.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <map>

namespace seqc::kernels {

/// A thread has of every value the elements of its rows and of its sequences.
class PersistentKernel {
public:
  PersistentKernel(RecurrenceOp op, OpBuilder &b, Persistence plan)
      : op(op), b(b), loc(op.getLoc()), p(std::move(plan)), columns(p.columns) {}
  void emit();

private:
  /// Indices of an element: along the axis of rows the number of the group.
  using Place = SmallVector<int64_t, 3>;
  using Key = std::pair<void *, std::vector<int64_t>>;
  using Known = std::map<Key, Value>;
  using Values = SmallVector<Value>;
  /// An operand or result in device memory, as one row of elements.
  struct Memory {
    Value flat;
    SmallVector<unsigned> axes;
    SmallVector<int64_t> strides; // of its features
    Value timeStride;             // or null
    /// Where the thread's elements start: for each sequence and group.
    std::vector<Values> start;
  };

  // PersistentKernel.cpp: tokens.
  void place(Value thread, Value block);
  llvm::StringMap<Value> sequence(Value number);
  Memory bind(Value memref, AxesAttr map, ArrayRef<unsigned> axes,
              bool matrix = false);
  Value address(const Memory &memory, int64_t column, ArrayRef<int64_t> place,
                Value time);
  void emitBody();
  void emitTokens(Values &states);
  Value timeOf(Value number, int64_t column);
  Values fetch(Value number);
  Values token(Value number, int64_t parity, Values states, ValueRange operands);
  void restart(MutableArrayRef<Value> states, ValueRange flags);
  /// Whether each sequence counts its tokens since the last reset.
  bool counts() {
    return operands.resets && (op.getPosition() || op.getFirst());
  }
  void storeAll(const Memory &memory, int64_t column, Value value, Type element,
                Value time, ArrayRef<Value> values);
  void forEach(Value value, llvm::function_ref<void(ArrayRef<int64_t>)> body);

  // PersistentProducts.cpp: matrices and vectors.
  void bindShared();
  void loadMatrices();
  Values matrixPair(const Factor &factor, int64_t part, int64_t k, int64_t half);
  Values split(Value low, Value high, int64_t terms, Type narrow);
  void multiply(unsigned factor);
  void send(unsigned factor, ArrayRef<Values> words);

  // PersistentValues.cpp: a step's values.
  Value at(Value value, ArrayRef<int64_t> place);
  Value compute(Value value, ArrayRef<int64_t> place);
  Value constantAt(Operation *op, ArrayRef<int64_t> place);
  Value sliceAt(tensor::ExtractSliceOp slice, ArrayRef<int64_t> place);
  Value einsumAt(EinsumOp einsum, ArrayRef<int64_t> place);
  Value reduceAt(ReduceOp reduce, ArrayRef<int64_t> place);
  Value clone(Operation *op, ValueRange operands);

  Key key(Value value, ArrayRef<int64_t> place) const;
  ArrayRef<unsigned> axesOf(Value value) const;
  Value convert(Value value, Type element);
  Value constant(int64_t v);
  Value word(int64_t v);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y) { return y ? add(x, constant(y)) : x; }
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y) { return y == 1 ? x : mul(x, constant(y)); }
  Value less(Value x, Value y);
  Value select(Value c, Value x, Value y);
  Value both(Value x, Value y);
  void when(Value condition, llvm::function_ref<void()> body);
  /// A PTX instruction that is not moved or removed.
  Value assembly(StringRef text, StringRef constraints, ValueRange operands,
                 Type result = {});

  RecurrenceOp op;
  OpBuilder &b;
  Location loc;
  Persistence p;
  /// Sequences of a thread.
  int64_t columns;
  steps::Operands operands;

  // Of the running kernel.
  gpu::LaunchOp kernel;
  Value thread, lane, warp, group, quad;
  Value rank; // of the block in its cluster
  llvm::StringMap<Value> headIndices;
  SmallVector<llvm::StringMap<Value>> indices; // for each sequence
  Values exists;                               // each sequence, or null
  Values begin, length;                        // of each sequence
  Value longest, tokensInAll;
  Values rowOf, rowExists, rowRead; // for each group of rows
  std::vector<Memory> seqMemory, carryMemory, restartMemory, outMemory, finalMemory;
  Memory resetMemory;
  llvm::DenseMap<Value, Memory> weightMemory;

  // Shared memory.
  Value shared, sharedAddress;
  SmallVector<int64_t> vectorOffset;
  int64_t heldOffset = 0;
  Value vectorStore, vectorLoad, heldPlace; // this thread's places, in words
  Values remote;                            // where it stores, in each block
  /// Words of the matrices: of a factor, a piece of rows, of columns, a term.
  std::map<std::array<int64_t, 4>, Values> resident;
  std::map<std::array<int64_t, 4>, int64_t> inShared;

  // Of the token.
  int64_t column = 0;
  Value turn, phase; // which of two buffers it has, and how often that was filled
  SmallVector<Known> once, current;
  llvm::SmallDenseSet<unsigned> multiplied;
  /// Of a factor: which sum, of which group and sequence.
  std::map<std::array<int64_t, 4>, Value> sums;
  Operation *before = nullptr;
};

} // namespace seqc::kernels

#endif // SEQC_PASSES_LOWERING_NVVM_PERSISTENTKERNEL_H
