//===- TileMatrices.cpp - Fragments in shared memory, and their products --===//

#include "TileLanes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc::tile;

Value Lanes::load(Type type, Value pointer, unsigned align) {
  return LLVM::LoadOp::create(b, loc, type, pointer, align);
}

void Lanes::store(Value value, Value pointer, unsigned align) {
  LLVM::StoreOp::create(b, loc, value, pointer, align);
}

Value Lanes::pack(Value x, Value y) {
  Value pair = vector::FromElementsOp::create(
      b, loc, VectorType::get({2}, x.getType()), ValueRange{x, y});
  // PTX has a register type for pairs of f16, and none for pairs of bf16.
  if (x.getType().isF16())
    return pair;
  return LLVM::BitcastOp::create(b, loc, b.getI32Type(), pair);
}

std::pair<Value, Value> Lanes::unpack(Value pair, Type element) {
  Value v = LLVM::BitcastOp::create(b, loc, VectorType::get({2}, element), pair);
  return {vector::ExtractOp::create(b, loc, v, 0), vector::ExtractOp::create(b, loc, v, 1)};
}

Value Lanes::matrixPlace(SharedType type, bool across) {
  Value lane = opaque(this->lane), part = div(lane, 8);
  Value row = add(rem(lane, 8), mul(across ? div(part, 2) : rem(part, 2), 8));
  Value unit = across ? rem(part, 2) : div(part, 2);
  return add(mul(row, type.rowBytes()), mul(unit, type.unitBytes()));
}

Scalars Lanes::loadMatrices(Value pointer, bool transpose) {
  Type word = b.getI32Type();
  auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), {word, word, word, word});
  Value loaded = NVVM::LdMatrixOp::create(
      b, loc, four, pointer, 4,
      transpose ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  Scalars result;
  for (int64_t i = 0; i < 4; ++i)
    result.push_back(LLVM::ExtractValueOp::create(b, loc, loaded, i));
  return result;
}

void Lanes::loadFragment(LoadOp op) {
  FragmentType type = op.getResult().getType();
  SharedType from = op.getSource().getType();
  Value tile = tiles.lookup(op.getSource());
  Scalars &result = fragments[op.getResult()];
  Type element = type.getElementType();
  unsigned align = from.elementBytes();
  switch (type.getPlace()) {
  case Place::row:
  case Place::col:
    for (int64_t i = 0; i < type.laneElements(); ++i) {
      Value n = type.getPlace() == Place::row ? accCol(i / 2, i % 2)
                                              : accRow(type, i / 2, i % 2 * 2);
      if (from.cols() > 1) {
        result.push_back(load(element, place(from, tile, i32(op.getFirst()), n), align));
        continue;
      }
      result.push_back(load(element, place(from, tile, add(n, op.getFirst()), i32(0)),
                            align));
    }
    return;
  case Place::acc: {
    Value row = opaque(accRow(type, 0, 0)), col = accCol(0, 0);
    bool transpose = op.getTranspose();
    // Of rows from the one above on, the first does not exist.
    int64_t shift = op.getFirst();
    Value exists, zero;
    if (shift) {
      exists = less(i32(0), row);
      row = select(exists, add(row, shift), i32(0));
      zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    }
    Value first = transpose ? place(from, tile, col, row) : place(from, tile, row, col);
    Value next = first; // rows that exist in any case
    if (shift)
      next = place(from, tile, add(opaque(accRow(type, 0, 0)), 8 + shift), col);
    for (int64_t m = 0; m < type.rowPieces(); ++m)
      for (int64_t n = 0; n < type.cols() / 8; ++n)
        for (int64_t r = 0; r < 4; ++r) {
          int64_t down = m * 16 + r / 2 * 8, along = n * 8 + r % 2;
          if (transpose) {
            result.push_back(load(element, at(first, from.offset(along, down)), align));
            continue;
          }
          if (r % 2)
            continue;
          // Neighbours in a row lie together.
          bool top = shift && down == 0;
          Value start = shift && !top ? next : first;
          Value pair = load(VectorType::get({2}, element),
                            at(start, from.offset(shift && !top ? down - 8 : down, along)),
                            2 * align);
          for (int64_t e : {0, 1}) {
            Value x = vector::ExtractOp::create(b, loc, pair, e);
            result.push_back(top ? select(exists, x, zero) : x);
          }
        }
    return;
  }
  case Place::lhs: {
    // A 16 x 16 piece in the four parts that mma takes: rows first.
    bool transpose = op.getTranspose();
    Value lanePlace = at(tile, matrixPlace(from, /*across=*/transpose));
    Value first = mul(warp, type.rowPieces() * 16);
    lanePlace = at(lanePlace, mul(first, transpose ? from.unitBytes() / 8
                                                   : from.rowBytes()));
    for (int64_t m = 0; m < type.rowPieces(); ++m)
      for (int64_t k = 0; k < type.cols() / 16; ++k) {
        int64_t row = (transpose ? k : m) * 16, col = (transpose ? m : k) * 16;
        Value p = at(lanePlace, from.offset(row, col));
        for (Value pair : loadMatrices(p, transpose)) {
          auto [x, y] = unpack(pair, element);
          result.append({x, y});
        }
      }
    return;
  }
  }
}

