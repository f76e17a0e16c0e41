//===- ScanToKernels.cpp - Scans in one pass with decoupled look-back -----===//
//
// Rows are cut into tiles along time; a block scans a tile of one row (time
// contiguous) or of 128 neighbouring rows (another axis contiguous).  A tile
// publishes its total, then looks back for the nearest tile whose prefix is
// known and folds the totals since then onto it, from the left.  Every tile
// publishes exactly that fold, so that the bits do not depend on how far a
// tile had to look.  Tiles are numbered by a ticket: a tile that runs only
// waits for tiles that run.
//
// D. Merrill and M. Garland, "Single-pass Parallel Prefix Scan with Decoupled
// Look-back", NVR-2016-002.
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "../Steps/Buffers.h"
#include "../Steps/StepEmitter.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace seqc {
#define GEN_PASS_DEF_SCANTOKERNELS
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

static constexpr int64_t blockThreads = 128;
/// A tile's state: nothing yet, its total, or its prefix too.
enum : int64_t { Unknown = 0, TotalKnown = 1, PrefixKnown = 2 };

namespace {

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
  Value convert(Value v, Type to);
  Tuple identities();
  Tuple combine(const Tuple &left, const Tuple &right);
  SmallVector<Value> address(AxesAttr map, Value time);
  /// A pointer to element `index` of a buffer of i32.
  Value pointer(Value buffer, Value index);
  Tuple choose(Value condition, const Tuple &then, const Tuple &otherwise);
  void when(Value condition, llvm::function_ref<void()> body);
  Tuple loadElement(Value logical, Value exists);
  void storeElement(Value logical, Value exists, const Tuple &values);
  Value physical(Value logical);
  void clearStates(Value count);
  void kernelBody(Value ticketed);
  Tuple lookBack(Value tile, Value rowBlock, Value row);
  Tuple scanThreads(const Tuple &total, Tuple &all);
  SmallVector<Tuple> loadRuns(Value base, Value row);
  void storeRuns(Value base, ArrayRef<Tuple> runs);

  ScanOp scan;
  OpBuilder &b;
  Location loc;
  unsigned n;
  bool contiguous = false; // along time
  int64_t items = 16;      // elements of a thread
  SmallVector<Value> seq, initials, outs, finals, totals, prefixes, exchange;
  Value states, length, rows, rowBlocks, tiles, thread, rowExists;
  llvm::StringMap<Value> sizes, indices;
};

} // namespace

/// True for a scan of scalars in one piece.
static bool hasKernels(ScanOp scan) {
  return !scan.getSegments() && !scan.getResets() &&
         llvm::none_of(scan.getLeftArgs(), [](BlockArgument arg) {
           return isa<ShapedType>(arg.getType()) || arg.getType().isIndex();
         });
}

Value Kernels::convert(Value v, Type to) {
  Type from = v.getType();
  if (from == to)
    return v;
  if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, loc, to, v);
  return arith::TruncFOp::create(b, loc, to, v);
}

Kernels::Tuple Kernels::identities() {
  Tuple result;
  for (unsigned i = 0; i < n; ++i) {
    auto attr = cast<TypedAttr>(
        cast<arith::ConstantOp>(scan.getIdentities()[i].getDefiningOp()).getValue());
    if (auto f = dyn_cast<FloatAttr>(attr))
      attr = b.getFloatAttr(element(i), f.getValueAsDouble());
    result.push_back(arith::ConstantOp::create(b, loc, attr));
  }
  return result;
}

