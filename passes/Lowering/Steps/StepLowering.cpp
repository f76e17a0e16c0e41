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

/// Lanes of one task: a few vectors at least; at most, beside each other in memory,
/// as many as leave its states in the first-level cache.
static constexpr int64_t kFewLanes = 256, kManyLanes = 2048;
static constexpr int64_t kLaneBytes = 24 << 10;
/// Outputs of fewer bytes may still be in a cache when somebody reads them.
static constexpr int64_t kStreamBytes = 16 << 20;
/// A step with more functions (exp, ...) does not wait for memory.
static constexpr int64_t kFewFunctions = 4;
/// Steps with a larger tensor vectorise over its last dimension.
static constexpr int64_t laneElements = 64;

static int64_t elementBytes(Type element) {
  return element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8;
}

static int64_t elements(Type type) {
  int64_t n = 1;
  for (int64_t size : shapeOf(type))
    n *= size;
  return n;
}

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
/// Blocks that share a sequence of independent chunks, at most.
static constexpr int64_t mostShares = 128;

/// The operand at this task, at token `time` (null: no time axis).  A value that steps
/// together with others has their dimension first, which `memref` may lack.
Access Lowering::operandAccess(Value memref, AxesAttr map, Value time,
                               unsigned rank, bool together) {
  Access access{memref, {}};
  together |= lockstep.has(map);
  for (unsigned d = 0; d < map.size(); ++d) {
    StringRef axis = map.getNames()[d].getValue();
    if (lane && map.getNames()[d] == lane) {
      access.dims.push_back({Access::Dim::Lane, laneFirst});
    } else if (lockstep && axis == lockstep.axis.getValue()) {
      access.dims.push_back({Access::Dim::Feature, groupFirst, 0, groupLast});
    } else if (axis == RecurrenceOp::getTimeAxis()) {
      access.dims.push_back({Access::Dim::Fixed, time});
    } else {
      Value index = indices.lookup(axis);
      if (int64_t divisor = map.getDivisors()[d]; divisor != 1)
        index = arith::DivUIOp::create(b, loc, index, constant(divisor));
      access.dims.push_back({Access::Dim::Fixed, index});
    }
  }
  for (unsigned d = together ? 1 : 0; d < rank; ++d)
    access.dims.push_back({Access::Dim::Feature, Value(), d});
  return access;
}

/// The slice of `row` among values that step together.
Access Lowering::rowOf(const Access &access, Value row) {
  Access result{access.memref, {}};
  for (Access::Dim dim : access.dims) {
    if (dim.kind == Access::Dim::Feature && dim.feature > 0) {
      --dim.feature;
    } else if (dim.kind == Access::Dim::Feature) {
      Value at = row;
      if (dim.fixed)
        at = arith::AddIOp::create(b, loc, at, dim.fixed);
      if (dim.last)
        at = arith::MinUIOp::create(b, loc, at, dim.last);
      dim = {Access::Dim::Fixed, at};
    }
    result.dims.push_back(dim);
  }
  return result;
}

/// A buffer of this task: small ones on the stack, others on the heap, where
/// the deallocation pass frees them.
Value Lowering::local(Type type, bool lanes) {
  SmallVector<int64_t> shape(shapeOf(type));
  if (lanes)
    shape.push_back(laneRoom);
  int64_t bytes = 8;
  for (int64_t size : shape)
    bytes *= size;
  auto memref = MemRefType::get(shape, elementOf(type));
  auto align = b.getI64IntegerAttr(64);
  if (unit == Unit::Thread) {
    // Registers, if loops unroll; else the thread's own memory.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&kernel.getBody().front());
    return memref::AllocaOp::create(b, loc, memref);
  }
  if (unit == Unit::Block)
    return blockLocal(memref);
  if (bytes <= 4096)
    return memref::AllocaOp::create(b, loc, memref, align);
  return memref::AllocOp::create(b, loc, memref, align);
}

/// A buffer of this block: in shared memory while there is room.
Value Lowering::blockLocal(MemRefType type) {
  int64_t bytes = elementBytes(type.getElementType());
  for (int64_t size : type.getShape())
    bytes *= size;
  bytes = llvm::alignTo(bytes, 16);
  OpBuilder::InsertionGuard guard(b);
  if (bytes <= sharedLeft) {
    auto space =
        gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    b.setInsertionPointToStart(&kernel.getBody().front());
    Value all = gpu::DynamicSharedMemoryOp::create(
        b, loc,
        MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                        MemRefLayoutAttrInterface(), space));
    Value view = memref::ViewOp::create(
        b, loc,
        MemRefType::get(type.getShape(), type.getElementType(),
                        MemRefLayoutAttrInterface(), space),
        all, constant(sharedUsed), ValueRange());
    sharedLeft -= bytes;
    sharedUsed += bytes;
    return view;
  }
  b.setInsertionPoint(kernel);
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape());
  return memref::AllocOp::create(b, loc,
                                 MemRefType::get(shape, type.getElementType()),
                                 ValueRange{tasks}, b.getI64IntegerAttr(64));
}

