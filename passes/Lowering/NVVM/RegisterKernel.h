//===- RegisterKernel.h - A recurrence whose state is in registers -*- C++ -*-===//
//
// One kernel for all sequences.  Blocks cut a sequence's features as its
// Distribution says; each thread keeps its part of the state in registers from
// the first token to the last.  Tokens' operands come through shared memory,
// some tokens at a time, loaded while the tokens before them are computed.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_NVVM_REGISTERKERNEL_H
#define SEQC_PASSES_LOWERING_NVVM_REGISTERKERNEL_H

#include "Distribution.h"

#include "../Steps/Operands.h"
#include "../Steps/StepEmitter.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <map>

namespace seqc::kernels {

using namespace mlir;
using steps::Combine;

class RegisterKernel {
public:
  RegisterKernel(RecurrenceOp op, OpBuilder &b, Distribution distribution,
                 bool oneToken)
      : op(op), b(b), loc(op.getLoc()), d(std::move(distribution)),
        oneToken(oneToken) {
    planShared();
  }
  /// Shared memory of a block.
  int64_t sharedBytes() const { return shared; }
  /// Replaces the recurrence.
  void emit();

private:
  /// An index along a feature axis: the thread's `held`-th.
  struct At {
    unsigned axis;
    int64_t held;
  };
  using Place = SmallVector<At, 3>;
  /// A value's elements in memory: indices before those of its features, and
  /// whether the latter count from the block's first or from the axis's.
  struct Memory {
    Value memref;
    SmallVector<Value> outer;
    bool inBlock;
  };
  /// An operand that passes through shared memory.
  struct Staged {
    Value arg; // or null: the flags of resets
    int64_t number; // among the seq operands
    AxesAttr map;
    SmallVector<unsigned> axes;
    Type element;
    int64_t vector; // elements of a load
    int64_t offset; // in shared memory
    Value buffer;
  };
  using Known = std::map<std::pair<void *, std::vector<int64_t>>, Value>;
  using Values = SmallVector<Value>;

  // RegisterKernel.cpp: the kernel.
  void planShared();
  void place(Value thread, Value block);
  SmallVector<int64_t> exchangeShape(Value value) const;
  Value sharedBuffer(ArrayRef<int64_t> shape, Type element, int64_t offset);
  void emitBody();
  Values fetch(Value base);
  void keep(ValueRange fetched);
  Values token(Value index, Value number, Values states, Value &position);
  void restart(Value index, Values &states, Value &position);
  SmallVector<Value> outer(AxesAttr map, Value time);
  Value timeOf(Value number);
  Values loadAll(Value value, const Memory &memory);
  void storeAll(const Memory &memory, ArrayRef<unsigned> axes, Type element,
                ArrayRef<Value> values);
  SmallVector<Type> fetchedTypes();
  int64_t units(const Staged &staged) const;
  int64_t unitsPerThread(const Staged &staged) const;

  // RegisterValues.cpp: a step's values.
  Value at(Value value, ArrayRef<At> place);
  Value compute(Value value, ArrayRef<At> place, Known &into);
  Value constantAt(Operation *op, ArrayRef<At> place);
  Value operandAt(OpOperand &use, ArrayRef<At> place);
  Value sliceAt(tensor::ExtractSliceOp slice, ArrayRef<At> place);
  Value einsumAt(EinsumOp einsum, ArrayRef<At> place);
  Value reduceAt(ReduceOp reduce, ArrayRef<At> place);
  Value acrossLanes(Combine kind, Value value, ArrayRef<unsigned> axes);
  Value combine(Combine kind, Value left, Value right);
  Value identity(Combine kind, Type type);
  void exchange(Value value);
  Value load(Value value, const Memory &memory, ArrayRef<At> place, Known &into);
  Value clone(Operation *op, ValueRange operands);
  Value index(At at, bool inBlock);
  SmallVector<Value> indices(const Memory &memory, ArrayRef<At> place);
  /// Whether `at` is an index of its axis, or null if it always is.
  Value exists(At at);
  /// Whether this thread is the first of those that hold the same elements of a
  /// value with these axes, or null if each holds its own.
  Value isFirst(ArrayRef<unsigned> axes);
  Value both(Value x, Value y);
  void when(Value condition, llvm::function_ref<void()> body);
  void forEachHeld(ArrayRef<unsigned> axes,
                   llvm::function_ref<void(ArrayRef<At>)> body);
  ArrayRef<unsigned> axesOf(Value value) {
    return d.dims.find(value)->second;
  }
  std::pair<void *, std::vector<int64_t>> key(Value value, ArrayRef<At> place);
  Value convert(Value value, Type element);
  Value constant(int64_t v);
  Value add(Value x, Value y);
  Value mul(Value x, int64_t y);

  RecurrenceOp op;
  OpBuilder &b;
  Location loc;
  steps::Operands operands;
  Distribution d;
  bool oneToken;

  int64_t tokens = 1; // of one filling of shared memory
  int64_t shared = 0;
  SmallVector<Staged> staged;
  /// Where exchanged values are in shared memory, and their buffers.
  llvm::MapVector<Value, int64_t> exchangeOffsets;
  llvm::DenseMap<Value, Value> exchangeBuffers;

  // Of the running kernel.
  gpu::LaunchOp kernel;
  Operation *before = nullptr; // what is computed once goes before this
  Value thread, spare, begin, end, length, parity;
  SmallVector<Value> position, blockOf, startInBlock, start; // per axis
  SmallVector<int64_t> laneStride;
  llvm::StringMap<Value> outerIndices;
  Known once, current; // values of the kernel, and of the token
  llvm::DenseSet<Value> exchangedNow;
  llvm::DenseMap<Value, Memory> memories;
};

} // namespace seqc::kernels

#endif // SEQC_PASSES_LOWERING_NVVM_REGISTERKERNEL_H
