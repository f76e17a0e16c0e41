//===- TilePairs.cpp - What a chunk's tokens read of each other -----------===//
//
// Pairs of tokens are products of vectors that read and vectors that are written,
// times what the gates between the two leave.  With one gate a token that is a factor
// of the pair, e^(b_i - b_j).  With a gate for each key the exponentials are with the
// vectors: where no sum is far from zero, those of readers e^(b_i - b_C) and of writers
// e^(b_C - b_j) serve all products, of a state that has decayed already; else pairs are
// computed by halving.
//
// A correction's values z_i = c_i r_i^T (S before i) solve
//   (I - A) Z = C (R e^b S + B V),     A = tril(C R L^T ..., -1),  B = tril(C R K^T ..., -1)
// with blocks of A on the diagonal replaced by inverses (seqc_tile.invert).
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

Value Kernel::gateSums(Place place, bool inclusive) {
  FragmentType type = place == Place::row ? fragment(1, tokens, f32, place)
                                          : fragment(tokens, 1, f32, place);
  if (constantGate) {
    // The same gate at every token that exists.
    Value n = IotaOp::create(b, loc, type);
    if (inclusive)
      n = add(n, splat(number(1), type));
    n = arith::MinimumFOp::create(b, loc, n, splat(exist, type));
    return mul(n, splat(constantGate, type));
  }
  Value sum = LoadOp::create(b, loc, type, sums, false, 0);
  if (inclusive)
    return sum;
  auto stored = cast<SharedType>(gateTile.getType()).getElementType();
  Value own = toF32(LoadOp::create(b, loc, type.withElement(stored), gateTile, false, 0));
  own = arith::MaximumFOp::create(b, loc, own, splat(number(kGateFloor), type));
  return sub(sum, own);
}

Value Kernel::gateTotal() {
  if (constantGate)
    return mul(exist, constantGate);
  return ElementOp::create(b, loc, f32, sums, index(tokens - 1), index(0));
}

/// Whether no sum of a chunk's gates is far from zero.
void Kernel::findNear() {
  near = BoundedOp::create(b, loc, sums, tokens - 1,
                           APFloat(element.isF16() ? kNearF16 : kNear));
  far = arith::XOrIOp::create(
      b, loc, near, arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1).getResult());
}

/// `target` = `source`, or 1, times e^(x - y), for sums of gates x and y at rows that
/// `blocks` and `firsts` choose as in a map.  A sum is left out where its block is 0.
void Kernel::scaleByGates(Value source, Value target, ArrayRef<int64_t> blocks,
                          ArrayRef<int64_t> firsts, int64_t half, bool second,
                          bool clamp) {
  SmallVector<Value> sources;
  SmallVector<int64_t> allBlocks, allFirsts;
  for (Value part : {source, source ? rest.lookup(source) : Value()}) {
    if (!part)
      continue;
    sources.push_back(part);
    allBlocks.push_back(1);
    allFirsts.push_back(0);
  }
  unsigned parts = sources.size();
  for (auto [block, first] : llvm::zip(blocks, firsts)) {
    if (!block)
      continue;
    sources.push_back(sums);
    allBlocks.push_back(block);
    allFirsts.push_back(first);
  }
  mapTile(sources, target, allBlocks, allFirsts, half, second, [&](ValueRange at) {
    ValueRange rows = at.drop_front(parts);
    Value exponent = rows[0];
    if (rows.size() == 2)
      exponent = sub(exponent, rows[1]);
    if (clamp)
      exponent = notAbove(exponent, 0);
    if (!parts)
      return exp(exponent);
    Value whole = toF32(at[0]);
    if (parts == 2)
      whole = add(whole, toF32(at[1]));
    return mul(whole, exp(exponent));
  });
}

/// What is computed of the chunk's pairs, that which waits longest first.
SmallVector<Kernel::Weights> Kernel::allWeights() {
  bool after = op.getReadAfter()[0];
  Reader query = {Part::queries, after, !after};
  SmallVector<Weights> all;
  if (plan.pair) {
    Reader right = {Part::rights, op.getPairDecayed()[0], true};
    all.push_back({right, Part::lefts, Part::leftCorrections, true, true});
    if (plan.apart)
      all.push_back({right, Part::keys, Part::keyCorrections, true, false});
  }
  all.push_back({query, Part::keys, Part::keyWeights, false, false});
  if (plan.apart)
    all.push_back({query, Part::lefts, Part::leftWeights, false, false});
  return all;
}

/// Rows of pairs, or of some of their columns, times a correction's scale.
Value Kernel::scalePairs(const Weights &weights, Value pairs) {
  if (!weights.correction || !pairScale)
    return pairs;
  return mul(pairs, spread(scaleOfTokens(pairScale, Place::col),
                           cast<FragmentType>(pairs.getType())));
}

/// Solves for the blocks of 16 tokens on the diagonal, each a warp's own.
void Kernel::invert() {
  warpBarrier();
  InvertOp::create(b, loc, memory(Part::leftCorrections));
}

void Kernel::storePairs(const Weights &weights, Value pairs) {
  pairs = scalePairs(weights, TriangleOp::create(b, loc, pairs, weights.reader.strict));
  storeTile(pairs, memory(weights.target));
  if (weights.solved)
    invert();
}

