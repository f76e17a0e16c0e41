//===- Distribution.cpp - A step's values over a block's threads ----------===//

#include "Distribution.h"

#include "../Steps/StepPlan.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

//===----------------------------------------------------------------------===//
// What it says
//===----------------------------------------------------------------------===//

int64_t Distribution::blocks() const {
  int64_t n = 1;
  for (const FeatureAxis &axis : axes)
    n *= axis.blocks;
  return n;
}

int64_t Distribution::warps() const {
  int64_t n = 1;
  for (const FeatureAxis &axis : axes)
    n *= axis.warps;
  return n;
}

int64_t Distribution::lanes() const {
  int64_t n = 1;
  for (const FeatureAxis &axis : axes)
    n *= axis.lanes;
  return n;
}

int64_t Distribution::held(Value value) const {
  int64_t n = 1;
  auto it = dims.find(value);
  if (it != dims.end())
    for (unsigned axis : it->second)
      n *= axes[axis].held;
  return n;
}

std::string Distribution::describe() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (axis.size == 1)
      continue;
    os << (text.empty() ? "" : "; ") << axis.size << " = " << axis.held
       << " held";
    for (auto [n, name] : {std::make_pair(axis.lanes, "lanes"),
                           {axis.warps, "warps"}, {axis.blocks, "blocks"}})
      if (n != 1)
        os << " x " << n << " " << name;
  }
  return text;
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

namespace {

/// A large GPU: multiprocessors, and warps that one of them runs in a cycle.
constexpr double processors = 132, schedulers = 4;
/// Registers for what lives as long as the kernel, and for one token besides.
constexpr int64_t lastingRegisters = 80, allRegisters = 144;
/// Sequences that run at once, typically: few long ones, or many single tokens.
constexpr double longSequences = 64, singleTokens = 4096;
constexpr int64_t mostWarps = 8, mostWarpsTogether = 16;
/// Cycles of a shuffle with what it feeds, and of a barrier.
constexpr double shuffleCycles = 26, barrierCycles = 60;

int64_t registersOf(Value value) {
  return elementOf(value.getType()).isF64() ? 2 : 1;
}

bool isCostly(Operation *op) {
  return isa<arith::DivFOp, arith::RemFOp>(op) ||
         (isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
          !isa<math::AbsFOp, math::FmaOp, math::CopySignOp>(op));
}

class Choice {
public:
  Choice(RecurrenceOp op, Distribution &d, bool oneToken)
      : op(op), d(d), oneToken(oneToken) {}
  bool run();

private:
  void lanesFrom(unsigned axis, int64_t left);
  void warpsFrom(unsigned axis, int64_t left);
  void consider();
  /// Estimated cycles a token, or nothing if registers do not suffice.
  std::optional<double> cost();

  RecurrenceOp op;
  Distribution &d;
  bool oneToken;
  std::optional<double> best;
  SmallVector<FeatureAxis> bestAxes;
};

std::optional<double> Choice::cost() {
  auto lanesOf = [&](ArrayRef<unsigned> axes) {
    int64_t n = 1;
    for (unsigned axis : axes)
      n *= d.axes[axis].lanes;
    return n;
  };
  double work = 0, chain = 0;
  int64_t lasting = 0, passing = 0;
  for (Value arg : op.getCarryArgs())
    lasting += d.held(arg) * registersOf(arg);
  for (Value arg : op.getSnapshotArgs())
    lasting += d.held(arg) * registersOf(arg);
  double staged = 0;
  for (Value arg : op.getSeqArgs()) {
    int64_t vector = 1, inBlock = 1;
    for (unsigned axis : d.dims.lookup(arg)) {
      vector = d.axes[axis].vector;
      inBlock *= d.axes[axis].perBlock();
    }
    work += 2.0 * d.held(arg) / vector;
    passing += d.held(arg) * registersOf(arg);
    staged += inBlock;
  }
  work += 8 * staged / 4 / d.threads();
  for (Operation &inner : op.getStep().front().without_terminator()) {
    if (inner.hasTrait<OpTrait::ConstantLike>())
      continue;
    Value result = inner.getResult(0);
    if (d.invariant.contains(result)) {
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return user->getNumResults() == 0 ||
                   !d.invariant.contains(user->getResult(0));
          }))
        lasting += d.held(result) * registersOf(result);
      continue;
    }
    for (OpOperand &use : inner.getOpOperands())
      if (d.exchanged.contains(&use))
        chain += barrierCycles;
    if (!isContraction(&inner)) {
      work += d.held(result) * (isCostly(&inner) ? 10 : 1);
      continue;
    }
    passing += d.held(result) * registersOf(result);
    int64_t terms = 1;
    SmallVector<unsigned> summed;
    if (auto einsum = dyn_cast<EinsumOp>(inner)) {
      std::string output = einsum.getOutputTerm();
      for (auto [letter, axis] : d.letters.lookup(&inner)) {
        terms *= d.axes[axis].held;
        if (output.find(letter) == std::string::npos)
          summed.push_back(axis);
      }
    } else {
      auto reduce = cast<ReduceOp>(inner);
      terms = d.held(reduce.getInput());
      summed.push_back(d.dims.lookup(reduce.getInput())[reduce.getAxis()]);
    }
    double levels = llvm::Log2_64(lanesOf(summed));
    work += terms + 2 * levels * d.held(result);
    chain += shuffleCycles * levels + 4.0 * terms / d.held(result);
  }
  for (Value arg : op.getWeightArgs())
    if (llvm::any_of(arg.getUsers(), [&](Operation *user) {
          return user->getNumResults() == 0 ||
                 !d.invariant.contains(user->getResult(0));
        }))
      lasting += d.held(arg) * registersOf(arg);
  if (lasting > lastingRegisters || lasting + passing > allRegisters)
    return std::nullopt;
  if (oneToken) {
    // The states are most of the bytes: pieces of memory that neighbours read
    // together should fill sectors.
    for (Value arg : op.getCarryArgs()) {
      auto dims = d.dims.lookup(arg);
      if (dims.empty())
        continue;
      const FeatureAxis &last = d.axes[dims.back()];
      int64_t bytes = last.lanes * last.vector * registersOf(arg) * 4;
      int64_t whole = std::min<int64_t>(64, last.size * registersOf(arg) * 4);
      work += 4.0 * d.held(arg) / last.vector * std::max<int64_t>(1, whole / bytes);
    }
  }
  double sequences = oneToken ? singleTokens : longSequences;
  double resident = std::ceil(sequences * d.blocks() / processors);
  return chain + work * std::max(1.0, resident * d.warps() / schedulers);
}

