//===- StepTokens.cpp - The loop over tokens of a recurrence --------------===//

#include "RecurrenceLowering.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

void Lowering::timeLoop() {
  if (parallelTime) {
    token(isTime(lane) ? Value() : indices.lookup(RecurrenceOp::getTimeAxis()), {});
    return;
  }
  Value begin = constant(0), end = sizes.lookup(RecurrenceOp::getTimeAxis());
  if (segments) {
    Value s = indices.lookup(op.getSegmentAxis().getValue());
    auto offset = [&](Value at) -> Value {
      Value v = memref::LoadOp::create(b, loc, segments, ValueRange{at});
      return arith::IndexCastOp::create(b, loc, b.getIndexType(), v);
    };
    begin = offset(s);
    end = offset(arith::AddIOp::create(b, loc, s, constant(1)));
  }
  Value length = arith::SubIOp::create(b, loc, end, begin);
  bool counts = op.getPosition() || op.getFirst() || !op.getSnapshots().empty();
  bool carriesPosition = counts && resets;
  if (op.getChunk())
    return chunkLoop(begin, end, length);
  SmallVector<Value> init;
  if (carriesPosition)
    init.push_back(constant(0));
  auto loop = scf::ForOp::create(b, loc, constant(0), length, constant(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar();
  Value time = visited(begin, end, i);
  Value position = carriesPosition ? loop.getRegionIterArgs()[0] : i;

  // Restarts.
  if (resets) {
    Access flags = operandAccess(resets, *op.getResetsMap(), time, 0);
    bool perLane = lane && op.getResetsMap()->has(lane.getValue());
    Type flagType = cast<MemRefType>(resets.getType()).getElementType();
    auto restart = [&](bool select) {
      Value condition;
      if (select)
        condition = isSet(emitter.load(flags, flagType));
      restartStates(condition);
    };
    if (perLane) {
      overLanes([&] { restart(true); });
    } else if (lockstep.has(*op.getResetsMap())) {
      overRows(constant(0), constant(lockstep.count), [&](Value row) {
        Value flag = isSet(emitter.load(rowOf(flags, row), flagType));
        auto then = scf::IfOp::create(b, loc, flag, /*withElse=*/false);
        OpBuilder::InsertionGuard inner(b);
        b.setInsertionPointToStart(then.thenBlock());
        restartStates({}, row);
      });
    } else {
      Value flag = isSet(emitter.load(flags, flagType));
      if (carriesPosition)
        position = arith::SelectOp::create(b, loc, flag, constant(0), position);
      auto then = scf::IfOp::create(b, loc, flag, /*withElse=*/false);
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(then.thenBlock());
      overLanes([&] { restart(false); });
    }
  }
  for (unsigned s = 0; s < snapshotBuffers.size(); ++s) {
    Value every = constant(op.getSnapshots()[2 * s + 1]);
    Value zero = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::eq,
        arith::RemUIOp::create(b, loc, position, every).getResult(),
        constant(0));
    auto then = scf::IfOp::create(b, loc, zero, /*withElse=*/false);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(then.thenBlock());
    int64_t c = op.getSnapshots()[2 * s];
    Type type = op.getCarryArgs()[c].getType();
    unsigned rank = shapeOf(type).size();
    overLanes([&] {
      emitter.emitCopy(type, bool(lane),
                       localAccess(carryBuffers[c], rank, bool(lane)),
                       localAccess(snapshotBuffers[s], rank, bool(lane)));
    });
  }
  token(time, position);
  if (carriesPosition)
    scf::YieldOp::create(
        b, loc,
        ValueRange{arith::AddIOp::create(b, loc, position, constant(1))});
}

Value Lowering::isSet(Value flag) {
  if (flag.getType().isInteger(1))
    return flag;
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(flag.getType()));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, flag, zero);
}

void Lowering::restartStates(Value condition, Value row) {
  for (auto [c, arg] : llvm::enumerate(op.getCarryArgs())) {
    unsigned rank = shapeOf(arg.getType()).size();
    Access state = localAccess(carryBuffers[c], rank, bool(lane));
    std::optional<Access> fresh;
    if (!restarts.empty())
      fresh = operandAccess(restarts[c], cast<AxesAttr>(op.getRestartMaps()[c]),
                            {}, rank, bool(lockstep));
    Type type = arg.getType();
    if (row) {
      type = dropLeading(type);
      state = rowOf(state, row);
      if (fresh)
        fresh = rowOf(*fresh, row);
    }
    if (condition)
      emitter.emitSelect(type, condition, fresh ? &*fresh : nullptr, state);
    else if (fresh)
      emitter.emitCopy(type, bool(lane), *fresh, state);
    else
      emitter.emitZero(type, bool(lane), state);
  }
}

