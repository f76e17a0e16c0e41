//===- ScanLookBack.cpp - Prefixes within a tile and before it ------------===//
//
// A tile publishes its total as words of 64 bits: 32 of a value, 32 that say
// what it is.  A word is read and written at once, so that no order between
// words matters. Tiles come in groups: a tile folds the totals of the earlier
// ones of its group; the last one publishes the group's total, and its prefix
// when that is known.  The prefix of a group is folded from the left, from the
// nearest one that is known.  So the order of every fold depends on a tile's
// number only.
//
//===----------------------------------------------------------------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

//===----------------------------------------------------------------------===//
// Within a tile
//===----------------------------------------------------------------------===//

/// True where a warp can pass the elements from lane to lane.
bool Kernels::shuffles() {
  return contiguous && llvm::all_of(llvm::seq(n), [&](unsigned i) {
           Type type = element(i);
           return type.isF32() || type.isInteger(32);
         });
}

Value Kernels::number(int64_t v) {
  return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v);
}

Kernels::Tuple Kernels::shuffled(const Tuple &values, Value by,
                                 gpu::ShuffleMode mode) {
  Tuple result;
  for (Value value : values)
    result.push_back(
        gpu::ShuffleOp::create(b, loc, value, by, number(lanes), mode)
            .getShuffleResult());
  return result;
}

/// The fold of every lane's values and those of the lanes below.
Kernels::Tuple Kernels::scanLanes(Tuple current, Value lane) {
  for (int64_t by = 1; by < lanes; by *= 2) {
    // A lane that has none below keeps its own.
    Tuple left = shuffled(current, number(by), gpu::ShuffleMode::UP);
    current = choose(atLeast(lane, by), combine(left, current), current);
  }
  return current;
}

/// The fold of the totals of the row's runs before this one; `all` of every
/// run. Lanes of a warp first, then warps.
Kernels::Tuple Kernels::scanWarps(const Tuple &total, Tuple &all) {
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(lanes));
  Value warp = arith::DivUIOp::create(b, loc, thread, constant(lanes));
  Tuple current = scanLanes(total, lane);
  when(equal(lane, constant(lanes - 1)), [&] { put(partial, warp, current); });
  gpu::BarrierOp::create(b, loc);
  Tuple before;
  all = foldBefore(partial, 1, constant(0), warp, before);
  Tuple left = shuffled(current, number(1), gpu::ShuffleMode::UP);
  Tuple both = choose(atLeast(warp, 1), combine(before, left), left);
  return choose(atLeast(lane, 1), both, before);
}

/// Keeps what follows from being loaded earlier, into registers of its own.
void Kernels::keepHere() { NVVM::SyncWarpOp::create(b, loc, number(-1)); }

/// The fold of all runs' values in `from`, which lie `apart` from `first` on,
/// and in `before` that of the runs before `run`.
Kernels::Tuple Kernels::foldBefore(ArrayRef<Value> from, int64_t apart, Value first,
                                   Value run, Tuple &before) {
  int64_t runs = contiguous ? blockThreads / lanes : blockThreads / columns;
  Tuple fold = taken(from, first);
  before = identities();
  for (int64_t r = 1; r < runs; ++r) {
    before = choose(equal(run, constant(r)), fold, before);
    if (r % 2 == 0)
      keepHere();
    fold = combine(fold, taken(from, add(first, constant(r * apart))));
  }
  return fold;
}

/// The same where a run's neighbours are in other warps, or not 32 bits wide.
Kernels::Tuple Kernels::scanThreads(const Tuple &total, Tuple &all) {
  if (shuffles())
    return scanWarps(total, all);
  if (!contiguous) {
    put(partial, thread, total);
    gpu::BarrierOp::create(b, loc);
    Tuple before;
    all = foldBefore(partial, columns, column, runOfThread(), before);
    return before;
  }
  auto putAll = [&](const Tuple &values) {
    put(partial, thread, values);
    gpu::BarrierOp::create(b, loc);
  };
  auto before = [&](int64_t by, Value &exists) {
    exists = atLeast(thread, by);
    Value at = arith::SelectOp::create(
        b, loc, exists,
        arith::SubIOp::create(b, loc, thread, constant(by)).getResult(), thread);
    return taken(partial, at);
  };
  Tuple current = total;
  putAll(current);
  for (int64_t by = 1; by < blockThreads; by *= 2) {
    Value exists;
    Tuple left = before(by, exists);
    current = choose(exists, combine(left, current), current);
    gpu::BarrierOp::create(b, loc);
    putAll(current);
  }
  Value exists;
  Tuple left = before(1, exists);
  all = taken(partial, constant(blockThreads - 1));
  gpu::BarrierOp::create(b, loc);
  return choose(exists, left, identities());
}

