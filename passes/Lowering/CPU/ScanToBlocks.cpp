//===- ScanToBlocks.cpp - Scans along contiguous rows ---------------------===//
//
// Rows are tasks; where there are fewer rows than cores, cores take turns at the groups
// of a row.  Running totals have two levels, groups and the blocks of one, so that no
// sum has more than a few hundred sequential terms per level: rounding errors of long
// sums stay small.
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "../Steps/Buffers.h"
#include "ScanBlocks.h"
#include "ScanForm.h"

#include "seqc/dialects/Seq/ChosenTiles.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace seqc {
#define GEN_PASS_DEF_SCANTOBLOCKS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::cpu;
using namespace seqc::steps;

Blocks::Blocks(ScanOp scan, OpBuilder &b, int64_t width, int64_t cores, int64_t streamBytes)
    : scan(scan), b(b), loc(scan.getLoc()), width(width), cores(cores),
      streamBytes(streamBytes),
      blocksPerGroup(chosenTile(scan, kBlocksKnob).value_or(kBlocksPerGroup)),
      n(scan.getSeq().size()),
      exponentials(structure::addsExponentials(scan) && element(0).isF32()) {}

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
    if (!op.hasTrait<OpTrait::ConstantLike>() && !(isElementwise(&op) && isSpeculatable(&op)))
      return false; // lanes also combine what is not next to each other, for nothing
  return true;
}

bool Blocks::isCostly() {
  return !exponentials && llvm::any_of(scan.getCombine().front().without_terminator(),
                      [](Operation &op) { return steps::isCostly(&op); });
}

Blocks::Tuple Blocks::group(Value from, Value end, const Tuple &before) {
  int64_t size = width * width * (isCostly() ? togetherOf(width) : 1);
  Tuple none;
  for (unsigned i = 0; i < n; ++i)
    none.push_back(identity(i, false));
  if (exponentials)
    none = exponentialState(before[0]);
  auto blocks = scf::ForOp::create(b, loc, from, end, constant(size), none);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(blocks.getBody());
  Tuple running(blocks.getRegionIterArgs());
  if (exponentials) {
    scf::YieldOp::create(b, loc, exponentialBlock(blocks.getInductionVar(), {}, running));
    b.setInsertionPointAfter(blocks);
    return {exponentialTotal(blocks.getResult(0), blocks.getResult(1))};
  }
  if (ahead)
    fetch(plus(blocks.getInductionVar(), ahead));
  Tuple base = combine(before, running);
  Tuple total = isCostly() ? blocksTogether(blocks.getInductionVar(), end, base)
                           : block(blocks.getInductionVar(), {}, base);
  scf::YieldOp::create(b, loc, combine(running, total));
  return Tuple(blocks.getResults());
}

/// The last block of a row, if it is a partial one.  Returns the row's total if asked.
Blocks::Tuple Blocks::tail(Value whole, Value length, const Tuple &before, bool total) {
  Value partial =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, whole, length);
  auto tail = scf::IfOp::create(b, loc, total ? TypeRange(ValueRange(before)) : TypeRange(),
                                partial, /*addThenBlock=*/true, /*addElseBlock=*/total);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tail.thenBlock());
  Tuple all;
  if (exponentials) {
    Tuple last = exponentialBlock(whole, length, exponentialState(before[0]));
    if (total)
      all = {exponentialTotal(last[0], last[1])};
  } else {
    Tuple last = block(whole, length, before);
    if (total)
      all = combine(before, last);
  }
  scf::YieldOp::create(b, loc, all);
  if (total) {
    b.setInsertionPointToStart(tail.elseBlock());
    scf::YieldOp::create(b, loc, before);
  }
  return Tuple(tail.getResults());
}

void Blocks::locate(Value row) {
  for (StringAttr axis : llvm::reverse(scan.getCarryAxes())) {
    Value size = sizes.lookup(axis.getValue());
    indices[axis.getValue()] = arith::RemUIOp::create(b, loc, row, size);
    row = arith::DivUIOp::create(b, loc, row, size);
  }
}

