//===- ScanElements.cpp - How a scan's kernel reads and writes ------------===//
//
// A thread holds one row, or `wide` neighbouring ones where those are
// contiguous in memory.  A tile that is whole, at aligned addresses, is read
// and written by vectors of a thread's rows; any other element by element,
// where it exists.
//
//===----------------------------------------------------------------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

/// Neighbouring rows are neighbours in a buffer with these axes.
bool Kernels::isWide(Value buffer, AxesAttr axes) {
  return wide > 1 && axes.size() && axes.getDivisors().back() == 1 &&
         axes.getNames().back() == rowAxes.back() &&
         cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() >= 8;
}

/// Names the axes of the row `c` after the thread's first.
void Kernels::nameRow(int64_t c, bool vectors) {
  if (vectors) {
    indices = firstRow;
    if (c)
      if (auto axis = rowAxes.back().getValue(); indices.count(axis))
        indices[axis] = add(indices[axis], constant(c));
    return;
  }
  indices = c ? indicesOf(add(threadRow, constant(c))) : firstRow;
}

/// A pointer to the vector of a thread's rows.
Value Kernels::vectorPointer(Value buffer, AxesAttr axes, Value time) {
  nameRow(0, /*vectors=*/true);
  Value at;
  for (auto [d, index] : llvm::enumerate(address(axes, time)))
    at = at ? add(mul(at, memref::DimOp::create(b, loc, buffer, d)), index) : index;
  auto type = cast<MemRefType>(buffer.getType());
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer);
  at = add(base, mul(at, constant(type.getElementTypeBitWidth() / 8)));
  Value bits = arith::IndexCastOp::create(b, loc, b.getI64Type(), at);
  return LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*global=*/1), bits);
}

/// The elements of a buffer for the rows from `begin` to `end` of the thread.
Kernels::Tuple Kernels::fetch(Value buffer, AxesAttr axes, Value time, int64_t begin,
                              int64_t end, bool vectors) {
  if (auto read = ahead.find({buffer, axes, time}); read != ahead.end())
    return read->second;
  Tuple values;
  if (vectors && isWide(buffer, axes)) {
    Type type = cast<MemRefType>(buffer.getType()).getElementType();
    Value all = LLVM::LoadOp::create(
        b, loc, VectorType::get({wide}, type), vectorPointer(buffer, axes, time),
        wide * type.getIntOrFloatBitWidth() / 8);
    for (int64_t c = begin; c < end; ++c)
      values.push_back(LLVM::ExtractElementOp::create(
          b, loc, all,
          arith::ConstantIntOp::create(b, loc, b.getI32Type(), c)));
    return values;
  }
  for (int64_t c = begin; c < end; ++c) {
    nameRow(c, vectors);
    values.push_back(
        memref::LoadOp::create(b, loc, buffer, address(axes, time)));
  }
  return values;
}

/// The same the other way round.
void Kernels::write(Value buffer, AxesAttr axes, Value time, const Tuple &values,
                  int64_t begin, bool vectors) {
  Type type = cast<MemRefType>(buffer.getType()).getElementType();
  if (vectors && isWide(buffer, axes)) {
    Type vector = VectorType::get({wide}, type);
    Value all = LLVM::UndefOp::create(b, loc, vector);
    for (auto [c, value] : llvm::enumerate(values))
      all = LLVM::InsertElementOp::create(
          b, loc, all, convert(value, type),
          arith::ConstantIntOp::create(b, loc, b.getI32Type(), c));
    LLVM::StoreOp::create(b, loc, all, vectorPointer(buffer, axes, time),
                          wide * type.getIntOrFloatBitWidth() / 8);
    return;
  }
  for (auto [c, value] : llvm::enumerate(values)) {
    nameRow(begin + c, vectors);
    memref::StoreOp::create(b, loc, convert(value, type), buffer,
                            address(axes, time));
  }
}

/// Runs a map's step for some rows: per row the map's results.
SmallVector<Kernels::Tuple>
Kernels::runMap(Map &map, Value time, int64_t begin, int64_t end, bool vectors,
                llvm::function_ref<Value(unsigned, int64_t)> given) {
  RecurrenceOp op = map.op;
  SmallVector<IRMapping> mappings(end - begin);
  auto bind = [&](auto args, ArrayRef<AxesAttr> axes, ArrayRef<Value> buffers) {
    for (auto [i, arg] : llvm::enumerate(args)) {
      Tuple values;
      if (buffers[i])
        values = fetch(buffers[i], axes[i], time, begin, end, vectors);
      else
        for (int64_t c = begin; c < end; ++c)
          values.push_back(given(i, c));
      for (int64_t c = begin; c < end; ++c)
        mappings[c - begin].map(
            arg, convert(values[c - begin],
                         StepEmitter::computeType(arg.getType())));
    }
  };
  bind(op.getSeqArgs(), map.seqAxes, map.seq);
  bind(op.getWeightArgs(), map.weightAxes, map.weights);
  SmallVector<Tuple> results;
  for (IRMapping &mapping : mappings)
    results.push_back(repeatBlock(b, loc, op.getStep().front(),
                                  op.getYield().getOuts(), mapping));
  return results;
}

