//===- CompilerImpl.h - What a compiled module holds ------------*- C++ -*-===//

#ifndef SEQC_PASSES_PIPELINES_COMPILERIMPL_H
#define SEQC_PASSES_PIPELINES_COMPILERIMPL_H

#include "seqc/passes/Pipelines/Compiler.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

namespace seqc {

/// Kernels for one GPU architecture.
struct DeviceImage {
  std::string target;
  std::string ptx;
  std::string cubin; // empty where ptxas is not installed
};
/// Code for GPUs: the same kernels for each architecture; none for the CPU.
struct DeviceCode {
  std::vector<DeviceImage> images;
  std::vector<std::string> kernels;
};

/// Translates `kernels`, in the NVVM dialect, to PTX and, where ptxas is found, to
/// machine code, for each of `targets`.
llvm::Expected<DeviceCode>
compileDevice(mlir::gpu::GPUModuleOp kernels,
              llvm::ArrayRef<llvm::StringRef> targets);

/// Runs LLVM's optimiser for `machine`.
void runOptimiser(llvm::Module &module, llvm::TargetMachine &machine,
                  llvm::OptimizationLevel level,
                  llvm::PipelineTuningOptions tuning = {});

struct CompiledModule::Impl {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::vector<EntryInfo> entries;
  DeviceCode device;
};

/// Suffix of the function that holds an entry's code.
inline constexpr llvm::StringLiteral kernelSuffix = "__kernel";

/// Adds to `module`, for an entry whose code is `<name>__kernel`: the C function
/// `<name>`, its description `<name>__signature` (a seqc_entry) and the kernel
/// with packed arguments `<name>__packed` (a seqc_kernel).
/// `gpu` is the seqc_gpu_code of the module, or null.
void addCInterface(llvm::Module &module, const EntryInfo &entry, bool checked,
                   llvm::Constant *gpu);
/// Adds the GPU's code as a seqc_gpu_code, and returns it.
llvm::Constant *addDeviceCode(llvm::Module &module, const DeviceCode &code);

} // namespace seqc

#endif // SEQC_PASSES_PIPELINES_COMPILERIMPL_H
