//===- DeriveStructure.cpp - Classes as attributes ------------------------===//

#include "seqc/lib/Structure/Structure.h"
#include "seqc/passes/Structure/Passes.h"

#include "llvm/ADT/StringExtras.h"

namespace seqc {
#define GEN_PASS_DEF_DERIVESTRUCTURE
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct DeriveStructure : seqc::impl::DeriveStructureBase<DeriveStructure> {
  using DeriveStructureBase::DeriveStructureBase;
  void runOnOperation() override {
    getOperation()->walk([&](RecurrenceOp op) {
      structure::Structure derived = structure::analyze(op);
      SmallVector<Attribute> labels, factors;
      for (const structure::Component &component : derived.components) {
        std::string carries;
        for (unsigned c : component.carries)
          carries += (carries.empty() ? "" : ",") + std::to_string(c);
        labels.push_back(StringAttr::get(&getContext(),
                                         carries + ": " + component.label()));
        factors.push_back(StringAttr::get(&getContext(),
                                          structure::normalFactors(op, component)));
      }
      op->setAttr("seqc.structure", ArrayAttr::get(&getContext(), labels));
      op->setAttr("seqc.factors", ArrayAttr::get(&getContext(), factors));
      if (remarks)
        op.emitRemark() << StringRef(structure::describe(op, derived)).rtrim();
    });
  }
};
} // namespace