/// The elements of all operands at a place, for some of the thread's rows. What
/// a map computes for the scan alone is computed here.
Kernels::Tuple Kernels::load(Value time, int64_t begin, int64_t end,
                             bool vectors) {
  Tuple values(n * (end - begin));
  llvm::DenseMap<Map *, SmallVector<Tuple>> done;
  for (unsigned i = 0; i < members; ++i) {
    Tuple mine;
    if (Map *map = producers[i].first) {
      SmallVector<Tuple> &results = done[map];
      if (results.empty())
        results = runMap(*map, time, begin, end, vectors, {});
      // The map's result is rounded to its type, if that is narrower.
      for (Tuple &result : results)
        mine.push_back(convert(result[producers[i].second],
                               scan.getLeftArgs()[i].getType()));
    } else {
      mine = fetch(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]), time, begin, end,
                   vectors);
    }
    for (auto [c, value] : llvm::enumerate(mine))
      values[c * n + i] = convert(value, element(i));
  }
  if (flagged)
    restart(time, values, begin, end, vectors);
  return values;
}

/// Stores some rows' elements, and what maps make of them.
void Kernels::store(Value time, Tuple values, int64_t begin, int64_t end,
                    bool vectors) {
  if (table || (flagged && scan.getExclusive()))
    finishSegments(time, values, begin, end, vectors);
  auto out = [&](unsigned i, int64_t c) {
    return convert(values[(c - begin) * n + i],
                   scan.getCombine().getArgument(i).getType());
  };
  for (unsigned i = 0; i < members; ++i) {
    if (!outs[i])
      continue;
    Tuple mine;
    for (int64_t c = begin; c < end; ++c)
      mine.push_back(values[(c - begin) * n + i]);
    write(outs[i], cast<AxesAttr>(scan.getOutMaps()[i]), time, mine, begin, vectors);
  }
  for (Map &map : consumers) {
    SmallVector<Tuple> results =
        runMap(map, time, begin, end, vectors, [&](unsigned arg, int64_t c) {
          return convert(out(map.given[arg], c),
                         getElementTypeOrSelf(map.op.getSeq()[arg].getType()));
        });
    for (auto [j, buffer] : llvm::enumerate(map.outs)) {
      if (!buffer)
        continue;
      Tuple mine;
      for (Tuple &result : results)
        mine.push_back(result[j]);
      write(buffer, map.outAxes[j], time, mine, begin, vectors);
    }
  }
}

