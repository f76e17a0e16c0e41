//===- SeqVerify.cpp - Verifiers of recurrence and scan -------------------===//
//
// Constraint numbers are those of the operations' documentation.
//
//===----------------------------------------------------------------------===//

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace seqc;

namespace {

/// What one operand group is called and which constraints it falls under.
struct Names {
  StringRef axesNumber;   // time axis in maps (R1, S1)
  StringRef typeNumber;   // shape of an operand (R2, S2)
  StringRef sizeNumber;   // agreement of sizes (R4, S4)
  StringRef divisorNumber; // floordiv (R13, S11)
};

struct AxisInfo {
  int64_t size = ShapedType::kDynamic;
  std::string from;
  bool plain = false; // occurs without floordiv
};

/// Collects the axes of an operation's operands and checks them one by one.
class AxisChecker {
public:
  AxisChecker(Operation *op, Names names) : op(op), names(names) {}

  /// Checks operand `i` of group `what`; `slice` receives the trailing shape.
  LogicalResult operand(StringRef what, unsigned i, Value value, Attribute attr,
                        SmallVectorImpl<int64_t> &slice) {
    auto map = cast<AxesAttr>(attr);
    std::string name = (what + " operand #" + Twine(i)).str();
    Type type = value.getType();
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor && (!map.getNames().empty() || isa<ShapedType>(type)))
      return op->emitOpError() << name << " is " << type
                               << ", expected a ranked tensor with "
                               << map.size() << " leading axes (" << names.typeNumber
                               << ")";
    if (!elementOf(type).isIntOrIndexOrFloat())
      return op->emitOpError() << name << " is " << type
                               << ", expected integer or float elements ("
                               << names.typeNumber << ")";
    if (tensor && tensor.getRank() < int64_t(map.size()))
      return op->emitOpError()
             << name << " has rank " << tensor.getRank() << ", its axes name "
             << map.size() << " dimensions (" << names.typeNumber << ")";
    if (tensor && tensor.getEncoding())
      return op->emitOpError() << name << " has an encoding, expected none ("
                               << names.typeNumber << ")";
    llvm::SmallDenseSet<StringAttr> seen;
    for (unsigned d = 0; d < map.size(); ++d) {
      StringAttr axis = map.getNames()[d];
      int64_t divisor = map.getDivisors()[d];
      if (!seen.insert(axis).second)
        return op->emitOpError() << name << " names axis '" << axis.getValue()
                                 << "' twice (" << names.axesNumber << ")";
      if (divisor < 1)
        return op->emitOpError()
               << name << " divides axis '" << axis.getValue() << "' by "
               << divisor << ", expected a positive divisor ("
               << names.divisorNumber << ")";
      AxisInfo &info = axes[axis.getValue()];
      info.plain |= divisor == 1;
      int64_t size = tensor.getDimSize(d);
      if (ShapedType::isDynamic(size))
        continue;
      if (ShapedType::isDynamic(info.size)) {
        info.size = size * divisor;
        info.from = name;
      } else if (info.size != size * divisor) {
        return op->emitOpError()
               << name << " has size " << size << " in dimension " << d
               << " (axis '" << axis.getValue() << "'), expected "
               << info.size / divisor << " as in " << info.from << " ("
               << names.sizeNumber << ")";
      }
    }
    if (tensor) {
      for (int64_t d = map.size(); d < tensor.getRank(); ++d) {
        if (tensor.isDynamicDim(d))
          return op->emitOpError()
                 << name << " has dynamic feature dimension " << d
                 << ", expected a static size (" << names.typeNumber << ")";
        slice.push_back(tensor.getDimSize(d));
      }
    }
    return success();
  }

  /// The step's argument `arg` has to be the slice `shape` of `value`.
  LogicalResult argument(StringRef number, unsigned index, Value arg,
                         StringRef what, Value value, ArrayRef<int64_t> shape,
                         bool mayWiden) {
    Type expected = tensorOrScalar(shape, elementOf(value.getType()));
    Type found = arg.getType();
    bool ok = shapeOf(found) == shapeOf(expected) &&
              (mayWiden ? widensTo(elementOf(expected), elementOf(found))
                        : elementOf(expected) == elementOf(found));
    if (isa<ShapedType>(found) && !isa<RankedTensorType>(found))
      ok = false;
    if (ok)
      return success();
    return op->emitOpError() << "region argument #" << index << " (" << what
                             << ") is " << found << ", expected " << expected
                             << " (" << number << ")";
  }

