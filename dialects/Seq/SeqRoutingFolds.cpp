//===- SeqRoutingFolds.cpp - Routes that lead nowhere else ----------------===//

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace seqc;

namespace {

/// What was dispatched and comes back by the same route is what it was: of one pick
/// a token, or of the mean of equal rows where that is exact.
struct CombineOfDispatch : OpRewritePattern<CombineOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CombineOp op, PatternRewriter &rewriter) const override {
    auto dispatch = op.getRows().getDefiningOp<DispatchOp>();
    if (!dispatch || op.getInverse() != dispatch.getInverse() || op.getWeights() ||
        dispatch.getCapacity())
      return failure();
    uint64_t picks = shapeOf(op.getInverse().getType()).back();
    if (picks != 1 && !(op.getMean() && llvm::isPowerOf2_64(picks)))
      return failure();
    unsigned number = cast<OpResult>(op.getRows()).getResultNumber();
    if (number >= dispatch.getTokens().size())
      return failure();
    Value tokens = dispatch.getTokens()[number];
    if (tokens.getType() != op.getType())
      return failure();
    rewriter.replaceOp(op, tokens);
    return success();
  }
};

/// Tokens that all go to one expert keep their order.
struct DispatchToOne : OpRewritePattern<DispatchOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DispatchOp op, PatternRewriter &rewriter) const override {
    ArrayRef<int64_t> picks = shapeOf(op.getPicks().getType());
    auto from = op.getPicks().getDefiningOp<arith::ConstantOp>();
    auto constant = from ? dyn_cast<DenseIntElementsAttr>(from.getValue())
                         : DenseIntElementsAttr();
    bool used = llvm::any_of(op.getPacked(), [](Value v) { return !v.use_empty(); });
    if (!used || op.getCapacity() || picks.back() != 1 ||
        !constant || !constant.isSplat())
      return failure();
    APInt expert = constant.getSplatValue<APInt>();
    if (expert.isNegative() || expert.uge(op.getExperts()))
      return failure();
    for (auto [tokens, packed] : llvm::zip(op.getTokens(), op.getPacked())) {
      Value rows = tokens;
      if (picks.size() == 3) {
        SmallVector<ReassociationIndices> groups{{0, 1}};
        for (int64_t d = 2, e = shapeOf(tokens.getType()).size(); d < e; ++d)
          groups.push_back({d});
        rows = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), tokens, groups);
      }
      if (rows.getType() != packed.getType())
        rows = tensor::CastOp::create(rewriter, op.getLoc(), packed.getType(), rows);
      rewriter.replaceAllUsesWith(packed, rows);
    }
    return success();
  }
};

} // namespace

void CombineOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<CombineOfDispatch>(context);
}

void DispatchOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<DispatchToOne>(context);
}
