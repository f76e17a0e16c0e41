//===- RouteOperands.cpp - Operands and results of routes, bound ----------===//

#include "RouteOperands.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Value = mlir::Value;

/// The sizes of the first `count` dimensions.
static SmallVector<OpFoldResult> leading(Loops &e, Value buffer, unsigned count) {
  SmallVector<OpFoldResult> shape;
  for (unsigned d = 0; d < count; ++d)
    shape.push_back(e.dim(buffer, d));
  return shape;
}

void TopkOperands::bind(TopkOp op, Loops &e) {
  unsigned last = shapeOf(op.getScores().getType()).size() - 1;
  source = steps::readBuffer(e.b, e.loc, op.getScores());
  SmallVector<OpFoldResult> shape = leading(e, source, last);
  shape.push_back(e.b.getIndexAttr(op.getK()));
  Value w = steps::writeBuffer(e.b, e.loc, op.getWeights(), shape, replacements);
  Value i = steps::writeBuffer(e.b, e.loc, op.getIndices(), shape, replacements);
  scores = e.grouped(source, {0, last});
  weights = e.grouped(w, {0, last});
  indices = e.grouped(i, {0, last});
}

void DispatchOperands::bind(DispatchOp op, Loops &e) {
  source = steps::readBuffer(e.b, e.loc, op.getPicks());
  unsigned rank = shapeOf(op.getPicks().getType()).size();
  picks = e.grouped(source, {0, rank - 2});
  batches = e.dim(picks, 0);
  slots = e.dim(picks, 1);
  experts = e.index(op.getExperts());
  segments = e.mul(batches, experts);
  rows = e.mul(batches, slots);
  for (Value result : op.getPacked()) {
    SmallVector<OpFoldResult> shape{rows};
    for (int64_t size : shapeOf(result.getType()).drop_front())
      shape.push_back(e.b.getIndexAttr(size));
    packed.push_back(steps::writeBuffer(e.b, e.loc, result, shape, replacements));
  }
  permutation = steps::writeBuffer(e.b, e.loc, op.getPermutation(), OpFoldResult(rows),
                                   replacements);
  inverse = steps::writeBuffer(e.b, e.loc, op.getInverse(), leading(e, source, rank),
                               replacements);
  inverse = e.grouped(inverse, {0, rank - 2});
  Value entries = e.add(segments, e.index(1 + op.getCapacity().has_value()));
  offsets = steps::writeBuffer(e.b, e.loc, op.getOffsets(), OpFoldResult(entries),
                               replacements);
}

Value DispatchOperands::joined(DispatchOp op, Loops &e, Value tokens) {
  return e.grouped(tokens, {0, unsigned(shapeOf(op.getPicks().getType()).size()) - 1});
}

void DispatchOperands::eachTokens(
    DispatchOp op, Loops &e, llvm::function_ref<void(Value, Value, int64_t)> move) {
  unsigned rank = shapeOf(op.getPicks().getType()).size();
  for (auto [tokens, buffer] : llvm::zip(op.getTokens(), packed)) {
    int64_t features = 1;
    for (int64_t size : shapeOf(tokens.getType()).drop_front(rank - 1))
      features *= size;
    if (features)
      move(steps::readBuffer(e.b, e.loc, tokens), buffer, features);
  }
}

void CombineOperands::bind(CombineOp op, Loops &e) {
  Type stored = elementOf(op.getRows().getType());
  element = stored.isF64() ? stored : Type(e.b.getF32Type());
  unsigned last = shapeOf(op.getInverse().getType()).size() - 1;
  columns = shapeOf(op.getInverse().getType()).back();
  Value inverseBuffer = steps::readBuffer(e.b, e.loc, op.getInverse());
  SmallVector<OpFoldResult> shape = leading(e, inverseBuffer, last);
  for (int64_t size : shapeOf(op.getRows().getType()).drop_front()) {
    shape.push_back(e.b.getIndexAttr(size));
    features *= size;
  }
  inverse = e.grouped(inverseBuffer, {0, last});
  from = steps::readBuffer(e.b, e.loc, op.getRows());
  rows = e.grouped(from, {0, 1});
  if (op.getWeights())
    weights = e.grouped(steps::readBuffer(e.b, e.loc, op.getWeights()), {0, last});
  to = steps::writeBuffer(e.b, e.loc, op.getResult(), shape, replacements);
  result = e.grouped(to, {0, last});
}

void AttentionOperands::bind(BlockAttentionOp op, Loops &e) {
  OpBuilder &b = e.b;
  bool packed = bool(op.getSegments());
  auto view = [&](Value buffer) {
    return packed ? e.grouped(buffer, {0, 0, 1, 2}) : buffer;
  };
  Value query = steps::readBuffer(b, e.loc, op.getQuery());
  q = view(query);
  k = view(steps::readBuffer(b, e.loc, op.getKey()));
  v = view(steps::readBuffer(b, e.loc, op.getValue()));
  if (op.getBlocks())
    list = view(steps::readBuffer(b, e.loc, op.getBlocks()));
  if (op.getRelative())
    relative = steps::readBuffer(b, e.loc, op.getRelative());
  if (op.getAt())
    places = steps::readBuffer(b, e.loc, op.getAt());
  if (packed)
    table = steps::readBuffer(b, e.loc, op.getSegments());
  heads = cast<MemRefType>(q.getType()).getDimSize(2);
  features = cast<MemRefType>(q.getType()).getDimSize(3);
  keyHeads = cast<MemRefType>(k.getType()).getDimSize(2);
  values = cast<MemRefType>(v.getType()).getDimSize(3);
  unsigned rank = cast<MemRefType>(query.getType()).getRank();
  SmallVector<OpFoldResult> shape = leading(e, query, rank - 1), outShape(shape);
  outShape.push_back(b.getIndexAttr(values));
  out = view(steps::writeBuffer(b, e.loc, op.getOut(), outShape, replacements));
  lse = steps::writeBuffer(b, e.loc, op.getLse(), shape, replacements);
  if (packed)
    lse = e.grouped(lse, {0, 0, 1});
  length = e.dim(q, 1);
  keyLength = e.dim(k, 1);
}
