//===- VersionParts.cpp - A second version of functions, in parts ---------===//

#include "seqc/lib/Structure/Select.h"
#include "seqc/passes/Structure/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace seqc {
#define GEN_PASS_DEF_VERSIONPARTS
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

/// The dimension as the numbers of an argument and of its dimension, or null.
static Attribute argumentDimension(Builder &b, std::pair<Value, int64_t> size) {
  Value v = size.first;
  while (auto cast = v ? v.getDefiningOp<tensor::CastOp>() : tensor::CastOp())
    v = cast.getSource();
  auto arg = dyn_cast_or_null<BlockArgument>(v);
  if (!arg || !isa<func::FuncOp>(arg.getOwner()->getParentOp()))
    return {};
  return b.getDenseI64ArrayAttr({arg.getArgNumber(), size.second});
}

/// For which calls the recurrence is to run in parts, or null.
static Attribute callsOf(Builder &b, RecurrenceOp op) {
  auto rule = op->getAttrOfType<DenseI64ArrayAttr>("seqc.parts");
  structure::SequenceSizes sizes = structure::sizesOf(op);
  SmallVector<Attribute> sequences;
  for (auto size : sizes.sequences)
    sequences.push_back(argumentDimension(b, size));
  Attribute tokens = argumentDimension(b, sizes.tokens);
  if (!tokens || llvm::is_contained(sequences, Attribute()) ||
      sequences.size() != op.getCarryAxes().size())
    return {};
  return b.getDictionaryAttr({
      b.getNamedAttr("sequences", b.getArrayAttr(sequences)),
      b.getNamedAttr("at_most", b.getI64IntegerAttr(rule[1])),
      b.getNamedAttr("tokens", tokens),
      b.getNamedAttr("at_least", b.getI64IntegerAttr(rule[2])),
  });
}

namespace {
struct VersionParts : seqc::impl::VersionPartsBase<VersionParts> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder b(&getContext());
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp func : functions) {
      SmallVector<Attribute> calls;
      int64_t parts = 0;
      std::string name = (func.getName() + "__parts").str();
      bool versions = func.isPublic() && !func->hasAttr("seqc.step") &&
                      !module.lookupSymbol(name);
      SmallVector<RecurrenceOp> marked;
      func.walk([&](RecurrenceOp op) {
        auto rule = op->getAttrOfType<DenseI64ArrayAttr>("seqc.parts");
        if (!rule)
          return;
        Attribute when = versions ? callsOf(b, op) : Attribute();
        if (!when) {
          op->removeAttr("seqc.parts");
          return;
        }
        if (!llvm::is_contained(calls, when))
          calls.push_back(when);
        parts = std::max(parts, rule[0]);
        marked.push_back(op);
      });
      if (marked.empty())
        continue;
      auto second = cast<func::FuncOp>(func->clone());
      second.setName(name);
      second->removeAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName());
      second->setAttr("seqc.parts", b.getI64IntegerAttr(parts));
      module.push_back(second);
      for (RecurrenceOp op : marked)
        op->removeAttr("seqc.parts");
      func->setAttr("seqc.version",
                    b.getDictionaryAttr(
                        {b.getNamedAttr("function", FlatSymbolRefAttr::get(second)),
                         b.getNamedAttr("calls", b.getArrayAttr(calls))}));
    }
  }
};
} // namespace