void Lowering::overRows(Value from, Value to,
                        llvm::function_ref<void(Value row)> fn) {
  auto loop = scf::ForOp::create(b, loc, from, to, constant(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  fn(loop.getInductionVar());
}

Access Lowering::rowAccess(Value memref, Value row, unsigned rank) {
  Access access{memref, {}};
  if (unit == Unit::Block &&
      cast<MemRefType>(memref.getType()).getRank() > int64_t(rank) + 1)
    access.dims.push_back({Access::Dim::Fixed, block});
  access.dims.push_back({Access::Dim::Fixed, row});
  for (unsigned d = 0; d < rank; ++d)
    access.dims.push_back({Access::Dim::Feature, Value(), d});
  return access;
}

Value Lowering::visited(Value begin, Value end, Value at) {
  if (!op.getReverse())
    return arith::AddIOp::create(b, loc, begin, at);
  Value last = arith::SubIOp::create(b, loc, end, constant(1));
  return arith::SubIOp::create(b, loc, last, at);
}

/// Chunks of equal length, the last one shorter.  With reset flags a chunk ends
/// before a flagged token, too: what came before cannot reach it, NaN included.
void Lowering::chunkLoop(Value begin, Value end, Value length) {
  Value full = constant(*op.getChunk());
  auto tokensLeft = [&](Value first) -> Value {
    Value left = arith::SubIOp::create(b, loc, length, first);
    return arith::MinUIOp::create(b, loc, left, full);
  };
  if (!resets) {
    Value from = constant(0), step = full;
    if (sharesTime) {
      from = arith::MulIOp::create(b, loc, share, full);
      step = arith::MulIOp::create(b, loc, shares, full);
    }
    auto loop = scf::ForOp::create(b, loc, from, length, step);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value first = loop.getInductionVar();
    return chunk(begin, end, first, tokensLeft(first));
  }
  auto flagAt = [&](Value at) -> Value {
    Access flags = operandAccess(resets, *op.getResetsMap(), visited(begin, end, at), 0);
    return isSet(emitter.load(flags, cast<MemRefType>(resets.getType()).getElementType()));
  };
  auto loop = scf::WhileOp::create(b, loc, TypeRange{b.getIndexType()},
                                   ValueRange{constant(0)});
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, {b.getIndexType()}, {loc});
  Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                     before->getArgument(0), length);
  scf::ConditionOp::create(b, loc, more, before->getArguments());
  Block *body = b.createBlock(&loop.getAfter(), {}, {b.getIndexType()}, {loc});
  Value first = body->getArgument(0), most = tokensLeft(first);
  // The smallest flagged row but the first, from the last one down.
  auto search = scf::ForOp::create(
      b, loc, constant(1), most, constant(1), ValueRange{most},
      [&](OpBuilder &, Location, Value i, ValueRange found) {
        Value row = arith::SubIOp::create(b, loc, most, i);
        Value at = arith::AddIOp::create(b, loc, first, row);
        Value nearer = arith::SelectOp::create(b, loc, flagAt(at), row, found[0]);
        scf::YieldOp::create(b, loc, nearer);
      });
  Value count = search.getResult(0);
  auto then = scf::IfOp::create(b, loc, flagAt(first), /*withElse=*/false);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(then.thenBlock());
    restartStates({});
  }
  chunk(begin, end, first, count);
  Value next = arith::AddIOp::create(b, loc, first, count);
  scf::YieldOp::create(b, loc, next);
}

/// One chunk: its tokens' slices are gathered, the missing ones zero, and the
/// outputs of those that exist are written back.
void Lowering::chunk(Value begin, Value end, Value first, Value count) {
  Value length = constant(*op.getChunk());
  auto timeOf = [&](Value row) -> Value {
    return visited(begin, end, arith::AddIOp::create(b, loc, first, row));
  };
  overRows(constant(0), count, [&](Value row) {
    Value time = timeOf(row);
    for (auto [i, arg] : llvm::enumerate(op.getSeqArgs())) {
      Type slice = dropLeading(arg.getType());
      unsigned rank = shapeOf(slice).size();
      emitter.emitCopy(slice, false,
                       operandAccess(seq[i], cast<AxesAttr>(op.getSeqMaps()[i]),
                                     time, rank),
                       rowAccess(seqRows[i], row, rank));
    }
  });
  overRows(count, length, [&](Value row) {
    for (auto [i, arg] : llvm::enumerate(op.getSeqArgs())) {
      Type slice = dropLeading(arg.getType());
      emitter.emitZero(slice, false,
                       rowAccess(seqRows[i], row, shapeOf(slice).size()));
    }
  });
  emitter.bindScalar(op.getCountArg(), count);
  // The rows of the next chunk lie far apart, where no hardware looks for them.
  if (unit == Unit::Task) {
    Value next = arith::AddIOp::create(b, loc, first, count);
    emitter.setMeanwhile([=, this](Value part, int64_t parts) {
      fetchAhead(begin, end, next, *op.getChunk(), part, parts);
    });
  }
  token({}, {});
  emitter.setMeanwhile({});
  overRows(constant(0), count, [&](Value row) {
    Value time = timeOf(row);
    for (auto [i, value] : llvm::enumerate(op.getYield().getOuts())) {
      Type slice = dropLeading(value.getType());
      unsigned rank = shapeOf(slice).size();
      emitter.emitCopy(slice, false, rowAccess(outRows[i], row, rank),
                       operandAccess(outs[i], cast<AxesAttr>(op.getOutMaps()[i]),
                                     time, rank));
    }
  });
}