/// The first of the `size` columns that a piece of rows has on the diagonal.
Value Lanes::ownBlock(FragmentType type, int64_t piece, int64_t size) {
  Value row = add(mul(warp, type.rowPieces() * 16), piece * 16);
  return mul(div(row, size), size);
}

void Lanes::storeFragment(StoreOp op) {
  FragmentType type = op.getValue().getType();
  SharedType to = op.getTarget().getType();
  Value tile = tiles.lookup(op.getTarget());
  Scalars values = fragments.lookup(op.getValue());
  if (to.isTf32())
    for (Value &x : values)
      x = LLVM::BitcastOp::create(b, loc, b.getF32Type(), roundTf32(x));
  int64_t bytes = to.elementBytes();
  Value row = opaque(accRow(type, 0, 0)), col = accCol(0, 0);
  bool transpose = op.getTranspose();
  Value first = transpose ? place(to, tile, col, row) : place(to, tile, row, col);
  unsigned i = 0;
  Value start = first;
  for (int64_t m = 0; m < type.rowPieces(); ++m) {
    if (int64_t d = op.getDiagonal())
      first = at(start, mul(ownBlock(type, m, d), to.unitBytes() / to.unitElements()));
    for (int64_t n = 0; n < type.cols() / 8; ++n)
      for (int64_t r = 0; r < 4; ++r, ++i) {
        int64_t down = m * 16 + r / 2 * 8, along = n * 8 + r % 2;
        if (transpose || to.isTf32()) {
          if (!transpose)
            std::swap(down, along);
          store(values[i], at(first, to.offset(along, down)), bytes);
        } else if (r % 2 == 0) {
          Value pair = vector::FromElementsOp::create(
              b, loc, VectorType::get({2}, type.getElementType()),
              ValueRange{values[i], values[i + 1]});
          store(pair, at(first, to.offset(down, along)), 2 * bytes);
        }
      }
  }
}

Scalars Lanes::words(ArrayRef<Value> elements) {
  Scalars result;
  for (size_t i = 0; i < elements.size(); i += 2)
    result.push_back(pack(elements[i], elements[i + 1]));
  return result;
}

void Lanes::multiply(Type element, ArrayRef<Value> factor, ArrayRef<Value> loaded,
                     MutableArrayRef<Value> left, MutableArrayRef<Value> right) {
  Type f32 = b.getF32Type();
  auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
  auto kind = element.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Scalars second(loaded);
  if (element.isF16())
    for (Value &word : second)
      word = LLVM::BitcastOp::create(b, loc, VectorType::get({2}, element), word);
  for (int64_t half : {0, 1}) {
    MutableArrayRef<Value> out = half ? right : left;
    Value made = NVVM::MmaOp::create(
        b, loc, four, factor, ValueRange{second[half * 2], second[half * 2 + 1]},
        ValueRange(out), ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
        std::array<NVVM::MMATypes, 2>{kind, kind},
        std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
    for (int64_t i = 0; i < 4; ++i)
      out[i] = LLVM::ExtractValueOp::create(b, loc, made, i);
  }
}

Scalars Lanes::wordsTf32(FragmentType type, ArrayRef<Value> elements) {
  // Depth is permuted as in `substitute`: a piece of an accumulator is a left factor.
  Scalars result;
  int64_t depth = type.cols() / 16;
  for (int64_t m = 0; m < type.rowPieces(); ++m)
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t half : {0, 1})
        for (int64_t e : {0, 2, 1, 3})
          result.push_back(roundTf32(elements[(m * depth + k) * 8 + half * 4 + e]));
  return result;
}

/// A product of tf32, by mma.m16n8k8.
void Lanes::multiplyTf32(MmaOp op) {
  FragmentType a = op.getA().getType(), c = op.getC().getType();
  SharedType from = op.getB().getType();
  Type f32 = b.getF32Type(), word = b.getI32Type();
  auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
  const Scalars left = wordsTf32(a, fragments.lookup(op.getA()));
  Scalars sum = fragments.lookup(op.getC());
  int64_t pieces = c.rowPieces(), depth = a.cols() / 8, columns = c.cols() / 8;
  Value lanePlace = at(tiles.lookup(op.getB()), add(mul(opaque(group), from.rowBytes()),
                                                    mul(quad, from.elementBytes())));
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = op.getLower() ? k : 0; n < columns; ++n) {
      Scalars right;
      for (int64_t odd : {0, 1})
        right.push_back(load(word, at(lanePlace, from.offset(n * 8, k * 8 + odd)), 4));
      for (int64_t m = 0; m < pieces; ++m) {
        auto out = MutableArrayRef<Value>(sum).slice((m * columns + n) * 4, 4);
        Value made = NVVM::MmaOp::create(
            b, loc, four, ArrayRef(left).slice((m * depth + k) * 4, 4), right,
            ValueRange(out), ArrayRef<int64_t>{16, 8, 8}, std::nullopt, std::nullopt,
            std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::tf32, NVVM::MMATypes::tf32},
            std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
        for (int64_t i = 0; i < 4; ++i)
          out[i] = LLVM::ExtractValueOp::create(b, loc, made, i);
      }
    }
  fragments[op.getResult()] = sum;
}

