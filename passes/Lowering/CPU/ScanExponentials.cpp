//===- ScanExponentials.cpp - Blocks of a scan that adds exponentials -----===//
//
// What log(exp(l) + exp(r)) combines are logarithms of sums.  A block keeps the sums: with an
// anchor a, a prefix is a + log(s), and s a prefix sum of exp(x - a), one exponential and one
// logarithm an element and additions between them.  The anchor is an earlier prefix, so that
// no s is below 1; a block of which an element is far above it is combined as the region
// says, and its total is the next anchor.  So are infinite values and NaN.
//
//===----------------------------------------------------------------------===//

#include "BoundedMath.h"
#include "ScanBlocks.h"

#include "../Steps/ScalarBlock.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace seqc;
using namespace seqc::cpu;
using namespace seqc::steps;

/// How far above the anchor an element may be: a group's sums stay below exp(32) 2^15, and
/// their logarithms are within 42, with an error of 4e-6 at most.
static constexpr double kAbove = 32;

Blocks::Tuple Blocks::exponentialState(Value total) {
  return {total, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1))};
}

Value Blocks::exponentialTotal(Value anchor, Value sum) {
  auto log = math::LogOp::create(b, loc, sum);
  log->setAttr(kBounded, b.getUnitAttr());
  return arith::AddFOp::create(b, loc, anchor, log);
}

Blocks::Tuple Blocks::exponentialBlock(Value time, Value limit, const Tuple &state) {
  auto number = [&](double v) -> Value {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v));
  };
  auto add = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, loc, x, y); };
  Value anchor = state[0];
  Value most = broadcast({add(anchor, number(kAbove))})[0];
  SmallVector<Value> rows, starts, masks;
  Value beyond;
  for (int64_t r = 0; r < width; ++r) {
    starts.push_back(plus(time, r * width));
    masks.push_back(limit ? maskAt(starts[r], limit) : Value());
    rows.push_back(load(0, starts[r], masks[r]));
    // True of NaN as well.
    Value far = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGT, rows[r], most);
    beyond = beyond ? arith::OrIOp::create(b, loc, beyond, far).getResult() : far;
  }
  Value any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, beyond);
  Value finite = arith::CmpFOp::create(
      b, loc, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, anchor).getResult(),
      number(std::numeric_limits<double>::infinity()));
  Value sums = arith::SelectOp::create(
      b, loc, any, arith::ConstantOp::create(b, loc, b.getBoolAttr(false)).getResult(), finite);
  auto choice = scf::IfOp::create(b, loc, TypeRange(ValueRange(state)), sums,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  SmallVector<int64_t> lastLane(width, width - 1);
  Value anchors = broadcast({anchor})[0], base = broadcast({state[1]})[0], earlier;
  for (int64_t r = 0; r < width; ++r) {
    auto exp = math::ExpOp::create(
        b, loc, arith::SubFOp::create(b, loc, rows[r], anchors).getResult());
    exp->setAttr(kBounded, b.getUnitAttr());
    Value row = acrossLanes({exp.getResult()}, width, [&](const Tuple &x, const Tuple &y) {
      return Tuple{add(x[0], y[0])};
    })[0];
    if (outs[0])
      store(0, starts[r], masks[r],
            exponentialTotal(anchors, add(r ? add(base, earlier) : base, row)));
    Value all = vector::ShuffleOp::create(b, loc, row, row, lastLane);
    earlier = r ? add(earlier, all) : all;
  }
  scf::YieldOp::create(b, loc, ValueRange{anchor, extract({add(base, earlier)}, 0)[0]});
  b.setInsertionPointToStart(choice.elseBlock());
  Tuple before = {exponentialTotal(anchor, state[1])};
  Tuple all = combine(before, block(time, limit, before));
  scf::YieldOp::create(b, loc, exponentialState(all[0]));
  return Tuple(choice.getResults());
}
