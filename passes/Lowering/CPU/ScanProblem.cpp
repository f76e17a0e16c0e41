//===- ScanProblem.cpp - Blocks of a scan's groups on CPUs ----------------===//
//
// A core scans a group of blocks while it fetches the next one, and passes its total on.
// Short groups pass on often; of long ones the first is waited for, since nothing is
// fetched ahead of it.
//
//===----------------------------------------------------------------------===//

#include "ScanBlocks.h"
#include "ScanForm.h"

#include "seqc/lib/Cost/Products.h"
#include "seqc/passes/Lowering/CPU/Problems.h"
#include "seqc/passes/Tiling/CpuProblem.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Blocks of a group, the preferred ones first, and the least of them.
static constexpr int64_t kBlocks[] = {128, 64, 256, 32, 512}, kLeast = 32;
/// Totals that are added one after the other, at most: rounding errors stay small.
static constexpr int64_t kTerms = 256;
/// Cycles to take a group, to wait for what comes before it and to pass it on; and the
/// bytes of an element that is read at the pace of a copy: wider ones, which take longer
/// to combine as well, are not waited for any more than these.
static constexpr int64_t kHandOver = 120, kElement = 4;

static bool pose(ScanOp scan, ProblemBuilder &p, const target::Cpu &cpu) {
  if (!cpu::hasBlockedForm(scan))
    return false;
  int64_t width = std::max<int64_t>(1, cpu.lanes()), block = width * width, bytes = 0;
  for (Value seq : scan.getSeq())
    bytes += (elementOf(seq.getType()).getIntOrFloatBitWidth() + 7) / 8;
  p.describe("the groups of blocks of " + Twine(block) + " elements of " + Twine(bytes) +
             " bytes of a scan");
  Expr blocks = p.knob(cpu::kBlocksKnob, kBlocks);
  int64_t room = cpu.l2Bytes * 3 / 4;
  if (2 * kLeast * block * bytes <= room)
    p.atMost("cache", blocks * (2 * block * bytes), room,
             "a group of {2} blocks, and the next one that is fetched, take {0:bytes}; three "
             "quarters of the second-level cache have {1:bytes}",
             {blocks});
  p.atMost("terms", blocks, kTerms,
           "the totals of {0} blocks are added one after the other; up to {1} of them round "
           "to little");
  // A row that is just worth sharing (streamBytesOf).
  int64_t row = streamBytesOf(cpu.l3Bytes);
  double copied = cpu.copyBandwidth / std::max(cpu.clock, 1.0);
  Expr group = blocks * (block * kElement);
  Expr handed = ceilDiv(Expr(row), group) * kHandOver,
       first = group * 1024 / std::max<int64_t>(1, std::llround(1024 * copied));
  p.part("passing on", handed, 1);
  p.part("the first group", first, 1);
  p.minimize(handed + first, 1);
  return true;
}

void seqc::registerScanProblem(DialectRegistry &registry) {
  CpuProblem<ScanOp, pose>::attach(registry);
}