void Lanes::mma(MmaOp op) {
  if (byGroups(op))
    return multiplyByGroups(op);
  if (op.getB().getType().isTf32())
    return multiplyTf32(op);
  FragmentType a = op.getA().getType(), c = op.getC().getType();
  SharedType from = op.getB().getType();
  const Scalars left = fragments.lookup(op.getA());
  Scalars sum = fragments.lookup(op.getC());
  bool transpose = op.getTranspose();
  int64_t pieces = c.rowPieces(), depth = a.cols() / 16, columns = c.cols() / 8;
  // Rows of an N x K tile are columns of the factor: two pieces of columns, each
  // in two halves of K.
  Value lanePlace = at(tiles.lookup(op.getB()), matrixPlace(from, /*across=*/transpose));
  auto add = [&](int64_t m, int64_t n, int64_t k, ArrayRef<Value> loaded) {
    auto out = MutableArrayRef<Value>(sum).slice((m * columns + n) * 4, 8);
    multiply(a.getElementType(), words(ArrayRef(left).slice((m * depth + k) * 8, 8)),
             loaded, out.take_front(4), out.drop_front(4));
  };
  for (int64_t k = 0; k < depth; ++k) {
    if (op.getDiagonal()) {
      // Every piece of rows has columns of its own.
      for (int64_t m = 0; m < pieces; ++m)
        for (int64_t n = 0; n < columns; n += 2) {
          Value block = at(lanePlace, mul(ownBlock(c, m, columns * 8), from.rowBytes()));
          add(m, n, k,
              loadMatrices(at(block, from.offset(n * 8, k * 16)), false));
        }
      continue;
    }
    int64_t first = op.getFirst() / 8, count = op.getCount() / 8;
    for (int64_t n = first; n < (count ? first + count : columns); n += 2) {
      int64_t row = transpose ? n * 8 : k * 16, col = transpose ? k * 16 : n * 8;
      Scalars loaded = loadMatrices(
          at(lanePlace, from.offset(row, col)), !transpose);
      for (int64_t m = 0; m < pieces; ++m)
        add(m, n, k, loaded);
    }
  }
  fragments[op.getResult()] = sum;
}

//===----------------------------------------------------------------------===//
// Rows of an accumulator
//===----------------------------------------------------------------------===//

void Lanes::within(WithinOp op) {
  FragmentType type = op.getValue().getType();
  const Scalars values = fragments.lookup(op.getValue());
  Scalars &result = fragments[op.getResult()];
  // Bounds are moved by the lane's first column, so that columns are constants.
  Value first = arith::SIToFPOp::create(b, loc, b.getF32Type(), accCol(0, 0));
  auto relative = [&](Value bounds) {
    Scalars moved;
    for (Value bound : fragments.lookup(bounds))
      moved.push_back(arith::SubFOp::create(b, loc, bound, first));
    return moved;
  };
  Scalars from = relative(op.getFrom()), to = relative(op.getTo());
  unsigned i = 0;
  for (int64_t m = 0; m < type.rowPieces(); ++m)
    for (int64_t n = 0; n < type.cols() / 8; ++n)
      for (int64_t r = 0; r < 4; ++r, ++i) {
        Value column = arith::ConstantOp::create(
            b, loc, b.getF32FloatAttr(float(n * 8 + r % 2)));
        int64_t row = m * 2 + r / 2;
        auto compare = [&](arith::CmpFPredicate predicate, Value x, Value y) {
          return arith::CmpFOp::create(b, loc, predicate, x, y);
        };
        Value keep = both(compare(arith::CmpFPredicate::OLE, from[row], column),
                          compare(arith::CmpFPredicate::OLT, column, to[row]));
        result.push_back(select(keep, values[i], op.getFill()));
      }
}

/// A lane's own columns from the left, then the four lanes of a row.
void Lanes::reduce(ReduceOp op) {
  FragmentType type = op.getValue().getType();
  const Scalars values = fragments.lookup(op.getValue());
  Scalars &result = fragments[op.getResult()];
  auto fold = [&](Value x, Value y) -> Value {
    if (op.getMax())
      return arith::MaximumFOp::create(b, loc, x, y);
    return arith::AddFOp::create(b, loc, x, y);
  };
  int64_t columns = type.cols() / 8;
  for (int64_t m = 0; m < type.rowPieces(); ++m)
    for (int64_t half = 0; half < 2; ++half) {
      Value all;
      for (int64_t n = 0; n < columns; ++n)
        for (int64_t r = 0; r < 2; ++r) {
          Value x = values[(m * columns + n) * 4 + half * 2 + r];
          all = all ? fold(all, x) : x;
        }
      for (int64_t by : {1, 2})
        all = fold(all, gpu::ShuffleOp::create(b, loc, all, i32(by), i32(32),
                                               gpu::ShuffleMode::XOR)
                            .getShuffleResult());
      result.push_back(all);
    }
}