Kernels::Tuple Kernels::combine(const Tuple &left, const Tuple &right) {
  IRMapping mapping;
  for (unsigned i = 0; i < n; ++i) {
    mapping.map(scan.getLeftArgs()[i], left[i]);
    mapping.map(scan.getRightArgs()[i], right[i]);
  }
  auto mapped = [&](Value v) -> Value {
    Operation *def = v.getDefiningOp();
    if (!def || !def->hasTrait<OpTrait::ConstantLike>())
      return mapping.lookup(v);
    auto attr = cast<TypedAttr>(cast<arith::ConstantOp>(def).getValue());
    if (auto f = dyn_cast<FloatAttr>(attr))
      attr = b.getFloatAttr(StepEmitter::computeType(attr.getType()),
                            f.getValueAsDouble());
    return arith::ConstantOp::create(b, loc, attr);
  };
  for (Operation &op : scan.getCombine().front().without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(mapped(operand));
    Type to = StepEmitter::computeType(op.getResult(0).getType());
    if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
      mapping.map(op.getResult(0), convert(operands[0], to));
      continue;
    }
    OperationState state(loc, op.getName(), operands, to, op.getAttrs());
    state.propertiesAttr = op.getPropertiesAsAttribute();
    mapping.map(op.getResult(0), b.create(state)->getResult(0));
  }
  Tuple result;
  for (Value out : scan.getYield().getOuts())
    result.push_back(mapped(out));
  return result;
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

Value Kernels::pointer(Value buffer, Value index) {
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer);
  Value at = add(base, mul(index, constant(4)));
  Value bits = arith::IndexCastOp::create(b, loc, b.getI64Type(), at);
  return LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), bits);
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

/// The elements at a place, or the identities beyond the row's end.
Kernels::Tuple Kernels::loadElement(Value logical, Value exists) {
  SmallVector<Type> types;
  for (unsigned i = 0; i < n; ++i)
    types.push_back(element(i));
  auto op = scf::IfOp::create(b, loc, types, exists, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  Tuple values;
  for (unsigned i = 0; i < n; ++i)
    values.push_back(convert(
        memref::LoadOp::create(
            b, loc, seq[i],
            address(cast<AxesAttr>(scan.getSeqMaps()[i]), physical(logical))),
        element(i)));
  scf::YieldOp::create(b, loc, values);
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, loc, identities());
  return Tuple(op.getResults());
}

void Kernels::storeElement(Value logical, Value exists, const Tuple &values) {
  when(exists, [&] {
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(
          b, loc,
          convert(values[i], cast<MemRefType>(outs[i].getType()).getElementType()),
          outs[i], address(cast<AxesAttr>(scan.getOutMaps()[i]), physical(logical)));
  });
}

/// The thread's elements.  Where time is contiguous, neighbouring threads load
/// neighbours and exchange them in shared memory.
SmallVector<Kernels::Tuple> Kernels::loadRuns(Value base, Value row) {
  SmallVector<Tuple> runs(items, Tuple(n));
  if (!contiguous) {
    for (int64_t k = 0; k < items; ++k) {
      Value at = add(base, constant(k));
      runs[k] = loadElement(
          at, arith::AndIOp::create(b, loc, rowExists, less(at, length)));
    }
    return runs;
  }
  auto padded = [&](Value e) {
    return add(e, arith::DivUIOp::create(b, loc, e, constant(items)).getResult());
  };
  for (int64_t k = 0; k < items; ++k) {
    Value e = add(thread, constant(k * blockThreads));
    Value at = add(base, e);
    Tuple values = loadElement(at, less(at, length));
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, values[i], exchange[i], ValueRange{padded(e)});
  }
  gpu::BarrierOp::create(b, loc);
  Value first = mul(thread, constant(items + 1));
  for (int64_t k = 0; k < items; ++k)
    for (unsigned i = 0; i < n; ++i)
      runs[k][i] = memref::LoadOp::create(b, loc, exchange[i],
                                          ValueRange{add(first, constant(k))});
  gpu::BarrierOp::create(b, loc);
  return runs;
}