  LogicalResult timeOnce(StringRef what, unsigned i, Attribute attr,
                         bool expected) {
    auto map = cast<AxesAttr>(attr);
    int64_t at = map.find(RecurrenceOp::getTimeAxis());
    if (expected && at < 0)
      return op->emitOpError() << what << " operand #" << i
                               << " does not name the time axis 't' ("
                               << names.axesNumber << ")";
    if (!expected && at >= 0)
      return op->emitOpError()
             << what << " operand #" << i
             << " names the time axis 't', expected a value that does not "
                "change over time ("
             << names.axesNumber << ")";
    if (at >= 0 && map.getDivisors()[at] != 1)
      return op->emitOpError() << what << " operand #" << i
                               << " divides the time axis 't' ("
                               << names.axesNumber << ")";
    return success();
  }

  LogicalResult plainAxes() {
    for (auto &entry : axes)
      if (!entry.second.plain)
        return op->emitOpError()
               << "axis '" << entry.first()
               << "' occurs only with floordiv, so that its size is unknown ("
               << names.divisorNumber << ")";
    return success();
  }

  llvm::StringMap<AxisInfo> axes;

private:
  Operation *op;
  Names names;
};

/// Checks the clauses `segments` and `resets`.
LogicalResult verifySegments(Operation *op, AxisChecker &checker, Value segments,
                             std::optional<AxesAttr> segmentsMap, Value resets,
                             std::optional<AxesAttr> resetsMap,
                             ArrayRef<StringAttr> axes, StringRef number) {
  if (segments && resets)
    return op->emitOpError()
           << "has both segments and resets, expected at most one (" << number
           << ")";
  if (bool(segments) != segmentsMap.has_value() ||
      bool(resets) != resetsMap.has_value())
    return op->emitOpError() << "lacks the axes of segments or resets ("
                             << number << ")";
  if (segments) {
    auto table = dyn_cast<RankedTensorType>(segments.getType());
    if (!table || table.getRank() != 1 ||
        !(table.getElementType().isSignlessInteger(32) ||
          table.getElementType().isSignlessInteger(64)))
      return op->emitOpError()
             << "segment table is " << segments.getType()
             << ", expected a rank-1 tensor of i32 or i64 (" << number << ")";
    if (segmentsMap->size() != 1 || segmentsMap->getDivisors()[0] != 1)
      return op->emitOpError()
             << "segments take one axis name (" << number << ")";
    StringRef name = segmentsMap->getNames()[0].getValue();
    if (llvm::any_of(axes, [&](StringAttr a) { return a.getValue() == name; }))
      return op->emitOpError() << "segment axis '" << name
                               << "' is also an axis of a seq operand ("
                               << number << ")";
    if (!table.isDynamicDim(0) && table.getDimSize(0) < 1)
      return op->emitOpError() << "segment table has no entries, expected at "
                                  "least one ("
                               << number << ")";
    AxisInfo &info = checker.axes[name];
    info.plain = true;
    if (!table.isDynamicDim(0)) {
      info.size = table.getDimSize(0) - 1;
      info.from = "the segment table";
    }
  }
  if (resets) {
    Type element = elementOf(resets.getType());
    if (!element.isSignlessInteger(1) && !element.isSignlessInteger(8))
      return op->emitOpError() << "reset flags are " << resets.getType()
                               << ", expected elements i1 or i8 (" << number
                               << ")";
    SmallVector<int64_t> slice;
    if (failed(checker.operand("resets", 0, resets, *resetsMap, slice)))
      return failure();
    if (!slice.empty() || !resetsMap->has(RecurrenceOp::getTimeAxis()))
      return op->emitOpError() << "reset flags need one value per token, with "
                                  "the time axis among their axes ("
                               << number << ")";
    for (StringAttr axis : resetsMap->getNames())
      if (!llvm::is_contained(axes, axis))
        return op->emitOpError() << "reset flags name axis '" << axis.getValue()
                                 << "', which no seq operand has (" << number
                                 << ")";
  }
  return success();
}

