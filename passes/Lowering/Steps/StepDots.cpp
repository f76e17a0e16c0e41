//===- StepDots.cpp - Products of bf16 pairs ------------------------------===//
//
// A narrow product rounds its factors to bf16 and packs them in words of two along
// the summed dimension, so that one instruction multiplies and adds both.  A word of
// the left operand is broadcast, a vector of the right one's words is loaded.
//
//===----------------------------------------------------------------------===//

#include "ProductState.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

Pairing steps::pairingOf(EinsumOp einsum, const Product &product, unsigned operand) {
  if (einsum.getTerms()[operand].front() == product.summed[0])
    return Pairing::Rows;
  return operand == product.left ? Pairing::Columns : Pairing::Transposed;
}

SmallVector<int64_t> StepEmitter::pairedShape(Value value, Pairing pairing) const {
  ArrayRef<int64_t> shape = shapeOf(value.getType());
  auto whole = [&](int64_t words) { return (words + width - 1) / width * width; };
  switch (pairing) {
  case Pairing::Columns:
    return {shape[0], whole((shape[1] + 1) / 2)};
  case Pairing::Rows:
    return {(shape[0] + 1) / 2, whole(shape[1])};
  case Pairing::Transposed:
    return {whole((shape[1] + 1) / 2), whole(shape[0])};
  }
  llvm_unreachable("covered switch");
}

/// One vector of a row, of which `count` elements exist; zero beyond them.
Value StepEmitter::halfRow(Value value, Value row, Value column, int64_t count) {
  VectorType type = vectorOf(width, b.getF32Type());
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  if (count <= 0)
    return zero;
  Value mask = maskOf(count);
  tailMask = mask;
  Value row16 = broadcast(evaluate(value, {{row, 0}, {column, 1}}), zero);
  tailMask = {};
  return mask ? arith::SelectOp::create(b, loc, mask, row16, zero).getResult() : row16;
}

/// Words of two vectors, rounded: one's pairs behind the other's, or a pair each.
Value StepEmitter::pairUp(Value first, Value second, bool interleave) {
  VectorType half = vectorOf(width, b.getBF16Type());
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < 2 * width; ++i)
    order.push_back(!interleave ? i : i / 2 + (i % 2) * width);
  Value both = vector::ShuffleOp::create(
      b, loc, arith::TruncFOp::create(b, loc, half, first).getResult(),
      arith::TruncFOp::create(b, loc, half, second).getResult(), order);
  return vector::BitCastOp::create(b, loc, vectorOf(width, b.getI32Type()), both);
}

const Access &StepEmitter::packPairs(Value value, Pairing pairing) {
  const Access &to = pairs.find({value, unsigned(pairing)})->second;
  if (!paired.insert({value, unsigned(pairing)}).second)
    return to;
  ArrayRef<int64_t> shape = shapeOf(value.getType());
  int64_t rows = shape[0], columns = shape[1];
  auto put = [&](Value words, Value row, Value column) {
    vector::StoreOp::create(b, loc, words, to.memref, ValueRange{row, column});
  };
  auto half = [&](Value index) -> Value {
    return arith::ShRUIOp::create(b, loc, index, constantIndex(1));
  };
  // `fn(at, count)` for blocks of `step`, the last one of fewer.
  auto blocks = [&](int64_t size, int64_t step,
                    llvm::function_ref<void(Value, int64_t)> fn) {
    int64_t whole = size / step * step;
    loop(b, loc, 0, whole, step, [&](Value at) { fn(at, step); });
    if (whole < size)
      fn(constantIndex(whole), size - whole);
  };
  // Words of the pairs of columns from `column` on.
  auto wordsOf = [&](Value row, Value column, int64_t count) {
    return pairUp(halfRow(value, row, column, count),
                  halfRow(value, row, plus(column, width), count - width), false);
  };
  switch (pairing) {
  case Pairing::Columns:
    loop(b, loc, 0, rows, 1, [&](Value row) {
      blocks(columns, 2 * width, [&](Value column, int64_t count) {
        put(wordsOf(row, column, count), row, half(column));
      });
    });
    break;
  case Pairing::Rows:
    blocks(rows, 2, [&](Value row, int64_t height) {
      blocks(columns, width, [&](Value column, int64_t count) {
        Value second = halfRow(value, plus(row, 1), column, height == 2 ? count : 0);
        put(pairUp(halfRow(value, row, column, count), second, true), half(row),
            column);
      });
    });
    break;
  case Pairing::Transposed: {
    auto square = VectorType::get({width, width}, b.getF32Type());
    blocks(rows, width, [&](Value row, int64_t height) {
      blocks(columns, 2 * width, [&](Value column, int64_t count) {
        Value block = arith::ConstantOp::create(b, loc, b.getZeroAttr(square));
        for (int64_t r = 0; r < height; ++r) {
          Value words = vector::BitCastOp::create(
              b, loc, vectorOf(width, b.getF32Type()),
              wordsOf(plus(row, r), column, count));
          block = vector::InsertOp::create(b, loc, words, block, r);
        }
        block = vector::TransposeOp::create(b, loc, block, ArrayRef<int64_t>{1, 0});
        for (int64_t c = 0; c < (count + 1) / 2; ++c) {
          Value words = vector::ExtractOp::create(b, loc, block, c);
          put(vector::BitCastOp::create(b, loc, vectorOf(width, b.getI32Type()), words),
              plus(half(column), c), row);
        }
      });
    });
    break;
  }
  }
  return to;
}

/// Sums of pairs of products of a tile's rows and vectors of columns.  Columns beyond
/// the last one have words, too: nothing is stored of their sums.
void StepEmitter::emitDots(ProductState &state, ArrayRef<Value> rowAt,
                           ArrayRef<Value> columnAt, SmallVectorImpl<Value> &sums) {
  int64_t depth = state.nest.sizes[state.summed[0]];
  VectorType words = vectorOf(width, b.getI32Type());
  VectorType factors = vectorOf(2 * width, b.getBF16Type());
  auto loop = scf::ForOp::create(b, loc, constantIndex(0),
                                 constantIndex((depth + 1) / 2), constantIndex(1),
                                 sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value pair = loop.getInductionVar();
  sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  SmallVector<Value> right;
  for (Value column : columnAt) {
    Value word = vector::LoadOp::create(b, loc, words, state.packed->memref,
                                        ValueRange{pair, column});
    right.push_back(vector::BitCastOp::create(b, loc, factors, word));
  }
  for (auto [r, row] : llvm::enumerate(rowAt)) {
    Value at[] = {state.leftByRows ? row : pair, state.leftByRows ? pair : row};
    Value word = memref::LoadOp::create(b, loc, state.left->memref, at);
    Value left = vector::BitCastOp::create(
        b, loc, factors, vector::BroadcastOp::create(b, loc, words, word).getResult());
    for (unsigned v = 0; v < columnAt.size(); ++v) {
      Value &total = sums[r * columnAt.size() + v];
      total = x86vector::DotBF16Op::create(b, loc, total.getType(), total, left,
                                           right[v]);
    }
  }
  scf::YieldOp::create(b, loc, sums);
  sums.assign(loop.result_begin(), loop.result_end());
}
