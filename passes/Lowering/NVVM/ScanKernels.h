//===- ScanKernels.h - The kernels of one scan ------------------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_NVVM_SCANKERNELS_H
#define SEQC_PASSES_LOWERING_NVVM_SCANKERNELS_H

#include "../Steps/Buffers.h"
#include "../Steps/ScalarBlock.h"
#include "../Steps/StepEmitter.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <deque>
#include <tuple>

namespace seqc::scan {

using namespace mlir;
using namespace seqc::steps;

inline constexpr int64_t lanes = 32; // of a warp
/// Threads side by side over the rows of a tile, where time is not contiguous:
/// a warp reads them together, and the block's warps follow one another in
/// time.
inline constexpr int64_t threadsTogether = 32;
/// Of 32 bits, of a multiprocessor.
inline constexpr int64_t registersOfProcessor = 65536;
/// What a tile or a group has published: nothing yet, its total, or its prefix
/// with it.
enum : int64_t { Unknown = 0, TotalKnown = 1, PrefixKnown = 2 };

/// Emits the kernels of a scan in place of it.
class Kernels {
public:
  Kernels(ScanOp scan, OpBuilder &b)
      : scan(scan), b(b), loc(scan.getLoc()), members(scan.getSeq().size()),
        flagged(scan.getSegments() || scan.getResets()), n(members + flagged) {
    for (StringAttr axis : scan.getCarryAxes())
      if (axis != scan.getSegmentAxis())
        rowAxes.push_back(axis);
  }
  void run();

private:
  using Tuple = SmallVector<Value>;
  Value constant(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value less(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y);
  }
  Value equal(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
  }
  Type element(unsigned i) {
    if (i == members)
      return b.getI32Type();
    return StepEmitter::computeType(scan.getLeftArgs()[i].getType());
  }
  /// Elements of a row in a tile.
  int64_t tileLength() const { return blockThreads / columns * items; }
  /// Tiles of a group: a lane or a warp looks at each.
  int64_t groupSize() const { return contiguous ? lanes : blockThreads / columns; }
  Value number(int64_t v); // an i32
  Value atLeast(Value x, int64_t v) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, x, constant(v));
  }
  /// The thread's run of the tile, where time is not contiguous.
  Value runOfThread() {
    return arith::DivUIOp::create(b, loc, thread, constant(columns));
  }
  Value convert(Value v, Type to) { return convertFloat(b, loc, v, to); }

  /// A map whose step runs in the kernel: before the scan, or after it.
  struct Map {
    RecurrenceOp op;
    SmallVector<Value> seq, weights,
        outs; // buffers; null: given, or not stored
    SmallVector<AxesAttr> seqAxes, weightAxes, outAxes; // by the scan's names
    SmallVector<unsigned> given; // per sequence operand: the scan's output
  };
  void readMaps();
  void takeConsumers(SmallVectorImpl<Value> &replacements);
  void sizesOf(AxesAttr axes, Value buffer);
  SmallVector<Value> mapBuffers() const;

  // A thread's elements: those of its first row, then of the next.
  Tuple identities();
  Tuple combine(const Tuple &left, const Tuple &right);
  Tuple combineRow(ArrayRef<Value> left, ArrayRef<Value> right);
  bool isWide(Value buffer, AxesAttr axes);
  void nameRow(int64_t c, bool vectors);
  Value vectorPointer(Value buffer, AxesAttr axes, Value time);
  Tuple fetch(Value buffer, AxesAttr axes, Value time, int64_t begin, int64_t end,
              bool vectors);
  void write(Value buffer, AxesAttr axes, Value time, const Tuple &values,
             int64_t begin, bool vectors);
  SmallVector<Tuple> runMap(Map &map, Value time, int64_t begin, int64_t end,
                            bool vectors,
                            llvm::function_ref<Value(unsigned, int64_t)> given);
  Tuple load(Value time, int64_t begin, int64_t end, bool vectors);
  void store(Value time, Tuple values, int64_t begin, int64_t end, bool vectors);
  SmallVector<Value> address(AxesAttr map, Value time);
  llvm::StringMap<Value> indicesOf(Value row);
  Tuple choose(Value condition, const Tuple &then, const Tuple &otherwise);
  void when(Value condition, llvm::function_ref<void()> body);
  Value physical(Value logical);
  void chooseShape();
  Value vectorsFit();
  int64_t registersOfElement();
  int64_t residentBlocks();
  int64_t registersRead();
  void clearSlots(Value count);
  void kernelBody(Value ticketed);
  Tuple firstPrefix();
  // Segments and resets (ScanSegments).
  void readSegments();
  void markTokens();
  void storeEmptyFinals();
  Value tableEntry(Value segment);
  Value markOf(Value time);
  Value segmentOf(Value mark);
  Value isFlagged(Value time, Value mark);
  Value bitOf(Value bits, int64_t k);
  Tuple where(Value flag, llvm::function_ref<Tuple()> then, const Tuple &otherwise);
  Tuple startOf(Value mark);
  void restart(Value time, Tuple &values, int64_t begin, int64_t end, bool vectors);
  void finishSegments(Value time, Tuple &values, int64_t begin, int64_t end,
                      bool vectors);
  SmallVector<Value> finalAddress(unsigned i);
  // Vectors along time (ScanVectors).
  void chooseVectors();
  int64_t unitBytes(unsigned i) {
    return along * element(i).getIntOrFloatBitWidth() / 8;
  }
  Value unitPlace(Value run, Value unit);
  int64_t placeInUnit(int64_t k);
  Value unitOf(int64_t j);
  Value runOfUnit(int64_t j);
  Value placeOfUnit(int64_t j);
  Value timeOfUnit(Value base, int64_t j);
  Value sharedPointer(unsigned i, Value at);
  SmallVector<Tuple> takenUnit(Value at);
  Value unitVector(ArrayRef<Tuple> values, unsigned i, Type type);
  void putUnit(Value at, ArrayRef<Tuple> values);
  void exchangeUnits(Value base);
  Tuple foldUnits();
  void storeUnits(Value base);
  void storeFinals(const Tuple &inclusive, Value tile);
  bool shuffles();
  Tuple shuffled(const Tuple &values, Value by, gpu::ShuffleMode mode);
  Tuple scanLanes(Tuple current, Value lane);
  Tuple scanThreads(const Tuple &total, Tuple &all);
  Tuple scanWarps(const Tuple &total, Tuple &all);
  void keepHere();
  Tuple foldBefore(ArrayRef<Value> from, int64_t apart, Value first, Value run,
                   Tuple &before);
  /// A thread's rows' values in shared memory.
  Tuple taken(ArrayRef<Value> from, Value at);
  void put(ArrayRef<Value> to, Value at, const Tuple &values);

  // What tiles and groups publish, in slots: those of tiles, then those of
  // groups.
  int64_t wordsOfRow();
  SmallVector<Type> typesOfRows();
  Value wordPointer(Value slot, int64_t c, int64_t word);
  void publish(Value slot, const Tuple &values, int64_t state);
  Tuple published(Value slot, Value &state);
  Tuple awaited(Value slot, Value &state);
  Tuple either(Value exists, llvm::function_ref<Tuple(Value &)> known,
               llvm::function_ref<Tuple(Value &)> otherwise, Value &state);
  Tuple beforeFirst(Value group, Value place);
  Tuple earlierGroup(Value group, Value place, const Tuple &start, bool wait,
                     Value &state);
  Tuple lookBack(Value tile, const Tuple &all);
  Tuple lookBackLanes(
      Value tile, const Tuple &all, Value group, Value place,
      llvm::function_ref<void(const Tuple &, int64_t)> publishGroup);
  Tuple lookBackWarps(
      Value tile, const Tuple &all, Value group, Value place,
      llvm::function_ref<void(const Tuple &, int64_t)> publishGroup);
  Tuple loadIfAny(Value at, int64_t c);
  void byUnits(llvm::function_ref<void()> units);
  void exchangeRuns(Value base);
  void copyElement(unsigned i, Value from, Value to);
  Tuple foldRuns(Value base);
  Tuple foldRun(llvm::function_ref<Tuple(int64_t)> next);
  void readAhead(Value time);
  SmallVector<Tuple> loadAll(llvm::function_ref<Value(int64_t)> place);
  void storeAll(llvm::function_ref<Value(int64_t)> place,
                llvm::function_ref<Tuple(int64_t)> values);
  Value exists(Value at, int64_t c);
  Value striped(int64_t k);
  Value runOfStriped(int64_t k);
  Value placeInRun(int64_t k);
  void keepFlags(const Tuple &fold, int64_t k);
  void giveFlags(Tuple &fold, int64_t k);
  Value anew(Value base);
  void finishRuns(Value base, const Tuple &before);

  ScanOp scan;
  OpBuilder &b;
  Location loc;
  unsigned members; // of the scan's tuple
  /// The tuple has one more member: whether a token in it drops all to its
  /// left.
  bool flagged;
  unsigned n;
  SmallVector<StringAttr> rowAxes; // all but time
  bool contiguous = false;         // along time
  bool copied = false;             // elements go to shared memory past registers
  int64_t blockThreads = 256;
  int64_t items = 16;  // elements of a thread's row
  int64_t wide = 1;    // rows of a thread
  int64_t along = 1;   // elements of a unit along time, where it is contiguous
  int64_t columns = 1; // threads side by side over the rows of a tile
  SmallVector<Value> seq, initials, outs, finals;
  // Shared memory: elements on their way to and from a thread's run, folds of
  // runs or groups, and what looking back found.
  SmallVector<Value> exchange, partial, handed;
  Value table, marks, resets; // of segments; of tokens
  /// What was read of a buffer at a time before it is mapped.
  llvm::DenseMap<std::tuple<Value, Attribute, Value>, Tuple> ahead;
  /// Per row: the flag of the k-th fold of a thread's run is bit k.
  SmallVector<Value> flagsOfRun;
  Value slots, slotsOfRow, paddedRows, length, rows, rowBlocks, tiles, fits;
  Value thread, column, seen, wholeTile, threadRow;
  llvm::StringMap<Value> sizes, indices, firstRow;
  std::deque<Map> maps; // computed before the scan
  /// Per operand the map that computes it, or null, and which of its results.
  SmallVector<std::pair<Map *, unsigned>> producers;
  std::deque<Map> consumers; // computed after it
};

/// True for a map, token by token, on scalars.
bool isScalarMap(RecurrenceOp map);

} // namespace seqc::scan

#endif // SEQC_PASSES_LOWERING_NVVM_SCANKERNELS_H