/// Neighbouring rows of a thread are apart by the threads of the block, so that
/// threads use different banks.  A member without a place is left out.
Kernels::Tuple Kernels::taken(ArrayRef<Value> from, Value at) {
  Tuple values;
  for (int64_t c = 0; c < wide; ++c)
    for (unsigned i = 0; i < n; ++i)
      values.push_back(from[i] ? memref::LoadOp::create(
                                     b, loc, from[i],
                                     ValueRange{add(at, constant(c * blockThreads))})
                                     .getResult()
                               : Value());
  return values;
}

void Kernels::put(ArrayRef<Value> to, Value at, const Tuple &values) {
  for (int64_t c = 0; c < wide; ++c)
    for (unsigned i = 0; i < n; ++i)
      if (to[i])
        memref::StoreOp::create(b, loc, values[c * n + i], to[i],
                                ValueRange{add(at, constant(c * blockThreads))});
}

//===----------------------------------------------------------------------===//
// What tiles and groups publish
//===----------------------------------------------------------------------===//

int64_t Kernels::wordsOfRow() {
  int64_t words = 0;
  for (unsigned i = 0; i < n; ++i)
    words += element(i).getIntOrFloatBitWidth() > 32 ? 2 : 1;
  return words;
}

/// The address of a word of the thread's row `c`.  Lanes read neighbours: slots
/// of a row, or rows of a slot.
Value Kernels::wordPointer(Value slot, int64_t c, int64_t word) {
  int64_t words = wordsOfRow();
  Value index;
  if (contiguous)
    index = add(mul(add(mul(threadRow, slotsOfRow), slot), constant(words)),
                constant(word));
  else
    index = add(mul(add(mul(slot, constant(words)), constant(word)), paddedRows),
                add(threadRow, constant(c)));
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, slots);
  // The first word is the ticket's.
  Value at = add(base, mul(add(index, constant(1)), constant(8)));
  Value bits = arith::IndexCastOp::create(b, loc, b.getI64Type(), at);
  return LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*global=*/1), bits);
}

void Kernels::publish(Value slot, const Tuple &values, int64_t state) {
  Type i64 = b.getI64Type();
  auto word = [&](int64_t v) { return arith::ConstantIntOp::create(b, loc, i64, v); };
  auto store = [&](Value payload, int64_t c, int64_t number) {
    Value both = arith::OrIOp::create(b, loc, payload, word(state << 32));
    LLVM::StoreOp::create(b, loc, both, wordPointer(slot, c, number),
                          /*alignment=*/8, /*isVolatile=*/false,
                          /*isNonTemporal=*/false, /*isInvariantGroup=*/false,
                          LLVM::AtomicOrdering::monotonic, "device");
  };
  for (int64_t c = 0; c < wide; ++c) {
    int64_t number = 0;
    for (unsigned i = 0; i < n; ++i) {
      Value value = values[c * n + i];
      unsigned width = value.getType().getIntOrFloatBitWidth();
      if (isa<FloatType>(value.getType()))
        value = arith::BitcastOp::create(b, loc, b.getIntegerType(width), value);
      if (width < 64)
        value = arith::ExtUIOp::create(b, loc, i64, value);
      if (width <= 32) {
        store(value, c, number++);
        continue;
      }
      store(arith::AndIOp::create(b, loc, value, word(0xffffffff)), c, number++);
      store(arith::ShRUIOp::create(b, loc, value, word(32)), c, number++);
    }
  }
}

