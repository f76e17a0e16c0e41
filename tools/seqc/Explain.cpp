//===- Explain.cpp - seqc explain -----------------------------------------===//

#include "Driver.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Structure/Select.h"
#include "seqc/lib/Structure/Structure.h"
#include "seqc/passes/Pipelines/Proofs.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;

static llvm::cl::opt<bool> tiles("tiles",
                                 llvm::cl::desc("Print what there is to choose about "
                                                "tiles, the answer and what it costs"),
                                 llvm::cl::sub(explainCommand));

static std::string axesText(AxesAttr map) {
  std::string text = "(";
  for (unsigned i = 0; i < map.size(); ++i) {
    text += (i ? ", " : "") + map.getNames()[i].str();
    if (map.getDivisors()[i] != 1)
      text += " floordiv " + std::to_string(map.getDivisors()[i]);
  }
  return text + ")";
}

template <class Op>
static void explainCommon(Op op, StringRef what, Region &step) {
  auto &os = llvm::outs();
  SmallVector<std::string> axes;
  for (StringAttr axis : op.getAxes())
    axes.push_back(axis.str());
  os << "  " << what << " over (" << llvm::join(axes, ", ") << ")";
  if (op.getReverse())
    os << ", in reverse";
  if (op.getSegments())
    os << ", in packed segments";
  if (op.getResets())
    os << ", with resets";
  os << "\n";
  for (auto [v, map] :
       llvm::zip(op.getSeq(), op.getSeqMaps().template getAsRange<AxesAttr>()))
    os << "    reads   " << v.getType() << " as " << axesText(map) << "\n";
  for (auto [v, map] :
       llvm::zip(op.getOuts(), op.getOutMaps().template getAsRange<AxesAttr>()))
    os << "    writes  " << v.getType() << " as " << axesText(map) << "\n";
  Work work = workOf(step);
  os << "    a token " << work.operations << " additions and multiplications";
  if (work.functions)
    os << ", " << work.functions << " functions (exp, tanh, ...)";
  os << " per sequence\n";
}

/// The product of the dimensions, or nothing if one is not known.
static std::optional<double>
product(const EntryInfo &entry, const Symbols &symbols,
        ArrayRef<std::pair<Value, int64_t>> dimensions) {
  double n = 1;
  for (auto [value, d] : dimensions) {
    auto arg = dyn_cast_or_null<BlockArgument>(value);
    if (!arg || !isa<func::FuncOp>(arg.getOwner()->getParentOp()))
      return std::nullopt;
    const EntryDim &dim = entry.args[arg.getArgNumber()].dims[d];
    int64_t size = dim.symbol < 0 ? dim.size : symbols[dim.symbol] / dim.divisor;
    if (size < 0)
      return std::nullopt;
    n *= size;
  }
  return n;
}

static Form formOf(structure::FormEstimate::Kind kind) {
  using structure::FormEstimate;
  return kind == FormEstimate::Scan      ? Form::Scan
         : kind == FormEstimate::Chunked ? Form::Chunked
                                         : Form::Canonical;
}

