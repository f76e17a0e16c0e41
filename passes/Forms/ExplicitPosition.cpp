//===- ExplicitPosition.cpp - Positions and snapshots as operands ---------===//

#include "ExplicitPosition.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace seqc;

bool seqc::usesPosition(RecurrenceOp op) {
  return op.getPosition() || op.getFirst() || !op.getSnapshots().empty();
}

/// The axes along which positions differ: those of segments, or of reset flags.
static AxesAttr positionMap(RecurrenceOp op) {
  SmallVector<StringAttr> names;
  if (StringAttr segment = op.getSegmentAxis())
    names.push_back(segment);
  if (auto map = op.getResetsMap())
    for (StringAttr axis : map->getNames())
      if (axis.getValue() != RecurrenceOp::getTimeAxis())
        names.push_back(axis);
  SmallVector<int64_t> divisors(names.size(), 1);
  return AxesAttr::get(op.getContext(), names, divisors);
}

RecurrenceOp seqc::makePositionExplicit(
    RecurrenceOp op, llvm::function_ref<Value(AxesAttr map)> position) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  AxesAttr map = positionMap(op);
  SmallVector<Value> seq(op.getSeq()), weights(op.getWeights()),
      carries(op.getCarries()), restarts(op.getRestarts());
  SmallVector<Attribute> seqMaps(op.getSeqMaps().getValue()),
      weightMaps(op.getWeightMaps().getValue()),
      carryMaps(op.getCarryMaps().getValue()),
      restartMaps(op.getRestartMaps().getValue());
  SmallVector<Type> types(op.getResultTypes());
  weights.push_back(position(map));
  weightMaps.push_back(map);
  if (op.getResets()) {
    seq.push_back(op.getResets());
    seqMaps.push_back(*op.getResetsMap());
  }
  ArrayRef<int64_t> snapshots = op.getSnapshots();
  for (unsigned i = 0; i < snapshots.size(); i += 2) {
    carries.push_back(op.getCarries()[snapshots[i]]);
    carryMaps.push_back(op.getCarryMaps()[snapshots[i]]);
    types.push_back(op.getFinals()[snapshots[i]].getType());
    if (!restarts.empty()) {
      restarts.push_back(op.getRestarts()[snapshots[i]]);
      restartMaps.push_back(op.getRestartMaps()[snapshots[i]]);
    }
  }
  auto made = RecurrenceOp::create(
      b, loc, types, seq, weights, carries, restarts, op.getSegments(),
      op.getResets(), b.getArrayAttr(seqMaps), b.getArrayAttr(weightMaps),
      b.getArrayAttr(carryMaps), b.getArrayAttr(restartMaps),
      op.getSegmentsMapAttr(), op.getResetsMapAttr(), op.getOutMaps(),
      b.getDenseI64ArrayAttr({}), UnitAttr(), UnitAttr(), op.getReverseAttr(),
      IntegerAttr());

  auto body = new Block;
  made.getStep().push_back(body);
  IRMapping mapping;
  auto add = [&](auto args) {
    for (Value arg : args)
      mapping.map(arg, body->addArgument(arg.getType(), loc));
  };
  add(op.getSeqArgs());
  Value flag, at;
  if (op.getResets())
    flag = body->addArgument(elementOf(op.getResets().getType()), loc);
  add(op.getWeightArgs());
  at = body->addArgument(b.getI64Type(), loc);
  add(op.getCarryArgs());
  SmallVector<Value> frozen;
  for (Value arg : op.getSnapshotArgs())
    frozen.push_back(body->addArgument(arg.getType(), loc));

  b.setInsertionPointToStart(body);
  auto number = [&](Type type, int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  auto compare = [&](arith::CmpIPredicate predicate, Value x, int64_t y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, number(x.getType(), y));
  };
  Type i64 = b.getI64Type();
  if (flag) {
    // A flagged token is the first of its history.
    if (!flag.getType().isInteger(1))
      flag = compare(arith::CmpIPredicate::ne, flag, 0);
    at = arith::SelectOp::create(b, loc, flag, number(i64, 0), at);
  }
  if (Value arg = op.getPositionArg())
    mapping.map(arg, arith::IndexCastOp::create(b, loc, b.getIndexType(), at)
                         .getResult());
  if (Value arg = op.getFirstArg())
    mapping.map(arg, compare(arith::CmpIPredicate::eq, at, 0));
  SmallVector<Value> next;
  for (auto [i, arg] : llvm::enumerate(op.getSnapshotArgs())) {
    Value left = arith::RemSIOp::create(b, loc, at,
                                        number(i64, snapshots[2 * i + 1]));
    Value taken = compare(arith::CmpIPredicate::eq, left, 0);
    Value state = mapping.lookup(op.getCarryArgs()[snapshots[2 * i]]);
    next.push_back(arith::SelectOp::create(b, loc, taken, state, frozen[i]));
    mapping.map(arg, next.back());
  }
  for (Operation &inner : op.getStep().front().without_terminator())
    b.clone(inner, mapping);
  auto mapped = [&](ValueRange values) {
    return llvm::map_to_vector(values,
                               [&](Value v) { return mapping.lookupOrDefault(v); });
  };
  SmallVector<Value> outs = mapped(op.getYield().getOuts()),
                     states = mapped(op.getYield().getCarries());
  llvm::append_range(states, next);
  YieldOp::create(b, loc, outs, states);
  op->replaceAllUsesWith(made.getResults().take_front(op.getNumResults()));
  op.erase();
  return made;
}
