//===- SelectForm.cpp - The form expected to be fastest -------------------===//

#include "seqc/lib/Structure/Select.h"
#include "seqc/passes/Structure/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_SELECTFORM
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct SelectForm : seqc::impl::SelectFormBase<SelectForm> {
  void runOnOperation() override {
    getOperation()->walk([&](RecurrenceOp op) {
      if (op.getCarries().empty() || op.getChunk())
        return;
      op->setAttr("seqc.form",
                  StringAttr::get(&getContext(), structure::prefersChunks(op)
                                                     ? "chunked"
                                                     : "sequential"));
    });
  }
};
} // namespace