void Kernels::storeRuns(Value base, ArrayRef<Tuple> runs) {
  if (!contiguous) {
    for (int64_t k = 0; k < items; ++k) {
      Value at = add(base, constant(k));
      storeElement(at, arith::AndIOp::create(b, loc, rowExists, less(at, length)),
                   runs[k]);
    }
    return;
  }
  Value first = mul(thread, constant(items + 1));
  for (int64_t k = 0; k < items; ++k)
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, runs[k][i], exchange[i],
                              ValueRange{add(first, constant(k))});
  gpu::BarrierOp::create(b, loc);
  for (int64_t k = 0; k < items; ++k) {
    Value e = add(thread, constant(k * blockThreads));
    Value at = add(base, e);
    Value place =
        add(e, arith::DivUIOp::create(b, loc, e, constant(items)).getResult());
    Tuple values;
    for (unsigned i = 0; i < n; ++i)
      values.push_back(
          memref::LoadOp::create(b, loc, exchange[i], ValueRange{place}));
    storeElement(at, less(at, length), values);
  }
}

/// The fold of the totals of the threads before this one; `all` of every thread.
Kernels::Tuple Kernels::scanThreads(const Tuple &total, Tuple &all) {
  auto put = [&](const Tuple &values) {
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, values[i], exchange[i], ValueRange{thread});
    gpu::BarrierOp::create(b, loc);
  };
  auto get = [&](Value at) {
    Tuple values;
    for (unsigned i = 0; i < n; ++i)
      values.push_back(memref::LoadOp::create(b, loc, exchange[i], ValueRange{at}));
    return values;
  };
  auto before = [&](int64_t by, Value &exists) {
    exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, thread,
                                   constant(by));
    Value at = arith::SelectOp::create(
        b, loc, exists,
        arith::SubIOp::create(b, loc, thread, constant(by)).getResult(), thread);
    return get(at);
  };
  Tuple current = total;
  put(current);
  for (int64_t by = 1; by < blockThreads; by *= 2) {
    Value exists;
    Tuple left = before(by, exists);
    current = choose(exists, combine(left, current), current);
    gpu::BarrierOp::create(b, loc);
    put(current);
  }
  Value exists;
  Tuple left = before(1, exists);
  all = get(constant(blockThreads - 1));
  gpu::BarrierOp::create(b, loc);
  return choose(exists, left, identities());
}

/// The prefix of all tiles before `tile`, which is not the first.
Kernels::Tuple Kernels::lookBack(Value tile, Value rowBlock, Value row) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  auto number = [&](int64_t v) {
    return arith::ConstantIntOp::create(b, loc, i32, v);
  };
  Value last = arith::SubIOp::create(b, loc, tile, constant(1));
  auto search = scf::WhileOp::create(
      b, loc, TypeRange{index}, ValueRange{last},
      [&](OpBuilder &, Location, ValueRange at) {
        Value place = add(constant(1), add(mul(at[0], rowBlocks), rowBlock));
        Value state = LLVM::LoadOp::create(
            b, loc, i32, pointer(states, place), /*alignment=*/4,
            /*isVolatile=*/false, /*isNonTemporal=*/false, /*isInvariant=*/false,
            /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire, "device");
        Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, state,
                                           number(PrefixKnown));
        Value back = equal(state, number(TotalKnown));
        Value next = arith::SelectOp::create(
            b, loc, back,
            arith::SubIOp::create(b, loc, at[0], constant(1)).getResult(), at[0]);
        scf::ConditionOp::create(b, loc, more, ValueRange{next});
      },
      [&](OpBuilder &, Location, ValueRange at) {
        scf::YieldOp::create(b, loc, at);
      });
  // The tile at which the loop stopped is its result.
  Value found = search.getResult(0);
  auto get = [&](ArrayRef<Value> from, Value at) {
    Tuple values;
    for (unsigned i = 0; i < n; ++i)
      values.push_back(
          memref::LoadOp::create(b, loc, from[i], ValueRange{at, row}));
    return values;
  };
  auto fold = scf::ForOp::create(b, loc, add(found, constant(1)), tile,
                                 constant(1), get(prefixes, found));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(fold.getBody());
  scf::YieldOp::create(b, loc,
                       combine(Tuple(fold.getRegionIterArgs()),
                               get(totals, fold.getInductionVar())));
  return Tuple(fold.getResults());
}

