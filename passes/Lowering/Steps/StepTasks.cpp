//===- StepTasks.cpp - How sequences are shared among tasks ---------------===//

#include "RecurrenceLowering.h"

#include "seqc/dialects/Seq/ChosenTiles.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

/// Bytes of a task's lanes where nobody solved for them: half of a first-level cache.
static constexpr int64_t kLaneBytes = 24 << 10;
/// A step with more functions (exp, ...) does not wait for memory.
static constexpr int64_t kFewFunctions = 4;
/// Blocks that share a sequence of independent chunks, at most.
static constexpr int64_t mostShares = 128;

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

int64_t steps::laneBytes(RecurrenceOp op, const StepPlan &plan) {
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
  return std::max<int64_t>(bytes, 1);
}

int64_t Lowering::roomForLanes() {
  if (auto chosen = chosenTile(op, kLanesKnob))
    return std::max(width, *chosen / width * width);
  int64_t room = std::clamp(kLaneBytes / laneBytes(op, plan), kFewLanes, kManyLanes);
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
                                      constant(streamBytes));
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
