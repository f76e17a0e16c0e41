//===- Forms.cpp - What each form of a recurrence costs -------------------===//
//
// The sequential form is bound by passes over the state, counted in vectors of it,
// the chunked one by multiply-adds.  The constants are least-squares fits to the
// measurements of `tools/dev/forms` (docs/performance.md) on a machine with two
// multiply-adds of 16 lanes a cycle, whose exp of a vector takes 10 cycles: that is
// what `Rates` scales them from.
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Cost/Forms.h"

#include "seqc/lib/Target/Machine.h"

#include <algorithm>
#include <cmath>

using namespace seqc;

/// Cycles to wake threads for one loop, and loops of a call in parts.
static constexpr double kFork = 7e3, kPartLoops = 2;

CpuMachine seqc::machineOf(const target::Cpu &cpu, int64_t cores, int64_t lanes,
                           bool narrow) {
  CpuMachine machine;
  machine.cores = cores;
  machine.lanes = lanes > 0 ? lanes : std::max<int64_t>(1, cpu.lanes());
  machine.fmas = cpu.fmas;
  machine.functionCycles = cpu.functionCycles;
  machine.l1Bytes = cpu.l1Bytes;
  machine.l2Bytes = cpu.l2Bytes;
  machine.memory = cpu.copyBandwidth / (cpu.clock * std::max<int64_t>(1, cpu.cores));
  machine.narrow = narrow;
  return machine;
}

namespace {
/// Vectors of a shape, each with the multiply-adds that the fitted machine does in as
/// many cycles as `machine` does its own.
struct Rates {
  Rates(const LinearShape &s, const CpuMachine &m)
      : pace(2 / m.fmas), state(pace * s.keys * s.values / m.lanes),
        rows(pace * (s.keys + s.values) / m.lanes),
        functions(m.functionCycles / 10 * s.keys / m.lanes) {}
  double pace;
  /// Vectors of the state, of a token's key and value, of gates along the keys.
  double state, rows, functions;
};
} // namespace

FormCost seqc::stepCost(const LinearShape &s, const CpuMachine &machine) {
  Rates n(s, machine);
  // Beside the state there are tokens in the first-level cache.
  int64_t bytes = 4 * s.keys * s.values, room = machine.l1Bytes * 5 / 6;
  bool first = bytes <= room, twice = 2 * bytes <= room,
       second = bytes <= machine.l2Bytes / 5;
  bool gate = s.scalarGate || s.vectorGate;
  // One pass decays, writes and reads; a correction has to read before it writes,
  // and the decayed state then is a pass, and a state, of its own.
  double passes = 2.25 + (first ? 0 : 0.5) + s.pairs * (1.1 + (first ? 0 : 0.35));
  if (s.pairs && gate)
    passes += twice ? 0.3 : second ? 1.5 : 3.5;
  FormCost cost;
  cost.token = 30 + passes * n.state + (s.vectorGate ? 17 * n.functions : 0) +
               (s.narrow ? 12 * n.rows : 0);
  return cost;
}

FormCost seqc::chunkCost(const LinearShape &s, const CpuMachine &machine) {
  Rates n(s, machine);
  bool narrow = s.narrow && machine.narrow;
  // Products with the state, moved once a chunk, and scores, of all pairs of tokens.
  // A correction reads the state again and has a triangle to solve.  Vector gates take
  // an exponential per key, and decays of rows where the state and its keys are read.
  FormCost cost;
  cost.token = narrow ? 15 * n.rows + 0.7 * n.state : 25 * n.rows + 0.94 * n.state;
  cost.token += s.pairs * (narrow ? 120 + 15 * n.rows + 0.72 * n.state
                                  : 120 + 22 * n.rows + 1.18 * n.state);
  if (s.scalarGate)
    cost.token += 15 + 0.065 * n.state;
  if (s.vectorGate)
    cost.token += 17 * n.functions + 0.25 * n.state + s.pairs * (60 + 5 * n.functions);
  cost.sequence = 640 + 9 * n.state;
  double chunk = kChunk, keys = s.keys, values = s.values;
  cost.operations = (4 + 2.0 * s.pairs) * keys * values +
                    (1 + s.pairs) * (1 + s.pairs) * chunk * (keys + values);
  return cost;
}

