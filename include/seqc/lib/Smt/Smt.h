//===- Smt.h - Real arithmetic for a solver ---------------------*- C++ -*-===//
//
// The only room that includes Z3; nothing of it shows here.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_SMT_SMT_H
#define SEQC_LIB_SMT_SMT_H

#include "llvm/ADT/StringRef.h"

#include <map>
#include <memory>
#include <string>

namespace seqc::smt {

/// A term of a context, by number.
using Term = unsigned;

enum class Answer { Valid, Invalid, Unknown };

/// Terms over the reals and claims about them.
class Context {
public:
  Context();
  ~Context();
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;

  Term real(llvm::StringRef name);
  /// The exact value of a finite double.
  Term number(double value);
  Term boolean(bool value);
  Term add(Term a, Term b);
  Term sub(Term a, Term b);
  Term mul(Term a, Term b);
  Term div(Term a, Term b);
  Term ite(Term condition, Term a, Term b);
  Term less(Term a, Term b);
  Term lessEqual(Term a, Term b);
  Term equal(Term a, Term b);
  Term both(Term a, Term b);
  Term either(Term a, Term b);
  Term negation(Term a);
  void assume(Term claim);

  /// Whether the assumptions imply `claim`, within `effort` (Z3's resource
  /// limit: the same on every machine).  Invalid: `model` has the reals' values.
  Answer prove(Term claim, unsigned effort,
               std::map<std::string, double> *model = nullptr);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace seqc::smt

#endif // SEQC_LIB_SMT_SMT_H
