//===- SeqDialect.cpp - The seqc dialect: registration and accessors ------===//

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace seqc;

#include "seqc/dialects/Seq/SeqDialect.cpp.inc"
#include "seqc/dialects/Seq/SeqEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "seqc/dialects/Seq/SeqAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "seqc/dialects/Seq/SeqOps.cpp.inc"

void SeqDialect::initialize() {
  // What routes fold to.
  getContext()->loadDialect<linalg::LinalgDialect>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "seqc/dialects/Seq/SeqAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "seqc/dialects/Seq/SeqOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

ArrayRef<int64_t> seqc::shapeOf(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getShape();
  return {};
}

Type seqc::elementOf(Type type) { return getElementTypeOrSelf(type); }

Type seqc::dropLeading(Type type) {
  ArrayRef<int64_t> shape = shapeOf(type);
  return shape.empty() ? type
                       : tensorOrScalar(shape.drop_front(), elementOf(type));
}

Type seqc::tensorOrScalar(ArrayRef<int64_t> shape, Type element) {
  return shape.empty() ? element : RankedTensorType::get(shape, element);
}

bool seqc::widensTo(Type from, Type to) {
  if (from == to)
    return true;
  auto f = dyn_cast<FloatType>(from), t = dyn_cast<FloatType>(to);
  return f && t && f.getWidth() < t.getWidth();
}

int64_t seqc::Reshape::onlyLarge(unsigned i) const {
  int64_t found = -1;
  for (int64_t d : groups[i])
    if (shapeOf(longer.getType())[d] != 1) {
      if (found >= 0)
        return -1;
      found = d;
    }
  return found;
}

std::optional<Reshape> seqc::reshapeOf(Operation *op) {
  Reshape reshape;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    reshape = {expand.getResult(), expand.getSrc(), expand.getReassociationIndices()};
  else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    reshape = {collapse.getSrc(), collapse.getResult(),
               collapse.getReassociationIndices()};
  else
    return std::nullopt;
  int64_t next = 0;
  for (const ReassociationIndices &group : reshape.groups)
    for (int64_t d : group)
      if (d != next++)
        return std::nullopt;
  if (next != int64_t(shapeOf(reshape.longer.getType()).size()))
    return std::nullopt;
  return reshape;
}

bool seqc::isRoute(Operation *op) {
  return isa<TopkOp, AssignOp, DispatchOp, CombineOp, BlockAttentionOp, MergeOp>(op);
}

bool seqc::isStepOperation(Operation *op) {
  if (isa<YieldOp, EinsumOp, ReduceOp>(op))
    return true;
  if (op->getNumRegions() != 0)
    return false;
  Dialect *dialect = op->getDialect();
  if (isa_and_nonnull<arith::ArithDialect, math::MathDialect>(dialect))
    return true;
  return isa<tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::ExtractOp,
             tensor::InsertOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
             tensor::SplatOp, tensor::FromElementsOp, tensor::EmptyOp>(op);
}

//===----------------------------------------------------------------------===//
// AxesAttr
//===----------------------------------------------------------------------===//

int64_t AxesAttr::find(StringRef axis) const {
  for (auto [i, name] : llvm::enumerate(getNames()))
    if (name.getValue() == axis)
      return i;
  return -1;
}

Attribute AxesAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> divisors;
  auto element = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    names.push_back(StringAttr::get(parser.getContext(), name));
    divisors.push_back(1);
    if (succeeded(parser.parseOptionalKeyword("floordiv")))
      return parser.parseInteger(divisors.back());
    return success();
  };
  // In an operation's text the axes stand in parentheses; as a plain
  // attribute they stand in the usual angle brackets.
  bool angle = succeeded(parser.parseOptionalLess());
  if (parser.parseCommaSeparatedList(angle ? AsmParser::Delimiter::None
                                           : AsmParser::Delimiter::Paren,
                                     element) ||
      (angle && parser.parseGreater()))
    return {};
  return AxesAttr::get(parser.getContext(), names, divisors);
}

static void printAxisList(AsmPrinter &printer, AxesAttr axes) {
  for (unsigned i = 0, e = axes.size(); i != e; ++i) {
    printer << (i ? ", " : "") << axes.getNames()[i].getValue();
    if (axes.getDivisors()[i] != 1)
      printer << " floordiv " << axes.getDivisors()[i];
  }
}

