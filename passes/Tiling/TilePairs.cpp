//===- TilePairs.cpp - What a chunk's tokens read of each other -----------===//
//
// Pairs of tokens are products of vectors that read and vectors that are written,
// times what the gates between the two leave.  With one gate a token that is a factor
// of the pair, e^(b_i - b_j).  With a gate for each key the exponentials are with the
// vectors: where no sum is far from zero, those of readers e^(b_i - b_C) and of writers
// e^(b_C - b_j) serve all products, of a state that has decayed already; else blocks of
// tokens have anchors of their own, and where gates are strong within a block, too, its
// pairs are computed by halving.
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

Value Kernel::negated(Value condition) {
  return arith::XOrIOp::create(
      b, loc, condition,
      arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1).getResult());
}

/// Whether no sum of a chunk's gates is far from zero.
void Kernel::findNear() {
  near = BoundedOp::create(b, loc, sums, tokens - 1, APFloat(bound()), 0);
  far = negated(near);
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
  storeTile(pairs, stageOf(weights.target, now));
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
    if (w.solved)
      invert();
    if (takesTurns() && w.solved)
      fetch(add(now, index(1)), Turn::second);
  }
  if (takesTurns())
    fetch(add(now, index(1)), Turn::last);
}

/// Where vectors of a kind that are written are, times gates.
Value Kernel::lateTile(Part writer) {
  return memory(plan.apart && writer == Part::lefts ? Part::scaledLefts : Part::scaledKeys);
}

void Kernel::when(Value condition, llvm::function_ref<void()> body) {
  auto choice = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  body();
}

/// The chunk's vectors times gates, as the state takes them: readers since the chunk's
/// start, or if `anchored` since its end, writers until its end.
void Kernel::scaleForState(bool anchored) {
  struct Scaled {
    Value source, target;
    std::optional<int64_t> before; // of a reader
  };
  SmallVector<Scaled> all;
  for (const Weights &w : allWeights())
    if (w.target == Part::keyWeights || w.target == Part::leftCorrections) {
      Value tile = stageOf(w.reader.part, now);
      all.push_back({tile, tile, w.reader.before()});
    }
  all.push_back({stageOf(Part::keys, now), lateTile(Part::keys), {}});
  if (plan.apart)
    all.push_back({stageOf(Part::lefts, now), lateTile(Part::lefts), {}});

  SmallVector<Value> sources, targets;
  SmallVector<int64_t> blocks, firsts;
  auto source = [&](Value tile, int64_t block, int64_t first) -> unsigned {
    for (unsigned i = 0; i < sources.size(); ++i)
      if (sources[i] == tile && blocks[i] == block && firsts[i] == first)
        return i;
    sources.push_back(tile);
    blocks.push_back(block);
    firsts.push_back(first);
    return sources.size() - 1;
  };
  for (const Scaled &s : all) {
    targets.push_back(s.target);
    source(s.source, 1, 0);
    if (Value left = rest.lookup(s.source))
      source(left, 1, 0);
    source(sums, 1, s.before.value_or(0));
  }
  source(sums, tokens, tokens - 1);
  mapTiles(sources, targets, blocks, firsts, 0, false, [&](ValueRange at) {
    Value end = at[source(sums, tokens, tokens - 1)];
    llvm::DenseMap<int64_t, Value> gates;
    SmallVector<Value> made;
    for (const Scaled &s : all) {
      Value &gate = gates[s.before.value_or(1)];
      if (!gate) {
        Value exponent = at[source(sums, 1, s.before.value_or(0))];
        if (!s.before)
          exponent = sub(end, exponent);
        else if (anchored)
          exponent = sub(exponent, end);
        gate = exp(anchored ? exponent : notAbove(exponent, 0));
      }
      Value whole = toF32(at[source(s.source, 1, 0)]);
      if (Value left = rest.lookup(s.source))
        whole = add(whole, toF32(at[source(left, 1, 0)]));
      made.push_back(mul(whole, gate));
    }
    return made;
  });
}

