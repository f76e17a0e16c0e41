//===- SplitSequence.cpp - Parts of a sequence that run apart -------------===//

#include "seqc/passes/Forms/SequenceSplit.h"

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace seqc {
#define GEN_PASS_DEF_SPLITSEQUENCE
#include "seqc/passes/Forms/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

static StringRef timeAxis() { return RecurrenceOp::getTimeAxis(); }

/// Puts `source` in place of `old`, with its axes in the order of `map`.
static void replace(OpBuilder &b, Value old, AxesAttr map, const Source &source) {
  Location loc = old.getLoc();
  Value value = source.tensor;
  if (source.map != map) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> order;
    for (StringAttr axis : map.getNames())
      order.push_back(source.map.find(axis.getValue()));
    for (int64_t d = order.size(); d < type.getRank(); ++d)
      order.push_back(d);
    SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, loc, value), sizes;
    for (int64_t d : order)
      sizes.push_back(from[d]);
    Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
    value = linalg::TransposeOp::create(b, loc, value, empty, order)->getResult(0);
  }
  if (value.getType() != old.getType())
    value = tensor::CastOp::create(b, loc, old.getType(), value);
  old.replaceAllUsesWith(value);
}

/// The tokens of parts, cut along the dimension before `at`, and those after them.
static Value joined(OpBuilder &b, Location loc, Value parts, Value rest, int64_t at,
                    Value length, Value main, Value left, Value mainAt,
                    Value restAt) {
  auto type = cast<RankedTensorType>(parts.getType());
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> shape;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (d == at + 1) {
      groups.back().push_back(d);
      shape.back() = ShapedType::kDynamic;
      continue;
    }
    groups.push_back({d});
    shape.push_back(type.getDimSize(d));
  }
  auto whole = RankedTensorType::get(shape, type.getElementType());
  Value most = tensor::CollapseShapeOp::create(b, loc, whole, parts, groups);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, most),
                            offsets(shape.size(), b.getIndexAttr(0)),
                            strides(shape.size(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> all = sizes;
  all[at] = length;
  Value result = tensor::EmptyOp::create(b, loc, all, type.getElementType());
  offsets[at] = mainAt;
  sizes[at] = main;
  result = tensor::InsertSliceOp::create(b, loc, most, result, offsets, sizes,
                                         strides);
  offsets[at] = restAt;
  sizes[at] = left;
  return tensor::InsertSliceOp::create(b, loc, rest, result, offsets, sizes,
                                       strides);
}

namespace {
/// The pieces of a linear recurrence have its chunks.
struct SameTiles : OpBuilder::Listener {
  explicit SameTiles(Operation *op) : tiles(op->getAttr(kTilesAttr)) {}
  void notifyOperationInserted(Operation *made, OpBuilder::InsertPoint) override {
    if (tiles && isa<LinearRecurrenceOp>(made))
      made->setAttr(kTilesAttr, tiles);
  }
  Attribute tiles;
};
} // namespace

static void split(SequenceSplitOpInterface op, int64_t parts, int64_t unit) {
  SameTiles same(op);
  OpBuilder b(op, &same);
  if (unit)
    unit = chosenTile(op, kChunkKnob).value_or(unit);
  Location loc = op.getLoc();
  Value length;
  for (const Source &operand : op.splitOperands())
    if (int64_t at = operand.map.find(timeAxis()); at >= 0 && !length)
      length = tensor::DimOp::create(b, loc, operand.tensor, at);
  SmallVector<AxesAttr> maps = op.splitResultMaps();
  std::string name = "part";
  while (llvm::any_of(op.splitOperands(),
                      [&](const Source &s) { return s.map.has(name); }))
    name += "_";
  auto part = b.getStringAttr(name);

  // Packed: pieces of parts, all at once.
  if (Source segments = op.splitSegments();
      segments.tensor || (unit && op.splitsIntoSegments())) {
    TokenView packed =
        segments.tensor ? TokenView(b, loc, segments, length, parts, part)
                        : TokenView(b, loc, length, parts, part, unit);
    SplitStates states = op.combine(b, packed, op.summarise(b, packed));
    SmallVector<Source> results = op.apply(b, packed, states.before);
    for (unsigned i = 0, state = 0; i < maps.size(); ++i)
      replace(b, op->getResult(i), maps[i],
              maps[i].has(timeAxis()) ? results[i] : states.after[state++]);
    op->erase();
    return;
  }

  // `parts` parts of equal length first, in the order of the recurrence, then the
  // tokens that are left, fewer than there are parts.
  Value count = arith::ConstantIndexOp::create(b, loc, parts),
        zero = arith::ConstantIndexOp::create(b, loc, 0),
        each = arith::DivUIOp::create(b, loc, length, count),
        main = arith::MulIOp::create(b, loc, each, count),
        rest = arith::SubIOp::create(b, loc, length, main);
  bool reverse = op.splitReverse();
  Value mainAt = reverse ? rest : zero, restAt = reverse ? zero : main;
  TokenView cut(b, loc, mainAt, each, parts, part), tail(b, loc, restAt, rest);
  SplitStates states = op.combine(b, cut, op.summarise(b, cut));
  SmallVector<Source> bulk = op.apply(b, cut, states.before),
                      last = op.apply(b, tail, states.after);
  for (unsigned i = 0; i < maps.size(); ++i) {
    Source result = last[i];
    if (int64_t at = maps[i].find(timeAxis()); at >= 0)
      result.tensor = joined(b, loc, bulk[i].tensor, last[i].tensor, at, length, main,
                             rest, mainAt, restAt);
    replace(b, op->getResult(i), maps[i], result);
  }
  op->erase();
}

namespace {
struct SplitSequence : seqc::impl::SplitSequenceBase<SplitSequence> {
  using SplitSequenceBase::SplitSequenceBase;
  void runOnOperation() override {
    if (selected) {
      SmallVector<std::pair<SequenceSplitOpInterface, int64_t>> ops;
      getOperation()->walk([&](SequenceSplitOpInterface op) {
        auto function = op->getParentOfType<mlir::func::FuncOp>();
        auto count = function ? function->getAttrOfType<IntegerAttr>("seqc.parts")
                              : IntegerAttr();
        if (count && !op.splitObstacle())
          ops.push_back({op, count.getInt()});
      });
      for (auto [op, count] : ops)
        split(op, count, unit);
      return;
    }
    if (parts < 1 || parts > 65536) {
      emitError(getOperation()->getLoc())
          << "the sequence is to be split into " << int64_t(parts)
          << " parts, expected 1 to 65536";
      return signalPassFailure();
    }
    if (parts == 1)
      return;
    SmallVector<SequenceSplitOpInterface> ops;
    bool steps = false;
    getOperation()->walk([&](SequenceSplitOpInterface op) {
      auto function = op->getParentOfType<mlir::func::FuncOp>();
      bool step = function && function->hasAttr("seqc.step");
      steps |= step;
      if (!step)
        ops.push_back(op);
    });
    if (ops.empty() && !steps) {
      // Where the reader looks: the first recurrence, or the first function.
      Location where = getOperation()->getLoc();
      getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (!isa<RecurrenceOp, mlir::func::FuncOp>(op))
          return WalkResult::advance();
        where = op->getLoc();
        return isa<RecurrenceOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
      });
      emitError(where)
          << "the sequence cannot be split: no recurrence is a linear one or a scan";
      return signalPassFailure();
    }
    for (SequenceSplitOpInterface op : ops) {
      if (auto why = op.splitObstacle()) {
        emitError(op.getLoc()) << "the recurrence does not split: " << *why;
        return signalPassFailure();
      }
      split(op, parts, unit);
    }
  }
};
} // namespace
