//===- StepLowering.cpp - Recurrences to loops over tokens ----------------===//
//
// The sequential form.  On a CPU a task runs some sequences, with two ways to
// fill a vector:
//   lanes     one index of an outer axis (channels) per lane; the step, written
//             on scalars or small tensors, runs on vectors of them;
//   features  the last dimension of the step's tensors.
// On a GPU the first kind is one sequence a thread, the second one sequence a
// block of threads.  The choice is by shape alone: see `chooseLane`.
//
//===----------------------------------------------------------------------===//

#include "StepLowering.h"

#include "RecurrenceLowering.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

/// Steps with a larger tensor vectorise over its last dimension.
static constexpr int64_t laneElements = 64;

bool steps::isTokenwise(RecurrenceOp op) {
  return op.getCarries().empty() && !op.getSegments() && !op.getPosition() &&
         !op.getFirst() && !op.getChunk() && op.getSnapshots().empty();
}

bool steps::keepsStates(RecurrenceOp op) {
  return !op.getResets() && !op.getPosition() && !op.getFirst() &&
         op.getSnapshots().empty() &&
         llvm::equal(op.getYield().getCarries(), op.getCarryArgs());
}

StringAttr steps::chooseLane(RecurrenceOp op) {
  if (op.getChunk())
    return {};
  int64_t largest = 1;
  op.getStep().walk([&](Operation *inner) {
    for (Value v : inner->getResults())
      largest = std::max(largest, elements(v.getType()));
  });
  for (Value arg : op.getStep().getArguments())
    largest = std::max(largest, elements(arg.getType()));
  if (largest > laneElements)
    return {};
  auto allowed = [&](StringAttr axis) {
    if (axis.getValue() == RecurrenceOp::getTimeAxis())
      return isTokenwise(op);
    // Positions are one number per task.
    if (op.getResets() && op.getResetsMap()->has(axis.getValue()) &&
        (op.getPosition() || op.getFirst() || !op.getSnapshots().empty()))
      return false;
    for (ArrayAttr maps : {op.getSeqMaps(), op.getWeightMaps(),
                           op.getCarryMaps(), op.getRestartMaps()})
      for (AxesAttr map : maps.getAsRange<AxesAttr>())
        if (int64_t at = map.find(axis.getValue());
            at >= 0 && map.getDivisors()[at] != 1)
          return false;
    return true;
  };
  // Most operands contiguous along it; the first axis on a tie.
  StringAttr best;
  int64_t most = -1;
  for (StringAttr axis : op.getAxes()) {
    if (!allowed(axis))
      continue;
    int64_t score = 0;
    for (auto [arg, map] :
         llvm::zip(op.getSeqArgs(), op.getSeqMaps().getAsRange<AxesAttr>()))
      score += map.size() && map.getNames().back() == axis &&
               !isa<ShapedType>(arg.getType());
    if (score > most) {
      most = score;
      best = axis;
    }
  }
  // With nothing contiguous, gathering lanes still beats one scalar at a time,
  // unless there are feature dimensions to vectorise.
  if (most == 0 && largest >= 8)
    return {};
  return best;
}

/// Threads of a block that each run a sequence of their own.
static constexpr int64_t threadsApart = 128;
/// Threads of a block that share a sequence, at most.
static constexpr int64_t threadsTogether = 512;

void Lowering::overLanes(llvm::function_ref<void()> fn) {
  if (!lane) {
    fn();
    return;
  }
  Value whole = arith::MulIOp::create(
      b, loc,
      arith::DivUIOp::create(b, loc, laneCount, constant(width)).getResult(),
      constant(width));
  {
    auto loop =
        scf::ForOp::create(b, loc, constant(0), whole, constant(width));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    emitter.setLane(loop.getInductionVar(), {});
    fn();
  }
  Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, whole,
                                     laneCount);
  auto tail = scf::IfOp::create(b, loc, some, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tail.thenBlock());
  Value rest = arith::SubIOp::create(b, loc, laneCount, whole);
  Value mask = vector::CreateMaskOp::create(
      b, loc, vectorOf(width, b.getI1Type()), ValueRange{rest});
  emitter.setLane(whole, mask);
  fn();
  emitter.setLane({}, {});
}

