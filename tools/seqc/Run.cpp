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
static cl::opt<std::string> bindings("bind",
                                     cl::desc("Sizes of the axes, as B=4,T=2048"),
                                     cl::sub(runCommand));
static cl::opt<uint64_t> seed("random",
                              cl::desc("Seed of the inputs that are drawn"),
                              cl::init(1), cl::sub(runCommand));
static cl::opt<bool> check("check",
                           cl::desc("Compare with the float64 reference"),
                           cl::sub(runCommand));
static cl::opt<bool> time_("time", cl::desc("Print compile and run times"),
                           cl::sub(runCommand));

using Clock = std::chrono::steady_clock;
static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// "NAME=PATH" options by name; each has to name one of `names`.
static llvm::Expected<std::map<std::string, std::string>>
byName(StringRef option, ArrayRef<std::string> values,
       ArrayRef<std::string> names) {
  std::map<std::string, std::string> result;
  for (const std::string &value : values) {
    auto [name, path] = StringRef(value).split('=');
    if (path.empty())
      return llvm::createStringError("--" + option + ": '" + value +
                                     "' is not NAME=FILE");
    if (!llvm::is_contained(names, name.str()))
      return llvm::createStringError("--" + option + ": no tensor '" + name +
                                     "', expected one of: " +
                                     llvm::join(names, ", "));
    if (!result.try_emplace(name.str(), path.str()).second)
      return llvm::createStringError("--" + option + ": '" + name +
                                     "' is given twice");
  }
  return result;
}

/// Reads or draws the inputs and allocates the outputs.
static llvm::Expected<std::vector<HostTensor>>
makeTensors(const EntryInfo &entry, Symbols &symbols) {
  std::vector<std::string> inNames, outNames;
  for (const EntryArg &arg : entry.args)
    (arg.isOutput ? outNames : inNames).push_back(arg.name);
  auto files = byName("in", std::vector<std::string>(inputs), inNames);
  if (!files)
    return files.takeError();
  std::vector<HostTensor> tensors(entry.args.size());
  for (auto [i, arg] : llvm::enumerate(entry.args)) {
    auto file = files->find(arg.name);
    if (arg.isOutput || file == files->end())
      continue;
    auto tensor =
        loadTensor(arg.name, file->second, getElementTypeOrSelf(arg.type));
    if (!tensor)
      return tensor.takeError();
    if (tensor->shape.size() != arg.dims.size())
      return llvm::createStringError(
          "--in " + arg.name + ": '" + file->second + "' has rank " +
          llvm::Twine(tensor->shape.size()) + ", expected " +
          llvm::Twine(arg.dims.size()));
    for (auto [d, dim] : llvm::enumerate(arg.dims))
      if (dim.symbol >= 0 && dim.divisor == 1 && symbols[dim.symbol] < 0)
        symbols[dim.symbol] = tensor->shape[d] - dim.offset;
    tensors[i] = std::move(*tensor);
  }
  for (auto [symbol, example] : llvm::zip(symbols, entry.exampleSizes))
    if (symbol < 0)
      symbol = example;
  for (auto [i, arg] : llvm::enumerate(entry.args)) {
    if (tensors[i].element)
      continue;
    auto shape = driver::shapeOf(entry, arg, symbols);
    if (!shape)
      return shape.takeError();
    auto tensor = allocate(arg.name, getElementTypeOrSelf(arg.type), *shape);
    if (!tensor)
      return tensor.takeError();
    if (arg.isOutput) {
      // Whatever is not written stands out.
      if (isa<FloatType>(tensor->element))
        for (int64_t k = 0; k < tensor->size(); ++k)
          tensor->set(k, NAN);
      else
        std::memset(tensor->bytes.data(), 0x4c, tensor->bytes.size());
    } else if (llvm::Error e = draw(
                   arg, seed,
                   arg.segmentsOf >= 0 ? symbols[arg.segmentsOf] : 0, *tensor)) {
      return std::move(e);
    }
    tensors[i] = std::move(*tensor);
  }
  return tensors;
}

/// DLPack views of the tensors.
static std::vector<DLTensor> views(std::vector<HostTensor> &tensors) {
  std::vector<DLTensor> result;
  for (HostTensor &t : tensors) {
    DLTensor view = {};
    view.data = t.bytes.data();
    view.device = {kDLCPU, 0};
    view.ndim = t.shape.size();
    view.shape = t.shape.data();
    uint8_t code = t.element.isBF16()            ? uint8_t(kDLBfloat)
                   : isa<FloatType>(t.element) ? uint8_t(kDLFloat)
                                                 : uint8_t(kDLInt);
    view.dtype = {code, uint8_t(8 * bytesOf(t.element)), 1};
    result.push_back(view);
  }
  return result;
}

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

