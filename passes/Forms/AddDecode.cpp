//===- AddDecode.cpp - One-token steps beside entries ---------------------===//

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace seqc {
#define GEN_PASS_DEF_ADDDECODE
#include "seqc/passes/Forms/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

/// The dimension of `value` that is the time axis of an operation that uses it,
/// or -1.
static int64_t timeDimension(Value value) {
  for (OpOperand &use : value.getUses()) {
    auto op = dyn_cast<RecurrenceOp>(use.getOwner());
    if (!op)
      continue;
    for (auto [v, map] :
         llvm::zip(op.getSeq(), op.getSeqMaps().getAsRange<AxesAttr>()))
      if (v == value)
        return map.find(RecurrenceOp::getTimeAxis());
    if (op.getResets() == value)
      return op.getResetsMap()->find(RecurrenceOp::getTimeAxis());
  }
  return -1;
}

/// Why `func` has no one-token step, or nothing.
static std::optional<std::string> obstacle(func::FuncOp func) {
  bool state = false;
  for (Operation &op : func.getBody().front().without_terminator()) {
    if (isa<arith::ConstantOp>(op))
      continue;
    auto recurrence = dyn_cast<RecurrenceOp>(op);
    if (!recurrence)
      return ("'" + op.getName().getStringRef() + "' is not part of a step").str();
    if (recurrence.getReverse())
      return "it runs in reverse";
    if (recurrence.getSegments())
      return "it has packed segments";
    if (recurrence.getPosition() || recurrence.getFirst() ||
        !recurrence.getSnapshots().empty())
      return "it depends on the position";
    state |= !recurrence.getCarries().empty();
  }
  if (!state)
    return "it has no state";
  return std::nullopt;
}

/// `type` without dimension `d`.
static RankedTensorType without(RankedTensorType type, int64_t d) {
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + d);
  return RankedTensorType::get(shape, type.getElementType());
}

/// `type` with size 1 in dimension `d`.
static RankedTensorType withOne(RankedTensorType type, int64_t d) {
  SmallVector<int64_t> shape(type.getShape());
  shape[d] = 1;
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
  return arg && arg.getOwner() == &func.getBody().front()
             ? func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "seqc.name")
             : StringAttr();
}

static void addStep(func::FuncOp func) {
  OpBuilder b(func);
  MLIRContext *context = func.getContext();
  b.setInsertionPointAfter(func);
  auto step = cast<func::FuncOp>(b.clone(*func));
  step.setName((func.getName() + "_step").str());
  step->removeAttr("seqc.bench");
  step->removeAttr("seqc.sizes");
  step->setAttr("seqc.step", UnitAttr::get(context));
  Block &block = step.getBody().front();
  Location loc = step.getLoc();
  SmallVector<DictionaryAttr> argAttrs;
  for (unsigned i = 0; i < block.getNumArguments(); ++i)
    argAttrs.push_back(step.getArgAttrDict(i));
  auto ret = cast<func::ReturnOp>(block.getTerminator());

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
    if (op) {
      int64_t d = cast<AxesAttr>(op.getOutMaps()[at])
                      .find(RecurrenceOp::getTimeAxis());
      auto one = withOne(cast<RankedTensorType>(out.getType()), d);
      if (one != out.getType())
        out = tensor::CastOp::create(b, loc, one, out);
      out = tensor::CollapseShapeOp::create(b, loc, without(one, d), out,
                                            joining(one.getRank(), d));
    }
    results.push_back(out);
    resultAttrs.push_back(step.getResultAttrDict(i));
  }

  // Every carry is an argument that the step updates.
  SmallVector<RecurrenceOp> ops(block.getOps<RecurrenceOp>());
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
      bool direct = arg && arg.hasOneUse() && map == op.getCarryMaps()[c] &&
                    initial.getType() == final.getType();
      if (!direct) {
        arg = block.addArgument(final.getType(), loc);
        argAttrs.push_back(DictionaryAttr::get(
            context, NamedAttribute(StringAttr::get(context, "seqc.name"), name)));
        op.getCarriesMutable()[c].set(arg);
        SmallVector<Attribute> maps(op.getCarryMaps().getValue());
        maps[c] = map;
        op.setCarryMapsAttr(ArrayAttr::get(context, maps));
      }
      results.push_back(final);
      resultAttrs.push_back(DictionaryAttr::get(
          context,
          {NamedAttribute(StringAttr::get(context, "seqc.name"),
                          StringAttr::get(context, name.getValue() + "_next"))}));
      inPlace.push_back(arg.getArgNumber());
    }

  // Inputs lose the time dimension.
  b.setInsertionPointToStart(&block);
  for (BlockArgument arg : block.getArguments()) {
    int64_t d = timeDimension(arg);
    if (d < 0)
      continue;
    auto type = cast<RankedTensorType>(arg.getType());
    auto one = withOne(type, d);
    arg.setType(without(type, d));
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
      std::optional<std::string> why = obstacle(func);
      if (!why && module.lookupSymbol(name))
        why = "the name '" + name + "' is taken";
      if (!why)
        addStep(func);
      else if (remarks)
        emitRemark(func.getLoc()) << "no one-token step: " << *why;
    }
  }
};
} // namespace
