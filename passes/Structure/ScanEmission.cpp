//===- ScanEmission.cpp - Emits components as scans -----------------------===//
//
// An element maps the states before a token to those after it: next state i is
// the sum over j of block (i, j) times state j, plus what is written, in the
// semiring of the component.
//
//===----------------------------------------------------------------------===//

#include "Conversion.h"
#include "SumEmitter.h"

#include <limits>

using namespace mlir;
using namespace seqc;
using namespace seqc::conversion;
using namespace seqc::structure;

namespace {
/// The algebra of a component's elements.
class Elements {
public:
  Elements(const ScanPlan &plan, Semiring semiring, ArrayRef<Type> states)
      : plan(plan), semiring(semiring), states(states), n(states.size()),
        element(elementOf(states[0])) {}

  /// Of the tuple: blocks, then what is written.
  SmallVector<Type> types() const;
  SmallVector<Value> identity(OpBuilder &b, Location loc) const;
  SmallVector<Value> combine(OpBuilder &b, Location loc, ValueRange left,
                             ValueRange right) const;
  /// The blocks that an element holds, of those of the matrix.
  SmallVector<unsigned> stored() const;
  /// Next state i from the stored blocks and the states before, nothing written.
  Value act(OpBuilder &b, Location loc, unsigned i, ValueRange blocks,
            ValueRange before) const;

  Value plus(OpBuilder &b, Location loc, Value x, Value y) const {
    if (!x || !y)
      return x ? x : y;
    switch (semiring) {
    case Semiring::PlusTimes:
      return arith::AddFOp::create(b, loc, x, y);
    case Semiring::MaxPlus:
      return arith::MaximumFOp::create(b, loc, x, y);
    case Semiring::MinPlus:
      return arith::MinimumFOp::create(b, loc, x, y);
    case Semiring::LogPlus:
      return logAddExp(b, loc, x, y);
    }
    llvm_unreachable("covered switch");
  }
  double zero() const {
    double infinite = std::numeric_limits<double>::infinity();
    return semiring == Semiring::PlusTimes ? 0
           : semiring == Semiring::MinPlus ? infinite
                                           : -infinite;
  }
  double one() const { return semiring == Semiring::PlusTimes ? 1 : 0; }
  Value constant(OpBuilder &b, Location loc, Type type, double number) const {
    TypedAttr attr = b.getFloatAttr(element, number);
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      attr = DenseElementsAttr::get(tensor, attr);
    return arith::ConstantOp::create(b, loc, attr);
  }

private:
  bool keeps(unsigned d) const { return d < plan.kept.size() && plan.kept[d]; }
  /// Letters of block (i, j) or, with j as no state, of state i; the dimensions
  /// that mix are named from `row` and `column` on.
  std::string block(unsigned i, unsigned j, char row, char column) const;
  std::string state(unsigned i, char row) const;
  Value times(OpBuilder &b, Location loc, Value x, Value y, StringRef xLetters,
              StringRef yLetters, StringRef out) const;
  Type blockType(unsigned i, unsigned j) const;

  const ScanPlan &plan;
  Semiring semiring;
  SmallVector<Type> states;
  unsigned n;
  Type element;
};
} // namespace

std::string Elements::state(unsigned i, char row) const {
  std::string text;
  for (unsigned d = 0; d < shapeOf(states[i]).size(); ++d)
    text += keeps(d) ? char('a' + d) : row++;
  return text;
}

std::string Elements::block(unsigned i, unsigned j, char row, char column) const {
  std::string text;
  for (unsigned d = 0; d < plan.kept.size(); ++d)
    if (keeps(d) && plan.varies[d])
      text += char('a' + d);
  for (unsigned d = 0; d < shapeOf(states[i]).size(); ++d)
    if (!keeps(d))
      text += row++;
  for (unsigned d = 0; d < shapeOf(states[j]).size(); ++d)
    if (!keeps(d))
      text += column++;
  return text;
}

Type Elements::blockType(unsigned i, unsigned j) const {
  SmallVector<int64_t> shape;
  auto mixed = [&](unsigned k) {
    for (auto [d, size] : llvm::enumerate(shapeOf(states[k])))
      if (!keeps(d))
        shape.push_back(size);
  };
  for (unsigned d = 0; d < plan.kept.size(); ++d)
    if (keeps(d) && plan.varies[d])
      shape.push_back(shapeOf(states[i])[d]);
  mixed(i);
  mixed(j);
  return tensorOrScalar(shape, element);
}