Blocks::Tuple Blocks::initial() {
  Tuple first;
  for (unsigned i = 0; i < n; ++i) {
    if (initials.empty()) {
      first.push_back(identity(i, false));
      continue;
    }
    auto map = cast<AxesAttr>(scan.getInitialMaps()[i]);
    first.push_back(convert(
        memref::LoadOp::create(b, loc, initials[i], address(map, {})), element(i)));
  }
  return first;
}

void Blocks::storeFinals(const Tuple &total) {
  for (unsigned i = 0; i < finals.size(); ++i)
    if (finals[i]) {
      SmallVector<Value> at;
      for (StringAttr axis : scan.getCarryAxes())
        at.push_back(indices[axis.getValue()]);
      Type stored = cast<MemRefType>(finals[i].getType()).getElementType();
      memref::StoreOp::create(b, loc, convert(total[i], stored), finals[i], at);
    }
}

void Blocks::rowByRow(Value rows) {
  auto parallel = scf::ParallelOp::create(b, loc, ValueRange{constant(0)}, ValueRange{rows},
                                          ValueRange{constant(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(parallel.getBody());
  locate(parallel.getInductionVars()[0]);
  scratch.clear();
  if (isCostly())
    for (unsigned i = 0; i < n; ++i)
      scratch.push_back(memref::AllocaOp::create(
          b, loc, MemRefType::get({width, togetherOf(width) * width}, element(i)),
          b.getI64IntegerAttr(64)));
  Value length = sizes.lookup(RecurrenceOp::getTimeAxis()), whole = length;
  Value size = constant(width * width);
  if (!isCostly())
    whole = arith::MulIOp::create(
        b, loc, arith::DivUIOp::create(b, loc, length, size).getResult(), size);
  // Outer total, then the inner one: (groups so far) . (blocks of this group).
  Value step = constant(width * width * blocksPerGroup);
  auto outer = scf::ForOp::create(b, loc, constant(0), whole, step, initial());
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(outer.getBody());
    Tuple before(outer.getRegionIterArgs());
    Value from = outer.getInductionVar();
    Value end = arith::MinUIOp::create(b, loc, plus(from, step), whole);
    Tuple all = group(from, end, before);
    scf::YieldOp::create(b, loc, exponentials ? all : combine(before, all));
  }
  Tuple total(outer.getResults());
  bool ends = llvm::any_of(finals, [](Value v) { return bool(v); });
  if (!isCostly()) {
    Tuple all = tail(whole, length, total, ends);
    if (ends)
      total = all;
  }
  if (ends)
    storeFinals(total);
}

/// A core reads its group for its total, waits for what comes before it, passes on what
/// comes before the next one, takes its next group, and scans the one it has, which is in
/// its cache by then, fetching the next one meanwhile: memory is never only read or only
/// written.  Whoever takes a group has the earlier ones taken and passes on all that it
/// knows before: nobody waits for ever, however few threads there are.  The order of
/// combination is that of the groups.
void Blocks::together(Value rows) {
  Value length = sizes.lookup(RecurrenceOp::getTimeAxis());
  Value size = constant(width * width), step = constant(width * width * blocksPerGroup);
  Value groups = arith::CeilDivUIOp::create(b, loc, length, step);
  Value items = arith::MulIOp::create(b, loc, rows, groups);
  Type i64 = b.getI64Type();
  // The next group, then whether the total before the one after each is known.
  Value flags = memref::AllocOp::create(
      b, loc, MemRefType::get({ShapedType::kDynamic}, i64), ValueRange{plus(items, 1)},
      b.getI64IntegerAttr(64));
  Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(i64));
  Value one = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(1));
  auto clear = scf::ForOp::create(b, loc, constant(0), plus(items, 1), constant(1));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(clear.getBody());
    memref::StoreOp::create(b, loc, none, flags, ValueRange{clear.getInductionVar()});
  }
  Tuple totals;
  for (unsigned i = 0; i < n; ++i)
    totals.push_back(memref::AllocOp::create(
        b, loc, MemRefType::get({ShapedType::kDynamic}, element(i)), ValueRange{items},
        b.getI64IntegerAttr(64)));
  auto add = [&](Value what, Value at) -> Value {
    return memref::AtomicRMWOp::create(b, loc, arith::AtomicRMWKind::addi, what, flags,
                                       ValueRange{at});
  };
  auto take = [&]() -> Value {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), add(one, constant(0)));
  };
  auto parallel = scf::ParallelOp::create(b, loc, ValueRange{constant(0)},
                                          ValueRange{constant(cores)}, ValueRange{constant(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(parallel.getBody());
  auto loop = scf::WhileOp::create(b, loc, TypeRange{b.getIndexType()}, ValueRange{take()});
  Block *check = b.createBlock(&loop.getBefore(), {}, {b.getIndexType()}, {loc});
  Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                     check->getArgument(0), items);
  scf::ConditionOp::create(b, loc, more, check->getArguments());
  Block *body = b.createBlock(&loop.getAfter(), {}, {b.getIndexType()}, {loc});
  Value item = body->getArgument(0);
  Value row = arith::DivUIOp::create(b, loc, item, groups);
  Value number = arith::RemUIOp::create(b, loc, item, groups);
  locate(row);
  Value from = arith::MulIOp::create(b, loc, number, step);
  Value end = arith::MinUIOp::create(b, loc, plus(from, step), length);
  Value whole = plus(from, arith::MulIOp::create(
                               b, loc,
                               arith::DivUIOp::create(
                                   b, loc, arith::SubIOp::create(b, loc, end, from).getResult(),
                                   size)
                                   .getResult(),
                               size)
                               .getResult());
  Tuple zero;
  for (unsigned i = 0; i < n; ++i)
    zero.push_back(identity(i, false));
  auto sum = scf::ForOp::create(b, loc, from, whole, size, zero);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(sum.getBody());
    scf::YieldOp::create(b, loc, combine(Tuple(sum.getRegionIterArgs()),
                                         totalOf(sum.getInductionVar())));
  }
  // What comes before.
  Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, number, constant(0));
  auto choice = scf::IfOp::create(b, loc, TypeRange(ValueRange(zero)), first,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b, loc, initial());
    b.setInsertionPointToStart(choice.elseBlock());
    auto wait = scf::WhileOp::create(b, loc, TypeRange(), ValueRange());
    {
      OpBuilder::InsertionGuard waiting(b);
      b.createBlock(&wait.getBefore());
      Value known = add(none, item);
      Value unknown = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, known, none);
      scf::ConditionOp::create(b, loc, unknown, ValueRange());
      b.createBlock(&wait.getAfter());
      scf::YieldOp::create(b, loc);
    }
    Value previous = arith::SubIOp::create(b, loc, item, constant(1));
    Tuple before;
    for (unsigned i = 0; i < n; ++i)
      before.push_back(memref::LoadOp::create(b, loc, totals[i], ValueRange{previous}));
    scf::YieldOp::create(b, loc, before);
  }
  Tuple before(choice.getResults());
  Tuple after = combine(before, Tuple(sum.getResults()));
  for (unsigned i = 0; i < n; ++i)
    memref::StoreOp::create(b, loc, after[i], totals[i], ValueRange{item});
  add(one, plus(item, 1));
  Value next = take();
  ahead = distance(item, next, groups, step);
  group(from, whole, before);
  ahead = {};
  // The last group of a row may end with a partial block.
  bool ends = llvm::any_of(finals, [](Value v) { return bool(v); });
  Tuple all = tail(whole, end, after, ends);
  if (ends) {
    Value last = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, end, length);
    auto then = scf::IfOp::create(b, loc, last, /*withElse=*/false);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(then.thenBlock());
    storeFinals(all);
  }
  scf::YieldOp::create(b, loc, next);
}

