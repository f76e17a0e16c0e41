//===- TokenDims.cpp - Which dimensions of a program are its tokens -------===//

#include "TokenDims.h"

#include "ExplicitPosition.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace seqc;

static int64_t rankOf(Value v) { return shapeOf(v.getType()).size(); }

TokenDims::TokenDims(Block &block) : block(block) {
  for (Operation &op : block.without_terminator())
    visit(&op);
}

int TokenDims::number(Value v, int64_t d) {
  auto [it, isNew] = numbers.try_emplace({v, d}, int(parents.size()));
  if (isNew)
    parents.push_back(it->second);
  return it->second;
}

int TokenDims::find(int c) {
  while (parents[c] != c)
    c = parents[c] = parents[parents[c]];
  return c;
}

void TokenDims::tie(Value a, int64_t i, Value b, int64_t j) {
  // A known size is no number of tokens.
  if (ShapedType::isDynamic(shapeOf(a.getType())[i]) &&
      ShapedType::isDynamic(shapeOf(b.getType())[j]))
    parents[find(number(a, i))] = find(number(b, j));
}

void TokenDims::tieAll(Value a, Value b, int64_t count) {
  for (int64_t d = 0; d < count; ++d)
    tie(a, d, b, d);
}

void TokenDims::seed(int &kind, Value v, int64_t d) {
  int c = number(v, d);
  if (kind < 0)
    kind = c;
  parents[find(c)] = find(kind);
}

bool TokenDims::isToken(Value v, int64_t d) {
  auto it = numbers.find({v, d});
  return it != numbers.end() && token >= 0 && find(it->second) == find(token);
}

int64_t TokenDims::of(Value v) {
  if (isa<RankedTensorType>(v.getType()))
    for (int64_t d = 0; d < rankOf(v); ++d)
      if (isToken(v, d))
        return d;
  return -1;
}

/// The dimension that `size` is the size of, or null.
static tensor::DimOp dimOf(OpFoldResult size) {
  auto value = dyn_cast<Value>(size);
  return value ? value.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
}

void TokenDims::visit(Operation *op) {
  if (auto recurrence = dyn_cast<RecurrenceOp>(op)) {
    // All have the same tokens: of the program, where a state goes through them in order.
    std::pair<Value, int64_t> first;
    auto mark = [&](Value v, AxesAttr map) {
      int64_t d = map.find(RecurrenceOp::getTimeAxis());
      if (d < 0)
        return;
      if (!first.first)
        first = {v, d};
      tie(v, d, first.first, first.second);
      if (recurrence.getSegments())
        seed(row, v, d);
      else if (!recurrence.getCarries().empty())
        seed(token, v, d);
    };
    for (auto [v, map] : llvm::zip(recurrence.getSeq(),
                                   recurrence.getSeqMaps().getAsRange<AxesAttr>()))
      mark(v, map);
    for (auto [v, map] : llvm::zip(recurrence.getOuts(),
                                   recurrence.getOutMaps().getAsRange<AxesAttr>()))
      mark(v, map);
    if (Value resets = recurrence.getResets())
      mark(resets, *recurrence.getResetsMap());
  } else if (auto dispatch = dyn_cast<DispatchOp>(op)) {
    int64_t rank = rankOf(dispatch.getPicks());
    seed(token, dispatch.getPicks(), rank - 2);
    seed(token, dispatch.getInverse(), rank - 2);
    for (Value v : dispatch.getTokens())
      seed(token, v, rank - 2);
    for (Value v : dispatch.getPacked())
      seed(row, v, 0);
    seed(row, dispatch.getPermutation(), 0);
  } else if (auto combine = dyn_cast<CombineOp>(op)) {
    tieAll(combine.getResult(), combine.getInverse(), rankOf(combine.getInverse()) - 1);
    if (Value weights = combine.getWeights())
      tieAll(weights, combine.getInverse(), rankOf(weights));
  } else if (auto topk = dyn_cast<TopkOp>(op)) {
    for (Value result : op->getResults())
      tieAll(result, topk.getScores(), rankOf(result) - 1);
  } else if (auto assign = dyn_cast<AssignOp>(op)) {
    for (Value result : op->getResults())
      if (!assign.getMembers())
        tieAll(result, assign.getVectors(), rankOf(result));
  } else if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    llvm::DenseMap<unsigned, std::pair<Value, unsigned>> loops;
    for (OpOperand &operand : op->getOpOperands())
      for (auto [d, expr] :
           llvm::enumerate(structured.getMatchingIndexingMap(&operand).getResults()))
        if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
          auto [it, isNew] =
              loops.try_emplace(loop.getPosition(), operand.get(), unsigned(d));
          if (!isNew)
            tie(operand.get(), d, it->second.first, it->second.second);
        }
    for (auto [result, init] : llvm::zip(op->getResults(), structured.getDpsInits()))
      tieAll(result, init, rankOf(result));
  } else if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    for (auto [d, size] : llvm::enumerate(empty.getMixedSizes()))
      if (auto from = dimOf(size))
        if (auto index = from.getConstantIndex())
          tie(empty.getResult(), d, from.getSource(), *index);
  } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    tieAll(insert.getResult(), insert.getDest(), rankOf(insert.getDest()));
    if (rankOf(insert.getSource()) == rankOf(insert.getDest()))
      tieAll(insert.getSource(), insert.getDest(), rankOf(insert.getDest()));
  } else if (auto reshape = reshapeOf(op)) {
    for (unsigned i = 0; i < reshape->groups.size(); ++i)
      if (int64_t d = reshape->onlyLarge(i); d >= 0)
        tie(reshape->shorter, i, reshape->longer, d);
  } else if (op->hasTrait<OpTrait::Elementwise>() || isa<tensor::CastOp>(op)) {
    for (Value v : op->getOperands())
      for (Value result : op->getResults())
        if (rankOf(v) == rankOf(result))
          tieAll(result, v, rankOf(v));
  }
}

