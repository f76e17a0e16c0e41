//===- Bench.cpp - seqc bench ---------------------------------------------===//

#include "Driver.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace seqc;
using namespace seqc::driver;
namespace cl = llvm::cl;

static cl::list<std::string> files(cl::Positional, cl::desc("FILE..."),
                                   cl::sub(benchCommand));
static cl::opt<bool> ceilingsOnly("ceilings",
                                  cl::desc("Only measure the machine"),
                                  cl::sub(benchCommand));
static cl::opt<std::string>
    bindings("bind", cl::desc("Sizes of the axes, as B=4,T=2048; without it those "
                              "that a file declares in seqc.bench"),
             cl::sub(benchCommand));

/// What an entry's attribute `seqc.bar` asks for: `bytes` or `operations` for each point
/// of its axes, of which `least` percent of the ceiling are to be reached.  Only what
/// any form has to do counts.  With `step` it is about the one-token function.
static std::string barText(mlir::DictionaryAttr bar, llvm::ArrayRef<int64_t> sizes,
                           double seconds, const Ceilings &ceilings) {
  if (!bar)
    return " | |";
  auto number = [&](llvm::StringRef name) {
    auto attr = bar.getAs<mlir::IntegerAttr>(name);
    return attr ? double(attr.getInt()) : 0.0;
  };
  double points = 1;
  for (int64_t size : sizes)
    points *= size;
  double bytes = points * number("bytes"), operations = points * number("operations");
  double share = std::max(bytes / ceilings.copyBandwidth, operations / ceilings.operations) / seconds;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::format(" %.0f %% of ", 100 * share) << (bytes > 0 ? "copy" : "multiply-adds")
     << llvm::format(" | %.0f %% |", number("least"));
  return text;
}

/// Prints one line of the table.
static llvm::Error bench(const std::string &file, CommonOptions common,
                         const Ceilings &ceilings) {
  common.file = file;
  auto source = parse(file);
  if (!source)
    return source.takeError();
  CallOptions call;
  call.bindings = bindings;
  call.bench = true;
  mlir::DictionaryAttr wanted;
  source->module->walk([&](mlir::FunctionOpInterface func) {
    if (common.entry.empty() || func.getName() == common.entry)
      if (auto bar = func->getAttrOfType<mlir::DictionaryAttr>("seqc.bar"))
        wanted = bar;
  });
  common.step = wanted && wanted.contains("step");
  auto execution = Execution::create(*source, common, call);
  if (!execution)
    return execution.takeError();
  auto totals = totalsOf(execution->entry, execution->symbols);
  if (!totals)
    return totals.takeError();
  if (llvm::Error e = execution->call())
    return e;
  auto timed = execution->time();
  if (!timed)
    return timed.takeError();
  double seconds = timed->first;
  Floor floor = floorOf(totals->bytes, totals->operations, ceilings);
  std::string sizes;
  for (auto [symbol, size] :
       llvm::zip(execution->entry.symbols, execution->symbols))
    sizes += (sizes.empty() ? "" : " ") + symbol + "=" + std::to_string(size);
  std::string bar = barText(wanted, execution->symbols, seconds, ceilings);
  llvm::outs() << "| " << llvm::sys::path::stem(file) << " | " << sizes << " | "
               << llvm::format("%.0f", totals->bytes * 1e-6) << " | "
               << llvm::format("%.2f", seconds * 1e3) << " | "
               << llvm::format("%.1f", totals->bytes / seconds * 1e-9) << " | "
               << llvm::format("%.1f", totals->operations / seconds * 1e-9)
               << " | " << llvm::format("%.2f", floor.seconds() * 1e3) << " ("
               << (floor.memory >= floor.arithmetic ? "memory" : "arithmetic")
               << ") | " << llvm::format("%.0f", 100 * floor.seconds() / seconds)
               << " % |" << bar << "\n";
  llvm::outs().flush();
  return llvm::Error::success();
}

int seqc::driver::runBench() {
  auto common = commonOptions();
  if (!common)
    return report(common.takeError());
  if (files.empty() && !ceilingsOnly)
    return report(llvm::createStringError("no input file given"));
  Ceilings ceilings = measureCeilings();
  llvm::outs() << "copy " << llvm::format("%.1f", ceilings.copyBandwidth * 1e-9)
               << " GB/s, multiply-adds "
               << llvm::format("%.1f", ceilings.operations * 1e-9)
               << " GFLOP/s (f32, all threads)\n";
  if (ceilingsOnly)
    return 0;
  llvm::outs() << "\n| kernel | sizes | MB | ms | GB/s | GFLOP/s | floor, ms | of "
                  "the floor | of the ceiling | bar "
                  "|\n|---|---|---|---|---|---|---|---|---|---|\n";
  int status = 0;
  for (const std::string &file : files)
    if (llvm::Error e = bench(file, *common, ceilings))
      status = report(std::move(e));
  return status;
}
