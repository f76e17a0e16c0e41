//===- Cuda.cpp - Device memory and time, for seqc run --------------------===//

#include "Cuda.h"

#include "Driver.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/DynamicLibrary.h"

#include <cstring>
#include <vector>

using namespace llvm;
using namespace seqc::driver;

/// More than any device's second-level cache.
static constexpr int64_t flushBytes = 256ll << 20;

struct Cuda::Impl {
  using Address = uint64_t;
  int (*init)(unsigned);
  int (*getErrorName)(int, const char **);
  int (*deviceGet)(int *, int);
  int (*deviceGetName)(char *, int, int);
  int (*primaryRetain)(void **, int);
  int (*ctxSetCurrent)(void *);
  int (*memAlloc)(Address *, size_t);
  int (*memFree)(Address);
  int (*copyHtoDAsync)(Address, const void *, size_t, void *);
  int (*copyDtoH)(void *, Address, size_t);
  int (*copyDtoDAsync)(Address, Address, size_t, void *);
  int (*memset8Async)(Address, unsigned char, size_t, void *);
  int (*streamCreate)(void **, unsigned);
  int (*streamSynchronize)(void *);
  int (*eventCreate)(void **, unsigned);
  int (*eventRecord)(void *, void *);
  int (*eventSynchronize)(void *);
  int (*eventElapsed)(float *, void *, void *);
  int (*beginCapture)(void *, int);
  int (*endCapture)(void *, void **);
  int (*graphInstantiate)(void **, void *, unsigned long long);
  int (*graphLaunch)(void *, void *);
  int (*graphDestroy)(void *);
  int (*graphExecDestroy)(void *);

  sys::DynamicLibrary library;
  void *context = nullptr, *stream = nullptr;
  void *before = nullptr, *after = nullptr;
  Address flush = 0;
  std::vector<Address> owned;
  std::string name;

  Error check(const char *what, int code) const {
    if (code == 0)
      return Error::success();
    const char *text = nullptr;
    getErrorName(code, &text);
    return createStringError(Twine("CUDA: ") + what + " failed: " +
                             (text ? text : std::to_string(code).c_str()));
  }
};

Cuda::Cuda() : impl(std::make_unique<Impl>()) {}
Cuda::~Cuda() {
  for (Impl::Address address : impl->owned)
    impl->memFree(address);
}
void *Cuda::stream() const { return impl->stream; }
const std::string &Cuda::name() const { return impl->name; }

Expected<std::unique_ptr<Cuda>> Cuda::open() {
  std::unique_ptr<Cuda> result(new Cuda);
  Impl &cuda = *result->impl;
  std::string why;
  cuda.library = sys::DynamicLibrary::getPermanentLibrary("libcuda.so.1", &why);
  if (!cuda.library.isValid())
    return createStringError(
        "this machine has no CUDA driver, libcuda.so.1; code is compiled without "
        "one, but does not run");
  const std::pair<const char *, void *> functions[] = {
      {"cuInit", &cuda.init},
      {"cuGetErrorName", &cuda.getErrorName},
      {"cuDeviceGet", &cuda.deviceGet},
      {"cuDeviceGetName", &cuda.deviceGetName},
      {"cuDevicePrimaryCtxRetain", &cuda.primaryRetain},
      {"cuCtxSetCurrent", &cuda.ctxSetCurrent},
      {"cuMemAlloc_v2", &cuda.memAlloc},
      {"cuMemFree_v2", &cuda.memFree},
      {"cuMemcpyHtoDAsync_v2", &cuda.copyHtoDAsync},
      {"cuMemcpyDtoH_v2", &cuda.copyDtoH},
      {"cuMemcpyDtoDAsync_v2", &cuda.copyDtoDAsync},
      {"cuMemsetD8Async", &cuda.memset8Async},
      {"cuStreamCreate", &cuda.streamCreate},
      {"cuStreamSynchronize", &cuda.streamSynchronize},
      {"cuEventCreate", &cuda.eventCreate},
      {"cuEventRecord", &cuda.eventRecord},
      {"cuEventSynchronize", &cuda.eventSynchronize},
      {"cuEventElapsedTime", &cuda.eventElapsed},
      {"cuStreamBeginCapture_v2", &cuda.beginCapture},
      {"cuStreamEndCapture", &cuda.endCapture},
      {"cuGraphInstantiateWithFlags", &cuda.graphInstantiate},
      {"cuGraphLaunch", &cuda.graphLaunch},
      {"cuGraphDestroy", &cuda.graphDestroy},
      {"cuGraphExecDestroy", &cuda.graphExecDestroy},
  };
  for (auto [name, slot] : functions) {
    void *address = cuda.library.getAddressOfSymbol(name);
    if (!address)
      return createStringError(Twine("the CUDA driver has no ") + name);
    std::memcpy(slot, &address, sizeof address);
  }
  int device = 0;
  char name[128] = "";
  const char *what = "starting";
  int code = cuda.init(0);
  auto then = [&](const char *next, auto function, auto... arguments) {
    if (code)
      return;
    what = next;
    code = function(arguments...);
  };
  then("device 0", cuda.deviceGet, &device, 0);
  then("its name", cuda.deviceGetName, name, int(sizeof name), device);
  then("its context", cuda.primaryRetain, &cuda.context, device);
  then("its context", cuda.ctxSetCurrent, cuda.context);
  then("a stream", cuda.streamCreate, &cuda.stream, 1u);
  then("an event", cuda.eventCreate, &cuda.before, 0u);
  then("an event", cuda.eventCreate, &cuda.after, 0u);
  if (Error e = cuda.check(what, code))
    return std::move(e);
  cuda.name = name;
  return std::move(result);
}

