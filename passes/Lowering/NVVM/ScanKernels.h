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
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc::scan {

using namespace mlir;
using namespace seqc::steps;

inline constexpr int64_t blockThreads = 256;
/// Neighbouring rows of a tile, where time is not contiguous: a warp reads them
/// together, and the block's warps follow one another in time.
inline constexpr int64_t rowsTogether = 32;
/// A tile's state: nothing yet, its total, or its prefix too.
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
  Value convert(Value v, Type to) { return convertFloat(b, loc, v, to); }
  Tuple identities();
  Tuple combine(const Tuple &left, const Tuple &right);
  Tuple load(Value time);
  SmallVector<Value> address(AxesAttr map, Value time);
  /// A pointer to element `index` of a buffer of i32.
  Value pointer(Value buffer, Value index);
  Tuple choose(Value condition, const Tuple &then, const Tuple &otherwise);
  void when(Value condition, llvm::function_ref<void()> body);
  Value physical(Value logical);
  void clearStates(Value count);
  void kernelBody(Value ticketed);
  Tuple lookBack(Value tile, Value rowBlock, Value row);
  Tuple scanThreads(const Tuple &total, Tuple &all);
  Tuple exchanged(Value at);
  SmallVector<Tuple> loadRuns(Value base);
  SmallVector<Tuple> loadAll(llvm::function_ref<Value(int64_t)> place);
  void storeAll(llvm::function_ref<Value(int64_t)> place, ArrayRef<Tuple> values);
  Value exists(Value at);
  Value striped(int64_t k);
  void storeRuns(Value base, ArrayRef<Tuple> runs);

  ScanOp scan;
  OpBuilder &b;
  Location loc;
  unsigned n;
  bool contiguous = false; // along time
  int64_t items = 16;      // elements of a thread
  SmallVector<Value> seq, initials, outs, finals, totals, prefixes, exchange;
  int64_t columns = 1;     // rows of a tile
  Value states, length, rows, rowBlocks, tiles, rowExists;
  Value thread, column, seen, wholeTile;
  llvm::StringMap<Value> sizes, indices;
  /// Per operand the map that computes it, or null; and those maps' operands.
  SmallVector<RecurrenceOp> maps;
  llvm::DenseMap<Operation *, SmallVector<Value>> mapSeq, mapWeights;
};

/// The map that computes operand `i`, token by token on scalars, if there is one.
RecurrenceOp mapOf(ScanOp scan, unsigned i);

} // namespace seqc::scan

#endif // SEQC_PASSES_LOWERING_NVVM_SCANKERNELS_H
