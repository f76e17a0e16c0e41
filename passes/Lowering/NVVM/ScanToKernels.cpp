//===- ScanToKernels.cpp - Scans in one pass with decoupled look-back -----===//
//
// Rows are cut into tiles along time; a block scans a tile of one row (time
// contiguous) or of 32 neighbouring rows (another axis contiguous).  A tile
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
#include "../Steps/ScalarBlock.h"
#include "../Steps/StepEmitter.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
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

static constexpr int64_t blockThreads = 256;
/// Neighbouring rows of a tile, where time is not contiguous: a warp reads them
/// together, and the block's warps follow one another in time.
static constexpr int64_t rowsTogether = 32;
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

} // namespace

/// True for a scan of scalars in one piece.
static bool hasKernels(ScanOp scan) {
  return !scan.getSegments() && !scan.getResets() &&
         llvm::none_of(scan.getLeftArgs(), [](BlockArgument arg) {
           return isa<ShapedType>(arg.getType()) || arg.getType().isIndex();
         });
}

Kernels::Tuple Kernels::identities() {
  Tuple result;
  for (Value identity : scan.getIdentities())
    result.push_back(repeatConstant(b, loc, identity));
  return result;
}

Kernels::Tuple Kernels::combine(const Tuple &left, const Tuple &right) {
  IRMapping mapping;
  for (unsigned i = 0; i < n; ++i) {
    mapping.map(scan.getLeftArgs()[i], left[i]);
    mapping.map(scan.getRightArgs()[i], right[i]);
  }
  return repeatBlock(b, loc, scan.getCombine().front(),
                     scan.getYield().getOuts(), mapping);
}

/// The elements of all operands at a place.  What a map computes for the scan
/// alone is computed here.
Kernels::Tuple Kernels::load(Value time) {
  Tuple values(n);
  // What a map computes, per way in which its axes are named.
  llvm::DenseMap<std::pair<Operation *, std::pair<Attribute, Attribute>>, Tuple>
      done;
  for (unsigned i = 0; i < n; ++i) {
    auto axes = cast<AxesAttr>(scan.getSeqMaps()[i]);
    RecurrenceOp map = maps[i];
    if (!map) {
      values[i] = convert(
          memref::LoadOp::create(b, loc, seq[i], address(axes, time)), element(i));
      continue;
    }
    unsigned number = cast<OpResult>(scan.getSeq()[i]).getResultNumber();
    auto own = cast<AxesAttr>(map.getOutMaps()[number]);
    Tuple &results = done[{map, {own, axes}}];
    if (results.empty()) {
      // The map's axes by the scan's names.
      llvm::StringMap<Value> saved = indices;
      llvm::StringMap<Value> renamed;
      for (auto [mine, theirs] : llvm::zip(own.getNames(), axes.getNames()))
        renamed[mine.getValue()] = indices.lookup(theirs.getValue());
      indices = renamed;
      IRMapping mapping;
      auto bind = [&](auto args, ArrayAttr attrs, ArrayRef<Value> buffers) {
        for (auto [arg, attr, buffer] : llvm::zip(args, attrs, buffers)) {
          Value v = memref::LoadOp::create(b, loc, buffer,
                                           address(cast<AxesAttr>(attr), time));
          mapping.map(arg, convert(v, StepEmitter::computeType(v.getType())));
        }
      };
      bind(map.getSeqArgs(), map.getSeqMaps(), mapSeq[map]);
      bind(map.getWeightArgs(), map.getWeightMaps(), mapWeights[map]);
      results = repeatBlock(b, loc, map.getStep().front(),
                            map.getYield().getOuts(), mapping);
      indices = saved;
    }
    // The map's result is rounded to its type, if that is narrower.
    values[i] = convert(
        convert(results[number], scan.getLeftArgs()[i].getType()), element(i));
  }
  return values;
}