void Choice::consider() {
  for (FeatureAxis &axis : d.axes) {
    int64_t vector = axis.whole ? 4 : std::max<int64_t>(1, 16 / std::max<int64_t>(4, axis.bytes));
    while (axis.held % vector || axis.size % vector)
      vector /= 2;
    axis.vector = vector;
  }
  std::optional<double> value = cost();
  if (value && (!best || *value < *best)) {
    best = value;
    bestAxes = d.axes;
  }
}

void Choice::warpsFrom(unsigned number, int64_t left) {
  if (number == d.axes.size()) {
    consider();
    return;
  }
  FeatureAxis &axis = d.axes[number];
  auto rest = [&] {
    return int64_t(llvm::divideCeil(axis.size, axis.lanes * axis.warps));
  };
  if (axis.whole || axis.contracted) {
    axis.warps = axis.blocks = 1;
    axis.held = rest();
    warpsFrom(number + 1, left);
    return;
  }
  for (axis.warps = 1; axis.warps <= left; axis.warps *= 2) {
    axis.blocks = 1;
    axis.held = rest();
    warpsFrom(number + 1, left / axis.warps);
    if (!axis.together)
      for (int64_t held = 1; held < rest() && held <= 16; held *= 2) {
        axis.held = held;
        axis.blocks = llvm::divideCeil(axis.size, axis.lanes * axis.warps * held);
        warpsFrom(number + 1, left / axis.warps);
      }
    if (axis.lanes * axis.warps >= axis.size)
      break;
  }
  axis.warps = axis.blocks = 1;
}

void Choice::lanesFrom(unsigned number, int64_t left) {
  if (number == d.axes.size()) {
    bool together =
        llvm::any_of(d.axes, [](const FeatureAxis &axis) { return axis.together; });
    warpsFrom(0, together ? mostWarpsTogether : mostWarps);
    return;
  }
  FeatureAxis &axis = d.axes[number];
  for (axis.lanes = 1; axis.lanes <= left; axis.lanes *= 2) {
    lanesFrom(number + 1, left / axis.lanes);
    if (axis.whole || axis.lanes >= axis.size)
      break;
  }
  axis.lanes = 1;
}

bool Choice::run() {
  lanesFrom(0, 32);
  if (best)
    d.axes = bestAxes;
  return best.has_value();
}

} // namespace

std::optional<Distribution> kernels::distribute(RecurrenceOp op, bool oneToken,
                                                ArrayRef<bool> inPlace) {
  std::optional<Distribution> found = featureAxes(op);
  if (!found || found->axes.size() > 6)
    return std::nullopt;
  Distribution &result = *found;
  // A state that several blocks hold is not overwritten while one may still
  // read it.
  for (auto [arg, overwritten] : llvm::zip(op.getCarryArgs(), inPlace))
    if (overwritten)
      for (auto [i, axis] : llvm::enumerate(result.axes))
        if (!llvm::is_contained(result.dims.lookup(arg), i))
          axis.together = true;
  // Memory order: that of the largest state.
  Value largest = op.getCarryArgs()[0];
  auto count = [](Value v) {
    int64_t n = 1;
    for (int64_t size : shapeOf(v.getType()))
      n *= size;
    return n;
  };
  for (Value arg : op.getCarryArgs())
    if (count(arg) > count(largest))
      largest = arg;
  for (unsigned axis : llvm::reverse(result.dims.lookup(largest)))
    result.order.push_back(axis);
  for (unsigned axis = 0; axis < result.axes.size(); ++axis)
    if (!llvm::is_contained(result.order, axis))
      result.order.push_back(axis);
  if (!Choice(op, result, oneToken).run())
    return std::nullopt;
  return found;
}
