//===- Lockstep.cpp - Sequences that step together ------------------------===//

#include "Lockstep.h"

#include "StepPlan.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

/// Sequences of one group: with two vectors of columns each, their sums fill half of
/// 32 vector registers.
static constexpr int64_t kSequences = 8;
/// Fewer elements of weights stay in the first-level cache.
static constexpr int64_t kLeastWeights = 1024;
/// Bytes of a group's states: they stay in the second-level cache beside the weights.
static constexpr int64_t kMostStates = 128 << 10;

static int64_t elements(Type type) {
  int64_t n = 1;
  for (int64_t size : shapeOf(type))
    n *= size;
  return n;
}

/// The values of the step that differ between sequences along `axis`.
static llvm::DenseSet<Value> varying(RecurrenceOp op, StringAttr axis) {
  llvm::DenseSet<Value> result;
  auto mark = [&](auto args, ArrayAttr maps) {
    for (auto [arg, map] : llvm::zip(args, maps.getAsRange<AxesAttr>()))
      if (map.has(axis.getValue()))
        result.insert(arg);
  };
  mark(op.getSeqArgs(), op.getSeqMaps());
  mark(op.getWeightArgs(), op.getWeightMaps());
  for (Value arg : op.getCarryArgs())
    result.insert(arg);
  for (Value arg : op.getSnapshotArgs())
    result.insert(arg);
  for (Operation &inner : op.getStep().front().without_terminator())
    if (llvm::any_of(inner.getOperands(), [&](Value v) { return result.contains(v); }))
      for (Value v : inner.getResults())
        result.insert(v);
  return result;
}

/// True if the sequences along `axis` have one length and positions of their own need
/// not be counted.
static bool mayStepTogether(RecurrenceOp op, StringAttr axis) {
  if (axis == op.getSegmentAxis())
    return false;
  if (op.getResets() && op.getResetsMap()->has(axis.getValue()) &&
      (op.getPosition() || op.getFirst() || !op.getSnapshots().empty()))
    return false;
  auto plain = [&](AxesAttr map) {
    int64_t at = map.find(axis.getValue());
    return at < 0 || map.getDivisors()[at] == 1;
  };
  for (ArrayAttr maps : {op.getSeqMaps(), op.getWeightMaps(), op.getCarryMaps(),
                         op.getRestartMaps(), op.getOutMaps()})
    if (!llvm::all_of(maps.getAsRange<AxesAttr>(), plain))
      return false;
  return true;
}

/// Elements of the weights that the step multiplies by what differs along `axis`.
static int64_t sharedWeights(RecurrenceOp op, StringAttr axis) {
  llvm::DenseSet<Value> different = varying(op, axis), weights;
  for (Value arg : op.getWeightArgs())
    if (!different.contains(arg))
      weights.insert(arg);
  int64_t sum = 0;
  for (Operation &inner : op.getStep().front().without_terminator()) {
    auto known = [&](Value v) {
      Operation *def = v.getDefiningOp();
      return weights.contains(v) || (def && def->hasTrait<OpTrait::ConstantLike>());
    };
    if (inner.getNumOperands() > 0 && llvm::all_of(inner.getOperands(), known))
      weights.insert(inner.result_begin(), inner.result_end());
    auto einsum = dyn_cast<EinsumOp>(inner);
    if (!einsum || !einsum.isContraction() || einsum.getOperands().size() != 2)
      continue;
    for (unsigned o : {0u, 1u}) {
      Value weight = einsum.getOperands()[o], other = einsum.getOperands()[1 - o];
      if (weights.contains(weight) && different.contains(other))
        sum += elements(weight.getType());
    }
  }
  return sum;
}