Access Lowering::localAccess(Value memref, unsigned rank, bool lanes) {
  Access access{memref, {}};
  // One slice a block, of what is in device memory.
  if (unit == Unit::Block &&
      cast<MemRefType>(memref.getType()).getRank() > int64_t(rank))
    access.dims.push_back({Access::Dim::Fixed, block});
  for (unsigned d = 0; d < rank; ++d)
    access.dims.push_back({Access::Dim::Feature, Value(), d});
  if (lanes)
    access.dims.push_back({Access::Dim::Lane, Value()});
  return access;
}

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

void Lowering::allocate() {
  for (Value arg : op.getCarryArgs())
    carryBuffers.push_back(local(arg.getType(), bool(lane)));
  for (Value arg : op.getSnapshotArgs())
    snapshotBuffers.push_back(local(arg.getType(), bool(lane)));
  if (op.getChunk()) {
    for (Value arg : op.getSeqArgs())
      seqRows.push_back(local(arg.getType(), false));
    for (Value value : op.getYield().getOuts())
      outRows.push_back(local(value.getType(), false));
  }
  auto bindRoot = [&](Value root) {
    bool lanes = plan.hasLane(root);
    Value buffer = local(root.getType(), lanes);
    emitter.bind(root, localAccess(buffer, shapeOf(root.getType()).size(), lanes));
  };
  YieldOp yield = op.getYield();
  for (Operation &inner : op.getStep().front().without_terminator()) {
    for (Value result : inner.getResults()) {
      bool scalarSum = false;
      if (auto einsum = dyn_cast<EinsumOp>(inner))
        scalarSum = einsum.isContraction();
      scalarSum |= isa<ReduceOp>(inner) && !isSpecial(&inner);
      scalarSum &= !isa<ShapedType>(result.getType());
      // A hoisted scalar outlives the loop over lanes that computes it.
      bool hoistedLane =
          lane && plan.isSingle(result) && plan.isInvariant(result);
      if ((!plan.isRoot(result) && !scalarSum && !hoistedLane) ||
          plan.isInner(result))
        continue;
      if (Value whole = plan.writtenInto(result)) {
        emitter.bind(result, *emitter.find(whole));
        continue;
      }
      // A next state that may be written in place needs no buffer of its own.
      bool inPlace = false;
      for (auto [i, next] : llvm::enumerate(yield.getCarries()))
        if (next == result && !plan.needsCopy(i) && isa<ShapedType>(next.getType())) {
          emitter.bind(result, localAccess(carryBuffers[i],
                                           shapeOf(next.getType()).size(),
                                           bool(lane)));
          inPlace = true;
        }
      if (!inPlace)
        bindRoot(result);
    }
  }
  for (auto [i, next] : llvm::enumerate(yield.getCarries())) {
    nextBuffers.push_back({});
    if (isa<ShapedType>(next.getType()) && plan.needsCopy(i))
      nextBuffers.back() = local(next.getType(), bool(lane));
  }
  for (const Phase *phase : {&plan.before, &plan.token})
    for (const Nest &nest : phase->nests)
      if (nest.product && nest.product->narrow) {
        auto einsum = cast<EinsumOp>(nest.members[0].value.getDefiningOp());
        for (unsigned o : {0u, 1u}) {
          Value operand = einsum.getOperands()[o];
          Pairing pairing = pairingOf(einsum, *nest.product, o);
          Type type = RankedTensorType::get(emitter.pairedShape(operand, pairing),
                                            b.getI32Type());
          if (pairPacks.insert({operand, unsigned(pairing)}).second)
            emitter.bindPairs(operand, pairing,
                              localAccess(local(type, false), 2, false));
        }
      } else if (nest.product && (nest.product->transposed || nest.product->panels)) {
        SmallVector<int64_t> shape = emitter.packedShape(nest);
        Type type = RankedTensorType::get(shape, elementOf(nest.members[0].value.getType()));
        if (packs.insert(emitter.packOf(nest)).second)
          emitter.bindPack(nest, localAccess(local(type, false), shape.size(), false));
      }
  for (auto [constant, table] : tables)
    emitter.bind(constant,
                 localAccess(table, shapeOf(constant.getType()).size(), false));
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

/// Tasks along `axis`.
Value Lowering::extentOf(StringRef axis) {
  Value size = sizes.lookup(axis);
  Value each;
  if (lane && axis == lane.getValue())
    each = laneBlock;
  else if (lockstep && axis == lockstep.axis.getValue())
    each = constant(lockstep.count);
  return each ? arith::CeilDivUIOp::create(b, loc, size, each).getResult() : size;
}

int64_t Lowering::roomForLanes() {
  int64_t bytes = 0;
  auto count = [&](Value v) {
    if (plan.hasLane(v) || llvm::is_contained(op.getCarryArgs(), v))
      bytes += elements(v.getType()) * elementBytes(elementOf(v.getType()));
  };
  for (Value arg : op.getCarryArgs())
    count(arg);
  for (Value arg : op.getSnapshotArgs())
    count(arg);
  for (Value arg : op.getWeightArgs())
    count(arg);
  for (Operation &inner : op.getStep().front().without_terminator())
    for (Value v : inner.getResults())
      if (plan.isRoot(v))
        count(v);
  int64_t room = std::clamp(kLaneBytes / std::max<int64_t>(bytes, 1), kFewLanes, kManyLanes);
  return room / kFewLanes * kFewLanes;
}

/// As many lanes as there is room for: what a task reads of a token is contiguous.
/// Cores that would have less to do than others get some of theirs.
void Lowering::shareLanes() {
  if (!lane)
    return;
  Value size = sizes.lookup(lane.getValue()), others = constant(1);
  for (StringAttr axis : op.getCarryAxes())
    if (axis != lane)
      others = arith::MulIOp::create(b, loc, others, sizes.lookup(axis.getValue()));
  if (parallelTime && !isTime(lane))
    others = arith::MulIOp::create(b, loc, others, sizes.lookup(RecurrenceOp::getTimeAxis()));
  Value blocks = arith::CeilDivUIOp::create(b, loc, size, constant(laneRoom));
  Value tasks = arith::MulIOp::create(b, loc, others, blocks);
  Value all = constant(cores);
  Value even = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::eq,
      arith::RemUIOp::create(b, loc, tasks, all).getResult(), constant(0));
  Value more = arith::MulIOp::create(
      b, loc, arith::CeilDivUIOp::create(b, loc, blocks, all).getResult(), all);
  blocks = arith::SelectOp::create(b, loc, even, blocks, more);
  // Whole vectors; no block of none.
  blocks = arith::MaxUIOp::create(b, loc, blocks, constant(1));
  Value vectors = arith::CeilDivUIOp::create(
      b, loc, arith::CeilDivUIOp::create(b, loc, size, blocks).getResult(), constant(width));
  laneBlock = arith::MulIOp::create(
      b, loc, arith::MaxUIOp::create(b, loc, vectors, constant(1)).getResult(),
      constant(width));
}

