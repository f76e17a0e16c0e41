//===- SeqBuilders.cpp - The named scans ----------------------------------===//

#include "seqc/dialects/Seq/StepBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace seqc;

Value seqc::logAddExp(OpBuilder &b, Location loc, Value l, Value r) {
  Type type = l.getType();
  auto constant = [&](double v) -> Value {
    TypedAttr attr = b.getFloatAttr(elementOf(type), v);
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      attr = DenseElementsAttr::get(tensor, attr);
    return arith::ConstantOp::create(b, loc, attr);
  };
  Value larger = arith::MaximumFOp::create(b, loc, l, r);
  Value distance = math::AbsFOp::create(
      b, loc, arith::SubFOp::create(b, loc, l, r).getResult());
  Value tail = math::Log1pOp::create(
      b, loc,
      math::ExpOp::create(b, loc,
                          arith::NegFOp::create(b, loc, distance).getResult())
          .getResult());
  Value sum = arith::AddFOp::create(b, loc, larger, tail);
  // Equal infinities have no difference.
  Value infinite = arith::CmpFOp::create(
      b, loc, arith::CmpFPredicate::OEQ,
      math::AbsFOp::create(b, loc, larger).getResult(),
      constant(std::numeric_limits<double>::infinity()));
  return arith::SelectOp::create(b, loc, infinite, larger, sum);
}

ScanOp seqc::buildNamedScan(OpBuilder &b, Location loc, NamedScan kind,
                            ValueRange seq, AxesAttr axes, bool exclusive,
                            bool reverse) {
  SmallVector<Type> slices;
  for (Value value : seq)
    slices.push_back(tensorOrScalar(
        shapeOf(value.getType()).drop_front(axes.size()),
        elementOf(value.getType())));
  auto splat = [&](Type type, double v) -> Value {
    Type element = elementOf(type);
    TypedAttr scalar;
    if (isa<FloatType>(element)) {
      scalar = b.getFloatAttr(element, v);
    } else {
      // Integers have a least and a greatest value in place of infinities.
      unsigned bits = element.getIntOrFloatBitWidth();
      llvm::APInt n = v == -HUGE_VAL  ? llvm::APInt::getSignedMinValue(bits)
                      : v == HUGE_VAL ? llvm::APInt::getSignedMaxValue(bits)
                                      : llvm::APInt(bits, uint64_t(v));
      scalar = b.getIntegerAttr(element, n);
    }
    if (auto shaped = dyn_cast<RankedTensorType>(type))
      return arith::ConstantOp::create(b, loc,
                                       DenseElementsAttr::get(shaped, scalar));
    return arith::ConstantOp::create(b, loc, scalar);
  };
  const double inf = std::numeric_limits<double>::infinity();
  SmallVector<Value> identities;
  switch (kind) {
  case NamedScan::Add:
    identities = {splat(slices[0], 0)};
    break;
  case NamedScan::Mul:
    identities = {splat(slices[0], 1)};
    break;
  case NamedScan::Max:
  case NamedScan::LogSumExp:
    identities = {splat(slices[0], -inf)};
    break;
  case NamedScan::Min:
    identities = {splat(slices[0], inf)};
    break;
  case NamedScan::Affine:
    identities = {splat(slices[0], 1), splat(slices[1], 0)};
    break;
  case NamedScan::ArgMax:
    identities = {splat(slices[0], -inf), splat(slices[1], 0)};
    break;
  case NamedScan::MatMul: {
    auto type = cast<RankedTensorType>(slices[0]);
    int64_t n = type.getDimSize(0);
    SmallVector<Attribute> entries;
    for (int64_t i = 0; i < n * n; ++i)
      entries.push_back(
          b.getFloatAttr(type.getElementType(), i / n == i % n ? 1 : 0));
    identities = {arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, entries))};
    break;
  }
  }
  SmallVector<Type> types;
  for (Value value : seq)
    types.push_back(value.getType());
  SmallVector<Attribute> maps(seq.size(), axes);
  auto unit = [&](bool set) { return set ? b.getUnitAttr() : UnitAttr(); };
  auto scan = ScanOp::create(
      b, loc, types, seq, identities, ValueRange(), Value(), Value(),
      b.getArrayAttr(maps), b.getArrayAttr({}), AxesAttr(), AxesAttr(),
      b.getArrayAttr(maps), unit(exclusive), unit(reverse), UnitAttr());

  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> args(slices);
  llvm::append_range(args, slices);
  Block *body = b.createBlock(&scan.getCombine(), {}, args,
                              SmallVector<Location>(args.size(), loc));
  unsigned n = seq.size();
  Value l = body->getArgument(0), r = body->getArgument(n);
  bool floats = isa<FloatType>(elementOf(slices[0]));
  SmallVector<Value> results;
  switch (kind) {
  case NamedScan::Add:
    results = {floats ? arith::AddFOp::create(b, loc, l, r).getResult()
                      : arith::AddIOp::create(b, loc, l, r).getResult()};
    break;
  case NamedScan::Mul:
    results = {floats ? arith::MulFOp::create(b, loc, l, r).getResult()
                      : arith::MulIOp::create(b, loc, l, r).getResult()};
    break;
  case NamedScan::Max:
    results = {floats ? arith::MaximumFOp::create(b, loc, l, r).getResult()
                      : arith::MaxSIOp::create(b, loc, l, r).getResult()};
    break;
  case NamedScan::Min:
    results = {floats ? arith::MinimumFOp::create(b, loc, l, r).getResult()
                      : arith::MinSIOp::create(b, loc, l, r).getResult()};
    break;
  case NamedScan::LogSumExp:
    results = {logAddExp(b, loc, l, r)};
    break;
  case NamedScan::Affine: {
    // (a1, x1) then (a2, x2): (a1 a2, a2 x1 + x2).
    Value x1 = body->getArgument(1), x2 = body->getArgument(3);
    Value scaled = arith::MulFOp::create(b, loc, r, x1);
    results = {arith::MulFOp::create(b, loc, l, r),
               arith::AddFOp::create(b, loc, scaled, x2)};
    break;
  }
  case NamedScan::ArgMax: {
    // Ties keep the earlier index.
    Value later =
        floats ? arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, r, l)
                     .getResult()
               : arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, r, l)
                     .getResult();
    results = {arith::SelectOp::create(b, loc, later, r, l),
               arith::SelectOp::create(b, loc, later, body->getArgument(3),
                                       body->getArgument(1))};
    break;
  }
  case NamedScan::MatMul:
    // The product grows on the left: P_t = A_t ... A_1.
    results = {EinsumOp::create(b, loc, ValueRange{r, l},
                                b.getStringAttr("ij,jk->ik"))};
    break;
  }
  YieldOp::create(b, loc, results, ValueRange());
  return scan;
}