SmallVector<unsigned> Elements::stored() const {
  SmallVector<unsigned> result;
  for (unsigned k = 0; !plan.sum && k < n * n; ++k)
    if (!plan.complex || k % n == 0)
      result.push_back(k);
  return result;
}

SmallVector<Type> Elements::types() const {
  SmallVector<Type> result;
  for (unsigned k : stored())
    result.push_back(blockType(k / n, k % n));
  llvm::append_range(result, states);
  return result;
}

Value Elements::times(OpBuilder &b, Location loc, Value x, Value y,
                      StringRef xLetters, StringRef yLetters,
                      StringRef out) const {
  if (semiring != Semiring::PlusTimes)
    return arith::AddFOp::create(b, loc, x, y);
  if (xLetters == yLetters && yLetters == out)
    return arith::MulFOp::create(b, loc, x, y);
  return EinsumOp::create(
      b, loc, ValueRange{x, y},
      b.getStringAttr((xLetters + "," + yLetters + "->" + out).str()));
}

Value Elements::act(OpBuilder &b, Location loc, unsigned i, ValueRange blocks,
                    ValueRange before) const {
  if (plan.sum)
    return before[i];
  std::string out = state(i, 'i');
  auto part = [&](unsigned stored, unsigned j) {
    return times(b, loc, blocks[stored], before[j], block(i, j, 'i', 'q'),
                 state(j, 'q'), out);
  };
  if (plan.complex) {
    Value x = part(i, 0), y = part(1 - i, 1);
    return i == 0 ? arith::SubFOp::create(b, loc, x, y).getResult()
                  : arith::AddFOp::create(b, loc, x, y).getResult();
  }
  Value sum;
  for (unsigned j = 0; j < n; ++j)
    sum = plus(b, loc, sum, part(i * n + j, j));
  return sum;
}

SmallVector<Value> Elements::combine(OpBuilder &b, Location loc, ValueRange left,
                                     ValueRange right) const {
  SmallVector<Value> result;
  auto part = [&](unsigned later, unsigned earlier, unsigned i, unsigned k,
                  unsigned j) {
    return times(b, loc, right[later], left[earlier], block(i, k, 'i', 'm'),
                 block(k, j, 'm', 'q'), block(i, j, 'i', 'q'));
  };
  if (plan.complex) {
    // (a1 + i b1) (a2 + i b2)
    result.push_back(arith::SubFOp::create(b, loc, part(0, 0, 0, 0, 0),
                                           part(1, 1, 0, 0, 0)));
    result.push_back(arith::AddFOp::create(b, loc, part(0, 1, 0, 0, 0),
                                           part(1, 0, 0, 0, 0)));
  } else if (!plan.sum) {
    for (unsigned i = 0; i < n; ++i)
      for (unsigned j = 0; j < n; ++j) {
        Value sum;
        for (unsigned k = 0; k < n; ++k)
          sum = plus(b, loc, sum, part(i * n + k, k * n + j, i, k, j));
        result.push_back(sum);
      }
  }
  unsigned blocks = result.size();
  for (unsigned i = 0; i < n; ++i)
    result.push_back(plus(b, loc,
                          act(b, loc, i, right.take_front(blocks),
                              left.drop_front(blocks)),
                          right[blocks + i]));
  return result;
}

SmallVector<Value> Elements::identity(OpBuilder &b, Location loc) const {
  SmallVector<Value> result;
  for (unsigned k : stored()) {
    unsigned i = k / n, j = k % n;
    Type type = blockType(i, j);
    ArrayRef<int64_t> shape = shapeOf(type);
    unsigned varying = llvm::count(plan.varies, true);
    unsigned mixed = (shape.size() - varying) / 2;
    if (i != j || mixed == 0) {
      result.push_back(constant(b, loc, type, i == j ? one() : zero()));
      continue;
    }
    // Ones where the row's indices are the column's.
    int64_t rows = 1, count = cast<RankedTensorType>(type).getNumElements();
    for (int64_t size : shape.take_back(mixed))
      rows *= size;
    SmallVector<Attribute> entries;
    for (int64_t e = 0; e < count; ++e)
      entries.push_back(
          b.getFloatAttr(element, e / rows % rows == e % rows ? one() : zero()));
    result.push_back(arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(cast<RankedTensorType>(type), entries)));
  }
  for (Type state : states)
    result.push_back(constant(b, loc, state, zero()));
  return result;
}

