//===- FunctionsToNVVM.cpp - f32 functions by the special function unit ---===//
//
// The unit computes powers and logarithms of two.  Largest relative errors, for
// arguments whose result is a normal number:
//   exp    (2 + 0.72 |x|) 2^-23: a rounded argument times log2(e)
//   log    2^-21: a series where the result is near 0, so that it stays relative
//   log1p  the same; of a power of e in [0, 1], 1.5 x 2^-23 by a polynomial
//   /      2^-23, two units in the last place
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace seqc {
#define GEN_PASS_DEF_FUNCTIONSTONVVM
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;

namespace {

/// Emits f32 arithmetic at a rewriter's position.
struct Arithmetic {
  OpBuilder &b;
  Location loc;
  Value constant(double v) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v));
  }
  Value unit(StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, b.getF32Type(),
                                         b.getStringAttr(name), operands)
        .getResult(0);
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value divide(Value x, Value y) { return unit("llvm.nvvm.div.full", {x, y}); }
  /// 1 / x for x that no power of two has to bring into range.
  Value invert(Value x) { return unit("llvm.nvvm.rcp.approx.ftz.f", {x}); }
  Value exp(Value x) {
    return unit("llvm.nvvm.ex2.approx.ftz", {mul(x, constant(1.44269504088896341))});
  }
  /// log(1 + x), given u = 1 + x.
  Value log(Value x, Value u);
  Value tanh(Value x);
};

} // namespace

Value Arithmetic::log(Value x, Value u) {
  // For 1 + x in [1/2, 2]: 2 atanh(s), s = x / (2 + x), |s| <= 1/3.
  Value s = divide(x, add(x, constant(2)));
  Value square = mul(s, s);
  Value series = constant(2.0 / 15);
  for (double n : {13, 11, 9, 7, 5, 3, 1})
    series = fma(series, square, constant(2.0 / n));
  Value near = mul(series, s);
  Value far = mul(unit("llvm.nvvm.lg2.approx.f", {u}),
                  constant(0.693147180559945309));
  auto below = [&](double v, Value y) -> Value {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, constant(v), y);
  };
  Value inside = arith::AndIOp::create(
      b, loc, below(-0.5, x),
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, x, constant(1))
          .getResult());
  return arith::SelectOp::create(b, loc, inside, near, far);
}

Value Arithmetic::tanh(Value x) {
  // (1 - t) / (1 + t) with t = exp(-2 |x|); for small x, where that cancels, x plus x^3
  // times a polynomial of x^2 whose coefficients minimise the largest relative error.
  Value size = math::AbsFOp::create(b, loc, x);
  Value t = exp(mul(size, constant(-2)));
  Value far = mul(arith::SubFOp::create(b, loc, constant(1), t), invert(add(t, constant(1))));
  far = math::CopySignOp::create(b, loc, far, x);
  Value square = mul(x, x);
  Value series = constant(0.016437578946352005);
  for (double c : {-0.05267181247472763, 0.13320724666118622, -0.3333294689655304})
    series = fma(series, square, constant(c));
  Value near = fma(mul(series, square), x, x);
  Value small = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, size,
                                      constant(0.55));
  return arith::SelectOp::create(b, loc, small, near, far);
}

namespace {

/// True where `x` is at least 1, or infinite or not a number, by the way it is made:
/// the divisor of a logistic function.
static bool isAtLeastOne(Value x) {
  auto sum = x.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  for (auto [power, one] : {std::pair(sum.getLhs(), sum.getRhs()),
                            std::pair(sum.getRhs(), sum.getLhs())}) {
    auto constant = one.getDefiningOp<arith::ConstantFloatOp>();
    if (power.getDefiningOp<math::ExpOp>() && constant &&
        constant.value().convertToDouble() >= 1)
      return true;
  }
  return false;
}

/// True where `x` is at most 0 by the way it is made.
static bool isAtMostZero(Value x) {
  auto negation = x.getDefiningOp<arith::NegFOp>();
  return negation && negation.getOperand().getDefiningOp<math::AbsFOp>();
}

/// log(1 + x) for x in [0, 1]: x times a polynomial, whose coefficients minimise the
/// largest relative error.
static Value logOfSmall(Arithmetic &a, Value x) {
  Value series = a.constant(0.0052326879097144285);
  for (double c : {-0.029505213313850864, 0.07822591041350749, -0.1366324227750574,
                   0.19106005106967267, -0.2484298179108704, 0.3331909675444904,
                   -0.4999949313793141, 0.9999999698793591})
    series = a.fma(series, x, a.constant(c));
  return a.mul(series, x);
}

/// Rewrites a function of f32 scalars by `rewrite`.
template <typename Op>
struct Function : OpRewritePattern<Op> {
  using Rewrite = Value (*)(Arithmetic &, Op);
  Function(MLIRContext *context, Rewrite rewrite)
      : OpRewritePattern<Op>(context), rewrite(rewrite) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!op.getType().isF32())
      return failure();
    Arithmetic arithmetic{b, op.getLoc()};
    b.replaceOp(op, rewrite(arithmetic, op));
    return success();
  }
  Rewrite rewrite;
};

struct FunctionsToNVVM : seqc::impl::FunctionsToNVVMBase<FunctionsToNVVM> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    // While the powers can be seen.
    SmallVector<arith::DivFOp> quotients;
    getOperation()->walk([&](arith::DivFOp op) {
      if (op.getType().isF32() && isAtLeastOne(op.getRhs()))
        quotients.push_back(op);
    });
    for (arith::DivFOp op : quotients) {
      OpBuilder b(op);
      Arithmetic arithmetic{b, op.getLoc()};
      Value inverse = arithmetic.invert(op.getRhs());
      op.replaceAllUsesWith(arithmetic.mul(op.getLhs(), inverse));
      op.erase();
    }
    SmallVector<math::Log1pOp> small;
    getOperation()->walk([&](math::Log1pOp op) {
      auto power = op.getOperand().getDefiningOp<math::ExpOp>();
      if (op.getType().isF32() && power && isAtMostZero(power.getOperand()))
        small.push_back(op);
    });
    for (math::Log1pOp op : small) {
      OpBuilder b(op);
      Arithmetic arithmetic{b, op.getLoc()};
      op.replaceAllUsesWith(logOfSmall(arithmetic, op.getOperand()));
      op.erase();
    }
    RewritePatternSet patterns(context);
    patterns.add<Function<math::ExpOp>>(
        context, +[](Arithmetic &a, math::ExpOp op) {
          return a.exp(op.getOperand());
        });
    patterns.add<Function<math::LogOp>>(
        context, +[](Arithmetic &a, math::LogOp op) {
          Value u = op.getOperand();
          return a.log(a.add(u, a.constant(-1)), u);
        });
    patterns.add<Function<math::Log1pOp>>(
        context, +[](Arithmetic &a, math::Log1pOp op) {
          Value x = op.getOperand();
          return a.log(x, a.add(x, a.constant(1)));
        });
    patterns.add<Function<math::TanhOp>>(
        context, +[](Arithmetic &a, math::TanhOp op) {
          return a.tanh(op.getOperand());
        });
    patterns.add<Function<arith::DivFOp>>(
        context, +[](Arithmetic &a, arith::DivFOp op) {
          return a.divide(op.getLhs(), op.getRhs());
        });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
