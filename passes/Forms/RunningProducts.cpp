//===- RunningProducts.cpp - Chunks with a decay for each channel ---------===//
//
// Decays a_i, 0 to 1, of every token and channel.  The decay from token j to i is the
// product of those between, so that no product exceeds one, whatever underflows is
// too small to count, and there is one exponential a token, not one a pair.
//
// The chunk is cut into sub-tiles.  Pairs in different ones meet where the later one
// begins: queries are multiplied by the decays from there to i, keys by those from j
// to there, and what remains is a product of matrices.  Pairs inside one are taken a
// diagonal at a time.
//
//===----------------------------------------------------------------------===//

#include "ChunkBuilder.h"

using namespace mlir;
using namespace seqc;

/// Tokens of a sub-tile, at least where a chunk has several of them.
static constexpr int64_t kSubTile = 4;

static int64_t subTileOf(int64_t tokens) {
  if (tokens < 2 * kSubTile)
    return std::max<int64_t>(1, tokens / 2);
  return std::min<int64_t>(4 * kSubTile,
                           llvm::alignTo(llvm::divideCeil(tokens, 16), kSubTile));
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

/// A part of `x`, without its dimension `dropped`, of size 1.
Value ChunkBuilder::slice(Value x, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                          unsigned dropped) {
  SmallVector<OpFoldResult> from, to, strides(sizes.size(), b.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [d, size] : llvm::enumerate(sizes)) {
    from.push_back(b.getIndexAttr(offsets[d]));
    to.push_back(b.getIndexAttr(size));
    if (d != dropped)
      shape.push_back(size);
  }
  if (ArrayRef<int64_t>(shape) == shapeOf(x.getType()))
    return x;
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, element), x, from, to, strides);
}

/// `block` written into `whole`; dimensions that the block lacks come first.
Value ChunkBuilder::place(Value block, Value whole, ArrayRef<int64_t> offsets) {
  ArrayRef<int64_t> shape = shapeOf(block.getType()), all = shapeOf(whole.getType());
  if (shape == all)
    return block;
  SmallVector<OpFoldResult> from, to, strides(all.size(), b.getIndexAttr(1));
  for (unsigned d = 0; d < all.size(); ++d) {
    from.push_back(b.getIndexAttr(offsets[d]));
    unsigned missing = all.size() - shape.size();
    to.push_back(b.getIndexAttr(d < missing ? 1 : shape[d - missing]));
  }
  return tensor::InsertSliceOp::create(b, loc, block, whole, from, to, strides);
}

static Value emptyOf(OpBuilder &b, Location loc, ArrayRef<int64_t> shape, Type element) {
  return tensor::EmptyOp::create(b, loc, shape, element);
}

/// `x` [C, n] with zeros behind it up to whole sub-tiles, and up to `columns`.
Value ChunkBuilder::padded(Value x, int64_t columns) {
  SmallVector<int64_t> shape(shapeOf(x.getType()));
  shape[0] = tiles * height;
  if (columns)
    shape[1] = columns;
  return place(x, splat(0, shape), {0, 0});
}

/// [C, n] as [sub-tiles, tokens of one, n].
Value ChunkBuilder::byTiles(Value x) {
  int64_t n = shapeOf(x.getType())[1];
  return tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get({tiles, height, n}, element), x,
      ArrayRef<ReassociationIndices>{{0, 1}, {2}});
}

/// One sub-tile [tokens, n] of what `byTiles` gave.
Value ChunkBuilder::tile(Value x, int64_t number) {
  return slice(x, {number, 0, 0}, {1, height, shapeOf(x.getType())[2]}, 0);
}

void ChunkBuilder::setDecays(Value a) {
  height = subTileOf(tokens);
  tiles = llvm::divideCeil(tokens, height);
  if (tiles * height != tokens) {
    int64_t n = shapeOf(a.getType())[1];
    a = place(a, splat(1, {tiles * height, n}), {0, 0});
  }
  decays = a;
}

Value ChunkBuilder::prefixes(bool inclusive) {
  Value &result = prefix[inclusive];
  if (result)
    return result;
  int64_t n = shapeOf(decays.getType())[1];
  if (!inclusive) {
    Value all = prefixes(true);
    result = splat(1, {tiles, height, n});
    if (height > 1)
      result = place(slice(all, {0, 0, 0}, {tiles, height - 1, n}), result, {0, 1, 0});
    return result;
  }
  Value a = byTiles(decays), running;
  result = emptyOf(b, loc, {tiles, height, n}, element);
  for (int64_t i = 0; i < height; ++i) {
    Value row = slice(a, {0, i, 0}, {tiles, 1, n});
    running = running ? mul(running, row) : row;
    result = place(running, result, {0, i, 0});
  }
  return result;
}

Value ChunkBuilder::suffixes() {
  if (suffix)
    return suffix;
  int64_t n = shapeOf(decays.getType())[1];
  Value a = byTiles(decays), running = splat(1, {tiles, 1, n});
  suffix = emptyOf(b, loc, {tiles, height, n}, element);
  for (int64_t i = height - 1; i >= 0; --i) {
    suffix = place(running, suffix, {0, i, 0});
    Value row = slice(a, {0, i, 0}, {tiles, 1, n});
    running = i + 1 < height ? mul(running, row) : row;
  }
  return suffix;
}

Value ChunkBuilder::before(int64_t number) {
  int64_t n = shapeOf(decays.getType())[1];
  while (int64_t(befores.size()) <= number) {
    int64_t last = befores.size() - 1;
    if (last < 0) {
      befores.push_back({});
      continue;
    }
    Value whole = slice(tile(prefixes(true), last), {height - 1, 0}, {1, n}, 0);
    befores.push_back(last ? mul(befores[last], whole) : whole);
  }
  return befores[number];
}

