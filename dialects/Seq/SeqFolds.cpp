//===- SeqFolds.cpp - Folds and canonicalisations -------------------------===//

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace seqc;

//===----------------------------------------------------------------------===//
// EinsumOp
//===----------------------------------------------------------------------===//

OpFoldResult EinsumOp::fold(FoldAdaptor) {
  // "ab->ab"(x) is x when no element type changes.
  if (getOperands().size() == 1 && getTerms()[0] == getOutputTerm() &&
      getOperands()[0].getType() == getResult().getType())
    return getOperands()[0];
  return {};
}

namespace {

/// Drops operands that are the constant one where their letters occur elsewhere.
struct DropUnitFactors : OpRewritePattern<EinsumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(EinsumOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<std::string> terms = op.getTerms();
    for (unsigned i = 0; i < terms.size() && terms.size() > 1; ++i) {
      if (!matchPattern(op.getOperands()[i], m_OneFloat()))
        continue;
      bool covered = llvm::all_of(terms[i], [&](char letter) {
        for (unsigned j = 0; j < terms.size(); ++j)
          if (j != i && terms[j].find(letter) != std::string::npos)
            return true;
        return false;
      });
      SmallVector<Value> operands(op.getOperands());
      operands.erase(operands.begin() + i);
      bool sameType = llvm::any_of(operands, [&](Value v) {
                        return elementOf(v.getType()).isF64();
                      }) == elementOf(op.getType()).isF64();
      if (!covered || !sameType)
        continue;
      terms.erase(terms.begin() + i);
      rewriter.replaceOpWithNewOp<EinsumOp>(
          op, op.getType(), operands,
          rewriter.getStringAttr(llvm::join(terms, ",") + "->" +
                                 op.getOutputTerm()));
      return success();
    }
    return failure();
  }
};

/// Drops letters of size one: "k,ka->a" with a = 1 becomes "k,k->".
struct DropUnitLetters : OpRewritePattern<EinsumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(EinsumOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<std::string> terms = op.getTerms();
    std::string output = op.getOutputTerm();
    std::string unit;
    for (auto [term, operand] : llvm::zip(terms, op.getOperands()))
      for (auto [letter, size] : llvm::zip(term, shapeOf(operand.getType())))
        if (size == 1 && unit.find(letter) == std::string::npos)
          unit += letter;
    if (unit.empty())
      return failure();
    SmallVector<Value> operands;
    SmallVector<std::string> newTerms;
    for (auto [term, operand] : llvm::zip(terms, op.getOperands())) {
      std::string kept;
      for (char letter : term)
        if (unit.find(letter) == std::string::npos)
          kept += letter;
      newTerms.push_back(kept);
      operands.push_back(reshape(rewriter, op.getLoc(), operand, term, kept));
    }
    std::string keptOutput;
    for (char letter : output)
      if (unit.find(letter) == std::string::npos)
        keptOutput += letter;
    Value small = EinsumOp::create(
        rewriter, op.getLoc(), operands,
        rewriter.getStringAttr(llvm::join(newTerms, ",") + "->" + keptOutput));
    rewriter.replaceOp(op, restore(rewriter, op.getLoc(), small, output,
                                   keptOutput, op.getType()));
    return success();
  }

  /// Each kept letter of `from` takes the unit letters before it along; the
  /// last also those after it.
  static SmallVector<ReassociationIndices> groups(StringRef from, StringRef to) {
    SmallVector<ReassociationIndices> result;
    ReassociationIndices pending;
    for (unsigned i = 0; i < from.size(); ++i) {
      pending.push_back(i);
      if (to.contains(from[i])) {
        result.push_back(pending);
        pending.clear();
      }
    }
    if (!result.empty())
      result.back().append(pending);
    return result;
  }
  static Value reshape(OpBuilder &b, Location loc, Value value, StringRef from,
                       StringRef to) {
    if (from == to)
      return value;
    auto type = cast<RankedTensorType>(value.getType());
    if (to.empty()) {
      SmallVector<Value> zeros(
          from.size(), arith::ConstantIndexOp::create(b, loc, 0).getResult());
      return tensor::ExtractOp::create(b, loc, value, zeros);
    }
    SmallVector<int64_t> shape;
    for (auto [letter, size] : llvm::zip(from, type.getShape()))
      if (to.contains(letter))
        shape.push_back(size);
    return tensor::CollapseShapeOp::create(
        b, loc, RankedTensorType::get(shape, type.getElementType()), value,
        groups(from, to));
  }
  static Value restore(OpBuilder &b, Location loc, Value value, StringRef from,
                       StringRef to, Type type) {
    if (from == to)
      return value;
    if (to.empty())
      return tensor::SplatOp::create(b, loc, value, cast<RankedTensorType>(type));
    return tensor::ExpandShapeOp::create(b, loc, type, value, groups(from, to));
  }
};

