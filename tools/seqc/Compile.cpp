//===- Compile.cpp - seqc compile -----------------------------------------===//

#include "Driver.h"

#include "seqc/lib/Support/Npy.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;
namespace cl = llvm::cl;

static cl::opt<std::string> output("o", cl::desc("Where to write; - is standard output"),
                                   cl::value_desc("OUT"), cl::sub(compileCommand));
static cl::opt<std::string>
    emit("emit", cl::desc("What to write: so, obj, asm, ptx, cubin, llvm or mlir"),
         cl::init("so"), cl::value_desc("KIND"), cl::sub(compileCommand));
static cl::opt<std::string> headerPath("header", cl::desc("Also write a C header"),
                                       cl::value_desc("H"), cl::sub(compileCommand));
static cl::opt<std::string>
    stopAfter("stop-after",
              cl::desc("With --emit=mlir: input, structured, formed, problem, solved, tiled or target"),
              cl::init("target"), cl::value_desc("STAGE"), cl::sub(compileCommand));
static cl::opt<bool> timePasses("time-passes",
                                cl::desc("Print the time of each pass"),
                                cl::sub(compileCommand));

static cl::opt<bool> noStep("no-step",
                            cl::desc("Leave out the one-token functions NAME_step"),
                            cl::sub(compileCommand));

static llvm::Error write(StringRef text) {
  if (output.empty() || output == "-") {
    llvm::outs() << text;
    return llvm::Error::success();
  }
  return writeFileAtomically(output, text);
}

static llvm::Error run() {
  auto common = commonOptions();
  if (!common)
    return common.takeError();
  if (!llvm::is_contained({"so", "obj", "asm", "ptx", "cubin", "llvm", "mlir"}, StringRef(emit)))
    return llvm::createStringError("--emit: unknown kind '" + emit +
                                   "', expected so, obj, asm, ptx, cubin, llvm or "
                                   "mlir");
  auto stage = parseStage(stopAfter);
  if (!stage)
    return stage.takeError();
  if (output.empty() && (emit == "so" || emit == "obj" || emit == "cubin"))
    return llvm::createStringError("--emit=" + emit + " needs -o OUT");
  auto source = parse(common->file);
  if (!source)
    return source.takeError();
  if (auto error = keepEntry(*source->module, common->entry))
    return error;
  CompileOptions options = compileOptions(*common);
  options.timePasses = timePasses;
  options.decode = !noStep;
  if (emit == "mlir") {
    options.stopAfter = *stage;
    PassManager pm(source->context.get(), "builtin.module");
    buildPipeline(pm, options);
    if (failed(pm.run(*source->module)))
      return llvm::createStringError("lowering to stage '" + stopAfter +
                                     "' failed");
    std::string text;
    llvm::raw_string_ostream os(text);
    source->module->print(os);
    return write(text + "\n");
  }
  auto compiled = compile(*source->module, options);
  if (!compiled)
    return compiled.takeError();
  if (!headerPath.empty()) {
    std::string guard = "SEQC_";
    for (char c : llvm::sys::path::filename(headerPath))
      guard += llvm::isAlnum(c) ? llvm::toUpper(c) : '_';
    if (llvm::Error e =
            writeFileAtomically(headerPath, compiled->header(guard)))
      return e;
  }
  if (emit == "so")
    return compiled->linkShared(output);
  if (emit == "llvm")
    return write(compiled->toLLVM());
  auto text = emit == "asm"     ? compiled->toAssembly()
              : emit == "ptx"   ? compiled->toPtx()
              : emit == "cubin" ? compiled->toCubin()
                                : compiled->toObject();
  if (!text)
    return text.takeError();
  return write(*text);
}

int seqc::driver::runCompile() {
  if (llvm::Error e = run())
    return report(std::move(e));
  return 0;
}
