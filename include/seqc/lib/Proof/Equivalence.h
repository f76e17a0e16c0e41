//===- Equivalence.h - Do two functions compute the same? -------*- C++ -*-===//

#ifndef SEQC_LIB_PROOF_EQUIVALENCE_H
#define SEQC_LIB_PROOF_EQUIVALENCE_H

#include "seqc/lib/Proof/Monoid.h"
#include "seqc/lib/Reference/Interpreter.h"
#include "seqc/lib/Support/Interval.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace seqc::proof {

/// A tensor as the user calls it.
struct Named {
  std::string name;
  /// Names of the leading dimensions, "" for those without one.
  std::vector<std::string> axes;
};

/// An argument at concrete sizes.
struct Input : Named {
  llvm::SmallVector<int64_t> shape;
  Interval range;
  /// Given numbers: indices, flags, segment tables.  Else the elements are
  /// variables.
  std::optional<std::vector<double>> numbers;
};

/// The second function's arguments where they are not the first's: for each, which
/// input it is, in another shape.
struct Argument {
  unsigned input;
  llvm::SmallVector<int64_t> shape;
  /// Of a step: no input, but the number of tokens before this one.
  bool position = false;
};

/// The second function takes one token, and its last results are its states.
struct Steps {
  struct State {
    unsigned argument;
    /// The input that it starts at, or -1: it starts at zero, and the first
    /// function has no such state.
    int input;
    llvm::SmallVector<int64_t> shape;
  };
  std::vector<State> states;
  int64_t tokens;
};

/// How two functions compare on some inputs.
struct Comparison {
  Verdict verdict = Verdict::Unknown;
  /// Refuted: inputs and the result that differs.  Unknown: why.
  std::string detail;
  /// What was taken for granted.
  std::set<std::string> assumptions;
  /// Exponents inside the second function's chunks; those not known to be at most
  /// zero, in terms of the inputs.
  uint64_t exponents = 0;
  std::vector<std::string> rising;
  /// Undecided because the effort was spent.
  bool exhausted = false;
};

/// Runs both functions over terms and compares their results in normal form.
/// Where those differ, looks for numbers that show it.  `effort` bounds the terms.
/// `outputs` names the results.  With `arguments`, results need not have the same
/// shapes, only as many elements.  With `steps`, the second function runs token by
/// token, on slices of its arguments along the axis t.
Comparison compare(mlir::func::FuncOp meaning, mlir::func::FuncOp formed,
                   llvm::ArrayRef<Input> inputs, llvm::ArrayRef<Named> outputs,
                   uint64_t effort, llvm::ArrayRef<Argument> arguments = {},
                   const Steps *steps = nullptr);

/// Gives numbers to inputs of which everything that `func` computes is a rational
/// function, with no comparison: two polynomials that agree at such a point are the
/// same but for a chance below 1e-12.  False if `func` has no such input.
bool drawInputs(mlir::func::FuncOp func, std::vector<Input> &inputs);

} // namespace seqc::proof

#endif // SEQC_LIB_PROOF_EQUIVALENCE_H