/// The map that computes an operand, token by token on scalars, if there is one.
static RecurrenceOp mapOf(ScanOp scan, unsigned i) {
  auto map = scan.getSeq()[i].getDefiningOp<RecurrenceOp>();
  if (!map || !map.getCarries().empty() || map.getPosition() || map.getFirst() ||
      map.getChunk() || !map.getSnapshots().empty())
    return {};
  unsigned number = cast<OpResult>(scan.getSeq()[i]).getResultNumber();
  auto own = cast<AxesAttr>(map.getOutMaps()[number]);
  auto theirs = cast<AxesAttr>(scan.getSeqMaps()[i]);
  if (own.size() != theirs.size() || own.size() != map.getAxes().size())
    return {};
  auto plain = [](AxesAttr axes) {
    return llvm::all_of(axes.getDivisors(), [](int64_t d) { return d == 1; });
  };
  if (!plain(own) || !plain(theirs))
    return {};
  for (auto [mine, other] : llvm::zip(own.getNames(), theirs.getNames()))
    if ((mine.getValue() == RecurrenceOp::getTimeAxis()) !=
        (other.getValue() == RecurrenceOp::getTimeAxis()))
      return {};
  for (Value arg : map.getStep().getArguments())
    if (isa<ShapedType>(arg.getType()))
      return {};
  for (Operation &op : map.getStep().front().without_terminator())
    if (llvm::any_of(op.getResultTypes(),
                     [](Type type) { return isa<ShapedType>(type); }) ||
        (!op.hasTrait<OpTrait::ConstantLike>() && !isElementwise(&op) &&
         !isa<EinsumOp>(op)))
      return {};
  return map;
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

/// The elements at `place(k)` for every k; in a tile that is not whole, the
/// identities beyond the row's end.
SmallVector<Kernels::Tuple>
Kernels::loadAll(llvm::function_ref<Value(int64_t)> place) {
  SmallVector<Type> types;
  for (unsigned i = 0; i < n; ++i)
    types.push_back(element(i));
  SmallVector<Type> allTypes;
  for (int64_t k = 0; k < items; ++k)
    llvm::append_range(allTypes, types);
  auto op = scf::IfOp::create(b, loc, allTypes, wholeTile, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    Tuple all;
    for (int64_t k = 0; k < items; ++k)
      llvm::append_range(all, load(physical(place(k))));
    scf::YieldOp::create(b, loc, all);
    b.setInsertionPointToStart(op.elseBlock());
    all.clear();
    for (int64_t k = 0; k < items; ++k) {
      Value at = place(k);
      auto one =
          scf::IfOp::create(b, loc, types, exists(at), /*withElse=*/true);
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(one.thenBlock());
      scf::YieldOp::create(b, loc, load(physical(at)));
      b.setInsertionPointToStart(one.elseBlock());
      scf::YieldOp::create(b, loc, identities());
      llvm::append_range(all, one.getResults());
    }
    scf::YieldOp::create(b, loc, all);
  }
  SmallVector<Tuple> result;
  for (int64_t k = 0; k < items; ++k)
    result.push_back(Tuple(op.getResults().slice(k * n, n)));
  return result;
}

Value Kernels::exists(Value at) {
  Value inside = less(at, length);
  return rowExists ? arith::AndIOp::create(b, loc, rowExists, inside).getResult()
                   : inside;
}

/// Stores `values[k]` at `place(k)` where that exists.
void Kernels::storeAll(llvm::function_ref<Value(int64_t)> place,
                       ArrayRef<Tuple> values) {
  auto store = [&](Value at, const Tuple &tuple) {
    for (unsigned i = 0; i < n; ++i)
      if (outs[i])
        memref::StoreOp::create(
          b, loc,
          convert(tuple[i], cast<MemRefType>(outs[i].getType()).getElementType()),
          outs[i], address(cast<AxesAttr>(scan.getOutMaps()[i]), physical(at)));
  };
  auto op = scf::IfOp::create(b, loc, wholeTile, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  for (int64_t k = 0; k < items; ++k)
    store(place(k), values[k]);
  b.setInsertionPointToStart(op.elseBlock());
  for (int64_t k = 0; k < items; ++k) {
    Value at = place(k);
    when(exists(at), [&] { store(at, values[k]); });
  }
}

/// The thread's elements.  Where time is contiguous, neighbouring threads load
/// neighbours and exchange them in shared memory.
SmallVector<Kernels::Tuple> Kernels::loadRuns(Value base) {
  if (!contiguous)
    return loadAll([&](int64_t k) { return add(base, constant(k)); });
  SmallVector<Tuple> loaded = loadAll([&](int64_t k) {
    return add(base, add(thread, constant(k * blockThreads)));
  });
  for (int64_t k = 0; k < items; ++k)
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, loaded[k][i], exchange[i],
                              ValueRange{striped(k)});
  gpu::BarrierOp::create(b, loc);
  SmallVector<Tuple> runs;
  Value first = mul(thread, constant(items + 1));
  for (int64_t k = 0; k < items; ++k)
    runs.push_back(exchanged(add(first, constant(k))));
  gpu::BarrierOp::create(b, loc);
  return runs;
}

/// Where the thread's k-th element as loaded is in shared memory: runs are one
/// element apart, so that threads use different banks.
Value Kernels::striped(int64_t k) {
  Value e = add(thread, constant(k * blockThreads));
  return add(e, arith::DivUIOp::create(b, loc, e, constant(items)).getResult());
}

void Kernels::storeRuns(Value base, ArrayRef<Tuple> runs) {
  if (!contiguous) {
    storeAll([&](int64_t k) { return add(base, constant(k)); }, runs);
    return;
  }
  Value first = mul(thread, constant(items + 1));
  for (int64_t k = 0; k < items; ++k)
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, runs[k][i], exchange[i],
                              ValueRange{add(first, constant(k))});
  gpu::BarrierOp::create(b, loc);
  SmallVector<Tuple> values;
  for (int64_t k = 0; k < items; ++k)
    values.push_back(exchanged(striped(k)));
  storeAll(
      [&](int64_t k) {
        return add(base, add(thread, constant(k * blockThreads)));
      },
      values);
}

