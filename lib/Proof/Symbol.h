//===- Symbol.h - Values that are formulas ----------------------*- C++ -*-===//
//
// The interpreter's domain of proofs.  A value is a number, a condition, or a
// formula for the value itself (`plain`) and, where exponentials matter, one for
// its exponential (`exponential`, positive): exp(x + y) is a product there, and
// comparing exponentials compares values.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_PROOF_SYMBOL_H
#define SEQC_LIB_PROOF_SYMBOL_H

#include "seqc/lib/Reference/Interpreter.h"
#include "seqc/lib/Smt/Smt.h"

#include <optional>

namespace seqc::proof {

struct Symbol {
  /// A number; infinities included.
  std::optional<double> number = 0.0;
  smt::Context *context = nullptr;
  std::optional<smt::Term> plain, exponential, condition;

  static Symbol constant(double value) {
    Symbol s;
    s.number = value;
    return s;
  }
  static Symbol unknown() {
    Symbol s;
    s.number.reset();
    return s;
  }
  bool isUnknown() const {
    return !number && !plain && !exponential && !condition;
  }
};

/// A claim that two values are equal, or nothing if they cannot be compared.
std::optional<smt::Term> equal(smt::Context &context, const Symbol &a,
                               const Symbol &b);

} // namespace seqc::proof

template <>
struct seqc::reference::Domain<seqc::proof::Symbol> {
  using Symbol = seqc::proof::Symbol;
  static Symbol fromDouble(double v) { return Symbol::constant(v); }
  static double toDouble(const Symbol &v) {
    // Indices have to be numbers.
    decidedByTerm |= !v.number;
    return v.number.value_or(0);
  }
  /// Set where a formula would have decided which element is taken.
  static inline thread_local bool decidedByTerm = false;
  static Symbol add(const Symbol &a, const Symbol &b);
  static Symbol multiply(const Symbol &a, const Symbol &b);
  static Symbol exponential(const Symbol &a);
  static bool isNaN(const Symbol &a) { return a.number && *a.number != *a.number; }
  static Symbol less(const Symbol &a, const Symbol &b);
  static Symbol select(const Symbol &condition, const Symbol &a, const Symbol &b);
  static Symbol maximum(const Symbol &a, const Symbol &b);
  static Symbol minimum(const Symbol &a, const Symbol &b);
  static std::function<Symbol(const Symbol *)> resolve(mlir::Operation *op);
};

#endif // SEQC_LIB_PROOF_SYMBOL_H