static double toleranceOf(const EntryInfo &entry) {
  bool half = false, single = false;
  for (const EntryArg &arg : entry.args) {
    Type element = getElementTypeOrSelf(arg.type);
    half |= element.isBF16() || element.isF16();
    single |= element.isF32();
  }
  return half ? 5e-3 : single ? 1e-5 : 1e-12;
}

static llvm::Error run(int &status) {
  auto common = commonOptions();
  if (!common)
    return common.takeError();
  auto source = parse(common->file);
  if (!source)
    return source.takeError();
  auto func = findEntry(*source->module, common->entry);
  if (!func)
    return func.takeError();
  auto described = describeEntry(*func);
  if (!described)
    return described.takeError();
  EntryInfo entry = *described;
  auto symbols = driver::bind(entry, bindings);
  if (!symbols)
    return symbols.takeError();
  auto tensors = makeTensors(entry, *symbols);
  if (!tensors)
    return tensors.takeError();
  std::vector<std::string> outNames;
  for (const EntryArg &arg : entry.args)
    if (arg.isOutput)
      outNames.push_back(arg.name);
  auto outFiles = byName("out", std::vector<std::string>(outputs), outNames);
  if (!outFiles)
    return outFiles.takeError();

  // Compilation changes its module; the reference runs on the original.
  OwningOpRef<ModuleOp> copy(source->module->clone());
  auto start = Clock::now();
  auto compiled = compile(*copy, compileOptions(*common));
  if (!compiled)
    return compiled.takeError();
  auto jit = std::move(*compiled).jit();
  if (!jit)
    return jit.takeError();
  auto signature = (*jit)->lookup(entry.name + "__signature");
  if (!signature)
    return signature.takeError();
  auto kernel = (*jit)->lookup(entry.name + "__packed");
  if (!kernel)
    return kernel.takeError();
  double compileSeconds = secondsSince(start);

  std::vector<DLTensor> arrays = views(*tensors);
  std::vector<const DLTensor *> pointers;
  for (DLTensor &array : arrays)
    pointers.push_back(&array);
  auto call = [&]() -> llvm::Error {
    seqc_error error;
    if (seqc_rt_invoke(static_cast<const seqc_entry *>(*signature),
                       pointers.data(), reinterpret_cast<seqc_kernel>(*kernel),
                       &error) != SEQC_OK)
      return llvm::createStringError(error.message);
    return llvm::Error::success();
  };
  if (llvm::Error e = call())
    return e;

  llvm::outs() << entry.name << ":";
  for (auto [symbol, value] : llvm::zip(entry.symbols, *symbols))
    llvm::outs() << " " << symbol << "=" << value;
  llvm::outs() << "\n";
  if (check) {
    std::vector<reference::TensorF64> in;
    for (auto [arg, tensor] : llvm::zip(entry.args, *tensors))
      if (!arg.isOutput)
        in.push_back(toReference(tensor));
    reference::InterpretOptions options;
    bool terminal = llvm::sys::Process::StandardErrIsDisplayed();
    auto began = Clock::now();
    options.progress = [&](double done) {
      if (terminal && secondsSince(began) > 1)
        llvm::errs() << llvm::format("\rreference: %3.0f %%", 100 * done);
    };
    auto expected = reference::interpret<double>(*func, in, options);
    if (terminal && secondsSince(began) > 1)
      llvm::errs() << "\r                \r";
    if (!expected)
      return expected.takeError();
    unsigned next = 0;
    for (auto [arg, tensor] : llvm::zip(entry.args, *tensors))
      if (arg.isOutput &&
          !compare(arg, tensor, (*expected)[next++], toleranceOf(entry)))
        status = 1;
  }
  if (time_) {
    int64_t bytes = 0;
    for (const HostTensor &t : *tensors)
      bytes += t.bytes.size();
    std::vector<double> times;
    auto began = Clock::now();
    while (times.size() < 5 || (secondsSince(began) < 0.3 && times.size() < 1000)) {
      auto one = Clock::now();
      if (llvm::Error e = call())
        return e;
      times.push_back(secondsSince(one));
    }
    llvm::sort(times);
    double median = times[times.size() / 2];
    llvm::outs() << "  compile " << llvm::format("%.2f", compileSeconds)
                 << " s, run " << llvm::format("%.3f", median * 1e3)
                 << " ms (median of " << times.size() << "), "
                 << llvm::format("%.2f", bytes / median * 1e-9)
                 << " GB/s of inputs and results\n";
  }
  for (auto [arg, tensor] : llvm::zip(entry.args, *tensors)) {
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
