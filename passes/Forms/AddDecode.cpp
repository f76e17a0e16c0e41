//===- AddDecode.cpp - One-token steps beside entries ---------------------===//

#include "ExplicitPosition.h"
#include "TokenDims.h"

#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>

namespace seqc {
#define GEN_PASS_DEF_ADDDECODE
#include "seqc/passes/Forms/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

/// The dimensions of `value` that are the time axis of operations that use it, each
/// once.
static SmallVector<int64_t, 1> timeDimensions(Value value) {
  SmallVector<int64_t, 1> result;
  auto add = [&](AxesAttr map) {
    int64_t d = map.find(RecurrenceOp::getTimeAxis());
    if (!llvm::is_contained(result, d))
      result.push_back(d);
  };
  for (OpOperand &use : value.getUses()) {
    auto op = dyn_cast<RecurrenceOp>(use.getOwner());
    if (!op)
      continue;
    for (auto [v, map] :
         llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>()))
      if (v == value)
        add(map);
    if (op.getResets() == value)
      add(*op.getResetsMap());
  }
  return result;
}

static bool hasRoutes(Block &block) {
  return llvm::any_of(block, [](Operation &op) { return isRoute(&op); });
}

/// Why `func` has no one-token step, or nothing.
static std::optional<std::string> obstacle(func::FuncOp func, bool &state) {
  Block &block = func.getBody().front();
  state = llvm::any_of(block.getOps<RecurrenceOp>(), [](RecurrenceOp op) {
    return !op.getCarries().empty();
  });
  if (hasRoutes(block)) {
    if (auto why = TokenDims(block).obstacle())
      return why;
    if (!state)
      return "it has no state";
    return std::nullopt;
  }
  // States of segments and states of whole sequences have no axis in common.
  Value table;
  bool whole = false;
  for (Operation &op : block.without_terminator()) {
    if (isa<arith::ConstantOp>(op)) {
      if (!timeDimensions(op.getResult(0)).empty())
        return "an operand over time is a constant";
      continue;
    }
    auto recurrence = dyn_cast<RecurrenceOp>(op);
    if (!recurrence)
      return ("'" + op.getName().getStringRef() + "' is not part of a step").str();
    if (recurrence.getReverse() && !recurrence.getCarries().empty())
      return "it runs in reverse";
    if (Value segments = recurrence.getSegments()) {
      if (table && table != segments)
        return "it has several tables of segments";
      table = segments;
    } else if (!recurrence.getCarries().empty() || usesPosition(recurrence)) {
      whole = true;
    }
    for (Value v : recurrence.getOperands())
      if (timeDimensions(v).size() > 1)
        return "an operand has its tokens along different dimensions";
  }
  if (!state)
    return "it has no state";
  if (table && whole)
    return "some of its recurrences have packed segments and others do not";
  for (Value v : block.getTerminator()->getOperands())
    if (isa<BlockArgument>(v) && !timeDimensions(v).empty())
      return "it returns an operand over time";
  return std::nullopt;
}

/// `type` without dimension `d`.
static RankedTensorType without(RankedTensorType type, int64_t d) {
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + d);
  return RankedTensorType::get(shape, type.getElementType());
}

/// Groups that join dimension `d` with a neighbour.
static SmallVector<ReassociationIndices> joining(int64_t rank, int64_t d) {
  SmallVector<ReassociationIndices> groups;
  if (rank == 1)
    return groups;
  for (int64_t i = 0; i < rank; ++i) {
    bool join = d == 0 ? i == 1 : i == d;
    if (join)
      groups.back().push_back(i);
    else
      groups.push_back({i});
  }
  return groups;
}

static StringAttr nameOf(func::FuncOp func, Value v) {
  auto arg = dyn_cast<BlockArgument>(v);
  // Arguments that were just added have no attributes yet.
  return arg && arg.getOwner() == &func.getBody().front() &&
                 arg.getArgNumber() < func.getFunctionType().getNumInputs()
             ? func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "seqc.name")
             : StringAttr();
}

/// `map` with `axis` after the time axis.
static AxesAttr withAxis(AxesAttr map, StringAttr axis) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> divisors;
  for (auto [name, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    names.push_back(name);
    divisors.push_back(divisor);
    if (name.getValue() == RecurrenceOp::getTimeAxis()) {
      names.push_back(axis);
      divisors.push_back(1);
    }
  }
  return AxesAttr::get(map.getContext(), names, divisors);
}