/// Checks that `map` covers `axes`, each once.
LogicalResult verifyCover(Operation *op, StringRef what, unsigned i,
                          AxesAttr map, ArrayRef<StringAttr> axes,
                          StringRef number) {
  llvm::SmallDenseSet<StringAttr> seen;
  for (auto [axis, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    if (divisor != 1 || !llvm::is_contained(axes, axis))
      return op->emitOpError() << what << " #" << i << " names axis '"
                               << axis.getValue() << "', expected an axis of a "
                               << "seq operand without floordiv (" << number
                               << ")";
    if (!seen.insert(axis).second)
      return op->emitOpError() << what << " #" << i << " names axis '"
                               << axis.getValue() << "' twice (" << number
                               << ")";
  }
  for (StringAttr axis : axes)
    if (!seen.contains(axis))
      return op->emitOpError() << what << " #" << i << " lacks axis '"
                               << axis.getValue() << "' (" << number << ")";
  return success();
}

/// Checks a result's type against its axes, slice and element kind.
LogicalResult verifyResult(Operation *op, AxisChecker &checker, unsigned i,
                           Type type, AxesAttr map, Type slice,
                           StringRef number, bool tensor = false) {
  SmallVector<int64_t> shape;
  for (StringAttr axis : map.getNames())
    shape.push_back(checker.axes[axis.getValue()].size);
  llvm::append_range(shape, shapeOf(slice));
  ArrayRef<int64_t> found = shapeOf(type);
  bool ok = found.size() == shape.size();
  for (unsigned d = 0; ok && d < shape.size(); ++d)
    ok = ShapedType::isDynamic(found[d]) || ShapedType::isDynamic(shape[d]) ||
         found[d] == shape[d];
  // Values of float type may be rounded to any float type at the yield.
  Type from = elementOf(slice), to = elementOf(type);
  ok &= from == to || (isa<FloatType>(from) && isa<FloatType>(to));
  ok &= !tensor || isa<RankedTensorType>(type);
  if (ok)
    return success();
  Type expected = tensor ? RankedTensorType::get(shape, from)
                         : tensorOrScalar(shape, from);
  return op->emitOpError() << "result #" << i << " is " << type << ", expected "
                           << expected << " (" << number << ")";
}

LogicalResult verifyBody(Operation *op, Region &region, StringRef number,
                         StringRef capture) {
  for (Operation &inner : region.front()) {
    if (!isStepOperation(&inner))
      return inner.emitOpError() << "is not part of the step vocabulary ("
                                 << number << ")";
    for (Value operand : inner.getOperands()) {
      if (operand.getParentRegion() == &region)
        continue;
      Operation *def = operand.getDefiningOp();
      if (!def || !def->hasTrait<OpTrait::ConstantLike>())
        return inner.emitOpError()
               << "uses a value from outside the step that is not a constant; "
                  "pass it as an operand ("
               << capture << ")";
    }
    for (Type type : inner.getResultTypes())
      if (auto shaped = dyn_cast<ShapedType>(type))
        if (!isa<RankedTensorType>(shaped) || !shaped.hasStaticShape() ||
            !elementOf(type).isIntOrIndexOrFloat())
          return inner.emitOpError() << "has type " << type
                                     << ", expected a scalar or a static "
                                        "tensor inside a step ("
                                     << number << ")";
  }
  return success();
}

} // namespace

//===----------------------------------------------------------------------===//
// RecurrenceOp
//===----------------------------------------------------------------------===//

