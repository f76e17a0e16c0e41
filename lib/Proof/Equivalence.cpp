//===- Equivalence.cpp - Do two functions compute the same? ---------------===//

#include "seqc/lib/Proof/Equivalence.h"

#include "Algebra.h"
#include "Random.h"

#include "seqc/lib/Reference/InterpreterImpl.h"

#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::proof;
using reference::Tensor;
using reference::TensorF64;

/// Draws that look for numbers showing a difference.
static constexpr unsigned kDraws = 64;
/// Numbers of a counterexample that are shown.
static constexpr unsigned kShown = 24;
static constexpr double kTolerance = 1e-7;

namespace {
class Comparer {
public:
  Comparer(func::FuncOp meaning, func::FuncOp formed, ArrayRef<Input> inputs,
           ArrayRef<Named> outputs, uint64_t effort,
           ArrayRef<Argument> arguments, const Steps *steps)
      : meaning(meaning), formed(formed), inputs(inputs), outputs(outputs),
        effort(effort), arguments(arguments), steps(steps) {}
  Comparison run();

private:
  bool terms(Comparison &result);
  std::optional<std::string> differ(ArrayRef<TensorF64> in);
  std::optional<std::string> counterexample();
  std::vector<TensorF64> drawn(Random &random, unsigned attempt);
  std::string coordinates(const Named &named, ArrayRef<int64_t> shape,
                          int64_t flat);
  template <class D>
  llvm::Expected<std::vector<Tensor<D>>> evaluate(ArrayRef<Tensor<D>> in);
  template <class D>
  llvm::Expected<std::vector<Tensor<D>>> runSteps(ArrayRef<Tensor<D>> in);
  std::string show(ArrayRef<TensorF64> numbers);

  func::FuncOp meaning, formed;
  ArrayRef<Input> inputs;
  ArrayRef<Named> outputs;
  uint64_t effort;
  ArrayRef<Argument> arguments;
  const Steps *steps;
};
} // namespace

/// "[t=1, 0]": the axes that have more than one element by name, then features.
std::string Comparer::coordinates(const Named &named, ArrayRef<int64_t> shape,
                                  int64_t flat) {
  SmallVector<int64_t> at(shape.size());
  for (int d = int(at.size()) - 1; d >= 0; flat /= shape[d--])
    at[d] = flat % shape[d];
  std::string result;
  for (unsigned d = 0; d < at.size(); ++d) {
    std::string axis = d < named.axes.size() ? named.axes[d] : "";
    if (!axis.empty() && shape[d] == 1 && axis != "t")
      continue;
    result += (result.empty() ? "" : ", ") + (axis.empty() ? "" : axis + "=") +
              std::to_string(at[d]);
  }
  return result.empty() ? named.name : named.name + "[" + result + "]";
}

static unsigned timeOf(const Named &named) {
  return llvm::find(named.axes, "t") - named.axes.begin();
}

/// Which of `shape`'s elements are at index `at` of dimension `d`, in order.
static SmallVector<int64_t> elementsAt(ArrayRef<int64_t> shape, unsigned d,
                                       int64_t at) {
  int64_t inner = 1, outer = 1;
  for (unsigned i = 0; i < shape.size(); ++i)
    (i < d ? outer : inner) *= i == d ? 1 : shape[i];
  SmallVector<int64_t> result;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i)
      result.push_back((o * shape[d] + at) * inner + i);
  return result;
}

/// The second function's results.
template <class D>
llvm::Expected<std::vector<Tensor<D>>> Comparer::evaluate(ArrayRef<Tensor<D>> in) {
  if (steps)
    return runSteps<D>(in);
  if (arguments.empty())
    return reference::interpret<D>(formed, in);
  std::vector<Tensor<D>> mine;
  for (const Argument &argument : arguments) {
    mine.push_back(in[argument.input]);
    mine.back().shape.assign(argument.shape.begin(), argument.shape.end());
  }
  return reference::interpret<D>(formed, mine);
}