void Kernels::kernelBody(Value ticketed) {
  Type i32 = b.getI32Type();
  auto number = [&](int64_t v) {
    return arith::ConstantIntOp::create(b, loc, i32, v);
  };
  Value leads = equal(thread, constant(0));
  when(leads, [&] {
    Value ticket = LLVM::AtomicRMWOp::create(
        b, loc, LLVM::AtomicBinOp::add, pointer(states, constant(0)), number(1),
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
  rowExists = {};
  if (!contiguous) {
    row = add(mul(rowBlock, constant(blockThreads)), thread);
    rowExists = less(row, rows);
    // A thread without a row repeats the last one, and stores nothing.
    row = arith::SelectOp::create(
        b, loc, rowExists, row,
        arith::SubIOp::create(b, loc, rows, constant(1)).getResult());
  }
  Value rest = row;
  for (StringAttr axis : llvm::reverse(scan.getCarryAxes())) {
    Value size = sizes.lookup(axis.getValue());
    indices[axis.getValue()] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  }
  Value base =
      mul(tile, constant(contiguous ? items * blockThreads : items));

  SmallVector<Tuple> runs = loadRuns(base, row);
  Tuple total = runs[0];
  for (int64_t k = 1; k < items; ++k)
    total = combine(total, runs[k]);
  Tuple within = identities(), all = total;
  if (contiguous)
    within = scanThreads(total, all);

  Value publishes = contiguous ? leads : rowExists;
  auto publish = [&](ArrayRef<Value> to, const Tuple &values, int64_t state) {
    when(publishes, [&] {
      for (unsigned i = 0; i < n; ++i)
        memref::StoreOp::create(b, loc, values[i], to[i], ValueRange{tile, row});
    });
    LLVM::FenceOp::create(b, loc, LLVM::AtomicOrdering::acq_rel, "device");
    gpu::BarrierOp::create(b, loc);
    when(leads, [&] {
      Value place = add(constant(1), add(mul(tile, rowBlocks), rowBlock));
      LLVM::StoreOp::create(b, loc, number(state), pointer(states, place),
                            /*alignment=*/4, /*isVolatile=*/false,
                            /*isNonTemporal=*/false, /*isInvariantGroup=*/false,
                            LLVM::AtomicOrdering::release, "device");
    });
  };
  SmallVector<Type> types;
  for (unsigned i = 0; i < n; ++i)
    types.push_back(element(i));
  Value isFirst = equal(tile, constant(0));
  auto op = scf::IfOp::create(b, loc, types, isFirst, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    Tuple start = identities();
    if (!initials.empty())
      for (unsigned i = 0; i < n; ++i)
        start[i] = convert(
            memref::LoadOp::create(
                b, loc, initials[i],
                address(cast<AxesAttr>(scan.getInitialMaps()[i]), {})),
            element(i));
    scf::YieldOp::create(b, loc, start);
    b.setInsertionPointToStart(op.elseBlock());
    publish(totals, all, TotalKnown);
    scf::YieldOp::create(b, loc, lookBack(tile, rowBlock, row));
  }
  Tuple prefix(op.getResults());
  Tuple inclusive = combine(prefix, all);
  publish(prefixes, inclusive, PrefixKnown);

  Value lastTile = equal(add(tile, constant(1)), tiles);
  if (!finals.empty())
    when(arith::AndIOp::create(b, loc, publishes, lastTile), [&] {
      for (unsigned i = 0; i < n; ++i) {
        SmallVector<Value> at;
        for (StringAttr axis : scan.getCarryAxes())
          at.push_back(indices.lookup(axis.getValue()));
        memref::StoreOp::create(
            b, loc,
            convert(inclusive[i],
                    cast<MemRefType>(finals[i].getType()).getElementType()),
            finals[i], at);
      }
    });
  Tuple running = contiguous ? combine(prefix, within) : prefix;
  SmallVector<Tuple> results;
  for (int64_t k = 0; k < items; ++k) {
    Tuple next = combine(running, runs[k]);
    results.push_back(scan.getExclusive() ? running : next);
    running = next;
  }
  storeRuns(base, results);
}

/// The ticket and the tiles' states start at zero.
void Kernels::clearStates(Value count) {
  auto loop = scf::ParallelOp::create(b, loc, ValueRange{constant(0)},
                                      ValueRange{count}, ValueRange{constant(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value zero = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0);
  memref::StoreOp::create(b, loc, zero, states, loop.getInductionVars());
}

void Kernels::run() {
  b.setInsertionPoint(scan);
  for (unsigned i = 0; i < n; ++i) {
    seq.push_back(readBuffer(b, loc, scan.getSeq()[i]));
    auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
    for (unsigned d = 0; d < map.size(); ++d)
      if (map.getDivisors()[d] == 1)
        sizes.try_emplace(map.getNames()[d].getValue(),
                          memref::DimOp::create(b, loc, seq[i], d).getResult());
    contiguous |= map.size() == scan.getCarryAxes().size() + 1 &&
                  map.getNames().back().getValue() == RecurrenceOp::getTimeAxis();
  }
  for (Value initial : scan.getInitials())
    initials.push_back(readBuffer(b, loc, initial));
  if (n > 2)
    items = 8;
  SmallVector<Value> results;
  auto shapeOfResult = [&](ArrayRef<StringAttr> axes) {
    SmallVector<OpFoldResult> shape;
    for (StringAttr axis : axes)
      shape.push_back(sizes.lookup(axis.getValue()));
    return shape;
  };
  for (auto [i, result] : llvm::enumerate(scan.getOuts()))
    outs.push_back(writeBuffer(
        b, loc, result,
        shapeOfResult(cast<AxesAttr>(scan.getOutMaps()[i]).getNames()), results));
  if (scan.getFinal())
    for (Value result : scan.getFinals())
      finals.push_back(writeBuffer(b, loc, result,
                                   shapeOfResult(scan.getCarryAxes()), results));

  length = sizes.lookup(RecurrenceOp::getTimeAxis());
  rows = constant(1);
  for (StringAttr axis : scan.getCarryAxes())
    rows = mul(rows, sizes.lookup(axis.getValue()));
  rowBlocks = contiguous ? rows
                         : arith::CeilDivUIOp::create(b, loc, rows,
                                                      constant(blockThreads))
                               .getResult();
  // An empty row still has a final state.
  tiles = arith::MaxUIOp::create(
      b, loc, constant(1),
      arith::CeilDivUIOp::create(
          b, loc, length, constant(contiguous ? items * blockThreads : items))
          .getResult());
  Value blocks = mul(tiles, rowBlocks), count = add(blocks, constant(1));
  auto dynamic = ShapedType::kDynamic;
  states = memref::AllocOp::create(
      b, loc, MemRefType::get({dynamic}, b.getI32Type()), ValueRange{count});
  for (unsigned i = 0; i < n; ++i)
    for (auto *into : {&totals, &prefixes})
      into->push_back(memref::AllocOp::create(
          b, loc, MemRefType::get({dynamic, dynamic}, element(i)),
          ValueRange{tiles, rows}));
  clearStates(count);

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
    auto space =
        gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    auto bytes = MemRefType::get({dynamic}, b.getI8Type(),
                                 MemRefLayoutAttrInterface(), space);
    Value shared = gpu::DynamicSharedMemoryOp::create(b, loc, bytes);
    auto local = [&](int64_t size, Type type) -> Value {
      Value view = memref::ViewOp::create(
          b, loc,
          MemRefType::get({size}, type, MemRefLayoutAttrInterface(), space), shared,
          constant(used), ValueRange());
      used += llvm::alignTo(size * (type.getIntOrFloatBitWidth() + 7) / 8, 16);
      return view;
    };
    Value ticketed = local(1, b.getI32Type());
    if (contiguous)
      for (unsigned i = 0; i < n; ++i)
        exchange.push_back(local(blockThreads * (items + 1), element(i)));
    kernelBody(ticketed);
  }
  b.setInsertionPoint(launch);
  launch.getDynamicSharedMemorySizeMutable().assign(
      arith::ConstantIntOp::create(b, loc, b.getI32Type(), used));
  b.setInsertionPoint(scan);
  finishResults(b, scan, results);
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
