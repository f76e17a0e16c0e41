//===- Host.cpp - What this machine says of itself ------------------------===//

#include "Fields.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/TargetParser/Host.h"

#include <thread>

using namespace seqc::target;
using llvm::StringRef;

/// The content of a small file, or nothing.
static std::string contentOf(const llvm::Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFileAsStream(path);
  return buffer ? (*buffer)->getBuffer().trim().str() : std::string();
}

/// Takes over the sizes of the caches of data that the kernel reports.
static void readCaches(Cpu &cpu) {
  for (int i = 0; i < 8; ++i) {
    std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i);
    std::string text = contentOf(folder + "/size");
    std::string type = contentOf(folder + "/type");
    std::string level = contentOf(folder + "/level");
    StringRef size = text;
    int64_t scale = size.consume_back("K") ? 1 << 10 : size.consume_back("M") ? 1 << 20 : 1;
    int64_t bytes;
    if (type == "Instruction" || size.getAsInteger(10, bytes) || bytes * scale < 1024)
      continue;
    (level == "1" ? cpu.l1Bytes : level == "2" ? cpu.l2Bytes : cpu.l3Bytes) =
        bytes * scale;
  }
}

llvm::Expected<Machine> seqc::target::readHost() {
  std::string name = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto known = machineOf(name);
  if (!known) {
    llvm::consumeError(known.takeError());
    known = machineOf(features.lookup("avx512f") ? "x86-64-v4" : "x86-64-v3");
    if (!known)
      return known.takeError();
  }
  Machine machine = *known;
  machine.name = "host";
  Cpu &cpu = machine.cpu;
  if (unsigned threads = std::thread::hardware_concurrency())
    cpu.cores = threads;
  cpu.pageBytes = llvm::sys::Process::getPageSizeEstimate();
  // What a virtual machine hides is not there.
  if (!features.lookup("avx512f") && cpu.vectorBits > 256)
    machine = machine.withLanes(8);
  if (!features.lookup("avx512bf16"))
    cpu.bf16Dots = 0;
  else if (cpu.bf16Dots == 0)
    cpu.bf16Dots = 1;
  readCaches(cpu);
  return machine;
}
