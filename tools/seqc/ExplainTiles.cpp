//===- ExplainTiles.cpp - seqc explain --tiles ----------------------------===//

#include "Driver.h"

#include "seqc/lib/Solver/Solver.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;

static llvm::cl::opt<bool> smt2("smt2",
                                llvm::cl::desc("With --tiles: print the problems as "
                                               "SMT-LIB instead"),
                                llvm::cl::sub(explainCommand));

static std::string valuesText(ArrayRef<int64_t> values) {
  bool range = values.size() > 2 && std::abs(values.front() - values.back()) + 1 ==
                                        int64_t(values.size());
  if (range)
    return std::to_string(values.front()) + " to " + std::to_string(values.back());
  SmallVector<std::string> all;
  for (int64_t v : values)
    all.push_back(std::to_string(v));
  return llvm::join(all, " ");
}

static std::string cyclesText(double cycles) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::format(cycles < 100 ? "%.1f" : "%.0f", cycles);
  return text;
}

/// One problem; false if it has no answer.
static bool print(tile::ProblemOp op, unsigned users, double clock) {
  auto &os = llvm::outs();
  solver::Problem problem(op);
  os << problem.what;
  if (users > 1)
    os << " (" << users << " times)";
  os << "\n";
  for (const solver::Problem::Knob &knob : problem.knobs)
    os << "  knob      " << knob.name << " in " << valuesText(knob.values) << "\n";
  solver::Answer answer = solver::solve(problem);
  if (answer.status != solver::Answer::Status::Solved) {
    os << "  answer    none\n";
    os.flush();
    report(llvm::createStringError(solver::explainFailure(problem, answer)));
    return false;
  }
  solver::Values values = problem.evaluate(answer.point);
  os << "  answer   ";
  for (auto [knob, value] : llvm::zip(problem.knobs, answer.point))
    os << " " << knob.name << "=" << value;
  os << ", of " << problem.points() << " points\n";
  SmallVector<unsigned> binding = solver::bindingConstraints(problem, answer);
  for (unsigned i = 0; i < problem.constraints.size(); ++i)
    os << "  " << (llvm::is_contained(binding, i) ? "binding  " : "slack    ") << " "
       << problem.constraints[i].name << ": " << problem.sentence(i, values) << "\n";
  double predicted = double(answer.cost) / problem.scale, floor = 0;
  SmallVector<std::string> parts;
  for (const solver::Problem::Part &part : problem.parts) {
    if (!values[part.value])
      continue;
    double cycles = double(*values[part.value]) / part.scale;
    if (part.name == "floor")
      floor = cycles;
    else
      parts.push_back(part.name + " " + cyclesText(cycles));
  }
  os << "  predicted " << cyclesText(predicted) << " cycles"
     << llvm::format(" (%.3g us)", predicted / clock * 1e6);
  if (!parts.empty())
    os << ": " << llvm::join(parts, ", ");
  os << "\n";
  if (floor > 0)
    os << "  floor     " << cyclesText(floor) << " cycles, "
       << llvm::format("%.0f", 100 * floor / predicted) << " % of the prediction\n";
  return true;
}

llvm::Error seqc::driver::explainTiles() {
  auto common = commonOptions();
  if (!common)
    return common.takeError();
  auto source = parse(common->file);
  if (!source)
    return source.takeError();
  if (auto error = keepEntry(*source->module, common->entry))
    return error;
  CompileOptions options = compileOptions(*common);
  auto lanes = vectorLanes(options);
  if (!lanes)
    return lanes.takeError();
  options.vectorWidth = *lanes;
  options.stopAfter = Stage::Problem;
  auto machine = machineFor(machineName(options), isGpu(options) ? 0 : options.vectorWidth);
  if (!machine)
    return machine.takeError();
  PassManager pm(source->context.get(), "builtin.module");
  buildPipeline(pm, options);
  if (failed(pm.run(*source->module)))
    return llvm::createStringError("lowering to stage 'problem' failed");
  llvm::DenseMap<StringAttr, unsigned> users;
  source->module->walk([&](Operation *op) {
    if (auto name = op->getAttrOfType<FlatSymbolRefAttr>("seqc.problem"))
      ++users[name.getAttr()];
  });
  if (smt2) {
    for (auto problem : source->module->getOps<tile::ProblemOp>())
      llvm::outs() << solver::smtLib(solver::Problem(problem), source->context.get());
    return llvm::Error::success();
  }
  llvm::outs() << "machine " << machine->name << "\n";
  unsigned failures = 0;
  bool any = false;
  for (auto problem : source->module->getOps<tile::ProblemOp>()) {
    any = true;
    failures += !print(problem, users.lookup(problem.getSymNameAttr()),
                       machine->isGpu ? machine->gpu.clock : machine->cpu.clock);
  }
  if (!any)
    llvm::outs() << "nothing to choose\n";
  if (failures)
    return llvm::createStringError(llvm::Twine(failures) + " of the problems have no answer");
  return llvm::Error::success();
}
