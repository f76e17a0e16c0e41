//===- ChunkProblem.cpp - Tokens of a chunk on CPUs -----------------------===//
//
// Pairs of tokens grow with a chunk's length, the state's traffic falls with it.  What
// is counted, in cycles of one token: the multiply-adds of products with the state, and of
// pairs of tokens; the state, read and written once a chunk; rows of tokens, the farther
// the more of the first-level cache a chunk's take; decayed keys, where every channel has
// a gate; loops.
//
//===----------------------------------------------------------------------===//

#include "../Forms/ChunkShape.h"

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/lib/Structure/Ranges.h"
#include "seqc/passes/Tiling/CpuProblem.h"
#include "seqc/passes/Tiling/Problems.h"

#include "mlir/IR/BuiltinTypes.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Lengths, the preferred ones first; not even the least of them may be too long.
static constexpr int64_t kLengths[] = {16, 8, 24, 32, 64}, kLeast = 8;
/// Cycles that were fitted to measurements (docs/rationale/tiles.md): of a chunk's loops,
/// of them for a correction and to pack factors of bf16; of the passes over a vector of a
/// token's rows, and what they take more where the chunk's rows fill the first-level
/// cache; over a vector of scores and of decayed keys.
static constexpr int64_t kLoops = 150, kTriangle = 1400, kPack = 1000, kRow = 5,
                         kFullCache = 10, kScores = 8, kDecay = 1, kGateRow = 6;
/// Times that a state beyond the first-level cache is moved for a read and a write.
static constexpr double kMoves = 1.5;
/// Gates below this count as this; sums of them are of multiples of 2^-10
/// (passes/Forms/ChunkBuilder.cpp).
static constexpr double kGateFloor = -100;
static constexpr int64_t kGateParts = 1024;

namespace {
/// The gates whose logarithms are summed over a chunk's tokens.
struct GateSums {
  /// What one token adds, at least; 0: there are none.
  double low = 0;
};
} // namespace

static GateSums gateSums(LinearRecurrenceOp op) {
  GateSums sums;
  for (int64_t side : {0, 1}) {
    double low = 0;
    bool timed = false;
    for (unsigned i = 0; i < op.numGates(); ++i) {
      int64_t axis = op.getGateAxes()[i];
      if ((axis == 1) != (side == 1))
        continue;
      // A gate for every channel and token is multiplied, not summed.
      LinearRecurrenceOp::Operand gate = op.gate(i);
      timed |= axis >= 0 && gate.map.has(RecurrenceOp::getTimeAxis());
      Interval range = structure::rangeOf(gate.value);
      double least = op.getGateLogs()[i] ? range.low : std::log(std::max(range.low, 0.0));
      low += std::min(least, 0.0);
    }
    if (!timed)
      sums.low = std::min(sums.low, std::max(low, kGateFloor));
  }
  return sums;
}