/// A reduction over a dimension of size one is a reshape.
struct DropUnitReduction : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    if (type.getDimSize(op.getAxis()) != 1 || op.getKind() == ReduceKind::argmax)
      return failure();
    std::string from, to;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      from += char('a' + i);
      if (i != int64_t(op.getAxis()))
        to += char('a' + i);
    }
    if (from.size() > 26)
      return failure();
    rewriter.replaceOp(op, DropUnitLetters::reshape(rewriter, op.getLoc(),
                                                    op.getInput(), from, to));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// RecurrenceOp
//===----------------------------------------------------------------------===//

/// Which parts of a recurrence survive; everything indexed by position.
struct Kept {
  llvm::BitVector seq, weights, carries, snapshots, outs;
};

/// Rebuilds `op` with only the parts in `kept`.
void rebuild(RecurrenceOp op, const Kept &kept, PatternRewriter &rewriter) {
  auto pick = [](auto range, const llvm::BitVector &bits) {
    SmallVector<std::decay_t<decltype(*range.begin())>> result;
    for (auto [i, item] : llvm::enumerate(range))
      if (bits[i])
        result.push_back(item);
    return result;
  };
  auto maps = [&](ArrayAttr all, const llvm::BitVector &bits) {
    return rewriter.getArrayAttr(pick(all.getValue(), bits));
  };
  SmallVector<int64_t> renumber(op.getCarries().size(), -1);
  int64_t next = 0;
  for (unsigned c : kept.carries.set_bits())
    renumber[c] = next++;
  SmallVector<int64_t> snapshots;
  for (unsigned s : kept.snapshots.set_bits()) {
    snapshots.push_back(renumber[op.getSnapshots()[2 * s]]);
    snapshots.push_back(op.getSnapshots()[2 * s + 1]);
  }
  SmallVector<Type> types;
  for (Value v : pick(op.getOuts(), kept.outs))
    types.push_back(v.getType());
  for (Value v : pick(op.getFinals(), kept.carries))
    types.push_back(v.getType());
  bool restarts = !op.getRestarts().empty();
  auto result = RecurrenceOp::create(
      rewriter, op.getLoc(), types, pick(op.getSeq(), kept.seq),
      pick(op.getWeights(), kept.weights), pick(op.getCarries(), kept.carries),
      restarts ? pick(op.getRestarts(), kept.carries) : SmallVector<Value>(),
      op.getSegments(), op.getResets(), maps(op.getSeqMaps(), kept.seq),
      maps(op.getWeightMaps(), kept.weights),
      maps(op.getCarryMaps(), kept.carries),
      restarts ? maps(op.getRestartMaps(), kept.carries)
               : rewriter.getArrayAttr({}),
      op.getSegmentsMapAttr(), op.getResetsMapAttr(),
      maps(op.getOutMaps(), kept.outs),
      rewriter.getDenseI64ArrayAttr(snapshots), op.getPositionAttr(),
      op.getFirstAttr(), op.getReverseAttr(), op.getChunkAttr());
  YieldOp yield = op.getYield();
  rewriter.setInsertionPoint(yield);
  rewriter.replaceOpWithNewOp<YieldOp>(yield, pick(yield.getOuts(), kept.outs),
                                       pick(yield.getCarries(), kept.carries));
  llvm::BitVector dead(op.getStep().getNumArguments());
  auto mark = [&](auto args, const llvm::BitVector &bits) {
    for (auto [i, arg] : llvm::enumerate(args))
      if (!bits[i])
        dead.set(arg.getArgNumber());
  };
  mark(op.getSeqArgs(), kept.seq);
  mark(op.getWeightArgs(), kept.weights);
  mark(op.getCarryArgs(), kept.carries);
  mark(op.getSnapshotArgs(), kept.snapshots);
  rewriter.inlineRegionBefore(op.getStep(), result.getStep(),
                              result.getStep().end());
  // What only a dropped carry's next value needed is dead code now; it goes
  // last to first, so that the block arguments lose their uses.
  Block &step = result.getStep().front();
  for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(step)))
    if (isOpTriviallyDead(&inner))
      rewriter.eraseOp(&inner);
  for (int arg = dead.size() - 1; arg >= 0; --arg) {
    if (!dead[arg])
      continue;
    // A dropped carry may still be read by its own dead chain.
    step.getArgument(arg).dropAllUses();
    step.eraseArgument(arg);
  }
  SmallVector<Value> values(op.getNumResults());
  unsigned at = 0;
  for (unsigned i : kept.outs.set_bits())
    values[i] = result.getResult(at++);
  for (unsigned i : kept.carries.set_bits())
    values[op.getOuts().size() + i] = result.getResult(at++);
  for (auto [old, value] : llvm::zip(op.getResults(), values))
    if (value)
      rewriter.replaceAllUsesWith(old, value);
  rewriter.eraseOp(op);
}