/// The fold of the totals of the row's runs before this one; `all` of every run.
Kernels::Tuple Kernels::scanThreads(const Tuple &total, Tuple &all) {
  auto put = [&](const Tuple &values) {
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, values[i], exchange[i], ValueRange{thread});
    gpu::BarrierOp::create(b, loc);
  };
  auto before = [&](int64_t by, Value &exists) {
    exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, thread,
                                   constant(by));
    Value at = arith::SelectOp::create(
        b, loc, exists,
        arith::SubIOp::create(b, loc, thread, constant(by)).getResult(), thread);
    return exchanged(at);
  };
  Tuple current = total;
  put(current);
  for (int64_t by = columns; by < blockThreads; by *= 2) {
    Value exists;
    Tuple left = before(by, exists);
    current = choose(exists, combine(left, current), current);
    gpu::BarrierOp::create(b, loc);
    put(current);
  }
  Value exists;
  Tuple left = before(columns, exists);
  all = exchanged(add(column, constant(blockThreads - columns)));
  gpu::BarrierOp::create(b, loc);
  return choose(exists, left, identities());
}

Kernels::Tuple Kernels::exchanged(Value at) {
  Tuple values;
  for (unsigned i = 0; i < n; ++i)
    values.push_back(memref::LoadOp::create(b, loc, exchange[i], ValueRange{at}));
  return values;
}

