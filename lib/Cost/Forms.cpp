//===- Forms.cpp - What each form of a recurrence costs -------------------===//
//
// The sequential form is bound by passes over the state, counted in vectors of it,
// the chunked one by multiply-adds.  The constants are fitted to measurements of six
// kinds of step at five sizes (`tools/dev/forms`; the table is in docs/performance.md).
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Cost/Forms.h"

#include <algorithm>
#include <cmath>

using namespace seqc;

/// f32 elements of a vector, and bytes of state that stay in a first-level cache.
static constexpr int64_t kLanes = 16, kCache = 40 << 10;
/// Cycles to wake threads for one loop, and loops of a call in parts.
static constexpr double kFork = 1e5, kPartLoops = 5;

static double vectorsOf(const LinearShape &s) {
  return double(s.keys) * s.values / kLanes;
}

FormCost seqc::stepCost(const LinearShape &s) {
  double vectors = vectorsOf(s);
  bool resident = s.keys * s.values * 4 <= kCache;
  // One pass decays, writes and reads; a correction has to read before it writes,
  // and the decayed state then is a pass of its own.
  bool gate = s.scalarGate || s.vectorGate;
  double pass = 2.7 + (s.pairs ? 0 : s.vectorGate ? 0.55 : s.scalarGate ? 0.3 : 0);
  double further = resident ? 1.3 : 2.1;
  FormCost cost;
  cost.token = 40 + vectors * (pass + further * (s.pairs + (s.pairs && gate)));
  return cost;
}

FormCost seqc::chunkCost(const LinearShape &s) {
  double vectors = vectorsOf(s);
  // Two multiply-adds a vector and token, two of them a cycle; the rest is the state
  // moved once a chunk, and scores.  A pair reads the state again and has a triangle
  // to solve.  Vector gates take exponentials per key, for every system of scores.
  FormCost cost;
  cost.token = 100 + 1.42 * vectors + s.pairs * (330 + 1.45 * vectors);
  if (s.scalarGate)
    cost.token += 65 + 0.11 * vectors;
  if (s.vectorGate)
    cost.token += (22.0 + 6.0 * s.pairs) * s.keys;
  // Products with the state, the triangles of scores, and what they weigh.
  double chunk = kChunk, keys = s.keys, values = s.values;
  cost.operations = (4 + 2.0 * s.pairs) * keys * values +
                    (1 + s.pairs) * (1 + s.pairs) * chunk * (keys + values);
  return cost;
}

FormCost seqc::partsCost(const FormCost &whole, const LinearShape &s, bool chunked) {
  // A summary writes and does not read; with corrections, transitions are matrices
  // that are as large as the state.  Token by token, what the step does in one pass
  // over the state is several.
  double summary = chunked ? 0.45 + 0.75 * s.pairs : 1.8;
  FormCost cost = whole;
  cost.token *= 1 + summary;
  cost.operations *= 1.5 + 0.5 * s.pairs;
  cost.bytes *= 2;
  // States before the parts, written and read.
  cost.sequence += vectorsOf(s) * 20;
  return cost;
}

FormCost seqc::elementCost(double operations, double bytes, bool contiguous) {
  FormCost cost;
  cost.operations = operations;
  cost.bytes = bytes;
  cost.token = std::max(operations / 28, bytes / 8);
  if (!contiguous)
    cost.token += 22; // an element at a time, gathered and scattered
  return cost;
}

FormCost seqc::scanCost(const FormCost &sequential, double elements, bool blocked) {
  FormCost cost = sequential;
  // The elements go through memory; a block is transposed on its way in and out and
  // combined twice.
  cost.bytes += 8 * elements;
  cost.operations += 4 * elements;
  cost.token = std::max(cost.operations / 28, cost.bytes / 8) + 0.8 * elements;
  if (!blocked)
    cost.token += sequential.token;
  return cost;
}

double seqc::cyclesOf(const FormCost &cost, double sequences, double tokens,
                      int64_t parts, const CpuMachine &machine) {
  double tasks = sequences * parts, cores = machine.cores;
  double rounds = std::ceil(tasks / cores);
  double forks = parts > 1 ? kPartLoops : tasks > 1 ? 1 : 0;
  return rounds * (cost.token * tokens / parts + cost.sequence) +
         (cores > 1 ? forks * kFork : 0);
}

std::optional<PartsRule> seqc::partsRule(const FormCost &whole,
                                         const FormCost &inParts,
                                         const CpuMachine &machine) {
  PartsRule rule;
  rule.parts = machine.cores;
  for (int64_t n = 1; n < machine.cores; ++n) {
    auto gain = [&](double tokens) {
      double before = cyclesOf(whole, n, tokens, 1, machine);
      return (before - cyclesOf(inParts, n, tokens, rule.parts, machine)) / before;
    };
    // A tenth at least, and the fewest tokens that give it, to a power of two.
    constexpr int64_t most = 1 << 20;
    if (gain(most) < 0.1)
      break;
    int64_t tokens = 64;
    while (gain(tokens) < 0.1)
      tokens *= 2;
    rule.sequences = n;
    rule.tokens = std::max(rule.tokens, tokens);
  }
  if (!rule.sequences)
    return std::nullopt;
  return rule;
}
