//===- Calibrate.cpp - seqc targets --calibrate ---------------------------===//
//
// Measures what this machine does not say of itself.  Some seconds; what else runs on
// the machine spoils it.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace seqc;
using namespace seqc::driver;

#if defined(__x86_64__)
#define SEQC_TARGET(text) __attribute__((target(text)))
#else
#define SEQC_TARGET(text)
#endif

template <class F> static double fastest(F f) {
  double best = 1e30;
  for (int i = 0; i < 40; ++i) {
    double start = now();
    f();
    best = std::min(best, now() - start);
  }
  return best;
}

/// Cycles a second: additions that wait for each other take one each.
static double measureClock() {
  constexpr int64_t rounds = 1'000'000;
  double seconds = fastest([] {
    uint64_t x = 1;
    for (int64_t i = 0; i < rounds; ++i)
      // The assembly keeps the additions apart.
      _Pragma("clang loop unroll(full)") for (int k = 0; k < 8; ++k) {
        x += uint64_t(k) | 1;
        asm volatile("" : "+r"(x));
      }
  });
  return 8.0 * rounds / seconds;
}

/// Loads all of `data` into registers, `rounds` times.
#define SEQC_LOADS(Name, Target, Bytes)                                        \
  Target static void Name(const char *data, size_t bytes, int64_t rounds) {    \
    using Vector = float __attribute__((vector_size(Bytes)));                  \
    for (int64_t r = 0; r < rounds; ++r)                                       \
      for (size_t i = 0; i + 8 * Bytes <= bytes; i += 8 * Bytes)               \
        _Pragma("clang loop unroll(full)") for (int k = 0; k < 8; ++k) {       \
          Vector v = *reinterpret_cast<const Vector *>(data + i + k * Bytes);  \
          asm volatile("" ::"v"(v));                                           \
        }                                                                      \
  }
#if defined(__x86_64__)
SEQC_LOADS(loads64, SEQC_TARGET("avx512f"), 64)
SEQC_LOADS(loads32, SEQC_TARGET("avx2"), 32)
#endif

/// Bytes a second of loads from a buffer of `bytes`, on one thread; 0: unknown.
static double measureLoads(size_t bytes, bool wide) {
#if defined(__x86_64__)
  std::vector<char> buffer(bytes + 64, 1);
  char *data = buffer.data() + (64 - reinterpret_cast<uintptr_t>(buffer.data()) % 64);
  int64_t rounds = std::max<int64_t>(1, (int64_t(1) << 27) / int64_t(bytes));
  auto *run = wide ? loads64 : loads32;
  run(data, bytes, 1);
  double seconds = fastest([&] { run(data, bytes, rounds); });
  return double(bytes / (wide ? 512 : 256) * (wide ? 512 : 256)) * rounds / seconds;
#else
  return 0;
#endif
}

target::Machine seqc::driver::calibrate(target::Machine machine) {
  target::Cpu &cpu = machine.cpu;
  auto rounded = [](double v, double unit) { return std::round(v / unit) * unit; };
  cpu.clock = rounded(measureClock(), 1e7);
  double one = measureMultiplyAdds(/*allThreads=*/false);
  Ceilings ceilings = measureCeilings();
  cpu.fmas = std::max(0.25, rounded(one / (2 * cpu.lanes() * cpu.clock), 0.25));
  // Threads that share a core add nothing.
  cpu.cores = std::max<int64_t>(1, std::llround(ceilings.operations / one));
  cpu.copyBandwidth = rounded(ceilings.copyBandwidth, 1e8);
  bool wide = cpu.vectorBits >= 512;
  for (auto [bytes, rate] :
       {std::pair{cpu.l1Bytes / 2, &cpu.l1Bandwidth}, {cpu.l2Bytes / 2, &cpu.l2Bandwidth},
        {std::min(cpu.l3Bytes / 2, 4 * cpu.l2Bytes), &cpu.l3Bandwidth}})
    if (double measured = measureLoads(bytes, wide))
      *rate = std::max(1.0, rounded(measured / cpu.clock, 1));
  cpu.loads = std::max(0.25, rounded(cpu.l1Bandwidth / (cpu.vectorBits / 8), 0.25));
  machine.name = "calibrated";
  return machine;
}