std::optional<std::string> TokenDims::check(Operation *op) {
  std::string name = ("'" + op->getName().getStringRef() + "'").str();
  if (auto recurrence = dyn_cast<RecurrenceOp>(op)) {
    if (recurrence.getReverse() && !recurrence.getCarries().empty())
      return "it runs in reverse";
    if (usesPosition(recurrence))
      return "a recurrence between routes asks for positions";
    if (recurrence.getChunk())
      return "a recurrence takes chunks of tokens";
    if (recurrence.getSegments() && !dispatchOf(recurrence.getSegments()))
      return "its tokens are packed before they are dispatched";
    return std::nullopt;
  }
  if (auto dispatch = dyn_cast<DispatchOp>(op)) {
    if (dispatch.getCapacity())
      return "what a capacity drops depends on earlier tokens";
    return std::nullopt;
  }
  if (auto combine = dyn_cast<CombineOp>(op)) {
    if (!combine.getInverse().getDefiningOp<DispatchOp>())
      return "'seqc.combine' gathers other tokens";
    return std::nullopt;
  }
  if (auto assign = dyn_cast<AssignOp>(op); assign && assign.getMembers())
    return "members are chosen among all tokens";
  if (isa<TopkOp, AssignOp>(op)) {
    if (isToken(op->getOperand(0), rankOf(op->getOperand(0)) - 1))
      return name + " chooses among tokens";
    return std::nullopt;
  }
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    llvm::SmallDenseSet<unsigned> loops;
    for (OpOperand &operand : op->getOpOperands())
      for (auto [d, expr] :
           llvm::enumerate(structured.getMatchingIndexingMap(&operand).getResults())) {
        if (!isa<RankedTensorType>(operand.get().getType()) ||
            !isToken(operand.get(), d))
          continue;
        auto loop = dyn_cast<AffineDimExpr>(expr);
        if (!loop || structured.getIteratorTypesArray()[loop.getPosition()] !=
                         utils::IteratorType::parallel)
          return name + " reduces over tokens";
        loops.insert(loop.getPosition());
      }
    for (auto index : structured.getBlock()->getOps<linalg::IndexOp>())
      if (loops.contains(index.getDim()))
        return name + " asks for the number of a token";
    return std::nullopt;
  }
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    auto index = dim.getConstantIndex();
    bool counts = !index || isToken(dim.getSource(), *index);
    for (Operation *user : op->getUsers())
      if (counts && !isa<tensor::EmptyOp, tensor::InsertSliceOp, tensor::ExpandShapeOp>(user))
        return "it asks for the number of tokens";
    return std::nullopt;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    for (int64_t d = 0; d < rankOf(insert.getDest()); ++d) {
      if (!isToken(insert.getDest(), d))
        continue;
      auto size = dimOf(insert.getMixedSizes()[d]);
      auto index = size ? size.getConstantIndex() : std::nullopt;
      if (!index || !isToken(size.getSource(), *index) ||
          getConstantIntValue(insert.getMixedOffsets()[d]) != 0)
        return name + " writes some of the tokens";
    }
    return std::nullopt;
  }
  if (isa<arith::ConstantOp>(op)) {
    if (of(op->getResult(0)) >= 0)
      return "an operand over tokens is a constant";
    return std::nullopt;
  }
  if (isa<tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op)) {
    for (Value v : op->getOperands())
      if (of(v) >= 0 && of(op->getResult(0)) < 0)
        return name + " joins tokens";
    return std::nullopt;
  }
  if (op->hasTrait<OpTrait::Elementwise>())
    return std::nullopt;
  return name + " is not part of a step";
}

std::optional<std::string> TokenDims::obstacle() {
  if (token < 0)
    return "it has no tokens in order";
  if (row >= 0 && find(row) == find(token))
    return "a state goes through rows in the order of their experts";
  for (Operation &op : block.without_terminator())
    if (auto why = check(&op))
      return why;
  for (Value v : block.getTerminator()->getOperands()) {
    auto recurrence = v.getDefiningOp<RecurrenceOp>();
    bool final = recurrence && cast<OpResult>(v).getResultNumber() >=
                                   recurrence.getOuts().size();
    if (!final && (isa<BlockArgument>(v) || of(v) < 0))
      return "it returns what is no token's";
  }
  return std::nullopt;
}
