//===- Domain.cpp - Scalar operations in float64 --------------------------===//

#include "seqc/lib/Reference/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace seqc::reference;

using Function = std::function<double(const double *)>;

static Function compareFloats(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  bool unordered = predicate == P::UEQ || predicate == P::UGT ||
                   predicate == P::UGE || predicate == P::ULT ||
                   predicate == P::ULE || predicate == P::UNE ||
                   predicate == P::UNO;
  return [=](const double *a) -> double {
    if (predicate == P::AlwaysTrue || predicate == P::AlwaysFalse)
      return predicate == P::AlwaysTrue;
    if (std::isnan(a[0]) || std::isnan(a[1]))
      return unordered;
    switch (predicate) {
    case P::OEQ:
    case P::UEQ:
      return a[0] == a[1];
    case P::OGT:
    case P::UGT:
      return a[0] > a[1];
    case P::OGE:
    case P::UGE:
      return a[0] >= a[1];
    case P::OLT:
    case P::ULT:
      return a[0] < a[1];
    case P::OLE:
    case P::ULE:
      return a[0] <= a[1];
    case P::ONE:
    case P::UNE:
      return a[0] != a[1];
    case P::ORD:
      return true;
    default:
      return false;
    }
  };
}

static Function compareIntegers(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  return [=](const double *a) -> double {
    // Unsigned order of values that fit: negative numbers are the largest.
    bool isUnsigned = predicate == P::ult || predicate == P::ule ||
                      predicate == P::ugt || predicate == P::uge;
    double x = a[0], y = a[1];
    if (isUnsigned) {
      x += x < 0 ? 0x1p64 : 0;
      y += y < 0 ? 0x1p64 : 0;
    }
    switch (predicate) {
    case P::eq:
      return x == y;
    case P::ne:
      return x != y;
    case P::slt:
    case P::ult:
      return x < y;
    case P::sle:
    case P::ule:
      return x <= y;
    case P::sgt:
    case P::ugt:
      return x > y;
    default:
      return x >= y;
    }
  };
}

