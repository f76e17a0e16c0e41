//===- TileParts.cpp - Blocks that have parts of a sequence ---------------===//
//
// Where sequences times slices of values are fewer than the blocks that a machine runs
// at once, each is split.  A part makes of the state S before it
//
//   exp(g) S + A,     g the sum of its log gates, A the state that it makes of zero
//
// which a first launch computes of every part but the last: of keys, values and gates
// alone.  A block of the second launch starts with what the parts before its own make of
// the initial state, one after the other.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Fewer parts take as long as one: the first launch and blocks that share a
/// multiprocessor cost what is won.
static constexpr int64_t kLeastParts = 3;
/// Every block reads what the parts before its own made.
static constexpr int64_t kMostParts = 32;
static constexpr int64_t kLeastChunks = 8;

/// What a correction makes of a state is more than a factor of each of its rows.
bool Kernel::canSplit() {
  return gpu && !plan.pair && !segments && !op->hasAttr("seqc.split");
}

std::pair<Value, Value> Kernel::chunksOfPart() {
  Value first = index(0), chunks = arith::CeilDivUIOp::create(b, loc, length, index(tokens));
  if (!parts)
    return {first, chunks};
  first = mul(part, perPart);
  return {first, arith::MinUIOp::create(b, loc, add(first, perPart), chunks)};
}

/// Chooses how many parts `blocks` have each, and launches the kernel that sums them up.
void Kernel::split(Value blocks) {
  // Registers are enough for two blocks.
  int64_t fit = std::clamp<int64_t>(gpu->sharedBytes / (plan.bytes() + 1024), 1, 2);
  Value one = index(1), sequenceTokens = sizes.lookup(RecurrenceOp::getTimeAxis());
  Value chunks = arith::CeilDivUIOp::create(b, loc, sequenceTokens, index(tokens));
  Value wanted = arith::DivUIOp::create(b, loc, index(gpu->sms * fit),
                                        arith::MaxUIOp::create(b, loc, blocks, one));
  wanted = arith::MinUIOp::create(
      b, loc, wanted, arith::DivUIOp::create(b, loc, chunks, index(kLeastChunks)));
  wanted = arith::MinUIOp::create(b, loc, wanted, index(kMostParts));
  Value enough = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, wanted,
                                       index(kLeastParts));
  parts = arith::SelectOp::create(b, loc, enough, wanted, one);
  perPart = arith::CeilDivUIOp::create(b, loc, chunks, parts);

  Value before = sub(parts, one);
  Value count = mul(arith::DivUIOp::create(b, loc, blocks, index(slices())), before);
  int64_t dynamic = ShapedType::kDynamic;
  auto states = MemRefType::get({dynamic, op.keySize(), op.valueSize()}, f32);
  added = memref::AllocOp::create(b, loc, states, count);
  if (op.numGates())
    kept = memref::AllocOp::create(
        b, loc, scalarGate() ? MemRefType::get({dynamic}, f32) : states, count);

  // It has no queries.
  Plan whole = plan;
  for (Part unused : {Part::queries, Part::readScales, Part::keyWeights,
                      Part::results, Part::decays}) {
    plan.parts[unsigned(unused)] = {};
    plan.wide[unsigned(unused)] = {};
  }
  summing = true;
  launch(mul(blocks, before), [&](Value block) { summary(block); });
  summing = false;
  plan = whole;
}

/// The state after a chunk, and the sum of its log gates: a number, or a row or column of
/// the state.
std::pair<Value, Value> Kernel::summaryChunk(Value n, Value state) {
  now = n;
  arrive();
  keyTile = stageOf(Part::keys, now);
  auto stateType = cast<FragmentType>(state.getType());
  int64_t last = tokens - 1;
  Value source = valueTile, total;
  if (plan.perKey || plan.perValue) {
    Part target = plan.perKey ? Part::scaledKeys : Part::scaledValues;
    Value &scaled = plan.perKey ? keyTile : source;
    scaleByGates(scaled, memory(target), {tokens, 1}, {last, 0});
    scaled = memory(target);
    barrier();
    total = LoadOp::create(b, loc,
                           plan.perKey ? fragment(1, keys, f32, Place::row)
                                       : fragment(values, 1, f32, Place::col),
                           sums, false, last);
    state = mul(state, spread(exp(total), stateType));
  }
  Value factor = loadFactor(source, values, tokens, /*transpose=*/true);
  if (writeScale)
    factor = spreadRow(scaleOfTokens(writeScale, Place::row), factor);
  if (scalarGate()) {
    total = gateTotal();
    Value left = sub(splat(total, fragment(1, tokens, f32, Place::row)),
                     gateSums(Place::row, true));
    factor = spreadRow(exp(notAbove(left, 0)), factor);
    state = mul(state, splat(exp(total), stateType));
  }
  return {product(round(factor, element), keyTile, state, false), total};
}

/// The code of the kernel that sums up parts.
void Kernel::summary(Value block) {
  Value before = sub(parts, index(1));
  enter(block, before);
  numberOf(writeScale);
  Value state = zeros(values, keys), zero = number(0);
  SmallVector<Value> inits = {state};
  if (scalarGate())
    inits.push_back(zero);
  else if (op.numGates())
    inits.push_back(splat(zero, plan.perKey ? fragment(1, keys, f32, Place::row)
                                            : fragment(values, 1, f32, Place::col)));
  auto [first, last] = chunksOfPart();
  fetch(first);
  auto nest = scf::ForOp::create(b, loc, first, last, index(1), inits);
  b.setInsertionPointToStart(nest.getBody());
  auto [next, total] = summaryChunk(nest.getInductionVar(), nest.getRegionIterArg(0));
  SmallVector<Value> yielded = {next};
  if (total)
    yielded.push_back(add(nest.getRegionIterArg(1), total));
  scf::YieldOp::create(b, loc, yielded);
  b.setInsertionPointAfter(nest);
  WaitOp::create(b, loc, 0);
  Value n = add(mul(sequence, before), part);
  SmallVector<Value> at = {n, index(0), column};
  write(nest.getResult(0), added, at);
  if (!kept)
    return;
  Value left = exp(nest.getResult(1));
  if (scalarGate())
    memref::StoreOp::create(b, loc, left, kept, n);
  else
    write(spread(left, cast<FragmentType>(state.getType())), kept, at);
}

/// What the parts before the block's make of a state.
Value Kernel::incoming(Value state) {
  Value before = sub(parts, index(1)), zero = index(0);
  auto type = cast<FragmentType>(state.getType());
  auto nest = scf::ForOp::create(b, loc, zero, part, index(1), ValueRange{state});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(nest.getBody());
  Value n = add(mul(sequence, before), nest.getInductionVar());
  SmallVector<Value> at = {n, zero, column};
  auto load = [&](Value buffer) -> Value {
    return ReadOp::create(b, loc, type, buffer, at, /*transpose=*/true);
  };
  Value next = nest.getRegionIterArg(0);
  if (kept)
    next = mul(next, scalarGate() ? splat(memref::LoadOp::create(b, loc, kept, n), type)
                                  : load(kept));
  scf::YieldOp::create(b, loc, add(next, load(added)).getDefiningOp()->getResults());
  return nest.getResult(0);
}