/// The prefix of all tiles before `tile`, which is not the first.  The threads of
/// a row look at as many tiles at once.
Kernels::Tuple Kernels::lookBack(Value tile, Value rowBlock, Value row) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  auto number = [&](int64_t v) {
    return arith::ConstantIntOp::create(b, loc, i32, v);
  };
  auto minus = [&](Value x, Value y) -> Value {
    return arith::SubIOp::create(b, loc, x, y);
  };
  int64_t window = blockThreads / columns;
  Value run = arith::DivUIOp::create(b, loc, thread, constant(columns));

  // The nearest tile whose prefix is known: `distance` tiles before this one.
  auto search = scf::WhileOp::create(
      b, loc, TypeRange{index}, ValueRange{constant(1)},
      [&](OpBuilder &, Location, ValueRange at) {
        // This thread's tile; beyond the first one there is nothing to wait for.
        Value distance = add(at[0], run);
        Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule,
                                             distance, tile);
        Value looked = arith::SelectOp::create(
            b, loc, exists, minus(tile, distance), constant(0));
        Value place = pointer(
            states, add(constant(1), add(mul(looked, rowBlocks), rowBlock)));
        auto wait = scf::WhileOp::create(
            b, loc, TypeRange{i32}, ValueRange{},
            [&](OpBuilder &, Location, ValueRange) {
              Value state = LLVM::LoadOp::create(
                  b, loc, i32, place, /*alignment=*/4, /*isVolatile=*/false,
                  /*isNonTemporal=*/false, /*isInvariant=*/false,
                  /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire,
                  "device");
              scf::ConditionOp::create(b, loc, equal(state, number(Unknown)),
                                       ValueRange{state});
            },
            [&](OpBuilder &, Location, ValueRange) {
              scf::YieldOp::create(b, loc);
            });
        when(equal(column, constant(0)), [&] {
          memref::StoreOp::create(b, loc, wait.getResult(0), seen, ValueRange{run});
        });
        gpu::BarrierOp::create(b, loc);
        auto nearest = scf::WhileOp::create(
            b, loc, TypeRange{index}, ValueRange{constant(0)},
            [&](OpBuilder &, Location, ValueRange w) {
              Value inside = less(w[0], constant(window));
              Value safe =
                  arith::SelectOp::create(b, loc, inside, w[0], constant(0));
              Value state = memref::LoadOp::create(b, loc, seen, ValueRange{safe});
              Value more = arith::CmpIOp::create(
                  b, loc, arith::CmpIPredicate::ne, state, number(PrefixKnown));
              scf::ConditionOp::create(
                  b, loc, arith::AndIOp::create(b, loc, inside, more), w);
            },
            [&](OpBuilder &, Location, ValueRange w) {
              scf::YieldOp::create(b, loc, add(w[0], constant(1)));
            });
        gpu::BarrierOp::create(b, loc);
        Value next = add(at[0], nearest.getResult(0));
        Value none = equal(nearest.getResult(0), constant(window));
        scf::ConditionOp::create(b, loc, none, ValueRange{next});
      },
      [&](OpBuilder &, Location, ValueRange at) {
        scf::YieldOp::create(b, loc, at);
      });
  Value found = minus(tile, search.getResult(0));

  // Fold the totals since then, a window at a time.
  Tuple start;
  for (unsigned i = 0; i < n; ++i)
    start.push_back(
        memref::LoadOp::create(b, loc, prefixes[i], ValueRange{found, row}));
  auto windows = scf::ForOp::create(b, loc, add(found, constant(1)), tile,
                                    constant(window), start);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(windows.getBody());
  Value from = windows.getInductionVar();
  Value mine = add(from, run);
  when(less(mine, tile), [&] {
    for (unsigned i = 0; i < n; ++i) {
      Value v = memref::LoadOp::create(b, loc, totals[i], ValueRange{mine, row});
      memref::StoreOp::create(b, loc, v, exchange[i], ValueRange{thread});
    }
  });
  gpu::BarrierOp::create(b, loc);
  Value count = arith::MinUIOp::create(b, loc, minus(tile, from), constant(window));
  auto fold = scf::ForOp::create(b, loc, constant(0), count, constant(1),
                                 windows.getRegionIterArgs());
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(fold.getBody());
    Value at = add(mul(fold.getInductionVar(), constant(columns)), column);
    scf::YieldOp::create(
        b, loc, combine(Tuple(fold.getRegionIterArgs()), exchanged(at)));
  }
  gpu::BarrierOp::create(b, loc);
  scf::YieldOp::create(b, loc, fold.getResults());
  return Tuple(windows.getResults());
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
    row = add(mul(rowBlock, constant(columns)), column);
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
  Value base = mul(tile, constant(tileLength()));
  wholeTile = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule,
                                    add(base, constant(tileLength())), length);
  if (!contiguous) {
    // The thread's run of the tile.
    Value run = arith::DivUIOp::create(b, loc, thread, constant(columns));
    Value lastRow = mul(add(rowBlock, constant(1)), constant(columns));
    wholeTile = arith::AndIOp::create(
        b, loc, wholeTile,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, lastRow, rows));
    base = add(base, mul(run, constant(items)));
  }

  SmallVector<Tuple> runs = loadRuns(base);
  Tuple total = runs[0];
  for (int64_t k = 1; k < items; ++k)
    total = combine(total, runs[k]);
  Tuple all;
  Tuple within = scanThreads(total, all);

  Value publishes = leads;
  if (!contiguous)
    publishes = arith::AndIOp::create(b, loc, rowExists,
                                      less(thread, constant(columns)));
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
        if (!finals[i])
          continue;
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
  Tuple running = combine(prefix, within);
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
  auto read = [&](ValueRange values) {
    SmallVector<Value> buffers;
    for (Value v : values)
      buffers.push_back(readBuffer(b, loc, v));
    return buffers;
  };
  for (unsigned i = 0; i < n; ++i) {
    auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
    maps.push_back(mapOf(scan, i));
    seq.push_back({});
    if (RecurrenceOp from = maps[i]) {
      mapSeq.try_emplace(from, read(from.getSeq()));
      mapWeights.try_emplace(from, read(from.getWeights()));
      // The sizes of the result's axes are those of the map's operands.
      unsigned number = cast<OpResult>(scan.getSeq()[i]).getResultNumber();
      auto own = cast<AxesAttr>(from.getOutMaps()[number]);
      auto find = [&](ArrayRef<Value> buffers, ArrayAttr attrs, StringAttr axis,
                      StringRef name) {
        for (auto [buffer, attr] : llvm::zip(buffers, attrs)) {
          auto axes = cast<AxesAttr>(attr);
          int64_t at = axes.find(axis.getValue());
          if (at >= 0 && axes.getDivisors()[at] == 1 && !sizes.count(name))
            sizes[name] = memref::DimOp::create(b, loc, buffer, at);
        }
      };
      for (auto [axis, name] : llvm::zip(own.getNames(), map.getNames())) {
        find(mapSeq[from], from.getSeqMaps(), axis, name.getValue());
        find(mapWeights[from], from.getWeightMaps(), axis, name.getValue());
      }
    } else {
      seq[i] = readBuffer(b, loc, scan.getSeq()[i]);
      for (unsigned d = 0; d < map.size(); ++d)
        if (map.getDivisors()[d] == 1)
          sizes.try_emplace(map.getNames()[d].getValue(),
                            memref::DimOp::create(b, loc, seq[i], d).getResult());
    }
    contiguous |= map.size() == scan.getCarryAxes().size() + 1 &&
                  map.getNames().back().getValue() == RecurrenceOp::getTimeAxis();
  }
  for (Value initial : scan.getInitials())
    initials.push_back(readBuffer(b, loc, initial));
  // Registers for the elements, and for what functions need beside them.
  bool functions = false;
  scan.getCombine().walk([&](Operation *op) {
    functions |= isa<math::MathDialect>(op->getDialect());
  });
  if (n > 2 || functions)
    items = 8;
  if (!contiguous)
    columns = rowsTogether;
  SmallVector<Value> results;
  auto shapeOfResult = [&](ArrayRef<StringAttr> axes) {
    SmallVector<OpFoldResult> shape;
    for (StringAttr axis : axes)
      shape.push_back(sizes.lookup(axis.getValue()));
    return shape;
  };
  // What nobody uses is not written.
  auto buffer = [&](Value result, ArrayRef<StringAttr> axes) -> Value {
    if (!result.use_empty())
      return writeBuffer(b, loc, result, shapeOfResult(axes), results);
    results.push_back({});
    return {};
  };
  for (auto [i, result] : llvm::enumerate(scan.getOuts()))
    outs.push_back(
        buffer(result, cast<AxesAttr>(scan.getOutMaps()[i]).getNames()));
  if (scan.getFinal())
    for (Value result : scan.getFinals())
      finals.push_back(buffer(result, scan.getCarryAxes()));

  length = sizes.lookup(RecurrenceOp::getTimeAxis());
  rows = constant(1);
  for (StringAttr axis : scan.getCarryAxes())
    rows = mul(rows, sizes.lookup(axis.getValue()));
  rowBlocks = contiguous ? rows
                         : arith::CeilDivUIOp::create(b, loc, rows,
                                                      constant(columns))
                               .getResult();
  // An empty row still has a final state.
  tiles = arith::MaxUIOp::create(
      b, loc, constant(1),
      arith::CeilDivUIOp::create(
          b, loc, length, constant(tileLength()))
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
    column = arith::RemUIOp::create(b, loc, thread, constant(columns));
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
    seen = local(blockThreads / columns, b.getI32Type());
    for (unsigned i = 0; i < n; ++i)
      exchange.push_back(local(
          contiguous ? blockThreads * (items + 1) : blockThreads, element(i)));
    kernelBody(ticketed);
  }
  b.setInsertionPoint(launch);
  launch.getDynamicSharedMemorySizeMutable().assign(
      arith::ConstantIntOp::create(b, loc, b.getI32Type(), used));
  b.setInsertionPoint(scan);
  SmallVector<RecurrenceOp> computed(maps);
  finishResults(b, scan, results);
  llvm::SmallPtrSet<Operation *, 4> erased;
  for (RecurrenceOp map : computed)
    if (map && !erased.contains(map) && map->use_empty()) {
      erased.insert(map);
      map.erase();
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
