//===- AllocToRuntime.cpp - Buffers come from the runtime -----------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"

namespace seqc {
#define GEN_PASS_DEF_ALLOCTORUNTIME
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

namespace {
struct AllocToRuntime : seqc::impl::AllocToRuntimeBase<AllocToRuntime> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto [from, to] :
         {std::pair<StringRef, StringRef>{"malloc", "seqc_rt_alloc"}, {"free", "seqc_rt_free"}}) {
      auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(from);
      if (!function || !function.isExternal())
        continue;
      auto name = StringAttr::get(&getContext(), to);
      if (module.lookupSymbol(name) ||
          failed(SymbolTable::replaceAllSymbolUses(function, name, module))) {
        function.emitError() << "calls of '" << from << "' cannot become calls of '" << to
                             << "': the name is taken";
        return signalPassFailure();
      }
      function.setName(name);
      if (from == "malloc")
        function.setResultAttr(0, LLVM::LLVMDialect::getNoAliasAttrName(),
                               UnitAttr::get(&getContext()));
    }
  }
};
} // namespace
