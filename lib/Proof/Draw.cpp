//===- Draw.cpp - Numbers in place of inputs of polynomials ---------------===//

#include "Random.h"

#include "seqc/lib/Proof/Equivalence.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::proof;

/// True for operations whose results are polynomials, or quotients of polynomials, of
/// their operands, or the operands' elements.
static bool isRational(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getKind() == ReduceKind::add;
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp,
             arith::ExtFOp, arith::TruncFOp, math::FmaOp, EinsumOp, tensor::SplatOp,
             tensor::ExtractOp, tensor::ExtractSliceOp, tensor::InsertSliceOp,
             tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
             func::ReturnOp>(op);
}

/// True if every value that depends on `input` is a rational function of it.
static bool isRationalIn(Value input) {
  llvm::SetVector<Value> reached;
  reached.insert(input);
  for (size_t i = 0; i < reached.size(); ++i)
    for (OpOperand &use : reached[i].getUses()) {
      Operation *op = use.getOwner();
      if (auto yield = dyn_cast<YieldOp>(op)) {
        auto recurrence = dyn_cast<RecurrenceOp>(yield->getParentOp());
        if (!recurrence)
          return false;
        for (auto [out, result] : llvm::zip(yield.getOuts(), recurrence.getOuts()))
          if (out == use.get())
            reached.insert(result);
        for (auto [next, carry, final] :
             llvm::zip(yield.getCarries(), recurrence.getCarryArgs(),
                       recurrence.getFinals()))
          if (next == use.get()) {
            reached.insert(carry);
            reached.insert(final);
          }
        for (auto [k, snapshot] : llvm::enumerate(recurrence.getSnapshotArgs()))
          if (yield.getCarries()[recurrence.getSnapshots()[2 * k]] == use.get())
            reached.insert(snapshot);
        continue;
      }
      if (auto recurrence = dyn_cast<RecurrenceOp>(op)) {
        auto operands = [&](ValueRange values, ValueRange args) {
          for (auto [value, arg] : llvm::zip(values, args))
            if (value == use.get())
              reached.insert(arg);
        };
        if (llvm::is_contained(recurrence.getRestarts(), use.get()) ||
            use.get() == recurrence.getSegments() || use.get() == recurrence.getResets())
          return false;
        operands(recurrence.getSeq(), recurrence.getSeqArgs());
        operands(recurrence.getWeights(), recurrence.getWeightArgs());
        operands(recurrence.getCarries(), recurrence.getCarryArgs());
        operands(recurrence.getCarries(), recurrence.getFinals());
        for (auto [k, snapshot] : llvm::enumerate(recurrence.getSnapshotArgs()))
          if (recurrence.getCarries()[recurrence.getSnapshots()[2 * k]] == use.get())
            reached.insert(snapshot);
        continue;
      }
      if (!isRational(op))
        return false;
      for (Value result : op->getResults())
        reached.insert(result);
    }
  return true;
}

bool seqc::proof::drawInputs(func::FuncOp func, std::vector<Input> &inputs) {
  // Fixed; 2^52 values, so that a polynomial of degree d that is not zero is zero at
  // a point with a probability of at most d / 2^52 (Schwartz, Zippel).
  Random random;
  bool any = false;
  for (auto [argument, input] : llvm::zip(func.getArguments(), inputs)) {
    if (input.numbers || std::isfinite(input.range.low) ||
        std::isfinite(input.range.high) || !isRationalIn(argument))
      continue;
    int64_t n = 1;
    for (int64_t size : input.shape)
      n *= size;
    std::vector<double> numbers;
    for (int64_t i = 0; i < n; ++i)
      numbers.push_back(double(int64_t(random.next() >> 12)) - 0x1p51);
    input.numbers = std::move(numbers);
    any = true;
  }
  return any;
}