//===----------------------------------------------------------------------===//
// The scan of a component
//===----------------------------------------------------------------------===//

/// A term over another semiring: the sum of its known values.
Value Conversion::emit(StepBuilder &sb, IRMapping &map, const RingTerm &term,
                       Type type) {
  OpBuilder &step = sb.step();
  Type element = elementOf(type);
  auto whole = [&](Value v) -> Value {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return !tensor || v.getType() == type
               ? v
               : tensor::SplatOp::create(step, loc, v, tensor).getResult();
  };
  auto number = [&](double v) -> Value {
    return whole(
        arith::ConstantOp::create(step, loc, step.getFloatAttr(element, v)));
  };
  Value sum;
  for (auto [value, times] : term.summands) {
    Value v = whole(castTo(step, loc, emit(sb, map, value), element));
    if (std::abs(times) != 1)
      v = arith::MulFOp::create(step, loc, v, number(std::abs(times)));
    if (!sum)
      sum = times < 0 ? arith::NegFOp::create(step, loc, v).getResult() : v;
    else if (times < 0)
      sum = arith::SubFOp::create(step, loc, sum, v);
    else
      sum = arith::AddFOp::create(step, loc, sum, v);
  }
  if (!sum)
    return number(term.offset);
  if (term.offset != 0)
    sum = arith::AddFOp::create(step, loc, sum, number(term.offset));
  return sum;
}

Value Conversion::emitBlock(StepBuilder &sb, IRMapping &map,
                            const BlockPlan &block) {
  Sum sum = block.value;
  for (auto [term, equal] : llvm::zip(sum.terms, block.equal))
    for (auto [row, column] : equal) {
      // A matrix of ones where the two letters are equal.
      int64_t size = term.extents[row];
      SmallVector<Attribute> entries;
      for (int64_t e = 0; e < size * size; ++e)
        entries.push_back(
            b.getFloatAttr(computeType(), e / size == e % size ? 1 : 0));
      Value same = arith::ConstantOp::create(
          b, loc,
          DenseElementsAttr::get(
              RankedTensorType::get({size, size}, computeType()), entries));
      term.factors.push_back({same, Factor::Kind::Value, {row, column}});
    }
  return emit(sb, map, sum);
}

/// Whether a token is flagged, in a step.
Value Conversion::emitFlag(StepBuilder &sb) {
  Value flag = sb.add({op.getResets(), *op.getResetsMap()});
  if (flag.getType().isInteger(1))
    return flag;
  Value zero = arith::ConstantOp::create(sb.step(), loc,
                                         sb.step().getZeroAttr(flag.getType()));
  return arith::CmpIOp::create(sb.step(), loc, arith::CmpIPredicate::ne, flag,
                               zero);
}

/// What state `carry` restarts from, in a step; null is the number zero.
Value Conversion::emitRestart(StepBuilder &sb, unsigned carry) {
  if (!op.getRestarts().empty())
    return sb.add(
        {op.getRestarts()[carry], cast<AxesAttr>(op.getRestartMaps()[carry])});
  Type type = op.getCarryArgs()[carry].getType();
  return arith::ConstantOp::create(
      sb.step(), loc, cast<TypedAttr>(sb.step().getZeroAttr(type)));
}

