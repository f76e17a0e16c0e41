//===- Monoid.cpp - Is a combine region a monoid? -------------------------===//

#include "seqc/lib/Proof/Monoid.h"

#include "Random.h"
#include "Symbol.h"

#include "seqc/lib/Reference/InterpreterImpl.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Format.h"

#include <cmath>
#include <functional>

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
  struct Difference {
    std::string first, second;
  };
  template <class D>
  llvm::Expected<Tuple<D>> combine(const Tuple<D> &left, const Tuple<D> &right);
  /// Values of the tuple's members, each element from `make`.
  template <class D, class F> Tuple<D> tuple(F make);
  bool identity(Tuple<double> &result);
  void test(Obligation &associative, Obligation &neutral);
  void proveAll(Obligation &associative, Obligation &neutral);
  /// How the two sides of a claim about three elements differ, or nothing.
  std::optional<std::string> notAssociative(const Tuple<double> &a,
                                            const Tuple<double> &b,
                                            const Tuple<double> &c);
  std::optional<std::string> notNeutral(const Tuple<double> &e,
                                        const Tuple<double> &a);
  std::optional<Difference> differ(const Tuple<double> &a, const Tuple<double> &b);
  static std::string text(const Tuple<double> &tuple);
  /// "a[t=1] = 2, x[t=1] = 3": what the scan's operands are at a token, or anywhere.
  std::string assigned(const Tuple<double> &tuple, StringRef where);

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

/// The user's name of what member `i` is scanned over: the argument's, or what the
/// region calls the member.
static std::string nameOf(ScanOp scan, unsigned i) {
  if (auto arg = dyn_cast<BlockArgument>(scan.getSeq()[i]))
    if (auto func = dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()))
      if (auto name = func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "seqc.name"))
        return name.str();
  if (auto name = dyn_cast<NameLoc>(scan.getLeftArgs()[i].getLoc()))
    return name.getName().str();
  return "operand #" + std::to_string(i);
}

std::string Monoid::assigned(const Tuple<double> &tuple, StringRef where) {
  std::string result;
  for (auto [i, t] : llvm::enumerate(tuple))
    result += (i ? ", " : "") + nameOf(scan, i) + where.str() + " = " + text({t});
  return result;
}

/// What two tuples are where they differ by more than rounding.
std::optional<Monoid::Difference> Monoid::differ(const Tuple<double> &a,
                                                 const Tuple<double> &b) {
  for (auto [x, y] : llvm::zip(a, b))
    for (auto [u, v] : llvm::zip(x.data, y.data)) {
      if (u == v || (std::isnan(u) && std::isnan(v)))
        continue;
      if (!(std::fabs(u - v) <= 1e-6 * (1 + std::fabs(u) + std::fabs(v))))
        return Difference{text(a), text(b)};
    }
  return std::nullopt;
}

static Tuple<double> valueOf(llvm::Expected<Tuple<double>> result) {
  if (result)
    return std::move(*result);
  llvm::consumeError(result.takeError());
  return {};
}

std::optional<std::string> Monoid::notAssociative(const Tuple<double> &a,
                                                  const Tuple<double> &b,
                                                  const Tuple<double> &c) {
  auto found = differ(valueOf(combine(valueOf(combine(a, b)), c)),
                      valueOf(combine(a, valueOf(combine(b, c)))));
  if (!found)
    return std::nullopt;
  return "for " + assigned(a, "[t=0]") + ", " + assigned(b, "[t=1]") + ", " +
         assigned(c, "[t=2]") + " it gives " + found->first +
         " combining the first two first, " + found->second + " the last two";
}

std::optional<std::string> Monoid::notNeutral(const Tuple<double> &e,
                                              const Tuple<double> &a) {
  for (bool left : {true, false})
    if (auto found = differ(valueOf(left ? combine(e, a) : combine(a, e)), a))
      return "for " + assigned(a, "") + ", with " + text(e) + " on the " +
             (left ? "left" : "right") + " it gives " + found->first;
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
  auto refute = [](Obligation &o, std::optional<std::string> found) {
    if (!found)
      return;
    o.verdict = Verdict::Refuted;
    o.detail = std::move(*found);
  };
  Tuple<double> e;
  bool constant = identity(e);
  if (!constant)
    neutral.detail = "an identity is not a constant";
  for (unsigned i = 0; i < kSamples; ++i) {
    auto a = tuple<double>(random), b = tuple<double>(random),
         c = tuple<double>(random);
    if (associative.verdict != Verdict::Refuted)
      refute(associative, notAssociative(a, b, c));
    if (constant && neutral.verdict != Verdict::Refuted)
      refute(neutral, notNeutral(e, a));
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
  // Z3's numbers for "a0_0" and so on.  Of a value and its exponential, which Z3
  // takes for two variables, `mask` says for each member which one counts.
  auto numbersOf = [&](const std::map<std::string, double> &model, StringRef who,
                       unsigned mask) {
    return tuple<double>([&](unsigned i, int64_t k, bool integer) {
      std::string name = (who + Twine(i) + "_" + Twine(k)).str();
      bool exponential = i < 32 && (mask >> i) & 1;
      auto it = model.find(exponential ? "exp_" + name : name);
      double v = it == model.end() ? 0 : it->second;
      v = exponential ? std::log(v) : v;
      return integer ? std::round(v) : v;
    });
  };
  using Values = std::function<std::optional<std::string>(
      const Tuple<double> &, const Tuple<double> &, const Tuple<double> &)>;
  // Numbers that refute `claim` when the region itself is run on them.  Large ones
  // are no good: what is lost to rounding would look like a difference.
  auto refute = [&](Obligation &o, smt::Term claim, const Values &differs) {
    for (double most : {8.0, 1024.0}) {
      smt::Term outside = context.boolean(false);
      auto within = [&](smt::Term v, double low, double high) {
        outside = context.either(outside, context.less(v, context.number(low)));
        outside = context.either(outside, context.less(context.number(high), v));
      };
      for (const Tuple<Symbol> *t : {&a, &b, &c})
        for (const Tensor<Symbol> &member : *t)
          for (const Symbol &s : member.data) {
            within(*s.plain, -most, most);
            if (s.exponential)
              within(*s.exponential, 1 / most, most);
          }
      std::map<std::string, double> model;
      if (context.prove(context.either(outside, claim), kEffort, &model) !=
          smt::Answer::Invalid)
        continue;
      unsigned members = std::min<size_t>(a.size(), 4);
      for (unsigned mask = 0; mask < (exponentials ? 1u << members : 1u); ++mask)
        if (auto found = differs(numbersOf(model, "a", mask),
                                 numbersOf(model, "b", mask),
                                 numbersOf(model, "c", mask))) {
          o.verdict = Verdict::Refuted;
          o.detail = *found;
          return;
        }
    }
  };
  auto settle = [&](Obligation &o, llvm::Expected<Tuple<Symbol>> x,
                    llvm::Expected<Tuple<Symbol>> y, const Values &differs) {
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
      refute(o, claim, differs);
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
      settle(associative, nestedLeft(combine(a, b), c), nested(a, combine(b, c)),
             [&](auto &x, auto &y, auto &z) { return notAssociative(x, y, z); }))
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
  Values differs = [&](auto &x, auto &, auto &) { return notNeutral(numbers, x); };
  if (settle(neutral, combine(e, a), Tuple<Symbol>(a), differs) &&
      settle(neutral, combine(a, e), Tuple<Symbol>(a), differs))
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
