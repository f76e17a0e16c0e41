//===- ScanToKernels.cpp - Scans in one pass with decoupled look-back -----===//
//
// Rows are cut into tiles along time; a block scans a tile of one row (time
// contiguous) or of 32 neighbouring rows (another axis contiguous).  A tile
// publishes its total, then looks back for what comes before it (ScanLookBack).
// Tiles are numbered by a ticket: a tile that runs only waits for tiles that
// run.
//
// D. Merrill and M. Garland, "Single-pass Parallel Prefix Scan with Decoupled
// Look-back", NVR-2016-002.
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "ScanKernels.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

namespace seqc {
#define GEN_PASS_DEF_SCANTOKERNELS
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

/// True for a scan of scalars.
static bool hasKernels(ScanOp scan) {
  return llvm::none_of(scan.getLeftArgs(), [](BlockArgument arg) {
    return isa<ShapedType>(arg.getType()) || arg.getType().isIndex();
  });
}

Kernels::Tuple Kernels::identities() {
  Tuple result;
  for (int64_t c = 0; c < wide; ++c) {
    for (Value identity : scan.getIdentities())
      result.push_back(repeatConstant(b, loc, identity));
    if (flagged)
      result.push_back(number(0));
  }
  return result;
}

Kernels::Tuple Kernels::combine(const Tuple &left, const Tuple &right) {
  Tuple result;
  for (int64_t c = 0; c < wide; ++c)
    llvm::append_range(result, combineRow(ArrayRef<Value>(left).slice(c * n, n),
                                          ArrayRef<Value>(right).slice(c * n, n)));
  return result;
}

Kernels::Tuple Kernels::combineRow(ArrayRef<Value> left, ArrayRef<Value> right) {
  IRMapping mapping;
  for (unsigned i = 0; i < members; ++i) {
    mapping.map(scan.getLeftArgs()[i], left[i]);
    mapping.map(scan.getRightArgs()[i], right[i]);
  }
  Tuple both(repeatBlock(b, loc, scan.getCombine().front(), scan.getYield().getOuts(),
                         mapping));
  if (!flagged)
    return both;
  both = choose(equal(right[members], number(0)), both,
                Tuple(right.take_front(members)));
  both.push_back(arith::OrIOp::create(b, loc, left[members], right[members]));
  return both;
}

SmallVector<Value> Kernels::address(AxesAttr map, Value time) {
  SmallVector<Value> result;
  for (auto [axis, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    Value index = axis.getValue() == RecurrenceOp::getTimeAxis()
                      ? time
                      : indices.lookup(axis.getValue());
    if (divisor != 1)
      index = arith::DivUIOp::create(b, loc, index, constant(divisor));
    result.push_back(index);
  }
  return result;
}

Kernels::Tuple Kernels::choose(Value condition, const Tuple &then,
                               const Tuple &otherwise) {
  Tuple result;
  for (auto [x, y] : llvm::zip(then, otherwise))
    result.push_back(arith::SelectOp::create(b, loc, condition, x, y));
  return result;
}

void Kernels::when(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

Value Kernels::physical(Value logical) {
  if (!scan.getReverse())
    return logical;
  Value last = arith::SubIOp::create(b, loc, length, constant(1));
  return arith::SubIOp::create(b, loc, last, logical);
}

void Kernels::kernelBody(Value ticketed) {
  when(equal(thread, constant(0)), [&] {
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, slots);
    Value bits = arith::IndexCastOp::create(b, loc, b.getI64Type(), base);
    Value place = LLVM::IntToPtrOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*global=*/1), bits);
    Value ticket = LLVM::AtomicRMWOp::create(
        b, loc, LLVM::AtomicBinOp::add, place, number(1),
        LLVM::AtomicOrdering::monotonic, "device");
    memref::StoreOp::create(b, loc, ticket, ticketed, ValueRange{constant(0)});
  });
  gpu::BarrierOp::create(b, loc);
  Value ticket = arith::IndexCastUIOp::create(
      b, loc, b.getIndexType(),
      memref::LoadOp::create(b, loc, ticketed, ValueRange{constant(0)}).getResult());
  Value tile = arith::DivUIOp::create(b, loc, ticket, rowBlocks);
  Value rowBlock = arith::RemUIOp::create(b, loc, ticket, rowBlocks);
  Value row = rowBlock;
  if (!contiguous)
    row = mul(add(mul(rowBlock, constant(columns)), column), constant(wide));
  threadRow = row;
  // A row that does not exist has names all the same, and is not touched.
  firstRow = indicesOf(row);
  Value base = mul(tile, constant(tileLength()));
  wholeTile = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule,
                                    add(base, constant(tileLength())), length);
  if (!contiguous) {
    Value lastRow = mul(add(rowBlock, constant(1)), constant(columns * wide));
    Value inside =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, lastRow, rows);
    wholeTile = arith::AndIOp::create(
        b, loc, wholeTile, arith::AndIOp::create(b, loc, inside, fits));
    base = add(base, mul(runOfThread(), constant(items)));
  }

  Tuple total = foldRuns(base);
  Tuple all;
  Tuple within = scanThreads(total, all);
  Tuple prefix = lookBack(tile, all);
  if (!finals.empty() && !table)
    storeFinals(combine(prefix, all), tile);
  Tuple before = combine(prefix, within);
  finishRuns(base, before);
}

