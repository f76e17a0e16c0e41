//===- ScanElements.cpp - How a scan's kernel reads and writes ------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

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

RecurrenceOp scan::mapOf(ScanOp scan, unsigned i) {
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