/// What is published in a slot for the thread's rows, and in `state` what it
/// is: nothing yet where words differ.
Kernels::Tuple Kernels::published(Value slot, Value &state) {
  Type i64 = b.getI64Type(), i32 = b.getI32Type();
  auto word = [&](int64_t v) { return arith::ConstantIntOp::create(b, loc, i64, v); };
  state = {};
  Value same;
  auto load = [&](int64_t c, int64_t place) -> Value {
    Value both = LLVM::LoadOp::create(
        b, loc, i64, wordPointer(slot, c, place), /*alignment=*/8,
        /*isVolatile=*/false, /*isNonTemporal=*/false, /*isInvariant=*/false,
        /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic, "device");
    Value mine = arith::TruncIOp::create(
        b, loc, i32, arith::ShRUIOp::create(b, loc, both, word(32)).getResult());
    if (!state) {
      state = mine;
      return both;
    }
    Value agrees = equal(state, mine);
    same = same ? arith::AndIOp::create(b, loc, same, agrees).getResult() : agrees;
    return both;
  };
  Tuple values;
  for (int64_t c = 0; c < wide; ++c) {
    int64_t place = 0;
    for (unsigned i = 0; i < n; ++i) {
      Type type = element(i);
      unsigned width = type.getIntOrFloatBitWidth();
      Value value = load(c, place++);
      if (width > 32) {
        Value low = arith::AndIOp::create(b, loc, value, word(0xffffffff));
        Value high = arith::ShLIOp::create(b, loc, load(c, place++), word(32));
        value = arith::OrIOp::create(b, loc, low, high);
      } else {
        value = arith::TruncIOp::create(b, loc, b.getIntegerType(width), value);
      }
      if (isa<FloatType>(type))
        value = arith::BitcastOp::create(b, loc, type, value);
      values.push_back(value);
    }
  }
  if (same)
    state = arith::SelectOp::create(b, loc, same, state, number(Unknown));
  return values;
}

SmallVector<Type> Kernels::typesOfRows() {
  SmallVector<Type> types;
  for (int64_t c = 0; c < wide; ++c)
    for (unsigned i = 0; i < n; ++i)
      types.push_back(element(i));
  return types;
}

/// Waits until something is published.
Kernels::Tuple Kernels::awaited(Value slot, Value &state) {
  SmallVector<Type> types = typesOfRows();
  types.push_back(b.getI32Type());
  auto wait = scf::WhileOp::create(
      b, loc, types, ValueRange{},
      [&](OpBuilder &, Location, ValueRange) {
        Value found;
        Tuple values = published(slot, found);
        values.push_back(found);
        scf::ConditionOp::create(b, loc, equal(found, number(Unknown)), values);
      },
      [&](OpBuilder &, Location, ValueRange) { scf::YieldOp::create(b, loc); });
  state = wait.getResults().back();
  return Tuple(wait.getResults().drop_back());
}

