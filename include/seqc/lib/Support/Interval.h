//===- Interval.h - Declared ranges of arguments ----------------*- C++ -*-===//

#ifndef SEQC_LIB_SUPPORT_INTERVAL_H
#define SEQC_LIB_SUPPORT_INTERVAL_H

#include "llvm/ADT/StringRef.h"

#include <limits>
#include <optional>

namespace seqc {

/// A closed interval of the extended reals.
struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool within(double lo, double hi) const { return low >= lo && high <= hi; }
};

/// The argument attribute that declares a range.
inline constexpr llvm::StringLiteral kRangeAttr = "seqc.range";

/// Reads "<= N", ">= N" or "A .. B"; nothing if the text is none of these or the
/// interval is empty.
std::optional<Interval> parseRange(llvm::StringRef text);

} // namespace seqc

#endif // SEQC_LIB_SUPPORT_INTERVAL_H