void Lowering::body(Value task) {
  // Which sequence, and which of its channels.
  SmallVector<StringRef> order;
  for (StringAttr axis : op.getCarryAxes())
    if (axis != lane && axis != chosen)
      order.push_back(axis.getValue());
  if (parallelTime && !isTime(chosen))
    order.push_back(RecurrenceOp::getTimeAxis());
  // Neighbouring threads take neighbouring indices.
  if (chosen && !lane)
    order.push_back(chosen.getValue());
  Value rest = task;
  if (sharesTime) {
    share = arith::RemUIOp::create(b, loc, rest, shares);
    rest = arith::DivUIOp::create(b, loc, rest, shares);
  }
  if (lane) {
    Value size = sizes.lookup(lane.getValue());
    Value blocks = extentOf(lane.getValue());
    Value block = arith::RemUIOp::create(b, loc, rest, blocks);
    rest = arith::DivUIOp::create(b, loc, rest, blocks);
    laneFirst = arith::MulIOp::create(b, loc, block, laneBlock);
    laneCount = arith::MinUIOp::create(
        b, loc, arith::SubIOp::create(b, loc, size, laneFirst).getResult(), laneBlock);
  }
  for (StringRef axis : llvm::reverse(order)) {
    if (axis == order.front()) {
      indices[axis] = rest;
      break;
    }
    Value size = extentOf(axis);
    indices[axis] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  }
  if (lockstep) {
    // The last group repeats the last sequence: the same values at the same place.
    StringRef axis = lockstep.axis.getValue();
    groupFirst = arith::MulIOp::create(b, loc, indices.lookup(axis),
                                       constant(lockstep.count));
    groupLast = arith::SubIOp::create(b, loc, sizes.lookup(axis), constant(1));
  }
  allocate();

  // What does not change over time: states' first values and weights.
  for (auto [i, arg] : llvm::enumerate(op.getWeightArgs())) {
    auto map = cast<AxesAttr>(op.getWeightMaps()[i]);
    unsigned rank = shapeOf(arg.getType()).size();
    Access access = operandAccess(weights[i], map, {}, rank);
    bool lanes = plan.hasLane(arg);
    bool contiguous = !lanes || (rank == 0 && map.getNames().back() == lane);
    if (contiguous) {
      emitter.bind(arg, access);
      continue;
    }
    // Laid out so that a vector's lanes are neighbours.
    Access packed = localAccess(local(arg.getType(), true), rank, true);
    overLanes([&] { emitter.emitCopy(arg.getType(), true, access, packed); });
    emitter.bind(arg, packed);
  }
  overLanes([&] {
    for (auto [i, arg] : llvm::enumerate(op.getCarryArgs())) {
      unsigned rank = shapeOf(arg.getType()).size();
      emitter.emitCopy(arg.getType(), bool(lane),
                       operandAccess(carries[i],
                                     cast<AxesAttr>(op.getCarryMaps()[i]), {},
                                     rank, bool(lockstep)),
                       localAccess(carryBuffers[i], rank, bool(lane)));
    }
    emitter.emitPhase(plan.before);
  });
  emitter.packWeights(plan.token);
  if (streams) {
    auto choice = scf::IfOp::create(b, loc, streams, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    streaming = true;
    timeLoop();
    streaming = false;
    b.setInsertionPointToStart(choice.elseBlock());
    timeLoop();
  } else {
    timeLoop();
  }
  OpBuilder::InsertionGuard guard(b);
  if (sharesTime) {
    Value one = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, share, constant(0));
    auto writes = scf::IfOp::create(b, loc, one, /*withElse=*/false);
    b.setInsertionPointToStart(writes.thenBlock());
  }
  overLanes([&] {
    for (auto [i, arg] : llvm::enumerate(op.getCarryArgs())) {
      unsigned rank = shapeOf(arg.getType()).size();
      emitter.emitCopy(arg.getType(), bool(lane),
                       localAccess(carryBuffers[i], rank, bool(lane)),
                       operandAccess(finals[i], op.getFinalMap(i), {}, rank));
    }
  });
}

/// Enough threads for the widest nest.
int64_t Lowering::blockThreads() const {
  int64_t most = 32;
  for (const Phase *phase : {&plan.before, &plan.token})
    for (const Nest &nest : phase->nests) {
      int64_t points = 1;
      for (unsigned d : StepPlan::commonDims(nest))
        points *= nest.sizes[d];
      most = std::max(most, points);
    }
  return std::min<int64_t>(llvm::alignTo(most, 32), threadsTogether);
}

