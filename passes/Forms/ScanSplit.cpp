//===- ScanSplit.cpp - Scans over parts of a sequence ---------------------===//

#include "seqc/passes/Forms/SequenceSplit.h"

using namespace mlir;
using namespace seqc;

static StringRef timeAxis() { return RecurrenceOp::getTimeAxis(); }

namespace {
/// A part's summary is the combination of its elements and, with reset flags, whether
/// there is one; the states are exclusive combinations of summaries.
class ScanSplit {
public:
  ScanSplit(ScanOp op, OpBuilder &b)
      : op(op), b(b), loc(op.getLoc()), n(op.getSeq().size()) {}
  SmallVector<Source> summarise(const TokenView &view);
  SplitStates combine(const TokenView &view, ArrayRef<Source> summary);
  SmallVector<Source> apply(const TokenView &view, ArrayRef<Source> before);

private:
  struct Kind {
    bool exclusive, final;
    Source segments, resets;
    /// The last element is a flag: what is right of it drops what is left, once.
    bool flagged = false;
  };
  /// The scan's region over other elements.
  ScanOp run(ArrayRef<Source> seq, ArrayRef<Source> initial, const Kind &kind);
  Source flags() {
    return op.getResets() ? Source{op.getResets(), *op.getResetsMap()} : Source();
  }
  Source pieces(const TokenView &view) {
    return view.isPacked() ? view.getPieces() : Source();
  }
  SmallVector<Source> elements(const TokenView &view) {
    SmallVector<Source> seq;
    for (unsigned i = 0; i < n; ++i)
      seq.push_back(
          view.take({op.getSeq()[i], cast<AxesAttr>(op.getSeqMaps()[i])}));
    return seq;
  }

  ScanOp op;
  OpBuilder &b;
  Location loc;
  unsigned n;
};
} // namespace

/// The result types of a scan: one per out map, and totals.
static SmallVector<Type> resultTypes(ArrayRef<Source> sources,
                                     ArrayRef<AxesAttr> maps,
                                     ArrayRef<Type> elements) {
  SmallVector<Type> types;
  for (auto [map, element] : llvm::zip(maps, elements)) {
    SmallVector<int64_t> shape;
    for (StringAttr axis : map.getNames())
      shape.push_back(staticSizeOf(sources, axis));
    llvm::append_range(shape, shapeOf(element));
    types.push_back(RankedTensorType::get(shape, elementOf(element)));
  }
  return types;
}

ScanOp ScanSplit::run(ArrayRef<Source> seq, ArrayRef<Source> initial,
                      const Kind &kind) {
  // Elements as operands hold them; results as wide as the region's.
  SmallVector<Value> values, initials;
  SmallVector<Attribute> seqMaps, initialMaps;
  SmallVector<StringAttr> axes;
  for (const Source &s : seq) {
    values.push_back(s.tensor);
    seqMaps.push_back(s.map);
    for (StringAttr axis : s.map.getNames())
      if (!llvm::is_contained(axes, axis))
        axes.push_back(axis);
  }
  for (const Source &s : initial) {
    initials.push_back(s.tensor);
    initialMaps.push_back(s.map);
  }
  StringAttr segment =
      kind.segments.tensor ? kind.segments.map.getNames()[0] : StringAttr();
  SmallVector<StringAttr> states = stateAxesOf(axes, segment);
  auto all = AxesAttr::get(b.getContext(), axes,
                           SmallVector<int64_t>(axes.size(), 1));
  unsigned count = seq.size();
  SmallVector<AxesAttr> maps(count, all);
  SmallVector<Type> elements;
  for (Value arg : op.getLeftArgs())
    elements.push_back(arg.getType());
  SmallVector<Value> identities(op.getIdentities());
  if (kind.flagged) {
    elements.push_back(elementOf(seq.back().tensor.getType()));
    identities.push_back(arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(elements.back(), 0)));
    if (!initial.empty()) {
      initials.push_back(identities.back());
      initialMaps.push_back(AxesAttr::get(b.getContext(), {}, {}));
    }
  }
  if (kind.final)
    for (unsigned i = 0; i < count; ++i) {
      maps.push_back(
          finalMapOf(b.getContext(),
                     initialMaps.empty() ? AxesAttr()
                                         : cast<AxesAttr>(initialMaps[i]),
                     states));
      elements.push_back(elements[i]);
    }
  SmallVector<Source> sources(seq);
  llvm::append_range(sources, initial);
  auto made = ScanOp::create(
      b, loc, resultTypes(sources, maps, elements), values, identities,
      initials, kind.segments.tensor, kind.resets.tensor, b.getArrayAttr(seqMaps),
      b.getArrayAttr(initialMaps), kind.segments.map, kind.resets.map,
      b.getArrayAttr(SmallVector<Attribute>(count, all)),
      kind.exclusive ? b.getUnitAttr() : UnitAttr(), op.getReverseAttr(),
      kind.final ? b.getUnitAttr() : UnitAttr());
  SmallVector<Type> args(ArrayRef(elements).take_front(count));
  llvm::append_range(args, ArrayRef(elements).take_front(count));
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&made.getCombine(), {}, args,
                              SmallVector<Location>(args.size(), loc));
  IRMapping mapping;
  for (unsigned i = 0; i < n; ++i) {
    mapping.map(op.getLeftArgs()[i], body->getArgument(i));
    mapping.map(op.getRightArgs()[i], body->getArgument(count + i));
  }
  for (Operation &inner : op.getCombine().front().without_terminator())
    b.clone(inner, mapping);
  SmallVector<Value> results;
  for (Value out : op.getYield().getOuts())
    results.push_back(mapping.lookupOrDefault(out));
  if (kind.flagged) {
    Value left = body->getArgument(n), right = body->getArgument(count + n);
    Value drops = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, right,
                                        arith::ConstantOp::create(
                                            b, loc, b.getIntegerAttr(right.getType(), 0))
                                            .getResult());
    for (unsigned i = 0; i < n; ++i)
      results[i] = arith::SelectOp::create(b, loc, drops,
                                           body->getArgument(count + i), results[i]);
    results.push_back(arith::OrIOp::create(b, loc, left, right));
  }
  YieldOp::create(b, loc, results, ValueRange());
  return made;
}