void Conversion::buildScan(ComponentPlan &c) {
  const ScanPlan &plan = *c.scan;
  ArrayRef<unsigned> carries = c.component.carries;
  Semiring semiring = c.component.semiring;
  unsigned n = carries.size();
  SmallVector<Type> states;
  for (unsigned carry : carries)
    states.push_back(op.getCarryArgs()[carry].getType());
  Elements elements(plan, semiring, states);
  SmallVector<Type> types = elements.types();
  AxesAttr axes = allAxes();

  // Elements of all axes: a scan takes each value once.
  StepBuilder sb(b, loc);
  IRMapping map;
  SmallVector<Value> blocks, written;
  for (unsigned i = 0; i < n; ++i) {
    if (semiring == Semiring::PlusTimes) {
      written.push_back(emit(sb, map, plan.written[i]));
      continue;
    }
    Value sum;
    for (const RingTerm &term : c.component.ring[i])
      if (term.carry < 0)
        sum = elements.plus(sb.step(), loc, sum, emit(sb, map, term, states[i]));
    written.push_back(
        sum ? sum : elements.constant(sb.step(), loc, states[i], elements.zero()));
  }
  for (auto [k, number] : llvm::enumerate(elements.stored())) {
    if (semiring == Semiring::PlusTimes) {
      blocks.push_back(emitBlock(sb, map, plan.blocks[number]));
      continue;
    }
    Value sum;
    for (const RingTerm &term : c.component.ring[number / n])
      if (term.carry == int(carries[number % n]))
        sum = elements.plus(sb.step(), loc, sum, emit(sb, map, term, types[k]));
    blocks.push_back(
        sum ? sum : elements.constant(sb.step(), loc, types[k], elements.zero()));
  }
  // A flagged token's history is the state to restart from.  A sum starts from
  // zero anyhow.
  bool restarts = op.getResets() && (!op.getRestarts().empty() ||
                                     semiring != Semiring::PlusTimes);
  if (restarts) {
    Value flag = emitFlag(sb);
    SmallVector<Value> from;
    for (unsigned carry : carries)
      from.push_back(emitRestart(sb, carry));
    for (unsigned i = 0; i < n; ++i) {
      Value first =
          elements.plus(sb.step(), loc,
                        elements.act(sb.step(), loc, i, blocks, from), written[i]);
      written[i] =
          arith::SelectOp::create(sb.step(), loc, flag, first, written[i]);
    }
  }
  cover(sb);
  for (Value v : blocks)
    sb.addOut(v, axes, computeType());
  for (Value v : written)
    sb.addOut(v, axes, computeType());
  SmallVector<Value> seq(sb.finish({}, {}).getOuts());

  SmallVector<Value> identities = elements.identity(b, loc);
  // On the left of the first element: the identity, with the states before it.
  SmallVector<Value> initials(identities);
  SmallVector<Attribute> seqMaps(seq.size(), axes),
      initialMaps(seq.size(), AxesAttr::get(b.getContext(), {}, {}));
  for (unsigned i = 0; i < n; ++i) {
    initials[blocks.size() + i] = op.getCarries()[carries[i]];
    initialMaps[blocks.size() + i] = op.getCarryMaps()[carries[i]];
  }
  // Where states before tokens are needed, those after are computed from them.
  bool exclusive = c.previous;
  SmallVector<Type> results;
  for (Value v : seq)
    results.push_back(v.getType());
  AxesAttr finalMap = op.getFinalMap(carries[0]);
  auto final = cast<RankedTensorType>(op.getFinals()[carries[0]].getType());
  SmallVector<int64_t> finalShape;
  for (StringAttr axis : op.getCarryAxes())
    finalShape.push_back(final.getDimSize(finalMap.find(axis.getValue())));
  for (unsigned k = 0; k < blocks.size(); ++k) {
    SmallVector<int64_t> shape(finalShape);
    llvm::append_range(shape, seqc::shapeOf(types[k]));
    results.push_back(RankedTensorType::get(shape, computeType()));
  }
  for (unsigned carry : carries)
    results.push_back(op.getFinals()[carry].getType());
  auto scan = ScanOp::create(
      b, loc, results, seq, identities, initials, op.getSegments(),
      op.getResets(), b.getArrayAttr(seqMaps), b.getArrayAttr(initialMaps),
      op.getSegmentsMapAttr(), op.getResetsMapAttr(), b.getArrayAttr(seqMaps),
      exclusive ? b.getUnitAttr() : UnitAttr(), op.getReverseAttr(),
      b.getUnitAttr());
  {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> args(types);
    llvm::append_range(args, types);
    Block *body = b.createBlock(&scan.getCombine(), {}, args,
                                SmallVector<Location>(args.size(), loc));
    ValueRange all = body->getArguments();
    YieldOp::create(b, loc,
                    elements.combine(b, loc, all.take_front(types.size()),
                                     all.drop_front(types.size())),
                    ValueRange());
  }
  for (auto [i, carry] : llvm::enumerate(carries)) {
    Source out{scan.getOuts()[blocks.size() + i], axes};
    finals[carry] = scan.getFinals()[blocks.size() + i];
    if (!exclusive) {
      available[op.getYield().getCarries()[carry]] = out;
      continue;
    }
    if (restarts) {
      // The scan drops what is left of a flag; the state there is the restart's.
      StepBuilder fix(b, loc);
      Value before = fix.add(out);
      Value state = arith::SelectOp::create(fix.step(), loc, emitFlag(fix),
                                            emitRestart(fix, carry), before);
      fix.addOut(state, axes, computeType());
      out.tensor = fix.finish({}, {}).getOuts()[0];
    }
    available[op.getCarryArgs()[carry]] = out;
  }
}