Lockstep steps::chooseLockstep(RecurrenceOp op) {
  if (op.getChunk())
    return {};
  int64_t states = 0, largest = 1;
  for (Value arg : op.getCarryArgs())
    states += 4 * elements(arg.getType());
  for (Operation &inner : op.getStep().front().without_terminator())
    for (Value v : inner.getResults())
      largest = std::max(largest, elements(v.getType()));
  if (std::max(states, 4 * largest) * kSequences > kMostStates)
    return {};
  Lockstep best;
  int64_t most = kLeastWeights - 1;
  for (StringAttr axis : op.getCarryAxes())
    if (mayStepTogether(op, axis))
      if (int64_t weights = sharedWeights(op, axis); weights > most) {
        most = weights;
        best = {axis, kSequences};
      }
  return best;
}

//===----------------------------------------------------------------------===//
// The step of several sequences
//===----------------------------------------------------------------------===//

namespace {
class Widener {
public:
  Widener(RecurrenceOp op, const Lockstep &lockstep)
      : op(op), count(lockstep.count), different(varying(op, lockstep.axis)),
        b(op.getContext()) {}
  bool run();

private:
  Type widened(Type type) {
    SmallVector<int64_t> shape{count};
    llvm::append_range(shape, shapeOf(type));
    return RankedTensorType::get(shape, elementOf(type));
  }
  Value ones(ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get(shape, b.getF32Type());
    return arith::ConstantOp::create(
        b, op.getLoc(), DenseElementsAttr::get(type, b.getF32FloatAttr(1.0f)));
  }
  /// `value` for every sequence, or null.
  Value of(Value value);
  /// The operation on all sequences, or null.
  Value convert(Operation *inner);
  Value convert(EinsumOp einsum);
  Value insert(Value element, Value into, ArrayRef<OpFoldResult> at);
  bool differs(Value v) const { return different.contains(v); }

  RecurrenceOp op;
  int64_t count;
  llvm::DenseSet<Value> different;
  OpBuilder b;
  IRMapping mapping;
};
} // namespace

/// Letters of a term of `rank` dimensions, without those of `used`.
static std::string lettersBeside(StringRef used, size_t rank) {
  std::string letters;
  for (char c = 'a'; letters.size() < rank && c <= 'z'; ++c)
    if (!used.contains(c))
      letters += c;
  for (char c = 'A'; letters.size() < rank && c <= 'Z'; ++c)
    if (!used.contains(c))
      letters += c;
  return letters;
}

Value Widener::of(Value value) {
  if (differs(value))
    return mapping.lookup(value);
  Location loc = op.getLoc();
  Type type = value.getType();
  if (Operation *def = value.getDefiningOp()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(def)) {
      auto wide = cast<RankedTensorType>(widened(type));
      auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!dense)
        return arith::ConstantOp::create(
            b, loc, DenseElementsAttr::get(wide, Attribute(constant.getValue())));
      if (dense.isSplat())
        return arith::ConstantOp::create(b, loc, dense.resizeSplat(wide));
    }
    if (isa<tensor::EmptyOp>(def))
      return tensor::EmptyOp::create(b, loc, shapeOf(widened(type)), elementOf(type));
  }
  if (!isa<FloatType>(elementOf(type)))
    return {};
  std::string letters = lettersBeside("", shapeOf(type).size() + 1);
  std::string term = letters.substr(1);
  Value all = EinsumOp::create(b, loc, ValueRange{ones({count}), mapping.lookupOrDefault(value)},
                               letters.substr(0, 1) + "," + term + "->" + letters);
  if (elementOf(all.getType()) != elementOf(type))
    all = arith::TruncFOp::create(b, loc, widened(type), all);
  return all;
}