template <class D>
llvm::Expected<std::vector<Tensor<D>>> Comparer::runSteps(ArrayRef<Tensor<D>> in) {
  std::vector<Tensor<D>> states, results;
  for (const Steps::State &state : steps->states) {
    Tensor<D> t;
    t.shape.assign(state.shape.begin(), state.shape.end());
    if (state.input >= 0)
      t.data = in[state.input].data;
    else
      t.data.assign(t.size(), reference::Domain<D>::fromDouble(0));
    states.push_back(std::move(t));
  }
  for (int64_t token = 0; token < steps->tokens; ++token) {
    std::vector<Tensor<D>> mine(arguments.size());
    for (auto [i, state] : llvm::enumerate(steps->states))
      mine[state.argument] = states[i];
    for (auto [t, argument] : llvm::zip(mine, arguments)) {
      if (argument.position) {
        t.shape.assign(argument.shape.begin(), argument.shape.end());
        t.data.assign(t.size(), reference::Domain<D>::fromDouble(token));
      }
      if (argument.input == ~0u)
        continue;
      const Tensor<D> &whole = in[argument.input];
      unsigned d = timeOf(inputs[argument.input]);
      t.shape.assign(argument.shape.begin(), argument.shape.end());
      if (d == inputs[argument.input].axes.size())
        t.data = whole.data;
      else
        for (int64_t i : elementsAt(whole.shape, d, token))
          t.data.push_back(whole.data[i]);
    }
    auto made = reference::interpret<D>(formed, mine);
    if (!made)
      return made.takeError();
    size_t outs = made->size() - states.size();
    results.resize(outs);
    for (size_t r = 0; r < outs; ++r) {
      unsigned d = timeOf(outputs[r]);
      Tensor<D> &all = results[r];
      if (token == 0) {
        all.shape = (*made)[r].shape;
        all.shape.insert(all.shape.begin() + d, steps->tokens);
        all.data.resize(all.size());
      }
      for (auto [k, i] : llvm::enumerate(elementsAt(all.shape, d, token)))
        all.data[i] = (*made)[r].data[k];
    }
    for (size_t k = 0; k < states.size(); ++k)
      states[k] = std::move((*made)[outs + k]);
  }
  for (auto [state, t] : llvm::zip(steps->states, states))
    if (state.input >= 0)
      results.push_back(std::move(t));
  return results;
}

/// Compares by normal form; false if something differs.
bool Comparer::terms(Comparison &result) {
  Algebra algebra(effort);
  std::vector<Tensor<Formula>> in;
  for (const Input &input : inputs) {
    Tensor<Formula> t;
    t.shape.assign(input.shape.begin(), input.shape.end());
    for (int64_t i = 0, n = t.size(); i < n; ++i)
      t.data.push_back(input.numbers ? algebra.number((*input.numbers)[i])
                                     : algebra.variable(
                                           coordinates(input, input.shape, i),
                                           input.range));
    in.push_back(std::move(t));
  }
  auto fail = [&](std::string why) {
    // What went wrong first made the rest unknown.
    result.exhausted = algebra.isExhausted();
    result.detail = algebra.reason().empty() ? std::move(why) : algebra.reason();
    return true;
  };
  auto expected = reference::interpret<Formula>(meaning, in);
  if (!expected)
    return fail(llvm::toString(expected.takeError()));
  algebra.exponents = 0;
  algebra.risingExponents.clear();
  auto found = evaluate<Formula>(in);
  if (!found)
    return fail(llvm::toString(found.takeError()));
  if (!algebra.reason().empty())
    return fail(algebra.reason());
  if (expected->size() != found->size())
    return fail("the functions have different numbers of results");
  bool different = false;
  for (auto [x, y] : llvm::zip(*expected, *found)) {
    if (arguments.empty() ? x.shape != y.shape : x.size() != y.size())
      return fail("a result has different shapes");
    for (auto [a, b] : llvm::zip(x.data, y.data)) {
      switch (algebra.compare(a, b)) {
      case Algebra::Answer::Equal:
        break;
      case Algebra::Answer::Different:
        different = true;
        break;
      case Algebra::Answer::Unknown:
        return fail(algebra.reason());
      }
      if (different)
        break;
    }
  }
  result.assumptions = algebra.assumptions;
  result.exponents = algebra.exponents;
  for (Formula e : algebra.risingExponents)
    result.rising.push_back(algebra.text(e));
  if (different)
    return false;
  result.verdict = Verdict::Proved;
  return true;
}

