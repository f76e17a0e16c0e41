//===- Forms.h - What each form of a recurrence costs -----------*- C++ -*-===//

#ifndef SEQC_LIB_COST_FORMS_H
#define SEQC_LIB_COST_FORMS_H

#include <cstdint>
#include <optional>

namespace seqc {

namespace target {
struct Cpu;
}

/// What a choice of form needs to know of a CPU.
struct CpuMachine {
  int64_t cores = 1;
  /// Lanes of an f32 vector.
  int64_t lanes = 16;
  /// Multiply-adds of vectors a cycle, and cycles of exp of a vector.
  double fmas = 2, functionCycles = 10;
  int64_t l1Bytes = 48 << 10, l2Bytes = 1 << 20;
  /// Bytes from memory per core and cycle.
  double memory = 6;
  /// Products of chunks of bf16 tokens are dot products of bf16 pairs.
  bool narrow = false;

  /// f32 additions and multiplications per core and cycle.
  double operations() const { return 2 * fmas * lanes; }
  double bytes() const { return memory; }
};
/// What `cpu` says of itself, on so many cores and with vectors of `lanes`, 0: its own.
CpuMachine machineOf(const target::Cpu &cpu, int64_t cores, int64_t lanes, bool narrow);

/// What the cost of a linear recurrence with a K x V state depends on.
struct LinearShape {
  int64_t keys = 0, values = 0;
  unsigned pairs = 0;
  bool scalarGate = false, vectorGate = false;
  /// Keys, values and queries are bf16.
  bool narrow = false;
};

/// One form, for one token of one sequence.
struct FormCost {
  /// Estimated cycles of one core, and those of a sequence beside its tokens.
  double token = 0, sequence = 0;
  /// What it has to do: floating-point operations, bytes in and out of memory.
  double operations = 0, bytes = 0;

  FormCost &operator+=(const FormCost &other) {
    token += other.token;
    sequence += other.sequence;
    operations += other.operations;
    bytes += other.bytes;
    return *this;
  }
  /// Cycles below which no machine of this kind gets, on one core.
  double floor(const CpuMachine &machine) const {
    double arithmetic = operations / machine.operations(),
           memory = bytes / machine.bytes();
    return arithmetic > memory ? arithmetic : memory;
  }
};

/// Tokens of a chunk on CPUs: one sub-tile, so that vector gates need no anchors.
constexpr int64_t kChunk = 16;

/// A linear recurrence token by token, in f32; its operations and bytes are the
/// caller's to add.
FormCost stepCost(const LinearShape &shape, const CpuMachine &machine);
/// In chunks of `kChunk` tokens.
FormCost chunkCost(const LinearShape &shape, const CpuMachine &machine);
/// `whole`, one of these two, over parts of a sequence that run apart.
FormCost partsCost(const FormCost &whole, const LinearShape &shape, bool chunked,
                   const CpuMachine &machine);

/// A recurrence with a dense transition that is the same at every token.
struct ConstantShape {
  /// Order of the transition, and columns of the state.
  int64_t order = 0, columns = 1;
  /// The state itself, contractions with what no token changes, or with vectors of each.
  enum class Reads { Whole, Fixed, Queries } reads = Reads::Queries;
};
FormCost constantCost(const ConstantShape &shape, bool chunked, const CpuMachine &machine);

/// Of an elementwise step, for one channel: `operations` of arithmetic, `bytes` read
/// and written.  `contiguous` says whether neighbouring channels are neighbours in
/// memory; if not, `lanes` of them are gathered.
FormCost elementCost(double operations, double bytes, bool contiguous);
/// `sequential`, of elementwise steps if `blocked`, as a scan: along contiguous rows in
/// blocks, else one token after the other.  `elements` numbers are combined per token.
FormCost scanCost(const FormCost &sequential, double elements, bool blocked);

/// Cycles from start to end of a call: `sequences` of `tokens`, each in `parts`.
double cyclesOf(const FormCost &cost, double sequences, double tokens, int64_t parts,
                const CpuMachine &machine);

/// When parts that run apart are worth it: up to so many sequences, of at least so
/// many tokens.
struct PartsRule {
  int64_t parts = 1, sequences = 0, tokens = 0;
};
std::optional<PartsRule> partsRule(const FormCost &whole, const FormCost &inParts,
                                   const CpuMachine &machine);

} // namespace seqc

#endif // SEQC_LIB_COST_FORMS_H
