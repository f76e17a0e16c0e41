//===- ConstantPowers.cpp - Chunks with a constant transition -------------===//
//
// A token's transition is the matrix A whatever the token: between tokens j and i
// lies a power of it.  Powers with exponents 1, 2, 4, ... are made by squaring; rows
// take those that their exponent has.  No exponent is negative, so that no inverse of
// a contraction is needed.
//
// A key b that is the same at every token needs no more than its responses A^l b:
// scores are a Toeplitz matrix of products with them.  Other pairs are summed by
// halves: from the middle of a block of tokens to i, and from j to the middle.
//
//===----------------------------------------------------------------------===//

#include "ChunkBuilder.h"

using namespace mlir;
using namespace seqc;

/// Numbers [C] or [rows, columns] from their positions.
Value ChunkBuilder::numbers(ArrayRef<int64_t> shape,
                            llvm::function_ref<double(int64_t, int64_t)> entry) {
  SmallVector<Attribute> entries;
  int64_t columns = shape.size() > 1 ? shape[1] : 1;
  for (int64_t i = 0; i < shape[0]; ++i)
    for (int64_t j = 0; j < columns; ++j)
      entries.push_back(b.getFloatAttr(element, entry(i, j)));
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(RankedTensorType::get(shape, element), entries));
}

/// How many tokens there are, less a number.
Value ChunkBuilder::countOf(int64_t less) {
  Value n = arith::SIToFPOp::create(
      b, loc, element,
      arith::IndexCastOp::create(b, loc, b.getI32Type(), constantCount).getResult());
  return sub(n, splat(less, {}));
}

void ChunkBuilder::setConstant(Value blocks, Value count) {
  squares.push_back(cast(blocks));
  constantCount = count;
}

Value ChunkBuilder::square(unsigned s) {
  while (squares.size() <= s)
    squares.push_back(einsum("mij,mjk->mik", {squares.back(), squares.back()}));
  return squares[s];
}

Value ChunkBuilder::times(Value x, Value power, bool reads) {
  ArrayRef<int64_t> blocks = shapeOf(power.getType());
  auto whole = mlir::cast<RankedTensorType>(x.getType());
  int64_t n = whole.getDimSize(0);
  if (blocks[0] == 1)
    return einsum(reads ? "ij,mjk->ik" : "ij,mkj->ik", {x, power});
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  x = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get({n, blocks[0], blocks[1]}, element), x, groups);
  x = einsum(reads ? "imj,mjk->imk" : "imj,mkj->imk", {x, power});
  return tensor::CollapseShapeOp::create(b, loc, whole, x, groups);
}

Value ChunkBuilder::power(Value x, ArrayRef<int64_t> exponents, bool reads) {
  int64_t columns = shapeOf(x.getType())[1];
  for (unsigned s = 0; (int64_t(1) << s) <= tokens; ++s) {
    auto has = [&](int64_t exponent) { return (exponent >> s) & 1; };
    if (llvm::none_of(exponents, has))
      continue;
    Value next = times(x, square(s), reads);
    if (!llvm::all_of(exponents, has))
      next = arith::SelectOp::create(
          b, loc,
          arith::CmpFOp::create(
              b, loc, arith::CmpFPredicate::OGT,
              numbers({int64_t(exponents.size()), columns},
                      [&](int64_t i, int64_t) { return has(exponents[i]); }),
              splat(0, shapeOf(x.getType()))),
          next, x);
    x = next;
  }
  return x;
}

Value ChunkBuilder::responses(Value x) {
  int64_t channels = shapeOf(x.getType())[0];
  Value result = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get({1, channels}, element), x,
      ArrayRef<ReassociationIndices>{{0, 1}});
  if (tokens == 1)
    return result;
  result = insert(result, splat(0, {tokens, channels}), 0, 0);
  // Those that there are, and as many again.
  for (unsigned s = 0; (int64_t(1) << s) < tokens; ++s) {
    int64_t known = int64_t(1) << s, more = std::min(known, tokens - known);
    result = insert(times(rows(result, 0, more), square(s), false), result, known, 0);
  }
  return result;
}