/// Rows decayed from their sub-tile's start: [sub-tiles, tokens, n].
Value ChunkBuilder::fromTile(Value x, bool inclusive) {
  Value &result = fromTiles[inclusive][x];
  if (!result)
    result = mul(byTiles(padded(x)), prefixes(inclusive));
  return result;
}

Value ChunkBuilder::upTo(Value y, int64_t number) {
  // The first entry has all sub-tiles, each decayed to its own end.
  SmallVector<Value> &known = upTos[y];
  int64_t n = shapeOf(y.getType())[1];
  if (known.empty()) {
    known = {mul(byTiles(padded(y)), suffixes())};
    known.push_back(tile(known[0], 0));
  }
  while (int64_t(known.size()) <= number) {
    int64_t last = known.size() - 1;
    Value whole = slice(tile(prefixes(true), last), {height - 1, 0}, {1, n}, 0);
    Value earlier = einsum("jk,k->jk", {known[last], whole});
    Value grown = emptyOf(b, loc, {(last + 1) * height, n}, element);
    grown = place(earlier, grown, {0, 0});
    known.push_back(place(tile(known[0], last), grown, {last * height, 0}));
  }
  return known[number];
}

//===----------------------------------------------------------------------===//
// Decays to and from the chunk's ends
//===----------------------------------------------------------------------===//

Value ChunkBuilder::productsFromStart(Value x, bool inclusive) {
  int64_t n = shapeOf(x.getType())[1];
  Value scaled = fromTile(x, inclusive);
  if (tiles == 1)
    return rows(tile(scaled, 0), 0, tokens);
  Value result = emptyOf(b, loc, {tiles * height, n}, element);
  for (int64_t i = 0; i < tiles; ++i) {
    Value part = tile(scaled, i);
    if (i)
      part = einsum("ik,k->ik", {part, before(i)});
    result = place(part, result, {i * height, 0});
  }
  return rows(result, 0, tokens);
}

Value ChunkBuilder::productsToEnd(Value y) { return rows(upTo(y, tiles), 0, tokens); }

Value ChunkBuilder::productsOverChunk(Value state, unsigned axis) {
  return einsum(axis == 0 ? "k,kv->kv" : "v,kv->kv", {before(tiles), state});
}

//===----------------------------------------------------------------------===//
// Sums over pairs of tokens
//===----------------------------------------------------------------------===//

Value ChunkBuilder::diagonal(int64_t apart) {
  int64_t size = height;
  return numbers({tiles * height, tiles * height}, [=](int64_t i, int64_t j) {
    return i - j == apart && i % size >= apart;
  });
}

SmallVector<Value> ChunkBuilder::apartBy(int64_t apart, Value x, Value y,
                                         bool inclusiveGate) {
  int64_t count = tiles * height;
  SmallVector<Value> factors;
  if (x)
    factors.push_back(rows(x, apart, count));
  factors.push_back(rows(y, 0, count - apart));
  for (int64_t back = inclusiveGate ? 0 : 1; back < apart; ++back)
    factors.push_back(rows(decays, apart - back, count - back));
  return factors;
}

Value ChunkBuilder::productPairs(Value x, Value y, bool inclusiveGate, bool inclusive) {
  int64_t count = tiles * height;
  Value result = splat(0, {count, count});
  for (int64_t i = 1; i < tiles; ++i)
    result = insert(product("ik,jk->ij", {tile(fromTile(x, inclusiveGate), i), upTo(y, i)}),
                    result, i * height, 0);
  Value xs = padded(x), ys = padded(y);
  // Every pair of different tokens has the later one's decay.
  Value decayed = inclusiveGate && height > 1 ? mul(xs, decays) : xs;
  for (int64_t apart = inclusive ? 0 : 1; apart < height; ++apart) {
    SmallVector<Value> factors =
        apartBy(apart, apart ? decayed : xs, ys, /*inclusiveGate=*/false);
    std::string equation = "ik";
    for (unsigned f = 1; f < factors.size(); ++f)
      equation += ",ik";
    Value sums = einsum(equation + "->i", factors);
    sums = place(sums, splat(0, {count}), {apart});
    result = add(result, einsum("i,ij->ij", {sums, diagonal(apart)}));
  }
  return slice(result, {0, 0}, {tokens, tokens});
}

Value ChunkBuilder::productOut(Value a, Value y, bool inclusiveGate, bool inclusive) {
  int64_t count = tiles * height, n = shapeOf(y.getType())[1];
  a = padded(a, count);
  Value result = splat(0, {count, n}), ys = padded(y);
  for (int64_t i = 1; i < tiles; ++i) {
    Value sum = product("ij,jk->ik",
                        {slice(a, {i * height, 0}, {height, i * height}), upTo(y, i)});
    result = insert(mul(sum, tile(prefixes(inclusiveGate), i)), result, i * height, 0);
  }
  for (int64_t apart = inclusive ? 0 : 1; apart < height; ++apart) {
    Value weights = einsum("ij,ij->i", {a, diagonal(apart)});
    SmallVector<Value> factors = apartBy(apart, {}, ys, inclusiveGate);
    factors.insert(factors.begin(), slice(weights, {apart}, {count - apart}));
    std::string equation = "i";
    for (unsigned f = 1; f < factors.size(); ++f)
      equation += ",ik";
    Value sum = einsum(equation + "->ik", factors);
    result = add(result, place(sum, splat(0, {count, n}), {apart, 0}));
  }
  return rows(result, 0, tokens);
}
