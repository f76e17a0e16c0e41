//===- ApproximateMath.cpp - f32 functions as polynomials -----------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "BoundedMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <limits>

namespace seqc {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {

/// Builds operations on f32, and on the integers with the same bits, on scalars or
/// on vectors like `type`.
struct Lanes {
  PatternRewriter &b;
  Location loc;
  Type type;

  Type integers() const {
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(b.getI32Type());
    return b.getI32Type();
  }
  Value constant(TypedAttr attr, Type like) {
    if (auto vector = dyn_cast<VectorType>(like))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, loc, attr);
  }
  Value number(double v) { return constant(b.getF32FloatAttr(v), type); }
  Value bits(int64_t v) {
    // As the signed number that it is in 32 bits.
    return constant(b.getI32IntegerAttr(int32_t(v)), integers());
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
  Value toBits(Value x) { return arith::BitcastOp::create(b, loc, integers(), x); }
  Value toNumber(Value x) { return arith::BitcastOp::create(b, loc, type, x); }
  Value where(arith::CmpFPredicate predicate, Value x, Value y, Value then, Value otherwise) {
    Value yes = arith::CmpFOp::create(b, loc, predicate, x, y);
    return arith::SelectOp::create(b, loc, yes, then, otherwise);
  }
  /// k ln 2 + log(1 + f), where k is in the place of an f32's exponent and 1 + f in [0.75, 1.5):
  /// f + f^2 P(f), P of degree 8 (minimax: 5e-9 relative).
  Value logarithm(Value k, Value f) {
    Value p = polynomial(f, {-0.5, 0.3333345055580139, -0.2500009536743164,
                             0.19990861415863037, -0.1664731204509735, 0.14478401839733124,
                             -0.13161203265190125, 0.10463005304336548,
                             -0.04507450386881828});
    Value sum = fma(mul(f, f), p, f);
    Value exponent = arith::SIToFPOp::create(b, loc, type, k);
    return fma(exponent, number(8.26295829e-8), sum); // ln 2 * 2^-23
  }
  /// The k of a positive number, such that it is 2^k times one in [0.75, 1.5).
  Value exponentOf(Value x) {
    Value k = arith::SubIOp::create(b, loc, toBits(x), bits(0x3F400000));
    return arith::AndIOp::create(b, loc, k, bits(0xFF800000));
  }
  /// c[0] + c[1] x + ..., by Horner's rule.
  Value polynomial(Value x, ArrayRef<double> c) {
    Value sum = number(c.back());
    for (double next : llvm::reverse(c.drop_back()))
      sum = fma(sum, x, number(next));
    return sum;
  }
};

/// True if a value that is not NaN is at most zero, as far as its operation tells.
bool isNonPositive(Value v) {
  auto negated = v.getDefiningOp<arith::NegFOp>();
  return negated && negated.getOperand().getDefiningOp<math::AbsFOp>();
}

/// exp(x) = 2^n exp(r), n the integer nearest to x / ln 2, exp(r) a polynomial of
/// degree 6 (minimax on |r| <= ln 2 / 2: 3e-9 relative).  Results below the least
/// normal number become zero, those beyond the largest infinity; NaN stays NaN.
struct Exp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Lanes l{b, op.getLoc(), op.getType()};
    // 1.5 * 2^23: added to a small number it leaves the nearest integer in the low bits.
    constexpr double kRound = 12582912.0;
    Value x = op.getOperand(), least = l.number(-88.0), most = l.number(kRound + 127);
    bool mayOverflow = !isNonPositive(x) && !op->hasAttr(cpu::kBounded);
    x = l.where(arith::CmpFPredicate::OGT, least, x, least, x);
    Value z = l.fma(x, l.number(1.44269504088896341), l.number(kRound));
    if (mayOverflow)
      z = l.where(arith::CmpFPredicate::OLT, most, z, most, z);
    Value n = l.sub(z, l.number(kRound));
    Value r = l.fma(n, l.number(-0.693359375), x);
    r = l.fma(n, l.number(2.12194440e-4), r);
    Value p = l.polynomial(r, {1.0, 1.0, 0.4999999403953552, 0.1666652113199234,
                               0.04166838899254799, 0.0083687175065279,
                               0.0013814596459269524});
    // n = -127 gives the bits of zero.
    Value power = arith::ShLIOp::create(b, l.loc, l.toBits(z), l.bits(23));
    power = arith::AddIOp::create(b, l.loc, power, l.bits(0x3F800000));
    b.replaceOp(op, l.mul(p, l.toNumber(power)));
    return success();
  }
};

/// log(x) of a positive normal number, where it is known to be one; others are upstream's.
struct Log : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::LogOp op, PatternRewriter &b) const override {
    if (!op->hasAttr(cpu::kBounded) || !getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Lanes l{b, op.getLoc(), op.getType()};
    Value k = l.exponentOf(op.getOperand());
    Value scaled = l.toNumber(
        arith::SubIOp::create(b, l.loc, l.toBits(op.getOperand()), k).getResult());
    b.replaceOp(op, l.logarithm(k, l.sub(scaled, l.number(1.0))));
    return success();
  }
};

/// log(1 + x) = k ln 2 + log(1 + f) with 1 + f = 2^-k (1 + x) in [0.75, 1.5), where f
/// comes from x itself, so that small x keep their accuracy.
struct Log1p : OpRewritePattern<math::Log1pOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Log1pOp op, PatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Lanes l{b, op.getLoc(), op.getType()};
    Value x = op.getOperand(), u = l.add(x, l.number(1.0));
    Value k = l.exponentOf(u);
    // 4 * 2^-k, which is normal for every k.
    Value scale = l.toNumber(arith::SubIOp::create(b, l.loc, l.bits(0x40800000), k));
    Value quarter = l.number(0.25);
    Value f = l.fma(l.mul(x, quarter), scale, l.fma(scale, quarter, l.number(-1.0)));
    Value sum = l.logarithm(k, f);
    if (op->hasAttr(cpu::kBounded)) {
      b.replaceOp(op, sum);
      return success();
    }
    double infinity = std::numeric_limits<double>::infinity();
    Value inf = l.number(infinity), low = l.number(-1.0);
    sum = l.where(arith::CmpFPredicate::OEQ, x, inf, x, sum);
    Value below = l.where(arith::CmpFPredicate::OEQ, x, low, l.number(-infinity),
                          l.number(std::numeric_limits<double>::quiet_NaN()));
    b.replaceOp(op, l.where(arith::CmpFPredicate::OGT, x, low, sum, below));
    return success();
  }
};

struct ApproximateMath : seqc::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    // Before exponentials are anything else.
    getOperation()->walk([](math::Log1pOp op) {
      auto exp = op.getOperand().getDefiningOp<math::ExpOp>();
      if (exp && isNonPositive(exp.getOperand()))
        op->setAttr(cpu::kBounded, UnitAttr::get(op.getContext()));
    });
    RewritePatternSet patterns(&getContext());
    patterns.add<Exp, Log, Log1p>(&getContext(), /*benefit=*/10);
    populateMathPolynomialApproximationPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
