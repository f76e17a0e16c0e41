//===- TokenView.cpp - Tokens of a sequence in parts ----------------------===//

#include "seqc/passes/Forms/SequenceSplit.h"

#include <limits>

using namespace mlir;
using namespace seqc;

#include "seqc/passes/Forms/SequenceSplit.cpp.inc"

static StringRef timeAxis() { return RecurrenceOp::getTimeAxis(); }

AxesAttr seqc::renamedAxis(AxesAttr map, StringAttr from, StringAttr to) {
  SmallVector<StringAttr> names(map.getNames());
  llvm::replace(names, from, to);
  return AxesAttr::get(map.getContext(), names, map.getDivisors());
}

AxesAttr TokenView::map(AxesAttr map) const {
  int64_t at = map.find(timeAxis());
  if (at < 0 || !part || isPacked())
    return map;
  SmallVector<StringAttr> names(map.getNames());
  SmallVector<int64_t> divisors(map.getDivisors());
  names.insert(names.begin() + at, part);
  divisors.insert(divisors.begin() + at, 1);
  return AxesAttr::get(b.getContext(), names, divisors);
}

Source TokenView::take(const Source &operand) const {
  int64_t at = operand.map.find(timeAxis());
  if (at < 0 || isPacked())
    return operand;
  auto type = cast<RankedTensorType>(operand.tensor.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
      strides(type.getRank(), b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, loc, operand.tensor);
  Value all = part ? arith::MulIOp::create(
                         b, loc, length,
                         arith::ConstantIndexOp::create(b, loc, parts).getResult())
                         .getResult()
                   : length;
  offsets[at] = offset;
  sizes[at] = all;
  SmallVector<int64_t> shape(type.getShape());
  shape[at] = ShapedType::kDynamic;
  Value slice = tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), operand.tensor,
      offsets, sizes, strides);
  if (!part)
    return {slice, operand.map};
  // [.., parts * length, ..] as [.., parts, length, ..].
  SmallVector<ReassociationIndices> reassociation;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (d == at)
      reassociation.push_back({d, d + 1});
    else
      reassociation.push_back({d < at ? d : d + 1});
  }
  sizes[at] = length;
  sizes.insert(sizes.begin() + at, b.getIndexAttr(parts));
  shape.insert(shape.begin() + at, parts);
  Value cut = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), slice,
      reassociation, sizes);
  return {cut, map(operand.map)};
}

//===----------------------------------------------------------------------===//
// Packed segments
//===----------------------------------------------------------------------===//

namespace {
/// Integer arithmetic of a step, in i64.
struct Integers {
  OpBuilder &b;
  Location loc;
  Value number(int64_t n) {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(n));
  }
  Value wide(Value v) {
    return v.getType().isInteger(64)
               ? v
               : arith::ExtSIOp::create(b, loc, b.getI64Type(), v).getResult();
  }
};
} // namespace

/// A recurrence over the one axis of `over`, with weights and a step that gets its
/// entry, the weights, the state if there is one, and the position as i64.
static Value tableOf(
    OpBuilder &b, Location loc, const Source &over, ArrayRef<Value> weights,
    Value state,
    llvm::function_ref<std::pair<Value, Value>(Integers, Value, ValueRange, Value,
                                               Value)>
        step) {
  auto none = AxesAttr::get(b.getContext(), {}, {});
  auto time = AxesAttr::get(b.getContext(), {b.getStringAttr(timeAxis())}, {1});
  Type out = RankedTensorType::get({ShapedType::kDynamic}, b.getI64Type());
  SmallVector<Type> types = {out};
  SmallVector<Value> states;
  if (state) {
    types.push_back(state.getType());
    states.push_back(state);
  }
  SmallVector<Attribute> noMaps(weights.size(), none);
  auto op = RecurrenceOp::create(
      b, loc, types, over.tensor, weights, states, ValueRange(), Value(), Value(),
      b.getArrayAttr({time}), b.getArrayAttr(noMaps),
      b.getArrayAttr(SmallVector<Attribute>(states.size(), none)),
      b.getArrayAttr({}), AxesAttr(), AxesAttr(), b.getArrayAttr({time}),
      b.getDenseI64ArrayAttr({}), b.getUnitAttr(), UnitAttr(), UnitAttr(),
      IntegerAttr());
  SmallVector<Type> args = {elementOf(over.tensor.getType())};
  for (Value weight : weights)
    args.push_back(weight.getType());
  if (state)
    args.push_back(state.getType());
  args.push_back(b.getIndexType());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&op.getStep(), {}, args,
                              SmallVector<Location>(args.size(), loc));
  Integers integers{b, loc};
  ValueRange all = body->getArguments();
  Value position = arith::IndexCastOp::create(b, loc, b.getI64Type(), all.back());
  auto [result, next] =
      step(integers, integers.wide(all[0]), all.slice(1, weights.size()),
           state ? all[1 + weights.size()] : Value(), position);
  YieldOp::create(b, loc, result, state ? ValueRange(next) : ValueRange());
  return op.getOuts()[0];
}