/// What comes before the first tile.
Kernels::Tuple Kernels::firstPrefix() {
  if (initials.empty() || table)
    return identities();
  Tuple start;
  for (int64_t c = 0; c < wide; ++c) {
    // The last rows of the last tile may not exist.
    Value last = arith::SubIOp::create(b, loc, rows, constant(1));
    indices = c || !contiguous ? indicesOf(arith::MinUIOp::create(
                                     b, loc, add(threadRow, constant(c)), last))
                               : firstRow;
    llvm::append_range(start, startOf({}));
    if (flagged)
      start.push_back(number(0));
  }
  return start;
}

void Kernels::storeFinals(const Tuple &inclusive, Value tile) {
  Value last = equal(add(tile, constant(1)), tiles);
  Value leads = less(thread, constant(columns));
  when(arith::AndIOp::create(b, loc, leads, last), [&] {
    for (int64_t c = 0; c < wide; ++c)
      when(less(add(threadRow, constant(c)), rows), [&] {
        nameRow(c, /*vectors=*/false);
        for (unsigned i = 0; i < members; ++i)
          if (finals[i])
            memref::StoreOp::create(
                b, loc,
                convert(inclusive[c * n + i],
                        cast<MemRefType>(finals[i].getType()).getElementType()),
                finals[i], finalAddress(i));
      });
  });
}

/// The axes of a row.
llvm::StringMap<Value> Kernels::indicesOf(Value row) {
  llvm::StringMap<Value> result;
  Value rest = row;
  for (auto [i, axis] : llvm::enumerate(llvm::reverse(rowAxes))) {
    if (i + 1 == rowAxes.size()) {
      result[axis.getValue()] = rest;
      break;
    }
    Value size = sizes.lookup(axis.getValue());
    result[axis.getValue()] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  }
  return result;
}

/// Registers of a thread for what it reads of a tile before it maps or folds
/// that.
int64_t Kernels::registersRead() {
  int64_t bits = 0;
  auto see = [&](Value buffer) {
    if (buffer)
      bits += cast<MemRefType>(buffer.getType()).getElementTypeBitWidth();
  };
  for (Value buffer : seq)
    see(buffer);
  for (const Map &map : maps)
    for (Value buffer : map.seq)
      see(buffer);
  return llvm::divideCeil(items * wide * bits, 32);
}

/// Blocks of a multiprocessor: as many as its registers hold, where elements
/// that are loaded take half of a thread's, but for combining many of them.
/// Where they are not exchanged, what is read takes all but 28, or elements two
/// thirds.
int64_t Kernels::residentBlocks() {
  int64_t loaded = items * wide * registersOfElement();
  int64_t registers = std::max<int64_t>(2 * loaded, 64);
  if (!contiguous)
    registers =
        std::max(loaded + loaded / 2, registersRead() + 28) + (flagged ? items : 0);
  if (copied)
    registers = 32 + 8 * registersOfElement();
  if (members > 2)
    registers += 2 * members * members;
  return std::clamp<int64_t>(registersOfProcessor / (blockThreads * registers), 1, 8);
}