/// Why the recurrence cannot be built in this form though asked for, or nothing.
static std::optional<std::string> obstacleTo(RecurrenceOp op,
                                             structure::FormEstimate::Kind kind,
                                             int64_t parts, CompileOptions options) {
  using structure::FormEstimate;
  if (kind == FormEstimate::Sequential && parts == 1)
    return std::nullopt;
  auto module = outlined(op, "alone");
  options.form = formOf(kind);
  options.split = parts;
  options.target = "cpu";
  options.checkForms = false;
  options.stopAfter = Stage::Formed;
  std::string first;
  ScopedDiagnosticHandler handler(module->getContext(), [&](Diagnostic &diagnostic) {
    if (first.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
      first = diagnostic.str();
  });
  PassManager pm(module->getContext());
  buildPipeline(pm, options);
  if (succeeded(pm.run(*module)))
    return std::nullopt;
  StringRef reason = first;
  if (size_t at = reason.find(": "); at != StringRef::npos && reason.starts_with("the recurrence"))
    reason = reason.drop_front(at + 2);
  return reason.str();
}

/// Why a compile does not take what the estimate says, or nothing (seqc-check-forms).
static std::optional<std::string> notProved(RecurrenceOp op, Form form, int64_t parts,
                                            CompileOptions options) {
  options.form = form;
  options.split = parts;
  options.target = "cpu";
  auto o = proveForm(op, options);
  if (!o || o->verdict == proof::Verdict::Proved)
    return std::nullopt;
  return "not proved: " + o->claim + ": " + o->detail;
}

/// One line per form: its estimate and its floor, or why the recurrence lacks it.
static void explainForms(RecurrenceOp op, const EntryInfo &entry,
                         const Symbols &symbols, const CompileOptions &options) {
  CpuMachine machine = machineOf(options);
  auto &os = llvm::outs();
  structure::FormTable table = structure::estimateForms(op, machine);
  std::optional<std::string> unproved;
  auto kind = table.forms[table.chosen].kind;
  if (kind != structure::FormEstimate::Sequential)
    unproved = notProved(op, formOf(kind), 1, options);
  if (unproved)
    table.chosen = llvm::find_if(table.forms,
                                 [](const structure::FormEstimate &form) {
                                   return form.kind ==
                                              structure::FormEstimate::Sequential &&
                                          !form.inParts;
                                 }) -
                   table.forms.begin();
  if (table.parts && (unproved || notProved(op, Form::Canonical, 2, options)))
    table.parts.reset();
  structure::SequenceSizes sizes = structure::sizesOf(op);
  auto sequences = product(entry, symbols, sizes.sequences),
       tokens = product(entry, symbols, sizes.tokens);
  bool sized = sequences && tokens && sizes.sequences.size() == op.getCarryAxes().size();
  bool inParts = table.parts && sized && *sequences <= table.parts->sequences &&
                 *tokens >= table.parts->tokens;
  const structure::FormEstimate &chosen =
      table.forms[inParts ? table.chosenInParts : table.chosen];
  os << "    form    " << structure::kindName(chosen.kind)
     << (chosen.kind == structure::FormEstimate::Scan ? "" : " in time")
     << ", parallel over everything else";
  if (inParts)
    os << " and over " << table.parts->parts << " parts of the sequence";
  os << "\n";
  if (unproved)
    os << "    form    the " << structure::kindName(kind) << " one is " << *unproved << "\n";
  if (table.parts)
    os << "    form    in " << table.parts->parts << " parts in calls with at most "
       << table.parts->sequences << " sequence" << (table.parts->sequences > 1 ? "s" : "")
       << " of at least " << table.parts->tokens << " tokens\n";
  os << "    forms   on " << machine.cores << " core" << (machine.cores > 1 ? "s" : "")
     << ": estimated cycles a token and sequence, floor of "
        "operations and bytes"
     << (sized ? "; estimated cycles of this call" : "") << "\n";
  for (const structure::FormEstimate &form : table.forms) {
    int64_t parts = form.inParts ? machine.cores : 1;
    std::string name = structure::kindName(form.kind).str();
    if (form.kind == structure::FormEstimate::Chunked)
      name += ", " + std::to_string(kChunk) + " tokens";
    if (form.inParts)
      name += ", in parts";
    os << "    " << (&form == &chosen ? "  taken " : "        ") << llvm::left_justify(name, 31);
    if (auto why = obstacleTo(op, form.kind, form.inParts ? 2 : 1, options)) {
      os << "not possible: " << *why << "\n";
      continue;
    }
    if (!form.legal()) {
      os << "only when asked for: " << form.obstacle << "\n";
      continue;
    }
    os << llvm::format("%8.0f, floor %.0f of %.0f and %.0f", form.cost.token,
                       form.cost.floor(machine), form.cost.operations,
                       form.cost.bytes);
    if (sized && parts * *sequences >= 1)
      os << llvm::format("; %.3g", cyclesOf(form.cost, *sequences, *tokens, parts,
                                            machine));
    os << "\n";
  }
}

/// The form that the passes for GPUs give the recurrence.  Estimates are of CPUs.
static void explainGpuForm(RecurrenceOp op, CompileOptions options) {
  auto module = outlined(op, "alone");
  options.stopAfter = Stage::Formed;
  ScopedDiagnosticHandler quiet(module->getContext(), [](Diagnostic &) {});
  PassManager pm(module->getContext());
  buildPipeline(pm, options);
  auto &os = llvm::outs();
  if (failed(pm.run(*module)))
    return;
  bool chunks = false, scans = false;
  module->walk([&](Operation *inner) {
    auto recurrence = dyn_cast<RecurrenceOp>(inner);
    chunks |= isa<LinearRecurrenceOp>(inner) || (recurrence && recurrence.getChunk());
    scans |= isa<ScanOp>(inner);
  });
  os << "    form    "
     << (chunks  ? "chunked in time"
         : scans ? "scan"
                 : "sequential in time")
     << ", parallel over everything else\n    forms   on " << options.target
     << ": no estimate of forms for this target\n";
}

/// What has no state: routes (R), and attention, whose parts combine (C8).
static void explainRouting(Operation *op) {
  StringRef cls =
      llvm::TypeSwitch<Operation *, StringRef>(op)
          .Case<TopkOp, AssignOp>([](auto) { return "R, a choice of routes"; })
          .Case<DispatchOp, CombineOp>(
              [](auto) { return "R, tokens moved along routes"; })
          .Case<BlockAttentionOp>(
              [](auto) { return "C8, softmax attention with its log-sum-exp"; })
          .Case<MergeOp>([](auto) { return "C8, parts of softmax attention joined"; })
          .Default(StringRef());
  if (!cls.empty())
    llvm::outs() << "  " << op->getName().stripDialect() << "\n"
                 << "    class   " << cls << "\n";
}

static llvm::Error explain() {
  auto common = commonOptions();
  if (!common)
    return common.takeError();
  auto source = parse(common->file);
  if (!source)
    return source.takeError();
  if (!common->entry.empty()) {
    auto func = findEntry(*source->module, common->entry);
    if (!func)
      return func.takeError();
  }
  // What is explained is what the passes after the input stage see.
  CompileOptions options = compileOptions(*common);
  options.stopAfter = Stage::Input;
  PassManager pm(source->context.get(), "builtin.module");
  buildPipeline(pm, options);
  if (failed(pm.run(*source->module)))
    return llvm::createStringError("nothing to explain: the program has errors");
  auto &os = llvm::outs();
  bool any = false;
  for (auto func : source->module->getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isDeclaration() ||
        (!common->entry.empty() && func.getName() != common->entry))
      continue;
    any = true;
    auto entry = describeEntry(func);
    if (!entry)
      return entry.takeError();
    auto bound = driver::bind(*entry, boundSizes());
    if (!bound)
      return bound.takeError();
    Symbols symbols = std::move(*bound);
    for (auto [symbol, declared] : llvm::zip(symbols, entry->exampleSizes))
      if (symbol < 0)
        symbol = declared;
    os << entry->name << "(";
    llvm::interleaveComma(entry->symbols, os);
    os << ")\n";
    func.walk([&](Operation *op) {
      if (auto recurrence = dyn_cast<RecurrenceOp>(op)) {
        explainCommon(recurrence, "recurrence", recurrence.getStep());
        int64_t state = 0;
        for (Value arg : recurrence.getCarryArgs())
          state += elementsOf(arg.getType()) *
                   bytesOf(elementOf(arg.getType()));
        os << "    state   " << state << " bytes per sequence, "
           << recurrence.getCarries().size() << " carries\n";
        std::string text = structure::describe(recurrence,
                                               structure::analyze(recurrence));
        SmallVector<StringRef> lines;
        StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
        for (StringRef line : lines)
          os << "    class   " << line << "\n";
        if (!recurrence.getCarries().empty() && isGpu(options))
          explainGpuForm(recurrence, options);
        else if (!recurrence.getCarries().empty())
          explainForms(recurrence, *entry, symbols, options);
        if (isGpu(options) && !recurrence.getCarries().empty()) {
          auto obstacle = obstacleToTiles(recurrence, sharedBytes(options),
                                          wideFactors(options.factors));
          os << "    kernel  "
             << (obstacle ? "general: " + *obstacle
                          : "of tiles, in chunks, on tensor cores")
             << "\n";
        }
      } else if (auto scan = dyn_cast<ScanOp>(op)) {
        explainCommon(scan, "scan", scan.getCombine());
        os << "    class   C1, the monoid of the combine region\n"
           << "    form    "
           << (cast<AxesAttr>(scan.getSeqMaps()[0]).getNames().back().getValue() ==
                       "t"
                   ? "blocked scan along contiguous rows where it has no "
                     "modifiers, else sequential\n"
                   : "sequential in time, vectors across channels\n");
      } else {
        explainRouting(op);
      }
    });
    // The floor: every input and result crosses memory once.
    if (auto totals = totalsOf(*entry, symbols)) {
      os << "  floor     " << int64_t(totals->bytes)
         << " bytes of inputs and results, " << int64_t(totals->operations)
         << " operations (a function counts as " << kOperationsPerFunction
         << ") at";
      for (auto [symbol, size] : llvm::zip(entry->symbols, symbols))
        os << " " << symbol << "=" << size;
      os << "\n";
    } else {
      llvm::consumeError(totals.takeError());
    }
  }
  if (!any)
    return llvm::createStringError("the file has no public function");
  return llvm::Error::success();
}

int seqc::driver::runExplain() {
  if (llvm::Error e = tiles ? explainTiles() : explain())
    return report(std::move(e));
  return 0;
}
