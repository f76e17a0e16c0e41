//===- ChunkBuilder.cpp - Algebra of one chunk of tokens ------------------===//

#include "ChunkBuilder.h"

#include "seqc/dialects/Seq/Factors.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>
#include <utility>

using namespace mlir;
using namespace seqc;

/// Tokens of a sub-tile: pairs inside one get their exponents one by one.
static constexpr int64_t kSubTile = 16;
/// A gate below this counts as this: e^-100 is zero to f32.
static constexpr double kGateFloor = -100;
/// Triangles up to this size are inverted by a short series.
static constexpr int64_t kSmallTriangle = 4;

Value ChunkBuilder::einsum(StringRef equation, ValueRange operands) {
  return EinsumOp::create(b, loc, operands, b.getStringAttr(equation));
}
Value ChunkBuilder::product(StringRef equation, ValueRange operands) {
  Value sum = einsum(equation, operands);
  if (narrow)
    sum.getDefiningOp()->setAttr(kFactorsAttr, TypeAttr::get(b.getBF16Type()));
  return sum;
}
Value ChunkBuilder::add(Value x, Value y) {
  return arith::AddFOp::create(b, loc, x, y);
}
Value ChunkBuilder::sub(Value x, Value y) {
  return arith::SubFOp::create(b, loc, x, y);
}
Value ChunkBuilder::mul(Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}

Value ChunkBuilder::splat(double value, ArrayRef<int64_t> shape) {
  TypedAttr attr = b.getFloatAttr(element, value);
  if (!shape.empty())
    attr = DenseElementsAttr::get(RankedTensorType::get(shape, element), attr);
  return arith::ConstantOp::create(b, loc, attr);
}

Value ChunkBuilder::decay(Value x) {
  Value zero = splat(0, shapeOf(x.getType()));
  return math::ExpOp::create(b, loc,
                             arith::MinimumFOp::create(b, loc, x, zero)
                                 .getResult());
}

Value ChunkBuilder::rows(Value x, int64_t from, int64_t to) {
  ArrayRef<int64_t> shape = shapeOf(x.getType());
  if (from == 0 && to == shape[0])
    return x;
  SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0)), sizes,
      strides(shape.size(), b.getIndexAttr(1));
  for (int64_t size : shape)
    sizes.push_back(b.getIndexAttr(size));
  offsets[0] = b.getIndexAttr(from);
  sizes[0] = b.getIndexAttr(to - from);
  return tensor::ExtractSliceOp::create(b, loc, x, offsets, sizes, strides);
}

Exponent ChunkBuilder::rows(const Exponent &x, int64_t from, int64_t to) {
  return {rows(x.coarse, from, to), rows(x.fine, from, to)};
}

Value ChunkBuilder::insert(Value block, Value whole, int64_t r, int64_t c) {
  ArrayRef<int64_t> shape = shapeOf(block.getType());
  SmallVector<OpFoldResult> offsets = {b.getIndexAttr(r), b.getIndexAttr(c)},
                            sizes = {b.getIndexAttr(shape[0]),
                                     b.getIndexAttr(shape[1])},
                            strides(2, b.getIndexAttr(1));
  return tensor::InsertSliceOp::create(b, loc, block, whole, offsets, sizes,
                                       strides);
}

Value ChunkBuilder::cast(Value x) {
  Type type = tensorOrScalar(shapeOf(x.getType()), element);
  return x.getType() == type ? x
                             : arith::ExtFOp::create(b, loc, type, x).getResult();
}

Value ChunkBuilder::valid(Value count) {
  SmallVector<Attribute> numbers;
  for (int64_t i = 0; i < tokens; ++i)
    numbers.push_back(b.getFloatAttr(element, i));
  auto type = RankedTensorType::get({tokens}, element);
  Value iota = arith::ConstantOp::create(b, loc,
                                         DenseElementsAttr::get(type, numbers));
  Value n = arith::SIToFPOp::create(
      b, loc, element,
      arith::IndexCastOp::create(b, loc, b.getI32Type(), count).getResult());
  Value all = tensor::SplatOp::create(b, loc, n, type);
  Value exists = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, iota, all);
  return arith::SelectOp::create(b, loc, exists, splat(1, {tokens}),
                                 splat(0, {tokens}));
}

