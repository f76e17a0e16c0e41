//===- TileSeen.cpp - Products in which a row sees some rows alone --------===//

#include "TileLanes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc::tile;

/// Two elements of 16 bits at once: of one that is not finite all bits of the exponent
/// are set, and one more carries into its sign.
void Lanes::finite(FiniteOp op) {
  SharedType type = op.getSource().getType();
  Value tile = tiles.lookup(op.getSource());
  bool half = type.getElementType().isF16();
  int64_t exponent = half ? 0x7c007c00 : 0x7f807f80, one = half ? 0x04000400 : 0x00800080;
  int64_t units = type.cols() / 8, count = type.rows() * units;
  int64_t together = std::min<int64_t>(8, llvm::divideCeil(count, 32));
  auto words = VectorType::get({4}, b.getI32Type());
  auto found = scf::ForOp::create(b, loc, i32(0), i32(count), i32(32 * together),
                                  ValueRange{i32(0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(found.getBody());
    Value carries = found.getRegionIterArgs()[0];
    for (int64_t n = 0; n < together; ++n) {
      // A lane beyond the end looks at the last unit.
      Value unit = arith::MinUIOp::create(
          b, loc, add(add(found.getInductionVar(), lane), 32 * n), i32(count - 1));
      Value pointer = place(type, tile, div(unit, units), mul(rem(unit, units), 8));
      Value loaded = load(words, pointer, 16);
      for (int64_t w = 0; w < 4; ++w) {
        Value bits = both(vector::ExtractOp::create(b, loc, loaded, w), i32(exponent));
        carries = arith::OrIOp::create(b, loc, carries, add(bits, one));
      }
    }
    scf::YieldOp::create(b, loc, carries);
  }
  Value signs = both(found.getResult(0), i32(int32_t(0x80008000)));
  Value fine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, signs, i32(0));
  Value all = NVVM::VoteSyncOp::create(b, loc, b.getI1Type(), i32(-1), fine,
                                       NVVM::VoteSyncKind::all);
  stands(op.getResult(), all);
}

/// One row of `b` after the other: its element of `a` comes from the lane that has it.
void Lanes::addSeen(AddSeenOp op) {
  FragmentType a = op.getA().getType(), c = op.getC().getType();
  SharedType from = op.getB().getType();
  Value tile = tiles.lookup(op.getB());
  Type element = a.getElementType(), f32 = b.getF32Type();
  const Scalars first = fragments.lookup(op.getFrom()), last = fragments.lookup(op.getTo());
  Scalars factor = words(fragments.lookup(op.getA()));
  for (Value &word : factor)
    word = LLVM::BitcastOp::create(b, loc, b.getI32Type(), word);
  int64_t pieces = c.rowPieces(), columns = c.cols() / 8, depth = a.cols() / 8;
  auto rows = scf::ForOp::create(b, loc, i32(0), i32(a.cols()), i32(1),
                                 fragments.lookup(op.getC()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  Value k = rows.getInductionVar(), number = arith::SIToFPOp::create(b, loc, f32, k);
  Value piece = div(k, 8), owner = add(mul(group, 4), rem(div(k, 2), 4));
  Value shift = mul(rem(k, 2), 16);
  // By rows of a lane: what it weighs, and whether it counts.
  Scalars weights, seen;
  for (int64_t m = 0; m < pieces; ++m)
    for (int64_t half = 0; half < 2; ++half) {
      auto word = [&](int64_t p) { // of a piece of 8 columns
        return factor[(m * depth / 2 + p / 2) * 4 + p % 2 * 2 + half];
      };
      Value chosen = word(0);
      for (int64_t p = 1; p < depth; ++p)
        chosen = select(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, piece,
                                              i32(p)),
                        word(p), chosen);
      chosen = gpu::ShuffleOp::create(b, loc, chosen, owner, i32(32), gpu::ShuffleMode::IDX)
                   .getShuffleResult();
      Value bits = arith::TruncIOp::create(
          b, loc, b.getI16Type(), arith::ShRUIOp::create(b, loc, chosen, shift).getResult());
      weights.push_back(arith::ExtFOp::create(
          b, loc, f32, arith::BitcastOp::create(b, loc, element, bits).getResult()));
      auto compare = [&](arith::CmpFPredicate predicate, Value x, Value y) -> Value {
        return arith::CmpFOp::create(b, loc, predicate, x, y);
      };
      seen.push_back(
          both(compare(arith::CmpFPredicate::OLE, first[m * 2 + half], number),
               compare(arith::CmpFPredicate::OLT, number, last[m * 2 + half])));
    }
  Scalars sum(rows.getRegionIterArgs());
  auto pair = VectorType::get({2}, element);
  for (int64_t n = 0; n < columns; ++n) {
    Value values = load(pair, place(from, tile, k, accCol(n, 0)), 4);
    for (int64_t r = 0; r < 2; ++r) {
      Value x = arith::ExtFOp::create(
          b, loc, f32, vector::ExtractOp::create(b, loc, values, r).getResult());
      for (int64_t row = 0; row < pieces * 2; ++row) {
        Value &old = sum[(row / 2 * columns + n) * 4 + row % 2 * 2 + r];
        old = select(seen[row], math::FmaOp::create(b, loc, weights[row], x, old), old);
      }
    }
  }
  scf::YieldOp::create(b, loc, sum);
  fragments[op.getResult()] = Scalars(rows.getResults());
}
