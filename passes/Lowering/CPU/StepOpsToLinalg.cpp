//===- StepOpsToLinalg.cpp - einsum and reduce outside a step -------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <limits>

namespace seqc {
#define GEN_PASS_DEF_STEPOPSTOLINALG
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

static Value widen(OpBuilder &b, Location loc, Value v, Type to) {
  if (v.getType() == to)
    return v;
  return arith::ExtFOp::create(b, loc, to, v);
}

/// A tensor of `value`, of rank 0 for a scalar type.
static Value filled(OpBuilder &b, Location loc, Type type, TypedAttr value) {
  auto tensor = RankedTensorType::get(shapeOf(type), elementOf(type));
  return arith::ConstantOp::create(b, loc,
                                   DenseElementsAttr::get(tensor, Attribute(value)));
}

static void finish(OpBuilder &b, Operation *op, Value tensor) {
  if (!isa<RankedTensorType>(op->getResult(0).getType()))
    tensor = tensor::ExtractOp::create(b, op->getLoc(), tensor, ValueRange());
  op->getResult(0).replaceAllUsesWith(tensor);
  op->erase();
}

static void convert(EinsumOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  std::string output = op.getOutputTerm(), letters = output;
  for (const std::string &term : op.getTerms())
    for (char letter : term)
      if (letters.find(letter) == std::string::npos)
        letters += letter;
  auto mapOf = [&](StringRef term) {
    SmallVector<AffineExpr> dims;
    for (char letter : term)
      dims.push_back(b.getAffineDimExpr(letters.find(letter)));
    return AffineMap::get(letters.size(), 0, dims, b.getContext());
  };
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs, scalars;
  SmallVector<int> inputOf;
  for (auto [term, operand] : llvm::zip(op.getTerms(), op.getOperands())) {
    inputOf.push_back(isa<RankedTensorType>(operand.getType()) ? int(inputs.size())
                                                               : -1);
    if (inputOf.back() < 0)
      continue;
    inputs.push_back(operand);
    maps.push_back(mapOf(term));
  }
  maps.push_back(mapOf(output));
  SmallVector<utils::IteratorType> iterators;
  for (unsigned i = 0; i < letters.size(); ++i)
    iterators.push_back(i < output.size() ? utils::IteratorType::parallel
                                          : utils::IteratorType::reduction);
  Type element = elementOf(op.getType());
  Value init = filled(b, loc, op.getType(), b.getFloatAttr(element, 0));
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{init.getType()}, inputs, ValueRange{init}, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value product;
        for (auto [i, operand] : llvm::enumerate(op.getOperands())) {
          Value v = inputOf[i] < 0 ? operand : args[inputOf[i]];
          v = widen(b, loc, v, element);
          product = product ? arith::MulFOp::create(b, loc, product, v).getResult()
                            : v;
        }
        linalg::YieldOp::create(
            b, loc,
            arith::AddFOp::create(b, loc, args.back(), product).getResult());
      });
  finish(b, op, generic.getResult(0));
}

static void convert(ReduceOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getInput().getType());
  Type element = type.getElementType();
  bool floats = isa<FloatType>(element);
  const double inf = std::numeric_limits<double>::infinity();
  auto constant = [&](double v, int64_t i) -> TypedAttr {
    if (floats)
      return b.getFloatAttr(element, v);
    return b.getIntegerAttr(element, i);
  };
  unsigned bits = floats ? 64 : element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  TypedAttr identity =
      op.getKind() == ReduceKind::add ? constant(0, 0)
      : op.getKind() == ReduceKind::min
          ? constant(inf, llvm::maxIntN(bits))
          : constant(-inf, llvm::minIntN(bits));
  SmallVector<AffineExpr> kept;
  SmallVector<utils::IteratorType> iterators;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    bool reduced = d == int64_t(op.getAxis());
    if (!reduced)
      kept.push_back(b.getAffineDimExpr(d));
    iterators.push_back(reduced ? utils::IteratorType::reduction
                                : utils::IteratorType::parallel);
  }
  SmallVector<AffineMap> maps{
      b.getMultiDimIdentityMap(type.getRank()),
      AffineMap::get(type.getRank(), 0, kept, b.getContext())};
  Type valueType =
      tensorOrScalar(shapeOf(op.getType()), element);
  SmallVector<Value> inits{filled(b, loc, valueType, identity)};
  bool arg = op.getKind() == ReduceKind::argmax;
  if (arg) {
    inits.push_back(filled(b, loc, op.getType(), b.getI64IntegerAttr(0)));
    maps.push_back(maps[1]);
  }
  SmallVector<Type> types;
  for (Value init : inits)
    types.push_back(init.getType());
  auto generic = linalg::GenericOp::create(
      b, loc, types, ValueRange{op.getInput()}, inits, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value x = args[0], best = args[1];
        SmallVector<Value> results;
        switch (op.getKind()) {
        case ReduceKind::add:
          results = {floats ? arith::AddFOp::create(b, loc, best, x).getResult()
                            : arith::AddIOp::create(b, loc, best, x).getResult()};
          break;
        case ReduceKind::max:
          results = {floats
                         ? arith::MaximumFOp::create(b, loc, best, x).getResult()
                         : arith::MaxSIOp::create(b, loc, best, x).getResult()};
          break;
        case ReduceKind::min:
          results = {floats
                         ? arith::MinimumFOp::create(b, loc, best, x).getResult()
                         : arith::MinSIOp::create(b, loc, best, x).getResult()};
          break;
        case ReduceKind::argmax: {
          Value larger =
              arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, best);
          Value nan =
              arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
          Value had =
              arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, best, best);
          Value take = arith::OrIOp::create(
              b, loc, larger,
              arith::AndIOp::create(b, loc, nan, had).getResult());
          Value i = linalg::IndexOp::create(b, loc, op.getAxis());
          i = arith::IndexCastOp::create(b, loc, b.getI64Type(), i);
          results = {arith::SelectOp::create(b, loc, take, x, best),
                     arith::SelectOp::create(b, loc, take, i, args[2])};
          break;
        }
        }
        linalg::YieldOp::create(b, loc, results);
      });
  finish(b, op, generic.getResult(arg ? 1 : 0));
}

namespace {
struct StepOpsToLinalg : seqc::impl::StepOpsToLinalgBase<StepOpsToLinalg> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<EinsumOp, ReduceOp>(op) &&
          !isa<RecurrenceOp, ScanOp>(op->getParentOp()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (auto einsum = dyn_cast<EinsumOp>(op))
        convert(einsum);
      else
        convert(cast<ReduceOp>(op));
    }
  }
};
} // namespace
