//===- ExpandToCasts.cpp - Split dimensions of several unknown sizes ------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace seqc {
#define GEN_PASS_DEF_EXPANDTOCASTS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

static OpFoldResult product(OpBuilder &b, Location loc, OpFoldResult x, OpFoldResult y) {
  auto xs = getConstantIntValue(x), ys = getConstantIntValue(y);
  if (xs && ys)
    return b.getIndexAttr(*xs * *ys);
  return arith::MulIOp::create(b, loc, getValueOrCreateConstantIndexOp(b, loc, x),
                               getValueOrCreateConstantIndexOp(b, loc, y))
      .getResult();
}

static bool hasWideGroup(memref::ExpandShapeOp op) {
  MemRefType type = op.getResultType();
  return llvm::any_of(op.getReassociationIndices(), [&](const auto &group) {
    return llvm::count_if(group, [&](int64_t d) { return type.isDynamicDim(d); }) > 1;
  });
}

namespace {
struct ExpandToCasts : seqc::impl::ExpandToCastsBase<ExpandToCasts> {
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> ops;
    getOperation()->walk([&](memref::ExpandShapeOp op) {
      if (hasWideGroup(op))
        ops.push_back(op);
    });
    for (memref::ExpandShapeOp op : ops) {
      OpBuilder b(op);
      Location loc = op.getLoc();
      MemRefType type = op.getResultType();
      auto source = memref::ExtractStridedMetadataOp::create(b, loc, op.getSrc());
      SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
      SmallVector<OpFoldResult> strides(sizes.size());
      SmallVector<OpFoldResult> outer = source.getConstifiedMixedStrides();
      for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
        OpFoldResult stride = outer[i];
        for (int64_t d : llvm::reverse(group)) {
          strides[d] = stride;
          stride = product(b, loc, stride, sizes[d]);
        }
      }
      // The type says which numbers are known.
      SmallVector<int64_t> known;
      int64_t offset;
      (void)type.getStridesAndOffset(known, offset);
      for (auto [stride, number] : llvm::zip(strides, known))
        stride = ShapedType::isDynamic(number)
                     ? OpFoldResult(getValueOrCreateConstantIndexOp(b, loc, stride))
                     : OpFoldResult(b.getIndexAttr(number));
      OpFoldResult start = ShapedType::isDynamic(offset) ? OpFoldResult(source.getOffset())
                                                         : b.getIndexAttr(offset);
      Value cast = memref::ReinterpretCastOp::create(b, loc, type, source.getBaseBuffer(),
                                                     start, sizes, strides);
      op.getResult().replaceAllUsesWith(cast);
      op.erase();
    }
  }
};
} // namespace