/// What `known` yields where `exists`, else what `otherwise` does: values and a state.
Kernels::Tuple Kernels::either(Value exists, llvm::function_ref<Tuple(Value &)> known,
                               llvm::function_ref<Tuple(Value &)> otherwise,
                               Value &state) {
  SmallVector<Type> types = typesOfRows();
  types.push_back(b.getI32Type());
  auto op = scf::IfOp::create(b, loc, types, exists, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto yield = [&](Block *block, auto make) {
    b.setInsertionPointToStart(block);
    Value mine;
    Tuple values = make(mine);
    values.push_back(mine);
    scf::YieldOp::create(b, loc, values);
  };
  yield(op.thenBlock(), known);
  yield(op.elseBlock(), otherwise);
  state = op.getResults().back();
  return Tuple(op.getResults().drop_back());
}

/// What comes before the first group, for the lane or warp that looks there; of
/// no matter for others.
Kernels::Tuple Kernels::beforeFirst(Value group, Value place) {
  Value unused;
  return either(
      equal(place, group),
      [&](Value &state) {
        state = number(PrefixKnown);
        return firstPrefix();
      },
      [&](Value &state) {
        state = number(PrefixKnown);
        return identities();
      },
      unused);
}

/// Group `place` back from group `group` as seen by a lane or warp: what is published,
/// `start` before the first group, or nothing that matters.
Kernels::Tuple Kernels::earlierGroup(Value group, Value place, const Tuple &start,
                                     bool wait, Value &state) {
  return either(
      less(place, group),
      [&](Value &found) {
        Value back = arith::SubIOp::create(
            b, loc, add(tiles, arith::SubIOp::create(b, loc, group, constant(1))),
            place);
        return wait ? awaited(back, found) : published(back, found);
      },
      [&](Value &found) {
        found = arith::SelectOp::create(b, loc, equal(place, group),
                                        number(PrefixKnown), number(TotalKnown));
        return start;
      },
      state);
}

//===----------------------------------------------------------------------===//
// Before a tile
//===----------------------------------------------------------------------===//

/// The prefix of `tile`, whose total is `all`, after it has published that
/// total.
Kernels::Tuple Kernels::lookBack(Value tile, const Tuple &all) {
  Value size = constant(groupSize());
  Value group = arith::DivUIOp::create(b, loc, tile, size);
  Value place = arith::RemUIOp::create(b, loc, tile, size);
  Value endsGroup = equal(place, constant(groupSize() - 1));
  Value leads = less(thread, constant(columns));
  // The last tile of a group is awaited by none of it.
  when(leads, [&] {
    auto total = scf::IfOp::create(b, loc, endsGroup, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(total.elseBlock());
    publish(tile, all, TotalKnown);
  });
  Value lastOfGroup = arith::AndIOp::create(b, loc, leads, endsGroup);
  Value groupSlot = add(tiles, group);
  auto publishGroup = [&](const Tuple &values, int64_t state) {
    when(lastOfGroup, [&] { publish(groupSlot, values, state); });
  };
  if (!contiguous)
    return lookBackWarps(tile, all, group, place, publishGroup);
  // One warp looks, for all.
  when(less(thread, constant(lanes)), [&] {
    Tuple prefix = lookBackLanes(tile, all, group, place, publishGroup);
    when(equal(thread, constant(0)), [&] { put(handed, constant(0), prefix); });
  });
  gpu::BarrierOp::create(b, loc);
  return taken(handed, constant(0));
}

/// Every lane of a warp looks at another tile, then at another group.
Kernels::Tuple
Kernels::lookBackLanes(Value tile, const Tuple &all, Value group, Value place,
                       llvm::function_ref<void(const Tuple &, int64_t)> publishGroup) {
  Type i32 = b.getI32Type();
  Value state, lane = thread;
  Value firstOfGroup = arith::SubIOp::create(b, loc, tile, place);
  Tuple mine = either(
      less(lane, place),
      [&](Value &found) { return awaited(add(firstOfGroup, lane), found); },
      [&](Value &found) {
        found = number(TotalKnown);
        return identities();
      },
      state);
  Value last = number(lanes - 1);
  Tuple within;
  if (shuffles()) {
    within = shuffled(scanLanes(mine, lane), last, gpu::ShuffleMode::IDX);
  } else {
    put(partial, lane, mine);
    NVVM::SyncWarpOp::create(b, loc, number(-1));
    within = taken(partial, constant(0));
    auto fold = scf::ForOp::create(b, loc, constant(1), place, constant(1), within);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(fold.getBody());
    scf::YieldOp::create(b, loc,
                         combine(Tuple(fold.getRegionIterArgs()),
                                 taken(partial, fold.getInductionVar())));
    within = Tuple(fold.getResults());
  }
  Tuple total = combine(within, all);
  publishGroup(total, TotalKnown);

  // The nearest group whose prefix is known, all after it having a total.
  Tuple start = beforeFirst(group, lane);
  SmallVector<Type> types = typesOfRows();
  types.push_back(i32);
  auto search = scf::WhileOp::create(
      b, loc, types, ValueRange{},
      [&](OpBuilder &, Location, ValueRange) {
        Value found;
        Tuple values = earlierGroup(group, lane, start, /*wait=*/false, found);
        auto nearest = [&](int64_t wanted) -> Value {
          Value candidate = arith::SelectOp::create(
              b, loc, equal(found, number(wanted)),
              arith::IndexCastOp::create(b, loc, i32, lane).getResult(),
              number(lanes));
          return NVVM::ReduxOp::create(b, loc, i32, candidate,
                                       NVVM::ReduxKind::UMIN, number(-1));
        };
        Value known = nearest(PrefixKnown), missing = nearest(Unknown);
        values.push_back(known);
        scf::ConditionOp::create(b, loc,
                                 arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge,
                                                       known, missing),
                                 values);
      },
      [&](OpBuilder &, Location, ValueRange) { scf::YieldOp::create(b, loc); });
  Value known = search.getResults().back();
  Tuple groups(search.getResults().drop_back());
  if (!shuffles()) {
    NVVM::SyncWarpOp::create(b, loc, number(-1)); // the totals have been read
    put(partial, lane, groups);
    NVVM::SyncWarpOp::create(b, loc, number(-1));
  }
  auto ofLane = [&](Value at) {
    return shuffles() ? shuffled(groups, at, gpu::ShuffleMode::IDX)
                      : taken(partial, arith::IndexCastUIOp::create(
                                           b, loc, b.getIndexType(), at));
  };
  auto fold = scf::ForOp::create(b, loc, number(0), known, number(1), ofLane(known));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(fold.getBody());
    Value at = arith::SubIOp::create(
        b, loc, arith::SubIOp::create(b, loc, known, number(1)),
        fold.getInductionVar());
    scf::YieldOp::create(b, loc,
                         combine(Tuple(fold.getRegionIterArgs()), ofLane(at)));
  }
  Tuple before(fold.getResults());
  publishGroup(combine(before, total), PrefixKnown);
  return combine(before, within);
}