Value Widener::convert(EinsumOp einsum) {
  SmallVector<std::string> terms = einsum.getTerms();
  std::string used = einsum.getOutputTerm();
  for (const std::string &term : terms)
    used += term;
  std::string letter = lettersBeside(used, 1);
  if (letter.empty())
    return {};
  std::string equation;
  SmallVector<Value> operands;
  for (auto [term, operand] : llvm::zip(terms, einsum.getOperands())) {
    equation += (operands.empty() ? "" : ",") + (differs(operand) ? letter : "") + term;
    operands.push_back(mapping.lookupOrDefault(operand));
  }
  equation += "->" + letter + einsum.getOutputTerm();
  auto wide = EinsumOp::create(b, einsum.getLoc(), operands, equation);
  for (NamedAttribute attr : einsum->getDiscardableAttrs())
    if (attr.getName() != "seqc.tiles" && attr.getName() != "seqc.problem")
      wide->setDiscardableAttr(attr.getName(), attr.getValue());
  return wide;
}

/// `into` with one element of every sequence's slice replaced.
Value Widener::insert(Value element, Value into, ArrayRef<OpFoldResult> at) {
  SmallVector<OpFoldResult> offsets{b.getIndexAttr(0)};
  llvm::append_range(offsets, at);
  SmallVector<OpFoldResult> one(offsets.size(), b.getIndexAttr(1)), sizes(one);
  sizes[0] = b.getIndexAttr(count);
  return tensor::InsertSliceOp::create(b, op.getLoc(), element, into, offsets, sizes, one);
}