TokenView::TokenView(OpBuilder &b, Location loc, const Source &segments,
                     Value tokens, int64_t parts, StringAttr part)
    : b(b), loc(loc), parts(parts), part(part) {
  // Part p begins at min(p * each, tokens).
  Type i64 = b.getI64Type();
  Value one = arith::ConstantIndexOp::create(b, loc, 1),
        count = arith::ConstantIndexOp::create(b, loc, parts);
  Value each = arith::MaxUIOp::create(
      b, loc, one, arith::CeilDivUIOp::create(b, loc, tokens, count).getResult());
  Value entries = tensor::DimOp::create(b, loc, segments.tensor, 0);
  SmallVector<Value> weights = {
      arith::IndexCastOp::create(b, loc, i64, each),
      arith::IndexCastOp::create(b, loc, i64, tokens),
      arith::IndexCastOp::create(b, loc, i64, entries)};

  // The first piece of segment s: one per segment before it, and one per part that
  // begins no later than it.
  Value first = tableOf(
      b, loc, segments, ArrayRef(weights).take_front(2), Value(),
      [&](Integers in, Value from, ValueRange w, Value, Value s) {
        Value most = in.number(parts - 1);
        Value begun = arith::MinSIOp::create(
            in.b, loc, most, arith::DivSIOp::create(in.b, loc, from, w[0]).getResult());
        Value last = arith::CmpIOp::create(in.b, loc, arith::CmpIPredicate::sge,
                                           from, w[1]);
        begun = arith::SelectOp::create(in.b, loc, last, most, begun);
        Value start = arith::CmpIOp::create(in.b, loc, arith::CmpIPredicate::eq, s,
                                            in.number(0));
        begun = arith::SelectOp::create(in.b, loc, start, in.number(0), begun);
        Value result = arith::AddIOp::create(in.b, loc, s, begun);
        return std::make_pair(result, Value());
      });
  groups = {first, segments.map};

  // Pieces begin where segments or parts do, in order: the k-th smallest is the
  // least, over j parts among the first k, of the larger of segment k - j's and
  // part j's beginning.  The state holds the last `parts` segments' beginnings.
  Value extra = arith::ConstantIndexOp::create(b, loc, parts - 1);
  Value padded = arith::AddIOp::create(b, loc, entries, extra);
  auto table = cast<RankedTensorType>(segments.tensor.getType());
  Value room =
      tensor::EmptyOp::create(b, loc, {OpFoldResult(padded)}, table.getElementType());
  room = tensor::InsertSliceOp::create(
      b, loc, segments.tensor, room, {b.getIndexAttr(0)},
      {tensor::getMixedSize(b, loc, segments.tensor, 0)}, {b.getIndexAttr(1)});
  auto window = RankedTensorType::get({parts}, i64);
  constexpr int64_t never = int64_t(1) << 52; // exact in a double
  Value none = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(window, b.getI64IntegerAttr(never)));
  Value begins = tableOf(
      b, loc, {room, segments.map}, weights, none,
      [&](Integers in, Value from, ValueRange w, Value state, Value k) {
        Value exists = arith::CmpIOp::create(in.b, loc, arith::CmpIPredicate::slt, k,
                                             w[2]);
        Value entry = arith::SelectOp::create(in.b, loc, exists, from, in.number(never));
        Value next = tensor::FromElementsOp::create(
            in.b, loc, RankedTensorType::get({1}, i64), entry);
        if (parts > 1) {
          Value shifted = tensor::ExtractSliceOp::create(
              in.b, loc, RankedTensorType::get({parts - 1}, i64), state,
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(0)},
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(parts - 1)},
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(1)});
          Value grown = tensor::InsertSliceOp::create(
              in.b, loc, shifted, state, ArrayRef<OpFoldResult>{in.b.getIndexAttr(1)},
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(parts - 1)},
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(1)});
          next = tensor::InsertSliceOp::create(
              in.b, loc, next, grown, ArrayRef<OpFoldResult>{in.b.getIndexAttr(0)},
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(1)},
              ArrayRef<OpFoldResult>{in.b.getIndexAttr(1)});
        }
        // Part 0 begins with the first segment.
        SmallVector<Attribute> numbers;
        for (int64_t j = 0; j < parts; ++j)
          numbers.push_back(in.b.getI64IntegerAttr(j));
        Value parted = arith::MulIOp::create(
            in.b, loc,
            arith::ConstantOp::create(in.b, loc, DenseElementsAttr::get(window, numbers))
                .getResult(),
            tensor::SplatOp::create(in.b, loc, w[0], window).getResult());
        parted = arith::MinSIOp::create(
            in.b, loc, parted,
            tensor::SplatOp::create(in.b, loc, w[1], window).getResult());
        Value candidates = arith::MaxSIOp::create(in.b, loc, next, parted);
        Value result = ReduceOp::create(in.b, loc, candidates, ReduceKind::min, 0);
        return std::make_pair(result, next);
      });
  pieces = {begins, AxesAttr::get(b.getContext(), {part}, {1})};
}

TokenView::TokenView(OpBuilder &b, Location loc, Value tokens, int64_t parts,
                     StringAttr part, int64_t unit)
    : b(b), loc(loc), parts(parts), part(part) {
  Value each = arith::CeilDivUIOp::create(
      b, loc, tokens, arith::ConstantIndexOp::create(b, loc, parts * unit).getResult());
  SmallVector<Value> begins;
  for (int64_t p = 0; p <= parts; ++p) {
    Value begin = arith::MulIOp::create(
        b, loc, each, arith::ConstantIndexOp::create(b, loc, p * unit).getResult());
    begin = arith::MinUIOp::create(b, loc, begin, tokens);
    begins.push_back(arith::IndexCastOp::create(b, loc, b.getI64Type(), begin));
  }
  Value table = tensor::FromElementsOp::create(
      b, loc, RankedTensorType::get({parts + 1}, b.getI64Type()), begins);
  pieces = {table, AxesAttr::get(b.getContext(), {part}, {1})};
}