Value ChunkBuilder::where(Value flag, Value x) {
  ArrayRef<int64_t> shape = shapeOf(x.getType());
  Value set = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, flag,
                                    splat(0, shape));
  return arith::SelectOp::create(b, loc, set, x, splat(0, shape));
}

Value ChunkBuilder::mask(int64_t rows, int64_t cols, bool inclusive) {
  SmallVector<Attribute> entries;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      entries.push_back(b.getFloatAttr(element, inclusive ? j <= i : j < i));
  return arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(RankedTensorType::get({rows, cols}, element),
                             entries));
}

//===----------------------------------------------------------------------===//
// Gates
//===----------------------------------------------------------------------===//

Exponent ChunkBuilder::parts(Value gate) {
  ArrayRef<int64_t> shape = shapeOf(gate.getType());
  gate = arith::MaximumFOp::create(b, loc, gate, splat(kGateFloor, shape));
  Value unit = splat(1024, shape);
  Value coarse = arith::DivFOp::create(
      b, loc, math::RoundEvenOp::create(b, loc, mul(gate, unit)).getResult(), unit);
  return {coarse, sub(gate, coarse)};
}

void ChunkBuilder::setGates(Value scalarGate) {
  Exponent p = parts(scalarGate);
  Value inclusive = mask(tokens, tokens, true),
        exclusive = mask(tokens, tokens, false);
  sIn = {einsum("ij,j->i", {inclusive, p.coarse}),
         einsum("ij,j->i", {inclusive, p.fine})};
  sEx = {einsum("ij,j->i", {exclusive, p.coarse}),
         einsum("ij,j->i", {exclusive, p.fine})};
  sLast = rows(sIn, tokens - 1, tokens);
}

void ChunkBuilder::setFixedGates(Value scalarGate, Value vectorGate, Value count) {
  if (vectorGate && scalarGate) {
    Value ones = splat(1, {shapeOf(vectorGate.getType())[0]});
    vectorGate = add(vectorGate, einsum(",k->k", {scalarGate, ones}));
    scalarGate = {};
  }
  auto ramp = [&](int64_t from) -> Value {
    SmallVector<Attribute> numbers;
    for (int64_t i = 0; i < tokens; ++i)
      numbers.push_back(b.getFloatAttr(element, from + i));
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(RankedTensorType::get({tokens}, element), numbers));
  };
  Value n = arith::SIToFPOp::create(
      b, loc, element,
      arith::IndexCastOp::create(b, loc, b.getI32Type(), count).getResult());
  Value all = tensor::SplatOp::create(b, loc, n, RankedTensorType::get({1}, element));
  auto powers = [&](Value gate, Exponent &in, Exponent &ex, Exponent &last) {
    Exponent p = parts(gate);
    StringRef equation = shapeOf(gate.getType()).empty() ? "i,->i" : "i,k->ik";
    auto times = [&](Value numbers) -> Exponent {
      return {einsum(equation, {numbers, p.coarse}),
              einsum(equation, {numbers, p.fine})};
    };
    in = times(ramp(1));
    ex = times(ramp(0));
    last = times(all);
  };
  if (scalarGate)
    powers(scalarGate, sIn, sEx, sLast);
  if (vectorGate)
    powers(vectorGate, vIn, vEx, vLast);
}

Value ChunkBuilder::difference(const Exponent &x, StringRef spreadX,
                               const Exponent &y, StringRef spreadY,
                               ArrayRef<Value> ones) {
  auto part = [&](Value u, Value v) {
    return sub(einsum(spreadX, {u, ones[0]}), einsum(spreadY, {v, ones[1]}));
  };
  return add(part(x.coarse, y.coarse), part(x.fine, y.fine));
}

Value ChunkBuilder::indicator(Value x, Value y) {
  ArrayRef<int64_t> shape = shapeOf(x.getType());
  Value same = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, x, y);
  return arith::SelectOp::create(b, loc, same, splat(1, shape), splat(0, shape));
}

