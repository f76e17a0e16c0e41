//===- ApproximateMath.cpp - f32 functions as polynomials -----------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace seqc {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

namespace {

/// log(1 + x) keeps its accuracy for small x: log(u) * x / (u - 1), u = 1 + x.
/// (Kahan, via Goldberg, "What every computer scientist should know ...", 1991.)
struct Log1pFromLog : OpRewritePattern<math::Log1pOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Log1pOp op,
                                PatternRewriter &b) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return failure();
    Location loc = op.getLoc();
    auto constant = [&](double v) -> Value {
      TypedAttr attr = b.getF32FloatAttr(v);
      if (auto vector = dyn_cast<VectorType>(type))
        attr = DenseElementsAttr::get(vector, Attribute(attr));
      return arith::ConstantOp::create(b, loc, attr);
    };
    Value x = op.getOperand(), one = constant(1);
    Value u = arith::AddFOp::create(b, loc, x, one);
    Value rounded = arith::SubFOp::create(b, loc, u, one);
    Value log = math::LogOp::create(b, loc, u);
    Value scaled = arith::MulFOp::create(
        b, loc, log, arith::DivFOp::create(b, loc, x, rounded).getResult());
    auto equal = [&](Value l, Value r) -> Value {
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, l, r);
    };
    // Where 1 + x is 1 the result is x; where x is infinite it is the logarithm.
    Value large = arith::SelectOp::create(b, loc, equal(u, x), log, scaled);
    b.replaceOp(op, arith::SelectOp::create(b, loc, equal(rounded, constant(0)),
                                            x, large));
    return success();
  }
};

struct ApproximateMath : seqc::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Log1pFromLog>(&getContext(), /*benefit=*/10);
    populateMathPolynomialApproximationPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
