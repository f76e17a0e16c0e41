//===- RecurrenceToLinear.cpp - Recurrences to their canonical form ------===//

#include "Conversion.h"

#include "seqc/passes/Structure/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_RECURRENCETOLINEAR
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using conversion::Conversion;
using conversion::Target;

namespace {
struct RecurrenceToLinear
    : seqc::impl::RecurrenceToLinearBase<RecurrenceToLinear> {
  using RecurrenceToLinearBase::RecurrenceToLinearBase;
  void runOnOperation() override {
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) { ops.push_back(op); });
    // Scans as they are written, with no recurrence beside them that has a state.
    auto isStateless = [](RecurrenceOp op) { return op.getCarries().empty(); };
    if (force && llvm::all_of(ops, isStateless))
      getOperation()->walk([&](ScanOp op) {
        emitError(op.getLoc()) << "the scan has no chunked form: it is combined as it "
                                  "is written, with no step to make chunks of";
        signalPassFailure();
      });
    for (RecurrenceOp op : ops) {
      if (conversion::isStep(op))
        continue;
      auto form = op->getAttrOfType<StringAttr>("seqc.form");
      if (selected && (!form || form.getValue() != "chunked") &&
          !op->hasAttr("seqc.parts"))
        continue;
      OpBuilder b(op);
      Location loc = op.getLoc();
      bool state = !op.getCarries().empty();
      conversion::orientStates(op);
      auto reason = Conversion(op, b, scans ? Target::LinearAndScan : Target::Linear,
                               /*constants=*/!selected ||
                                   (form && form.getValue() == "chunked"))
                        .run();
      if (reason && force && state) {
        emitError(loc) << "the recurrence has no chunked form: " << *reason;
        return signalPassFailure();
      }
      if (reason && remarks)
        emitRemark(loc) << "stays a recurrence: " << *reason;
    }
  }
};
} // namespace