FormCost seqc::partsCost(const FormCost &whole, const LinearShape &s, bool chunked,
                         const CpuMachine &machine) {
  Rates n(s, machine);
  // A summary writes and does not read; with corrections, transitions are matrices
  // that are as large as the state.  Token by token, what the step does in one pass
  // over the state is several.
  bool gate = s.scalarGate || s.vectorGate, narrow = s.narrow && machine.narrow;
  double summary = chunked ? (narrow ? 0.6 : 0.45) + (narrow ? 1.0 : 0.75) * s.pairs
                           : 0.9 + 0.6 * gate + 0.5 * s.pairs;
  FormCost cost = whole;
  cost.token += summary * cost.token;
  cost.operations *= 1.5 + 0.5 * s.pairs;
  cost.bytes *= 2;
  // States before the parts, written and read in memory that is new to the call.
  cost.sequence += 40 * n.state;
  return cost;
}

FormCost seqc::constantCost(const ConstantShape &s, bool chunked,
                            const CpuMachine &machine) {
  FormCost cost;
  double pace = 2 / machine.fmas, order = s.order;
  double vectors = pace * order * order * s.columns / machine.lanes;
  bool far = 4 * s.order * s.order > machine.l2Bytes / 5;
  // Matrices: a product a token, or one a chunk and powers for pairs of tokens.  Vectors:
  // a row of the transition is read for each element; in chunks, a token whose read is
  // the state takes a power of it, one that reads in its own way powers of its own.
  if (s.columns > 1)
    cost.token = chunked ? 36 * order + 0.31 * vectors : 100 + 0.56 * vectors;
  else if (!chunked)
    cost.token = 60 + (far ? 2.1 : 1.3) * vectors;
  else if (s.reads == ConstantShape::Reads::Fixed)
    cost.token = 210 + 0.72 * vectors;
  else if (s.reads == ConstantShape::Reads::Whole)
    cost.token = 64 + (far ? 2.25 : 1.78) * vectors;
  else
    cost.token = 200 + (far ? 4.3 : 3.05) * vectors;
  if (chunked) {
    // Powers of the transition; the state moves once a chunk, is written and read, and
    // pairs of tokens have a response each.
    cost.sequence = pace * (1e4 + 2.5 * order * order * order / machine.lanes);
    cost.operations = (2 * order * order / kChunk + 4 * order + kChunk) * s.columns;
  }
  return cost;
}

FormCost seqc::elementCost(double operations, double bytes, bool contiguous) {
  FormCost cost;
  cost.operations = operations;
  cost.bytes = bytes;
  cost.token = std::max(operations / 28, bytes / 8);
  if (!contiguous)
    cost.token += 40; // an element at a time, gathered and scattered
  return cost;
}

FormCost seqc::scanCost(const FormCost &sequential, double elements, bool blocked) {
  FormCost cost = sequential;
  // The elements go through memory.
  cost.bytes += 8 * elements;
  cost.operations += 4 * elements;
  cost.token = std::max(cost.operations / 28, cost.bytes / 8);
  // A block is transposed on its way in and out and combined twice, which hides what
  // makes its elements, along time, or is hidden by it.
  double combining = 0.8 * elements;
  if (blocked)
    cost.token += std::max(
        combining, elementCost(sequential.operations, sequential.bytes, true).token);
  else
    cost.token += combining + sequential.token;
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
    // A twentieth at least, and the fewest tokens that give it, to a power of two.
    constexpr int64_t most = 1 << 20;
    constexpr double least = 0.05;
    if (gain(most) < least)
      break;
    int64_t tokens = 64;
    while (gain(tokens) < least)
      tokens *= 2;
    rule.sequences = n;
    rule.tokens = std::max(rule.tokens, tokens);
  }
  if (!rule.sequences)
    return std::nullopt;
  return rule;
}
