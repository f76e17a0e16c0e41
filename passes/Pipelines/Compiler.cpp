//===- Compiler.cpp - From a module at the input stage to machine code ----===//

#include "CompilerImpl.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/passes/Forms/Passes.h"
#include "seqc/passes/Lowering/CPU/Passes.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <mutex>

using namespace mlir;
using namespace seqc;

CompiledModule::CompiledModule(std::unique_ptr<Impl> impl)
    : impl(std::move(impl)) {}
CompiledModule::CompiledModule(CompiledModule &&) = default;
CompiledModule &CompiledModule::operator=(CompiledModule &&) = default;
CompiledModule::~CompiledModule() = default;

ArrayRef<EntryInfo> CompiledModule::entries() const { return impl->entries; }

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
makeMachine(const CompileOptions &options) {
  initializeTargets();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError(error);
  std::string cpu = options.cpu, features;
  if (cpu == "host") {
    cpu = llvm::sys::getHostCPUName().str();
    for (auto &feature : llvm::sys::getHostCPUFeatures())
      features += (features.empty() ? "" : ",") +
                  std::string(feature.second ? "+" : "-") +
                  feature.first().str();
  } else {
    std::unique_ptr<llvm::MCSubtargetInfo> info(
        target->createMCSubtargetInfo(triple, "", ""));
    if (!info->isCPUStringValid(cpu))
      return llvm::createStringError("unknown processor '" + cpu +
                                     "', expected host or a name that "
                                     "'llc -mcpu=help' lists");
  }
  if (!options.features.empty())
    features += (features.empty() ? "" : ",") + options.features;
  llvm::TargetOptions targetOptions;
  targetOptions.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu, features, targetOptions, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("no code generator for " + triple.str());
  return machine;
}

static bool has(const llvm::TargetMachine &machine, StringRef features) {
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      machine.getTarget().createMCSubtargetInfo(machine.getTargetTriple(),
                                                machine.getTargetCPU(),
                                                machine.getTargetFeatureString()));
  return info->checkFeatures(features.str());
}

/// Lanes of an f32 vector on the machine.
static int64_t vectorWidth(const llvm::TargetMachine &machine) {
  return has(machine, "+avx512f") ? 16 : 8;
}

llvm::Expected<int64_t> seqc::vectorLanes(const CompileOptions &options) {
  if (options.vectorWidth > 0)
    return options.vectorWidth;
  auto machine = makeMachine(options);
  if (!machine)
    return machine.takeError();
  return vectorWidth(**machine);
}

void seqc::runOptimiser(llvm::Module &module, llvm::TargetMachine &machine,
                        llvm::OptimizationLevel level,
                        llvm::PipelineTuningOptions tuning) {
  llvm::LoopAnalysisManager lam;
  llvm::FunctionAnalysisManager fam;
  llvm::CGSCCAnalysisManager cgam;
  llvm::ModuleAnalysisManager mam;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  builder.buildPerModuleDefaultPipeline(level).run(module, mam);
}

/// Sends the code through LLVM's optimiser for `machine`.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine,
                     int64_t width) {
  std::string bits = std::to_string(width * 32);
  for (llvm::Function &f : module)
    if (!f.isDeclaration()) {
      f.addFnAttr("target-cpu", machine.getTargetCPU());
      f.addFnAttr("target-features", machine.getTargetFeatureString());
      f.addFnAttr("prefer-vector-width", bits);
      f.addFnAttr("min-legal-vector-width", bits);
    }
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false; // vectors are ours already
  tuning.SLPVectorization = false;
  runOptimiser(module, machine, llvm::OptimizationLevel::O2, tuning);
}

bool seqc::addSteps(ModuleOp module) {
  PassManager decode(module.getContext());
  decode.addPass(createInlinerPass());
  decode.addPass(createCanonicalizerPass());
  ScanToRecurrenceOptions scans;
  scans.all = true;
  // Steps are made of recurrences; the entries themselves keep their scans.
  OwningOpRef<ModuleOp> copy(module.clone());
  decode.addPass(createScanToRecurrence(scans));
  AddDecodeOptions steps;
  steps.remarks = true;
  decode.addPass(createAddDecode(steps));
  if (failed(decode.run(*copy)))
    return true;
  for (auto func : llvm::make_early_inc_range(copy->getOps<func::FuncOp>()))
    if (!module.lookupSymbol(func.getName())) {
      func->remove();
      module.push_back(func);
    }
  return false;
}