/// One kernel for all sequences.
void Lowering::launch(Value count) {
  tasks = count;
  Value one = constant(1);
  int64_t threads = unit == Unit::Thread ? threadsApart : blockThreads();
  Value size = constant(threads);
  Value blocks = unit == Unit::Thread
                     ? arith::CeilDivUIOp::create(b, loc, tasks, size).getResult()
                     : tasks;
  Value none = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0);
  kernel = gpu::LaunchOp::create(b, loc, blocks, one, one, size, one, one, none);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  auto end = gpu::TerminatorOp::create(b, loc);
  b.setInsertionPoint(end);
  Value thread = kernel.getThreadIds().x;
  block = kernel.getBlockIds().x;
  for (auto &[value, table] : tables) {
    auto dense = cast<DenseElementsAttr>(
        value.getDefiningOp<arith::ConstantOp>().getValue());
    table = constantBuffer(b, loc, dense);
  }
  if (unit == Unit::Block) {
    emitter.setTeam(thread, threads);
    body(block);
  } else {
    Value task = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, block, size).getResult(), thread);
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, task,
                                         tasks);
    auto guarded = scf::IfOp::create(b, loc, exists, /*withElse=*/false);
    b.setInsertionPointToStart(guarded.thenBlock());
    body(task);
  }
  b.setInsertionPoint(kernel);
  Value shared =
      arith::ConstantIntOp::create(b, loc, b.getI32Type(), sharedUsed);
  kernel.getDynamicSharedMemorySizeMutable().assign(shared);
}

/// Constants of the step that are tables.
void Lowering::findTables() {
  op.walk([&](Operation *inner) {
    auto visit = [&](Value v) {
      Operation *def = v.getDefiningOp();
      if (def && isa<arith::ConstantOp>(def))
        if (auto dense = dyn_cast<DenseElementsAttr>(
                cast<arith::ConstantOp>(def).getValue()))
          if (!dense.isSplat() && !tables.count(v))
            tables[v] =
                unit == Unit::Task ? constantBuffer(b, loc, dense) : Value();
    };
    for (Value v : inner->getOperands())
      visit(v);
  });
}

void Lowering::parallel() {
  findTables();
  streams = mayStream();
  auto loop = scf::ParallelOp::create(b, loc, ValueRange{constant(0)},
                                      ValueRange{countTasks()}, ValueRange{constant(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVars()[0]);
}

void Lowering::run() {
  b.setInsertionPoint(op);
  bind(op, b);
  shareLanes();
  if (unit == Unit::Task) {
    parallel();
  } else {
    findTables();
    launch(countTasks());
  }
  finishResults(b, op, results);
}

/// A step of a group takes as long as these many of one sequence (measured: LSTM and
/// GRU of 256, LMU of 32, on one core of a Zen 5).
static constexpr int64_t kGroupCost = 3;
/// A sequence of fewer tokens does not pay for packing the weights.
static constexpr int64_t kLeastTokens = 4;

void Lowering::runEither(Lowering &together) {
  b.setInsertionPoint(op);
  bind(op, b);
  static_cast<Operands &>(together) = *this;
  auto turns = [&](Value tasks) -> Value {
    return arith::CeilDivUIOp::create(b, loc, tasks, constant(cores));
  };
  Value groups = arith::MulIOp::create(b, loc, turns(together.countTasks()),
                                       constant(kGroupCost));
  Value fewer = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, groups,
                                      turns(countTasks()));
  Value longer = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::uge, sizes.lookup(RecurrenceOp::getTimeAxis()),
      constant(kLeastTokens));
  auto choice = scf::IfOp::create(
      b, loc, arith::AndIOp::create(b, loc, fewer, longer).getResult(), /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    together.parallel();
    b.setInsertionPointToStart(choice.elseBlock());
    parallel();
  }
  finishResults(b, op, results);
}

void steps::lowerToVectors(RecurrenceOp op, OpBuilder &b, const CpuVectors &cpu,
                           int64_t cores) {
  if (Lockstep lockstep = chooseLockstep(op); lockstep && cpu.width > 1) {
    b.setInsertionPoint(op);
    auto group = cast<RecurrenceOp>(b.clone(*op));
    if (stepTogether(group, lockstep)) {
      Lowering together(group, b, Unit::Task, cpu, 0, lockstep, cores);
      Lowering(op, b, Unit::Task, cpu, 0, {}, cores).runEither(together);
      group.erase();
      return;
    }
    group.erase();
  }
  Lowering(op, b, Unit::Task, cpu, 0, {}, cores).run();
}

void steps::lowerToKernel(RecurrenceOp op, OpBuilder &b, int64_t sharedBytes) {
  Lowering(op, b, chooseLane(op) ? Unit::Thread : Unit::Block,
           CpuVectors::ofWidth(1), sharedBytes)
      .run();
}
