//===- Forms.h - What each form of a linear recurrence costs ----*- C++ -*-===//

#ifndef SEQC_LIB_COST_FORMS_H
#define SEQC_LIB_COST_FORMS_H

#include <cstdint>

namespace seqc {

/// What the cost of a linear recurrence with a K x V state depends on.
struct LinearShape {
  int64_t keys = 0, values = 0;
  unsigned pairs = 0;
  bool scalarGate = false, vectorGate = false;
};

/// Cycles of one core for one token of one sequence, f32, vectors of 512 bits.
struct FormCost {
  double sequential = 0;
  /// In chunks of `kChunk` tokens.
  double chunked = 0;
  bool chunkedIsFaster() const { return chunked < sequential; }
};

/// Tokens of a chunk on CPUs: one sub-tile, so that vector gates need no anchors.
constexpr int64_t kChunk = 16;

FormCost formCost(const LinearShape &shape);

} // namespace seqc

#endif // SEQC_LIB_COST_FORMS_H
