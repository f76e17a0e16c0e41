//===- ScanToBlocks.cpp - Scans along contiguous rows ---------------------===//
//
// A block is width x width elements.  Transposed, lane l of the vectors holds
// the run l of `width` consecutive elements, so that `width` combinations scan
// all runs at once; log2(width) more scan the runs' totals across lanes.
// Masked loads fill the last block with the identity.
//
// Running totals have two levels, so that no sum has more than a few hundred
// sequential terms per level: rounding errors of long sums stay small.
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "../Steps/Buffers.h"
#include "ScanForm.h"
#include "../Steps/ScalarBlock.h"
#include "../Steps/StepEmitter.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

namespace seqc {
#define GEN_PASS_DEF_SCANTOBLOCKS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::cpu;
using namespace seqc::steps;

/// Blocks between two updates of the outer running total.
static constexpr int64_t blocksPerGroup = 256;

bool cpu::hasBlockedForm(ScanOp scan) {
  if (scan.getExclusive() || scan.getReverse() || scan.getSegments() ||
      scan.getResets())
    return false;
  auto contiguous = [](AxesAttr map) {
    return map.getNames().back().getValue() == RecurrenceOp::getTimeAxis();
  };
  for (AxesAttr map : scan.getSeqMaps().getAsRange<AxesAttr>())
    if (!contiguous(map))
      return false;
  for (AxesAttr map : scan.getOutMaps().getAsRange<AxesAttr>())
    if (!contiguous(map))
      return false;
  for (Value arg : scan.getLeftArgs())
    if (isa<ShapedType>(arg.getType()))
      return false;
  for (Operation &op : scan.getCombine().front().without_terminator())
    if (!isElementwise(&op) && !op.hasTrait<OpTrait::ConstantLike>())
      return false;
  return true;
}

namespace {

class Blocks {
public:
  Blocks(ScanOp scan, OpBuilder &b, int64_t width)
      : scan(scan), b(b), loc(scan.getLoc()), width(width),
        n(scan.getSeq().size()) {}
  void run();

private:
  using Tuple = SmallVector<Value>;
  Value constant(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
  Type element(unsigned i) {
    return StepEmitter::computeType(elementOf(scan.getLeftArgs()[i].getType()));
  }
  /// The identity, as a scalar or in every lane.
  Value identity(unsigned i, bool vector);
  Tuple combine(const Tuple &left, const Tuple &right);
  Tuple broadcast(const Tuple &scalars);
  Value convert(Value v, Type to) { return convertFloat(b, loc, v, to); }
  /// One block at `time`; `limit` is the row's length if the block is partial.
  Tuple block(Value time, Value limit, const Tuple &total);
  SmallVector<Value> address(AxesAttr map, Value time);
  void transpose(MutableArrayRef<Value> rows);

  ScanOp scan;
  OpBuilder &b;
  Location loc;
  int64_t width;
  unsigned n;
  SmallVector<Value> seq, outs;
  llvm::StringMap<Value> indices;
};

} // namespace

Value Blocks::identity(unsigned i, bool vector) {
  return repeatConstant(b, loc, scan.getIdentities()[i], vector ? width : 0);
}

Blocks::Tuple Blocks::combine(const Tuple &left, const Tuple &right) {
  IRMapping mapping;
  for (unsigned i = 0; i < n; ++i) {
    mapping.map(scan.getLeftArgs()[i], left[i]);
    mapping.map(scan.getRightArgs()[i], right[i]);
  }
  return repeatBlock(b, loc, scan.getCombine().front(), scan.getYield().getOuts(),
                     mapping, isa<VectorType>(left[0].getType()) ? width : 0);
}

Blocks::Tuple Blocks::broadcast(const Tuple &scalars) {
  Tuple result;
  for (Value s : scalars)
    result.push_back(
        vector::BroadcastOp::create(b, loc, vectorOf(width, s.getType()), s));
  return result;
}

SmallVector<Value> Blocks::address(AxesAttr map, Value time) {
  SmallVector<Value> result;
  for (auto [axis, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    if (axis.getValue() == RecurrenceOp::getTimeAxis()) {
      result.push_back(time);
      continue;
    }
    Value index = indices.lookup(axis.getValue());
    if (divisor != 1)
      index = arith::DivUIOp::create(b, loc, index, constant(divisor));
    result.push_back(index);
  }
  return result;
}

/// Exchanges row and column bits one at a time, by shuffles of two rows; `rows`
/// are as many as their elements, a power of two.
void Blocks::transpose(MutableArrayRef<Value> rows) {
  for (int64_t bit = 1; bit < width; bit *= 2) {
    SmallVector<int64_t> even, odd;
    for (int64_t c = 0; c < width; ++c) {
      even.push_back(c & bit ? width + (c & ~bit) : c);
      odd.push_back(c & bit ? width + c : c | bit);
    }
    for (int64_t r = 0; r < width; ++r) {
      if (r & bit)
        continue;
      Value a = rows[r], c = rows[r | bit];
      rows[r] = vector::ShuffleOp::create(b, loc, a, c, even);
      rows[r | bit] = vector::ShuffleOp::create(b, loc, a, c, odd);
    }
  }
}

Blocks::Tuple Blocks::block(Value time, Value limit, const Tuple &total) {
  // Masks of the block's rows of `width` elements.
  SmallVector<Value> masks(width), starts;
  for (int64_t r = 0; r < width; ++r) {
    starts.push_back(
        arith::AddIOp::create(b, loc, time, constant(r * width)));
    if (limit) {
      Value rest = arith::SubIOp::create(b, loc, limit, starts[r]);
      rest = arith::MaxSIOp::create(b, loc, rest, constant(0));
      masks[r] = vector::CreateMaskOp::create(
          b, loc, vectorOf(width, b.getI1Type()), ValueRange{rest});
    }
  }
  // A partial block's later rows may start outside the buffer; nothing is read
  // there, since their masks are empty.
  SmallVector<Tuple> runs(width, Tuple(n));
  for (unsigned i = 0; i < n; ++i) {
    auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
    Type stored = cast<MemRefType>(seq[i].getType()).getElementType();
    SmallVector<Value> rows(width);
    for (int64_t r = 0; r < width; ++r) {
      VectorType type = vectorOf(width, stored);
      Value row;
      if (limit) {
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
        row = vector::MaskedLoadOp::create(b, loc, type, seq[i],
                                           address(map, starts[r]), masks[r],
                                           zero);
        row = arith::SelectOp::create(b, loc, masks[r], convert(row, element(i)),
                                      identity(i, true));
      } else {
        row = convert(vector::LoadOp::create(b, loc, type, seq[i],
                                             address(map, starts[r])),
                      element(i));
      }
      rows[r] = row;
    }
    transpose(rows);
    for (int64_t k = 0; k < width; ++k)
      runs[k][i] = rows[k];
  }
  for (int64_t k = 1; k < width; ++k)
    runs[k] = combine(runs[k - 1], runs[k]);
  // Totals of the runs, scanned across lanes.
  Tuple totals = runs[width - 1];
  auto shifted = [&](const Tuple &from, int64_t by) {
    Tuple result;
    for (unsigned i = 0; i < n; ++i) {
      SmallVector<int64_t> order;
      for (int64_t l = 0; l < width; ++l)
        order.push_back(l < by ? width : l - by);
      result.push_back(vector::ShuffleOp::create(b, loc, from[i],
                                                 identity(i, true), order));
    }
    return result;
  };
  for (int64_t by = 1; by < width; by *= 2)
    totals = combine(shifted(totals, by), totals);
  Tuple blockTotal;
  for (Value t : totals)
    blockTotal.push_back(
        vector::ExtractOp::create(b, loc, t, ArrayRef<int64_t>{width - 1}));
  Tuple prefix = combine(broadcast(total), shifted(totals, 1));
  for (int64_t k = 0; k < width; ++k)
    runs[k] = combine(prefix, runs[k]);
  for (unsigned i = 0; i < n; ++i) {
    if (!outs[i]) // nobody reads it
      continue;
    auto map = cast<AxesAttr>(scan.getOutMaps()[i]);
    Type stored = cast<MemRefType>(outs[i].getType()).getElementType();
    SmallVector<Value> rows;
    for (int64_t k = 0; k < width; ++k)
      rows.push_back(runs[k][i]);
    transpose(rows);
    for (int64_t r = 0; r < width; ++r) {
      Value row = convert(rows[r], stored);
      if (limit)
        vector::MaskedStoreOp::create(b, loc, outs[i], address(map, starts[r]),
                                      masks[r], row);
      else
        vector::StoreOp::create(b, loc, row, outs[i], address(map, starts[r]));
    }
  }
  return blockTotal;
}

void Blocks::run() {
  b.setInsertionPoint(scan);
  llvm::StringMap<Value> sizes;
  for (unsigned i = 0; i < n; ++i) {
    seq.push_back(readBuffer(b, loc, scan.getSeq()[i]));
    auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
    for (unsigned d = 0; d < map.size(); ++d)
      if (map.getDivisors()[d] == 1)
        sizes.try_emplace(
            map.getNames()[d].getValue(),
            memref::DimOp::create(b, loc, seq[i], d).getResult());
  }
  SmallVector<Value> results;
  for (auto [i, result] : llvm::enumerate(scan.getOuts())) {
    SmallVector<OpFoldResult> shape;
    for (StringAttr axis : cast<AxesAttr>(scan.getOutMaps()[i]).getNames())
      shape.push_back(sizes.lookup(axis.getValue()));
    if (result.use_empty()) {
      outs.push_back({});
      results.push_back({});
      continue;
    }
    outs.push_back(writeBuffer(b, loc, result, shape, results));
  }
  SmallVector<StringAttr> axes = scan.getCarryAxes();
  SmallVector<Value> initials, finals;
  for (Value initial : scan.getInitials())
    initials.push_back(readBuffer(b, loc, initial));
  if (scan.getFinal())
    for (Value result : scan.getFinals()) {
      SmallVector<OpFoldResult> shape;
      for (StringAttr axis : axes)
        shape.push_back(sizes.lookup(axis.getValue()));
      if (result.use_empty())
        results.push_back({});
      finals.push_back(result.use_empty() ? Value()
                                          : writeBuffer(b, loc, result, shape, results));
    }
  Value rows = constant(1);
  for (StringAttr axis : axes)
    rows = arith::MulIOp::create(b, loc, rows, sizes.lookup(axis.getValue()));
  auto parallel = scf::ParallelOp::create(
      b, loc, ValueRange{constant(0)}, ValueRange{rows}, ValueRange{constant(1)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(parallel.getBody());
    Value rest = parallel.getInductionVars()[0];
    for (StringAttr axis : llvm::reverse(axes)) {
      Value size = sizes.lookup(axis.getValue());
      indices[axis.getValue()] = arith::RemUIOp::create(b, loc, rest, size);
      rest = arith::DivUIOp::create(b, loc, rest, size);
    }
    Value length = sizes.lookup(RecurrenceOp::getTimeAxis());
    Value size = constant(width * width);
    Value whole = arith::MulIOp::create(
        b, loc, arith::DivUIOp::create(b, loc, length, size).getResult(), size);
    Tuple none, first;
    for (unsigned i = 0; i < n; ++i) {
      none.push_back(identity(i, false));
      first.push_back(none.back());
      if (initials.empty())
        continue;
      auto map = cast<AxesAttr>(scan.getInitialMaps()[i]);
      first[i] = convert(memref::LoadOp::create(b, loc, initials[i], address(map, {})),
                         element(i));
    }
    // Outer total, then the inner one: (groups so far) . (blocks of this group).
    Value group = constant(width * width * blocksPerGroup);
    auto outer = scf::ForOp::create(b, loc, constant(0), whole, group, first);
    {
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(outer.getBody());
      Tuple before(outer.getRegionIterArgs());
      Value end = arith::MinUIOp::create(
          b, loc,
          arith::AddIOp::create(b, loc, outer.getInductionVar(), group)
              .getResult(),
          whole);
      auto blocks = scf::ForOp::create(b, loc, outer.getInductionVar(), end, size,
                                       none);
      {
        OpBuilder::InsertionGuard innermost(b);
        b.setInsertionPointToStart(blocks.getBody());
        Tuple running(blocks.getRegionIterArgs());
        Tuple total = block(blocks.getInductionVar(), {}, combine(before, running));
        scf::YieldOp::create(b, loc, combine(running, total));
      }
      scf::YieldOp::create(b, loc, combine(before, Tuple(blocks.getResults())));
    }
    Value partial = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                          whole, length);
    Tuple before(outer.getResults());
    bool ends = llvm::any_of(finals, [](Value v) { return bool(v); });
    auto tail = scf::IfOp::create(b, loc, ends ? TypeRange(ValueRange(before)) : TypeRange(),
                                  partial, /*addThenBlock=*/true, /*addElseBlock=*/ends);
    b.setInsertionPointToStart(tail.thenBlock());
    Tuple last = block(whole, length, before);
    if (ends)
      last = combine(before, last);
    scf::YieldOp::create(b, loc, ends ? ValueRange(last) : ValueRange());
    if (ends) {
      b.setInsertionPointToStart(tail.elseBlock());
      scf::YieldOp::create(b, loc, before);
    }
    b.setInsertionPointAfter(tail);
    for (unsigned i = 0; i < finals.size(); ++i)
      if (finals[i]) {
        SmallVector<Value> at;
        for (StringAttr axis : axes)
          at.push_back(indices[axis.getValue()]);
        Type stored = cast<MemRefType>(finals[i].getType()).getElementType();
        memref::StoreOp::create(b, loc, convert(tail.getResult(i), stored), finals[i], at);
      }
  }
  finishResults(b, scan, results);
}

namespace {
struct ScanToBlocks : seqc::impl::ScanToBlocksBase<ScanToBlocks> {
  using ScanToBlocksBase::ScanToBlocksBase;
  void runOnOperation() override {
    SmallVector<ScanOp> scans;
    getOperation()->walk([&](ScanOp scan) {
      if (hasBlockedForm(scan))
        scans.push_back(scan);
    });
    for (ScanOp scan : scans) {
      OpBuilder builder(scan);
      Blocks(scan, builder, width).run();
    }
  }
};
} // namespace
