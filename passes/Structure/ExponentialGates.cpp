//===- ExponentialGates.cpp - One spelling of an exponential --------------===//
//
// Gates are exponentials: analysis, ranges and chunks know them by their logarithms.
//
//===----------------------------------------------------------------------===//

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Structure/Affine.h"
#include "seqc/lib/Support/SplitLog.h"
#include "seqc/passes/Structure/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>

namespace seqc {
#define GEN_PASS_DEF_EXPONENTIALGATES
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
/// exp(x * log(base)), the logarithm in two parts.
Value power(PatternRewriter &b, Location loc, Value x, double base) {
  auto times = [&](double number) -> Value {
    TypedAttr factor = b.getFloatAttr(elementOf(x.getType()), number);
    if (auto tensor = dyn_cast<RankedTensorType>(x.getType()))
      factor = DenseElementsAttr::get(tensor, Attribute(factor));
    return arith::MulFOp::create(b, loc, x, arith::ConstantOp::create(b, loc, factor));
  };
  auto [high, low] = splitLog(base);
  Value a = times(high), c = times(low);
  return math::ExpOp::create(b, loc, arith::AddFOp::create(b, loc, a, c));
}

struct Exp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Exp2Op op, PatternRewriter &b) const override {
    b.replaceOp(op, power(b, op.getLoc(), op.getOperand(), 2));
    return success();
  }
};

/// A number to the power of x.
struct Power : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &b) const override {
    std::optional<double> base = structure::splatConstant(op.getLhs());
    // 1 to the power of an infinity is 1.
    if (!base || !(*base > 0) || *base == 1 || !std::isfinite(*base))
      return failure();
    b.replaceOp(op, power(b, op.getLoc(), op.getRhs(), *base));
    return success();
  }
};

/// x / exp(y) is x exp(-y).
struct Quotient : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op, PatternRewriter &b) const override {
    auto splat = op.getRhs().getDefiningOp<tensor::SplatOp>();
    Value below = splat ? splat.getInput() : op.getRhs();
    auto exp = below.getDefiningOp<math::ExpOp>();
    if (!exp)
      return failure();
    Location loc = op.getLoc();
    Value y = exp.getOperand();
    auto negated = y.getDefiningOp<arith::NegFOp>();
    Value inverse = math::ExpOp::create(
        b, loc, negated ? negated.getOperand() : arith::NegFOp::create(b, loc, y));
    if (splat)
      inverse = tensor::SplatOp::create(b, loc, splat.getType(), inverse);
    if (structure::splatConstant(op.getLhs()) == 1.0)
      b.replaceOp(op, inverse);
    else
      b.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), inverse);
    return success();
  }
};

/// exp(x) exp(y) is exp(x + y), where nothing else needs the two.
struct Product : OpRewritePattern<arith::MulFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::MulFOp op, PatternRewriter &b) const override {
    auto x = op.getLhs().getDefiningOp<math::ExpOp>(),
         y = op.getRhs().getDefiningOp<math::ExpOp>();
    auto own = [&](Operation *exp) {
      return llvm::all_of(exp->getUsers(), [&](Operation *user) { return user == op; });
    };
    if (!x || !y || !own(x) || !own(y))
      return failure();
    Value sum =
        arith::AddFOp::create(b, op.getLoc(), x.getOperand(), y.getOperand());
    b.replaceOpWithNewOp<math::ExpOp>(op, sum);
    return success();
  }
};

struct ExponentialGates : seqc::impl::ExponentialGatesBase<ExponentialGates> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Exp2, Power, Quotient, Product>(&getContext());
    FrozenRewritePatternSet frozen(std::move(patterns));
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops)
      if (failed(applyPatternsGreedily(op.getStep(), frozen)))
        return signalPassFailure();
  }
};
} // namespace