/// The ticket and what is published start at zero.
void Kernels::clearSlots(Value count) {
  auto loop = scf::ParallelOp::create(b, loc, ValueRange{constant(0)},
                                      ValueRange{count}, ValueRange{constant(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value zero = arith::ConstantIntOp::create(b, loc, b.getI64Type(), 0);
  memref::StoreOp::create(b, loc, zero, slots, loop.getInductionVars());
}

void Kernels::run() {
  b.setInsertionPoint(scan);
  readMaps();
  readSegments();
  for (Value initial : scan.getInitials())
    initials.push_back(isa<ShapedType>(initial.getType())
                           ? readBuffer(b, loc, initial)
                           : Value());
  chooseShape();
  SmallVector<Value> ofConsumers;
  takeConsumers(ofConsumers);
  SmallVector<Value> results;
  auto shapeOfResult = [&](ArrayRef<StringAttr> axes) {
    SmallVector<OpFoldResult> shape;
    for (StringAttr axis : axes)
      shape.push_back(sizes.lookup(axis.getValue()));
    return shape;
  };
  // What nobody uses is not written.
  auto buffer = [&](Value result, ArrayRef<StringAttr> axes) -> Value {
    if (llvm::any_of(result.getUsers(), [&](Operation *user) {
          return llvm::none_of(consumers,
                               [&](Map &map) { return map.op == user; });
        }))
      return writeBuffer(b, loc, result, shapeOfResult(axes), results);
    results.push_back({});
    return {};
  };
  for (auto [i, result] : llvm::enumerate(scan.getOuts()))
    outs.push_back(
        buffer(result, cast<AxesAttr>(scan.getOutMaps()[i]).getNames()));
  if (scan.getFinal())
    for (auto [i, result] : llvm::enumerate(scan.getFinals()))
      finals.push_back(buffer(result, scan.getFinalMap(i).getNames()));

  length = sizes.lookup(RecurrenceOp::getTimeAxis());
  rows = constant(1);
  for (StringAttr axis : rowAxes)
    rows = mul(rows, sizes.lookup(axis.getValue()));
  rowBlocks = contiguous
                  ? rows
                  : arith::CeilDivUIOp::create(b, loc, rows, constant(columns * wide))
                        .getResult();
  chooseVectors();
  fits = vectorsFit();
  // An empty row still has a final state.
  tiles = arith::MaxUIOp::create(
      b, loc, constant(1),
      arith::CeilDivUIOp::create(
          b, loc, length, constant(tileLength()))
          .getResult());
  Value blocks = mul(tiles, rowBlocks);
  slotsOfRow = add(tiles, arith::CeilDivUIOp::create(b, loc, tiles,
                                                     constant(groupSize())));
  paddedRows = mul(rowBlocks, constant(columns * wide));
  Value count = add(constant(1), mul(mul(slotsOfRow, paddedRows),
                                     constant(wordsOfRow())));
  auto dynamic = ShapedType::kDynamic;
  slots = memref::AllocOp::create(
      b, loc, MemRefType::get({dynamic}, b.getI64Type()), ValueRange{count});
  clearSlots(count);
  if (table)
    markTokens();

  Value one = constant(1), threads = constant(blockThreads);
  Value none = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0);
  auto launch =
      gpu::LaunchOp::create(b, loc, blocks, one, one, threads, one, one, none);
  int64_t used = 0;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&launch.getBody().front());
    b.setInsertionPoint(gpu::TerminatorOp::create(b, loc));
    thread = launch.getThreadIds().x;
    column = arith::RemUIOp::create(b, loc, thread, constant(columns));
    auto space =
        gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    auto bytes = MemRefType::get({dynamic}, b.getI8Type(),
                                 MemRefLayoutAttrInterface(), space);
    auto shared = gpu::DynamicSharedMemoryOp::create(b, loc, bytes);
    shared->setAttr(residentBlocksAttr, b.getI32IntegerAttr(residentBlocks()));
    auto local = [&](int64_t size, Type type) -> Value {
      Value view = memref::ViewOp::create(
          b, loc,
          MemRefType::get({size}, type, MemRefLayoutAttrInterface(), space), shared,
          constant(used), ValueRange());
      int64_t bytes = llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
      used += llvm::alignTo(size * bytes, 16);
      return view;
    };
    Value ticketed = local(1, b.getI32Type());
    if (!contiguous)
      seen = local(blockThreads, b.getI32Type());
    for (unsigned i = 0; i < n; ++i) {
      partial.push_back(local(blockThreads * wide, element(i)));
      handed.push_back(local(contiguous ? 1 : blockThreads * wide, element(i)));
      // Flags of a thread's own run are bits of a register.
      exchange.push_back(i == members && !contiguous
                             ? Value()
                             : local(blockThreads * (!contiguous ? items * wide
                                                     : along > 1 ? items
                                                                 : items + 1),
                                     element(i)));
    }
    kernelBody(ticketed);
  }
  b.setInsertionPoint(launch);
  launch.getDynamicSharedMemorySizeMutable().assign(
      arith::ConstantIntOp::create(b, loc, b.getI32Type(), used));
  b.setInsertionPoint(scan);
  // A consumer's results take its place here, before its users.
  unsigned at = 0;
  for (Map &map : consumers) {
    unsigned count = map.op->getNumResults();
    finishResults(b, map.op, ArrayRef<Value>(ofConsumers).slice(at, count));
    at += count;
  }
  finishResults(b, scan, results);
  llvm::SmallPtrSet<Operation *, 4> erased;
  for (Map &map : maps)
    if (!erased.contains(map.op) && map.op->use_empty()) {
      erased.insert(map.op);
      map.op.erase();
    }
}

namespace {
struct ScanToKernels : seqc::impl::ScanToKernelsBase<ScanToKernels> {
  void runOnOperation() override {
    SmallVector<ScanOp> scans;
    getOperation()->walk([&](ScanOp scan) {
      if (hasKernels(scan))
        scans.push_back(scan);
    });
    for (ScanOp scan : scans) {
      OpBuilder builder(scan);
      Kernels(scan, builder).run();
    }
  }
};
} // namespace