/// The elements at `at` of the thread's row `c`; the identities where none
/// exist.
Kernels::Tuple Kernels::loadIfAny(Value at, int64_t c) {
  Tuple none = identities();
  none.resize(n);
  SmallVector<Type> types;
  for (unsigned i = 0; i < n; ++i)
    types.push_back(element(i));
  auto one = scf::IfOp::create(b, loc, types, exists(at, c), /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(one.thenBlock());
  scf::YieldOp::create(b, loc, load(physical(at), c, c + 1, false));
  b.setInsertionPointToStart(one.elseBlock());
  scf::YieldOp::create(b, loc, none);
  return Tuple(one.getResults());
}

/// The elements at `place(k)` for every k; in a tile that is not whole, the
/// identities beyond the row's end.
SmallVector<Kernels::Tuple>
Kernels::loadAll(llvm::function_ref<Value(int64_t)> place) {
  SmallVector<Type> types;
  for (unsigned i = 0; i < n; ++i)
    types.push_back(element(i));
  SmallVector<Type> allTypes;
  for (int64_t k = 0; k < items * wide; ++k)
    llvm::append_range(allTypes, types);
  auto op = scf::IfOp::create(b, loc, allTypes, wholeTile, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    Tuple all;
    for (int64_t k = 0; k < items; ++k)
      llvm::append_range(all, load(physical(place(k)), 0, wide, /*vectors=*/true));
    scf::YieldOp::create(b, loc, all);
    b.setInsertionPointToStart(op.elseBlock());
    all.clear();
    for (int64_t k = 0; k < items; ++k) {
      Value at = place(k);
      for (int64_t c = 0; c < wide; ++c)
        llvm::append_range(all, loadIfAny(at, c));
    }
    scf::YieldOp::create(b, loc, all);
  }
  SmallVector<Tuple> result;
  for (int64_t k = 0; k < items; ++k)
    result.push_back(Tuple(op.getResults().slice(k * n * wide, n * wide)));
  return result;
}

/// There is a token at `at` of the thread's row `c`.
Value Kernels::exists(Value at, int64_t c) {
  Value inside = less(at, length);
  if (contiguous)
    return inside;
  Value row = less(add(threadRow, constant(c)), rows);
  return arith::AndIOp::create(b, loc, row, inside);
}

/// Stores `values(k)` at `place(k)` where that exists.
void Kernels::storeAll(llvm::function_ref<Value(int64_t)> place,
                       llvm::function_ref<Tuple(int64_t)> values) {
  auto op = scf::IfOp::create(b, loc, wholeTile, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  for (int64_t k = 0; k < items; ++k)
    store(physical(place(k)), values(k), 0, wide, /*vectors=*/true);
  b.setInsertionPointToStart(op.elseBlock());
  for (int64_t k = 0; k < items; ++k) {
    Value at = place(k);
    Tuple all = values(k);
    for (int64_t c = 0; c < wide; ++c)
      when(exists(at, c), [&] {
        store(physical(at), Tuple(ArrayRef<Value>(all).slice(c * n, n)), c, c + 1,
              false);
      });
  }
}

/// Lets `units` treat whole tiles that are aligned, where there are vectors along
/// time; what comes next treats the others.
void Kernels::byUnits(llvm::function_ref<void()> units) {
  if (along <= 1)
    return;
  Value vectors = arith::AndIOp::create(b, loc, wholeTile, fits);
  auto op = scf::IfOp::create(b, loc, vectors, /*withElse=*/true);
  b.setInsertionPointToStart(op.thenBlock());
  units();
  b.setInsertionPointToStart(op.elseBlock());
}

/// Puts the tile's elements into shared memory, neighbours by neighbouring
/// threads: copied there past registers, where memory has them as they are
/// combined.
void Kernels::exchangeRuns(Value base) {
  auto place = [&](int64_t k) {
    return add(base, add(thread, constant(k * blockThreads)));
  };
  auto putAll = [&] {
    SmallVector<Tuple> loaded = loadAll(place);
    for (int64_t k = 0; k < items; ++k)
      put(exchange, striped(k), loaded[k]);
  };
  OpBuilder::InsertionGuard guard(b);
  byUnits([&] { exchangeUnits(base); });
  if (!copied) {
    putAll();
    return;
  }
  auto op = scf::IfOp::create(b, loc, wholeTile, /*withElse=*/true);
  b.setInsertionPointToStart(op.thenBlock());
  for (int64_t k = 0; k < items; ++k)
    for (unsigned i = 0; i < n; ++i)
      copyElement(i, place(k), striped(k));
  NVVM::CpAsyncCommitGroupOp::create(b, loc);
  NVVM::CpAsyncWaitGroupOp::create(b, loc, 0);
  b.setInsertionPointToStart(op.elseBlock());
  for (int64_t k = 0; k < items; ++k)
    put(exchange, striped(k), loadIfAny(place(k), 0));
}

/// Starts to copy operand i's element to a place in shared memory.
void Kernels::copyElement(unsigned i, Value from, Value to) {
  int32_t bytes = element(i).getIntOrFloatBitWidth() / 8;
  Value device =
      vectorPointer(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]), physical(from));
  NVVM::CpAsyncOp::create(b, loc, sharedPointer(i, to), device, bytes,
                          NVVM::LoadCacheModifierKind::CA, Value());
}

