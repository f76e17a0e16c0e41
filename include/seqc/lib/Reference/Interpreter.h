//===- Interpreter.h - The meaning of a program ----------------*- C++ -*-===//
//
// Executes a function at the input (or formed) stage one token at a time, over a
// value domain D.  In float64 this is the definition that every other form is
// compared with.  A domain says what the scalar operations do to its values;
// shapes, indices and flags are ordinary numbers in every domain.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_INTERPRETER_H
#define SEQC_LIB_REFERENCE_INTERPRETER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

namespace mlir {
class Operation;
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace seqc::reference {

/// A dense row-major array; a scalar has an empty shape and one element.
template <class D>
struct Tensor {
  llvm::SmallVector<int64_t, 6> shape;
  std::vector<D> data;

  int64_t rank() const { return shape.size(); }
  int64_t size() const {
    int64_t n = 1;
    for (int64_t s : shape)
      n *= s;
    return n;
  }
};

using TensorF64 = Tensor<double>;

/// What a domain has to provide.  The primary template is not defined.
///   D fromDouble(double); double toDouble(const D &)   (indices, flags)
///   D add(a, b), multiply(a, b), exponential(a), maximum(a, b), minimum(a, b)
///   D less(a, b)   1 or 0;  D select(condition, a, b);  bool isNaN(a)
///   std::function<D(const D *)> resolve(Operation *)   a scalar operation, or null
template <class D>
struct Domain;

template <>
struct Domain<double> {
  static double fromDouble(double v) { return v; }
  static double toDouble(double v) { return v; }
  static double add(double a, double b) { return a + b; }
  static double multiply(double a, double b) { return a * b; }
  static double exponential(double a) { return std::exp(a); }
  static bool isNaN(double a) { return a != a; }
  static double less(double a, double b) { return a < b; }
  static double select(double c, double a, double b) { return c != 0 ? a : b; }
  /// NaN wins.
  static double maximum(double a, double b) {
    return isNaN(a) || isNaN(b) ? NAN : std::max(a, b);
  }
  static double minimum(double a, double b) {
    return isNaN(a) || isNaN(b) ? NAN : std::min(a, b);
  }
  static std::function<double(const double *)> resolve(mlir::Operation *op);
};

struct InterpretOptions {
  /// Called with the fraction done, at most once per sequence; may be null.
  std::function<void(double)> progress;
};

/// Runs `func` on `inputs` (one per argument, integers as numbers) and returns
/// one tensor per result.  Fails, naming operation and operand, if shapes
/// disagree, a segment table is malformed or an operation has no meaning here.
template <class D>
llvm::Expected<std::vector<Tensor<D>>>
interpret(mlir::func::FuncOp func, llvm::ArrayRef<Tensor<D>> inputs,
          const InterpretOptions &options = {});

} // namespace seqc::reference

#endif // SEQC_LIB_REFERENCE_INTERPRETER_H