/// How far the group `next` is from `item`, if it is of the same row; or else 0.
Value Blocks::distance(Value item, Value next, Value groups, Value step) {
  auto rowOf = [&](Value v) -> Value { return arith::DivUIOp::create(b, loc, v, groups); };
  Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rowOf(item),
                                     rowOf(next));
  Value far = arith::MulIOp::create(
      b, loc, arith::SubIOp::create(b, loc, next, item).getResult(), step);
  return arith::SelectOp::create(b, loc, same, far, constant(0));
}

std::pair<Value, Value> Blocks::largeAndAligned(Value rows) {
  Value bytes, aligned;
  Value length = sizes.lookup(RecurrenceOp::getTimeAxis());
  Value single = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rows, constant(1));
  for (Value out : outs) {
    if (!out)
      continue;
    auto type = cast<MemRefType>(out.getType());
    if (!type.getLayout().isIdentity())
      return {};
    int64_t each = (type.getElementTypeBitWidth() + 7) / 8;
    Value row = arith::MulIOp::create(b, loc, length, constant(each));
    Value size = arith::MulIOp::create(b, loc, row, rows);
    auto whole = [&](Value v) -> Value {
      return arith::CmpIOp::create(
          b, loc, arith::CmpIPredicate::eq,
          arith::RemUIOp::create(b, loc, v, constant(width * each)).getResult(), constant(0));
    };
    Value pointer = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, out);
    Value good = arith::AndIOp::create(
        b, loc, whole(pointer), arith::OrIOp::create(b, loc, single, whole(row)).getResult());
    bytes = bytes ? plus(bytes, size) : size;
    aligned = aligned ? arith::AndIOp::create(b, loc, aligned, good).getResult() : good;
  }
  if (!bytes)
    return {};
  Value large = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, bytes,
                                      constant(streamBytes));
  return {large, aligned};
}

