//===- Run.cpp - seqc run -------------------------------------------------===//

#include "Driver.h"

#include "seqc/abi.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

#include <chrono>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;
namespace cl = llvm::cl;

static cl::list<std::string> inputs("in", cl::desc("Read an input from a file"),
                                    cl::value_desc("NAME=x.npy"),
                                    cl::sub(runCommand));
static cl::list<std::string> outputs("out", cl::desc("Write a result to a file"),
                                     cl::value_desc("NAME=y.npy"),
                                     cl::sub(runCommand));
static cl::opt<std::string> save("save",
                                 cl::desc("Write all inputs and results to DIR"),
                                 cl::value_desc("DIR"), cl::sub(runCommand));
static cl::opt<uint64_t> seed("random",
                              cl::desc("Seed of the inputs that are drawn"),
                              cl::init(1), cl::sub(runCommand));
static cl::opt<bool> check("check",
                           cl::desc("Compare with the float64 reference"),
                           cl::sub(runCommand));
static cl::opt<std::string> interpretAt(
    "interpret",
    cl::desc("Interpret the program as it is after STAGE (input, structured; formed "
             "without a value) in float64 instead of compiling it"),
    cl::value_desc("STAGE"), cl::ValueOptional, cl::sub(runCommand));
static cl::opt<bool> time_("time", cl::desc("Print compile and run times"),
                           cl::sub(runCommand));

static cl::opt<bool> benchSizes(
    "bench", cl::desc("Take sizes that are not bound from seqc.bench, as seqc bench does"),
    cl::sub(runCommand));

/// Prints the errors of one result and says whether they are acceptable.
static bool compare(const EntryArg &arg, const HostTensor &found,
                    const reference::TensorF64 &expected, double tolerance) {
  double difference = 0, norm = 0, worst = 0;
  int64_t at = 0, mismatches = 0;
  for (int64_t i = 0, n = found.size(); i < n; ++i) {
    double x = found.get(i), y = expected.data[i];
    if (std::isnan(x) != std::isnan(y) || (std::isinf(y) && x != y)) {
      if (!mismatches++)
        at = i;
      continue;
    }
    if (std::isnan(y) || std::isinf(y))
      continue;
    double d = std::fabs(x - y);
    difference += d * d;
    norm += y * y;
    if (d > worst && !mismatches) {
      worst = d;
      at = i;
    }
  }
  double rms = norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
  bool exact = !isa<FloatType>(found.element);
  bool ok = !mismatches && (exact ? worst == 0 : rms <= tolerance || worst < 1e-30);
  SmallVector<int64_t> index(found.shape.size());
  for (int d = int(index.size()) - 1, rest = at; d >= 0; --d) {
    index[d] = rest % std::max<int64_t>(1, found.shape[d]);
    rest /= std::max<int64_t>(1, found.shape[d]);
  }
  llvm::outs() << "  " << llvm::left_justify(arg.name, 10) << " relative RMS "
               << llvm::format("%.2e", rms) << "  max abs error "
               << llvm::format("%.2e", worst) << " at [";
  llvm::interleaveComma(index, llvm::outs());
  llvm::outs() << "]";
  if (mismatches)
    llvm::outs() << "  " << mismatches << " NaN or infinite elements differ";
  llvm::outs() << (ok ? "  ok" : "  FAIL") << " (tolerance "
               << llvm::format("%.0e", exact ? 0.0 : tolerance) << ")\n";
  return ok;
}

/// `factors` of products on a GPU: those of f32 inputs may be bf16, or two of them.
static double toleranceOf(const EntryInfo &entry, llvm::StringRef factors) {
  bool half = false, single = false;
  for (const EntryArg &arg : entry.args) {
    Type element = getElementTypeOrSelf(arg.type);
    half |= element.isBF16() || element.isF16();
    single |= element.isF32();
  }
  if (half || (single && factors == "bf16"))
    return 5e-3;
  return single ? (factors == "split" ? 2e-5 : 1e-5) : 1e-12;
}

