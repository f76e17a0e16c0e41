//===- Proofs.cpp - What compilation relies on, proved --------------------===//
//
// A form is proved on what the passes emit: the program at small feature sizes
// goes through the same pipeline, and the interpreter runs both over terms.
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Pipelines/Proofs.h"

#include "CompilerImpl.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Proof/Equivalence.h"
#include "seqc/lib/Proof/Shrink.h"
#include "seqc/passes/Forms/Passes.h"
#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <numeric>

using namespace mlir;
using namespace seqc;
using proof::Comparison;
using proof::Input;
using proof::Obligation;
using proof::Verdict;

/// Operations on terms for one comparison.
static constexpr uint64_t kEffort = 600'000;
/// Chunk lengths and feature sizes that proofs cover.
static constexpr int64_t kLongestChunk = 4;
static constexpr unsigned kSizes = 3;

namespace {
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
    whole = alone(func);
  }
  std::vector<Obligation> run();

private:
  OwningOpRef<ModuleOp> alone(func::FuncOp func);
  llvm::Expected<Instance> instance(unsigned variant);
  void monoids();
  void form(const Build &build);
  void chunked();
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
} // namespace

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
static bool runQuietly(PassManager &pm, ModuleOp module) {
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
static int64_t sizeOf(unsigned variant, unsigned extent) {
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
  return result;
}

OwningOpRef<ModuleOp> Prover::formed(ModuleOp from, const CompileOptions &options,
                                     Stage stage) {
  OwningOpRef<ModuleOp> copy(from.clone());
  CompileOptions to = options;
  to.stopAfter = stage;
  PassManager pm(copy->getContext());
  buildPipeline(pm, to);
  if (!runQuietly(pm, *copy))
    return {};
  return copy;
}

static bool isTime(StringRef symbol) {
  return symbol.consume_front("t") && llvm::all_of(symbol, llvm::isDigit);
}

/// Sizes for a sequence of `length` tokens: one of everything else, as many heads
/// as groups need, three segments.
static std::vector<int64_t> symbolsFor(const EntryInfo &entry, int64_t length) {
  std::vector<int64_t> values(entry.symbols.size(), 1);
  for (const EntryArg &arg : entry.args)
    for (const EntryDim &dim : arg.dims)
      if (dim.symbol >= 0) {
        int64_t &value = values[dim.symbol];
        value = std::lcm(value, dim.divisor);
        if (arg.segmentsOf >= 0)
          value = 3;
      }
  for (auto [symbol, value] : llvm::zip(entry.symbols, values))
    if (isTime(symbol))
      value = length;
  return values;
}

static SmallVector<int64_t> shapeOf(const EntryArg &arg, ArrayRef<int64_t> symbols) {
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
static std::vector<Input> inputsFor(const EntryInfo &entry, int64_t length,
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
      if (arg.segmentsOf >= 0)
        for (int64_t i = 0; i < n; ++i)
          numbers[i] = i == 0 ? 0 : i + 1 == n ? length : std::min<int64_t>(1, length);
      input.numbers = numbers;
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

static std::vector<proof::Named> outputsOf(const EntryInfo &entry) {
  std::vector<proof::Named> outputs;
  for (const EntryArg &arg : entry.args)
    if (arg.isOutput)
      outputs.push_back(named(entry, arg));
  return outputs;
}

static bool hasFlags(const EntryInfo &entry) {
  return llvm::any_of(entry.args, [](const EntryArg &arg) {
    Type element = getElementTypeOrSelf(arg.type);
    return !arg.isOutput && (element.isInteger(1) || element.isInteger(8));
  });
}

/// Patterns of flags to try: without, and two with neighbours and gaps.
static SmallVector<unsigned> patternsOf(const EntryInfo &entry) {
  return hasFlags(entry) ? SmallVector<unsigned>{0b01010, 0b01101}
                         : SmallVector<unsigned>{0};
}

static std::string sizesText(const EntryInfo &entry, int64_t length) {
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

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

void Prover::monoids() {
  whole->walk([&](ScanOp scan) {
    for (Obligation &o : proof::proveMonoid(scan)) {
      if (o.verdict == Verdict::Unknown)
        o.detail += "; it runs one token after the other unless --form=scan";
      obligations.push_back(std::move(o));
    }
  });
}

void Prover::form(const Build &build) {
  Summary summary;
  bool go = true;
  for (unsigned variant = 0; variant < kSizes && go; ++variant) {
    auto small = instance(variant);
    if (!small) {
      summary.add({Verdict::Unknown, llvm::toString(small.takeError()), {}, 0, {}, false},
                  "small sizes");
      break;
    }
    std::vector<proof::Named> outputs = outputsOf(small->entry);
    // Longer sequences have more terms.
    bool fits = true;
    for (int64_t chunk = 1; chunk <= build.longestChunk && go && fits; ++chunk) {
      CompileOptions to = build.options;
      if (build.longestChunk > 1)
        to.chunk = chunk;
      auto module = formed(*small->module, to);
      if (!module)
        continue;
      SmallVector<int64_t> lengths = build.lengths;
      if (build.longestChunk > 1) {
        // The last chunk full, and with any number of tokens missing.
        lengths.clear();
        for (int64_t t = variant ? chunk + 1 : 1; t <= chunk + 1; ++t)
          lengths.push_back(t);
      }
      for (int64_t length : lengths)
        for (unsigned pattern : patternsOf(small->entry)) {
          if (!go || !fits)
            break;
          Comparison c =
              proof::compare(small->func, find(*module, name),
                             inputsFor(small->entry, length, pattern), outputs,
                             kEffort);
          std::string where = sizesText(small->entry, length);
          if (build.longestChunk > 1)
            where = "chunks of " + std::to_string(chunk) + ", " + where;
          fits = !c.exhausted;
          go = summary.add(std::move(c), where);
        }
    }
  }
  std::string scope = "features of 1 to 3, ";
  scope += build.longestChunk > 1 ? "chunks of 1 to " +
                                        std::to_string(build.longestChunk) + " tokens"
                                  : "up to " + std::to_string(build.lengths.back()) +
                                        " tokens";
  Obligation o = summary.obligation(build.claim, scope);
  bool chunks = build.longestChunk > 1;
  // Without being asked for, the form is used where gates are known to fall.
  bool legal = true;
  if (chunks) {
    CompileOptions canonical = build.options;
    canonical.form = Form::Canonical;
    if (auto module = formed(*whole, canonical, Stage::Structured)) {
      PassManager pm(module->getContext());
      LinearToChunksOptions unforced;
      pm.addPass(createLinearToChunks(unforced));
      legal = runQuietly(pm, *module);
      module->walk([&](LinearRecurrenceOp) { legal = false; });
    }
    if (!legal && o.verdict == Verdict::Refuted) {
      o.verdict = Verdict::Unknown;
      o.detail += "; the sequential form is used unless this one is asked for";
    }
  }
  obligations.push_back(o);
  if (!chunks || summary.exponents == 0)
    return;
  Obligation e;
  e.claim = "exponents of " + build.claim.substr(0, build.claim.find(" form")) +
            " form are at most 0";
  if (summary.rising.empty()) {
    e.verdict = Verdict::Proved;
    e.detail = "of declared ranges";
  } else {
    e.detail = summary.rising.front() + " may be positive; ";
    e.detail += legal ? "exponents stop at 0 where it is"
                      : "the sequential form is used unless this one is asked for";
  }
  obligations.push_back(e);
}

//===----------------------------------------------------------------------===//
// The step of one token
//===----------------------------------------------------------------------===//

/// Makes every state of `func` an argument, after the others, and its results the
/// outputs, then all states.  Returns how many there are.
static unsigned openStates(func::FuncOp func) {
  Block &block = func.getBody().front();
  auto ret = cast<func::ReturnOp>(block.getTerminator());
  SmallVector<Value> results, finals;
  SmallVector<RecurrenceOp> ops(block.getOps<RecurrenceOp>());
  for (RecurrenceOp op : ops)
    for (unsigned c = 0; c < op.getCarries().size(); ++c) {
      Value final = op.getFinals()[c];
      op.getCarriesMutable()[c].set(
          block.addArgument(final.getType(), func.getLoc()));
      SmallVector<Attribute> maps(op.getCarryMaps().getValue());
      maps[c] = op.getFinalMap(c);
      op.setCarryMapsAttr(ArrayAttr::get(func.getContext(), maps));
      finals.push_back(final);
    }
  for (Value v : ret.getOperands())
    if (!llvm::is_contained(finals, v))
      results.push_back(v);
  llvm::append_range(results, finals);
  ret.getOperandsMutable().assign(results);
  SmallVector<Attribute> attrs;
  if (ArrayAttr old = func.getArgAttrsAttr())
    llvm::append_range(attrs, old);
  attrs.resize(block.getNumArguments(), DictionaryAttr::get(func.getContext()));
  SmallVector<Type> types;
  for (Value v : results)
    types.push_back(v.getType());
  func.setType(FunctionType::get(func.getContext(), block.getArgumentTypes(), types));
  func.setAllArgAttrs(attrs);
  func.removeResAttrsAttr();
  return finals.size();
}

/// True for the states that a step has beside those of the program.
static bool isStepsOwn(func::FuncOp step, unsigned argument) {
  auto called = step.getArgAttrOfType<StringAttr>(argument, "seqc.name");
  return called && step.getArgAttr(argument, "seqc.start") &&
         (called.getValue() == "position" || called.getValue().ends_with("_snapshot"));
}

namespace {
/// What the step's arguments are, among the inputs of the entry, whose states are
/// those from `first` on: states by what they are written to, others by name.
struct StepArguments {
  std::vector<proof::Argument> arguments;
  proof::Steps steps;
  bool ownStates = false;
  bool find(func::FuncOp step, const EntryInfo &entry, ArrayRef<Input> inputs,
            unsigned first, bool packed);
};
} // namespace

bool StepArguments::find(func::FuncOp step, const EntryInfo &entry,
                         ArrayRef<Input> inputs, unsigned first, bool packed) {
  auto self = describeEntry(step);
  if (!self) {
    llvm::consumeError(self.takeError());
    return false;
  }
  std::vector<int64_t> symbols = symbolsFor(*self, 1);
  arguments.assign(step.getNumArguments(), {~0u, {}, false});
  unsigned next = first;
  llvm::BitVector isState(arguments.size());
  for (unsigned r = 0; r < step.getNumResults(); ++r) {
    auto at = step.getResultAttrOfType<IntegerAttr>(r, "seqc.in_place");
    if (!at)
      continue;
    unsigned argument = at.getInt();
    isState.set(argument);
    bool own = isStepsOwn(step, argument);
    ownStates |= own;
    if (!own && next == inputs.size())
      return false;
    steps.states.push_back({argument, own ? -1 : int(next), {}});
    steps.states.back().shape =
        own ? shapeOf(self->args[argument], symbols) : inputs[next].shape;
    next += !own;
  }
  if (next != inputs.size())
    return false;
  for (unsigned i = 0; i < arguments.size(); ++i) {
    if (isState.test(i))
      continue;
    if (isStepsOwn(step, i)) {
      arguments[i] = {~0u, shapeOf(self->args[i], symbols), true};
      ownStates = true;
      continue;
    }
    auto called = step.getArgAttrOfType<StringAttr>(i, "seqc.name");
    for (unsigned k = 0; k < first; ++k)
      if (called && inputs[k].name == called.getValue()) {
        arguments[i] = {k, {}, false};
        for (auto [size, dim] : llvm::zip(inputs[k].shape, entry.args[k].dims))
          if (packed || dim.symbol < 0 || !isTime(entry.symbols[dim.symbol]))
            arguments[i].shape.push_back(size);
      }
    if (arguments[i].input == ~0u)
      return false;
  }
  if (!ownStates)
    for (const proof::Steps::State &state : steps.states)
      arguments[state.argument] = {unsigned(state.input), state.shape, false};
  return true;
}

void Prover::decode() {
  Summary summary;
  std::string scope = "features of 1 to 3, any state";
  for (unsigned variant = 0; variant < kSizes; ++variant) {
    auto small = instance(variant);
    if (!small)
      return llvm::consumeError(small.takeError());
    // The entry with its states open says what one token does.
    OwningOpRef<ModuleOp> open(small->module->clone()),
        withStep(small->module->clone());
    PassManager pm(open->getContext());
    pm.addPass(createCanonicalizerPass());
    ScanToRecurrenceOptions scans;
    scans.all = true;
    pm.addPass(createScanToRecurrence(scans));
    {
      ScopedDiagnosticHandler quiet(open->getContext(), [](Diagnostic &) {});
      if (!runQuietly(pm, *open) || addSteps(*withStep))
        return;
    }
    std::string stepName = name + "_step";
    if (!find(*withStep, stepName))
      return;
    func::FuncOp meaning = find(*open, name);
    unsigned states = openStates(meaning);
    auto entry = describeEntry(meaning);
    if (!entry)
      return llvm::consumeError(entry.takeError());
    auto module = formed(*withStep, options);
    if (!module)
      return;
    func::FuncOp step = find(*module, stepName);
    // In packed sequences, one token of every segment.
    bool packed = llvm::any_of(
        entry->args, [](const EntryArg &arg) { return arg.segmentsOf >= 0; });
    for (unsigned pattern : hasFlags(*entry) ? SmallVector<unsigned>{0b010, 0b101}
                                             : SmallVector<unsigned>{0}) {
      auto inputsOf = [&](int64_t length) {
        std::vector<Input> inputs = inputsFor(*entry, length, pattern);
        for (auto [input, arg] : llvm::zip(inputs, entry->args))
          if (arg.segmentsOf >= 0)
            std::iota(input.numbers->begin(), input.numbers->end(), 0);
        return inputs;
      };
      int64_t length = packed ? 3 : 1;
      std::vector<Input> inputs = inputsOf(length);
      Comparison c;
      StepArguments found;
      if (!found.find(step, *entry, inputs, inputs.size() - states, packed)) {
        c.detail = "its arguments are not those of the entry";
      } else if (found.ownStates && packed) {
        c.detail = "it keeps positions of packed sequences, which proofs do not "
                   "cover; it is used all the same";
      } else {
        // Positions start at zero, so that several tokens have to be seen.
        if (found.ownStates) {
          length = found.steps.tokens = kLongestChunk + 1;
          inputs = inputsOf(length);
          scope = "features of 1 to 3, any state, " + std::to_string(length) +
                  " tokens, snapshots every 2";
        }
        c = proof::compare(meaning, step, inputs, outputsOf(*entry), kEffort,
                           found.arguments,
                           found.ownStates ? &found.steps : nullptr);
      }
      if (!summary.add(std::move(c), sizesText(small->entry, length))) {
        variant = kSizes;
        break;
      }
    }
  }
  obligations.push_back(
      summary.obligation("the step of one token equals the program's",
                         scope));
}

std::vector<Obligation> Prover::run() {
  if (!whole)
    return obligations;
  monoids();
  Build build;
  build.options = options;
  build.options.split = 1;
  build.lengths = {1, 2, 3, 4};
  build.options.form = Form::Sequential;
  build.claim = "the sequential form equals the program";
  form(build);
  build.options.form = Form::Scan;
  if (auto module = formed(*whole, build.options, Stage::Structured)) {
    bool scans = false, had = false;
    whole->walk([&](ScanOp) { had = true; });
    if (auto small = instance(1); small && !had)
      if (auto at = formed(*small->module, build.options, Stage::Structured))
        at->walk([&](ScanOp scan) {
          scans = true;
          for (Obligation &o : proof::proveMonoid(scan)) {
            o.claim = "of the scan form: " + o.claim;
            if (llvm::none_of(obligations, [&](const Obligation &known) {
                  return known.claim == o.claim && known.verdict == o.verdict;
                }))
              obligations.push_back(std::move(o));
          }
        });
    if (scans) {
      build.claim = "the scan form equals the program";
      form(build);
    }
  }
  build.options.form = Form::Canonical;
  bool linear = false;
  if (auto module = formed(*whole, build.options, Stage::Structured))
    module->walk([&](LinearRecurrenceOp) { linear = true; });
  if (linear) {
    build.claim = "the canonical form equals the program";
    form(build);
    build.options.form = Form::Chunked;
    bool chunks = false;
    if (auto module = formed(*whole, build.options))
      module->walk([&](RecurrenceOp op) { chunks |= bool(op.getChunk()); });
    if (chunks) {
      build.claim = "the chunked form equals the program";
      build.longestChunk = kLongestChunk;
      form(build);
      build.longestChunk = 1;
    }
    build.options.form = Form::Canonical;
    for (int64_t parts : {2, 3}) {
      build.options.split = parts;
      if (!formed(*whole, build.options))
        continue;
      build.claim = "the split over " + std::to_string(parts) +
                    " parts equals the program";
      build.lengths = {1, 2, parts == 2 ? 5 : 4};
      form(build);
    }
  }
  decode();
  return std::move(obligations);
}

std::vector<Obligation> seqc::proveEntry(func::FuncOp func,
                                         const CompileOptions &options) {
  return Prover(func, options).run();
}

Obligation seqc::proveEqual(func::FuncOp meaning, func::FuncOp formed) {
  Summary summary;
  bool go = true;
  for (unsigned variant = 0; variant < kSizes && go; ++variant) {
    OwningOpRef<ModuleOp> x(meaning->getParentOfType<ModuleOp>().clone()),
        y(formed->getParentOfType<ModuleOp>().clone());
    auto a = x->lookupSymbol<func::FuncOp>(meaning.getName()),
         b = y->lookupSymbol<func::FuncOp>(formed.getName());
    auto unknown = [&](llvm::Error error) {
      summary.add({Verdict::Unknown, llvm::toString(std::move(error)), {}, 0, {}, false},
                  "small sizes");
    };
    auto free =
        proof::shrink({a, b}, [&](unsigned i) { return sizeOf(variant, i); });
    if (!free) {
      unknown(free.takeError());
      break;
    }
    auto entry = describeEntry(a);
    if (!entry) {
      unknown(entry.takeError());
      break;
    }
    for (int64_t length = 1; length <= kLongestChunk + 1; ++length)
      for (unsigned pattern : patternsOf(*entry))
        if (go)
          go = summary.add(proof::compare(a, b, inputsFor(*entry, length, pattern),
                                          outputsOf(*entry), kEffort),
                           sizesText(*entry, length));
    if (*free == 0)
      break;
  }
  return summary.obligation("equals the program",
                            "up to " + std::to_string(kLongestChunk + 1) + " tokens");
}