void Blocks::bind() {
  b.setInsertionPoint(scan);
  for (unsigned i = 0; i < n; ++i) {
    seq.push_back(readBuffer(b, loc, scan.getSeq()[i]));
    auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
    for (unsigned d = 0; d < map.size(); ++d)
      if (map.getDivisors()[d] == 1)
        sizes.try_emplace(
            map.getNames()[d].getValue(),
            memref::DimOp::create(b, loc, seq[i], d).getResult());
  }
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
}

void Blocks::run() {
  bind();
  Value rows = constant(1);
  for (StringAttr axis : scan.getCarryAxes())
    rows = arith::MulIOp::create(b, loc, rows, sizes.lookup(axis.getValue()));
  auto [large, aligned] =
      isCostly() ? std::pair<Value, Value>() : largeAndAligned(rows);
  if (!large) {
    rowByRow(rows);
    return finishResults(b, scan, results);
  }
  // With and without stores around the caches.
  auto either = [&](Value condition, llvm::function_ref<void()> emit) {
    auto choice = scf::IfOp::create(b, loc, condition, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    streaming = true;
    emit();
    streaming = false;
    b.setInsertionPointToStart(choice.elseBlock());
    emit();
  };
  Value streams = arith::AndIOp::create(b, loc, large, aligned);
  if (cores == 1 || exponentials) {
    either(streams, [&] { rowByRow(rows); });
    return finishResults(b, scan, results);
  }
  Value fewer =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, rows, constant(cores));
  auto choice = scf::IfOp::create(
      b, loc, arith::AndIOp::create(b, loc, large, fewer).getResult(), /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    either(aligned, [&] { together(rows); });
    b.setInsertionPointToStart(choice.elseBlock());
    either(streams, [&] { rowByRow(rows); });
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
      Blocks(scan, builder, width, cores, streamBytes).run();
    }
  }
};
} // namespace