/// Every warp looks at another tile, then at another group; its lanes at their
/// rows.
Kernels::Tuple Kernels::lookBackWarps(
    Value tile, const Tuple &all, Value group, Value place,
    llvm::function_ref<void(const Tuple &, int64_t)> publishGroup) {
  Value warp = runOfThread(), state;
  int64_t warps = blockThreads / columns;
  Value firstOfGroup = arith::SubIOp::create(b, loc, tile, place);
  when(less(warp, place), [&] {
    put(handed, thread, awaited(add(firstOfGroup, warp), state));
  });
  gpu::BarrierOp::create(b, loc);
  auto fromWarp = [&](ArrayRef<Value> from, int64_t w) {
    return taken(from, add(column, constant(w * columns)));
  };
  Tuple within = identities();
  for (int64_t w = 0; w + 1 < warps; ++w) {
    within = choose(less(constant(w), place), combine(within, fromWarp(handed, w)),
                    within);
    if (w % 2)
      keepHere();
  }
  Tuple total = combine(within, all);
  publishGroup(total, TotalKnown);

  Tuple start = beforeFirst(group, warp);
  auto ofWarp = [&](int64_t w) -> Value {
    return memref::LoadOp::create(b, loc, seen,
                                  ValueRange{add(column, constant(w * columns))});
  };
  scf::WhileOp::create(
      b, loc, TypeRange(), ValueRange{},
      [&](OpBuilder &, Location, ValueRange) {
        Value found;
        put(partial, thread, earlierGroup(group, warp, start, /*wait=*/true, found));
        memref::StoreOp::create(b, loc, found, seen, ValueRange{thread});
        gpu::BarrierOp::create(b, loc);
        Value most = ofWarp(0);
        for (int64_t w = 1; w < warps; ++w)
          most = arith::MaxUIOp::create(b, loc, most, ofWarp(w));
        Value least = NVVM::ReduxOp::create(b, loc, b.getI32Type(), most,
                                            NVVM::ReduxKind::UMIN, number(-1));
        Value again = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, least,
                                            number(PrefixKnown));
        scf::ConditionOp::create(b, loc, again, ValueRange());
      },
      [&](OpBuilder &, Location, ValueRange) {
        gpu::BarrierOp::create(b, loc); // all have read what the others saw
        scf::YieldOp::create(b, loc);
      });
  // From the left; what comes before a known prefix is in it.
  Tuple before = fromWarp(partial, warps - 1);
  for (int64_t w = warps - 2; w >= 0; --w) {
    Tuple values = fromWarp(partial, w);
    before = choose(equal(ofWarp(w), number(PrefixKnown)), values,
                    combine(before, values));
    if (w % 2)
      keepHere();
  }
  publishGroup(combine(before, total), PrefixKnown);
  return combine(before, within);
}
