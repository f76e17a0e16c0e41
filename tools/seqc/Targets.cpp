//===- Targets.cpp - seqc targets -----------------------------------------===//

#include "Driver.h"

#include "seqc/lib/Support/Npy.h"
#include "seqc/lib/Target/Machine.h"
#include "seqc/passes/Tiling/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"

#include <thread>

using namespace llvm;
using namespace seqc;
using namespace seqc::driver;

static cl::opt<std::string>
    describe("describe", cl::desc("Print what is known of a machine, as a file"),
             cl::value_desc("NAME"), cl::sub(targetsCommand));

static cl::opt<bool>
    calibrateHost("calibrate",
                  cl::desc("Measure this machine and print its description"),
                  cl::sub(targetsCommand));
static cl::opt<std::string> output("o", cl::desc("Where to write; - is standard output"),
                                   cl::value_desc("OUT"), cl::init("-"),
                                   cl::sub(targetsCommand));

static void list() {
  auto &os = outs();
  StringMap<bool> features = sys::getHostCPUFeatures();
  os << "cpu        this machine: " << sys::getHostCPUName() << ", "
     << std::thread::hardware_concurrency() << " threads, vectors of "
     << (features.lookup("avx512f") ? 512 : features.lookup("avx2") ? 256 : 128)
     << " bits\n           features:";
  for (StringRef name : {"avx2", "fma", "avx512f", "avx512bf16", "amx-bf16"})
    os << " " << name << (features.lookup(name) ? "" : " (no)");
  os << "\n           other processors by --cpu=NAME\n";
  os << "NVIDIA GPUs ";
  interleaveComma(targetNames().drop_front(), os);
  os << "; here: ";
  if (auto cuda = Cuda::open()) {
    os << (*cuda)->name() << "\n";
  } else {
    os << "none (" << toString(cuda.takeError()) << ")\n";
  }
  os << "described  ";
  interleaveComma(target::knownMachines(), os);
  os << " (--describe NAME)\n";
}

int seqc::driver::runTargets() {
  if (describe.empty() && !calibrateHost) {
    if (output != "-")
      return report(createStringError("-o needs --describe or --calibrate"));
    list();
    return 0;
  }
  if (!describe.empty() && calibrateHost)
    return report(
        createStringError("--describe and --calibrate are given, expected one of them"));
  auto machine = machineFor(calibrateHost ? "host" : describe.getValue(), 0);
  if (!machine)
    return report(machine.takeError());
  std::string text = (calibrateHost ? calibrate(*machine) : *machine).text();
  if (output == "-")
    outs() << text;
  else if (Error e = writeFileAtomically(output, text))
    return report(std::move(e));
  return 0;
}
