//===- RecurrenceLowering.h - The lowering of one recurrence ----*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_STEPS_RECURRENCELOWERING_H
#define SEQC_PASSES_LOWERING_STEPS_RECURRENCELOWERING_H

#include "Buffers.h"
#include "Lockstep.h"
#include "Operands.h"
#include "StepEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc::steps {

using namespace mlir;

/// Bytes of one element, and how many a type has.
inline int64_t elementBytes(Type element) {
  return element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8;
}
inline int64_t elements(Type type) {
  int64_t n = 1;
  for (int64_t size : shapeOf(type))
    n *= size;
  return n;
}

/// True if no token depends on another: time is an axis like the others.
bool isTokenwise(RecurrenceOp op);

/// True if chunks do not depend on each other: states stay as they come.
bool keepsStates(RecurrenceOp op);

/// The axis whose indices fill vectors, or null for the feature dimensions.
StringAttr chooseLane(RecurrenceOp op);

/// Lanes of one task: a few vectors at least; at most, beside each other in memory,
/// as many as leave its states in the first-level cache.  The knob of their number.
inline constexpr int64_t kFewLanes = 256, kManyLanes = 2048;
inline constexpr llvm::StringLiteral kLanesKnob = "lanes";
/// Bytes of one lane's states and of its values that are kept in memory.
int64_t laneBytes(RecurrenceOp op, const StepPlan &plan);

/// What runs one or, with lanes, several sequences.
enum class Unit { Task, Thread, Block };

/// Replaces one recurrence by loops or by a kernel.
class Lowering : Operands {
public:
  /// With `lockstep`, `op` has become the step of several sequences.
  Lowering(RecurrenceOp op, OpBuilder &b, Unit unit, const CpuVectors &cpu,
           int64_t sharedBytes = 0, const Lockstep &lockstep = {}, int64_t cores = 1)
      : op(op), b(b), loc(op.getLoc()), unit(unit), width(cpu.width),
        streamBytes(cpu.streamBytes), lockstep(lockstep),
        chosen(lockstep ? StringAttr() : chooseLane(op)), lane(unit == Unit::Task ? chosen : StringAttr()),
        plan(op, lane, unit == Unit::Block,
             /*multiply=*/unit == Unit::Task && !lane && cpu.width > 1,
             cpu.bf16Dot),
        emitter(b, loc, plan, cpu),
        cores(cores), sharedLeft(sharedBytes) {
    laneRoom = roomForLanes();
    sharesTime = unit == Unit::Block && op.getChunk() && keepsStates(op);
    parallelTime = isTokenwise(op) && (unit != Unit::Task || isTime(lane));
  }
  void run();
  /// The same where `together`, of the same operation, is an alternative for calls
  /// with enough sequences for `cores`.
  void runEither(Lowering &together);

private:
  static bool isTime(StringAttr axis) {
    return axis && axis.getValue() == RecurrenceOp::getTimeAxis();
  }
  Value constant(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
  void findTables();
  int64_t roomForLanes();
  /// Finds how many of the axis' indices fill the lanes of one task.
  void shareLanes();
  Value extentOf(StringRef axis);
  Value countTasks();
  void parallel();
  /// Whether the outputs are large and aligned, so that they go around the caches.
  Value mayStream();
  bool streamsOut(unsigned i);
  void launch(Value tasks);
  int64_t blockThreads() const;
  void body(Value task);
  void allocate();
  void timeLoop();
  void token(Value time, Value position);
  /// The token of [begin, end) that is visited after `at` others.
  Value visited(Value begin, Value end, Value at);
  void chunkLoop(Value begin, Value end, Value length);
  void chunk(Value begin, Value end, Value first, Value count);
  /// Asks for part `part` of `parts` of the slices of the `count` tokens that are
  /// visited after `first` others.
  void fetchAhead(Value begin, Value end, Value first, int64_t count, Value part,
                  int64_t parts);
  /// Whether a reset flag is set.
  Value isSet(Value flag);
  /// Starts every state afresh, where `condition` holds if there is one; with `row`
  /// only that one of the sequences that step together.
  void restartStates(Value condition, Value row = {});
  /// Runs `fn(row, time)` for the rows [from, to) of the chunk at `first`.
  void overRows(Value from, Value to,
                llvm::function_ref<void(Value row)> fn);
  Access rowAccess(Value memref, Value row, unsigned rank);
  Access operandAccess(Value memref, AxesAttr map, Value time, unsigned rank,
                       bool together = false);
  Access rowOf(const Access &access, Value row);
  Value local(Type type, bool lanes);
  Value blockLocal(MemRefType type);
  /// Runs `fn` once per vector of the task's lanes, or once without lanes.
  void overLanes(llvm::function_ref<void()> fn);
  Access localAccess(Value memref, unsigned rank, bool lanes);

  RecurrenceOp op;
  OpBuilder &b;
  Location loc;
  Unit unit;
  int64_t width;
  /// Outputs of fewer bytes may still be in a cache when somebody reads them.
  int64_t streamBytes;
  Lockstep lockstep;
  /// The axis whose indices are neighbours, and the one that fills vectors: time,
  /// too, where no token depends on another.
  StringAttr chosen, lane;
  StepPlan plan;
  StepEmitter emitter;

  llvm::StringMap<Value> indices; // axis -> index of this task
  Value laneFirst, laneCount; // the task's lanes
  /// Lanes for which a task has memory, and those it has got at most.
  int64_t laneRoom = 0;
  Value laneBlock;
  int64_t cores = 1;
  /// Outputs go around the caches: in some calls, and where that is being emitted.
  Value streams;
  bool streaming = false;
  Value groupFirst, groupLast; // its first sequence of several, and the last of all
  SmallVector<Value> carryBuffers, snapshotBuffers, nextBuffers;
  // Of a chunked step: its tokens' operands and outputs.
  SmallVector<Value> seqRows, outRows;
  llvm::DenseMap<Value, Value> tables;
  llvm::DenseSet<StepEmitter::Pack> packs;
  llvm::DenseSet<std::pair<Value, unsigned>> pairPacks;

  // Of a kernel: the operation, where it allocates, and the running block.
  gpu::LaunchOp kernel;
  Value tasks, block;
  /// Tokens are tasks, or lanes of one.
  bool parallelTime = false;
  /// A sequence's chunks are shared by blocks: how many, and which one this is.
  bool sharesTime = false;
  Value shares, share;
  int64_t sharedLeft, sharedUsed = 0;
};

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_RECURRENCELOWERING_H