static bool pose(LinearRecurrenceOp op, ProblemBuilder &p, const target::Cpu &cpu) {
  // Powers of a constant transition are constants of the sequence, whose length no
  // problem knows.
  if (hasKernelOfTiles(op) || op.getConstant())
    return false;
  LinearShape shape = chunkShapeOf(op);
  bool wide = elementOf(op.getInitial().getType()).isF64();
  int64_t bytes = wide ? 8 : 4, lanes = std::max<int64_t>(1, cpu.lanes(8 * bytes));
  int64_t keys = shape.keys, values = shape.values;
  int64_t keyVectors = llvm::divideCeil(keys, lanes),
          valueVectors = llvm::divideCeil(values, lanes), state = keys * valueVectors;
  int64_t reads = op.numReads(), writes = op.numWrites(), pairs = op.numPairs();
  auto count = [](int64_t n, StringRef what) {
    return std::to_string(n) + " " + what.str() + (n == 1 ? "" : "s");
  };
  p.describe("a token, in chunks, of a state of " + Twine(keys) + "x" + Twine(values) +
             " with " + count(reads, "read") + ", " + count(writes, "write") + " and " +
             count(pairs, "correction"));
  Expr c = p.knob(kChunkKnob, kLengths);

  // Scores are of every token that reads with every one that is written.
  int64_t scores = (reads + pairs) * (writes + pairs),
          weighed = scores + (pairs ? 1 : 0);
  auto decayed = [&](Expr n) {
    return shape.vectorGate ? n * n * keys / 8 : Expr(0);
  };
  auto scratch = [&](Expr n) {
    return (n * (2 + pairs) * 2 * (keys + values) + n * n * (scores + pairs * pairs) +
            decayed(n)) * bytes;
  };
  int64_t caches = cpu.l2Bytes + cpu.l3Bytes / std::max<int64_t>(1, cpu.cores);
  int64_t least = (kLeast * (2 + pairs) * 2 * (keys + values) +
                   kLeast * kLeast * (scores + pairs * pairs + keys / 8)) * bytes;
  // Where not even the shortest has room, none is better for it.
  if (least <= caches)
    p.atMost("caches", scratch(c), caches,
             "what a chunk of {2} tokens computes beside the state takes {0:bytes}; a core's "
             "share of the caches has {1:bytes}",
             {c});
  if (double low = -gateSums(op).low; low > 0) {
    int64_t each = std::ceil(low);
    p.atMost("gates", c * each * kGateParts, int64_t(1) << (wide ? 53 : 24),
             "the gates' logarithms of {2} tokens sum to -{3} at least, which is {0} "
             "multiples of 2^-10; their sums are exact up to {1}",
             {c, c * each});
  }

  int64_t fma = issue(cpu.fmas);
  // Dot products of pairs of bf16, whose factors are rounded and packed.
  bool dots = shape.narrow && cpu.bf16Dots > 0;
  int64_t product = dots ? issue(2 * cpu.bf16Dots) : fma;
  Expr products = c * ((reads + writes + 2 * pairs) * state * product);
  Expr pairing = c * c * (scores * keyVectors * fma + weighed * valueVectors * fma) +
                 c * c * (scores * kScores * kCycleParts) / lanes;
  if (shape.vectorGate)
    pairing = pairing + c * c * (keyVectors * scores * kDecay * kCycleParts);
  else if (shape.scalarGate)
    pairing = pairing + c * c * parts(cpu.functionCycles) / lanes;
  if (pairs) {
    Expr n = c * pairs; // a triangle, inverted by halves
    pairing = pairing + n * n * n * fma / (3 * lanes);
  }
  bool stays = state * lanes * bytes <= cpu.l1Bytes * 5 / 6;
  int64_t move = stays ? issue(cpu.loads) + issue(cpu.stores)
                       : parts(kMoves * 2 * lanes * bytes / cpu.l2Bandwidth);
  int64_t traffic = state * move * (2 + (pairs ? 1 : 0) + (dots ? 1 : 0)) / 2;
  int64_t rowVectors = keyVectors + valueVectors;
  Expr rows = c * (rowVectors * (1 + pairs) * kRow * kCycleParts) +
              c * c * (2 * (keys + values) * bytes) * (rowVectors * kFullCache * kCycleParts) /
                  cpu.l1Bytes;
  if (shape.vectorGate)
    rows = rows + c * (keyVectors * parts(cpu.functionCycles + kGateRow));
  int64_t loops = (kLoops + pairs * kTriangle + (dots ? kPack : 0)) * kCycleParts;
  p.part("floor", (reads + writes + 2 * pairs) * state * product, kCycleParts);
  p.part("products", ceilDiv(products, c), kCycleParts);
  p.part("pairs of tokens", ceilDiv(pairing, c), kCycleParts);
  p.part("the state", ceilDiv(traffic, c), kCycleParts);
  p.part("rows", ceilDiv(rows, c), kCycleParts);
  p.part("loops", ceilDiv(loops, c), kCycleParts);
  p.minimize(ceilDiv(products + pairing + rows + (traffic + loops), c), kCycleParts);
  return true;
}

void seqc::registerChunkProblem(DialectRegistry &registry) {
  CpuProblem<LinearRecurrenceOp, pose>::attach(registry);
}