Value ChunkBuilder::reversed(Value responses, bool late) {
  return einsum("cl,lk->ck", {numbers({tokens, tokens},
                                      [&](int64_t c, int64_t l) {
                                        return l == tokens - 1 - late - c;
                                      }),
                              responses});
}

//===----------------------------------------------------------------------===//
// From the start, to the end
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> ramp(int64_t tokens, int64_t from) {
  SmallVector<int64_t> result;
  for (int64_t i = 0; i < tokens; ++i)
    result.push_back(i + from);
  return result;
}

Value ChunkBuilder::fromStart(Value x, bool inclusive) {
  x = gatesFromStart(x, inclusive);
  return squares.empty() ? x : power(x, ramp(tokens, inclusive), true);
}

Value ChunkBuilder::fromStartOut(Value x, bool inclusive) {
  x = gatesFromStart(x, inclusive);
  return squares.empty() ? x : power(x, ramp(tokens, inclusive), false);
}

Value ChunkBuilder::fromStartAll(Value x, bool inclusive) {
  if (squares.empty())
    return fromStart(einsum("i,k->ik", {splat(1, {tokens}), x}), inclusive);
  x = responses(x);
  if (inclusive)
    x = times(x, square(0), false);
  return gatesFromStart(x, inclusive);
}

Value ChunkBuilder::toEnd(Value y) {
  y = gatesToEnd(y);
  return squares.empty() ? y : constantToEnd(y);
}

/// Rows by the powers with which tokens reach the last one that there is.
Value ChunkBuilder::constantToEnd(Value y) {
  Value left = sub(tensor::SplatOp::create(b, loc, countOf(1),
                                           RankedTensorType::get({tokens}, element)),
                   numbers({tokens}, [](int64_t i, int64_t) { return i; }));
  unsigned top = 0;
  while ((int64_t(2) << top) < tokens)
    ++top;
  for (int s = tokens > 1 ? top : -1; s >= 0; --s) {
    Value unit = splat(int64_t(1) << s, {tokens});
    Value has = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, left, unit);
    left = arith::SelectOp::create(b, loc, has, sub(left, unit), left);
    Value flag = arith::SelectOp::create(b, loc, has, splat(1, {tokens}),
                                         splat(0, {tokens}));
    Value set = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                      spread(flag, y), splat(0, shapeOf(y.getType())));
    y = arith::SelectOp::create(b, loc, set, times(y, square(s), false), y);
  }
  return y;
}

Value ChunkBuilder::constantOverChunk(Value state) {
  // Rows of a state are its columns.
  Value s = einsum("kv->vk", state), left = countOf(0);
  unsigned top = 0;
  while ((int64_t(2) << top) <= tokens)
    ++top;
  for (int bit = top; bit >= 0; --bit) {
    Value unit = splat(int64_t(1) << bit, {});
    Value has = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, left, unit);
    left = arith::SelectOp::create(b, loc, has, sub(left, unit), left);
    s = arith::SelectOp::create(b, loc, has, times(s, square(bit), false), s);
  }
  return einsum("vk->kv", s);
}

//===----------------------------------------------------------------------===//
// Sums over pairs of tokens
//===----------------------------------------------------------------------===//

namespace {
/// Blocks of 2 h tokens: pairs whose later token is in the second half and whose
/// earlier one is in the first, and how far both are from the middle.
struct Halves {
  Halves(int64_t tokens, int64_t h, bool late) : h(h) {
    for (int64_t i = 0; i < tokens; ++i) {
      int64_t at = i % (2 * h);
      later.push_back(at >= h ? at - h : 0);
      earlier.push_back(at < h ? h - at - late : 0);
    }
  }
  bool has(int64_t i, int64_t j) const {
    return i / (2 * h) == j / (2 * h) && i % (2 * h) >= h && j % (2 * h) < h;
  }
  int64_t h;
  SmallVector<int64_t> later, earlier;
};
} // namespace

