//===- ScanToRecurrence.cpp - Scans become sequential recurrences ---------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "ScanForm.h"
#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/IRMapping.h"

namespace seqc {
#define GEN_PASS_DEF_SCANTORECURRENCE
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

static void convert(ScanOp scan) {
  OpBuilder b(scan);
  Location loc = scan.getLoc();
  unsigned n = scan.getSeq().size();
  AxesAttr none = AxesAttr::get(b.getContext(), {}, {});
  SmallVector<Attribute> noMaps(n, none);
  bool initials = !scan.getInitials().empty();
  SmallVector<Type> types(llvm::map_range(
      scan.getOuts(), [](Value v) { return v.getType(); }));
  // Totals: the running prefix after the last token.  A recurrence always has
  // final states; without `final` nobody uses them.
  auto stateType = [&](unsigned i) -> Type {
    if (scan.getFinal())
      return scan.getFinals()[i].getType();
    Type element = scan.getLeftArgs()[i].getType();
    SmallVector<int64_t> shape(scan.getCarryAxes().size(), ShapedType::kDynamic);
    llvm::append_range(shape, shapeOf(element));
    return RankedTensorType::get(shape, elementOf(element));
  };
  for (unsigned i = 0; i < n; ++i)
    types.push_back(stateType(i));
  SmallVector<Value> restarts;
  if (scan.getResets())
    restarts.assign(scan.getIdentities().begin(), scan.getIdentities().end());
  auto op = RecurrenceOp::create(
      b, loc, types, scan.getSeq(), ValueRange(),
      initials ? ValueRange(scan.getInitials()) : ValueRange(scan.getIdentities()),
      restarts, scan.getSegments(), scan.getResets(), scan.getSeqMaps(),
      b.getArrayAttr({}),
      initials ? scan.getInitialMaps() : b.getArrayAttr(noMaps),
      restarts.empty() ? b.getArrayAttr({}) : b.getArrayAttr(noMaps),
      scan.getSegmentsMapAttr(), scan.getResetsMapAttr(), scan.getOutMaps(),
      b.getDenseI64ArrayAttr({}), UnitAttr(), UnitAttr(), scan.getReverseAttr(),
      IntegerAttr());
  SmallVector<Type> args;
  for (Value right : scan.getRightArgs())
    args.push_back(right.getType());
  for (Value left : scan.getLeftArgs())
    args.push_back(left.getType());
  Block *step = b.createBlock(&op.getStep(), {}, args,
                              SmallVector<Location>(args.size(), loc));
  IRMapping mapping;
  for (unsigned i = 0; i < n; ++i) {
    mapping.map(scan.getRightArgs()[i], step->getArgument(i));
    mapping.map(scan.getLeftArgs()[i], step->getArgument(n + i));
  }
  for (Operation &inner : scan.getCombine().front().without_terminator())
    b.clone(inner, mapping);
  SmallVector<Value> next, before;
  for (unsigned i = 0; i < n; ++i) {
    next.push_back(mapping.lookupOrDefault(scan.getYield().getOuts()[i]));
    before.push_back(step->getArgument(n + i));
  }
  YieldOp::create(b, loc, scan.getExclusive() ? before : next, next);
  for (unsigned i = 0; i < n; ++i) {
    scan.getOuts()[i].replaceAllUsesWith(op.getOuts()[i]);
    if (scan.getFinal())
      scan.getFinals()[i].replaceAllUsesWith(op.getFinals()[i]);
  }
  scan.erase();
}

namespace {
struct ScanToRecurrence : seqc::impl::ScanToRecurrenceBase<ScanToRecurrence> {
  using ScanToRecurrenceBase::ScanToRecurrenceBase;
  void runOnOperation() override {
    SmallVector<ScanOp> scans;
    getOperation()->walk([&](ScanOp scan) { scans.push_back(scan); });
    for (ScanOp scan : scans)
      if (unproved ? scan->hasAttr("seqc.unproved")
                   : all || !cpu::hasBlockedForm(scan))
        convert(scan);
  }
};
} // namespace
