//===- Forms.cpp - What each form of a linear recurrence costs ------------===//
//
// Both forms are bound by passes over the state, counted in vectors of it.  The
// constants are fitted to measurements of six kinds of step at five sizes
// (`tools/dev/forms`; the table is in docs/performance.md).
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
  cost.sequential = vectors * (pass + further * (s.pairs + (s.pairs && gate)));
  // The state once a chunk, scores and triangle per token, exponentials per key.
  cost.chunked = 100 + vectors * (resident ? 2.2 : 3.1) +
                 s.pairs * (550 + 0.8 * vectors);
  if (s.scalarGate)
    cost.chunked += 250;
  if (s.vectorGate)
    cost.chunked += 42.0 * s.keys;
  return cost;
}
