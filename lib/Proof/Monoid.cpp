//===- Monoid.cpp - Is a combine region a monoid? -------------------------===//

#include "seqc/lib/Proof/Monoid.h"

#include "Random.h"
#include "Symbol.h"

#include "seqc/lib/Reference/InterpreterImpl.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::proof;
using reference::Tensor;

llvm::StringRef seqc::proof::verdictName(Verdict verdict) {
  switch (verdict) {
  case Verdict::Proved:
    return "proved";
  case Verdict::Refuted:
    return "refuted";
  case Verdict::Unknown:
    return "unknown";
  }
  llvm_unreachable("covered switch");
}

namespace {
/// Solver effort per claim.
constexpr unsigned kEffort = 20'000'000;
constexpr unsigned kSamples = 200;

template <class D> using Tuple = std::vector<Tensor<D>>;

class Monoid {
public:
  explicit Monoid(ScanOp scan);
  SmallVector<Obligation> run(bool prove);

private:
  template <class D>
  llvm::Expected<Tuple<D>> combine(const Tuple<D> &left, const Tuple<D> &right);
  /// Values of the tuple's members, each element from `make`.
  template <class D, class F> Tuple<D> tuple(F make);
  bool identity(Tuple<double> &result);
  void test(Obligation &associative, Obligation &neutral);
  void proveAll(Obligation &associative, Obligation &neutral);
  std::optional<std::string> differ(const Tuple<double> &a,
                                    const Tuple<double> &b);
  static std::string text(const Tuple<double> &tuple);

  ScanOp scan;
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
};
} // namespace

/// The combine region as a function, for the interpreter.
Monoid::Monoid(ScanOp scan) : scan(scan) {
  MLIRContext *context = scan.getContext();
  context->loadDialect<func::FuncDialect>();
  Location loc = scan.getLoc();
  module = ModuleOp::create(loc);
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  Block &body = scan.getCombine().front();
  SmallVector<Type> results;
  for (Value out : scan.getYield().getOuts())
    results.push_back(out.getType());
  func = func::FuncOp::create(
      b, loc, "combine",
      FunctionType::get(context, body.getArgumentTypes(), results));
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  IRMapping map;
  for (auto [from, to] : llvm::zip(body.getArguments(), entry->getArguments()))
    map.map(from, to);
  for (Operation &op : body.without_terminator()) {
    // Constants from above come along.
    for (Value operand : op.getOperands())
      if (!map.contains(operand))
        if (Operation *def = operand.getDefiningOp())
          b.clone(*def, map);
    b.clone(op, map);
  }
  SmallVector<Value> values;
  for (Value out : scan.getYield().getOuts()) {
    if (!map.contains(out) && out.getDefiningOp())
      b.clone(*out.getDefiningOp(), map);
    values.push_back(map.lookup(out));
  }
  func::ReturnOp::create(b, loc, values);
}

template <class D>
llvm::Expected<Tuple<D>> Monoid::combine(const Tuple<D> &left,
                                         const Tuple<D> &right) {
  Tuple<D> both = left;
  both.insert(both.end(), right.begin(), right.end());
  auto result = reference::interpret<D>(func, both, {});
  if constexpr (std::is_same_v<D, Symbol>)
    if (std::exchange(reference::Domain<Symbol>::decidedByTerm, false) && result)
      return llvm::createStringError("a value decides which element is taken");
  return result;
}

template <class D, class F> Tuple<D> Monoid::tuple(F make) {
  Tuple<D> result;
  for (auto [i, arg] : llvm::enumerate(scan.getLeftArgs())) {
    Tensor<D> t;
    ArrayRef<int64_t> shape = seqc::shapeOf(arg.getType());
    t.shape.assign(shape.begin(), shape.end());
    bool integer = !isa<FloatType>(elementOf(arg.getType()));
    for (int64_t k = 0, n = t.size(); k < n; ++k)
      t.data.push_back(make(i, k, integer));
    result.push_back(std::move(t));
  }
  return result;
}

/// The identities' values; false if one is not a constant.
bool Monoid::identity(Tuple<double> &result) {
  for (Value v : scan.getIdentities()) {
    auto constant = v.getDefiningOp<arith::ConstantOp>();
    if (!constant)
      return false;
    auto number = [](Attribute a) {
      if (auto f = dyn_cast<FloatAttr>(a))
        return f.getValueAsDouble();
      return double(cast<IntegerAttr>(a).getValue().getSExtValue());
    };
    Tensor<double> t;
    ArrayRef<int64_t> shape = seqc::shapeOf(v.getType());
    t.shape.assign(shape.begin(), shape.end());
    if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue())) {
      for (Attribute a : dense.getValues<Attribute>())
        t.data.push_back(number(a));
    } else if (isa<FloatAttr, IntegerAttr>(constant.getValue())) {
      t.data.push_back(number(constant.getValue()));
    } else {
      return false;
    }
    result.push_back(std::move(t));
  }
  return true;
}

std::string Monoid::text(const Tuple<double> &tuple) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::interleaveComma(tuple, os, [&](const Tensor<double> &t) {
    if (!t.shape.empty())
      os << "[";
    llvm::interleaveComma(t.data, os, [&](double v) {
      os << llvm::format("%.6g", v);
    });
    if (!t.shape.empty())
      os << "]";
  });
  return tuple.size() > 1 ? "(" + result + ")" : result;
}

/// Says where two tuples differ by more than rounding.
std::optional<std::string> Monoid::differ(const Tuple<double> &a,
                                          const Tuple<double> &b) {
  for (auto [x, y] : llvm::zip(a, b))
    for (auto [u, v] : llvm::zip(x.data, y.data)) {
      if (u == v || (std::isnan(u) && std::isnan(v)))
        continue;
      if (!(std::fabs(u - v) <= 1e-6 * (1 + std::fabs(u) + std::fabs(v))))
        return text(a) + " against " + text(b);
    }
  return std::nullopt;
}

