//===- TileChunk.cpp - One chunk of a kernel of tiles ---------------------===//
//
// Of a correction z_i = c_i r_i^T (S before i), written with the key, the values that
// are written are U = V + Z, and
//
//   U^T = (V^T + (S^T R^T) c_i exp(b_i)) (I - A)^-T
//
// by forward substitution over blocks of tokens: rows of U^T are values, so that a warp
// needs nothing of another one's.  A correction that is written with vectors of its own
// is one more sum of outer products.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Waits for the chunk's tokens and asks for the next ones.
void Kernel::arrive() {
  WaitOp::create(b, loc, 0);
  barrier();
  roundArrived();
  if (!plan.late())
    fetch(add(now, index(1)), takesTurns() ? Turn::first : Turn::all);
  valueTile = stageOf(Part::values, now);
  if (memory(Part::gates)) {
    gateTile = stageOf(Part::gates, now);
    sums = memory(Part::sums) ? memory(Part::sums) : gateTile;
    CumsumOp::create(b, loc, gateTile, sums, APFloat(kGateFloor));
    if (summing)
      barrier();
    else if (plan.perKey || plan.perValue)
      findNear();
  }
  findExist();
}

/// Tokens of the chunk that exist, where they all have one gate.
void Kernel::findExist() {
  if (!constantGate)
    return;
  Value left = sub(length, mul(now, index(tokens)));
  left = arith::MinSIOp::create(b, loc, left, index(tokens));
  exist = arith::SIToFPOp::create(
      b, loc, f32, arith::IndexCastOp::create(b, loc, b.getI32Type(), left).getResult());
}

Value Kernel::scaleOfTokens(const Scale &scale, Place place) {
  FragmentType type = place == Place::row ? fragment(1, tokens, f32, place)
                                          : fragment(tokens, 1, f32, place);
  if (scale.number)
    return splat(scale.number, type);
  Value tile = stageOf(scale.part, now);
  auto stored = cast<SharedType>(tile.getType()).getElementType();
  return toF32(LoadOp::create(b, loc, type.withElement(stored), tile, false, 0));
}

/// `over`, in f32, times a row.
Value Kernel::spreadRow(Value row, Value over) {
  Value wide = toF32(over);
  return mul(wide, spread(row, cast<FragmentType>(wide.getType())));
}

/// What a correction makes of `from`, each row for itself.
Value Kernel::solve(Value from) {
  if (!teams())
    return SubstituteOp::create(b, loc, from.getType(), from,
                                memory(Part::leftCorrections));
  Value made = product(asPlace(from, Place::lhs), stageOf(Part::inverses, now),
                       zeros(values, tokens), true, 0, /*apart=*/false);
  made.getDefiningOp<MmaOp>().setLower(true);
  return made;
}

/// What is written at each token; `reach` is what the correction reads of the state.
SmallVector<Kernel::Written> Kernel::written(Value reach) {
  Value loaded = loadFactor(valueTile, values, tokens, /*transpose=*/true), wide;
  if (writeScale) {
    wide = spreadRow(scaleOfTokens(writeScale, Place::row), loaded);
    loaded = asFactor(wide);
  }
  SmallVector<Written> all;
  if (!plan.pair || plan.apart)
    all.push_back({wide, loaded, Part::keyWeights, keyTile});
  if (!plan.pair)
    return all;
  if (pairScale)
    reach = spreadRow(scaleOfTokens(pairScale, Place::row), reach);
  if (plan.apart)
    reach = product(loaded, memory(Part::keyCorrections), reach, true);
  else
    reach = add(reach, toF32(asPlace(wide ? wide : loaded, Place::acc)));
  Value solved = solve(reach);
  all.push_back({solved, asFactor(solved),
                 plan.apart ? Part::leftWeights : Part::keyWeights, leftTile});
  return all;
}

/// What the gates after each token leave of it at the chunk's end, as a row.
Value Kernel::decayToEnd(Value total) {
  FragmentType row = fragment(1, tokens, f32, Place::row);
  return exp(notAbove(sub(splat(total, row), gateSums(Place::row, true)), 0));
}

/// Stores the chunk's results.
void Kernel::store(Value read) {
  // A warp reads and writes the same columns of the values.
  Value tile = memory(Part::results) ? memory(Part::results) : valueTile;
  Type stored = cast<SharedType>(tile.getType()).getElementType();
  StoreOp::create(b, loc, round(read, stored), tile, true, 0);
  barrier();
  SmallVector<Value> at = place(op.getOutMap(), firstToken(now));
  at.push_back(column);
  CopyOutOp::create(b, loc, tile, out, at, sub(length, mul(now, index(tokens))),
                    op.getOutMap().find(RecurrenceOp::getTimeAxis()),
                    int64_t(at.size()) - 1, op.getReverse());
}

Value Kernel::chunk(Value n, Value state) {
  bool perKey = plan.perKey, gated = scalarGate();
  now = n;
  arrive();
  perKey ? weighPerKey() : weigh();
  if (plan.perValue)
    return chunkPerValue(state);

  // What the tokens read: of the incoming state, then of each other.  With a gate for
  // each key the state decays before vectors that are near the chunk's end read it,
  // else after.
  FragmentType stateType = cast<FragmentType>(state.getType());
  auto decayIf = [&](Value condition) {
    FragmentType keyRow = fragment(1, keys, f32, Place::row);
    Value total = LoadOp::create(b, loc, keyRow, sums, false, tokens - 1);
    Value sum = arith::SelectOp::create(b, loc, condition, total,
                                        splat(number(0), keyRow));
    state = mul(state, spread(exp(sum), stateType));
  };
  if (perKey)
    decayIf(near);
  Value factor = asFactor(state);
  auto reach = [&](Value tile, bool inclusive) {
    Value of = product(factor, tile, zeros(values, tokens), true);
    return gated ? spreadRow(exp(gateSums(Place::row, inclusive)), of) : of;
  };
  // Fewer registers are alive if queries come after the correction.
  Value read, corrected;
  (plan.pair ? corrected : read) = plan.pair
                                       ? reach(rightTile, op.getPairDecayed()[0])
                                       : reach(queryTile, op.getReadAfter()[0]);
  if (!perKey)
    barrier();
  SmallVector<Written> all = written(corrected);
  if (plan.pair)
    read = reach(queryTile, op.getReadAfter()[0]);
  for (Written &w : all)
    read = product(w.factor, memory(w.weights), read, true, 0, /*apart=*/!perKey);
  if (readScale)
    read = spreadRow(scaleOfTokens(readScale, Place::row), read);
  if (perKey)
    decayIf(far);
  if (plan.late()) {
    // All that is left to read are vectors that are written, times gates.
    barrier();
    fetch(add(now, index(1)));
  }

  // The state after the chunk.
  if (gated) {
    Value total = gateTotal(), decay = decayToEnd(total);
    for (Written &w : all) {
      w.factor = asFactor(spreadRow(decay, w.wide ? w.wide : w.factor));
    }
    state = mul(state, splat(exp(total), stateType));
  }
  for (Written &w : all)
    state = product(w.factor, w.tile, state, false);
  if (out)
    store(read);
  return state;
}
