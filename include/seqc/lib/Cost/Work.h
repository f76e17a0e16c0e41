//===- Work.h - Operations and bytes that a program needs -------*- C++ -*-===//

#ifndef SEQC_LIB_COST_WORK_H
#define SEQC_LIB_COST_WORK_H

#include <cstdint>

namespace mlir {
class Region;
class Type;
} // namespace mlir

namespace seqc {

/// Arithmetic of one token of one sequence.
struct Work {
  /// Additions and multiplications.
  int64_t operations = 0;
  /// Results of exp, log, tanh and other functions.
  int64_t functions = 0;

  Work &operator+=(const Work &other) {
    operations += other.operations;
    functions += other.functions;
    return *this;
  }
};

/// Floating-point operations that one function counts as: ten fused
/// multiply-adds, about what a polynomial exp or tanh of f32 takes.
constexpr int64_t kOperationsPerFunction = 20;

/// Elements of a token's value: 1 for a scalar.
int64_t elementsOf(mlir::Type type);

/// The work of one execution of a step or combine region, as written.
Work workOf(mlir::Region &step);

/// What a machine can do, measured or stated.
struct Ceilings {
  /// Bytes a second of a copy, read and written bytes counted.
  double copyBandwidth = 0;
  /// f32 additions and multiplications a second.
  double operations = 0;
};

/// The shortest time a program can take on a machine.
struct Floor {
  /// Seconds to move each input and result once.
  double memory = 0;
  /// Seconds for the arithmetic.
  double arithmetic = 0;
  double seconds() const { return memory > arithmetic ? memory : arithmetic; }
};
Floor floorOf(double bytes, double operations, const Ceilings &ceilings);

} // namespace seqc

#endif // SEQC_LIB_COST_WORK_H
