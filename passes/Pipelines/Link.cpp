//===- Link.cpp - Shared libraries and code in this process ---------------===//

#include "CompilerImpl.h"

#include "seqc/abi.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using namespace seqc;

//===----------------------------------------------------------------------===//
// Shared library
//===----------------------------------------------------------------------===//

/// The runtime's archive: where it was built, or beside the program, as installed.
static Expected<std::string> findRuntime() {
  if (auto given = sys::Process::GetEnv("SEQC_RUNTIME_LIBRARY"))
    return *given;
  std::string program =
      sys::fs::getMainExecutable(nullptr, reinterpret_cast<void *>(&findRuntime));
  SmallString<256> beside(sys::path::parent_path(program));
  sys::path::append(beside, "..", "lib", "libseqc_rt.a");
  if (sys::fs::exists(beside))
    return std::string(beside);
  if (sys::fs::exists(SEQC_RUNTIME_LIBRARY))
    return std::string(SEQC_RUNTIME_LIBRARY);
  return createStringError("cannot find libseqc_rt.a at '" + Twine(beside) +
                           "'; set SEQC_RUNTIME_LIBRARY");
}

Error CompiledModule::linkShared(StringRef path) const {
  Expected<std::string> object = toObject();
  if (!object)
    return object.takeError();
  Expected<std::string> runtime = findRuntime();
  if (!runtime)
    return runtime.takeError();
  std::string linker;
  for (StringRef name : {"clang-22", "clang", "cc", "gcc"})
    if (ErrorOr<std::string> found = sys::findProgramByName(name)) {
      linker = *found;
      break;
    }
  if (linker.empty())
    return createStringError("no C compiler to link with: looked for clang-22, "
                             "clang, cc and gcc on the PATH");
  SmallString<128> objectPath, messages;
  if (std::error_code ec =
          sys::fs::createTemporaryFile("seqc", "o", objectPath))
    return createStringError("cannot create a temporary file: " + ec.message());
  FileRemover removeObject(objectPath);
  if (std::error_code ec =
          sys::fs::createTemporaryFile("seqc", "log", messages))
    return createStringError("cannot create a temporary file: " + ec.message());
  FileRemover removeMessages(messages);
  {
    std::error_code ec;
    raw_fd_ostream os(objectPath, ec);
    os << *object;
    os.close();
    if (ec || os.has_error())
      return createStringError("cannot write '" + Twine(objectPath) + "'");
  }
  // Beside the target, so that the last step is a rename.
  std::string aside = (path + ".part").str();
  FileRemover removeAside(aside);
  SmallVector<StringRef> args{linker,  "-shared", "-o",       aside, objectPath,
                              *runtime, "-lm",    "-lpthread", "-ldl"};
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(messages),
                                          StringRef(messages)};
  std::string error;
  int code = sys::ExecuteAndWait(linker, args, std::nullopt, redirects, 0, 0, &error);
  if (code != 0) {
    auto log = MemoryBuffer::getFile(messages);
    return createStringError("linking '" + path + "' failed: " +
                             (log ? (*log)->getBuffer().rtrim().str() : error));
  }
  if (std::error_code ec = sys::fs::rename(aside, path))
    return createStringError("cannot write '" + path + "': " + ec.message());
  return Error::success();
}

//===----------------------------------------------------------------------===//
// This process
//===----------------------------------------------------------------------===//

namespace {
class OrcJit : public Jit {
public:
  explicit OrcJit(std::unique_ptr<orc::LLJIT> jit) : jit(std::move(jit)) {}
  Expected<void *> lookup(StringRef name) override {
    auto symbol = jit->lookup(name);
    if (!symbol)
      return symbol.takeError();
    return symbol->toPtr<void *>();
  }

private:
  std::unique_ptr<orc::LLJIT> jit;
};
} // namespace

Expected<std::unique_ptr<Jit>> CompiledModule::jit() && {
  Expected<std::string> object = toObject();
  if (!object)
    return object.takeError();
  auto jit = orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  auto &library = (*jit)->getMainJITDylib();
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*jit)->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  orc::SymbolMap runtime;
  auto add = [&](StringRef name, auto *function) {
    runtime[(*jit)->mangleAndIntern(name)] = {
        orc::ExecutorAddr::fromPtr(function), JITSymbolFlags::Exported};
  };
  add("seqc_rt_invoke", &seqc_rt_invoke);
  add("seqc_rt_parallel_for", &seqc_rt_parallel_for);
  add("seqc_rt_alloc", &seqc_rt_alloc);
  add("seqc_rt_free", &seqc_rt_free);
  add("seqc_rt_invoke_cuda", &seqc_rt_invoke_cuda);
  add("seqc_rt_cuda_scratch_bytes", &seqc_rt_cuda_scratch_bytes);
  add("seqc_rt_cuda_launch", &seqc_rt_cuda_launch);
  add("seqc_rt_cuda_launch_together", &seqc_rt_cuda_launch_together);
  add("seqc_rt_cuda_scratch", &seqc_rt_cuda_scratch);
  if (Error e = library.define(orc::absoluteSymbols(runtime)))
    return std::move(e);
  if (Error e = (*jit)->addObjectFile(
          MemoryBuffer::getMemBufferCopy(*object, "seqc")))
    return std::move(e);
  return std::make_unique<OrcJit>(std::move(*jit));
}