/// Removes outputs nobody uses, carries that no live value depends on, and
/// operands, weights and snapshots the step does not read.
struct DropDeadParts : OpRewritePattern<RecurrenceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RecurrenceOp op,
                                PatternRewriter &rewriter) const override {
    YieldOp yield = op.getYield();
    Kept kept;
    kept.outs.resize(op.getOuts().size());
    kept.carries.resize(op.getCarries().size());
    for (auto [i, out] : llvm::enumerate(op.getOuts()))
      if (!out.use_empty())
        kept.outs.set(i);
    for (auto [i, final] : llvm::enumerate(op.getFinals()))
      if (!final.use_empty())
        kept.carries.set(i);
    // The values alive, as a fixed point through the carries.
    llvm::DenseSet<Value> live;
    SmallVector<Value> todo;
    auto visit = [&](Value v) {
      if (live.insert(v).second)
        todo.push_back(v);
    };
    for (unsigned i : kept.outs.set_bits())
      visit(yield.getOuts()[i]);
    for (unsigned i : kept.carries.set_bits())
      visit(yield.getCarries()[i]);
    while (!todo.empty()) {
      Value v = todo.pop_back_val();
      if (Operation *def = v.getDefiningOp()) {
        for (Value operand : def->getOperands())
          visit(operand);
        continue;
      }
      auto keep = [&](unsigned carry) {
        kept.carries.set(carry);
        visit(yield.getCarries()[carry]);
      };
      for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
        if (v == arg)
          keep(i);
      for (auto [i, arg] : llvm::enumerate(op.getSnapshotArgs()))
        if (v == arg)
          keep(op.getSnapshots()[2 * i]);
    }
    auto alive = [&](auto args) {
      llvm::BitVector bits(args.size());
      for (auto [i, arg] : llvm::enumerate(args))
        if (live.contains(arg))
          bits.set(i);
      return bits;
    };
    kept.seq = alive(op.getSeqArgs());
    kept.weights = alive(op.getWeightArgs());
    kept.snapshots = alive(op.getSnapshotArgs());
    // The seq operands also define the axes, their order and sizes: one that
    // is not read stays if dropping it would change them.
    SmallVector<StringAttr> axes = op.getAxes();
    auto axesOfKept = [&] {
      SmallVector<StringAttr> result;
      for (auto [i, map] : llvm::enumerate(op.getSeqMaps().getAsRange<AxesAttr>()))
        if (kept.seq[i])
          for (auto [name, divisor] : llvm::zip(map.getNames(), map.getDivisors()))
            if (divisor == 1 && !llvm::is_contained(result, name))
              result.push_back(name);
      return result;
    };
    for (unsigned i = 0; i < kept.seq.size() && axesOfKept() != axes; ++i)
      kept.seq.set(i);
    if (kept.outs.all() && kept.carries.all() && kept.seq.all() &&
        kept.weights.all() && kept.snapshots.all())
      return failure();
    if (kept.outs.none() && kept.carries.none()) {
      rewriter.eraseOp(op);
      return success();
    }
    rebuild(op, kept, rewriter);
    return success();
  }
};