void ChunkBuilder::setResets(Value flags) {
  // Tokens with the same number of resets up to them belong together.
  Type stored = elementOf(flags.getType());
  auto zero = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(RankedTensorType::get({tokens}, stored),
                             b.getIntegerAttr(stored, 0)));
  Value set = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, flags, zero);
  Value one = arith::SelectOp::create(b, loc, set, splat(1, {tokens}),
                                      splat(0, {tokens}));
  Value number = einsum("ij,j->i", {mask(tokens, tokens, true), one});
  Value ones = splat(1, {tokens});
  Value last = rows(number, tokens - 1, tokens);
  joined = indicator(einsum("i,j->ij", {number, ones}),
                     einsum("j,i->ij", {number, ones}));
  joinedStart = indicator(number, splat(0, {tokens}));
  joinedEnd = indicator(number, einsum("c,i->i", {last, ones}));
  joinedChunk = indicator(last, splat(0, {1}));
}

void ChunkBuilder::shareResets(const ChunkBuilder &other) {
  joined = other.joined;
  joinedStart = other.joinedStart;
  joinedEnd = other.joinedEnd;
  joinedChunk = other.joinedChunk;
}

Value ChunkBuilder::broken(Value x) {
  ArrayRef<int64_t> shape = shapeOf(x.getType());
  Value size = math::AbsFOp::create(b, loc, x);
  Value isFinite = arith::CmpFOp::create(
      b, loc, arith::CmpFPredicate::OLT, size,
      splat(std::numeric_limits<double>::infinity(), shape));
  return arith::SelectOp::create(b, loc, isFinite, splat(0, shape), splat(1, shape));
}

Value ChunkBuilder::spread(Value flags, Value x) {
  ArrayRef<int64_t> shape = shapeOf(x.getType());
  if (shape.size() < 2)
    return flags;
  return einsum("i,k->ik", {flags, splat(1, {shape[1]})});
}

Value ChunkBuilder::setGuards(ArrayRef<Value> rows, Value state) {
  Value bad = splat(0, {tokens});
  for (Value x : rows) {
    Value found = broken(x);
    bad = add(bad, shapeOf(x.getType()).size() < 2 ? found
                                                   : einsum("ik->i", found));
  }
  finite = indicator(bad, splat(0, {tokens}));
  Value badState = einsum("kv->", broken(state));
  badRows = add(einsum("ij,ij,j->i", {joined, mask(tokens, tokens, true), bad}),
                einsum("i,->i", {joinedStart, badState}));
  badEnd = add(einsum("i,i->", {joinedEnd, bad}),
               einsum("c,->", {joinedChunk, badState}));
  ArrayRef<int64_t> shape = shapeOf(state.getType());
  Value good = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, badState,
                                     splat(0, {}));
  return arith::SelectOp::create(b, loc, good, state, splat(0, shape));
}

Value ChunkBuilder::clean(Value x) {
  return finite ? where(spread(finite, x), x) : x;
}

Value ChunkBuilder::unguarded(llvm::function_ref<Value()> fn) {
  Value flags = std::exchange(finite, Value());
  Value result = fn();
  finite = flags;
  return result;
}

Value ChunkBuilder::poisonRows(Value y) {
  if (!finite)
    return y;
  ArrayRef<int64_t> shape = shapeOf(y.getType());
  Value flags = spread(badRows, y);
  Value set = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, flags,
                                    splat(0, shape));
  return arith::SelectOp::create(
      b, loc, set, splat(std::numeric_limits<double>::quiet_NaN(), shape), y);
}

Value ChunkBuilder::poisonState(Value state) {
  if (!finite)
    return state;
  ArrayRef<int64_t> shape = shapeOf(state.getType());
  Value set = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, badEnd,
                                    splat(0, {}));
  return arith::SelectOp::create(
      b, loc, set, splat(std::numeric_limits<double>::quiet_NaN(), shape), state);
}

