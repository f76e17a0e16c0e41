//===- Source.cpp - Parsing a file, and the names it gives ----------------===//

#include "Driver.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;

/// The name in the source text of a value, without '%', as a C identifier.
static std::string nameAt(SMRange range) {
  if (!range.isValid())
    return {};
  std::string name(range.Start.getPointer(), range.End.getPointer());
  StringRef text(name);
  text.consume_front("%");
  std::string result;
  for (char c : text.take_until([](char c) { return c == '#' || c == ':'; }))
    result += llvm::isAlnum(c) ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    return {};
  return result;
}

/// What the source calls a block's argument, or nothing.
static std::string nameOf(BlockArgument arg, const AsmParserState &state) {
  for (const auto &def : state.getBlockDefs())
    if (def.block == arg.getOwner() && arg.getArgNumber() < def.arguments.size())
      return nameAt(def.arguments[arg.getArgNumber()].loc);
  return {};
}

/// Combine regions are refuted in the user's names.
static void nameMembers(ModuleOp module, const AsmParserState &state) {
  module.walk([&](ScanOp scan) {
    for (BlockArgument arg : scan.getCombine().getArguments())
      if (std::string name = nameOf(arg, state); !name.empty())
        arg.setLoc(NameLoc::get(StringAttr::get(module.getContext(), name),
                                arg.getLoc()));
  });
}

static void nameEntries(ModuleOp module, const AsmParserState &state) {
  MLIRContext *context = module.getContext();
  for (auto func : module.getOps<func::FuncOp>()) {
    if (func.isDeclaration())
      continue;
    Block &block = func.getBody().front();
    for (BlockArgument arg : block.getArguments()) {
      std::string name = nameOf(arg, state);
      if (!name.empty() && !func.getArgAttr(arg.getArgNumber(), "seqc.name"))
        func.setArgAttr(arg.getArgNumber(), "seqc.name",
                        StringAttr::get(context, name));
    }
    auto ret = dyn_cast<func::ReturnOp>(func.getBody().back().getTerminator());
    if (!ret)
      continue;
    for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
      std::string name;
      if (auto arg = dyn_cast<BlockArgument>(value)) {
        name = nameOf(arg, state);
      } else if (auto *def = state.getOpDef(value.getDefiningOp())) {
        // Results come in groups: the group's name serves all of it.
        unsigned number = cast<OpResult>(value).getResultNumber();
        for (const auto &group : llvm::reverse(def->resultGroups))
          if (group.startIndex <= number) {
            name = nameAt(group.definition.loc);
            if (number > group.startIndex && !name.empty())
              name += "_" + std::to_string(number - group.startIndex);
            break;
          }
      }
      if (!name.empty() && !func.getResultAttr(i, "seqc.name"))
        func.setResultAttr(i, "seqc.name", StringAttr::get(context, name));
    }
  }
}

/// Upstream's verifier takes groups of any numbers, on which upstream's passes crash.
static LogicalResult checkReshapes(ModuleOp module) {
  auto check = [](auto op, Value longer) -> WalkResult {
    int64_t next = 0, rank = cast<ShapedType>(longer.getType()).getRank();
    for (const ReassociationIndices &group : op.getReassociationIndices())
      for (int64_t d : group)
        if (d != next++)
          return op.emitOpError() << "groups dimension " << d << ", expected "
                                  << next - 1 << ": groups list 0 to " << rank - 1
                                  << " in order";
    if (next != rank)
      return op.emitOpError() << "groups " << next << " dimensions, expected " << rank;
    return WalkResult::advance();
  };
  return failure(module
                     .walk([&](Operation *op) -> WalkResult {
                       if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
                         return check(expand, expand.getResult());
                       if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
                         return check(collapse, collapse.getSrc());
                       return WalkResult::advance();
                     })
                     .wasInterrupted());
}

llvm::Expected<Source> seqc::driver::parse(StringRef path) {
  if (path != "-" && llvm::sys::fs::is_directory(path))
    return llvm::createStringError("cannot read '" + path + "': it is a directory");
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/true);
  if (!file)
    return llvm::createStringError("cannot read '" + path +
                                   "': " + file.getError().message());
  Source source;
  DialectRegistry registry;
  registerAllDialects(registry);
  source.context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  auto manager = std::make_shared<llvm::SourceMgr>();
  manager->AddNewSourceBuffer(std::move(*file), llvm::SMLoc());
  // Diagnostics after parsing show the source line too, so that the handler
  // lives as long as the context.
  struct Handler : SourceMgrDiagnosticHandler {
    Handler(std::shared_ptr<llvm::SourceMgr> manager, MLIRContext *context)
        : SourceMgrDiagnosticHandler(*manager, context), manager(manager) {}
    std::shared_ptr<llvm::SourceMgr> manager;
  };
  source.diagnostics =
      std::make_shared<Handler>(manager, source.context.get());
  ParserConfig config(source.context.get());
  AsmParserState state;
  Block block;
  if (failed(parseAsmSourceFile(*manager, &block, config, &state)))
    return llvm::createStringError("cannot parse '" + path + "'");
  // The parser's block holds either one module or its contents.
  ModuleOp module;
  if (llvm::hasSingleElement(block))
    module = dyn_cast<ModuleOp>(block.front());
  if (module) {
    module->remove();
    source.module = module;
  } else {
    source.module = ModuleOp::create(UnknownLoc::get(source.context.get()));
    source.module->getBody()->getOperations().splice(
        source.module->getBody()->end(), block.getOperations());
  }
  if (failed(verify(*source.module)) || failed(checkReshapes(*source.module)))
    return llvm::createStringError("'" + path + "' is not valid");
  nameEntries(*source.module, state);
  nameMembers(*source.module, state);
  return source;
}

llvm::Expected<func::FuncOp> seqc::driver::findEntry(ModuleOp module,
                                                     StringRef name) {
  SmallVector<func::FuncOp> entries;
  std::string names;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isDeclaration())
      continue;
    if (func.getName() == name)
      return func;
    entries.push_back(func);
    names += (names.empty() ? "" : ", ") + func.getName().str();
  }
  if (entries.empty())
    return llvm::createStringError("the file has no public function");
  if (!name.empty())
    return llvm::createStringError("no entry '" + name + "', expected one of: " +
                                   names);
  if (entries.size() > 1)
    return llvm::createStringError("several entries, choose one by --entry: " +
                                   names);
  return entries[0];
}

llvm::Error seqc::driver::keepEntry(ModuleOp module, StringRef name) {
  if (name.empty())
    return llvm::Error::success();
  auto func = findEntry(module, name);
  if (!func)
    return func.takeError();
  for (auto other : module.getOps<func::FuncOp>())
    if (other != *func)
      other.setPrivate();
  return llvm::Error::success();
}