Function Domain<double>::resolve(Operation *op) {
#define UNARY(OP, EXPR)                                                        \
  .Case<OP>([](auto) -> Function {                                             \
    return [](const double *a) -> double {                                     \
      double x = a[0];                                                         \
      return EXPR;                                                             \
    };                                                                         \
  })
#define BINARY(OP, EXPR)                                                       \
  .Case<OP>([](auto) -> Function {                                             \
    return [](const double *a) -> double {                                     \
      double x = a[0], y = a[1];                                               \
      return EXPR;                                                             \
    };                                                                         \
  })
  auto asInt = [](double v) { return static_cast<int64_t>(v); };
  (void)asInt;
  return llvm::TypeSwitch<Operation *, Function>(op)
      BINARY(arith::AddFOp, x + y)
      BINARY(arith::SubFOp, x - y)
      BINARY(arith::MulFOp, x *y)
      BINARY(arith::DivFOp, x / y)
      BINARY(arith::RemFOp, std::fmod(x, y))
      UNARY(arith::NegFOp, -x)
      BINARY(arith::MaximumFOp, Domain<double>::maximum(x, y))
      BINARY(arith::MinimumFOp, Domain<double>::minimum(x, y))
      BINARY(arith::MaxNumFOp, std::fmax(x, y))
      BINARY(arith::MinNumFOp, std::fmin(x, y))
      UNARY(arith::ExtFOp, x)
      UNARY(arith::TruncFOp, x)
      UNARY(arith::SIToFPOp, x)
      UNARY(arith::UIToFPOp, std::fabs(x))
      UNARY(arith::FPToSIOp, std::trunc(x))
      UNARY(arith::FPToUIOp, std::trunc(x))
      UNARY(arith::IndexCastOp, x)
      UNARY(arith::IndexCastUIOp, x)
      UNARY(arith::ExtSIOp, x)
      UNARY(arith::ExtUIOp, std::fabs(x))
      UNARY(arith::TruncIOp, x)
      BINARY(arith::AddIOp, x + y)
      BINARY(arith::SubIOp, x - y)
      BINARY(arith::MulIOp, x *y)
      BINARY(arith::DivSIOp, y == 0 ? 0 : std::trunc(x / y))
      BINARY(arith::DivUIOp, y == 0 ? 0 : std::trunc(x / y))
      BINARY(arith::RemSIOp, y == 0 ? 0 : std::fmod(x, y))
      BINARY(arith::RemUIOp, y == 0 ? 0 : std::fmod(x, y))
      BINARY(arith::CeilDivUIOp, y == 0 ? 0 : std::ceil(x / y))
      BINARY(arith::CeilDivSIOp, y == 0 ? 0 : std::ceil(x / y))
      BINARY(arith::FloorDivSIOp, y == 0 ? 0 : std::floor(x / y))
      BINARY(arith::MaxSIOp, std::max(x, y))
      BINARY(arith::MinSIOp, std::min(x, y))
      BINARY(arith::MaxUIOp, std::max(x, y))
      BINARY(arith::MinUIOp, std::min(x, y))
      BINARY(arith::AndIOp, double(int64_t(x) & int64_t(y)))
      BINARY(arith::OrIOp, double(int64_t(x) | int64_t(y)))
      .Case<arith::XOrIOp>([](arith::XOrIOp op) -> Function {
        // A boolean is 0 or 1 here, never -1.
        bool boolean = getElementTypeOrSelf(op.getType()).isInteger(1);
        return [=](const double *a) -> double {
          int64_t v = int64_t(a[0]) ^ int64_t(a[1]);
          return double(boolean ? v & 1 : v);
        };
      })
      .Case<arith::SelectOp>([](auto) -> Function {
        return [](const double *a) { return a[0] != 0 ? a[1] : a[2]; };
      })
      .Case<arith::CmpFOp>([](arith::CmpFOp op) {
        return compareFloats(op.getPredicate());
      })
      .Case<arith::CmpIOp>([](arith::CmpIOp op) {
        return compareIntegers(op.getPredicate());
      })
      UNARY(math::ExpOp, std::exp(x))
      UNARY(math::Exp2Op, std::exp2(x))
      UNARY(math::ExpM1Op, std::expm1(x))
      UNARY(math::LogOp, std::log(x))
      UNARY(math::Log1pOp, std::log1p(x))
      UNARY(math::Log2Op, std::log2(x))
      UNARY(math::Log10Op, std::log10(x))
      UNARY(math::SqrtOp, std::sqrt(x))
      UNARY(math::RsqrtOp, 1.0 / std::sqrt(x))
      UNARY(math::CbrtOp, std::cbrt(x))
      UNARY(math::SinOp, std::sin(x))
      UNARY(math::CosOp, std::cos(x))
      UNARY(math::TanOp, std::tan(x))
      UNARY(math::AsinOp, std::asin(x))
      UNARY(math::AcosOp, std::acos(x))
      UNARY(math::AtanOp, std::atan(x))
      UNARY(math::SinhOp, std::sinh(x))
      UNARY(math::CoshOp, std::cosh(x))
      UNARY(math::TanhOp, std::tanh(x))
      UNARY(math::ErfOp, std::erf(x))
      UNARY(math::AbsFOp, std::fabs(x))
      UNARY(math::AbsIOp, std::fabs(x))
      UNARY(math::CeilOp, std::ceil(x))
      UNARY(math::FloorOp, std::floor(x))
      UNARY(math::RoundOp, std::round(x))
      UNARY(math::RoundEvenOp, std::nearbyint(x))
      UNARY(math::TruncOp, std::trunc(x))
      BINARY(math::Atan2Op, std::atan2(x, y))
      BINARY(math::PowFOp, std::pow(x, y))
      BINARY(math::FPowIOp, std::pow(x, y))
      BINARY(math::CopySignOp, std::copysign(x, y))
      .Case<math::FmaOp>([](auto) -> Function {
        return [](const double *a) { return a[0] * a[1] + a[2]; };
      })
      .Default([](Operation *) { return Function(); });
#undef UNARY
#undef BINARY
}
