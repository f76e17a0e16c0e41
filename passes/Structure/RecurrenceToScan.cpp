//===- RecurrenceToScan.cpp - Elementwise affine recurrences to scans ----===//

#include "Conversion.h"

#include "seqc/passes/Structure/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_RECURRENCETOSCAN
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using conversion::Conversion;
using conversion::Target;

namespace {
struct RecurrenceToScan : seqc::impl::RecurrenceToScanBase<RecurrenceToScan> {
  using RecurrenceToScanBase::RecurrenceToScanBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    for (RecurrenceOp op : ops) {
      if (op.getCarries().empty() || conversion::isStep(op))
        continue;
      auto form = op->getAttrOfType<StringAttr>("seqc.form");
      if (selected && (!form || form.getValue() != "scan"))
        continue;
      auto isTensor = [](Value arg) { return isa<ShapedType>(arg.getType()); };
      if (scalars && llvm::any_of(op.getCarryArgs(), isTensor))
        continue;
      OpBuilder b(op);
      Location loc = op.getLoc();
      auto reason = Conversion(op, b, Target::Scan).run();
      if (!reason)
        continue;
      if (force) {
        emitError(loc) << "the recurrence has no scan form: " << *reason;
        return signalPassFailure();
      }
      if (remarks)
        emitRemark(loc) << "stays a recurrence: " << *reason;
    }
  }
};
} // namespace
