//===- Pipeline.cpp - The stages of compilation as passes -----------------===//

#include "seqc/passes/Forms/Passes.h"
#include "seqc/passes/Lowering/CPU/Passes.h"
#include "seqc/passes/Lowering/NVVM/Passes.h"
#include "seqc/passes/Pipelines/Compiler.h"
#include "seqc/passes/Pipelines/Passes.h"
#include "seqc/passes/Routing/Passes.h"
#include "seqc/passes/Structure/Passes.h"
#include "seqc/passes/Tiling/Passes.h"
#include "seqc/lib/Cost/Products.h"
#include "seqc/lib/Target/Machine.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

#include <thread>

using namespace mlir;
using namespace seqc;

llvm::StringRef seqc::stageName(Stage stage) {
  switch (stage) {
  case Stage::Input:
    return "input";
  case Stage::Structured:
    return "structured";
  case Stage::Formed:
    return "formed";
  case Stage::Problem:
    return "problem";
  case Stage::Solved:
    return "solved";
  case Stage::Tiled:
    return "tiled";
  case Stage::Target:
    return "target";
  }
  llvm_unreachable("covered switch");
}

llvm::Expected<Stage> seqc::parseStage(StringRef name) {
  for (Stage stage : {Stage::Input, Stage::Structured, Stage::Formed, Stage::Problem,
                      Stage::Solved, Stage::Tiled, Stage::Target})
    if (stageName(stage) == name)
      return stage;
  return llvm::createStringError(
      "unknown stage '" + name + "', expected input, structured, formed, problem, "
      "solved, tiled or target");
}

llvm::StringRef seqc::formName(Form form) {
  switch (form) {
  case Form::Auto:
    return "auto";
  case Form::Sequential:
    return "sequential";
  case Form::Canonical:
    return "canonical";
  case Form::Chunked:
    return "chunked";
  case Form::Scan:
    return "scan";
  }
  llvm_unreachable("covered switch");
}

llvm::Expected<Form> seqc::parseForm(StringRef name) {
  for (Form form :
       {Form::Auto, Form::Sequential, Form::Canonical, Form::Chunked, Form::Scan})
    if (formName(form) == name)
      return form;
  return llvm::createStringError(
      "unknown form '" + name +
      "', expected auto, sequential, canonical, chunked or scan");
}

/// True if factors of products in chunks of bf16 tokens are bf16.
static bool narrowFactors(const CompileOptions &options, bool dots) {
  return options.factors == "bf16" || (options.factors == "auto" && dots);
}

/// The processor as its description has it; one with errors is refused before anything
/// is compiled.
static target::Cpu describedCpu(const CompileOptions &options) {
  if (auto described = machineFor(machineName(options), options.vectorWidth))
    return described->cpu;
  else
    llvm::consumeError(described.takeError());
  return {};
}

CpuMachine seqc::machineOf(const CompileOptions &options) {
  int64_t cores = 1;
  if (options.cores > 0)
    cores = options.cores;
  else if (options.cpu == "host")
    cores = std::max(1u, std::thread::hardware_concurrency());
  cores = std::min<int64_t>(cores, 1024);
  target::Cpu cpu = describedCpu(options);
  // Before the processor is looked at, its description says what it has.
  bool dots = options.vectorWidth > 0 ? options.bf16Dots : cpu.bf16Dots > 0;
  return machineOf(cpu, cores, options.vectorWidth, narrowFactors(options, dots));
}

ArrayRef<StringRef> seqc::targetNames() {
  static constexpr StringRef names[] = {"cpu",    "sm_80",   "sm_90",
                                        "sm_90a", "sm_100a", "sm_120a"};
  return names;
}

llvm::Expected<SmallVector<StringRef>> seqc::targetsOf(StringRef text) {
  SmallVector<StringRef> targets;
  text.split(targets, ',');
  for (auto [i, target] : llvm::enumerate(targets)) {
    if (!llvm::is_contained(targetNames(), target))
      return llvm::createStringError("unknown target '" + target +
                                     "', expected one of: " +
                                     llvm::join(targetNames(), ", "));
    if (targets.size() > 1 && target == "cpu")
      return llvm::createStringError(
          "targets '" + text + "': expected GPUs only, or cpu alone");
    if (llvm::is_contained(ArrayRef(targets).take_front(i), target))
      return llvm::createStringError("target '" + target + "' is named twice");
  }
  return targets;
}

