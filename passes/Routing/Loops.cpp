//===- Loops.cpp - Short names for what the lowerings emit ----------------===//

#include "Loops.h"

#include "../Lowering/Steps/ScalarBlock.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Value = mlir::Value;

Value Loops::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value Loops::number(Type type, double value) {
  Type element = elementOf(type);
  TypedAttr attr;
  if (isa<FloatType>(element))
    attr = b.getFloatAttr(element, value);
  else
    attr = b.getIntegerAttr(element, int64_t(value));
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

Value Loops::add(Value x, Value y) {
  if (isa<FloatType>(elementOf(x.getType())))
    return arith::AddFOp::create(b, loc, x, y, arith::FastMathFlags::contract);
  return arith::AddIOp::create(b, loc, x, y);
}
Value Loops::sub(Value x, Value y) {
  if (isa<FloatType>(elementOf(x.getType())))
    return arith::SubFOp::create(b, loc, x, y);
  return arith::SubIOp::create(b, loc, x, y);
}
Value Loops::mul(Value x, Value y) {
  if (isa<FloatType>(elementOf(x.getType())))
    return arith::MulFOp::create(b, loc, x, y, arith::FastMathFlags::contract);
  return arith::MulIOp::create(b, loc, x, y);
}
Value Loops::div(Value x, Value y) {
  if (isa<FloatType>(elementOf(x.getType())))
    return arith::DivFOp::create(b, loc, x, y);
  return arith::DivUIOp::create(b, loc, x, y);
}
Value Loops::rem(Value x, Value y) { return arith::RemUIOp::create(b, loc, x, y); }
Value Loops::ceilDiv(Value x, Value y) {
  return arith::CeilDivUIOp::create(b, loc, x, y);
}
Value Loops::min(Value x, Value y) { return arith::MinSIOp::create(b, loc, x, y); }
Value Loops::max(Value x, Value y) {
  if (isa<FloatType>(elementOf(x.getType())))
    return arith::MaximumFOp::create(b, loc, x, y);
  return arith::MaxSIOp::create(b, loc, x, y);
}
Value Loops::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, predicate, x, y);
}
Value Loops::less(Value x, Value y) {
  return compare(arith::CmpIPredicate::slt, x, y);
}
Value Loops::both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
Value Loops::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, loc, condition, x, y);
}
Value Loops::cast(Value x, Type type) {
  if (x.getType() == type)
    return x;
  return arith::IndexCastOp::create(b, loc, type, x);
}
Value Loops::load(Value memref, ValueRange at) {
  return memref::LoadOp::create(b, loc, memref, at);
}
Value Loops::loadIndex(Value memref, ValueRange at) {
  return cast(load(memref, at), b.getIndexType());
}
void Loops::store(Value x, Value memref, ValueRange at) {
  Type element = mlir::cast<MemRefType>(memref.getType()).getElementType();
  memref::StoreOp::create(b, loc, cast(x, element), memref, at);
}

Type Loops::lanesOf(Type element, int64_t lanes) {
  return lanes > 1 ? Type(VectorType::get({lanes}, element)) : element;
}
Value Loops::loadLanes(Value memref, ValueRange at, int64_t lanes, Type element) {
  Type stored = mlir::cast<MemRefType>(memref.getType()).getElementType();
  Value x = lanes > 1 ? vector::LoadOp::create(
                            b, loc, VectorType::get({lanes}, stored), memref, at)
                            .getResult()
                      : load(memref, at);
  return steps::convertFloat(b, loc, x, element);
}
void Loops::storeLanes(Value x, Value memref, ValueRange at) {
  x = steps::convertFloat(b, loc, x,
                          mlir::cast<MemRefType>(memref.getType()).getElementType());
  if (isa<VectorType>(x.getType()))
    vector::StoreOp::create(b, loc, x, memref, at);
  else
    memref::StoreOp::create(b, loc, x, memref, at);
}
Value Loops::repeat(Value x, int64_t lanes) {
  if (lanes <= 1)
    return x;
  return vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, x.getType()), x);
}

Value Loops::countFrom(Value first, int64_t lanes, Type element) {
  Value base = repeat(cast(first, element), lanes);
  if (lanes == 1)
    return base;
  SmallVector<Attribute> steps;
  for (int64_t i = 0; i < lanes; ++i)
    steps.push_back(b.getIntegerAttr(element, i));
  auto type = mlir::cast<VectorType>(lanesOf(element, lanes));
  return add(base, arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, steps)));
}

Value Loops::integer(Type type, const llvm::APInt &value) {
  TypedAttr attr = b.getIntegerAttr(elementOf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

// All bits but the sign, inverted where the sign is set.
static Value flipped(Loops &e, Value raw) {
  Type keys = raw.getType();
  unsigned bits = elementOf(keys).getIntOrFloatBitWidth();
  Value sign = arith::ShRSIOp::create(e.b, e.loc, raw,
                                      e.integer(keys, llvm::APInt(bits, bits - 1)));
  Value magnitude = e.integer(keys, llvm::APInt::getSignedMaxValue(bits));
  return arith::XOrIOp::create(e.b, e.loc, raw, e.both(sign, magnitude));
}

Value Loops::orderedKey(Value score) {
  Type type = score.getType();
  unsigned bits = elementOf(type).getIntOrFloatBitWidth();
  Type keys = b.getIntegerType(bits);
  if (auto vector = dyn_cast<VectorType>(type))
    keys = lanesOf(keys, vector.getDimSize(0));
  // The sum makes zeros of both signs one.
  Value sum = arith::AddFOp::create(b, loc, score, number(type, 0));
  Value raw = arith::BitcastOp::create(b, loc, keys, sum);
  Value isNaN = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, score, score);
  Value lowest =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, score,
                            number(type, -std::numeric_limits<double>::infinity()));
  Value result = select(isNaN, integer(keys, llvm::APInt::getSignedMaxValue(bits)),
                        flipped(*this, raw));
  return select(lowest, integer(keys, llvm::APInt::getSignedMinValue(bits)), result);
}