/// Small numbers in the declared ranges; the first draws are sparse.
std::vector<TensorF64> Comparer::drawn(Random &random, unsigned attempt) {
  std::vector<TensorF64> result;
  for (const Input &input : inputs) {
    TensorF64 t;
    t.shape.assign(input.shape.begin(), input.shape.end());
    for (int64_t i = 0, n = t.size(); i < n; ++i) {
      if (input.numbers) {
        t.data.push_back((*input.numbers)[i]);
        continue;
      }
      double low = std::max(input.range.low, -3.0),
             high = std::min(input.range.high, 3.0);
      bool small = high - low <= 2;
      int64_t steps = int64_t((high - low) * (small ? 4 : 1));
      double x = low + double((random.next() >> 16) % uint64_t(steps + 1)) / (small ? 4 : 1);
      if (attempt < kDraws / 2 && (random.next() >> 16) % 2 && low <= 0 && high >= 0)
        x = 0;
      t.data.push_back(x);
    }
    result.push_back(std::move(t));
  }
  return result;
}

std::string Comparer::show(ArrayRef<TensorF64> numbers) {
  std::string text;
  llvm::raw_string_ostream os(text);
  unsigned shown = 0;
  bool zeros = false;
  for (auto [input, t] : llvm::zip(inputs, numbers))
    for (auto [i, x] : llvm::enumerate(t.data)) {
      if (x == 0 && !input.numbers) {
        zeros = true;
        continue;
      }
      if (shown++ >= kShown)
        continue;
      os << (shown > 1 ? ", " : "") << coordinates(input, input.shape, i) << " = "
         << llvm::format("%.6g", x);
    }
  if (shown > kShown)
    os << ", and " << shown - kShown << " more";
  else if (zeros)
    os << (shown ? ", all else 0" : "all inputs 0");
  return text;
}

/// Where the results differ on these inputs, or nothing.
std::optional<std::string> Comparer::differ(ArrayRef<TensorF64> in) {
  auto expected = reference::interpret<double>(meaning, in);
  auto found = evaluate<double>(in);
  if (!expected || !found) {
    if (!expected)
      llvm::consumeError(expected.takeError());
    if (!found)
      llvm::consumeError(found.takeError());
    return std::nullopt;
  }
  for (auto [r, pair] : llvm::enumerate(llvm::zip(*expected, *found))) {
    auto &[x, y] = pair;
    if (x.data.size() != y.data.size())
      return std::nullopt;
    for (auto [i, a] : llvm::enumerate(x.data)) {
      double b = y.data[i];
      if (a == b || !std::isfinite(a) ||
          std::fabs(a - b) <= kTolerance * (1 + std::fabs(a)))
        continue;
      Named output =
          r < outputs.size() ? outputs[r] : Named{"result " + std::to_string(r), {}};
      std::string text;
      llvm::raw_string_ostream os(text);
      os << coordinates(output, x.shape, i) << " is " << llvm::format("%.6g", b)
         << ", should be " << llvm::format("%.6g", a);
      return text;
    }
  }
  return std::nullopt;
}

std::optional<std::string> Comparer::counterexample() {
  Random random;
  for (unsigned attempt = 0; attempt < kDraws; ++attempt) {
    std::vector<TensorF64> in = drawn(random, attempt);
    std::optional<std::string> text = differ(in);
    if (!text)
      continue;
    // Inputs that do not matter become zero.
    for (auto [input, t] : llvm::zip(inputs, in))
      for (double &x : t.data) {
        if (x == 0 || input.numbers || input.range.low > 0 || input.range.high < 0)
          continue;
        double before = std::exchange(x, 0);
        if (auto simpler = differ(in))
          text = simpler;
        else
          x = before;
      }
    return *text + ", for " + show(in);
  }
  return std::nullopt;
}

Comparison Comparer::run() {
  Comparison result;
  if (terms(result) && result.verdict == Verdict::Proved)
    return result;
  if (result.exhausted)
    return result;
  // Where terms did not decide, numbers may.
  if (auto found = counterexample()) {
    result.verdict = Verdict::Refuted;
    result.detail = *found;
  } else if (result.detail.empty()) {
    result.detail = "normal forms differ, but no numbers that were tried";
  }
  return result;
}

Comparison seqc::proof::compare(func::FuncOp meaning, func::FuncOp formed,
                                ArrayRef<Input> inputs, ArrayRef<Named> outputs,
                                uint64_t effort, ArrayRef<Argument> arguments,
                                const Steps *steps) {
  return Comparer(meaning, formed, inputs, outputs, effort, arguments, steps).run();
}