Value Widener::convert(Operation *inner) {
  Location loc = inner->getLoc();
  if (inner->getNumResults() != 1)
    return {};
  Type type = widened(inner->getResult(0).getType());
  if (auto einsum = dyn_cast<EinsumOp>(inner))
    return convert(einsum);
  // One more dimension in front of a slice's.
  auto slices = [&](auto slice, auto build) -> Value {
    SmallVector<OpFoldResult> offsets{b.getIndexAttr(0)}, sizes{b.getIndexAttr(count)},
        strides{b.getIndexAttr(1)};
    for (OpFoldResult offset : slice.getMixedOffsets()) {
      if (auto value = dyn_cast<Value>(offset)) {
        if (differs(value))
          return {};
        offset = mapping.lookupOrDefault(value);
      }
      offsets.push_back(offset);
    }
    llvm::append_range(sizes, slice.getMixedSizes());
    llvm::append_range(strides, slice.getMixedStrides());
    return build(offsets, sizes, strides);
  };
  auto places = [&](ValueRange indices) -> std::optional<SmallVector<OpFoldResult>> {
    SmallVector<OpFoldResult> result;
    for (Value index : indices) {
      if (differs(index))
        return std::nullopt;
      result.push_back(mapping.lookupOrDefault(index));
    }
    return result;
  };
  auto groups = [&](ArrayRef<ReassociationIndices> old) {
    SmallVector<ReassociationIndices> result{{0}};
    for (const ReassociationIndices &group : old) {
      result.emplace_back();
      for (int64_t d : group)
        result.back().push_back(d + 1);
    }
    return result;
  };
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(inner)) {
    Value source = of(slice.getSource());
    if (!source)
      return {};
    return slices(slice, [&](auto &offsets, auto &sizes, auto &strides) -> Value {
      return tensor::ExtractSliceOp::create(b, loc, cast<RankedTensorType>(type), source,
                                            offsets, sizes, strides);
    });
  }
  if (auto slice = dyn_cast<tensor::InsertSliceOp>(inner)) {
    Value source = of(slice.getSource()), into = of(slice.getDest());
    if (!source || !into)
      return {};
    return slices(slice, [&](auto &offsets, auto &sizes, auto &strides) -> Value {
      return tensor::InsertSliceOp::create(b, loc, source, into, offsets, sizes, strides);
    });
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
    Value source = of(extract.getTensor());
    auto at = places(extract.getIndices());
    if (!source || !at)
      return {};
    at->insert(at->begin(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> one(at->size(), b.getIndexAttr(1)), sizes(one);
    sizes[0] = b.getIndexAttr(count);
    return tensor::ExtractSliceOp::create(b, loc, cast<RankedTensorType>(type), source, *at,
                                          sizes, one);
  }
  if (auto put = dyn_cast<tensor::InsertOp>(inner)) {
    Value element = of(put.getScalar()), into = of(put.getDest());
    auto at = places(put.getIndices());
    return element && into && at ? insert(element, into, *at) : Value();
  }
  if (auto from = dyn_cast<tensor::FromElementsOp>(inner)) {
    ArrayRef<int64_t> shape = from.getType().getShape();
    Value whole = tensor::EmptyOp::create(b, loc, shapeOf(type), elementOf(type));
    for (auto [i, scalar] : llvm::enumerate(from.getElements())) {
      Value element = of(scalar);
      if (!element)
        return {};
      SmallVector<OpFoldResult> at(shape.size());
      int64_t rest = i;
      for (int64_t d = shape.size(); d-- > 0; rest /= shape[d])
        at[d] = b.getIndexAttr(rest % shape[d]);
      whole = insert(element, whole, at);
    }
    return whole;
  }
  if (auto splat = dyn_cast<tensor::SplatOp>(inner)) {
    if (!splat.getInput().getType().isF32())
      return {};
    ArrayRef<int64_t> shape = splat.getType().getShape();
    std::string letters = lettersBeside("", shape.size() + 1);
    return EinsumOp::create(b, loc,
                            ValueRange{mapping.lookup(splat.getInput()), ones(shape)},
                            letters.substr(0, 1) + "," + letters.substr(1) + "->" + letters);
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(inner)) {
    if (expand.getReassociationIndices().empty())
      return {};
    return tensor::ExpandShapeOp::create(b, loc, type, mapping.lookup(expand.getSrc()),
                                         groups(expand.getReassociationIndices()));
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(inner)) {
    if (collapse.getReassociationIndices().empty())
      return {};
    return tensor::CollapseShapeOp::create(b, loc, type, mapping.lookup(collapse.getSrc()),
                                           groups(collapse.getReassociationIndices()));
  }
  auto reduce = dyn_cast<ReduceOp>(inner);
  if (!reduce && !isElementwise(inner))
    return {};
  IRMapping wide;
  for (Value operand : inner->getOperands()) {
    // A flag that chooses between tensors stays one where it is the same for all.
    bool flag = !isa<ShapedType>(operand.getType()) &&
                isa<ShapedType>(inner->getResult(0).getType());
    if (flag && differs(operand))
      return {};
    Value all = flag ? mapping.lookupOrDefault(operand) : of(operand);
    if (!all)
      return {};
    wide.map(operand, all);
  }
  Operation *copy = b.clone(*inner, wide);
  copy->getResult(0).setType(type);
  if (reduce)
    cast<ReduceOp>(copy).setAxis(reduce.getAxis() + 1);
  return copy->getResult(0);
}

bool Widener::run() {
  Block &old = op.getStep().front();
  Block *step = b.createBlock(&op.getStep());
  for (BlockArgument arg : old.getArguments())
    mapping.map(arg, step->addArgument(
                         differs(arg) ? widened(arg.getType()) : arg.getType(), arg.getLoc()));
  auto give = [&]() {
    step->dropAllReferences();
    step->erase();
    return false;
  };
  for (Operation &inner : old.without_terminator()) {
    if (!differs(inner.getNumResults() ? inner.getResult(0) : Value())) {
      b.clone(inner, mapping);
      continue;
    }
    Value wide = convert(&inner);
    if (!wide)
      return give();
    mapping.map(inner.getResult(0), wide);
  }
  YieldOp yield = op.getYield();
  SmallVector<Value> outs, carries;
  for (auto [from, to] : {std::pair(yield.getOuts(), &outs),
                          std::pair(yield.getCarries(), &carries)})
    for (Value v : from) {
      to->push_back(of(v));
      if (!to->back())
        return give();
    }
  YieldOp::create(b, yield.getLoc(), outs, carries);
  old.erase();
  return true;
}

bool steps::stepTogether(RecurrenceOp op, const Lockstep &lockstep) {
  return Widener(op, lockstep).run();
}
