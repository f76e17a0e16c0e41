//===- SeqRoutingFolds.cpp - Routes that lead nowhere else ----------------===//

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace seqc;

/// The tokens that a combination would read back by the route that sent them out; null
/// where it reads something else.
static Value tokensOf(CombineOp op) {
  auto dispatch = op.getRows().getDefiningOp<DispatchOp>();
  if (!dispatch || op.getInverse() != dispatch.getInverse())
    return {};
  unsigned number = cast<OpResult>(op.getRows()).getResultNumber();
  if (number >= dispatch.getTokens().size())
    return {};
  Value tokens = dispatch.getTokens()[number];
  return tokens.getType() == op.getType() ? tokens : Value();
}

namespace {

/// What was dispatched and comes back by the same route is what it was: of one pick
/// a token, or of the mean of equal rows where that is exact.
struct CombineOfDispatch : OpRewritePattern<CombineOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CombineOp op, PatternRewriter &rewriter) const override {
    Value tokens = tokensOf(op);
    if (!tokens || op.getWeights() ||
        op.getRows().getDefiningOp<DispatchOp>().getCapacity())
      return failure();
    uint64_t picks = shapeOf(op.getInverse().getType()).back();
    if (picks != 1 && !(op.getMean() && llvm::isPowerOf2_64(picks)))
      return failure();
    rewriter.replaceOp(op, tokens);
    return success();
  }
};

/// Rows that only come back by the route that they went are their token: it is weighted
/// by the sum over its slots that are kept, and no rows are made.
struct WeighTokens : OpRewritePattern<CombineOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CombineOp op, PatternRewriter &rewriter) const override {
    Value tokens = tokensOf(op);
    if (!tokens || !op.getRows().hasOneUse())
      return failure();
    Location loc = op.getLoc();
    MLIRContext *context = rewriter.getContext();
    ArrayRef<int64_t> slots = shapeOf(op.getInverse().getType());
    unsigned lead = slots.size() - 1, rank = shapeOf(op.getType()).size();
    Type stored = elementOf(op.getType());
    Type element = stored.isF64() ? stored : rewriter.getF32Type();
    SmallVector<OpFoldResult> sizes;
    for (unsigned d = 0; d < rank; ++d)
      sizes.push_back(tensor::getMixedSize(rewriter, loc, tokens, d));
    auto kinds = [](unsigned parallel, unsigned reduction) {
      SmallVector<utils::IteratorType> kinds(parallel, utils::IteratorType::parallel);
      kinds.append(reduction, utils::IteratorType::reduction);
      return kinds;
    };
    auto widen = [&](OpBuilder &b, Value x) -> Value {
      if (x.getType() == element)
        return x;
      unsigned from = x.getType().getIntOrFloatBitWidth();
      if (from < element.getIntOrFloatBitWidth())
        return arith::ExtFOp::create(b, loc, element, x);
      return arith::TruncFOp::create(b, loc, element, x);
    };
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(element));
    Value one = arith::ConstantOp::create(rewriter, loc, rewriter.getFloatAttr(element, 1));
    Value none = arith::ConstantIntOp::create(rewriter, loc, rewriter.getI32Type(), 0);
    // Over the slots of a token that are kept: their weights, or how many they are.
    ArrayRef<OpFoldResult> tokenSizes = ArrayRef(sizes).take_front(lead);
    AffineMap slot = rewriter.getMultiDimIdentityMap(lead + 1);
    AffineMap token = slot.dropResult(lead);
    auto sum = [&](Value weights) -> Value {
      Value empty = tensor::EmptyOp::create(rewriter, loc, tokenSizes, element);
      Value start = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
      SmallVector<Value> inputs{op.getInverse()};
      SmallVector<AffineMap> maps{slot};
      if (weights) {
        inputs.push_back(weights);
        maps.push_back(slot);
      }
      maps.push_back(token);
      return linalg::GenericOp::create(
                 rewriter, loc, start.getType(), inputs, start, maps, kinds(lead, 1),
                 [&](OpBuilder &b, Location, ValueRange at) {
                   Value kept = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge,
                                                      at[0], none);
                   Value more = arith::AddFOp::create(b, loc, at.back(),
                                                      weights ? widen(b, at[1]) : one);
                   linalg::YieldOp::create(
                       b, loc,
                       arith::SelectOp::create(b, loc, kept, more, at.back()).getResult());
                 })
          .getResult(0);
    };
    SmallVector<Value> inputs{tokens, sum(op.getWeights())};
    AffineMap whole = rewriter.getMultiDimIdentityMap(rank);
    AffineMap leading = AffineMap::get(rank, 0, whole.getResults().take_front(lead), context);
    SmallVector<AffineMap> maps{whole, leading};
    if (op.getWeights()) {
      inputs.push_back(sum({}));
      maps.push_back(leading);
    }
    maps.push_back(whole);
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, stored);
    auto made = linalg::GenericOp::create(
        rewriter, loc, op.getType(), inputs, empty, maps, kinds(rank, 0),
        [&](OpBuilder &b, Location, ValueRange at) {
          Value x = arith::MulFOp::create(b, loc, widen(b, at[0]), at[1]);
          // A token that no slot keeps gives nothing, whatever it is.
          Value count = at[inputs.size() - 1];
          Value any = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, count, one);
          x = arith::SelectOp::create(b, loc, any, x, zero);
          if (op.getMean())
            x = arith::DivFOp::create(b, loc, x,
                                      arith::MaximumFOp::create(b, loc, count, one));
          if (stored != element)
            x = arith::TruncFOp::create(b, loc, stored, x);
          linalg::YieldOp::create(b, loc, x);
        });
    rewriter.replaceOp(op, made.getResult(0));
    return success();
  }
};

/// Rows that nothing reads are not made.
struct DropTokens : OpRewritePattern<DispatchOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DispatchOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> tokens;
    SmallVector<Type> types;
    for (auto [from, packed] : llvm::zip(op.getTokens(), op.getPacked()))
      if (!packed.use_empty()) {
        tokens.push_back(from);
        types.push_back(packed.getType());
      }
    if (tokens.size() == op.getTokens().size())
      return failure();
    ValueRange rest = op->getResults().drop_front(op.getPacked().size());
    llvm::append_range(types, rest.getTypes());
    OperationState state(op.getLoc(), DispatchOp::getOperationName());
    state.addOperands(op.getPicks());
    state.addOperands(tokens);
    state.addTypes(types);
    state.addAttribute(op.getExpertsAttrName(), op.getExpertsAttr());
    if (op.getCapacityAttr())
      state.addAttribute(op.getCapacityAttrName(), op.getCapacityAttr());
    Operation *made = rewriter.create(state);
    unsigned next = 0;
    for (auto [i, result] : llvm::enumerate(op->getResults()))
      if (i >= op.getPacked().size() || !result.use_empty())
        rewriter.replaceAllUsesWith(result, made->getResult(next++));
    rewriter.eraseOp(op);
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
  patterns.add<CombineOfDispatch, WeighTokens>(context);
}

void DispatchOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                             MLIRContext *context) {
  patterns.add<DispatchToOne, DropTokens>(context);
}