void AxesAttr::print(AsmPrinter &printer) const {
  // An empty list needs the parentheses to be told from a missing parameter.
  if (getNames().empty()) {
    printer << "()";
    return;
  }
  printer << "<";
  printAxisList(printer, *this);
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Accessors shared by recurrence and scan
//===----------------------------------------------------------------------===//

static SmallVector<StringAttr> axesOf(ArrayAttr maps) {
  SmallVector<StringAttr> axes;
  for (AxesAttr map : maps.getAsRange<AxesAttr>())
    for (StringAttr name : map.getNames())
      if (!llvm::is_contained(axes, name))
        axes.push_back(name);
  return axes;
}

SmallVector<StringAttr> seqc::stateAxesOf(ArrayRef<StringAttr> axes,
                                          StringAttr segment) {
  SmallVector<StringAttr> result;
  for (StringAttr axis : axes) {
    if (axis.getValue() != RecurrenceOp::getTimeAxis())
      result.push_back(axis);
    else if (segment)
      result.push_back(segment);
  }
  return result;
}

AxesAttr seqc::finalMapOf(MLIRContext *context, AxesAttr initial,
                          ArrayRef<StringAttr> carryAxes) {
  auto complete = [&](StringAttr axis) {
    int64_t at = initial.find(axis.getValue());
    return at >= 0 && initial.getDivisors()[at] == 1;
  };
  if (initial && initial.size() == carryAxes.size() &&
      llvm::all_of(carryAxes, complete))
    return initial;
  return AxesAttr::get(context, carryAxes,
                       SmallVector<int64_t>(carryAxes.size(), 1));
}

static StringAttr segmentAxisOf(std::optional<AxesAttr> map) {
  return map && map->size() == 1 ? map->getNames()[0] : StringAttr();
}

SmallVector<StringAttr> RecurrenceOp::getAxes() { return axesOf(getSeqMaps()); }
SmallVector<StringAttr> ScanOp::getAxes() { return axesOf(getSeqMaps()); }

StringAttr RecurrenceOp::getSegmentAxis() {
  return segmentAxisOf(getSegmentsMap());
}
StringAttr ScanOp::getSegmentAxis() { return segmentAxisOf(getSegmentsMap()); }

SmallVector<StringAttr> RecurrenceOp::getCarryAxes() {
  return stateAxesOf(getAxes(), getSegmentAxis());
}
SmallVector<StringAttr> ScanOp::getCarryAxes() {
  return stateAxesOf(getAxes(), getSegmentAxis());
}

AxesAttr RecurrenceOp::getFinalMap(unsigned carry) {
  return finalMapOf(getContext(), cast<AxesAttr>(getCarryMaps()[carry]),
                    getCarryAxes());
}
AxesAttr ScanOp::getFinalMap(unsigned i) {
  AxesAttr initial;
  if (i < getInitialMaps().size())
    initial = cast<AxesAttr>(getInitialMaps()[i]);
  return finalMapOf(getContext(), initial, getCarryAxes());
}

YieldOp RecurrenceOp::getYield() {
  return cast<YieldOp>(getStep().front().getTerminator());
}
YieldOp ScanOp::getYield() {
  return cast<YieldOp>(getCombine().front().getTerminator());
}

ResultRange RecurrenceOp::getOuts() {
  return getResults().take_front(getOutMaps().size());
}
ResultRange RecurrenceOp::getFinals() {
  return getResults().drop_front(getOutMaps().size());
}
ResultRange ScanOp::getOuts() {
  return getResults().take_front(getOutMaps().size());
}
ResultRange ScanOp::getFinals() {
  return getResults().drop_front(getOutMaps().size());
}

Block::BlockArgListType RecurrenceOp::getSeqArgs() {
  return getStep().getArguments().take_front(getSeq().size());
}
Block::BlockArgListType RecurrenceOp::getWeightArgs() {
  return getStep().getArguments().slice(getSeq().size(), getWeights().size());
}
Block::BlockArgListType RecurrenceOp::getCarryArgs() {
  return getStep().getArguments().slice(getSeq().size() + getWeights().size(),
                                        getCarries().size());
}
Block::BlockArgListType RecurrenceOp::getSnapshotArgs() {
  return getStep().getArguments().slice(
      getSeq().size() + getWeights().size() + getCarries().size(),
      getSnapshots().size() / 2);
}
Value RecurrenceOp::getPositionArg() {
  if (!getPosition())
    return {};
  return getStep().getArgument(getStep().getNumArguments() - 1 - getFirst());
}
Value RecurrenceOp::getFirstArg() {
  if (!getFirst())
    return {};
  return getStep().getArgument(getStep().getNumArguments() - 1);
}

Value RecurrenceOp::getCountArg() {
  if (!getChunk())
    return {};
  return getStep().getArgument(getStep().getNumArguments() - 1);
}

Block::BlockArgListType ScanOp::getLeftArgs() {
  return getCombine().getArguments().take_front(getSeq().size());
}
Block::BlockArgListType ScanOp::getRightArgs() {
  return getCombine().getArguments().drop_front(getSeq().size());
}

void RecurrenceOp::getAsmBlockArgumentNames(Region &region,
                                            OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() == 0)
    return;
  auto name = [&](auto args, StringRef prefix) {
    for (auto [i, arg] : llvm::enumerate(args))
      setName(arg, (prefix + Twine(i)).str());
  };
  unsigned fixed = getSeq().size() + getWeights().size() + getCarries().size() +
                   getSnapshots().size() / 2 + getPosition() + getFirst() +
                   getChunk().has_value();
  if (region.getNumArguments() != fixed)
    return;
  name(getSeqArgs(), "x");
  name(getWeightArgs(), "w");
  name(getCarryArgs(), "s");
  name(getSnapshotArgs(), "snapshot");
  if (Value position = getPositionArg())
    setName(position, "t");
  if (Value first = getFirstArg())
    setName(first, "first");
  if (Value count = getCountArg())
    setName(count, "count");
}

void ScanOp::getAsmBlockArgumentNames(Region &region,
                                      OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() != 2 * getSeq().size())
    return;
  for (auto [i, arg] : llvm::enumerate(getLeftArgs()))
    setName(arg, ("l" + Twine(i)).str());
  for (auto [i, arg] : llvm::enumerate(getRightArgs()))
    setName(arg, ("r" + Twine(i)).str());
}
