//===- StepBuffers.cpp - Where a task's values are ------------------------===//
//
// Operands of a token, and buffers of a task, of a thread or of a block: on the stack,
// in registers, in shared memory or in device memory.
//
//===----------------------------------------------------------------------===//

#include "RecurrenceLowering.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

/// The operand at this task, at token `time` (null: no time axis).  A value that steps
/// together with others has their dimension first, which `memref` may lack.
Access Lowering::operandAccess(Value memref, AxesAttr map, Value time,
                               unsigned rank, bool together) {
  Access access{memref, {}};
  together |= lockstep.has(map);
  for (unsigned d = 0; d < map.size(); ++d) {
    StringRef axis = map.getNames()[d].getValue();
    if (lane && map.getNames()[d] == lane) {
      access.dims.push_back({Access::Dim::Lane, laneFirst});
    } else if (lockstep && axis == lockstep.axis.getValue()) {
      access.dims.push_back({Access::Dim::Feature, groupFirst, 0, groupLast});
    } else if (axis == RecurrenceOp::getTimeAxis()) {
      access.dims.push_back({Access::Dim::Fixed, time});
    } else {
      Value index = indices.lookup(axis);
      if (int64_t divisor = map.getDivisors()[d]; divisor != 1)
        index = arith::DivUIOp::create(b, loc, index, constant(divisor));
      access.dims.push_back({Access::Dim::Fixed, index});
    }
  }
  for (unsigned d = together ? 1 : 0; d < rank; ++d)
    access.dims.push_back({Access::Dim::Feature, Value(), d});
  return access;
}

/// The slice of `row` among values that step together.
Access Lowering::rowOf(const Access &access, Value row) {
  Access result{access.memref, {}};
  for (Access::Dim dim : access.dims) {
    if (dim.kind == Access::Dim::Feature && dim.feature > 0) {
      --dim.feature;
    } else if (dim.kind == Access::Dim::Feature) {
      Value at = row;
      if (dim.fixed)
        at = arith::AddIOp::create(b, loc, at, dim.fixed);
      if (dim.last)
        at = arith::MinUIOp::create(b, loc, at, dim.last);
      dim = {Access::Dim::Fixed, at};
    }
    result.dims.push_back(dim);
  }
  return result;
}

/// A buffer of this task: small ones on the stack, others on the heap, where
/// the deallocation pass frees them.
Value Lowering::local(Type type, bool lanes) {
  SmallVector<int64_t> shape(shapeOf(type));
  if (lanes)
    shape.push_back(laneRoom);
  int64_t bytes = 8;
  for (int64_t size : shape)
    bytes *= size;
  auto memref = MemRefType::get(shape, elementOf(type));
  auto align = b.getI64IntegerAttr(64);
  if (unit == Unit::Thread) {
    // Registers, if loops unroll; else the thread's own memory.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&kernel.getBody().front());
    return memref::AllocaOp::create(b, loc, memref);
  }
  if (unit == Unit::Block)
    return blockLocal(memref);
  if (bytes <= 4096)
    return memref::AllocaOp::create(b, loc, memref, align);
  return memref::AllocOp::create(b, loc, memref, align);
}

/// A buffer of this block: in shared memory while there is room.
Value Lowering::blockLocal(MemRefType type) {
  int64_t bytes = elementBytes(type.getElementType());
  for (int64_t size : type.getShape())
    bytes *= size;
  bytes = llvm::alignTo(bytes, 16);
  OpBuilder::InsertionGuard guard(b);
  if (bytes <= sharedLeft) {
    auto space =
        gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    b.setInsertionPointToStart(&kernel.getBody().front());
    Value all = gpu::DynamicSharedMemoryOp::create(
        b, loc,
        MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                        MemRefLayoutAttrInterface(), space));
    Value view = memref::ViewOp::create(
        b, loc,
        MemRefType::get(type.getShape(), type.getElementType(),
                        MemRefLayoutAttrInterface(), space),
        all, constant(sharedUsed), ValueRange());
    sharedLeft -= bytes;
    sharedUsed += bytes;
    return view;
  }
  b.setInsertionPoint(kernel);
  SmallVector<int64_t> shape{ShapedType::kDynamic};
  llvm::append_range(shape, type.getShape());
  return memref::AllocOp::create(b, loc,
                                 MemRefType::get(shape, type.getElementType()),
                                 ValueRange{tasks}, b.getI64IntegerAttr(64));
}

