//===- Acme.cpp - A dialect outside of seqc that lowers to it -------------===//

#include "Acme.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

#include "Acme-dialect-defs.inc"
#define GET_OP_CLASSES
#include "Acme-op-defs.inc"

void acme::AcmeDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "Acme-op-defs.inc"
      >();
}

static void lower(acme::EmaOp ema) {
  OpBuilder b(ema);
  Location loc = ema.getLoc();
  auto axes = [&](ArrayRef<StringRef> names) {
    SmallVector<StringAttr> attrs;
    for (StringRef name : names)
      attrs.push_back(b.getStringAttr(name));
    return seqc::AxesAttr::get(b.getContext(), attrs,
                               SmallVector<int64_t>(names.size(), 1));
  };
  auto sequence = axes({"b", "t"}), none = axes({});
  Type f32 = b.getF32Type();
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  auto recurrence = seqc::RecurrenceOp::create(
      b, loc,
      TypeRange{ema.getType(), RankedTensorType::get({ShapedType::kDynamic}, f32)},
      ema.getX(), ValueRange(), zero, ValueRange(), Value(), Value(),
      b.getArrayAttr(sequence), b.getArrayAttr({}), b.getArrayAttr(none),
      b.getArrayAttr({}), seqc::AxesAttr(), seqc::AxesAttr(),
      b.getArrayAttr(sequence), b.getDenseI64ArrayAttr({}), UnitAttr(), UnitAttr(),
      UnitAttr(), IntegerAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *step = b.createBlock(&recurrence.getStep(), {}, {f32, f32}, {loc, loc});
  auto constant = [&](float v) -> Value {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v));
  };
  float decay = ema.getDecay().convertToFloat();
  Value kept = arith::MulFOp::create(b, loc, constant(decay), step->getArgument(1));
  Value in = arith::MulFOp::create(b, loc, constant(1 - decay), step->getArgument(0));
  Value next = arith::AddFOp::create(b, loc, kept, in);
  seqc::YieldOp::create(b, loc, next, next);
  ema.replaceAllUsesWith(recurrence.getResult(0));
  ema.erase();
}

void acme::lowerEma(Operation *root) {
  SmallVector<EmaOp> ops;
  root->walk([&](EmaOp ema) { ops.push_back(ema); });
  for (EmaOp ema : ops)
    lower(ema);
}

namespace {
struct EmaToSeqc : PassWrapper<EmaToSeqc, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmaToSeqc)
  StringRef getArgument() const override { return "acme-ema-to-seqc"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<seqc::SeqDialect, arith::ArithDialect>();
  }
  void runOnOperation() override { acme::lowerEma(getOperation()); }
};
} // namespace

void acme::registerPasses() { PassRegistration<EmaToSeqc>(); }
