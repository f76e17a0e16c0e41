//===- ScanLookBack.cpp - Prefixes within a tile and before it ------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

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