static llvm::Error run(int &status) {
  auto common = commonOptions();
  if (!common)
    return common.takeError();
  auto source = parse(common->file);
  if (!source)
    return source.takeError();
  CallOptions options;
  options.inputs = std::vector<std::string>(inputs);
  options.bindings = boundSizes().str();
  options.seed = seed;
  options.bench = benchSizes;
  bool interpretFormed = interpretAt.getNumOccurrences() > 0;
  auto stage = parseStage(interpretAt.empty() ? "formed" : StringRef(interpretAt));
  if (!stage)
    return llvm::createStringError("--interpret: " +
                                   llvm::toString(stage.takeError()));
  if (*stage > Stage::Formed)
    return llvm::createStringError("--interpret: stage '" + interpretAt +
                                   "' is not interpretable, expected input, "
                                   "structured or formed");
  options.interpret = interpretFormed;
  auto made = Execution::create(*source, *common, options);
  if (!made)
    return made.takeError();
  Execution &execution = *made;
  EntryInfo &entry = execution.entry;
  std::vector<HostTensor> &tensors = execution.tensors;
  if (interpretFormed && time_)
    return llvm::createStringError("--interpret goes without --time: nothing is compiled");
  std::vector<std::string> outNames;
  for (const EntryArg &arg : entry.args)
    if (arg.isOutput)
      outNames.push_back(arg.name);
  auto outFiles = byName("out", std::vector<std::string>(outputs), outNames);
  if (!outFiles)
    return outFiles.takeError();
  if (llvm::Error e = interpretFormed ? execution.interpretAt(*common, *stage)
                                      : execution.call())
    return e;

  llvm::outs() << entry.name << ":";
  for (auto [symbol, value] : llvm::zip(entry.symbols, execution.symbols))
    llvm::outs() << " " << symbol << "=" << value;
  llvm::outs() << "\n";
  if (check) {
    std::vector<reference::TensorF64> in = execution.referenceInputs();
    reference::InterpretOptions referenceOptions;
    bool terminal = llvm::sys::Process::StandardErrIsDisplayed();
    double began = now();
    referenceOptions.progress = [&](double done) {
      if (terminal && now() - began > 1)
        llvm::errs() << llvm::format("\rreference: %3.0f %%", 100 * done);
    };
    auto expected = reference::interpret<double>(execution.func, in, referenceOptions);
    if (terminal && now() - began > 1)
      llvm::errs() << "\r                \r";
    if (!expected)
      return expected.takeError();
    double tolerance = interpretFormed && common->factors != "bf16"
                           ? 1e-12
                           : toleranceOf(entry, execution.device() ? common->factors
                                                                  : std::string());
    unsigned next = 0;
    for (auto [arg, tensor] : llvm::zip(entry.args, tensors))
      if (arg.isOutput &&
          !compare(arg, tensor, (*expected)[next++], tolerance))
        status = 1;
  }
  if (check && execution.device())
    if (llvm::Error e = execution.callAgain())
      return e;
  auto totals = time_ ? totalsOf(entry, execution.symbols)
                      : llvm::Expected<Totals>(Totals());
  if (!totals)
    return totals.takeError();
  if (time_ && execution.device()) {
    auto times = execution.timeOnDevice();
    if (!times)
      return times.takeError();
    auto copy = execution.device()->copyRate();
    if (!copy)
      return copy.takeError();
    llvm::outs() << "  " << execution.device()->name() << ": compile "
                 << llvm::format("%.2f", execution.compileSeconds) << " s, run "
                 << llvm::format("%.4f", times->launched * 1e3) << " ms, from a graph "
                 << llvm::format("%.4f", times->graph * 1e3) << " ms (median of "
                 << times->count << ", cache flushed), host "
                 << llvm::format("%.1f", times->host * 1e6) << " us, "
                 << llvm::format("%.1f", totals->bytes / times->graph * 1e-9)
                 << " GB/s of inputs and results, "
                 << llvm::format("%.0f", 100 * totals->bytes / times->graph / *copy)
                 << " % of a copy's " << llvm::format("%.0f", *copy * 1e-9)
                 << " GB/s\n";
  } else if (time_) {
    auto timed = execution.time();
    if (!timed)
      return timed.takeError();
    auto [median, count] = *timed;
    Floor floor =
        floorOf(totals->bytes, totals->operations, measureCeilings());
    llvm::outs() << "  compile " << llvm::format("%.2f", execution.compileSeconds)
                 << " s, run " << llvm::format("%.3f", median * 1e3)
                 << " ms (median of " << count << "), "
                 << llvm::format("%.2f", totals->bytes / median * 1e-9)
                 << " GB/s of inputs and results, "
                 << llvm::format("%.2f", totals->operations / median * 1e-9)
                 << " GFLOP/s, "
                 << llvm::format("%.0f", 100 * floor.seconds() / median)
                 << " % of the "
                 << (floor.memory >= floor.arithmetic ? "memory" : "arithmetic")
                 << " floor\n";
  }
  for (auto [arg, tensor] : llvm::zip(entry.args, tensors)) {
    if (!save.empty()) {
      if (std::error_code ec = llvm::sys::fs::create_directories(save))
        return llvm::createStringError("cannot create '" + save +
                                       "': " + ec.message());
      SmallString<128> path(save);
      llvm::sys::path::append(path, arg.name + ".npy");
      if (llvm::Error e = saveTensor(path, tensor))
        return e;
    }
    if (auto it = outFiles->find(arg.name); arg.isOutput && it != outFiles->end())
      if (llvm::Error e = saveTensor(it->second, tensor))
        return e;
  }
  return llvm::Error::success();
}

int seqc::driver::runRun() {
  int status = 0;
  if (llvm::Error e = run(status))
    return report(std::move(e));
  return status;
}
