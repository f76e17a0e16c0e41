//===- Draw.cpp - Random inputs -------------------------------------------===//

#include "Driver.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/xxhash.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;

namespace {
/// SplitMix64 (Steele, Lea, Flood 2014), with normals by Box and Muller.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  /// The generator after `count` more numbers: its state only counts.
  Random after(uint64_t count) const { return Random(state + count * step); }
  uint64_t next() {
    uint64_t z = state += step;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  double normal() {
    double u = 1 - uniform(), v = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
  }

  /// Numbers that a uniform or normal one takes.
  static constexpr int64_t uniformCount = 1, normalCount = 2;

private:
  static constexpr uint64_t step = 0x9e3779b97f4a7c15u;
  uint64_t state;
};
} // namespace

/// Calls fn(random, i) for all i < n, on all threads; `count` numbers are drawn for
/// each, the same whatever the number of threads.
template <typename Fn>
static void forEach(int64_t n, const Random &random, int64_t count, Fn fn) {
  constexpr int64_t block = 1 << 14;
  llvm::parallelFor(0, size_t((n + block - 1) / block), [&](size_t k) {
    int64_t begin = int64_t(k) * block;
    Random mine = random.after(uint64_t(begin) * uint64_t(count));
    for (int64_t i = begin; i < std::min(n, begin + block); ++i)
      fn(mine, i);
  });
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
static double logSigmoid(double x) {
  return x >= 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x));
}

llvm::Error seqc::driver::draw(const EntryArg &arg, uint64_t seed, int64_t length,
                               HostTensor &tensor) {
  Random random(seed * 0x2545f4914f6cdd1du + llvm::xxh3_64bits(arg.name));
  std::string how = arg.draw;
  if (how.empty())
    how = arg.cuts                          ? "segments"
          : isa<FloatType>(tensor.element) ? "normal"
                                           : "zeros";
  StringRef kind = StringRef(how).take_until([](char c) { return c == '('; });
  SmallVector<double> numbers;
  StringRef inside = StringRef(how).drop_front(kind.size());
  bool wellFormed = inside.empty() ||
                    (inside.consume_front("(") && inside.consume_back(")"));
  SmallVector<StringRef> parts;
  inside.split(parts, ',', -1, false);
  for (StringRef part : parts) {
    double v;
    wellFormed &= !part.trim().getAsDouble(v);
    numbers.push_back(v);
  }
  auto number = [&](unsigned i, double standard) {
    return i < numbers.size() ? numbers[i] : standard;
  };
  int64_t n = tensor.size();
  auto fill = [&](int64_t count, auto fn) {
    forEach(n, random, count,
            [&](Random &mine, int64_t i) { tensor.set(i, fn(mine, i)); });
    return llvm::Error::success();
  };
  constexpr int64_t one = Random::uniformCount, two = Random::normalCount;
  if (!wellFormed) {
  } else if (kind == "normal") {
    return fill(two, [&](Random &r, int64_t) { return r.normal() * number(0, 1); });
  } else if (kind == "uniform") {
    double lo = number(0, 0), hi = number(1, 1);
    return fill(one, [&](Random &r, int64_t) { return lo + (hi - lo) * r.uniform(); });
  } else if (kind == "sigmoid") {
    return fill(two, [&](Random &r, int64_t) {
      return sigmoid(r.normal()) * number(0, 1);
    });
  } else if (kind == "logsigmoid") {
    return fill(two, [&](Random &r, int64_t) {
      return logSigmoid(r.normal()) * number(0, 1);
    });
  } else if (kind == "exp") {
    return fill(two, [&](Random &r, int64_t) {
      return -std::exp(r.normal()) * number(0, 1);
    });
  } else if (kind == "unit") {
    int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
    forEach(row ? n / row : 0, random, two * row, [&](Random &r, int64_t i) {
      SmallVector<double> values(row);
      double sum = 1e-12;
      for (double &v : values) {
        v = r.normal();
        sum += v * v;
      }
      for (int64_t j = 0; j < row; ++j)
        tensor.set(i * row + j, values[j] / std::sqrt(sum) * number(0, 1));
    });
    return llvm::Error::success();
  } else if (kind == "zeros" || kind == "ones" || kind == "constant") {
    double v = kind == "zeros" ? 0 : number(0, 1);
    return fill(0, [&](Random &, int64_t) { return v; });
  } else if (kind == "iota") {
    return fill(0, [](Random &, int64_t i) { return double(i); });
  } else if (kind == "flags") {
    return fill(one, [&](Random &r, int64_t) {
      return r.uniform() < number(0, 0.1) ? 1.0 : 0.0;
    });
  } else if (kind == "segments") {
    // Random cuts; one is doubled, so that there is an empty segment.
    std::vector<int64_t> cuts;
    for (int64_t i = 0; i + 2 < n; ++i)
      cuts.push_back(random.next() % (length + 1));
    if (cuts.size() > 1)
      cuts[0] = cuts[1];
    llvm::sort(cuts);
    return fill(0, [&](Random &, int64_t i) -> double {
      return i == 0 ? 0 : i == n - 1 ? length : cuts[i - 1];
    });
  }
  return llvm::createStringError(
      "'" + arg.name + "': unknown seqc.draw \"" + how +
      "\", expected normal, uniform, sigmoid, logsigmoid, exp, unit, zeros, ones, "
      "constant, iota, flags or segments, with numbers in parentheses");
}