LogicalResult RecurrenceOp::verify() {
  AxisChecker checker(*this, {"R1", "R2", "R4", "R13"});
  Block &step = getStep().front();
  if (getSeq().empty())
    return emitOpError("needs at least one seq operand (R1)");
  if (getSeqMaps().size() != getSeq().size() ||
      getWeightMaps().size() != getWeights().size() ||
      getCarryMaps().size() != getCarries().size() ||
      getRestartMaps().size() != getRestarts().size())
    return emitOpError("has a different number of operands and axis maps (R2)");
  for (ArrayAttr maps : {getSeqMaps(), getWeightMaps(), getCarryMaps(),
                         getRestartMaps(), getOutMaps()})
    for (Attribute map : maps)
      if (!isa<AxesAttr>(map))
        return emitOpError("has an axis map that is not #seqc.axes (R2)");
  if (getSnapshots().size() % 2)
    return emitOpError("snapshots come as pairs of carry and period (R9)");
  unsigned expected = getSeq().size() + getWeights().size() +
                      getCarries().size() + getSnapshots().size() / 2 +
                      getPosition() + getFirst() + getChunk().has_value();
  if (step.getNumArguments() != expected)
    return emitOpError("region has ")
           << step.getNumArguments() << " arguments, expected " << expected
           << ": " << getSeq().size() << " seq, " << getWeights().size()
           << " weight, " << getCarries().size() << " carry, "
           << getSnapshots().size() / 2 << " snapshot, position and first as "
           << "requested, and a count with 'chunk' (R3)";

  if (getChunk() &&
      (int64_t(*getChunk()) < 1 || !getSnapshots().empty() || getPosition() ||
       getFirst()))
    return emitOpError("has chunk length ")
           << int64_t(*getChunk()) << ", expected a positive one without snapshot, "
           << "position and first (R14)";

  unsigned index = 0;
  auto group = [&](StringRef what, OperandRange values, ArrayAttr maps,
                   bool overTime, bool mayWiden, bool hasArgs) {
    for (unsigned i = 0; i < values.size(); ++i) {
      SmallVector<int64_t> slice;
      if (failed(checker.operand(what, i, values[i], maps[i], slice)) ||
          failed(checker.timeOnce(what, i, maps[i], overTime)))
        return failure();
      if (overTime && getChunk())
        slice.insert(slice.begin(), *getChunk());
      if (hasArgs) {
        if (failed(checker.argument("R3", index, step.getArgument(index), what,
                                    values[i], slice, mayWiden)))
          return failure();
        ++index;
      } else if (tensorOrScalar(slice, elementOf(values[i].getType())) !=
                 getCarryArgs()[i].getType()) {
        return LogicalResult(emitOpError(what)
               << " operand #" << i << " has slices "
               << tensorOrScalar(slice, elementOf(values[i].getType()))
               << ", expected those of its carry, "
               << getCarryArgs()[i].getType() << " (R8)");
      }
    }
    return success();
  };
  if (failed(group("seq", getSeq(), getSeqMaps(), true, true, true)))
    return failure();
  SmallVector<StringAttr> axes = getAxes();
  if (failed(verifySegments(*this, checker, getSegments(), getSegmentsMap(),
                            getResets(), getResetsMap(), axes, "R7")))
    return failure();
  if (failed(group("weight", getWeights(), getWeightMaps(), false, true, true)) ||
      failed(group("carry", getCarries(), getCarryMaps(), false, false, true)))
    return failure();
  if (!getRestarts().empty()) {
    if (!getResets())
      return emitOpError("has restart values but no resets (R8)");
    if (getRestarts().size() != getCarries().size())
      return emitOpError("has ") << getRestarts().size()
                                 << " restart values, expected one per carry, "
                                 << getCarries().size() << " (R8)";
    if (failed(group("restart", getRestarts(), getRestartMaps(), false, false,
                     false)))
      return failure();
  }
  // R5: no axis that only a weight or state has.
  StringAttr segment = getSegmentAxis();
  auto known = [&](StringRef what, ArrayAttr maps, bool mayBeSegment) {
    for (auto [i, map] : llvm::enumerate(maps.getAsRange<AxesAttr>()))
      for (StringAttr axis : map.getNames())
        if (!llvm::is_contained(axes, axis) && !(mayBeSegment && axis == segment))
          return LogicalResult(emitOpError(what)
                 << " operand #" << i << " names axis '" << axis.getValue()
                 << "', which no seq operand has (R5)");
    return success();
  };
  if (failed(known("weight", getWeightMaps(), false)) ||
      failed(known("carry", getCarryMaps(), true)) ||
      failed(known("restart", getRestartMaps(), false)) ||
      failed(checker.plainAxes()))
    return failure();

  for (unsigned i = 0; i < getSnapshots().size(); i += 2) {
    int64_t carry = getSnapshots()[i], every = getSnapshots()[i + 1];
    if (carry < 0 || carry >= int64_t(getCarries().size()))
      return emitOpError("snapshot #")
             << i / 2 << " is of carry " << carry << ", there are "
             << getCarries().size() << " (R9)";
    if (every < 1)
      return emitOpError("snapshot #") << i / 2 << " has period " << every
                                       << ", expected a positive one (R9)";
    if (getSnapshotArgs()[i / 2].getType() != getCarryArgs()[carry].getType())
      return emitOpError("region argument #")
             << getSnapshotArgs()[i / 2].getArgNumber() << " (snapshot) is "
             << getSnapshotArgs()[i / 2].getType() << ", expected "
             << getCarryArgs()[carry].getType() << " (R3)";
  }
  if (Value position = getPositionArg(); position && !position.getType().isIndex())
    return emitOpError("position argument is ") << position.getType()
                                                << ", expected index (R3)";
  if (Value count = getCountArg(); count && !count.getType().isIndex())
    return emitOpError("count argument is ") << count.getType()
                                             << ", expected index (R14)";
  if (Value first = getFirstArg(); first && !first.getType().isInteger(1))
    return emitOpError("first argument is ") << first.getType()
                                             << ", expected i1 (R3)";

  if (step.empty() || !isa<YieldOp>(step.back()))
    return emitOpError("step must end in 'seqc.yield' (R6)");
  YieldOp yield = getYield();
  if (yield.getCarries().size() != getCarries().size())
    return yield.emitOpError("has ") << yield.getCarries().size()
                                     << " carry values, expected "
                                     << getCarries().size() << " (R6)";
  for (auto [i, pair] :
       llvm::enumerate(llvm::zip(yield.getCarries(), getCarryArgs()))) {
    auto [next, arg] = pair;
    if (next.getType() != arg.getType())
      return yield.emitOpError("carry value #")
             << i << " is " << next.getType() << ", expected " << arg.getType()
             << " (R6)";
  }
  if (yield.getOuts().size() != getOutMaps().size() ||
      getNumResults() != getOutMaps().size() + getCarries().size())
    return emitOpError("has ")
           << getNumResults() << " results and " << getOutMaps().size()
           << " out maps, expected one result per yielded output ("
           << yield.getOuts().size() << ") and carry (" << getCarries().size()
           << ") (R10)";
  for (auto [i, map] : llvm::enumerate(getOutMaps().getAsRange<AxesAttr>())) {
    Type slice = yield.getOuts()[i].getType();
    if (getChunk()) {
      if (shapeOf(slice).empty() || shapeOf(slice)[0] != int64_t(*getChunk()))
        return yield.emitOpError("out value #")
               << i << " is " << slice << ", expected a leading dimension of "
               << *getChunk() << " tokens (R14)";
      slice = dropLeading(slice);
    }
    if (failed(verifyCover(*this, "out map", i, map, axes, "R10")) ||
        failed(verifyResult(*this, checker, i, getOuts()[i].getType(), map,
                            slice, "R10")))
      return failure();
  }
  for (unsigned i = 0; i < getCarries().size(); ++i)
    if (failed(verifyResult(*this, checker, getOuts().size() + i,
                            getFinals()[i].getType(), getFinalMap(i),
                            getCarryArgs()[i].getType(), "R10",
                            /*tensor=*/true)))
      return failure();
  return success();
}

