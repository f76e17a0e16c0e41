//===- Ceilings.cpp - What this machine can do, measured ------------------===//

#include "Driver.h"

#include "seqc/abi.h"

#include <algorithm>
#include <cstring>
#include <vector>

using namespace seqc;
using namespace seqc::driver;

#if defined(__x86_64__)
#define SEQC_TARGET(text) __attribute__((target(text)))
#define SEQC_VECTOR_REGISTER "+v"
#else
#define SEQC_TARGET(text)
#define SEQC_VECTOR_REGISTER "+w"
#endif

namespace {
/// Independent chains: enough to cover the latency of two units, few enough to
/// stay in registers.
constexpr int kChains = 12;

/// Runs `rounds` multiply-adds on each of kChains vectors of `Bytes`.  The empty
/// assembly keeps the accumulators in registers and the loop from being folded.
#define SEQC_CHAINS(Name, Target, Bytes)                                       \
  Target void Name(int64_t rounds) {                                           \
    using Vector = float __attribute__((vector_size(Bytes)));                  \
    Vector acc[kChains] = {}, a = acc[0] + 0.999f, b = acc[0] + 1e-3f;         \
    for (int64_t i = 0; i < rounds; ++i)                                       \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < kChains; ++c) {   \
        acc[c] = __builtin_elementwise_fma(acc[c], a, b);                      \
        asm volatile("" : SEQC_VECTOR_REGISTER(acc[c]));                       \
      }                                                                        \
  }

#if defined(__x86_64__)
SEQC_CHAINS(chains64, SEQC_TARGET("avx512f"), 64)
SEQC_CHAINS(chains32, SEQC_TARGET("avx2,fma"), 32)
#endif
SEQC_CHAINS(chains16, , 16)

struct Chains {
  void (*run)(int64_t);
  int lanes;
};

Chains widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {chains64, 16};
  if (__builtin_cpu_supports("fma"))
    return {chains32, 8};
#endif
  return {chains16, 4};
}

constexpr int64_t kRounds = 4'000'000;
constexpr int64_t kTasks = 64;

void runChains(void *data, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    static_cast<Chains *>(data)->run(kRounds / kTasks);
}

/// Each task copies one contiguous piece, with stores that bypass the caches: the C
/// library decides by the size of a piece, and not always for them.
struct Copy {
  char *to;
  const char *from;
  size_t bytes;
};

void runCopy(void *data, int64_t begin, int64_t end) {
  using Line = int64_t __attribute__((vector_size(64)));
  Copy *copy = static_cast<Copy *>(data);
  size_t piece = copy->bytes / kTasks / sizeof(Line);
  auto *to = reinterpret_cast<Line *>(copy->to);
  auto *from = reinterpret_cast<const Line *>(copy->from);
  for (size_t i = begin * piece; i < end * piece; ++i)
    __builtin_nontemporal_store(from[i], to + i);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void runMemcpy(void *data, int64_t begin, int64_t end) {
  Copy *copy = static_cast<Copy *>(data);
  size_t piece = copy->bytes / kTasks;
  std::memcpy(copy->to + begin * piece, copy->from + begin * piece, (end - begin) * piece);
}

template <class F> double fastest(F f) {
  double best = 1e30;
  for (int i = 0; i < 5; ++i) {
    double start = now();
    f();
    best = std::min(best, now() - start);
  }
  return best;
}
} // namespace

double seqc::driver::measureMultiplyAdds(bool allThreads) {
  Chains chains = widest();
  double seconds = fastest([&] {
    if (allThreads)
      seqc_rt_parallel_for(0, kTasks, 1, runChains, &chains);
    else
      runChains(&chains, 0, kTasks);
  });
  return 2.0 * kChains * chains.lanes * (kRounds / kTasks * kTasks) / seconds;
}

Ceilings seqc::driver::measureCeilings() {
  Ceilings result;
  result.operations = measureMultiplyAdds(/*allThreads=*/true);
  Bytes from(size_t(256) << 20, 1), to(from.size(), 2);
  Copy copy = {to.data(), from.data(), from.size()};
  // The faster of the two: they differ by machine, and from hour to hour.
  double seconds =
      std::min(fastest([&] { seqc_rt_parallel_for(0, kTasks, 1, runCopy, &copy); }),
               fastest([&] { seqc_rt_parallel_for(0, kTasks, 1, runMemcpy, &copy); }));
  result.copyBandwidth = 2.0 * from.size() / seconds;
  return result;
}