/// Pairs with a gate for each key, of readers of one kind of writers.  Tokens that write
/// are taken by blocks: e^(b_E - b_j) until the block's end E is with the vectors that
/// are written, e^(b_i - b_E) with those that read, in registers.  Of later tokens no
/// exponent is positive; of the block's own ones it is at most `bound`.
SmallVector<Value> Kernel::weighBlocks(ArrayRef<Weights> group) {
  Value late = lateTile(group[0].writer);
  scaleByGates(stageOf(group[0].writer, now), late, {kBlock, 1}, {kBlock - 1, 0});
  barrier();
  FragmentType type = fragment(tokens, keys, f32, Place::acc);
  SmallVector<Value> pairs(group.size(), zeros(tokens, tokens));
  for (int64_t first = 0; first < tokens; first += kBlock) {
    Value end = LoadOp::create(b, loc, fragment(1, keys, f32, Place::row), sums, false,
                               first + kBlock - 1);
    llvm::DenseMap<int64_t, Value> gates;
    for (auto [w, sum] : llvm::zip(group, pairs)) {
      Value &gate = gates[w.reader.before()];
      if (!gate) {
        Value own = LoadOp::create(b, loc, type, sums, false, w.reader.before());
        gate = asPlace(exp(notAbove(sub(own, spread(end, type)), bound())), Place::lhs);
      }
      Value read = toF32(loadFactor(stageOf(w.reader.part, now), tokens, keys));
      sum = product(asFactor(mul(read, gate)), late, sum, true, 0, /*apart=*/true, first,
                    kBlock);
    }
  }
  return pairs;
}

/// The same of tokens of one block, whatever their gates: blocks are halved again and
/// again.  What the second half has with the first is a product of readers since the
/// middle and writers until the middle, whose exponents are not positive.  A warp has
/// its own block; readers and writers are different rows of a tile.
Value Kernel::halve(const Weights &w) {
  Value readers = stageOf(w.reader.part, now), writers = stageOf(w.writer, now);
  Value scaled = lateTile(w.writer);
  auto part = [&](Value from, Value to, int64_t half) -> Value {
    Value p = product(loadFactor(from, tokens, keys), to, zeros(tokens, kBlock), true,
                      kBlock);
    return CrossOp::create(b, loc, p, half);
  };
  Value sum;
  for (int64_t half = kBlock / 2; half >= 1; half /= 2) {
    scaleByGates(readers, scaled, {1, 2 * half}, {w.reader.before(), half - 1}, half,
                 true);
    scaleByGates(writers, scaled, {2 * half, 1}, {half - 1, 0}, half, false);
    warpBarrier();
    Value p = part(scaled, scaled, half);
    sum = sum ? add(sum, p) : p;
    warpBarrier();
  }
  return w.reader.strict ? sum : add(sum, part(readers, writers, 0));
}

/// Pairs where the sums of the chunk's gates are far from zero, and its vectors as the
/// state takes them.
void Kernel::weighFar() {
  Value even = BoundedOp::create(b, loc, sums, tokens - 1, APFloat(bound()), kBlock);
  Value steep = negated(even);
  SmallVector<SmallVector<Weights>, 2> groups;
  for (const Weights &w : allWeights()) {
    auto *group = llvm::find_if(groups, [&](ArrayRef<Weights> g) {
      return lateTile(g[0].writer) == lateTile(w.writer);
    });
    group == groups.end() ? groups.push_back({w}) : group->push_back(w);
  }
  for (auto [n, group] : llvm::enumerate(groups)) {
    SmallVector<Value> pairs = weighBlocks(group);
    FragmentType type = fragment(tokens, kBlock, f32, Place::acc);
    auto choice = scf::IfOp::create(b, loc, SmallVector<Type>(group.size(), type), steep,
                                    /*withElse=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      // Other warps have read the rows that are overwritten.
      barrier();
      SmallVector<Value> own;
      for (const Weights &w : group)
        own.push_back(halve(w));
      scf::YieldOp::create(b, loc, own);
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, loc, SmallVector<Value>(group.size(), zeros(tokens, kBlock)));
    }
    // Pairs may lie over the sums; vectors are the last to need those.
    if (n + 1 == groups.size()) {
      barrier();
      scaleForState(false);
      barrier();
    }
    for (auto [w, all, own] : llvm::zip(group, pairs, choice.getResults())) {
      storePairs(w, all);
      when(steep, [&] { storeTile(scalePairs(w, own), memory(w.target), kBlock); });
      if (w.solved)
        invert();
    }
  }
}

void Kernel::weighPerKey() {
  SmallVector<Weights> all = allWeights();
  queryTile = stageOf(Part::queries, now);
  keyTile = lateTile(Part::keys);
  if (plan.pair) {
    rightTile = stageOf(Part::rights, now);
    leftTile = lateTile(Part::lefts);
  }
  auto tileOf = [&](Part part) {
    return part == Part::queries  ? queryTile
           : part == Part::rights ? rightTile
                                  : lateTile(part);
  };
  when(far, [&] { weighFar(); });
  // Keeps the two apart: together they need more registers than there are.
  barrier();
  when(near, [&] {
    // One anchor serves the chunk and the state.
    scaleForState(true);
    barrier();
    for (const Weights &w : all) {
      storePairs(w, product(loadFactor(tileOf(w.reader.part), tokens, keys),
                            tileOf(w.writer), zeros(tokens, tokens), true));
      if (w.solved)
        invert();
    }
  });
  barrier();
}
