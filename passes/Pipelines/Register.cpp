//===- Register.cpp - Everything seqc registers ---------------------------===//

#include "seqc/passes/Pipelines/Register.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/dialects/Tile/Tile.h"
#include "seqc/passes/Forms/Passes.h"
#include "seqc/passes/Forms/SequenceSplit.h"
#include "seqc/passes/Lowering/CPU/Passes.h"
#include "seqc/passes/Lowering/CPU/Problems.h"
#include "seqc/passes/Lowering/NVVM/Passes.h"
#include "seqc/passes/Pipelines/Passes.h"
#include "seqc/passes/Routing/Passes.h"
#include "seqc/passes/Structure/Passes.h"
#include "seqc/passes/Tiling/Passes.h"
#include "seqc/passes/Tiling/Problems.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

void seqc::registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<SeqDialect, tile::TileDialect>();
  registerLinearSplitModel(registry);
  registerScanSplitModel(registry);
  registerProductProblem(registry);
  registerChunkProblem(registry);
  registerLaneProblem(registry);
  registerScanProblem(registry);
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
}

void seqc::registerAllPasses() {
  mlir::registerAllPasses();
  registerStructurePasses();
  registerFormsPasses();
  registerCPULoweringPasses();
  registerNVVMLoweringPasses();
  registerRoutingPasses();
  registerTilingPasses();
  registerPipelinesPasses();
}
