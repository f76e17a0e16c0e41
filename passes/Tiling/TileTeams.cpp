//===- TileTeams.cpp - Blocks whose warps are two teams -------------------===//
//
// What a chunk's tokens read of each other does not depend on the state.  One team of
// warps computes it for the next chunk, pairs of tokens and the inverse T = (I - A)^-1 of
// the correction's system, while the other, which has the state, uses what is known of
// this one:
//
//   U^T = (V^T + (S^T R^T) c_i exp(b_i)) T^T
//
// so that its chain is products alone.  The first team also asks for tokens: of keys
// those of the chunk after the next, for it reads them a chunk earlier.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// What `count` of the warps do.
void Kernel::team(int64_t count, int64_t first, int64_t registers,
                  llvm::function_ref<void()> body) {
  auto op = TeamOp::create(b, loc, count, first, b.getI64IntegerAttr(registers));
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&op.getBody());
  int64_t all = warps;
  warps = count;
  body();
  warps = all;
}

/// The tiles of a chunk that is prepared, or being prepared.
void Kernel::findTiles(Value chunk) {
  now = chunk;
  valueTile = stageOf(Part::values, now);
  if (memory(Part::gates)) {
    gateTile = stageOf(Part::gates, now);
    sums = stageOf(Part::sums, now);
  }
  findExist();
  queryTile = stageOf(Part::queries, now);
  keyTile = stageOf(Part::keys, now);
  rightTile = stageOf(Part::rights, now);
  leftTile = stageOf(Part::lefts, now);
}

/// Prepares a chunk whose keys and queries have arrived.
void Kernel::prepare(Value chunk) {
  findTiles(chunk);
  fetch(now, Turn::values);
  fetch(add(now, index(1)), Turn::tokens);
  CommitOp::create(b, loc);
  if (memory(Part::gates))
    CumsumOp::create(b, loc, gateTile, sums, APFloat(kGateFloor));
  weigh();
  barrier();
  // Rows of X (I - A)^T = I are columns of the inverse.
  FragmentType square = fragment(tokens, tokens, f32, Place::acc);
  Value unit = CrossOp::create(b, loc, splat(number(1), square), 0);
  Value inverse =
      SubstituteOp::create(b, loc, square, unit, memory(Part::leftCorrections));
  StoreOp::create(b, loc, inverse, stageOf(Part::inverses, now), /*transpose=*/true, 0);
  WaitOp::create(b, loc, 0);
}

/// A factor that is rounded where it is made, and not where it is used.
Value Kernel::here(Value factor) {
  Operation *made = factor.getDefiningOp();
  while (!isa<CastOp>(made))
    made = made->getOperand(0).getDefiningOp();
  made->setAttr(staysAttr, b.getUnitAttr());
  return factor;
}

/// The state after a chunk that is prepared; stores what is read.  The state comes before
/// what queries read: of values that are written only factors are alive then.
Value Kernel::use(Value state) {
  bool gated = scalarGate();
  auto reach = [&](Value factor, Value tile, bool inclusive) {
    Value of = product(factor, tile, zeros(values, tokens), true);
    return gated ? spreadRow(exp(gateSums(Place::row, inclusive)), of) : of;
  };
  Value factor = here(asFactor(state));
  Value corrected = reach(factor, rightTile, op.getPairDecayed()[0]);
  Written u = written(corrected).front();
  Value later = here(u.factor);
  if (gated) {
    Value total = gateTotal();
    later = here(asFactor(spreadRow(decayToEnd(total), u.wide)));
    state = mul(state, splat(exp(total), cast<FragmentType>(state.getType())));
  }
  state = product(later, u.tile, state, false);
  Value read = reach(factor, queryTile, op.getReadAfter()[0]);
  read = product(u.factor, stageOf(u.weights, now), read, true);
  if (readScale)
    read = spreadRow(scaleOfTokens(readScale, Place::row), read);
  if (out)
    store(read);
  return state;
}

/// The kernel's code, by teams.
void Kernel::bodyOfTeams(Value block) {
  enter(block, {});
  for (Scale *scale : {&writeScale, &readScale, &pairScale})
    numberOf(*scale);
  int64_t preparing = plan.preparing();
  Value zero = index(0), one = index(1);
  auto rowsOf = [&](AxesAttr map) {
    SmallVector<Value> at = place(map);
    at.append({zero, column});
    return at;
  };
  Value chunks = arith::CeilDivUIOp::create(b, loc, length, index(tokens));
  // A state and the factors that it is used with need a few more than pairs of tokens: one
  // step more for each thread that uses, taken from those that prepare.
  int64_t each = kRegisters / (32 * (preparing + warps)) / 8 * 8;
  int64_t less = each - llvm::divideCeil(warps, preparing) * 8;
  team(preparing, 0, less, [&] {
    fetch(zero, Turn::tokens);
    CommitOp::create(b, loc);
    WaitOp::create(b, loc, 0);
    meet();
    prepare(zero);
    meet();
    auto nest = scf::ForOp::create(b, loc, zero, chunks, one);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(nest.getBody());
    prepare(add(nest.getInductionVar(), one));
    meet();
  });
  team(warps, preparing, each + 8, [&] {
    Value state = zeros(values, keys);
    if (initial)
      state = ReadOp::create(b, loc, state.getType(), initial, rowsOf(op.initial().map),
                             /*transpose=*/true);
    meet();
    meet();
    auto nest = scf::ForOp::create(b, loc, zero, chunks, one, ValueRange{state});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(nest.getBody());
      findTiles(nest.getInductionVar());
      Value next = use(nest.getRegionIterArg(0));
      meet();
      scf::YieldOp::create(b, loc, next);
    }
    if (final)
      write(nest.getResult(0), final, rowsOf(op.getFinalMap()));
  });
}