Value Lowering::mayStream() {
  if (!lane)
    return {};
  int64_t functions = 0;
  for (Operation &inner : op.getStep().front().without_terminator())
    functions += isCostly(&inner);
  Value bytes, aligned;
  for (auto [i, out] : llvm::enumerate(outs)) {
    if (!streamsOut(i))
      continue;
    auto type = cast<MemRefType>(out.getType());
    int64_t each = elementBytes(type.getElementType());
    Value size = constant(each);
    for (int64_t d = 0; d < type.getRank(); ++d)
      size = arith::MulIOp::create(b, loc, size,
                                   memref::DimOp::create(b, loc, out, d).getResult());
    Value pointer = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, out);
    Value row = arith::MulIOp::create(
        b, loc, memref::DimOp::create(b, loc, out, type.getRank() - 1).getResult(),
        constant(each));
    Value offset = arith::RemUIOp::create(
        b, loc, arith::OrIOp::create(b, loc, pointer, row).getResult(), constant(width * each));
    Value whole = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, offset, constant(0));
    bytes = bytes ? arith::AddIOp::create(b, loc, bytes, size).getResult() : size;
    aligned = aligned ? arith::AndIOp::create(b, loc, aligned, whole).getResult() : whole;
  }
  if (!bytes || functions > kFewFunctions)
    return {};
  Value large = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, bytes,
                                      constant(kStreamBytes));
  return arith::AndIOp::create(b, loc, large, aligned);
}

bool Lowering::streamsOut(unsigned i) {
  auto map = cast<AxesAttr>(op.getOutMaps()[i]);
  return lane && map.getNames().back() == lane &&
         !isa<ShapedType>(op.getYield().getOuts()[i].getType()) &&
         cast<MemRefType>(outs[i].getType()).getLayout().isIdentity();
}

Value Lowering::countTasks() {
  Value count = constant(1);
  for (StringAttr axis : op.getCarryAxes())
    count = arith::MulIOp::create(b, loc, count, extentOf(axis.getValue()));
  if (sharesTime) {
    Value chunks = arith::CeilDivUIOp::create(
        b, loc, sizes.lookup(RecurrenceOp::getTimeAxis()), constant(*op.getChunk()));
    shares = arith::MaxUIOp::create(
        b, loc, arith::MinUIOp::create(b, loc, chunks, constant(mostShares)).getResult(),
        constant(1));
    count = arith::MulIOp::create(b, loc, count, shares);
  }
  if (parallelTime)
    count = arith::MulIOp::create(b, loc, count,
                                  isTime(lane) ? extentOf(lane.getValue())
                                               : sizes.lookup(RecurrenceOp::getTimeAxis()));
  return count;
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
