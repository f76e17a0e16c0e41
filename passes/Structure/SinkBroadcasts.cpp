//===- SinkBroadcasts.cpp - Elementwise work before it is repeated --------===//
//
// exp(splat(g)) is splat(exp(g)): fewer operations, and a factor that varies along
// fewer axes, which is what the classes of recurrences go by.
//
//===----------------------------------------------------------------------===//

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Structure/Affine.h"
#include "seqc/passes/Structure/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/SmallBitVector.h"

namespace seqc {
#define GEN_PASS_DEF_SINKBROADCASTS
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
/// A tensor that repeats `source` along all dimensions but `along`.
struct Broadcast {
  Value source;        // null for a constant
  TypedAttr constant;  // its element, or null
  llvm::SmallBitVector along;
};

bool isWide(Type element) { return element.isF32() || element.isF64(); }

/// `value` as a broadcast, if it is one.
std::optional<Broadcast> broadcastOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type) // a scalar operand, such as a condition
    return Broadcast{value, {}, {}};
  Broadcast result;
  result.along.resize(type.getRank());
  if (DenseElementsAttr dense;
      matchPattern(value, m_Constant(&dense)) && dense.isSplat()) {
    result.constant = dense.getSplatValue<TypedAttr>();
    return result;
  }
  if (auto splat = value.getDefiningOp<tensor::SplatOp>()) {
    result.source = splat.getInput();
    return result;
  }
  auto einsum = value.getDefiningOp<EinsumOp>();
  if (!einsum)
    return std::nullopt;
  // One operand times ones, its letters in the result's order.
  std::string letters;
  for (auto [operand, term] : llvm::zip(einsum.getOperands(), einsum.getTerms())) {
    if (structure::splatConstant(operand) == 1.0)
      continue;
    if (result.source)
      return std::nullopt;
    result.source = operand;
    letters = term;
  }
  if (!result.source ||
      getElementTypeOrSelf(result.source) != type.getElementType())
    return std::nullopt;
  size_t next = 0;
  for (auto [d, letter] : llvm::enumerate(einsum.getOutputTerm()))
    if (next < letters.size() && letters[next] == letter) {
      result.along.set(d);
      ++next;
    }
  if (next != letters.size()) // permuted or summed over
    return std::nullopt;
  return result;
}

/// The sizes of `shape` along the dimensions of `along`.
SmallVector<int64_t> sizesOf(ArrayRef<int64_t> shape,
                             const llvm::SmallBitVector &along) {
  SmallVector<int64_t> sizes;
  for (unsigned d : along.set_bits())
    sizes.push_back(shape[d]);
  return sizes;
}

/// `source`, which varies along `from`, with the dimensions of `to`.
Value widen(OpBuilder &b, Location loc, Value source, Type element,
            ArrayRef<int64_t> shape, const llvm::SmallBitVector &from,
            const llvm::SmallBitVector &to) {
  if (from == to)
    return source;
  Type type = tensorOrScalar(sizesOf(shape, to), element);
  if (from.none())
    return tensor::SplatOp::create(b, loc, type, source);
  std::string kept, added, all;
  SmallVector<int64_t> rest;
  for (unsigned d : to.set_bits()) {
    char letter = 'a' + d;
    (from.test(d) ? kept : added) += letter;
    all += letter;
    if (!from.test(d))
      rest.push_back(shape[d]);
  }
  auto ones = RankedTensorType::get(rest, element);
  Value one = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(ones, b.getFloatAttr(element, 1.0)));
  return EinsumOp::create(b, loc, type, ValueRange{source, one},
                          b.getStringAttr(kept + "," + added + "->" + all));
}

struct SinkBroadcast : RewritePattern {
  SinkBroadcast(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1 ||
        op->getNumOperands() == 0)
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !type.hasStaticShape() || type.getRank() == 0 ||
        type.getRank() > 26)
      return failure();
    SmallVector<Broadcast> operands;
    llvm::SmallBitVector along(type.getRank());
    bool varies = false;
    for (Value operand : op->getOperands()) {
      std::optional<Broadcast> broadcast = broadcastOf(operand);
      if (!broadcast)
        return failure();
      broadcast->along.resize(type.getRank());
      along |= broadcast->along;
      varies |= broadcast->source && isa<RankedTensorType>(operand.getType());
      operands.push_back(*broadcast);
    }
    if (!varies || along.all())
      return failure();
    // What is repeated by an einsum is of its result's type.
    if (along.any() && (!isWide(type.getElementType()) ||
                        llvm::any_of(op->getOperands(), [](Value operand) {
                          return isa<RankedTensorType>(operand.getType()) &&
                                 !isWide(getElementTypeOrSelf(operand));
                        })))
      return failure();

    Location loc = op->getLoc();
    SmallVector<Value> narrow;
    for (auto [operand, broadcast] : llvm::zip(op->getOperands(), operands)) {
      Type element = getElementTypeOrSelf(operand);
      Type wanted = tensorOrScalar(sizesOf(type.getShape(), along), element);
      if (!isa<RankedTensorType>(operand.getType())) {
        narrow.push_back(operand);
      } else if (broadcast.constant) {
        TypedAttr value = broadcast.constant;
        if (auto tensor = dyn_cast<RankedTensorType>(wanted))
          value = DenseElementsAttr::get(tensor, Attribute(value));
        narrow.push_back(arith::ConstantOp::create(rewriter, loc, value));
      } else {
        narrow.push_back(widen(rewriter, loc, broadcast.source, element,
                               type.getShape(), broadcast.along, along));
      }
    }
    Type element = type.getElementType();
    Operation *small =
        rewriter.create(loc, op->getName().getIdentifier(), narrow,
                        TypeRange(tensorOrScalar(sizesOf(type.getShape(), along), element)),
                        op->getAttrs());
    llvm::SmallBitVector whole(type.getRank(), true);
    rewriter.replaceOp(op, widen(rewriter, loc, small->getResult(0), element,
                                 type.getShape(), along, whole));
    return success();
  }
};

struct SinkBroadcasts : seqc::impl::SinkBroadcastsBase<SinkBroadcasts> {
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, SeqDialect, tensor::TensorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkBroadcast>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
