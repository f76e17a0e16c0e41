//===- Interval.cpp - Declared ranges of arguments ------------------------===//

#include "seqc/lib/Support/Interval.h"

#include <cmath>

using namespace seqc;
using llvm::StringRef;

std::optional<Interval> seqc::parseRange(StringRef text) {
  auto number = [](StringRef part, double &v) {
    part = part.trim();
    return !part.empty() && !part.getAsDouble(v) && !std::isnan(v);
  };
  Interval range;
  text = text.trim();
  auto [from, to] = text.split("..");
  bool ok = text.consume_front("<=")   ? number(text, range.high)
            : text.consume_front(">=") ? number(text, range.low)
                                       : number(from, range.low) &&
                                             number(to, range.high);
  if (!ok || range.low > range.high)
    return std::nullopt;
  return range;
}