/// The target whose blocks have least shared memory: its kernels fit the others.
static StringRef leastTarget(StringRef text) {
  SmallVector<StringRef> targets;
  text.split(targets, ',');
  auto shared = [](StringRef name) {
    auto machine = target::machineOf(name);
    if (machine)
      return machine->gpu.sharedBytesPerBlock;
    llvm::consumeError(machine.takeError());
    return target::Gpu().sharedBytesPerBlock;
  };
  return *llvm::min_element(
      targets, [&](StringRef x, StringRef y) { return shared(x) < shared(y); });
}

/// Whether groups of four warps multiply on all targets, as their descriptions say.
static bool multiplyByGroups(StringRef text) {
  SmallVector<StringRef> targets;
  text.split(targets, ',');
  return llvm::all_of(targets, [](StringRef name) {
    auto machine = target::machineOf(name);
    if (!machine) {
      llvm::consumeError(machine.takeError());
      return false;
    }
    return llvm::any_of(machine->gpu.mmaShapes, [](StringRef shape) {
      return shape.starts_with("wgmma.");
    });
  });
}

std::string seqc::machineName(const CompileOptions &options) {
  if (!options.targetFile.empty())
    return options.targetFile;
  if (isGpu(options))
    return leastTarget(options.target).str();
  // A processor without a description of its own has that of its vectors' width.
  if (llvm::is_contained(target::knownMachines(), StringRef(options.cpu)))
    return options.cpu;
  return options.vectorWidth == 8 ? "x86-64-v3" : "x86-64-v4";
}

int64_t seqc::sharedBytes(const CompileOptions &options) {
  auto machine = machineFor(machineName(options), 0);
  if (machine)
    return machine->gpu.sharedBytesPerBlock;
  // seqc-pose-tiles says what is wrong with it.
  llvm::consumeError(machine.takeError());
  return target::Gpu().sharedBytesPerBlock;
}

/// Tensors to buffers, in place where that is possible.
static void bufferize(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// From the formed to the tiled stage on a CPU.
static void tileForCPU(OpPassManager &pm, int64_t width, bool dots, int64_t cores,
                       int64_t streamBytes) {
  pm.addPass(createStepOpsToLinalg());
  pm.addPass(createEntryToMemrefs());
  pm.addPass(createDispatchVersions());
  ScanToBlocksOptions blocks;
  blocks.width = width;
  blocks.cores = cores;
  blocks.streamBytes = streamBytes;
  pm.addPass(createScanToBlocks(blocks));
  RecurrenceToLoopsOptions loops;
  loops.width = width;
  loops.dots = dots;
  loops.cores = cores;
  loops.streamBytes = streamBytes;
  pm.addPass(createRecurrenceToLoops(loops));
  RoutingToLoopsOptions routing;
  routing.width = width;
  pm.addPass(createRoutingToLoops(routing));
  bufferize(pm);
  bufferization::BufferDeallocationPipelineOptions deallocation;
  bufferization::buildBufferDeallocationPipeline(pm, deallocation);
  pm.addPass(createConvertBufferizationToMemRefPass());
  pm.addPass(createCopiesToLoops());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createCSEPass());
}

