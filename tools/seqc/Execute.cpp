//===- Execute.cpp - Compiles an entry and calls it on tensors ------------===//

#include "Driver.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <chrono>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;

double seqc::driver::now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// "NAME=PATH" options by name; each has to name one of `names`.
llvm::Expected<std::map<std::string, std::string>>
seqc::driver::byName(StringRef option, ArrayRef<std::string> values,
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
makeTensors(const EntryInfo &entry, const CallOptions &call, Symbols &symbols) {
  std::vector<std::string> inNames, outNames;
  for (const EntryArg &arg : entry.args)
    (arg.isOutput ? outNames : inNames).push_back(arg.name);
  auto files = byName("in", call.inputs, inNames);
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
  for (auto [symbol, example, bench] :
       llvm::zip(symbols, entry.exampleSizes, entry.benchSizes))
    if (symbol < 0)
      symbol = call.bench && bench >= 0 ? bench : example;
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
      tensor->poison();
    } else if (llvm::Error e = draw(
                   arg, call.seed,
                   !arg.cuts              ? 0
                   : arg.cuts->symbol < 0 ? arg.cuts->size
                                          : symbols[arg.cuts->symbol],
                   *tensor)) {
      return std::move(e);
    }
    tensors[i] = std::move(*tensor);
  }
  return tensors;
}

