//===- Device.cpp - Kernels to PTX and machine code -----------------------===//

#include "CompilerImpl.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Transforms/IPO/Internalize.h"

#include <mutex>

using namespace mlir;
using namespace seqc;

extern "C" {
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

/// Folders of CUDA toolkits, best first.
static SmallVector<std::string> toolkits() {
  SmallVector<std::string> result;
  for (StringRef variable : {"CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"})
    if (auto value = llvm::sys::Process::GetEnv(variable))
      result.push_back(*value);
  result.push_back("/usr/local/cuda");
  result.push_back("/opt/cuda");
  return result;
}

/// Links CUDA's library of functions where the module calls any of it.
static llvm::Error linkFunctions(llvm::Module &module) {
  std::string needed;
  for (llvm::Function &f : module)
    if (f.isDeclaration() && f.getName().starts_with("__nv_"))
      needed = f.getName().str();
  if (needed.empty())
    return llvm::Error::success();
  for (const std::string &toolkit : toolkits()) {
    SmallString<128> path(toolkit);
    llvm::sys::path::append(path, "nvvm", "libdevice", "libdevice.10.bc");
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      continue;
    auto library =
        llvm::parseBitcodeFile((*buffer)->getMemBufferRef(), module.getContext());
    if (!library)
      return library.takeError();
    (*library)->setDataLayout(module.getDataLayout());
    (*library)->setTargetTriple(module.getTargetTriple());
    if (llvm::Linker::linkModules(module, std::move(*library),
                                  llvm::Linker::LinkOnlyNeeded))
      return llvm::createStringError("linking '" + Twine(path) + "' failed");
    return llvm::Error::success();
  }
  return llvm::createStringError(
      "the program needs " + needed +
      " of CUDA's libdevice.10.bc, which no toolkit has here; set CUDA_HOME");
}

/// PTX's version for a target, as late as the toolkits that know it ask for.
static StringRef features(StringRef target) {
  if (target.starts_with("sm_120"))
    return "+ptx87";
  if (target.starts_with("sm_100"))
    return "+ptx86";
  if (target.starts_with("sm_90"))
    return "+ptx81"; // st.async
  return "+ptx80";
}

static std::string findAssembler() {
  for (const std::string &toolkit : toolkits()) {
    SmallString<128> path(toolkit);
    llvm::sys::path::append(path, "bin", "ptxas");
    if (llvm::sys::fs::can_execute(path))
      return std::string(path);
  }
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  return {};
}

/// Runs ptxas; leaves `code.cubin` empty where there is none.
static llvm::Error assemble(DeviceImage &code) {
  std::string assembler = findAssembler();
  if (assembler.empty())
    return llvm::Error::success();
  SmallString<128> from, to, log;
  for (auto [suffix, path] : {std::make_pair("ptx", &from), {"cubin", &to}, {"log", &log}})
    if (std::error_code ec = llvm::sys::fs::createTemporaryFile("seqc", suffix, *path))
      return llvm::createStringError("cannot create a temporary file: " +
                                     ec.message());
  llvm::FileRemover removeFrom(from), removeTo(to), removeLog(log);
  {
    std::error_code ec;
    llvm::raw_fd_ostream os(from, ec);
    os << code.ptx;
    os.close();
    if (ec || os.has_error())
      return llvm::createStringError("cannot write '" + Twine(from) + "'");
  }
  SmallVector<StringRef> args{assembler, "-arch", code.target, "-O3",
                              from,      "-o",    to};
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                          StringRef(log)};
  std::string error;
  int status =
      llvm::sys::ExecuteAndWait(assembler, args, std::nullopt, redirects, 0, 0, &error);
  if (status != 0) {
    auto text = llvm::MemoryBuffer::getFile(log);
    return llvm::createStringError(
        "ptxas failed: " +
        (text && (*text)->getBufferSize() ? (*text)->getBuffer().str() : error));
  }
  auto data = llvm::MemoryBuffer::getFile(to);
  if (!data)
    return llvm::createStringError("ptxas wrote no file");
  code.cubin = (*data)->getBuffer().str();
  return llvm::Error::success();
}

static llvm::Expected<DeviceImage> compileFor(gpu::GPUModuleOp kernels,
                                              StringRef target,
                                              ArrayRef<std::string> names) {
  DeviceImage code;
  code.target = target.str();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(kernels, context);
  if (!module)
    return llvm::createStringError("translation of the kernels to LLVM IR failed");
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, target, features(target), options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  module->setTargetTriple(triple);
  module->setDataLayout(machine->createDataLayout());
  if (llvm::Error e = linkFunctions(*module))
    return std::move(e);
  // Only kernels are called from outside.
  llvm::internalizeModule(*module, [&](const llvm::GlobalValue &value) {
    return llvm::is_contained(names, value.getName());
  });

  // The assembler may use all registers of one block, where the kernel does not
  // say how many are resident: it spills rather than have more blocks else.
  for (llvm::Function &f : *module)
    if (f.hasFnAttribute("nvvm.maxntid") && !f.hasFnAttribute("nvvm.minctasm"))
      f.addFnAttr("nvvm.minctasm", "1");

  runOptimiser(*module, *machine, llvm::OptimizationLevel::O3);

  llvm::SmallVector<char> text;
  llvm::raw_svector_ostream os(text);
  llvm::legacy::PassManager pm;
  if (machine->addPassesToEmitFile(pm, os, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("the NVPTX back end cannot write PTX");
  pm.run(*module);
  code.ptx.assign(text.begin(), text.end());
  if (llvm::Error e = assemble(code))
    return std::move(e);
  return code;
}

llvm::Expected<DeviceCode> seqc::compileDevice(gpu::GPUModuleOp kernels,
                                               ArrayRef<StringRef> targets) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  DeviceCode code;
  for (auto function : kernels.getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      code.kernels.push_back(function.getName().str());
  for (StringRef target : targets) {
    auto image = compileFor(kernels, target, code.kernels);
    if (!image)
      return image.takeError();
    code.images.push_back(std::move(*image));
  }
  return code;
}

/// The only image, for a file that holds one.
static llvm::Expected<const DeviceImage &> onlyImage(const DeviceCode &device) {
  if (device.images.empty())
    return llvm::createStringError("code for the CPU has none for a GPU");
  if (device.images.size() > 1)
    return llvm::createStringError(
        "such a file holds code for one target, found " +
        Twine(device.images.size()) + "; a shared library holds all");
  return device.images.front();
}

llvm::Expected<std::string> CompiledModule::toPtx() const {
  auto image = onlyImage(impl->device);
  if (!image)
    return image.takeError();
  return image->ptx;
}

llvm::Expected<std::string> CompiledModule::toCubin() const {
  auto image = onlyImage(impl->device);
  if (!image)
    return image.takeError();
  if (image->cubin.empty())
    return llvm::createStringError(
        "no ptxas to assemble with: looked in CUDA_HOME, /usr/local/cuda and on "
        "the PATH");
  return image->cubin;
}
