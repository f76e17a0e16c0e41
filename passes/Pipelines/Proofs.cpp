//===- Proofs.cpp - What compilation relies on, proved --------------------===//
//
// A form is proved on what the passes emit: the program at small feature sizes
// goes through the same pipeline, and the interpreter runs both over terms.
//
//===----------------------------------------------------------------------===//

#include "ProofsImpl.h"

#include "seqc/lib/Proof/Shrink.h"
#include "seqc/passes/Forms/Passes.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::proofs;

void Prover::monoids() {
  whole->walk([&](ScanOp scan) {
    for (Obligation &o : proof::proveMonoid(scan)) {
      if (o.verdict == Verdict::Unknown)
        o.detail += "; it runs one token after the other unless --form=scan";
      obligations.push_back(std::move(o));
    }
  });
}

Comparison Prover::oneCase(Instance &small, ModuleOp made, int64_t length,
                           unsigned pattern, uint64_t effort, bool &draws) {
  std::vector<Input> inputs = inputsFor(small.entry, length, pattern), numbers = inputs;
  bool drawable = proof::drawInputs(small.func, numbers);
  auto compare = [&](ArrayRef<Input> inputs, uint64_t effort) {
    return proof::compare(small.func, find(made, name), inputs, outputsOf(small.entry),
                          effort);
  };
  Comparison c;
  c.exhausted = draws;
  if (!draws)
    c = compare(inputs, drawable ? effort / kShareBeforeNumbers : effort);
  if (c.exhausted && drawable) {
    draws = true;
    // What numbers do not show is undecided, as before.
    if (Comparison d = compare(numbers, effort); d.verdict == Verdict::Proved) {
      c = std::move(d);
      c.assumptions.insert("where terms are too many, inputs are numbers drawn from "
                           "2^52 and polynomials of them agree");
    }
  }
  return c;
}

/// Without being asked for, chunks are used where gates are known to fall.
bool Prover::isLegal(const CompileOptions &options) {
  CompileOptions canonical = options;
  canonical.form = Form::Canonical;
  auto module = formed(*whole, canonical, Stage::Structured);
  if (!module)
    return true;
  PassManager pm(module->getContext());
  LinearToChunksOptions unforced;
  pm.addPass(createLinearToChunks(unforced));
  bool legal = runQuietly(pm, *module);
  module->walk([&](LinearRecurrenceOp) { legal = false; });
  return legal;
}

bool Prover::isUsed(const CompileOptions &options) {
  return !whole
              ->walk([&](RecurrenceOp op) {
                if (op.getCarries().empty())
                  return WalkResult::advance();
                auto o = proveForm(op, options);
                return !o || o->verdict == Verdict::Proved ? WalkResult::advance()
                                                           : WalkResult::interrupt();
              })
              .wasInterrupted();
}

std::optional<Obligation> Prover::glance() {
  if (!whole)
    return std::nullopt;
  bool chunks = options.form == Form::Chunked;
  Obligation o;
  o.claim = options.split > 1
                ? "the split over " + std::to_string(options.split) +
                      " parts equals the recurrence"
                : "the " + formName(options.form).str() + " form equals the recurrence";
  // Smaller where terms are too many.
  for (unsigned variant : {1, 0}) {
    auto small = instance(variant);
    if (!small) {
      o.detail = llvm::toString(small.takeError());
      return o;
    }
    int64_t length = 2 + variant;
    CompileOptions to = options;
    if (chunks || options.split > 1)
      to.chunk = chunks ? length - 1 : 1;
    auto module = formed(*small->module, to);
    if (!module)
      return std::nullopt;
    o.detail.clear();
    if (options.form == Form::Scan)
      if (auto scans = formed(*small->module, to, Stage::Structured))
        scans->walk([&](ScanOp scan) {
          for (Obligation &law : proof::proveMonoid(scan))
            if (law.verdict != Verdict::Proved && o.detail.empty())
              o.detail = law.claim + ": " + law.detail;
        });
    if (!o.detail.empty())
      return o;
    Summary summary;
    bool draws = false, more = true;
    for (unsigned pattern : patternsOf(small->entry))
      if (more && summary.beyond.empty())
        more = summary.add(
            oneCase(*small, *module, length, pattern, kEffortOfCompile, draws),
            sizesText(small->entry, length));
    o = summary.obligation(o.claim, "");
    if (summary.beyond.empty())
      break;
    o.verdict = Verdict::Unknown;
    o.detail = "too many terms for " + summary.beyond;
  }
  if (o.verdict == Verdict::Refuted && chunks && !isLegal(options))
    o.verdict = Verdict::Unknown;
  return o;
}

std::optional<Obligation> seqc::proveForm(RecurrenceOp op,
                                          const CompileOptions &options) {
  OwningOpRef<ModuleOp> module = outlined(op, "alone");
  return Prover(*module->getOps<func::FuncOp>().begin(), options).glance();
}

void Prover::form(const Build &build) {
  if (auto module = formed(*whole, build.options);
      module && isSame(find(*whole, name), find(*module, name))) {
    obligations.push_back({build.claim, Verdict::Proved, "it is the program"});
    return;
  }
  Summary summary;
  bool go = true;
  for (unsigned variant = 0; variant < kSizes && go; ++variant) {
    auto small = instance(variant);
    if (!small) {
      summary.add({Verdict::Unknown, llvm::toString(small.takeError()), {}, 0, {}, false},
                  "small sizes");
      break;
    }
    // Longer sequences have more terms.
    bool fits = true, draws = false;
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
          Comparison c = oneCase(*small, *module, length, pattern, kEffort, draws);
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
  bool legal = !chunks || isLegal(build.options);
  if (chunks) {
    if (!legal && o.verdict == Verdict::Refuted) {
      o.verdict = Verdict::Unknown;
      o.detail += "; the sequential form is used unless this one is asked for";
    }
    // Chunks stop exponents at 0: with gates above it they compute something else.
    if (!legal && o.verdict == Verdict::Proved && !summary.rising.empty()) {
      o.verdict = Verdict::Unknown;
      o.detail = "it does where every exponent is at most 0; " + o.detail;
    }
  }
  if (legal && o.verdict == Verdict::Unknown && build.options.form != Form::Sequential)
    o.detail += isUsed(build.options)
                    ? "; what a compile looks at is proved, and the form used where it "
                      "is chosen"
                    : "; the sequential form is used unless this one is asked for";
  obligations.push_back(o);
  if (!chunks || summary.exponents == 0)
    return;
  Obligation e;
  e.claim = "exponents of " + build.claim.substr(0, build.claim.find(" equals")) +
            " are at most 0";
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

std::vector<Obligation> Prover::run() {
  if (!whole)
    return obligations;
  if (isProvedInParts(find(*whole, name))) {
    parts();
    return std::move(obligations);
  }
  monoids();
  // A program with a refuted region does not compile: it has no forms.
  if (llvm::any_of(obligations, [](const Obligation &o) {
        return o.verdict == Verdict::Refuted;
      }))
    return std::move(obligations);
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
      // Where no layout is asked for, a compile takes either.
      build.options.packed = "segments";
      auto own = formed(*whole, build.options);
      build.options.packed = "masks";
      auto masks = formed(*whole, build.options);
      if (options.packed == "auto" && own && masks &&
          !isSame(find(*own, name), find(*masks, name))) {
        build.claim = "the chunked form over several segments a chunk equals the program";
        form(build);
      }
      build.options.packed = options.packed;
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
