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

namespace seqc::scan {

using namespace mlir;
using namespace seqc::steps;

inline constexpr int64_t lanes = 32; // of a warp
/// Threads side by side over the rows of a tile, where time is not contiguous: a
/// warp reads them together, and the block's warps follow one another in time.
inline constexpr int64_t threadsTogether = 32;
/// Of 32 bits, of a multiprocessor.
inline constexpr int64_t registersOfProcessor = 65536;
/// What a tile or a group has published: nothing yet, its total, or its prefix with it.
enum : int64_t { Unknown = 0, TotalKnown = 1, PrefixKnown = 2 };

/// Emits the kernels of a scan in place of it.
class Kernels {
public:
  Kernels(ScanOp scan, OpBuilder &b)
      : scan(scan), b(b), loc(scan.getLoc()), n(scan.getSeq().size()) {}
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
    SmallVector<Value> seq, weights, outs; // buffers; null: given, or not stored
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
  void store(Value time, const Tuple &values, int64_t begin, int64_t end,
             bool vectors);
  SmallVector<Value> address(AxesAttr map, Value time);
  llvm::StringMap<Value> indicesOf(Value row);
  Tuple choose(Value condition, const Tuple &then, const Tuple &otherwise);
  void when(Value condition, llvm::function_ref<void()> body);
  Value physical(Value logical);
  void chooseShape();
  Value vectorsFit();
  int64_t registersOfElement();
  int64_t residentBlocks();
  void clearSlots(Value count);
  void kernelBody(Value ticketed);
  Tuple firstPrefix();
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

  // What tiles and groups publish, in slots: those of tiles, then those of groups.
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
  void exchangeRuns(Value base);
  void copyElement(unsigned i, Value from, Value to);
  Tuple foldRuns(Value base);
  SmallVector<Tuple> loadAll(llvm::function_ref<Value(int64_t)> place);
  void storeAll(llvm::function_ref<Value(int64_t)> place,
                llvm::function_ref<Tuple(int64_t)> values);
  Value exists(Value at, int64_t c);
  Value striped(int64_t k);
  Value runOfStriped(int64_t k);
  Value placeInRun(int64_t k);
  Value anew(Value base);
  void finishRuns(Value base, const Tuple &before);

  ScanOp scan;
  OpBuilder &b;
  Location loc;
  unsigned n;
  bool contiguous = false; // along time
  bool copied = false;     // elements go to shared memory past registers
  int64_t blockThreads = 256;
  int64_t items = 16;      // elements of a thread's row
  int64_t wide = 1;        // rows of a thread
  int64_t columns = 1;     // threads side by side over the rows of a tile
  SmallVector<Value> seq, initials, outs, finals;
  // Shared memory: elements on their way to and from a thread's run, folds of runs
  // or groups, and what looking back found.
  SmallVector<Value> exchange, partial, handed;
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
