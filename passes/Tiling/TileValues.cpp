//===- TileValues.cpp - A chunk with a gate for each value ----------------===//
//
// Of a state whose columns have gates of their own a token reads
//
//   o_i = e^(b_i) * (S^T q_i) + sum over j <= i of (q_i . k_j) e^(b_i - b_j) * v_j
//
// so pairs of tokens are without gates, and the exponentials are with values that are
// written and with what is read.  Where no sum is far from zero, values times
// e^(b_C - b_j) and results times e^(b_i - b_C) serve all tokens; else blocks of tokens are halved again and again, as with a gate for
// each key: no exponent is positive.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Values of a tile as a left factor, times the scale of what is written.
Value Kernel::writtenOf(Value tile) {
  Value loaded = loadFactor(tile, values, tokens, /*transpose=*/true);
  if (!writeScale)
    return loaded;
  return asFactor(spreadRow(scaleOfTokens(writeScale, Place::row), loaded));
}

/// What is read, times what the gates leave of it.
Value Kernel::decayed(Value read) {
  Value left = LoadOp::create(b, loc, cast<FragmentType>(read.getType()),
                              memory(Part::decays), /*transpose=*/true, 0);
  return mul(read, left);
}

/// What tokens read, given what they read of the state, where a sum is far from zero.
Value Kernel::readPerValue(Value read) {
  Value scaled = memory(Part::scaledValues), weights = memory(Part::keyWeights);
  int64_t before = op.getReadAfter()[0] ? 0 : -1;
  auto pairs = [&](int64_t half) {
    Value all = product(loadFactor(queryTile, tokens, keys), keyTile,
                        zeros(tokens, tokens), true);
    storeTile(CrossOp::create(b, loc, all, half), weights);
  };
  scaleByGates({}, memory(Part::decays), {1}, {before});
  barrier();
  read = decayed(read);
  for (int64_t half = tokens / 2; half >= 1; half /= 2) {
    barrier();
    pairs(half);
    scaleByGates(valueTile, scaled, {2 * half, 1}, {half - 1, 0});
    scaleByGates({}, memory(Part::decays), {1, 2 * half}, {before, half - 1});
    barrier();
    Value part = product(writtenOf(scaled), weights, zeros(values, tokens), true);
    read = add(read, decayed(part));
    // Left to the last of them, the sums would need all parts at once.
    read.getDefiningOp()->setAttr(staysAttr, b.getUnitAttr());
  }
  if (before)
    return read;
  // A token's own values.
  barrier();
  pairs(0);
  barrier();
  return product(writtenOf(valueTile), weights, read, true);
}

Value Kernel::chunkPerValue(Value state) {
  int64_t last = tokens - 1, before = op.getReadAfter()[0] ? 0 : -1;
  Value scaled = memory(Part::scaledValues);
  // What the chunk leaves of a row of the state, or of what is read of it.
  auto left = [&](Value rows) {
    FragmentType valueColumn = fragment(values, 1, f32, Place::col);
    Value total = LoadOp::create(b, loc, valueColumn, sums, false, last);
    return mul(rows, spread(exp(total), cast<FragmentType>(rows.getType())));
  };
  // Values that are left at the chunk's end.
  auto scaleValues = [&] { scaleByGates(valueTile, scaled, {tokens, 1}, {last, 0}); };

  Value read = product(asFactor(state), queryTile, zeros(values, tokens), true);
  auto choice =
      scf::IfOp::create(b, loc, TypeRange{read.getType()}, near, /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scaleValues();
    scaleByGates({}, memory(Part::decays), {1, tokens}, {before, last}, 0, false,
                 /*clamp=*/false);
    barrier();
    Value all = product(writtenOf(scaled), memory(Part::keyWeights), left(read), true);
    scf::YieldOp::create(b, loc, decayed(all));
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, loc, readPerValue(read));
  }
  read = choice.getResult(0);
  if (readScale)
    read = spreadRow(scaleOfTokens(readScale, Place::row), read);
  when(far, [&] {
    barrier();
    scaleValues();
    barrier();
  });
  state = product(writtenOf(scaled), keyTile, left(state), false);
  if (out)
    store(read);
  return state;
}
