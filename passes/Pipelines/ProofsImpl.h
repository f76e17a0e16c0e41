//===- ProofsImpl.h - Instances of an entry at small sizes ------*- C++ -*-===//

#ifndef SEQC_PASSES_PIPELINES_PROOFSIMPL_H
#define SEQC_PASSES_PIPELINES_PROOFSIMPL_H

#include "CompilerImpl.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Proof/Equivalence.h"
#include "seqc/passes/Pipelines/Proofs.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

#include <set>

namespace seqc::proofs {
using namespace mlir;
using proof::Comparison;
using proof::Input;
using proof::Obligation;
using proof::Verdict;

/// Operations on terms for one comparison, and for one in a compile; which part of them
/// is spent where inputs may be numbers if it is not enough.
inline constexpr uint64_t kEffort = 3'000'000, kEffortOfCompile = 300'000,
                          kShareBeforeNumbers = 5;
/// Chunk lengths and feature sizes that proofs cover.
inline constexpr int64_t kLongestChunk = 4;
inline constexpr unsigned kSizes = 3;

/// An entry at small sizes, alone in a module.
struct Instance {
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
  EntryInfo entry;
};

/// One way of building the entry.
struct Build {
  std::string claim;
  CompileOptions options;
  int64_t longestChunk = 1; // 1: no chunks
  SmallVector<int64_t> lengths;
};

class Prover {
public:
  Prover(func::FuncOp func, const CompileOptions &options)
      : options(options), name(func.getName().str()) {
    this->options.checkForms = false; // that is what is done here
    whole = alone(func);
  }
  std::vector<Obligation> run();
  /// What a compile asks of the form, or the parts, of the options.
  std::optional<Obligation> glance();

private:
  OwningOpRef<ModuleOp> alone(func::FuncOp func);
  llvm::Expected<Instance> instance(unsigned variant);
  void monoids();
  void form(const Build &build);
  /// One case; `draws` if terms were too many and inputs are numbers from here on.
  Comparison oneCase(Instance &small, ModuleOp made, int64_t length, unsigned pattern,
                     uint64_t effort, bool &draws);
  /// False if the chunked form is only used where it is asked for.
  bool isLegal(const CompileOptions &options);
  /// True if compiling to the form is proved for every recurrence.
  bool isUsed(const CompileOptions &options);
  /// Of a program whose routes are data: its recurrences and scans, one by one.
  void parts();
  void decode();
  OwningOpRef<ModuleOp> formed(ModuleOp from, const CompileOptions &options,
                               Stage stage = Stage::Formed);
  func::FuncOp find(ModuleOp module, StringRef name) {
    return module.lookupSymbol<func::FuncOp>(name);
  }

  CompileOptions options;
  std::string name;
  OwningOpRef<ModuleOp> whole;
  std::vector<Obligation> obligations;
};

/// What has been shown of one claim, over all sizes.
struct Summary {
  Verdict verdict = Verdict::Proved;
  unsigned cases = 0;
  std::string detail;
  std::set<std::string> assumptions;
  uint64_t exponents = 0;
  std::vector<std::string> rising;
  /// The smallest case whose terms were too many.
  std::string beyond;

  /// False if nothing more needs to be looked at.
  bool add(Comparison c, const std::string &where);
  Obligation obligation(std::string claim, const std::string &scope) const;
};

/// True if two functions have the same operations.
bool isSame(func::FuncOp a, func::FuncOp b);
/// True if the program has no steps, or computes tensors of integers outside of them,
/// so that values decide which elements are taken.
bool isProvedInParts(func::FuncOp func);
/// Runs passes without a word; false if one failed.
bool runQuietly(PassManager &pm, ModuleOp module);
/// Sizes 1, 2 and 3 in turn, so that neighbouring extents differ.
int64_t sizeOf(unsigned variant, unsigned extent);
/// True for the name of a time axis.
bool isTime(StringRef symbol);
/// Sizes for a sequence of `length` tokens: one of everything else, as many heads
/// as groups need, three segments.
std::vector<int64_t> symbolsFor(const EntryInfo &entry, int64_t length);
SmallVector<int64_t> shapeOf(const EntryArg &arg, ArrayRef<int64_t> symbols);
/// The arguments for `length` tokens; `pattern` has a bit per token for flags.
std::vector<Input> inputsFor(const EntryInfo &entry, int64_t length,
                             unsigned pattern);
std::vector<proof::Named> outputsOf(const EntryInfo &entry);
bool hasFlags(const EntryInfo &entry);
/// Patterns of flags to try.
SmallVector<unsigned> patternsOf(const EntryInfo &entry);
std::string sizesText(const EntryInfo &entry, int64_t length);

} // namespace seqc::proofs

#endif // SEQC_PASSES_PIPELINES_PROOFSIMPL_H