/// Whether a part has a flag.
static Source anyFlag(OpBuilder &b, Location loc, const Source &flags, bool reverse) {
  Type element = elementOf(flags.tensor.getType());
  TypedAttr none = b.getIntegerAttr(element, 0);
  Value identity = arith::ConstantOp::create(b, loc, none);
  ArrayRef<StringAttr> axes = flags.map.getNames();
  SmallVector<StringAttr> states = stateAxesOf(axes, StringAttr());
  auto final = AxesAttr::get(b.getContext(), states,
                             SmallVector<int64_t>(states.size(), 1));
  auto any = ScanOp::create(
      b, loc, resultTypes(flags, {flags.map, final}, {element, element}),
      flags.tensor, identity, ValueRange(), Value(), Value(),
      b.getArrayAttr({flags.map}), b.getArrayAttr({}), AxesAttr(), AxesAttr(),
      b.getArrayAttr({flags.map}), UnitAttr(),
      reverse ? b.getUnitAttr() : UnitAttr(), b.getUnitAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&any.getCombine(), {}, {element, element}, {loc, loc});
  Value either = arith::OrIOp::create(b, loc, body->getArgument(0),
                                      body->getArgument(1));
  YieldOp::create(b, loc, either, ValueRange());
  return {any.getFinals()[0], final};
}

SmallVector<Source> ScanSplit::summarise(const TokenView &view) {
  Source resets = flags();
  if (resets.tensor)
    resets = view.take(resets);
  ScanOp made =
      run(elements(view), {}, {false, true, pieces(view), resets});
  SmallVector<Source> summary;
  for (unsigned i = 0; i < n; ++i)
    summary.push_back({made.getFinals()[i], made.getFinalMap(i)});
  if (resets.tensor)
    summary.push_back(anyFlag(b, loc, resets, op.getReverse()));
  return summary;
}

SplitStates ScanSplit::combine(const TokenView &view, ArrayRef<Source> summary) {
  // One token is one part.
  auto time = b.getStringAttr(timeAxis());
  SmallVector<Source> seq, initial;
  for (const Source &s : summary)
    seq.push_back({s.tensor, renamedAxis(s.map, view.partAxis(), time)});
  for (auto [value, map] :
       llvm::zip(op.getInitials(), op.getInitialMaps().getAsRange<AxesAttr>()))
    initial.push_back({value, map});
  ScanOp made = run(seq, initial,
                    {true, true, view.getGroups(),
                     Source(), op.getResets() != nullptr});
  SplitStates states;
  for (unsigned i = 0; i < n; ++i) {
    auto out = cast<AxesAttr>(made.getOutMaps()[i]);
    states.before.push_back(
        {made.getOuts()[i], renamedAxis(out, time, view.partAxis())});
    states.after.push_back({made.getFinals()[i], made.getFinalMap(i)});
  }
  return states;
}

