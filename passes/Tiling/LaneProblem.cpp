//===- LaneProblem.cpp - Lanes of a task on CPUs --------------------------===//
//
// Where the step runs in the lanes of vectors, a task has a block of an axis' indices.
// The broader it is, the longer are the runs that a token reads and writes, and the fewer
// are the loops; its states stay in the first-level cache.  Cores that would be idle get a
// part of it when the sizes are known, at run time (StepTasks.cpp).
//
//===----------------------------------------------------------------------===//

#include "../Lowering/Steps/RecurrenceLowering.h"

#include "seqc/passes/Tiling/CpuProblem.h"
#include "seqc/passes/Tiling/Problems.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Costs are in parts of a cycle.
static constexpr int64_t kParts = 64;
/// A few vectors at least; so many lanes at most, whose runs are pages.
static constexpr int64_t kFew = steps::kFewLanes, kMany = steps::kManyLanes;
/// Cycles of the loops around one token of a task, and until the first line of a run
/// that nobody asked for before is there.
static constexpr int64_t kToken = 20, kRun = 200;

static bool pose(RecurrenceOp op, ProblemBuilder &p, const target::Cpu &cpu) {
  StringAttr lane = steps::chooseLane(op);
  int64_t width = std::max<int64_t>(1, cpu.lanes());
  if (!lane || width == 1)
    return false;
  steps::StepPlan plan(op, lane, /*shared=*/false, /*multiply=*/false, /*dots=*/false);
  int64_t each = steps::laneBytes(op, plan), room = cpu.l1Bytes / 2;
  p.describe("the lanes along '" + lane.getValue() + "' of a task whose states and values take " +
             Twine(each) + " bytes a lane");
  // A few vectors there are in any case.
  bool fits = kFew * each <= room;
  SmallVector<int64_t> counts;
  for (int64_t n = fits ? kMany : kFew; n >= kFew; n -= kFew)
    counts.push_back(n);
  Expr lanes = p.knob(steps::kLanesKnob, counts);
  if (fits)
    p.atMost("cache", lanes * each, room,
             "the states of {2} lanes take {0:bytes}; half of the first-level cache has "
             "{1:bytes}",
             {lanes});
  int64_t streams = op.getSeqMaps().size() + op.getOutMaps().size();
  Expr loops = ceilDiv(kToken * kParts * width, lanes),
       runs = ceilDiv(streams * kRun * kParts * width, lanes);
  // Cycles of one token's vector.
  p.part("loops", loops, kParts);
  p.part("runs", runs, kParts);
  p.minimize(loops + runs, kParts);
  return true;
}

void seqc::registerLaneProblem(DialectRegistry &registry) {
  CpuProblem<RecurrenceOp, pose>::attach(registry);
}