LogicalResult RecurrenceOp::verifyRegions() {
  return verifyBody(*this, getStep(), "R11", "R12");
}

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

LogicalResult ScanOp::verify() {
  AxisChecker checker(*this, {"S1", "S2", "S4", "S11"});
  Block &combine = getCombine().front();
  unsigned n = getSeq().size();
  if (n == 0)
    return emitOpError("needs at least one seq operand (S1)");
  if (getSeqMaps().size() != n ||
      getInitialMaps().size() != getInitials().size())
    return emitOpError("has a different number of operands and axis maps (S2)");
  for (ArrayAttr maps : {getSeqMaps(), getInitialMaps(), getOutMaps()})
    for (Attribute map : maps)
      if (!isa<AxesAttr>(map))
        return emitOpError("has an axis map that is not #seqc.axes (S2)");
  if (combine.getNumArguments() != 2 * n)
    return emitOpError("region has ")
           << combine.getNumArguments() << " arguments, expected " << 2 * n
           << ": a left and a right value per seq operand (S3)";
  for (unsigned i = 0; i < n; ++i) {
    SmallVector<int64_t> slice;
    if (failed(checker.operand("seq", i, getSeq()[i], getSeqMaps()[i], slice)) ||
        failed(checker.timeOnce("seq", i, getSeqMaps()[i], true)) ||
        failed(checker.argument("S3", i, combine.getArgument(i), "left",
                                getSeq()[i], slice, true)))
      return failure();
    if (combine.getArgument(i).getType() != combine.getArgument(n + i).getType())
      return emitOpError("region argument #")
             << n + i << " (right) is " << combine.getArgument(n + i).getType()
             << ", expected " << combine.getArgument(i).getType() << " (S3)";
  }
  SmallVector<StringAttr> axes = getAxes();
  if (failed(verifySegments(*this, checker, getSegments(), getSegmentsMap(),
                            getResets(), getResetsMap(), axes, "S7")))
    return failure();
  if (getIdentities().size() != n)
    return emitOpError("has ") << getIdentities().size()
                               << " identity values, expected " << n << " (S5)";
  for (unsigned i = 0; i < n; ++i)
    if (getIdentities()[i].getType() != getLeftArgs()[i].getType())
      return emitOpError("identity #")
             << i << " is " << getIdentities()[i].getType() << ", expected "
             << getLeftArgs()[i].getType() << " (S5)";
  if (!getInitials().empty() && getInitials().size() != n)
    return emitOpError("has ") << getInitials().size()
                               << " initial values, expected none or " << n
                               << " (S8)";
  StringAttr segment = getSegmentAxis();
  for (unsigned i = 0; i < getInitials().size(); ++i) {
    SmallVector<int64_t> slice;
    if (failed(checker.operand("initial", i, getInitials()[i],
                               getInitialMaps()[i], slice)) ||
        failed(checker.timeOnce("initial", i, getInitialMaps()[i], false)))
      return failure();
    Type type = tensorOrScalar(slice, elementOf(getInitials()[i].getType()));
    if (type != getLeftArgs()[i].getType())
      return emitOpError("initial operand #")
             << i << " has slices " << type << ", expected "
             << getLeftArgs()[i].getType() << " (S8)";
    for (StringAttr axis : cast<AxesAttr>(getInitialMaps()[i]).getNames())
      if (!llvm::is_contained(axes, axis) && axis != segment)
        return emitOpError("initial operand #")
               << i << " names axis '" << axis.getValue()
               << "', which no seq operand has (S8)";
  }
  if (failed(checker.plainAxes()))
    return failure();
  if (combine.empty() || !isa<YieldOp>(combine.back()))
    return emitOpError("combine region must end in 'seqc.yield' (S6)");
  YieldOp yield = getYield();
  if (yield.getOuts().size() != n || !yield.getCarries().empty())
    return yield.emitOpError("has ")
           << yield.getOuts().size() << " out and " << yield.getCarries().size()
           << " carry values, expected " << n << " and 0 (S6)";
  for (unsigned i = 0; i < n; ++i)
    if (yield.getOuts()[i].getType() != getLeftArgs()[i].getType())
      return yield.emitOpError("out value #")
             << i << " is " << yield.getOuts()[i].getType() << ", expected "
             << getLeftArgs()[i].getType() << " (S6)";
  if (getOutMaps().size() != n || getNumResults() != n * (getFinal() ? 2 : 1))
    return emitOpError("has ")
           << getNumResults() << " results and " << getOutMaps().size()
           << " out maps, expected " << n * (getFinal() ? 2 : 1) << " and " << n
           << " (S9)";
  for (auto [i, map] : llvm::enumerate(getOutMaps().getAsRange<AxesAttr>()))
    if (failed(verifyCover(*this, "out map", i, map, axes, "S9")) ||
        failed(verifyResult(*this, checker, i, getOuts()[i].getType(), map,
                            getLeftArgs()[i].getType(), "S9")))
      return failure();
  for (unsigned i = 0; i < getFinals().size(); ++i)
    if (failed(verifyResult(*this, checker, n + i, getFinals()[i].getType(),
                            getFinalMap(i), getLeftArgs()[i].getType(), "S9",
                            /*tensor=*/true)))
      return failure();
  return success();
}

LogicalResult ScanOp::verifyRegions() {
  for (Value identity : getIdentities()) {
    Operation *def = identity.getDefiningOp();
    if (!def || !def->hasTrait<OpTrait::ConstantLike>())
      return emitOpError("identity values must be constants (S5)");
  }
  return verifyBody(*this, getCombine(), "S10", "S10");
}
