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

void AssignOperands::bind(AssignOp op, Loops &e) {
  OpBuilder &b = e.b;
  element = elementOf(op.getSimilarity().getType());
  keyType = b.getIntegerType(element.getIntOrFloatBitWidth());
  ArrayRef<int64_t> shape = shapeOf(op.getCentroids().getType());
  unsigned rank = shape.size();
  heads = rank == 3 ? shape[0] : 1;
  centroids = shape[rank - 2];
  features = shape[rank - 1];
  Value vectors = steps::readBuffer(b, e.loc, op.getVectors());
  unsigned xRank = shapeOf(op.getVectors().getType()).size(), batched = xRank - rank;
  // [n, d] is [n, 1, d].
  auto withHeads = [&](Value rows, unsigned before) {
    return rank == 3 ? e.grouped(rows, {0, before, before + 1})
                     : e.grouped(rows, {0, before, before});
  };
  x = withHeads(vectors, batched + 1);
  mu = steps::readBuffer(b, e.loc, op.getCentroids());
  mu = rank == 3 ? mu : e.grouped(mu, {0, 0, 1});
  tokens = e.dim(vectors, batched);
  SmallVector<OpFoldResult> sizes =
      leading(e, vectors, op.getMembers() ? batched : xRank - 1);
  if (op.getMembers()) {
    for (int64_t size : shape.drop_back())
      sizes.push_back(b.getIndexAttr(size));
    sizes.push_back(b.getIndexAttr(*op.getMembers()));
  }
  best = steps::writeBuffer(b, e.loc, op.getSimilarity(), sizes, replacements);
  indices = steps::writeBuffer(b, e.loc, op.getIndices(), sizes, replacements);
  if (!op.getMembers()) {
    best = e.grouped(best, {0, batched + 1});
    indices = e.grouped(indices, {0, batched + 1});
    return;
  }
  unsigned last = sizes.size() - 1;
  if (op.getInverse().use_empty()) {
    replacements.push_back(Value());
  } else {
    sizes = leading(e, vectors, xRank - 1);
    sizes.push_back(b.getIndexAttr(centroids));
    inverse = steps::writeBuffer(b, e.loc, op.getInverse(), sizes, replacements);
    inverse = withHeads(inverse, batched + 1);
  }
  best = e.grouped(best, {0, last});
  indices = e.grouped(indices, {0, last});
}

void MergeOperands::bind(MergeOp op, Loops &e) {
  Type stored = elementOf(op.getOut().getType());
  bool wide = stored.isF64() || elementOf(op.getLse().getType()).isF64();
  element = wide ? Type(e.b.getF64Type()) : Type(e.b.getF32Type());
  unsigned last = shapeOf(op.getOut().getType()).size() - 1;
  SmallVector<OpFoldResult> shape;
  for (auto [o, l] : llvm::zip(op.getOuts(), op.getLses())) {
    Value buffer = steps::readBuffer(e.b, e.loc, o);
    if (shape.empty()) {
      from = buffer;
      shape = leading(e, buffer, last + 1);
    }
    outs.push_back(e.grouped(buffer, {0, last}));
    lses.push_back(e.grouped(steps::readBuffer(e.b, e.loc, l), {0}));
  }
  to = steps::writeBuffer(e.b, e.loc, op.getOut(), shape, replacements);
  lse = steps::writeBuffer(e.b, e.loc, op.getLse(),
                           ArrayRef<OpFoldResult>(shape).drop_back(), replacements);
  out = e.grouped(to, {0, last});
  lse = e.grouped(lse, {0});
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
  for (auto [tokens, result, buffer] : llvm::zip(op.getTokens(), op.getPacked(), packed)) {
    if (result.use_empty()) // a recurrence reads its tokens where they are
      continue;
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