Value ChunkBuilder::constantPairs(Value x, Value y, bool late, bool diagonal) {
  Value result = splat(0, {tokens, tokens});
  auto put = [&](Value m, llvm::function_ref<double(int64_t, int64_t)> entry) {
    result = add(result, where(numbers({tokens, tokens}, entry), m));
  };
  if (diagonal)
    put(einsum("ik,jk->ij", {x, y}), [](int64_t i, int64_t j) { return i == j; });
  for (int64_t h = 1; h < tokens; h *= 2) {
    Halves halves(tokens, h, late);
    Value left = power(x, halves.later, true), right = power(y, halves.earlier, false);
    put(einsum("ik,jk->ij", {left, right}),
        [&](int64_t i, int64_t j) { return halves.has(i, j); });
  }
  return result;
}

Value ChunkBuilder::constantOut(Value a, Value y, bool late, bool diagonal) {
  Value result = splat(0, shapeOf(y.getType()));
  auto part = [&](llvm::function_ref<double(int64_t, int64_t)> entry, Value y) {
    return einsum("ij,jk->ik", {where(numbers({tokens, tokens}, entry), a), y});
  };
  if (diagonal)
    result = part([](int64_t i, int64_t j) { return i == j; }, y);
  for (int64_t h = 1; h < tokens; h *= 2) {
    Halves halves(tokens, h, late);
    Value sum = part([&](int64_t i, int64_t j) { return halves.has(i, j); },
                     power(y, halves.earlier, false));
    result = add(result, power(sum, halves.later, false));
  }
  return result;
}

// A matrix whose row i is moved to the right by i, in the order of memory, with one
// element more a row: entry (i, C - 1 - i + j) of one is entry (i, j) of the other.

Value ChunkBuilder::pairSumFixed(Value x, Value y, bool inclusiveGate,
                                 bool inclusive) {
  Value scores =
      einsum("ik,ck->ic", {x, reversed(responses(y), !inclusiveGate)});
  if (tokens > 1) {
    int64_t n = tokens;
    Value wide = insert(scores, splat(0, {n, n + 1}), 0, 1);
    wide = tensor::CollapseShapeOp::create(
        b, loc, RankedTensorType::get({n * (n + 1)}, element), wide,
        ArrayRef<ReassociationIndices>{{0, 1}});
    wide = tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get({n + 1, n}, element), wide,
        ArrayRef<ReassociationIndices>{{0, 1}});
    scores = rows(wide, 1, n + 1);
  }
  return gatePairs(scores, inclusiveGate, inclusive);
}

Value ChunkBuilder::outSumFixed(Value a, Value y, bool inclusiveGate,
                                bool inclusive) {
  a = gatePairs(a, inclusiveGate, inclusive);
  if (tokens > 1) {
    int64_t n = tokens;
    Value high = insert(a, splat(0, {n + 1, n}), 1, 0);
    high = tensor::CollapseShapeOp::create(
        b, loc, RankedTensorType::get({n * (n + 1)}, element), high,
        ArrayRef<ReassociationIndices>{{0, 1}});
    high = tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get({n, n + 1}, element), high,
        ArrayRef<ReassociationIndices>{{0, 1}});
    SmallVector<OpFoldResult> offsets = {b.getIndexAttr(0), b.getIndexAttr(1)},
                              sizes(2, b.getIndexAttr(n)),
                              strides(2, b.getIndexAttr(1));
    a = tensor::ExtractSliceOp::create(b, loc, high, offsets, sizes, strides);
  }
  return einsum("ic,ck->ik", {a, reversed(responses(y), !inclusiveGate)});
}

Value ChunkBuilder::toEndFixed(Value y, Value values) {
  values = gatesToEnd(values);
  // Token j's response has exponent count - 1 - j, row c of the reversed ones
  // exponent C - 1 - c.
  Value apart = numbers({tokens, tokens}, [](int64_t c, int64_t j) { return j - c; });
  Value wanted =
      tensor::SplatOp::create(b, loc, countOf(tokens),
                              RankedTensorType::get({tokens, tokens}, element));
  Value moved = einsum("cj,jv->cv", {indicator(apart, wanted), values});
  return einsum("ck,cv->kv", {reversed(responses(y), false), moved});
}