Value ChunkBuilder::gatesFromStart(Value x, bool inclusive) {
  if (joinedStart)
    x = einsum("i,ik->ik", {joinedStart, x});
  if (decays)
    return productsFromStart(x, inclusive);
  if (Exponent e = vector(inclusive))
    x = mul(x, decay(add(e.coarse, e.fine)));
  if (Exponent e = scalar(inclusive))
    x = einsum("i,ik->ik", {decay(add(e.coarse, e.fine)), x});
  return x;
}

Value ChunkBuilder::gatesToEnd(Value y) {
  if (joinedEnd)
    y = einsum("i,ik->ik", {joinedEnd, y});
  if (decays)
    return productsToEnd(y);
  Value ones = splat(1, {tokens});
  if (vIn) {
    Value d = difference(vLast, "ck,i->ik", vIn, "ik,i->ik", {ones, ones});
    y = mul(y, decay(d));
  }
  if (sIn) {
    Value d = difference(sLast, "c,i->i", sIn, "i,i->i", {ones, ones});
    y = einsum("i,ik->ik", {decay(d), y});
  }
  return y;
}

Value ChunkBuilder::overChunk(Value state, unsigned axis) {
  if (joinedChunk)
    state = einsum("c,kv->kv", {joinedChunk, state});
  if (decays)
    state = productsOverChunk(state, axis);
  if (vIn)
    state = einsum(axis == 0 ? "ck,kv->kv" : "cv,kv->kv",
                   {decay(add(vLast.coarse, vLast.fine)), state});
  if (sIn)
    state = einsum("c,kv->kv", {decay(add(sLast.coarse, sLast.fine)), state});
  return squares.empty() ? state : constantOverChunk(state);
}

Value ChunkBuilder::scalarDecay(bool inclusiveGate) {
  Value ones = splat(1, {tokens});
  return decay(difference(scalar(inclusiveGate), "i,j->ij", sIn, "j,i->ij",
                          {ones, ones}));
}

//===----------------------------------------------------------------------===//
// Sums over pairs of tokens
//===----------------------------------------------------------------------===//

Value ChunkBuilder::gatePairs(Value m, bool inclusiveGate, bool inclusive) {
  Value kept = mask(tokens, tokens, inclusive);
  m = where(joined ? mul(kept, joined) : kept, m);
  return sIn ? mul(m, scalarDecay(inclusiveGate)) : m;
}

Value ChunkBuilder::pairSum(Value x, Value y, bool inclusiveGate,
                            bool inclusive) {
  if (!squares.empty())
    return gatePairs(constantPairs(x, y, !inclusiveGate, inclusive), inclusiveGate,
                     inclusive);
  if (decays) {
    Value m = productPairs(x, y, inclusiveGate, inclusive);
    return joined ? where(joined, m) : m;
  }
  if (!vIn) {
    Value m = product("ik,jk->ij", {x, y}), kept = mask(tokens, tokens, inclusive);
    m = joined ? where(mul(kept, joined), m) : mul(m, kept);
    return sIn ? mul(m, scalarDecay(inclusiveGate)) : m;
  }
  Exponent row = vector(inclusiveGate);
  Value result = splat(0, {tokens, tokens});
  for (int64_t from = 0; from < tokens; from += kSubTile) {
    int64_t to = std::min(tokens, from + kSubTile);
    Value xi = rows(x, from, to), ones = splat(1, {to - from});
    Exponent e = rows(row, from, to);
    if (from > 0) {
      // The anchor is where the sub-tile begins: both exponents are negative.
      Exponent anchor = rows(vEx, from, from + 1);
      Value before = splat(1, {from});
      Value left = mul(xi, decay(difference(e, "ik,i->ik", anchor, "ck,i->ik",
                                            {ones, ones})));
      Value right = mul(rows(y, 0, from),
                        decay(difference(anchor, "ck,j->jk", rows(vIn, 0, from),
                                         "jk,j->jk", {before, before})));
      result = insert(product("ik,jk->ij", {left, right}), result, from, 0);
    }
    Value d = decay(difference(e, "ik,j->ijk", rows(vIn, from, to), "jk,i->ijk",
                               {ones, ones}));
    Value block = einsum("ik,jk,ijk->ij", {xi, rows(y, from, to), d});
    block = mul(block, mask(to - from, to - from, inclusive));
    result = insert(block, result, from, from);
  }
  return joined ? where(joined, result) : result;
}

