//===- ScanLookBack.cpp - Prefixes within a tile and before it ------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

/// True where a warp can pass the elements from lane to lane.
bool Kernels::shuffles() {
  return contiguous && llvm::all_of(llvm::seq(n), [&](unsigned i) {
           Type type = element(i);
           return type.isF32() || type.isInteger(32);
         });
}

Kernels::Tuple Kernels::fromLaneBelow(const Tuple &values, int64_t by) {
  auto number = [&](int64_t v) {
    return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v);
  };
  Tuple result;
  for (Value value : values)
    result.push_back(gpu::ShuffleOp::create(b, loc, value, number(by),
                                            number(lanes), gpu::ShuffleMode::UP)
                         .getShuffleResult());
  return result;
}

/// The fold of the totals of the row's runs before this one; `all` of every run.
/// Lanes of a warp first, then warps.
Kernels::Tuple Kernels::scanWarps(const Tuple &total, Tuple &all) {
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(lanes));
  Value warp = arith::DivUIOp::create(b, loc, thread, constant(lanes));
  auto atLeast = [&](Value x, int64_t v) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, x, constant(v));
  };
  Tuple current = total;
  for (int64_t by = 1; by < lanes; by *= 2) {
    Tuple left = fromLaneBelow(current, by);
    current = choose(atLeast(lane, by), combine(left, current), current);
  }
  when(equal(lane, constant(lanes - 1)), [&] {
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, current[i], exchange[i], ValueRange{warp});
  });
  gpu::BarrierOp::create(b, loc);
  Tuple fold = exchanged(constant(0)), before = identities();
  for (int64_t w = 1; w < blockThreads / lanes; ++w) {
    before = choose(equal(warp, constant(w)), fold, before);
    fold = combine(fold, exchanged(constant(w)));
  }
  all = fold;
  gpu::BarrierOp::create(b, loc);
  Tuple left = fromLaneBelow(current, 1);
  Tuple both = choose(atLeast(warp, 1), combine(before, left), left);
  return choose(atLeast(lane, 1), both, before);
}

/// The same where a run's neighbours are in other warps, or not 32 bits wide.
Kernels::Tuple Kernels::scanThreads(const Tuple &total, Tuple &all) {
  if (shuffles())
    return scanWarps(total, all);
  auto put = [&](const Tuple &values) {
    putExchanged(thread, values);
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

/// Neighbouring rows of a thread are apart by the threads of the block, so that
/// threads use different banks.
Kernels::Tuple Kernels::exchanged(Value at) {
  Tuple values;
  for (int64_t c = 0; c < wide; ++c)
    for (unsigned i = 0; i < n; ++i)
      values.push_back(memref::LoadOp::create(
          b, loc, exchange[i], ValueRange{add(at, constant(c * blockThreads))}));
  return values;
}

void Kernels::putExchanged(Value at, const Tuple &values) {
  for (int64_t c = 0; c < wide; ++c)
    for (unsigned i = 0; i < n; ++i)
      memref::StoreOp::create(b, loc, values[c * n + i], exchange[i],
                              ValueRange{add(at, constant(c * blockThreads))});
}

/// What tile `tile` published for this thread's rows.
Kernels::Tuple Kernels::published(ArrayRef<Value> from, Value tile, Value row) {
  Tuple values;
  for (int64_t c = 0; c < wide; ++c)
    for (unsigned i = 0; i < n; ++i)
      values.push_back(memref::LoadOp::create(
          b, loc, from[i], ValueRange{tile, add(row, constant(c))}));
  return values;
}

/// The prefix of all tiles before `tile`, which is not the first.  Every thread
/// looks at another tile.
Kernels::Tuple Kernels::lookBack(Value tile, Value rowBlock, Value row) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  auto number = [&](int64_t v) {
    return arith::ConstantIntOp::create(b, loc, i32, v);
  };
  auto minus = [&](Value x, Value y) -> Value {
    return arith::SubIOp::create(b, loc, x, y);
  };

  // The nearest tile whose prefix is known: `distance` tiles before this one.
  auto search = scf::WhileOp::create(
      b, loc, TypeRange{index}, ValueRange{constant(1)},
      [&](OpBuilder &, Location, ValueRange at) {
        // This thread's tile; beyond the first one there is nothing to wait for.
        Value distance = add(at[0], thread);
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
        // The first of them whose prefix is known; each warp finds its own.
        Value known = equal(wait.getResult(0), number(PrefixKnown));
        Value candidate = arith::SelectOp::create(
            b, loc, known,
            arith::IndexCastOp::create(b, loc, i32, thread).getResult(),
            number(blockThreads));
        Value first = NVVM::ReduxOp::create(b, loc, i32, candidate,
                                            NVVM::ReduxKind::UMIN, number(-1));
        memref::StoreOp::create(
            b, loc, first, seen,
            ValueRange{arith::DivUIOp::create(b, loc, thread, constant(lanes))});
        gpu::BarrierOp::create(b, loc);
        Value least = number(blockThreads);
        for (int64_t w = 0; w < blockThreads / lanes; ++w)
          least = arith::MinUIOp::create(
              b, loc, least,
              memref::LoadOp::create(b, loc, seen, ValueRange{constant(w)}));
        Value nearest = arith::IndexCastUIOp::create(b, loc, index, least);
        Value next = add(at[0], nearest);
        Value none = equal(nearest, constant(blockThreads));
        scf::ConditionOp::create(b, loc, none, ValueRange{next});
      },
      [&](OpBuilder &, Location, ValueRange at) {
        gpu::BarrierOp::create(b, loc); // all have read what the others saw
        scf::YieldOp::create(b, loc, at);
      });
  Value found = minus(tile, search.getResult(0));

  // Fold the totals since then, a window at a time.
  int64_t window = blockThreads / columns;
  Value run = arith::DivUIOp::create(b, loc, thread, constant(columns));
  Tuple start = published(prefixes, found, row);
  auto windows = scf::ForOp::create(b, loc, add(found, constant(1)), tile,
                                    constant(window), start);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(windows.getBody());
  Value from = windows.getInductionVar();
  Value mine = add(from, run);
  when(less(mine, tile),
       [&] { putExchanged(thread, published(totals, mine, row)); });
  gpu::BarrierOp::create(b, loc);
  Value count = arith::MinUIOp::create(b, loc, minus(tile, from), constant(window));
  // Several at once first: their loads do not wait for one another.
  auto foldBy = [&](Value begin, Value end, int64_t step, ValueRange start) {
    auto loop = scf::ForOp::create(b, loc, begin, end, constant(step), start);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Tuple> loaded;
    for (int64_t k = 0; k < step; ++k)
      loaded.push_back(exchanged(
          add(mul(add(loop.getInductionVar(), constant(k)), constant(columns)),
              column)));
    Tuple folded(loop.getRegionIterArgs());
    for (const Tuple &one : loaded)
      folded = combine(folded, one);
    scf::YieldOp::create(b, loc, folded);
    return loop;
  };
  int64_t together = std::min<int64_t>(16, window);
  Value whole = mul(arith::DivUIOp::create(b, loc, count, constant(together)),
                    constant(together));
  auto most = foldBy(constant(0), whole, together, windows.getRegionIterArgs());
  auto fold = foldBy(whole, count, 1, most.getResults());
  gpu::BarrierOp::create(b, loc);
  scf::YieldOp::create(b, loc, fold.getResults());
  return Tuple(windows.getResults());
}