/// A carry whose next value is itself, in one piece and without a snapshot,
/// leaves the recurrence as a weight.
struct ConstantCarry : OpRewritePattern<RecurrenceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RecurrenceOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getSegments() || op.getResets() || !op.getSnapshots().empty())
      return failure();
    for (auto [i, arg] : llvm::enumerate(op.getCarryArgs())) {
      auto map = cast<AxesAttr>(op.getCarryMaps()[i]);
      if (op.getYield().getCarries()[i] != arg || op.getFinalMap(i) != map ||
          op.getFinals()[i].getType() != op.getCarries()[i].getType() ||
          op.getFinals()[i].use_empty())
        continue;
      // The final state is the initial one; the dead result then lets
      // DropDeadParts remove the carry unless the step reads it.
      rewriter.replaceAllUsesWith(op.getFinals()[i], op.getCarries()[i]);
      return success();
    }
    return failure();
  }
};

/// An output that is an operand's token unchanged is that operand.
struct PassedOperand : OpRewritePattern<RecurrenceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RecurrenceOp op,
                                PatternRewriter &rewriter) const override {
    // Tokens beyond the segments are nobody's.
    if (op.getSegments() || op.getChunk())
      return failure();
    for (auto [i, out] : llvm::enumerate(op.getOuts()))
      for (auto [s, arg] : llvm::enumerate(op.getSeqArgs()))
        if (op.getYield().getOuts()[i] == arg && !out.use_empty() &&
            op.getOutMaps()[i] == op.getSeqMaps()[s] &&
            out.getType() == op.getSeq()[s].getType()) {
          rewriter.replaceAllUsesWith(out, op.getSeq()[s]);
          return success();
        }
    return failure();
  }
};

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

/// A scan none of whose results is used is removed by its purity; a scan that
/// yields its right values is its input.
struct IdentityScan : OpRewritePattern<ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScanOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getExclusive() || op.getFinal())
      return failure();
    SmallVector<StringAttr> axes = op.getAxes();
    for (auto [i, right] : llvm::enumerate(op.getRightArgs())) {
      auto map = cast<AxesAttr>(op.getSeqMaps()[i]);
      if (op.getYield().getOuts()[i] != right || map != op.getOutMaps()[i] ||
          op.getSeq()[i].getType() != op.getOuts()[i].getType())
        return failure();
    }
    rewriter.replaceOp(op, op.getSeq());
    return success();
  }
};

} // namespace

void EinsumOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropUnitFactors, DropUnitLetters>(context);
}
void ReduceOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropUnitReduction>(context);
}
void RecurrenceOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                               MLIRContext *context) {
  patterns.add<DropDeadParts, ConstantCarry, PassedOperand>(context);
}
void ScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<IdentityScan>(context);
}