Expected<void *> Cuda::allocate(int64_t bytes) {
  Impl::Address address = 0;
  if (Error e = impl->check("allocating", impl->memAlloc(&address, std::max<int64_t>(bytes, 16))))
    return std::move(e);
  impl->owned.push_back(address);
  return reinterpret_cast<void *>(address);
}
Error Cuda::upload(void *to, const void *from, int64_t bytes) {
  // On the stream of the kernels, which no other stream waits for: a plain copy may
  // return while its last step is still under way.  Host memory is free on return.
  return impl->check("copying to the device",
                     bytes ? impl->copyHtoDAsync(uint64_t(to), from, bytes, impl->stream)
                           : 0);
}
Error Cuda::download(void *to, const void *from, int64_t bytes) {
  return impl->check("copying from the device",
                     bytes ? impl->copyDtoH(to, uint64_t(from), bytes) : 0);
}
Error Cuda::fill(void *to, unsigned char value, int64_t bytes) {
  return impl->check("filling memory", bytes ? impl->memset8Async(uint64_t(to), value, bytes,
                                                          impl->stream) : 0);
}
Error Cuda::synchronize() {
  return impl->check("running", impl->streamSynchronize(impl->stream));
}

static double median(std::vector<double> &times) {
  llvm::sort(times);
  return times[times.size() / 2];
}

Expected<DeviceTimes> Cuda::time(function_ref<Error()> call, bool flush) {
  Impl &cuda = *impl;
  if (!cuda.flush) {
    auto memory = allocate(flushBytes);
    if (!memory)
      return memory.takeError();
    cuda.flush = uint64_t(*memory);
  }
  if (Error e = call())
    return std::move(e);
  void *graph = nullptr, *executable = nullptr;
  auto release = scope_exit([&] {
    if (executable)
      cuda.graphExecDestroy(executable);
    if (graph)
      cuda.graphDestroy(graph);
  });
  if (Error e = cuda.check("capturing", cuda.beginCapture(cuda.stream, 2)))
    return std::move(e);
  Error called = call();
  Error ended = cuda.check("capturing", cuda.endCapture(cuda.stream, &graph));
  if (called) {
    consumeError(std::move(ended));
    return std::move(called);
  }
  if (ended)
    return std::move(ended);
  if (Error e = cuda.check("making a graph", cuda.graphInstantiate(&executable, graph, 0)))
    return std::move(e);
  DeviceTimes result;
  auto measure = [&](auto &&run, double &seconds) -> Error {
    std::vector<double> times;
    double began = now();
    while (times.size() < 5 || (now() - began < 0.2 && times.size() < 100)) {
      if (flush)
        cuda.memset8Async(cuda.flush, 1, flushBytes, cuda.stream);
      if (Error e = synchronize())
        return e;
      cuda.eventRecord(cuda.before, cuda.stream);
      if (Error e = run())
        return e;
      cuda.eventRecord(cuda.after, cuda.stream);
      if (Error e = cuda.check("running", cuda.eventSynchronize(cuda.after)))
        return e;
      float milliseconds = 0;
      cuda.eventElapsed(&milliseconds, cuda.before, cuda.after);
      times.push_back(milliseconds * 1e-3);
    }
    result.count = times.size();
    seconds = median(times);
    return Error::success();
  };
  if (Error e = measure(call, result.launched))
    return std::move(e);
  // The host's share: calls one after the other, which the device works off later.
  int series = std::clamp(int(0.02 / std::max(result.launched, 1e-9)), 1, 32);
  std::vector<double> busy;
  for (int repeat = 0; repeat < 9; ++repeat) {
    if (Error e = synchronize())
      return std::move(e);
    double from = now();
    for (int i = 0; i < series; ++i)
      if (Error e = call())
        return std::move(e);
    busy.push_back((now() - from) / series);
  }
  result.host = median(busy);
  if (Error e = measure(
          [&] {
            return cuda.check("replaying", cuda.graphLaunch(executable, cuda.stream));
          },
          result.graph))
    return std::move(e);
  return result;
}

Expected<double> Cuda::copyRate() {
  constexpr int64_t bytes = 1ll << 30;
  auto from = allocate(bytes), to = allocate(bytes);
  if (!from || !to) {
    consumeError(from.takeError());
    consumeError(to.takeError());
    return createStringError("CUDA: no memory to measure a copy with");
  }
  if (Error e = fill(*from, 1, bytes))
    return std::move(e);
  auto times = time([&] {
    return impl->check("copying", impl->copyDtoDAsync(uint64_t(*to), uint64_t(*from),
                                                      bytes, impl->stream));
  }, /*flush=*/false); // larger than any cache
  if (!times)
    return times.takeError();
  return 2.0 * bytes / std::min(times->graph, times->launched);
}