Value Loops::scoreOf(Value key, Type element) {
  return arith::BitcastOp::create(b, loc, element, flipped(*this, key));
}

Values Loops::loop(Value from, Value to, int64_t step, ValueRange initial,
                   llvm::function_ref<Values(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(b, loc, from, to, index(step), initial);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  Values next = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!initial.empty())
    scf::YieldOp::create(b, loc, next);
  return Values(op.getResults());
}

void Loops::loop(Value from, Value to, llvm::function_ref<void(Value)> body) {
  loop(from, to, 1, {}, [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

void Loops::parallel(Value count, llvm::function_ref<void(Value)> body) {
  auto op = scf::ParallelOp::create(b, loc, ValueRange{index(0)}, ValueRange{count},
                                    ValueRange{index(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  body(op.getInductionVars()[0]);
}

void Loops::when(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

Values Loops::choose(Value condition, llvm::function_ref<Values()> yes,
                     llvm::function_ref<Values()> no) {
  auto op = scf::IfOp::create(
      b, loc, condition,
      [&](OpBuilder &, Location) {
        OpBuilder::InsertionGuard guard(b);
        scf::YieldOp::create(b, loc, yes());
      },
      [&](OpBuilder &, Location) {
        OpBuilder::InsertionGuard guard(b);
        scf::YieldOp::create(b, loc, no());
      });
  return Values(op.getResults());
}

void Loops::chunks(int64_t size, llvm::function_ref<void(Value, int64_t)> body) {
  int64_t done = 0;
  for (int64_t lanes : {4 * width, width}) {
    int64_t whole = (size - done) / lanes * lanes;
    if (whole == 0 || (lanes == 1 && done))
      continue;
    loop(index(done), index(done + whole), lanes, {}, [&](Value first, ValueRange) {
      if (width == 1)
        for (int64_t i = 0; i < lanes; ++i)
          body(add(first, index(i)), 1);
      else
        body(first, lanes);
      return Values();
    });
    done += whole;
  }
  if (done == size)
    return;
  if (width > 1)
    return body(index(done), size - done);
  for (; done < size; ++done)
    body(index(done), 1);
}

Value Loops::sumOver(Value size, Type element,
                     llvm::function_ref<Value(Value, int64_t)> term) {
  Value from = index(0), sum = number(element, 0);
  if (width > 1) {
    Value lanes = index(width), whole = mul(div(size, lanes), lanes);
    sum = loop(from, whole, width, {repeat(sum, width)}, [&](Value i, ValueRange now) {
      return Values{add(now[0], term(i, width))};
    })[0];
    sum = vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, sum);
    from = whole;
  }
  return loop(from, size, 1, {sum}, [&](Value i, ValueRange now) {
    return Values{add(now[0], term(i, 1))};
  })[0];
}

Value Loops::dim(Value memref, unsigned d) {
  return memref::DimOp::create(b, loc, memref, d);
}

Value Loops::extent(Value memref, unsigned from, unsigned to) {
  Value result = index(1);
  for (unsigned d = from; d < to; ++d)
    result = mul(result, dim(memref, d));
  return result;
}

Value Loops::grouped(Value memref, ArrayRef<unsigned> starts) {
  auto type = mlir::cast<MemRefType>(memref.getType());
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> sizes, strides(starts.size());
  for (auto [i, start] : llvm::enumerate(starts)) {
    unsigned end = i + 1 < starts.size() ? starts[i + 1] : type.getRank();
    int64_t size = 1;
    for (unsigned d = start; d < end; ++d)
      size = ShapedType::isDynamic(size) || type.isDynamicDim(d)
                 ? ShapedType::kDynamic
                 : size * type.getDimSize(d);
    shape.push_back(size);
    if (ShapedType::isDynamic(size))
      sizes.push_back(extent(memref, start, end));
    else
      sizes.push_back(b.getIndexAttr(size));
  }
  OpFoldResult stride = b.getIndexAttr(1);
  for (unsigned i = starts.size(); i-- > 0;) {
    strides[i] = stride;
    auto known = getConstantIntValue(stride), size = getConstantIntValue(sizes[i]);
    if (known && size)
      stride = b.getIndexAttr(*known * *size);
    else
      stride = mul(getValueOrCreateConstantIndexOp(b, loc, stride),
                   getValueOrCreateConstantIndexOp(b, loc, sizes[i]));
  }
  return memref::ReinterpretCastOp::create(
      b, loc, MemRefType::get(shape, type.getElementType()), memref,
      OpFoldResult(b.getIndexAttr(0)), sizes, strides);
}

Value Loops::scratch(Type element, ValueRange sizes) {
  SmallVector<int64_t> shape(sizes.size(), ShapedType::kDynamic);
  return memref::AllocOp::create(b, loc, MemRefType::get(shape, element), sizes,
                                 b.getI64IntegerAttr(64));
}
