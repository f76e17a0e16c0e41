//===- CheckForms.cpp - What is not proved is not used --------------------===//

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/passes/Pipelines/Passes.h"
#include "seqc/passes/Pipelines/Proofs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace seqc {
#define GEN_PASS_DEF_CHECKFORMS
#include "seqc/passes/Pipelines/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using proof::Verdict;

namespace {
struct CheckForms : seqc::impl::CheckFormsBase<CheckForms> {
  using CheckFormsBase::CheckFormsBase;
  void runOnOperation() override {
    auto asked = parseForm(form);
    if (!asked) {
      getOperation()->emitError(llvm::toString(asked.takeError()));
      return signalPassFailure();
    }
    SmallVector<RecurrenceOp> ops;
    getOperation()->walk([&](RecurrenceOp op) {
      auto func = op->getParentOfType<func::FuncOp>();
      if (!op.getCarries().empty() && !op.getChunk() && !(func && func->hasAttr("seqc.step")))
        ops.push_back(op);
    });
    for (RecurrenceOp op : ops)
      if (!(*asked == Form::Auto ? check(op) : check(op, *asked)))
        return signalPassFailure();
  }

private:
  CompileOptions optionsOf(Form form, int64_t parts = 1) {
    CompileOptions options;
    options.form = form;
    options.packed = packed;
    options.split = parts;
    return options;
  }

  /// A form that was chosen.
  bool check(RecurrenceOp op) {
    Builder b(&getContext());
    auto mark = op->getAttrOfType<StringAttr>("seqc.form");
    if (mark && mark.getValue() != "sequential") {
      Form chosen = mark.getValue() == "scan" ? Form::Scan
                    : tiles                   ? Form::Canonical
                                              : Form::Chunked;
      auto o = proveForm(op, optionsOf(chosen));
      if (o && o->verdict != Verdict::Proved) {
        op->setAttr("seqc.form", b.getStringAttr("sequential"));
        op->removeAttr("seqc.parts");
        emitRemark(op.getLoc())
            << "runs one token after the other, though the " << mark.getValue()
            << " form is expected to be faster: not proved: " << o->claim << ": "
            << o->detail;
      }
    }
    if (op->hasAttr("seqc.parts")) {
      auto o = proveForm(op, optionsOf(Form::Canonical, 2));
      if (o && o->verdict != Verdict::Proved) {
        op->removeAttr("seqc.parts");
        emitRemark(op.getLoc()) << "does not run in parts: not proved: " << o->claim
                                << ": " << o->detail;
      }
    }
    return true;
  }

  /// A form that was asked for.
  bool check(RecurrenceOp op, Form form) {
    if (form == Form::Sequential)
      return true;
    auto o = proveForm(op, optionsOf(form));
    if (!o || o->verdict == Verdict::Proved)
      return true;
    if (o->verdict == Verdict::Refuted) {
      emitError(op.getLoc()) << "refuted: " << o->claim << ": " << o->detail;
      return false;
    }
    emitWarning(op.getLoc()) << formName(form) << " as asked for, but not proved: "
                             << o->claim << ": " << o->detail;
    return true;
  }
};
} // namespace