void Monoid::test(Obligation &associative, Obligation &neutral) {
  Random numbers;
  auto random = [&](unsigned, int64_t, bool integer) -> double {
    uint64_t drawn = numbers.next();
    // Small integers make ties; other values are spread around zero.
    int64_t small = int64_t(drawn >> 40) % 7 - 3;
    return integer || drawn % 4 == 0 ? double(small)
                                     : double(int64_t(drawn)) * 0x1p-61;
  };
  auto value = [&](llvm::Expected<Tuple<double>> result) -> Tuple<double> {
    if (result)
      return std::move(*result);
    llvm::consumeError(result.takeError());
    return {};
  };
  Tuple<double> e;
  bool constant = identity(e);
  if (!constant)
    neutral.detail = "an identity is not a constant";
  for (unsigned i = 0; i < kSamples; ++i) {
    auto a = tuple<double>(random), b = tuple<double>(random),
         c = tuple<double>(random);
    if (associative.verdict != Verdict::Refuted) {
      auto first = value(combine(value(combine(a, b)), c)),
           second = value(combine(a, value(combine(b, c))));
      if (auto found = differ(first, second)) {
        associative.verdict = Verdict::Refuted;
        associative.detail = "left = " + text(a) + ", middle = " + text(b) +
                             ", right = " + text(c) + ": " + *found;
      }
    }
    if (!constant || neutral.verdict == Verdict::Refuted)
      continue;
    for (bool left : {true, false})
      if (auto found = differ(value(left ? combine(e, a) : combine(a, e)), a)) {
        neutral.verdict = Verdict::Refuted;
        neutral.detail = std::string(left ? "on the left of " : "on the right of ") +
                         text(a) + ": " + *found;
        break;
      }
  }
}

void Monoid::proveAll(Obligation &associative, Obligation &neutral) {
  bool exponentials = false;
  scan.getCombine().walk([&](Operation *op) {
    exponentials |= isa<math::ExpOp, math::LogOp, math::Log1pOp, math::ExpM1Op>(op);
  });
  smt::Context context;
  auto variables = [&](StringRef who) {
    return tuple<Symbol>([&](unsigned i, int64_t k, bool) {
      std::string name = (who + Twine(i) + "_" + Twine(k)).str();
      Symbol s = Symbol::unknown();
      s.context = &context;
      s.plain = context.real(name);
      if (exponentials) {
        s.exponential = context.real("exp_" + name);
        context.assume(context.less(context.number(0), *s.exponential));
      }
      return s;
    });
  };
  auto a = variables("a"), b = variables("b"), c = variables("c");
  auto settle = [&](Obligation &o, llvm::Expected<Tuple<Symbol>> x,
                    llvm::Expected<Tuple<Symbol>> y) {
    if (!x || !y) {
      if (!x)
        llvm::consumeError(x.takeError());
      if (!y)
        llvm::consumeError(y.takeError());
      o.detail = "the region has an operation that proofs do not cover";
      return false;
    }
    smt::Term claim = context.boolean(true);
    for (auto [u, v] : llvm::zip(*x, *y))
      for (auto [s, t] : llvm::zip(u.data, v.data)) {
        auto same = equal(context, s, t);
        if (!same) {
          o.detail = "the region has an operation that proofs do not cover";
          return false;
        }
        claim = context.both(claim, *same);
      }
    switch (context.prove(claim, kEffort)) {
    case smt::Answer::Valid:
      return true;
    case smt::Answer::Invalid:
      // Over the reals, where the samples found nothing.
      o.detail = "it holds for all samples, but not for all real numbers";
      return false;
    case smt::Answer::Unknown:
      o.detail = "the solver gave up";
      return false;
    }
    return false;
  };
  auto nested = [&](const Tuple<Symbol> &x, llvm::Expected<Tuple<Symbol>> yz)
      -> llvm::Expected<Tuple<Symbol>> {
    if (!yz)
      return yz.takeError();
    return combine(x, *yz);
  };
  auto nestedLeft = [&](llvm::Expected<Tuple<Symbol>> xy, const Tuple<Symbol> &z)
      -> llvm::Expected<Tuple<Symbol>> {
    if (!xy)
      return xy.takeError();
    return combine(*xy, z);
  };
  if (associative.verdict != Verdict::Refuted &&
      settle(associative, nestedLeft(combine(a, b), c), nested(a, combine(b, c))))
    associative.verdict = Verdict::Proved;

  Tuple<double> numbers;
  if (neutral.verdict == Verdict::Refuted || !identity(numbers))
    return;
  Tuple<Symbol> e;
  for (const Tensor<double> &t : numbers) {
    Tensor<Symbol> s;
    s.shape = t.shape;
    for (double v : t.data)
      s.data.push_back(Symbol::constant(v));
    e.push_back(std::move(s));
  }
  if (settle(neutral, combine(e, a), Tuple<Symbol>(a)) &&
      settle(neutral, combine(a, e), Tuple<Symbol>(a)))
    neutral.verdict = Verdict::Proved;
}

SmallVector<Obligation> Monoid::run(bool prove) {
  Obligation associative, neutral;
  associative.claim = "the combine region is associative";
  neutral.claim = "its identity is neutral";
  test(associative, neutral);
  if (prove)
    proveAll(associative, neutral);
  return {associative, neutral};
}

SmallVector<Obligation> seqc::proof::testMonoid(ScanOp scan) {
  return Monoid(scan).run(false);
}
SmallVector<Obligation> seqc::proof::proveMonoid(ScanOp scan) {
  return Monoid(scan).run(true);
}
