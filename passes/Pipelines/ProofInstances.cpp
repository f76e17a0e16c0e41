//===- ProofInstances.cpp - An entry at small sizes -----------------------===//

#include "ProofsImpl.h"

#include "seqc/lib/Proof/Shrink.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/Passes.h"

#include <numeric>

using namespace mlir;
using namespace seqc;
using namespace seqc::proofs;

/// Divisors of an axis are the user's: beyond this many heads nothing is tried.
static constexpr int64_t kMostHeads = 1024;

bool Summary::add(Comparison c, const std::string &where) {
  if (c.exhausted) {
    if (beyond.empty())
      beyond = where;
    return true;
  }
  ++cases;
  assumptions.insert(c.assumptions.begin(), c.assumptions.end());
  exponents += c.exponents;
  if (rising.empty())
    rising = c.rising;
  if (c.verdict == Verdict::Proved)
    return true;
  verdict = c.verdict;
  detail = where + ": " + c.detail;
  return false;
}

Obligation Summary::obligation(std::string claim, const std::string &scope) const {
  Obligation o;
  o.claim = std::move(claim);
  o.verdict = verdict;
  o.detail = detail;
  if (cases == 0) {
    o.verdict = Verdict::Unknown;
    o.detail = beyond.empty() ? "no small instance of the program has this form"
                              : "too many terms for " + beyond;
  } else if (verdict == Verdict::Proved) {
    o.detail = scope;
    if (!beyond.empty())
      o.detail += " as far as terms are not too many, as for " + beyond;
    for (const std::string &assumption : assumptions)
      o.detail += "; " + assumption;
  }
  return o;
}

//===----------------------------------------------------------------------===//
// Instances
//===----------------------------------------------------------------------===//

/// Runs passes without a word; false if one failed.
bool seqc::proofs::runQuietly(PassManager &pm, ModuleOp module) {
  ScopedDiagnosticHandler quiet(module.getContext(), [](Diagnostic &) {});
  return succeeded(pm.run(module));
}

/// A copy of the entry in a module of its own, calls inlined.
OwningOpRef<ModuleOp> Prover::alone(func::FuncOp func) {
  OwningOpRef<ModuleOp> copy(func->getParentOfType<ModuleOp>().clone());
  PassManager pm(copy->getContext());
  pm.addPass(createInlinerPass());
  if (!runQuietly(pm, *copy))
    return {};
  for (auto other : llvm::make_early_inc_range(copy->getOps<func::FuncOp>()))
    if (other.getName() != name)
      other.erase();
  func::FuncOp mine = find(*copy, name);
  // Names tell which argument of a step is which.
  for (unsigned i = 0; i < mine.getNumArguments(); ++i)
    if (!mine.getArgAttr(i, "seqc.name"))
      mine.setArgAttr(i, "seqc.name",
                      StringAttr::get(copy->getContext(), "arg" + Twine(i)));
  return copy;
}

/// Sizes 1, 2 and 3 in turn, so that neighbouring extents differ.
int64_t seqc::proofs::sizeOf(unsigned variant, unsigned extent) {
  return 1 + (extent + variant) % kSizes;
}

llvm::Expected<Instance> Prover::instance(unsigned variant) {
  Instance result;
  result.module = OwningOpRef<ModuleOp>(whole->clone());
  result.func = find(*result.module, name);
  auto free = proof::shrink(result.func,
                            [&](unsigned i) { return sizeOf(variant, i); });
  if (!free)
    return free.takeError();
  // Periods of snapshots are sizes, too.
  result.func.walk([](RecurrenceOp op) {
    SmallVector<int64_t> snapshots(op.getSnapshots());
    for (size_t i = 1; i < snapshots.size(); i += 2)
      snapshots[i] = std::min<int64_t>(snapshots[i], 2);
    op.setSnapshots(snapshots);
  });
  auto entry = describeEntry(result.func);
  if (!entry)
    return entry.takeError();
  result.entry = std::move(*entry);
  if (llvm::any_of(symbolsFor(result.entry, 1), [](int64_t n) { return n > kMostHeads; }))
    return llvm::createStringError("an axis has groups of more than %lld",
                                   static_cast<long long>(kMostHeads));
  return result;
}

OwningOpRef<ModuleOp> Prover::formed(ModuleOp from, const CompileOptions &options,
                                     Stage stage) {
  OwningOpRef<ModuleOp> copy(from.clone());
  CompileOptions to = options;
  to.stopAfter = stage;
  to.chunksAreSolved = false;
  PassManager pm(copy->getContext());
  buildPipeline(pm, to);
  if (!runQuietly(pm, *copy))
    return {};
  return copy;
}