Value ChunkBuilder::outSum(Value a, Value y, bool inclusiveGate,
                           bool inclusive) {
  if (!squares.empty())
    return constantOut(gatePairs(a, inclusiveGate, inclusive), y, !inclusiveGate,
                       inclusive);
  // The weights of tokens that come later, or that a reset parts, are zero already.
  if (!vIn && !sIn && !decays)
    return product("ij,jk->ik", {a, y});
  if (decays)
    return productOut(a, y, inclusiveGate, inclusive);
  a = mul(a, mask(tokens, tokens, inclusive));
  if (!vIn) {
    if (sIn)
      a = mul(a, scalarDecay(inclusiveGate));
    return product("ij,jk->ik", {a, y});
  }
  Exponent row = vector(inclusiveGate);
  int64_t channels = shapeOf(y.getType())[1];
  Value result = splat(0, {tokens, channels});
  for (int64_t from = 0; from < tokens; from += kSubTile) {
    int64_t to = std::min(tokens, from + kSubTile);
    Value ones = splat(1, {to - from});
    Exponent e = rows(row, from, to);
    Value ai = rows(a, from, to);
    auto columns = [&](int64_t lo, int64_t hi) {
      return einsum("ji->ij", {rows(einsum("ij->ji", {ai}), lo, hi)});
    };
    Value d = decay(difference(e, "ik,j->ijk", rows(vIn, from, to), "jk,i->ijk",
                               {ones, ones}));
    Value block =
        einsum("ij,ijk,jk->ik", {columns(from, to), d, rows(y, from, to)});
    if (from > 0) {
      Exponent anchor = rows(vEx, from, from + 1);
      Value before = splat(1, {from});
      Value right = mul(rows(y, 0, from),
                        decay(difference(anchor, "ck,j->jk", rows(vIn, 0, from),
                                         "jk,j->jk", {before, before})));
      Value sum = product("ij,jk->ik", {columns(0, from), right});
      block = add(block, mul(sum, decay(difference(e, "ik,i->ik", anchor,
                                                   "ck,i->ik", {ones, ones}))));
    }
    result = insert(block, result, from, 0);
  }
  return result;
}

Value ChunkBuilder::inverse(Value a) {
  int64_t n = shapeOf(a.getType())[0];
  SmallVector<Attribute> entries;
  for (int64_t i = 0; i < n * n; ++i)
    entries.push_back(b.getFloatAttr(element, i / n == i % n));
  Value identity = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(RankedTensorType::get({n, n}, element), entries));
  if (n == 1)
    return identity;
  if (n <= kSmallTriangle) {
    // (I + a)(I + a^2): a^4 = 0.
    Value squared = einsum("ij,jk->ik", {a, a});
    return einsum("ij,jk->ik", {add(identity, a), add(identity, squared)});
  }
  int64_t half = kSmallTriangle;
  while (2 * half < n)
    half *= 2;
  auto block = [&](int64_t r0, int64_t r1, int64_t c0, int64_t c1) -> Value {
    SmallVector<OpFoldResult> offsets = {b.getIndexAttr(r0), b.getIndexAttr(c0)},
                              sizes = {b.getIndexAttr(r1 - r0),
                                       b.getIndexAttr(c1 - c0)},
                              strides(2, b.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(b, loc, a, offsets, sizes, strides);
  };
  // [[X, 0], [Y a21 X, Y]] with X and Y the inverses of the diagonal blocks.
  Value x = inverse(block(0, half, 0, half)), y = inverse(block(half, n, half, n));
  Value below =
      einsum("ij,jk->ik", {einsum("ij,jk->ik", {y, block(half, n, 0, half)}), x});
  Value result = insert(x, splat(0, {n, n}), 0, 0);
  result = insert(y, result, half, half);
  return insert(below, result, half, 0);
}