Access Lowering::localAccess(Value memref, unsigned rank, bool lanes) {
  Access access{memref, {}};
  // One slice a block, of what is in device memory.
  if (unit == Unit::Block &&
      cast<MemRefType>(memref.getType()).getRank() > int64_t(rank))
    access.dims.push_back({Access::Dim::Fixed, block});
  for (unsigned d = 0; d < rank; ++d)
    access.dims.push_back({Access::Dim::Feature, Value(), d});
  if (lanes)
    access.dims.push_back({Access::Dim::Lane, Value()});
  return access;
}

void Lowering::allocate() {
  for (Value arg : op.getCarryArgs())
    carryBuffers.push_back(local(arg.getType(), bool(lane)));
  for (Value arg : op.getSnapshotArgs())
    snapshotBuffers.push_back(local(arg.getType(), bool(lane)));
  if (op.getChunk()) {
    for (Value arg : op.getSeqArgs())
      seqRows.push_back(local(arg.getType(), false));
    for (Value value : op.getYield().getOuts())
      outRows.push_back(local(value.getType(), false));
  }
  auto bindRoot = [&](Value root) {
    bool lanes = plan.hasLane(root);
    Value buffer = local(root.getType(), lanes);
    emitter.bind(root, localAccess(buffer, shapeOf(root.getType()).size(), lanes));
  };
  YieldOp yield = op.getYield();
  for (Operation &inner : op.getStep().front().without_terminator()) {
    for (Value result : inner.getResults()) {
      bool scalarSum = false;
      if (auto einsum = dyn_cast<EinsumOp>(inner))
        scalarSum = einsum.isContraction();
      scalarSum |= isa<ReduceOp>(inner) && !isSpecial(&inner);
      scalarSum &= !isa<ShapedType>(result.getType());
      // A hoisted scalar outlives the loop over lanes that computes it.
      bool hoistedLane =
          lane && plan.isSingle(result) && plan.isInvariant(result);
      if ((!plan.isRoot(result) && !scalarSum && !hoistedLane) ||
          plan.isInner(result))
        continue;
      if (Value whole = plan.writtenInto(result)) {
        emitter.bind(result, *emitter.find(whole));
        continue;
      }
      // A next state that may be written in place needs no buffer of its own.
      bool inPlace = false;
      for (auto [i, next] : llvm::enumerate(yield.getCarries()))
        if (next == result && !plan.needsCopy(i) && isa<ShapedType>(next.getType())) {
          emitter.bind(result, localAccess(carryBuffers[i],
                                           shapeOf(next.getType()).size(),
                                           bool(lane)));
          inPlace = true;
        }
      if (!inPlace)
        bindRoot(result);
    }
  }
  for (auto [i, next] : llvm::enumerate(yield.getCarries())) {
    nextBuffers.push_back({});
    if (isa<ShapedType>(next.getType()) && plan.needsCopy(i))
      nextBuffers.back() = local(next.getType(), bool(lane));
  }
  for (const Phase *phase : {&plan.before, &plan.token})
    for (const Nest &nest : phase->nests)
      if (nest.product && nest.product->narrow) {
        auto einsum = cast<EinsumOp>(nest.members[0].value.getDefiningOp());
        for (unsigned o : {0u, 1u}) {
          Value operand = einsum.getOperands()[o];
          Pairing pairing = pairingOf(einsum, *nest.product, o);
          Type type = RankedTensorType::get(emitter.pairedShape(operand, pairing),
                                            b.getI32Type());
          if (pairPacks.insert({operand, unsigned(pairing)}).second)
            emitter.bindPairs(operand, pairing,
                              localAccess(local(type, false), 2, false));
        }
      } else if (nest.product && (nest.product->transposed || nest.product->panels)) {
        SmallVector<int64_t> shape = emitter.packedShape(nest);
        Type type = RankedTensorType::get(shape, elementOf(nest.members[0].value.getType()));
        if (packs.insert(emitter.packOf(nest)).second)
          emitter.bindPack(nest, localAccess(local(type, false), shape.size(), false));
      }
  for (auto [constant, table] : tables)
    emitter.bind(constant,
                 localAccess(table, shapeOf(constant.getType()).size(), false));
}
