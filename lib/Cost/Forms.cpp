//===- Forms.cpp - What each form of a linear recurrence costs ------------===//
//
// The sequential form is bound by passes over the state, counted in vectors of it,
// the chunked one by multiply-adds.  The constants are fitted to measurements of six
// kinds of step at five sizes (`tools/dev/forms`; the table is in docs/performance.md).
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Cost/Forms.h"

using namespace seqc;

/// f32 elements of a vector, and bytes of state that stay in a first-level cache.
static constexpr int64_t kLanes = 16, kCache = 40 << 10;

FormCost seqc::formCost(const LinearShape &s) {
  double vectors = double(s.keys) * s.values / kLanes;
  bool resident = s.keys * s.values * 4 <= kCache;
  FormCost cost;
  // One pass decays, writes and reads; a correction has to read before it writes,
  // and the decayed state then is a pass of its own.
  bool gate = s.scalarGate || s.vectorGate;
  double pass = 2.7 + (s.pairs ? 0 : s.vectorGate ? 0.55 : s.scalarGate ? 0.3 : 0);
  double further = resident ? 1.3 : 2.1;
  cost.sequential =
      40 + vectors * (pass + further * (s.pairs + (s.pairs && gate)));
  // Two multiply-adds a vector and token, two of them a cycle; the rest is the state
  // moved once a chunk, and scores.  A pair reads the state again and has a triangle
  // to solve.  Vector gates take exponentials per key, for every system of scores.
  cost.chunked = 100 + 1.42 * vectors + s.pairs * (330 + 1.45 * vectors);
  if (s.scalarGate)
    cost.chunked += 65 + 0.11 * vectors;
  if (s.vectorGate)
    cost.chunked += (22.0 + 6.0 * s.pairs) * s.keys;
  return cost;
}
