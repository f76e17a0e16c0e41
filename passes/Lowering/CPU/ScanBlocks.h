//===- ScanBlocks.h - Blocks of a scan along contiguous rows ----*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_CPU_SCANBLOCKS_H
#define SEQC_PASSES_LOWERING_CPU_SCANBLOCKS_H

#include "../Steps/StepEmitter.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Structure/Structure.h"

#include "llvm/ADT/StringMap.h"

namespace seqc::cpu {

using namespace mlir;

/// Blocks whose chains run side by side where a combination takes long.
inline int64_t togetherOf(int64_t width) { return std::min<int64_t>(8, width); }

/// Replaces one scan by loops over blocks of its rows.
class Blocks {
public:
  Blocks(ScanOp scan, OpBuilder &b, int64_t width, int64_t cores, int64_t streamBytes);
  void run();

private:
  using Tuple = SmallVector<Value>;
  Value constant(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
  Value plus(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value plus(Value x, int64_t y) { return y ? plus(x, constant(y)) : x; }
  Type element(unsigned i) {
    return steps::StepEmitter::computeType(elementOf(scan.getLeftArgs()[i].getType()));
  }

  // Tuples of scalars or of vectors (ScanBlocks.cpp).
  /// The identity, as a scalar or in every lane.
  Value identity(unsigned i, bool vector);
  Tuple combine(const Tuple &left, const Tuple &right);
  Tuple broadcast(const Tuple &scalars);
  Tuple extract(const Tuple &vectors, int64_t lane);
  /// Moves lanes up by `by` within every `width`; identities come in.
  Tuple shifted(const Tuple &from, int64_t by);
  /// Every lane combined with the `count` - 1 before it, within every `width`.
  Tuple acrossLanes(Tuple lanes, int64_t count) {
    return acrossLanes(std::move(lanes), count,
                       [this](const Tuple &x, const Tuple &y) { return combine(x, y); });
  }
  Tuple acrossLanes(Tuple lanes, int64_t count,
                    llvm::function_ref<Tuple(const Tuple &, const Tuple &)> combine);
  Value convert(Value v, Type to);
  void transpose(MutableArrayRef<Value> rows);

  // Memory.
  SmallVector<Value> address(AxesAttr map, Value time);
  /// The lanes of a row at `time` that are before `limit`.
  Value maskAt(Value time, Value limit);
  /// The row of operand `i` at `time`; where `mask` has none, the identity.
  Value load(unsigned i, Value time, Value mask);
  void store(unsigned i, Value time, Value mask, Value row);
  /// The rows of output `i`, each at its time, from vectors of runs.
  void storeRuns(unsigned i, SmallVector<Value> runs, ArrayRef<Value> starts,
                 ArrayRef<Value> masks);

  /// Asks for the block at `time`, or for the end of the row where it is beyond.
  void fetch(Value time);

  // Blocks: all return the total of theirs.
  /// One block at `time`; `limit` is the row's length if the block is partial.
  Tuple block(Value time, Value limit, const Tuple &total);
  /// The same for several blocks at once, whose rows may end at `limit` or before.
  Tuple blocksTogether(Value time, Value limit, const Tuple &total);
  /// Only the total of a whole block.
  Tuple totalOf(Value time);

  // Sums of exponentials (ScanExponentials.cpp).
  /// One block, as `block`; `state` and the result are an anchor a and a sum s, which stand
  /// for the total a + log(s) of all that came before.
  Tuple exponentialBlock(Value time, Value limit, const Tuple &state);
  /// a + log(s), vectors or scalars.
  Value exponentialTotal(Value anchor, Value sum);
  Tuple exponentialState(Value total);

  // Rows (ScanToBlocks.cpp).
  /// Scans the blocks of [from, end), whole ones; `before` is what came earlier, and
  /// part of the result only where exponentials are added.
  Tuple group(Value from, Value end, const Tuple &before);
  Tuple tail(Value whole, Value length, const Tuple &before, bool total);
  void locate(Value row);
  Tuple initial();
  void storeFinals(const Tuple &total);
  /// Each row is one task.
  void rowByRow(Value rows);
  /// Cores share the rows, group by group.
  void together(Value rows);
  Value distance(Value item, Value next, Value groups, Value step);
  void bind();
  bool isCostly();
  /// Whether outputs are large, and whether every row of them begins with a vector.
  std::pair<Value, Value> largeAndAligned(Value rows);

  ScanOp scan;
  OpBuilder &b;
  Location loc;
  int64_t width, cores;
  /// Outputs of fewer bytes may still be in a cache when somebody reads them.
  int64_t streamBytes;
  /// Blocks between two updates of the outer running total.
  int64_t blocksPerGroup;
  unsigned n;
  /// Combining adds exponentials: their sum is kept instead of its logarithm.
  bool exponentials;
  bool streaming = false;
  Value ahead; // elements from a block to the one to fetch while it is scanned, or none
  SmallVector<Value> seq, outs, initials, finals, results, scratch;
  llvm::StringMap<Value> indices, sizes;
};

} // namespace seqc::cpu

#endif // SEQC_PASSES_LOWERING_CPU_SCANBLOCKS_H