/// From the formed to the tiled stage on a GPU.
static void tileForGPU(OpPassManager &pm, int64_t sharedBytes, std::string machine,
                       StringRef factors) {
  pm.addPass(createStepOpsToLinalg());
  pm.addPass(createEntryToMemrefs());
  ProductsToTilesOptions products;
  products.factors = factors.str();
  pm.addPass(createProductsToTiles(products));
  LinearToTilesOptions tiles;
  tiles.machine = machine;
  pm.addPass(createLinearToTiles(tiles));
  pm.addPass(createScanToKernels());
  ScanToRecurrenceOptions scans;
  scans.all = true;
  pm.addPass(createScanToRecurrence(scans)); // those that are left
  RecurrenceToPersistentOptions persistent;
  persistent.machine = std::move(machine);
  pm.addPass(createRecurrenceToPersistent(persistent));
  RecurrenceToKernelsOptions kernels;
  kernels.sharedBytes = sharedBytes;
  pm.addPass(createRecurrenceToKernels(kernels));
  RoutingToKernelsOptions routes;
  routes.sharedBytes = sharedBytes;
  pm.addPass(createRoutingToKernels(routes));
  RoutingToLoopsOptions routing; // of what is left
  routing.width = 1;
  pm.addPass(createRoutingToLoops(routing));
  bufferize(pm);
  pm.addPass(createConvertBufferizationToMemRefPass());
  CopiesToLoopsOptions copies;
  copies.all = true;
  pm.addPass(createCopiesToLoops(copies));
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToParallelLoopsPass());
  pm.addPass(createHostToKernels());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createCSEPass());
  // Constants and sizes are computed where they are used.
  pm.addPass(createGpuLaunchSinkIndexComputationsPass());
  pm.addPass(createGpuKernelOutliningPass());
  pm.addPass(createMergeKernels());
  pm.nest<gpu::GPUModuleOp>().addNestedPass<gpu::GPUFuncOp>(createUnrollThreads());
}