void Lowering::token(Value time, Value position) {
  YieldOp yield = op.getYield();
  if (Value arg = op.getPositionArg())
    emitter.bindScalar(arg, position);
  if (Value arg = op.getFirstArg())
    emitter.bindScalar(arg, arith::CmpIOp::create(b, loc,
                                                  arith::CmpIPredicate::eq,
                                                  position, constant(0)));
  for (auto [i, arg] : llvm::enumerate(op.getSeqArgs())) {
    unsigned rank = shapeOf(arg.getType()).size();
    emitter.bind(arg, op.getChunk() ? localAccess(seqRows[i], rank, false)
                                    : operandAccess(
                                          seq[i],
                                          cast<AxesAttr>(op.getSeqMaps()[i]),
                                          time, rank));
  }
  emitter.clearTargets();
  SmallVector<Access> outAccess;
  for (auto [i, value] : llvm::enumerate(yield.getOuts())) {
    unsigned rank = shapeOf(value.getType()).size();
    outAccess.push_back(
        op.getChunk()
            ? localAccess(outRows[i], rank, false)
            : operandAccess(outs[i], cast<AxesAttr>(op.getOutMaps()[i]), time,
                            rank));
    outAccess.back().streams = streaming && streamsOut(i);
    if (isa<ShapedType>(value.getType()) &&
        !(value.getDefiningOp() &&
          value.getDefiningOp()->hasTrait<OpTrait::ConstantLike>()))
      emitter.addTarget(value, outAccess.back());
  }
  for (auto [i, next] : llvm::enumerate(yield.getCarries()))
    if (nextBuffers[i])
      emitter.addTarget(next, localAccess(nextBuffers[i],
                                          shapeOf(next.getType()).size(),
                                          bool(lane)));
  auto bindStates = [&](auto args, ArrayRef<Value> buffers) {
    for (auto [arg, buffer] : llvm::zip(args, buffers))
      emitter.bind(arg, localAccess(buffer, shapeOf(arg.getType()).size(),
                                    bool(lane)));
  };
  bindStates(op.getCarryArgs(), carryBuffers);
  bindStates(op.getSnapshotArgs(), snapshotBuffers);

  auto isConstant = [](Value v) {
    return v.getDefiningOp() &&
           v.getDefiningOp()->hasTrait<OpTrait::ConstantLike>();
  };
  overLanes([&] {
    // Scalars are read once: from memory in the step's first use would do, but
    // a state's old value has to survive the writing of the new one.
    auto readScalars = [&](auto args) {
      for (Value arg : args)
        if (!isa<ShapedType>(arg.getType()))
          emitter.bindScalar(
              arg, emitter.load(*emitter.find(arg), elementOf(arg.getType())));
    };
    readScalars(op.getSeqArgs());
    readScalars(op.getWeightArgs());
    readScalars(op.getCarryArgs());
    readScalars(op.getSnapshotArgs());
    auto isScalar = [](Value v) { return !isa<ShapedType>(v.getType()); };
    bool scalarStates = llvm::any_of(op.getCarryArgs(), isScalar);
    // Everyone has read the old ones before anyone writes the new ones.
    if (scalarStates)
      emitter.barrier();
    for (Operation *single : plan.before.singles) {
      Value result = single->getResult(0);
      if (lane && plan.isSingle(result))
        emitter.bindScalar(result, emitter.load(*emitter.find(result),
                                                elementOf(result.getType())));
    }
    emitter.emitPhase(plan.token);
    for (auto [i, value] : llvm::enumerate(yield.getOuts())) {
      if (!isa<ShapedType>(value.getType())) {
        emitter.store(emitter.scalar(value), outAccess[i]);
      } else if (isConstant(value) || !plan.isRoot(value) ||
                 plan.isInvariant(value)) {
        emitter.emitValue(value, outAccess[i]);
      }
    }
    for (auto [i, value] : llvm::enumerate(yield.getCarries())) {
      Access state = localAccess(carryBuffers[i], shapeOf(value.getType()).size(),
                                 bool(lane));
      if (!isa<ShapedType>(value.getType()))
        emitter.store(emitter.scalar(value), state);
      else if (isConstant(value) || plan.isInvariant(value))
        emitter.emitValue(value, state);
      else if (nextBuffers[i])
        emitter.emitCopy(value.getType(), bool(lane),
                         localAccess(nextBuffers[i],
                                     shapeOf(value.getType()).size(),
                                     bool(lane)),
                         state);
    }
    if (scalarStates)
      emitter.barrier();
  });
}
