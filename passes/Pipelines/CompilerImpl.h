//===- CompilerImpl.h - What a compiled module holds ------------*- C++ -*-===//

#ifndef SEQC_PASSES_PIPELINES_COMPILERIMPL_H
#define SEQC_PASSES_PIPELINES_COMPILERIMPL_H

#include "seqc/passes/Pipelines/Compiler.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace seqc {

struct CompiledModule::Impl {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::vector<EntryInfo> entries;
};

/// Suffix of the function that holds an entry's code.
inline constexpr llvm::StringLiteral kernelSuffix = "__kernel";

/// Adds to `module`, for an entry whose code is `<name>__kernel`: the C function
/// `<name>`, its description `<name>__signature` (a seqc_entry) and the kernel
/// with packed arguments `<name>__packed` (a seqc_kernel).
void addCInterface(llvm::Module &module, const EntryInfo &entry,
                   bool checked);

} // namespace seqc

#endif // SEQC_PASSES_PIPELINES_COMPILERIMPL_H