/// Operations visit one token: of each sequence, or with `packed`, of the one
/// sequence of each segment, whose axis then follows the time axis everywhere.
static void visitOneToken(Block &block, bool packed) {
  Builder b(block.getParentOp()->getContext());
  StringAttr shared;
  for (RecurrenceOp op : block.getOps<RecurrenceOp>())
    if (!shared)
      shared = op.getSegmentAxis();
  for (RecurrenceOp op : block.getOps<RecurrenceOp>()) {
    SmallVector<StringAttr> axes = op.getAxes();
    StringAttr axis = op.getSegmentAxis();
    if (packed && !axis) {
      axis = shared;
      while (llvm::is_contained(axes, axis))
        axis = b.getStringAttr(axis.getValue() + "_");
    }
    auto onToken = [&](AxesAttr map) { return packed ? withAxis(map, axis) : map; };
    auto allOnToken = [&](ArrayAttr maps) {
      SmallVector<Attribute> result;
      for (AxesAttr map : maps.getAsRange<AxesAttr>())
        result.push_back(onToken(map));
      return b.getArrayAttr(result);
    };
    for (auto [out, map] :
         llvm::zip(op.getOuts(), op.getOutMaps().getAsRange<AxesAttr>())) {
      auto type = cast<RankedTensorType>(out.getType());
      int64_t d = map.find(RecurrenceOp::getTimeAxis());
      SmallVector<int64_t> shape(type.getShape());
      shape[d] = 1;
      if (packed)
        shape.insert(shape.begin() + d + 1, ShapedType::kDynamic);
      out.setType(RankedTensorType::get(shape, type.getElementType()));
    }
    op.setSeqMapsAttr(allOnToken(op.getSeqMaps()));
    op.setOutMapsAttr(allOnToken(op.getOutMaps()));
    if (auto map = op.getResetsMap())
      op.setResetsMapAttr(onToken(*map));
    op.getSegmentsMutable().clear();
    op.removeSegmentsMapAttr();
    op.removeReverseAttr(); // nothing to a map
  }
}

/// How a state that starts at this value is to be filled, or nothing.
static StringAttr startOf(Value initial) {
  auto constant = initial.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return {};
  Attribute value = constant.getValue();
  if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
    if (!dense.isSplat())
      return {};
    value = dense.getSplatValue<Attribute>();
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto number = dyn_cast<FloatAttr>(value)) {
    if (number.getValue().isInfinity())
      os << (number.getValue().isNegative() ? "-inf" : "inf");
    else
      os << llvm::format("%.17g", number.getValueAsDouble());
  } else {
    os << cast<IntegerAttr>(value).getInt();
  }
  return StringAttr::get(initial.getContext(), text);
}

/// `value` with a static size of 1 in dimension `d`, for what joins it, and back.
static Value withOneToken(OpBuilder &b, Location loc, Value value, int64_t d) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[d] = 1;
  auto one = RankedTensorType::get(shape, type.getElementType());
  return one == type ? value : tensor::CastOp::create(b, loc, one, value).getResult();
}

/// The state of the segments of a dispatched batch, [b experts, ...], as [b, experts, ...]:
/// the type and the groups that join it, or a null type for other states.
static std::pair<RankedTensorType, SmallVector<ReassociationIndices>>
stateByBatch(RecurrenceOp op, AxesAttr map, Type final) {
  auto type = dyn_cast<RankedTensorType>(final);
  DispatchOp dispatch = TokenDims::dispatchOf(op.getSegments());
  int64_t at = dispatch ? map.find(op.getSegmentAxis().getValue()) : -1;
  if (!type || at < 0 || !type.isDynamicDim(at))
    return {};
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    groups.emplace_back();
    groups.back().push_back(shape.size());
    shape.push_back(type.getDimSize(d));
    if (d == at) {
      groups.back().push_back(shape.size());
      shape.push_back(dispatch.getExperts());
    }
  }
  return {RankedTensorType::get(shape, type.getElementType()), groups};
}