bool seqc::proofs::isSame(func::FuncOp a, func::FuncOp b) {
  return OperationEquivalence::isRegionEquivalentTo(
      &a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

bool seqc::proofs::isTime(StringRef symbol) {
  return symbol.consume_front("t") && llvm::all_of(symbol, llvm::isDigit);
}

/// Sizes for a sequence of `length` tokens: one of everything else, as many heads
/// as groups need, three segments.
std::vector<int64_t>
seqc::proofs::symbolsFor(const EntryInfo &entry, int64_t length) {
  std::vector<int64_t> values(entry.symbols.size(), 1);
  for (const EntryArg &arg : entry.args)
    for (const EntryDim &dim : arg.dims)
      if (dim.symbol >= 0) {
        int64_t &value = values[dim.symbol];
        value = dim.divisor > kMostHeads
                    ? kMostHeads + 1
                    : std::min(std::lcm(value, dim.divisor), kMostHeads + 1);
        if (arg.cuts)
          value = 3;
      }
  for (auto [symbol, value] : llvm::zip(entry.symbols, values))
    if (isTime(symbol))
      value = length;
  return values;
}

SmallVector<int64_t> seqc::proofs::shapeOf(const EntryArg &arg,
                                           ArrayRef<int64_t> symbols) {
  SmallVector<int64_t> shape;
  for (const EntryDim &dim : arg.dims)
    shape.push_back(dim.symbol < 0 ? dim.size
                                   : symbols[dim.symbol] / dim.divisor + dim.offset);
  return shape;
}

static proof::Named named(const EntryInfo &entry, const EntryArg &arg) {
  proof::Named result{arg.name, {}};
  for (const EntryDim &dim : arg.dims)
    result.axes.push_back(dim.symbol < 0 ? "" : entry.symbols[dim.symbol]);
  return result;
}

/// The arguments for `length` tokens; `pattern` has a bit per token for flags.
std::vector<Input> seqc::proofs::inputsFor(const EntryInfo &entry, int64_t length,
                                           unsigned pattern) {
  std::vector<int64_t> symbols = symbolsFor(entry, length);
  std::vector<Input> inputs;
  for (const EntryArg &arg : entry.args) {
    if (arg.isOutput)
      continue;
    Input input;
    static_cast<proof::Named &>(input) = named(entry, arg);
    input.shape = shapeOf(arg, symbols);
    input.range = arg.range;
    Type element = getElementTypeOrSelf(arg.type);
    if (!isa<FloatType>(element)) {
      int64_t n = 1;
      for (int64_t size : input.shape)
        n *= size;
      bool flags = element.isInteger(1) || element.isInteger(8);
      std::vector<double> numbers;
      for (int64_t i = 0; i < n; ++i)
        numbers.push_back(flags ? (pattern >> (i % 8)) & 1 : i % 4);
      // An empty segment between two others.
      if (arg.cuts)
        for (int64_t i = 0; i < n; ++i)
          numbers[i] = i == 0 ? 0 : i + 1 == n ? length : std::min<int64_t>(1, length);
      input.numbers = numbers;
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

std::vector<proof::Named> seqc::proofs::outputsOf(const EntryInfo &entry) {
  std::vector<proof::Named> outputs;
  for (const EntryArg &arg : entry.args)
    if (arg.isOutput)
      outputs.push_back(named(entry, arg));
  return outputs;
}

bool seqc::proofs::hasFlags(const EntryInfo &entry) {
  return llvm::any_of(entry.args, [](const EntryArg &arg) {
    Type element = getElementTypeOrSelf(arg.type);
    return !arg.isOutput && (element.isInteger(1) || element.isInteger(8));
  });
}

/// Patterns of flags to try: without, and two with neighbours and gaps.
SmallVector<unsigned> seqc::proofs::patternsOf(const EntryInfo &entry) {
  return hasFlags(entry) ? SmallVector<unsigned>{0b01010, 0b01101}
                         : SmallVector<unsigned>{0};
}

std::string seqc::proofs::sizesText(const EntryInfo &entry, int64_t length) {
  std::string text = std::to_string(length) + (length == 1 ? " token" : " tokens");
  for (const EntryArg &arg : entry.args) {
    SmallVector<int64_t> features;
    for (const EntryDim &dim : arg.dims)
      if (dim.symbol < 0)
        features.push_back(dim.size);
    if (features.empty() || arg.isOutput)
      continue;
    text += ", " + arg.name + " of ";
    for (auto [i, size] : llvm::enumerate(features))
      text += (i ? "x" : "") + std::to_string(size);
  }
  return text;
}
