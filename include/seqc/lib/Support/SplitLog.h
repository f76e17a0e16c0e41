//===- SplitLog.h - A logarithm in two parts --------------------*- C++ -*-===//

#ifndef SEQC_LIB_SUPPORT_SPLITLOG_H
#define SEQC_LIB_SUPPORT_SPLITLOG_H

#include <cmath>
#include <utility>

namespace seqc {

/// log(base) as a sum of two numbers of f32: to 48 bits, whatever the type that it is
/// multiplied in.
inline std::pair<double, double> splitLog(double base) {
  double log = std::log(base), high = float(log);
  return {high, float(log - high)};
}

} // namespace seqc

#endif // SEQC_LIB_SUPPORT_SPLITLOG_H