/// Pairs with one gate or none a token.
void Kernel::weigh() {
  queryTile = stageOf(Part::queries, now);
  keyTile = stageOf(Part::keys, now);
  if (plan.pair) {
    rightTile = stageOf(Part::rights, now);
    leftTile = stageOf(Part::lefts, now);
  }
  FragmentType type = fragment(tokens, tokens, f32, Place::acc);
  // Or before the sums are known to all.
  bool summed = !memory(Part::gates) || plan.perValue;
  for (const Weights &w : allWeights()) {
    Value pairs = product(loadFactor(stageOf(w.reader.part, now), tokens, keys),
                          stageOf(w.writer, now), zeros(tokens, tokens), true);
    if (!summed)
      barrier();
    summed = true;
    if (scalarGate()) {
      // Once more for each kind of pair: kept, they would take too many registers.
      Value from = spread(gateSums(Place::col, w.reader.gated), type);
      Value to = spread(gateSums(Place::row, true), type);
      pairs = mul(pairs, exp(notAbove(sub(from, to), 0)));
    }
    storePairs(w, pairs);
    if (takesTurns() && w.solved)
      fetch(add(now, index(1)), Turn::second);
  }
  if (takesTurns())
    fetch(add(now, index(1)), Turn::last);
}

/// The same with a gate for each key.  Blocks of tokens are halved again and again:
/// what the second half has with the first is a product of readers since the middle
/// and writers until the middle, whose exponents are not positive.  Blocks of 64 and 32
/// tokens concern several warps, smaller ones one.
void Kernel::halve(const Weights &w) {
  Value readers = stageOf(w.reader.part, now), writers = stageOf(w.writer, now);
  Value early = memory(Part::scaledReaders), late = memory(Part::scaledKeys);
  Value target = memory(w.target);
  auto part = [&](Value from, Value to, int64_t width, int64_t half) -> Value {
    Value p = product(loadFactor(from, tokens, keys), to, zeros(tokens, width), true,
                      width == tokens ? 0 : width);
    return scalePairs(w, CrossOp::create(b, loc, p, half));
  };
  Value small;
  for (int64_t half = tokens / 2; half >= 1; half /= 2) {
    int64_t width = std::max<int64_t>(2 * half, 16);
    scaleByGates(readers, early, {1, 2 * half}, {w.reader.before(), half - 1}, half,
                 true);
    scaleByGates(writers, late, {2 * half, 1}, {half - 1, 0}, half, false);
    bool shared = width > 16;
    shared ? barrier() : warpBarrier();
    Value p = part(early, late, width, half);
    if (shared) {
      storeTile(p, target, width == tokens ? 0 : width);
      barrier();
      continue;
    }
    small = small ? add(small, p) : p;
    warpBarrier();
  }
  if (!w.reader.strict)
    small = add(small, part(readers, writers, 16, 0));
  storeTile(small, target, 16);
  if (w.solved)
    invert();
}

void Kernel::when(Value condition, llvm::function_ref<void()> body) {
  auto choice = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  body();
}

void Kernel::weighPerKey() {
  int64_t last = tokens - 1;
  SmallVector<Weights> all = allWeights();
  // Queries are scaled in their place if the correction's vectors need the other.
  queryTile = plan.pair ? stageOf(Part::queries, now) : memory(Part::scaledReaders);
  keyTile = memory(Part::scaledKeys);
  if (plan.pair) {
    rightTile = memory(Part::scaledReaders);
    leftTile = memory(plan.apart ? Part::scaledLefts : Part::scaledKeys);
  }
  auto tileOf = [&](Part part) {
    return part == Part::queries  ? queryTile
           : part == Part::rights ? rightTile
           : part == Part::lefts  ? leftTile
                                  : keyTile;
  };
  // Readers since row `anchor`, or the chunk's start, writers until its end.
  auto scaleAll = [&](bool anchored) {
    for (const Weights &w : all)
      if (w.target == Part::keyWeights || w.target == Part::leftCorrections)
        scaleByGates(stageOf(w.reader.part, now), tileOf(w.reader.part),
                     {1, anchored ? tokens : 0}, {w.reader.before(), anchored ? last : 0},
                     0, false, !anchored);
    scaleByGates(stageOf(Part::keys, now), keyTile, {tokens, 1}, {last, 0}, 0, false,
                 !anchored);
    if (plan.apart)
      scaleByGates(stageOf(Part::lefts, now), leftTile, {tokens, 1}, {last, 0}, 0, false,
                   !anchored);
  };
  when(far, [&] {
    for (const Weights &w : all)
      halve(w);
    warpBarrier();
    scaleAll(false);
  });
  // Keeps the two apart: together they need more registers than there are.
  barrier();
  when(near, [&] {
    // One anchor serves the chunk and the state.
    scaleAll(true);
    barrier();
    for (const Weights &w : all)
      storePairs(w, product(loadFactor(tileOf(w.reader.part), tokens, keys),
                            tileOf(w.writer), zeros(tokens, tokens), true));
  });
  barrier();
}