static void addStep(func::FuncOp func) {
  OpBuilder b(func);
  MLIRContext *context = func.getContext();
  b.setInsertionPointAfter(func);
  auto step = cast<func::FuncOp>(b.clone(*func));
  step.setName((func.getName() + "_step").str());
  step->setAttr("seqc.step", UnitAttr::get(context));
  Block &block = step.getBody().front();
  Location loc = step.getLoc();
  SmallVector<DictionaryAttr> argAttrs;
  for (unsigned i = 0; i < block.getNumArguments(); ++i)
    argAttrs.push_back(step.getArgAttrDict(i));
  auto ret = cast<func::ReturnOp>(block.getTerminator());
  auto attributes = [&](ArrayRef<std::pair<StringRef, Attribute>> entries) {
    NamedAttrList list;
    for (auto [key, value] : entries)
      if (value)
        list.set(key, value);
    return list.getDictionary(context);
  };

  // A program with routes runs as it is, on one token.
  std::optional<TokenDims> routed;
  if (hasRoutes(block))
    routed.emplace(block);
  auto tokensOf = [&](Value v) -> SmallVector<int64_t, 1> {
    if (!routed)
      return timeDimensions(v);
    int64_t d = routed->of(v);
    return d < 0 ? SmallVector<int64_t, 1>() : SmallVector<int64_t, 1>{d};
  };
  bool packed = !routed && llvm::any_of(block.getOps<RecurrenceOp>(), [](RecurrenceOp op) {
    return bool(op.getSegments());
  });
  // Positions are arguments; those with the same axes are one.
  llvm::SmallMapVector<AxesAttr, Value, 2> positions;
  SmallVector<RecurrenceOp> ops(block.getOps<RecurrenceOp>());
  llvm::SmallDenseMap<std::pair<Operation *, unsigned>, StringAttr> frozen;
  for (RecurrenceOp &op : ops) {
    if (!usesPosition(op))
      continue;
    unsigned before = op.getCarries().size();
    op = makePositionExplicit(op, [&](AxesAttr map) -> Value {
      Value &known = positions[map];
      if (!known) {
        SmallVector<int64_t> shape(map.size(), ShapedType::kDynamic);
        known = block.addArgument(RankedTensorType::get(shape, b.getI64Type()), loc);
        argAttrs.push_back(
            attributes({{"seqc.name", b.getStringAttr("position")},
                        {"seqc.start", b.getStringAttr("0")}}));
      }
      return known;
    });
    // A snapshot is taken at the first token, whatever it was before.
    for (unsigned c = before; c < op.getCarries().size(); ++c) {
      StringAttr name = nameOf(step, op.getCarries()[c]);
      name = StringAttr::get(context, (name ? name.getValue() : "state") + "_snapshot");
      frozen[{op, c}] = name;
      op.getCarriesMutable()[c].set(
          block.addArgument(op.getFinals()[c].getType(), loc));
      argAttrs.push_back(attributes(
          {{"seqc.name", name}, {"seqc.start", b.getStringAttr("0")}}));
    }
  }
  if (!routed)
    visitOneToken(block, packed);

  // Outputs lose the time dimension; states are handled below.
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> resultAttrs;
  SmallVector<std::pair<Value, StringAttr>> returned; // finals and their names
  b.setInsertionPoint(ret);
  for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
    auto op = value.getDefiningOp<RecurrenceOp>();
    unsigned at = op ? cast<OpResult>(value).getResultNumber() : 0;
    if (op && at >= op.getOuts().size()) {
      returned.push_back({value, func.getResultAttrOfType<StringAttr>(i, "seqc.name")});
      continue;
    }
    Value out = value;
    if (routed) {
      int64_t d = routed->of(value);
      out = withOneToken(b, loc, value, d);
      auto type = cast<RankedTensorType>(out.getType());
      out = tensor::CollapseShapeOp::create(b, loc, without(type, d), out,
                                            joining(type.getRank(), d));
    } else if (op) {
      int64_t d = cast<AxesAttr>(op.getOutMaps()[at])
                      .find(RecurrenceOp::getTimeAxis());
      auto type = cast<RankedTensorType>(out.getType());
      out = tensor::CollapseShapeOp::create(b, loc, without(type, d), out,
                                            joining(type.getRank(), d));
    }
    results.push_back(out);
    resultAttrs.push_back(step.getResultAttrDict(i));
  }

  // Every carry is an argument that the step updates.
  SmallVector<int64_t> inPlace(results.size(), -1);
  unsigned states = 0;
  for (RecurrenceOp op : ops)
    for (unsigned c = 0; c < op.getCarries().size(); ++c) {
      Value initial = op.getCarries()[c], final = op.getFinals()[c];
      AxesAttr map = op.getFinalMap(c);
      auto arg = dyn_cast<BlockArgument>(initial);
      auto known = llvm::find_if(returned, [&](auto &r) { return r.first == final; });
      StringAttr name = nameOf(step, initial);
      if (!name && known != returned.end())
        name = known->second;
      if (!name)
        name = StringAttr::get(context, "state" + Twine(states));
      ++states;
      auto snapshot = frozen.find({op, c});
      if (snapshot != frozen.end())
        name = snapshot->second;
      bool direct = arg && arg.hasOneUse() && initial.getType() == final.getType();
      if (direct && snapshot == frozen.end())
        direct = map == op.getCarryMaps()[c];
      Value next = final;
      if (!direct) {
        auto [whole, groups] = stateByBatch(op, map, final.getType());
        arg = block.addArgument(whole ? Type(whole) : final.getType(), loc);
        argAttrs.push_back(attributes(
            {{"seqc.name", name}, {"seqc.start", startOf(initial)}}));
        Value state = arg;
        if (whole) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(op);
          state = tensor::CollapseShapeOp::create(b, loc, final.getType(), arg, groups);
          SmallVector<OpFoldResult> sizes;
          for (int64_t d = 0; d < whole.getRank(); ++d)
            sizes.push_back(whole.isDynamicDim(d)
                                ? OpFoldResult(tensor::DimOp::create(b, loc, arg, d).getResult())
                                : b.getIndexAttr(whole.getDimSize(d)));
          b.setInsertionPointAfter(op);
          next = tensor::ExpandShapeOp::create(b, loc, whole, final, groups, sizes);
        }
        op.getCarriesMutable()[c].set(state);
      }
      SmallVector<Attribute> maps(op.getCarryMaps().getValue());
      maps[c] = map;
      op.setCarryMapsAttr(ArrayAttr::get(context, maps));
      results.push_back(next);
      resultAttrs.push_back(attributes(
          {{"seqc.name", StringAttr::get(context, name.getValue() + "_next")}}));
      inPlace.push_back(arg.getArgNumber());
    }

  // Inputs lose the time dimension; in segments, it becomes theirs.
  b.setInsertionPointToStart(&block);
  for (BlockArgument arg : block.getArguments()) {
    SmallVector<int64_t, 1> dimensions = tokensOf(arg);
    if (dimensions.empty())
      continue;
    int64_t d = dimensions[0];
    auto type = cast<RankedTensorType>(arg.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[d] = 1;
    if (packed)
      shape.insert(shape.begin() + d + 1, ShapedType::kDynamic);
    auto one = RankedTensorType::get(shape, type.getElementType());
    arg.setType(without(one, d));
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : arg.getUses())
      uses.push_back(&use);
    SmallVector<OpFoldResult> sizes;
    for (int64_t i = 0, k = 0; i < one.getRank(); ++i) {
      if (!one.isDynamicDim(i)) {
        sizes.push_back(b.getIndexAttr(one.getDimSize(i)));
        k += i != d;
        continue;
      }
      sizes.push_back(tensor::DimOp::create(b, loc, arg, k++).getResult());
    }
    Value full = tensor::ExpandShapeOp::create(b, loc, one, arg,
                                               joining(one.getRank(), d), sizes);
    if (routed && one != type)
      full = tensor::CastOp::create(b, loc, type, full);
    for (OpOperand *use : uses)
      use->set(full);
  }

  // Arguments that nothing uses any more are gone.
  llvm::BitVector dead(block.getNumArguments());
  for (BlockArgument arg : block.getArguments())
    if (arg.use_empty())
      dead.set(arg.getArgNumber());
  SmallVector<int64_t> number(block.getNumArguments(), -1);
  SmallVector<DictionaryAttr> keptAttrs;
  for (unsigned i = 0, next = 0; i < number.size(); ++i)
    if (!dead[i]) {
      number[i] = next++;
      keptAttrs.push_back(argAttrs[i]);
    }
  block.eraseArguments(dead);
  for (unsigned i = 0; i < results.size(); ++i)
    if (inPlace[i] >= 0) {
      NamedAttrList attrs(resultAttrs[i]);
      attrs.set("seqc.in_place",
                b.getI64IntegerAttr(number[inPlace[i]]));
      resultAttrs[i] = attrs.getDictionary(context);
    }
  b.setInsertionPoint(ret);
  func::ReturnOp::create(b, ret.getLoc(), results);
  ret.erase();
  SmallVector<Type> types;
  for (Value result : results)
    types.push_back(result.getType());
  step.setType(FunctionType::get(context, block.getArgumentTypes(), types));
  step.setAllArgAttrs(keptAttrs);
  step.setAllResultAttrs(resultAttrs);
}

namespace {
struct AddDecode : seqc::impl::AddDecodeBase<AddDecode> {
  using AddDecodeBase::AddDecodeBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> entries;
    for (auto func : module.getOps<func::FuncOp>())
      if (func.isPublic() && !func.isDeclaration() &&
          llvm::hasSingleElement(func.getBody()))
        entries.push_back(func);
    for (func::FuncOp func : entries) {
      std::string name = (func.getName() + "_step").str();
      bool state = false;
      std::optional<std::string> why = obstacle(func, state);
      if (!why && module.lookupSymbol(name))
        why = "the name '" + name + "' is taken";
      if (!why)
        addStep(func);
      else if (state ? remarks : maps)
        emitRemark(func.getLoc()) << "no one-token step: " << *why;
    }
  }
};
} // namespace
