//===- SelectForm.cpp - The form expected to be fastest -------------------===//

#include "seqc/lib/Structure/Select.h"
#include "seqc/lib/Target/Machine.h"
#include "seqc/passes/Structure/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace seqc {
#define GEN_PASS_DEF_SELECTFORM
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct SelectForm : seqc::impl::SelectFormBase<SelectForm> {
  using SelectFormBase::SelectFormBase;
  void runOnOperation() override {
    auto described = target::machineFor(machine, lanes);
    if (!described) {
      getOperation()->emitError(llvm::toString(described.takeError()));
      return signalPassFailure();
    }
    CpuMachine cpu = machineOf(described->cpu, cores, lanes, narrow);
    Builder b(&getContext());
    getOperation()->walk([&](RecurrenceOp op) {
      if (op.getCarries().empty() || op.getChunk())
        return;
      structure::FormTable table = structure::estimateForms(op, cpu);
      op->setAttr("seqc.form", b.getStringAttr(structure::kindName(
                                   table.forms[table.chosen].kind)));
      if (table.parts)
        op->setAttr("seqc.parts",
                    b.getDenseI64ArrayAttr({table.parts->parts, table.parts->sequences,
                                            table.parts->tokens}));
    });
  }
};
} // namespace
