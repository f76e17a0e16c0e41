//===- Monoid.h - Is a combine region a monoid? -----------------*- C++ -*-===//

#ifndef SEQC_LIB_PROOF_MONOID_H
#define SEQC_LIB_PROOF_MONOID_H

#include "seqc/dialects/Seq/Seq.h"

#include <string>

namespace seqc::proof {

enum class Verdict { Proved, Refuted, Unknown };
llvm::StringRef verdictName(Verdict verdict);

/// One thing that has to hold, and what became of it.
struct Obligation {
  /// "the combine region is associative".
  std::string claim;
  Verdict verdict = Verdict::Unknown;
  /// Refuted: a counterexample.  Unknown: why, and what is done instead.
  std::string detail;
};

/// Looks for a counterexample to associativity and to the identity's neutrality
/// among fixed pseudo-random values.  Refuted, or unknown.
llvm::SmallVector<Obligation> testMonoid(ScanOp scan);

/// The same, and then a proof over the reals: exp, log and maximum with their
/// laws, infinities only as identities.  Deterministic effort.
llvm::SmallVector<Obligation> proveMonoid(ScanOp scan);

} // namespace seqc::proof

#endif // SEQC_LIB_PROOF_MONOID_H