/// Kernels from the tiled stage to the NVVM dialect.
static void lowerKernels(OpPassManager &pm, bool groups) {
  pm.addPass(createLaunchesToRuntime());
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  TilesToNVVMOptions tiles;
  tiles.groups = groups;
  kernels.addPass(createTilesToNVVM(tiles));
  kernels.addPass(createFunctionsToNVVM());
  kernels.addPass(createApproximateMath());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(arith::createArithExpandOpsPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void seqc::buildPipeline(OpPassManager &pm, const CompileOptions &options) {
  int64_t width = options.vectorWidth > 0 ? options.vectorWidth : 16;
  // input
  pm.addPass(createInlinerPass());
  pm.addPass(createSinkBroadcasts());
  pm.addPass(createExponentialGates());
  pm.addPass(createSplitRanks());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  CheckMonoidsOptions monoids;
  monoids.solver = true;
  monoids.keep = options.form == Form::Scan;
  pm.addPass(createCheckMonoids(monoids));
  if (options.stopAfter == Stage::Input)
    return;
  // structured
  if (options.form != Form::Scan) {
    ScanToRecurrenceOptions scans;
    scans.unproved = true;
    pm.addPass(createScanToRecurrence(scans));
  }
  // The estimates are a CPU's.  A GPU runs elementwise affine recurrences as scans,
  // which fill it whatever the number of rows, and others as written unless told.
  bool automatic = options.form == Form::Auto && !isGpu(options);
  bool splits = options.split > 1;
  bool sequential = options.form == Form::Sequential ||
                    (options.form == Form::Auto && isGpu(options) && !splits);
  // Unless told how many parts, the sizes of a call decide whether it runs in parts.
  bool versions = automatic && options.split == 0;
  if (automatic) {
    SelectFormOptions select;
    select.cores = versions ? machineOf(options).cores : 1;
    select.machine = machineName(options);
    select.lanes = options.vectorWidth;
    select.narrow = narrowFactors(options, options.bf16Dots);
    pm.addPass(createSelectForm(select));
  }
  CheckFormsOptions check;
  check.form = formName(options.form).str();
  check.packed = options.packed;
  check.tiles = isGpu(options);
  if (options.checkForms && !isGpu(options))
    pm.addPass(createCheckForms(check));
  if (versions)
    pm.addPass(createVersionParts());
  // What has a kernel of tiles gets its canonical form; the rest does not.
  bool tiles = isGpu(options) && !splits &&
               (options.form == Form::Auto || options.form == Form::Chunked);
  if (tiles && options.form == Form::Auto) {
    SelectTilesOptions select;
    select.sharedBytes = sharedBytes(options);
    select.factors = options.factors;
    pm.addPass(createSelectTiles(select));
    if (options.checkForms)
      pm.addPass(createCheckForms(check));
    RecurrenceToLinearOptions linear;
    linear.selected = true;
    pm.addPass(createRecurrenceToLinear(linear));
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass()); // one gate is one value
  }
  if (options.form == Form::Scan || (sequential && options.form == Form::Auto)) {
    RecurrenceToScanOptions scans;
    scans.force = options.form == Form::Scan;
    scans.scalars = options.form == Form::Auto;
    pm.addPass(createRecurrenceToScan(scans));
    pm.addPass(createCanonicalizerPass());
  } else if (!sequential) {
    if (automatic) {
      RecurrenceToScanOptions scans;
      scans.selected = true;
      pm.addPass(createRecurrenceToScan(scans));
    }
    RecurrenceToLinearOptions linear;
    linear.force = options.form == Form::Chunked;
    linear.selected = options.form == Form::Auto && !splits;
    linear.scans = splits;
    pm.addPass(createRecurrenceToLinear(linear));
    if (splits)
      pm.addPass(createRecurrenceToScan());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass()); // one gate is one value
  }
  bool chunked = automatic || options.form == Form::Chunked;
  if (chunked && !isGpu(options) && options.chunksAreSolved) {
    PoseTilesOptions pose;
    pose.machine = machineName(options);
    pose.lanes = width;
    pose.tiles.assign(options.tiles.begin(), options.tiles.end());
    pose.chunks = true;
    pose.length = options.chunk;
    pm.addPass(createPoseTiles(pose));
    SolveTilesOptions solve;
    solve.keep = true;
    pm.addPass(createSolveTiles(solve));
  }
  int64_t chunk = options.chunk > 0 ? options.chunk : kChunk;
  if (splits || versions) {
    SplitSequenceOptions parts;
    parts.parts = options.split;
    parts.selected = versions;
    // A CPU reads operands where they are; a part is whole chunks.
    if (!isGpu(options))
      parts.unit = chunk;
    pm.addPass(createSplitSequence(parts));
    pm.addPass(createCanonicalizerPass());
  }
  if (options.stopAfter == Stage::Structured)
    return;
  // formed
  if (tiles) {
    KeepTilesOptions keep;
    keep.sharedBytes = sharedBytes(options);
    keep.factors = options.factors;
    pm.addPass(createKeepTiles(keep));
  }
  if (chunked) {
    LinearToChunksOptions chunks;
    chunks.length = chunk;
    chunks.packed = options.packed;
    chunks.narrow = narrowFactors(options, options.bf16Dots);
    chunks.force = options.form == Form::Chunked;
    pm.addPass(createLinearToChunks(chunks));
  }
  pm.addPass(createLinearToSteps());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // A GPU keeps its scans: it chooses among them by their operands' layout.
  if (!isGpu(options))
    pm.addPass(createScanToRecurrence());
  pm.addPass(createCanonicalizerPass());
  if (options.stopAfter == Stage::Formed)
    return;
  // problem
  PoseTilesOptions pose;
  pose.machine = machineName(options);
  pose.lanes = isGpu(options) ? 0 : width;
  pose.tiles.assign(options.tiles.begin(), options.tiles.end());
  pm.addPass(createPoseTiles(pose));
  if (options.stopAfter == Stage::Problem)
    return;
  // solved
  SolveTilesOptions solve;
  solve.keep = options.stopAfter == Stage::Solved;
  pm.addPass(createSolveTiles(solve));
  if (options.stopAfter == Stage::Solved)
    return;
  // tiled
  if (isGpu(options))
    tileForGPU(pm, sharedBytes(options), machineName(options),
               options.factors);
  else
    tileForCPU(pm, width, options.bf16Dots, machineOf(options).cores,
               streamBytesOf(describedCpu(options).l3Bytes));
  if (options.stopAfter == Stage::Tiled)
    return;
  // target
  pm.addPass(createExpandToCasts());
  if (isGpu(options))
    lowerKernels(pm, multiplyByGroups(options.target));
  else
    pm.addPass(createParallelToRuntime());
  pm.addPass(createApproximateMath());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(arith::createArithExpandOpsPass());
  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = options.bf16Dots && !isGpu(options);
  vectors.vectorTransposeLowering =
      vector::VectorTransposeLowering::Shuffle16x16;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  if (!isGpu(options))
    pm.addPass(createAllocToRuntime());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}
