//===- Work.cpp - Operations and bytes that a program needs ---------------===//

#include "seqc/lib/Cost/Work.h"

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace seqc;

int64_t seqc::elementsOf(Type type) {
  int64_t n = 1;
  for (int64_t size : seqc::shapeOf(type))
    n *= size;
  return n;
}

/// Index points of an einsum times the operations at each.
static int64_t operationsOf(EinsumOp op) {
  llvm::DenseMap<char, int64_t> extent;
  for (auto [term, operand] : llvm::zip(op.getTerms(), op.getOperands()))
    for (auto [letter, size] : llvm::zip(term, seqc::shapeOf(operand.getType())))
      extent[letter] = size;
  int64_t points = 1;
  for (auto &[letter, size] : extent)
    points *= size;
  return points * (int64_t(op.getOperands().size()) - 1 + op.isContraction());
}

Work seqc::workOf(Region &step) {
  Work work;
  for (Operation &op : step.front().without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      work.operations += operationsOf(einsum);
    } else if (auto reduce = dyn_cast<ReduceOp>(op)) {
      work.operations += elementsOf(reduce.getInput().getType());
    } else if (op.getNumResults() == 1 &&
               op.hasTrait<OpTrait::Elementwise>() &&
               isa<FloatType>(elementOf(op.getResult(0).getType()))) {
      bool function = op.getName().getDialectNamespace() == "math";
      (function ? work.functions : work.operations) +=
          elementsOf(op.getResult(0).getType());
    }
  }
  return work;
}

Floor seqc::floorOf(double bytes, double operations, const Ceilings &ceilings) {
  return {bytes / ceilings.copyBandwidth, operations / ceilings.operations};
}
