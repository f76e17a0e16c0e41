//===- TileTriangles.cpp - Triangular systems of equations ----------------===//

#include "TileLanes.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc::tile;

/// Rows and columns of a block that is inverted as a whole.
static constexpr int64_t kBlock = 16;

void Lanes::invert(InvertOp op) {
  SharedType type = op.getTile().getType();
  Value tile = tiles.lookup(op.getTile());
  Type f32 = b.getF32Type();
  int64_t blocks = type.rows() / (threads / 32) / kBlock;
  // Half a warp has a block, a lane a column of the inverse.
  Value lane = opaque(this->lane), half = div(lane, kBlock), col = rem(lane, kBlock);
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value one = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1));
  auto four = VectorType::get({4}, f32);
  for (int64_t first = 0; first < blocks; first += 2) {
    // Of a last block without neighbour the second half computes the same.
    bool alone = first + 1 == blocks;
    Value row = add(mul(warp, blocks), first);
    row = mul(alone ? row : add(row, half), kBlock);
    Value rows = place(type, tile, row, row);
    // Sums of a row take columns from the left; all rows take four columns before the
    // next four, so that no chain of sums waits for itself.
    Scalars sums(kBlock, zero), inverse(kBlock);
    for (int64_t k = 0; k < kBlock; k += 4)
      for (int64_t i = k; i < kBlock; ++i) {
        if (i > k) {
          Value a = load(four, at(rows, type.offset(i, k)), 16);
          for (int64_t m = k; m < std::min(k + 4, i); ++m)
            sums[i] = LLVM::FMAOp::create(
                b, loc, vector::ExtractOp::create(b, loc, a, m - k), inverse[m], sums[i]);
        }
        if (i >= k + 4)
          continue;
        Value diagonal =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, col, i32(i));
        inverse[i] =
            arith::AddFOp::create(b, loc, sums[i], select(diagonal, one, zero));
      }
    // The block is overwritten when all of the warp have read it.
    NVVM::SyncWarpOp::create(b, loc, i32(-1));
    Value column = at(rows, mul(col, type.elementBytes()));
    auto write = [&] {
      for (int64_t i = 0; i < kBlock; ++i)
        store(sums[i], at(column, type.offset(i, 0)), 4);
    };
    alone ? when(less(half, i32(1)), write) : write();
  }
}

Value Lanes::roundTf32(Value x) {
  // cvt.rna is some six instructions.  Bits that tf32 lacks are dropped; before that, x
  // grows by what they are in the mean: no bit of it if x is a tf32 already, or not finite.
  Type word = b.getI32Type();
  Value more = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1 + 0x1.6ap-12f));
  Value grown = LLVM::BitcastOp::create(b, loc, word, arith::MulFOp::create(b, loc, x, more));
  return both(grown, i32(-(1 << 13)));
}

void Lanes::substitute(SubstituteOp op) {
  FragmentType type = op.getValue().getType();
  SharedType from = op.getFactor().getType();
  Type f32 = b.getF32Type();
  Scalars sum = fragments.lookup(op.getValue());
  int64_t pieces = type.rowPieces(), columns = type.cols() / 8;
  auto two = VectorType::get({2}, f32);
  auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
  // Depth is permuted: number c of eight is column 2c of an accumulator, c + 4 the one
  // after it, so that accumulators are left factors as they are.
  Value lanePlace = place(from, tiles.lookup(op.getFactor()), opaque(group), mul(quad, 2));
  auto piece = [&](int64_t m, int64_t n) {
    return MutableArrayRef<Value>(sum).slice((m * columns + n) * 4, 4);
  };
  auto factor = [&](int64_t m, int64_t n) {
    Scalars result;
    for (int64_t e : {0, 2, 1, 3})
      result.push_back(roundTf32(piece(m, n)[e]));
    return result;
  };
  /// Adds to column pieces n and n + 1 the product of two pieces of depth from `k` on.
  auto add = [&](int64_t n, int64_t k, ArrayRef<SmallVector<Scalars>> left) {
    for (int64_t half : {0, 1})
      for (int64_t d : {0, 1}) {
        Value pair = load(two, at(lanePlace, from.offset((n + half) * 8, (k + d) * 8)), 8);
        Scalars words;
        for (int64_t e : {0, 1})
          words.push_back(roundTf32(vector::ExtractOp::create(b, loc, pair, e)));
        for (int64_t m = 0; m < pieces; ++m) {
          MutableArrayRef<Value> out = piece(m, n + half);
          Value made = NVVM::MmaOp::create(
              b, loc, four, left[m][d], words, ValueRange(out),
              ArrayRef<int64_t>{16, 8, 8}, std::nullopt, std::nullopt,
              std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::tf32, NVVM::MMATypes::tf32},
              std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
          for (int64_t i = 0; i < 4; ++i)
            out[i] = LLVM::ExtractValueOp::create(b, loc, made, i);
        }
      }
  };
  auto factors = [&](int64_t k) {
    SmallVector<SmallVector<Scalars>> result;
    for (int64_t m = 0; m < pieces; ++m)
      result.push_back({factor(m, k), factor(m, k + 1)});
    return result;
  };
  // A block of columns is complete: its own block, then what later ones get of it.
  for (int64_t k = 0; k < columns; k += 2) {
    add(k, k, factors(k));
    if (k + 2 == columns)
      break;
    auto solved = factors(k);
    for (int64_t n = k + 2; n < columns; n += 2)
      add(n, k, solved);
  }
  // Else the assembler starts the next product's loads early.
  NVVM::SyncWarpOp::create(b, loc, i32(-1));
  fragments[op.getResult()] = sum;
}