/// DLPack views of the tensors with these numbers.
static std::vector<DLTensor> views(std::vector<HostTensor> &tensors,
                                   ArrayRef<unsigned> numbers) {
  std::vector<DLTensor> result;
  for (unsigned number : numbers) {
    HostTensor &t = tensors[number];
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

static std::vector<const DLTensor *> addresses(ArrayRef<DLTensor> arrays) {
  std::vector<const DLTensor *> result;
  for (const DLTensor &array : arrays)
    result.push_back(&array);
  return result;
}

llvm::Expected<Execution> Execution::create(Source &source,
                                            const CommonOptions &common,
                                            const CallOptions &call) {
  Execution result;
  auto func = findEntry(*source.module, common.entry);
  if (!func)
    return func.takeError();
  if (common.step) {
    std::string name = (func->getName() + "_step").str();
    if (addSteps(*source.module))
      return llvm::createStringError("adding one-token steps failed");
    auto step = source.module->lookupSymbol<func::FuncOp>(name);
    if (!step)
      return llvm::createStringError("--step: '" + func->getName() +
                                     "' has no one-token step");
    *func = step;
    if (llvm::Error e = keepEntry(*source.module, name))
      return std::move(e);
  }
  result.func = *func;
  auto entry = describeEntry(*func);
  if (!entry)
    return entry.takeError();
  result.entry = std::move(*entry);
  for (auto [i, arg] : llvm::enumerate(result.entry.args))
    if (arg.inPlace < 0)
      result.passed.push_back(i);
    else
      result.passed[arg.inPlace] = i;
  auto symbols = driver::bind(result.entry, call.bindings);
  if (!symbols)
    return symbols.takeError();
  result.symbols = std::move(*symbols);
  auto tensors = makeTensors(result.entry, call, result.symbols);
  if (!tensors)
    return tensors.takeError();
  result.tensors = std::move(*tensors);

  if (call.interpret)
    return result;
  if (common.target != "cpu") {
    auto cuda = Cuda::open();
    if (!cuda)
      return cuda.takeError();
    result.cuda = std::move(*cuda);
  }

  // Compilation changes its module; the reference runs on the original.
  OwningOpRef<ModuleOp> copy(source.module->clone());
  double start = now();
  CompileOptions options = compileOptions(common);
  options.decode = false;
  auto compiled = compile(*copy, options);
  if (!compiled)
    return compiled.takeError();
  auto jit = std::move(*compiled).jit();
  if (!jit)
    return jit.takeError();
  result.jit = std::move(*jit);
  auto signature = result.jit->lookup(result.entry.name + "__signature");
  if (!signature)
    return signature.takeError();
  result.signature = static_cast<const seqc_entry *>(*signature);
  auto kernel = result.jit->lookup(result.entry.name + "__packed");
  if (!kernel)
    return kernel.takeError();
  result.kernel = *kernel;
  result.compileSeconds = now() - start;
  if (result.cuda)
    if (llvm::Error e = result.toDevice())
      return std::move(e);
  return result;
}

std::vector<reference::TensorF64> Execution::referenceInputs() const {
  std::vector<reference::TensorF64> in;
  for (auto [arg, tensor] : llvm::zip(entry.args, tensors))
    if (!arg.isOutput)
      in.push_back(toReference(tensor));
  return in;
}

/// What an entry that is compiled to be checked does at run time.
static llvm::Error checkRanges(const EntryInfo &entry, ArrayRef<HostTensor> tensors) {
  for (auto [arg, tensor] : llvm::zip(entry.args, tensors)) {
    auto [low, high] = std::pair(arg.range.low, arg.range.high);
    if (arg.isOutput || (std::isinf(low) && std::isinf(high)))
      continue;
    for (int64_t i = 0, n = tensor.size(); i < n; ++i) {
      double value = tensor.get(i);
      if (value >= low && value <= high)
        continue;
      std::string text;
      llvm::raw_string_ostream os(text);
      os << entry.name << ": argument '" << arg.name << "' at [";
      int64_t rest = n, at = i;
      for (auto [d, dim] : llvm::enumerate(arg.dims)) {
        rest /= tensor.shape[d];
        os << (d ? ", " : "");
        if (dim.symbol >= 0)
          os << entry.symbols[dim.symbol] << "=";
        os << at / rest;
        at %= rest;
      }
      os << "] is " << llvm::format("%g", value) << ", declared ";
      if (std::isinf(low))
        os << llvm::format("at most %g", high);
      else if (std::isinf(high))
        os << llvm::format("at least %g", low);
      else
        os << llvm::format("%g to %g", low, high);
      return llvm::createStringError(text);
    }
  }
  return llvm::Error::success();
}

llvm::Error Execution::interpretAt(const CommonOptions &common, Stage stage) {
  if (common.checked)
    if (llvm::Error e = checkRanges(entry, tensors))
      return e;
  OwningOpRef<ModuleOp> copy(func->getParentOfType<ModuleOp>().clone());
  CompileOptions options = compileOptions(common);
  options.stopAfter = stage;
  PassManager pm(copy->getContext());
  buildPipeline(pm, options);
  if (failed(pm.run(*copy)))
    return llvm::createStringError("compilation failed before stage '" +
                                   stageName(stage) + "'");
  auto formed = findEntry(*copy, entry.name);
  if (!formed)
    return formed.takeError();
  auto found = reference::interpret<double>(*formed, referenceInputs());
  if (!found)
    return found.takeError();
  unsigned next = 0;
  for (auto [arg, tensor] : llvm::zip(entry.args, tensors)) {
    if (!arg.isOutput)
      continue;
    const reference::TensorF64 &result = (*found)[next++];
    tensor.element = Float64Type::get(copy->getContext());
    tensor.shape.assign(result.shape.begin(), result.shape.end());
    tensor.bytes.resize(8 * tensor.size());
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor.set(i, result.data[i]);
  }
  return llvm::Error::success();
}

/// Bytes before and after each tensor on the device, which nobody may write.
static constexpr int64_t guardBytes = 256;
static constexpr unsigned char guardValue = 0xa5;

/// The tensors' views with their addresses on the device.
static std::vector<DLTensor> deviceViews(std::vector<HostTensor> &tensors,
                                         ArrayRef<unsigned> numbers,
                                         ArrayRef<char *> onDevice) {
  std::vector<DLTensor> arrays = views(tensors, numbers);
  for (auto [array, number] : llvm::zip(arrays, numbers)) {
    array.data = onDevice[number] + guardBytes;
    array.device = {kDLCUDA, 0};
  }
  return arrays;
}

llvm::Error Execution::toDevice() {
  for (HostTensor &tensor : tensors) {
    int64_t bytes = tensor.bytes.size();
    auto memory = cuda->allocate(bytes + 2 * guardBytes);
    if (!memory)
      return memory.takeError();
    onDevice.push_back(static_cast<char *>(*memory));
    if (llvm::Error e = cuda->fill(*memory, guardValue, bytes + 2 * guardBytes))
      return e;
    if (llvm::Error e = cuda->synchronize())
      return e;
    // Outputs are NaN on the host until the first call.
    if (llvm::Error e = cuda->upload(onDevice.back() + guardBytes,
                                     tensor.bytes.data(), bytes))
      return e;
  }
  arrays = deviceViews(tensors, passed, onDevice);
  pointers = addresses(arrays);
  seqc_error error;
  scratchBytes = seqc_rt_cuda_scratch_bytes(
      signature, pointers.data(), reinterpret_cast<seqc_cuda_kernel>(kernel), &error);
  if (scratchBytes < 0)
    return llvm::createStringError(error.message);
  auto memory = cuda->allocate(scratchBytes);
  if (!memory)
    return memory.takeError();
  scratch = *memory;
  // NaN, so that what is read before it is written stands out.
  return cuda->fill(scratch, 0xff, scratchBytes);
}

llvm::Error Execution::invokeOnDevice() {
  seqc_error error;
  if (seqc_rt_invoke_cuda(signature, pointers.data(),
                          reinterpret_cast<seqc_cuda_kernel>(kernel), scratch,
                          cuda->stream(), &error) != SEQC_OK)
    return llvm::createStringError(error.message);
  return llvm::Error::success();
}

llvm::Expected<DeviceTimes> Execution::timeOnDevice() {
  return cuda->time([&] { return invokeOnDevice(); });
}

llvm::Error Execution::callAgain() {
  std::vector<Bytes> before;
  for (auto [arg, tensor, address] : llvm::zip(entry.args, tensors, onDevice)) {
    before.push_back(arg.isOutput ? tensor.bytes : Bytes());
    if (!arg.isOutput)
      continue;
    tensor.poison();
    if (llvm::Error e = cuda->upload(address + guardBytes, tensor.bytes.data(),
                                     tensor.bytes.size()))
      return e;
  }
  if (llvm::Error e = cuda->fill(scratch, 0xff, scratchBytes))
    return e;
  if (llvm::Error e = call())
    return e;
  for (auto [arg, tensor, bytes] : llvm::zip(entry.args, tensors, before))
    if (arg.isOutput && tensor.bytes != bytes)
      return llvm::createStringError("a second call gave other bits of '" +
                                     arg.name + "'");
  return llvm::Error::success();
}

llvm::Error Execution::resetStates() {
  for (auto [i, arg] : llvm::enumerate(entry.args)) {
    if (arg.inPlace < 0)
      continue;
    tensors[i].bytes = tensors[arg.inPlace].bytes;
    if (cuda)
      if (llvm::Error e = cuda->upload(onDevice[i] + guardBytes, tensors[i].bytes.data(),
                                       tensors[i].bytes.size()))
        return e;
  }
  return llvm::Error::success();
}

llvm::Error Execution::invoke() {
  std::vector<DLTensor> arrays = views(tensors, passed);
  std::vector<const DLTensor *> pointers = addresses(arrays);
  seqc_error error;
  if (seqc_rt_invoke(signature, pointers.data(),
                     reinterpret_cast<seqc_kernel>(kernel), &error) != SEQC_OK)
    return llvm::createStringError(error.message);
  return llvm::Error::success();
}

llvm::Error Execution::call() {
  if (llvm::Error e = resetStates())
    return e;
  if (cuda) {
    if (llvm::Error e = invokeOnDevice())
      return e;
    if (llvm::Error e = cuda->synchronize())
      return e;
    for (auto [arg, tensor, address] : llvm::zip(entry.args, tensors, onDevice)) {
      Bytes all(tensor.bytes.size() + 2 * guardBytes);
      if (llvm::Error e = cuda->download(all.data(), address, all.size()))
        return e;
      auto intact = [&](ArrayRef<char> guard) {
        return llvm::all_of(guard, [](char c) { return c == char(guardValue); });
      };
      ArrayRef<char> bytes(all);
      if (!intact(bytes.take_front(guardBytes)) ||
          !intact(bytes.take_back(guardBytes)))
        return llvm::createStringError("the kernels wrote outside '" + arg.name +
                                       "'");
      if (arg.isOutput)
        std::copy(bytes.begin() + guardBytes, bytes.end() - guardBytes,
                  tensor.bytes.begin());
    }
    return llvm::Error::success();
  }
  return invoke();
}

llvm::Expected<std::pair<double, unsigned>> Execution::time() {
  std::vector<double> times;
  double began = now();
  while (times.size() < 5 || (now() - began < 0.3 && times.size() < 1000)) {
    double one = now();
    if (llvm::Error e = invoke())
      return std::move(e);
    times.push_back(now() - one);
  }
  llvm::sort(times);
  return std::make_pair(times[times.size() / 2], unsigned(times.size()));
}