SmallVector<Source> ScanSplit::apply(const TokenView &view,
                                     ArrayRef<Source> before) {
  Source resets = flags();
  if (resets.tensor)
    resets = view.take(resets);
  ScanOp made = run(elements(view), before,
                    {op.getExclusive(), op.getFinal(), pieces(view), resets});
  // The operation's own axis order and element types.
  SmallVector<Source> results;
  for (unsigned i = 0; i < n; ++i) {
    auto map = view.map(cast<AxesAttr>(op.getOutMaps()[i]));
    SmallVector<Attribute> outMaps(made.getOutMaps().getValue());
    SmallVector<Source> sources = elements(view);
    outMaps[i] = map;
    made.setOutMapsAttr(b.getArrayAttr(outMaps));
    Type slice = op.getLeftArgs()[i].getType();
    Type element = elementOf(op.getOuts()[i].getType());
    made.getOuts()[i].setType(
        resultTypes(sources, map, tensorOrScalar(shapeOf(slice), element))[0]);
    results.push_back({made.getOuts()[i], map});
  }
  for (unsigned i = 0; op.getFinal() && i < n; ++i) {
    auto type = cast<RankedTensorType>(made.getFinals()[i].getType());
    made.getFinals()[i].setType(type.clone(elementOf(op.getFinals()[i].getType())));
    results.push_back({made.getFinals()[i], made.getFinalMap(i)});
  }
  return results;
}

namespace {
struct ScanModel : SequenceSplitOpInterface::ExternalModel<ScanModel, ScanOp> {
  static bool hasNarrowTotals(ScanOp scan) {
    for (auto [value, arg] : llvm::zip(scan.getFinals(), scan.getLeftArgs()))
      if (elementOf(value.getType()) != elementOf(arg.getType()))
        return true;
    return false;
  }
  std::optional<std::string> splitObstacle(Operation *op) const {
    auto scan = cast<ScanOp>(op);
    if (scan.getSegments() && hasNarrowTotals(scan))
      return "its totals are narrower than its elements";
    return std::nullopt;
  }
  bool splitsIntoSegments(Operation *op) const {
    auto scan = cast<ScanOp>(op);
    return !scan.getResets() && !hasNarrowTotals(scan);
  }
  SmallVector<Source> splitOperands(Operation *op) const {
    auto scan = cast<ScanOp>(op);
    SmallVector<Source> result;
    for (auto [value, map] :
         llvm::zip(scan.getSeq(), scan.getSeqMaps().getAsRange<AxesAttr>()))
      result.push_back({value, map});
    for (auto [value, map] :
         llvm::zip(scan.getInitials(), scan.getInitialMaps().getAsRange<AxesAttr>()))
      result.push_back({value, map});
    return result;
  }
  SmallVector<AxesAttr> splitResultMaps(Operation *op) const {
    auto scan = cast<ScanOp>(op);
    SmallVector<AxesAttr> maps(scan.getOutMaps().getAsRange<AxesAttr>());
    for (unsigned i = 0; i < scan.getFinals().size(); ++i)
      maps.push_back(scan.getFinalMap(i));
    return maps;
  }
  Source splitSegments(Operation *op) const {
    auto scan = cast<ScanOp>(op);
    if (!scan.getSegments())
      return {};
    return {scan.getSegments(), *scan.getSegmentsMap()};
  }
  bool splitReverse(Operation *op) const { return cast<ScanOp>(op).getReverse(); }
  SmallVector<Source> summarise(Operation *op, OpBuilder &b,
                                const TokenView &view) const {
    return ScanSplit(cast<ScanOp>(op), b).summarise(view);
  }
  SplitStates combine(Operation *op, OpBuilder &b, const TokenView &view,
                      ArrayRef<Source> summary) const {
    return ScanSplit(cast<ScanOp>(op), b).combine(view, summary);
  }
  SmallVector<Source> apply(Operation *op, OpBuilder &b, const TokenView &view,
                            ArrayRef<Source> before) const {
    return ScanSplit(cast<ScanOp>(op), b).apply(view, before);
  }
};
} // namespace

void seqc::registerScanSplitModel(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, SeqDialect *) {
    ScanOp::attachInterface<ScanModel>(*context);
  });
}