llvm::Expected<CompiledModule> seqc::compile(ModuleOp module,
                                             const CompileOptions &options) {
  auto targets = targetsOf(options.target);
  if (!targets)
    return targets.takeError();
  auto machine = makeMachine(options);
  if (!machine)
    return machine.takeError();
  auto impl = std::make_unique<CompiledModule::Impl>();
  int64_t width =
      options.vectorWidth > 0 ? options.vectorWidth : vectorWidth(**machine);

  // Before anything changes: the description may be the user's.
  auto described = machineFor(machineName(options), 0);
  if (!described)
    return described.takeError();
  if (options.decode && addSteps(module))
    return llvm::createStringError("adding one-token steps failed");
  // Routed steps are for CPUs: loops over one token are code of the host on a GPU.
  if (isGpu(options))
    for (auto func : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (func->hasAttr("seqc.step") &&
          func.walk([](Operation *op) {
                return isa<TopkOp, AssignOp, DispatchOp, CombineOp>(op)
                           ? WalkResult::interrupt()
                           : WalkResult::advance();
              }).wasInterrupted())
        func.erase();

  SmallVector<func::FuncOp> entries;
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic() && !func.isDeclaration())
      entries.push_back(func);
  if (entries.empty())
    return llvm::createStringError("the module has no public function to compile");
  for (func::FuncOp func : entries) {
    llvm::Expected<EntryInfo> info = describeEntry(func);
    if (!info)
      return info.takeError();
    impl->entries.push_back(std::move(*info));
    // The plain name is the C function's.
    std::string kernel = func.getName().str() + kernelSuffix.str();
    if (module.lookupSymbol(kernel))
      return llvm::createStringError("the name '" + kernel + "' is taken");
    if (failed(SymbolTable::replaceAllSymbolUses(
            func, StringAttr::get(module.getContext(), kernel), module)))
      return llvm::createStringError("cannot rename '" + func.getName() + "'");
    func.setName(kernel);
    func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                  UnitAttr::get(module.getContext()));
  }

  CompileOptions lowering = options;
  lowering.stopAfter = Stage::Target;
  lowering.vectorWidth = width;
  lowering.bf16Dots = !isGpu(options) && width == 16 && has(**machine, "+avx512bf16");
  PassManager passes(module.getContext(), module->getName().getStringRef());
  if (options.timePasses)
    passes.enableTiming();
  buildPipeline(passes, lowering);
  if (failed(passes.run(module)))
    return llvm::createStringError("lowering failed");

  if (isGpu(options)) {
    for (StringRef target : *targets)
      impl->device.images.push_back({target.str(), {}, {}});
    for (auto kernels :
         llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
      auto device = compileDevice(kernels, *targets);
      if (!device)
        return device.takeError();
      impl->device = std::move(*device);
      kernels.erase();
    }
  }

  impl->context = std::make_unique<llvm::LLVMContext>();
  impl->module = translateModuleToLLVMIR(module, *impl->context);
  if (!impl->module)
    return llvm::createStringError("translation to LLVM IR failed");
  impl->machine = std::move(*machine);
  impl->module->setDataLayout(impl->machine->createDataLayout());
  impl->module->setTargetTriple(impl->machine->getTargetTriple());
  llvm::Constant *gpu =
      isGpu(options) ? addDeviceCode(*impl->module, impl->device) : nullptr;
  for (const EntryInfo &entry : impl->entries)
    addCInterface(*impl->module, entry, options.checked, gpu);
  for (const EntryInfo &entry : impl->entries)
    for (std::string name : {entry.name + kernelSuffix.str(),
                             "_mlir_ciface_" + entry.name + kernelSuffix.str()})
      if (llvm::Function *f = impl->module->getFunction(name))
        f->setLinkage(llvm::GlobalValue::InternalLinkage);
  optimise(*impl->module, *impl->machine, width);
  return CompiledModule(std::move(impl));
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

std::string CompiledModule::toLLVM() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  impl->module->print(os, nullptr);
  return text;
}

static llvm::Expected<std::string> emit(const CompiledModule::Impl &impl,
                                        llvm::CodeGenFileType type) {
  llvm::SmallVector<char> data;
  llvm::raw_svector_ostream os(data);
  // Code generation changes the module.
  std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*impl.module);
  llvm::legacy::PassManager pm;
  if (impl.machine->addPassesToEmitFile(pm, os, nullptr, type))
    return llvm::createStringError("the target cannot emit this kind of file");
  pm.run(*copy);
  return std::string(data.begin(), data.end());
}

llvm::Expected<std::string> CompiledModule::toAssembly() const {
  return emit(*impl, llvm::CodeGenFileType::AssemblyFile);
}
llvm::Expected<std::string> CompiledModule::toObject() const {
  return emit(*impl, llvm::CodeGenFileType::ObjectFile);
}