/// Folds of the thread's run up to each element stay in shared memory, so that
/// no thread holds elements in registers while it waits for the tiles before:
/// more blocks are in flight then.  Returns the fold of all.
Kernels::Tuple Kernels::foldRuns(Value base) {
  if (contiguous) {
    exchangeRuns(base);
    gpu::BarrierOp::create(b, loc);
    if (along > 1)
      return foldUnits();
    return foldRun([&](int64_t k) { return taken(exchange, placeInRun(k)); });
  }
  // Elements of a whole tile are read first, and mapped as they are folded.
  SmallVector<Type> types = typesOfRows();
  unsigned folded = types.size();
  if (flagged)
    types.append(wide, b.getI32Type());
  auto op = scf::IfOp::create(b, loc, types, wholeTile, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto yield = [&](Tuple fold) {
    llvm::append_range(fold, flagsOfRun);
    scf::YieldOp::create(b, loc, fold);
  };
  b.setInsertionPointToStart(op.thenBlock());
  SmallVector<Value> times;
  for (int64_t k = 0; k < items; ++k) {
    times.push_back(physical(add(base, constant(k))));
    readAhead(times.back());
  }
  yield(
      foldRun([&](int64_t k) { return load(times[k], 0, wide, /*vectors=*/true); }));
  ahead.clear();
  b.setInsertionPointToStart(op.elseBlock());
  yield(foldRun([&](int64_t k) {
    Tuple next;
    for (int64_t c = 0; c < wide; ++c)
      llvm::append_range(next, loadIfAny(add(base, constant(k)), c));
    return next;
  }));
  flagsOfRun.clear();
  if (flagged)
    llvm::append_range(flagsOfRun, op.getResults().slice(folded, wide));
  return Tuple(op.getResults().take_front(folded));
}

/// Folds the thread's run, whose k-th element is `next(k)`.
Kernels::Tuple Kernels::foldRun(llvm::function_ref<Tuple(int64_t)> next) {
  Tuple fold;
  for (int64_t k = 0; k < items; ++k) {
    Tuple mine = next(k);
    auto keep = [&](const Tuple &values) {
      put(exchange, placeInRun(k), values);
      if (!contiguous && flagged)
        keepFlags(values, k);
    };
    if (scan.getExclusive())
      keep(k ? fold : identities());
    fold = k ? combine(fold, mine) : mine;
    if (!scan.getExclusive())
      keep(fold);
  }
  return fold;
}

/// Reads what `load` will need of a whole tile's token.
void Kernels::readAhead(Value time) {
  auto read = [&](Value buffer, AxesAttr axes) {
    if (buffer)
      ahead.try_emplace({buffer, axes, time},
                        fetch(buffer, axes, time, 0, wide, /*vectors=*/true));
  };
  for (unsigned i = 0; i < members; ++i)
    read(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]));
  for (const Map &map : maps)
    for (auto [buffer, axes] : llvm::zip(map.seq, map.seqAxes))
      read(buffer, axes);
}

/// Where the thread's k-th element as loaded is in shared memory: runs are one
/// element apart, so that threads use different banks.
Value Kernels::striped(int64_t k) {
  if (along > 1) {
    Value place = arith::RemUIOp::create(b, loc, thread, constant(items));
    Value unit = arith::DivUIOp::create(b, loc, place, constant(along));
    Value within = arith::RemUIOp::create(b, loc, thread, constant(along));
    if (scan.getReverse())
      within = arith::SubIOp::create(b, loc, constant(along - 1), within);
    return add(unitPlace(runOfStriped(k), unit), within);
  }
  return add(add(thread, constant(k * blockThreads)), runOfStriped(k));
}

/// The run that this element is in.  Places of all k are one and a constant.
Value Kernels::runOfStriped(int64_t k) {
  Value run = arith::DivUIOp::create(b, loc, thread, constant(items));
  return add(run, constant(k * (blockThreads / items)));
}

/// Where the k-th element of the thread's own run is in shared memory.
Value Kernels::placeInRun(int64_t k) {
  if (contiguous)
    return add(mul(thread, constant(items + 1)), constant(k));
  return add(thread, constant(k * wide * blockThreads));
}

/// The same place, unknown to the compiler to be: those of what was read are
/// not kept in registers until results are stored.
Value Kernels::anew(Value base) {
  Value hidden = arith::IndexCastOp::create(b, loc, b.getI64Type(), base);
  hidden = LLVM::InlineAsmOp::create(
               b, loc, b.getI64Type(), ValueRange{hidden}, "mov.b64 $0, $1;", "=l,l",
               /*has_side_effects=*/true, /*is_align_stack=*/false,
               LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr())
               .getResult(0);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), hidden);
}

/// Stores the results; `before` is the fold of all that comes before the
/// thread's run. Where time is contiguous, neighbouring threads store
/// neighbours.
void Kernels::finishRuns(Value base, const Tuple &before) {
  base = anew(base);
  if (!contiguous) {
    storeAll([&](int64_t k) { return add(base, constant(k)); },
             [&](int64_t k) {
               Tuple within = taken(exchange, placeInRun(k));
               if (flagged)
                 giveFlags(within, k);
               return combine(before, within);
             });
    return;
  }
  // All have read the folds of runs since the barrier after the look back.
  put(partial, thread, before);
  gpu::BarrierOp::create(b, loc);
  OpBuilder::InsertionGuard guard(b);
  byUnits([&] { storeUnits(base); });
  storeAll(
      [&](int64_t k) { return add(base, add(thread, constant(k * blockThreads))); },
      [&](int64_t k) {
        return combine(taken(partial, runOfStriped(k)),
                       taken(exchange, striped(k)));
      });
}
