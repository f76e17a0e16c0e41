//===- MergeKernels.cpp - All kernels go into one module ------------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/SymbolTable.h"

namespace seqc {
#define GEN_PASS_DEF_MERGEKERNELS
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;

namespace {
struct MergeKernels : seqc::impl::MergeKernelsBase<MergeKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<gpu::LaunchFuncOp> launches;
    module.walk([&](gpu::LaunchFuncOp op) { launches.push_back(op); });
    if (launches.empty())
      return;
    SmallVector<gpu::GPUModuleOp> old(module.getOps<gpu::GPUModuleOp>());
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto merged = gpu::GPUModuleOp::create(b, module.getLoc(), "kernels");
    b.setInsertionPointToEnd(merged.getBody());
    llvm::StringMap<unsigned> number;
    for (gpu::LaunchFuncOp launch : launches) {
      auto kernel = cast<gpu::GPUFuncOp>(SymbolTable::lookupNearestSymbolFrom(
          launch, launch.getKernelAttr()));
      StringRef caller = launch->getParentOfType<func::FuncOp>().getName();
      caller.consume_back("__kernel"); // as the compiler renames an entry's code
      std::string name = (caller + "_" + Twine(number[caller]++)).str();
      auto from = kernel->getParentOfType<gpu::GPUModuleOp>();
      for (Operation &op : llvm::make_early_inc_range(*from.getBody())) {
        auto symbol = dyn_cast<SymbolOpInterface>(op);
        if (&op == kernel.getOperation() || !symbol ||
            merged.lookupSymbol(symbol.getName()))
          continue;
        b.clone(op); // a table of constants
      }
      auto copy = cast<gpu::GPUFuncOp>(b.clone(*kernel));
      copy.setName(name);
      // Outlining keeps attributes of operations within a launch only.
      copy.walk([&](gpu::DynamicSharedMemoryOp op) {
        if (Attribute blocks = op->removeAttr(seqc::residentBlocksAttr))
          copy->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), blocks);
        if (Attribute together = op->removeAttr(seqc::togetherAttr))
          copy->setAttr(seqc::togetherAttr, together);
        if (auto blocks = dyn_cast_or_null<IntegerAttr>(
                op->removeAttr(seqc::clusterBlocksAttr)))
          copy->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                        b.getDenseI32ArrayAttr({int32_t(blocks.getInt()), 1, 1}));
      });
      launch.setKernelAttr(SymbolRefAttr::get(
          merged.getNameAttr(), {FlatSymbolRefAttr::get(copy.getNameAttr())}));
    }
    for (gpu::GPUModuleOp op : old)
      op.erase();
  }
};
} // namespace
