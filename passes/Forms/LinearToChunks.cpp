//===- LinearToChunks.cpp - Linear recurrences in chunked form ------------===//

#include "ChunkBuilder.h"
#include "Replace.h"

#include "seqc/dialects/Seq/StepBuilder.h"
#include "seqc/lib/Structure/Ranges.h"
#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <optional>

namespace seqc {
#define GEN_PASS_DEF_LINEARTOCHUNKS
#include "seqc/passes/Forms/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

/// Why the operation has no chunked form, or nothing.  Gates enter by their
/// logarithms, whose sums over tokens must not rise.
static std::optional<std::string> obstacle(LinearRecurrenceOp op, bool force) {
  bool along[2] = {false, false};
  for (unsigned i = 0; i < op.numGates(); ++i) {
    Interval range = structure::rangeOf(op.gate(i).value);
    std::string gate = "gate #" + std::to_string(i);
    if (!op.getGateLogs()[i] && !range.within(0, 1))
      return gate + " is neither given as a logarithm nor known to be within 0 .. 1";
    // Asked for by name, a logarithm is taken at its word.
    if (!force && op.getGateLogs()[i] && range.high > 0)
      return gate + " is not known to be at most 0";
    if (op.getGateAxes()[i] >= 0)
      along[op.getGateAxes()[i]] = true;
  }
  if (along[1] && op.numPairs())
    return "a vector gate along the second dimension meets a correction";
  return std::nullopt;
}

namespace {
/// A vector operand of every token, times its scale where it has one: [C, n].
class Chunked {
public:
  Chunked(LinearRecurrenceOp op, int64_t tokens)
      : op(op), b(op), loc(op.getLoc()), tokens(tokens), sb(b, loc, tokens),
        element(elementOf(op.getInitial().getType()).isF64() ? b.getF64Type()
                                                             : b.getF32Type()),
        cb(sb.step(), loc, tokens, Type(element)),
        columns(sb.step(), loc, tokens, Type(element)) {}
  void run();

private:
  Value rowsOf(LinearRecurrenceOp::Operand o);
  Value scaled(LinearRecurrenceOp::Operand vector,
               LinearRecurrenceOp::Operand scale);
  void gates();

  LinearRecurrenceOp op;
  OpBuilder b;
  Location loc;
  int64_t tokens;
  StepBuilder sb;
  FloatType element;
  /// Gates along K and those without a dimension; gates along V.
  ChunkBuilder cb, columns;
};
} // namespace

/// The operand for each of the chunk's tokens.
Value Chunked::rowsOf(LinearRecurrenceOp::Operand o) {
  Value v = cb.cast(sb.add({o.value, o.map}));
  if (o.map.has(RecurrenceOp::getTimeAxis()))
    return v;
  Value ones = cb.splat(1, {tokens});
  return cb.einsum(shapeOf(v.getType()).empty() ? "i,->i" : "i,k->ik", {ones, v});
}

static bool isOne(Value v) {
  auto constant = v.getDefiningOp<arith::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue())
                        : DenseFPElementsAttr();
  return dense && dense.isSplat() && dense.getSplatValue<APFloat>().isExactlyValue(1);
}

Value Chunked::scaled(LinearRecurrenceOp::Operand vector,
                      LinearRecurrenceOp::Operand scale) {
  Value v = rowsOf(vector);
  return isOne(scale.value) ? v : cb.einsum("ik,i->ik", {v, rowsOf(scale)});
}

void Chunked::gates() {
  Value scalar, along[2];
  for (unsigned i = 0; i < op.numGates(); ++i) {
    auto gate = op.gate(i);
    Value g = rowsOf(gate);
    if (!op.getGateLogs()[i])
      g = math::LogOp::create(sb.step(), loc, g);
    bool timed = gate.map.has(RecurrenceOp::getTimeAxis());
    // Tokens beyond the end are zero, which is a logarithm of one; other gates
    // have to be made so.
    int64_t axis = op.getGateAxes()[i];
    if (!timed || !op.getGateLogs()[i]) {
      Value exists = cb.valid(sb.count());
      if (axis >= 0)
        exists = cb.einsum(
            "i,k->ik", {exists, cb.splat(1, {shapeOf(g.getType())[1]})});
      g = cb.where(exists, g);
    }
    Value &sum = axis < 0 ? scalar : along[axis];
    sum = sum ? cb.add(sum, g) : g;
  }
  cb.setGates(scalar, along[0]);
  columns.setGates({}, along[1]);
}

void Chunked::run() {
  Value carry = sb.addCarry({op.initial().value, op.initial().map});
  Value state = cb.cast(carry);
  gates();

  // What each token adds to the state: pairs of key [C, K] and value [C, V].
  struct Update {
    Value key, value;
  };
  SmallVector<Update> updates;
  for (unsigned i = 0; i < op.numWrites(); ++i)
    updates.push_back(
        {scaled(op.write(i, 0), op.write(i, 2)), rowsOf(op.write(i, 1))});

  // z_p,i = right_p,i^T S for every pair: (I - A) Z = what the incoming state and
  // the writes contribute.
  unsigned pairs = op.numPairs();
  if (pairs) {
    SmallVector<Value> lefts, rights, known;
    for (unsigned p = 0; p < pairs; ++p) {
      lefts.push_back(scaled(op.pair(p, 0), op.pair(p, 2)));
      rights.push_back(rowsOf(op.pair(p, 1)));
    }
    for (unsigned p = 0; p < pairs; ++p) {
      bool decayed = op.getPairDecayed()[p];
      Value z = cb.einsum("ik,kv->iv", {cb.fromStart(rights[p], decayed), state});
      for (const Update &u : updates)
        z = cb.add(z, cb.einsum("ij,jv->iv", {cb.pairSum(rights[p], u.key, decayed,
                                                         false),
                                              u.value}));
      known.push_back(z);
    }
    int64_t n = tokens * pairs, values = op.valueSize();
    OpBuilder &step = sb.step();
    // Unknowns in the order of tokens, so that the matrix is lower triangular.
    auto oneHot = [&](unsigned p) {
      SmallVector<Attribute> entries;
      for (unsigned q = 0; q < pairs; ++q)
        entries.push_back(step.getFloatAttr(element, p == q));
      return arith::ConstantOp::create(
                 step, loc,
                 DenseElementsAttr::get(RankedTensorType::get({pairs}, element),
                                        entries))
          .getResult();
    };
    auto collapse = [&](Value v, ArrayRef<int64_t> shape,
                        ArrayRef<ReassociationIndices> groups) -> Value {
      return tensor::CollapseShapeOp::create(
          step, loc, RankedTensorType::get(shape, element), v, groups);
    };
    Value matrix, right;
    for (unsigned p = 0; p < pairs; ++p) {
      for (unsigned q = 0; q < pairs; ++q) {
        Value a = cb.pairSum(rights[p], lefts[q], op.getPairDecayed()[p], false);
        if (pairs > 1)
          a = cb.einsum("ij,p,q->ipjq", {a, oneHot(p), oneHot(q)});
        matrix = matrix ? cb.add(matrix, a) : a;
      }
      Value z = known[p];
      if (pairs > 1)
        z = cb.einsum("iv,p->ipv", {z, oneHot(p)});
      right = right ? cb.add(right, z) : z;
    }
    if (pairs > 1) {
      matrix = collapse(matrix, {n, n}, {{0, 1}, {2, 3}});
      right = collapse(right, {n, values}, {{0, 1}, {2}});
    }
    Value z = cb.einsum("ij,jv->iv", {cb.inverse(matrix), right});
    if (pairs > 1)
      z = tensor::ExpandShapeOp::create(
          step, loc,
          RankedTensorType::get({tokens, int64_t(pairs), values}, element), z,
          ArrayRef<ReassociationIndices>{{0, 1}, {2}});
    for (unsigned p = 0; p < pairs; ++p)
      updates.push_back(
          {lefts[p],
           pairs > 1 ? cb.einsum("ipv,p->iv", {z, oneHot(p)}) : z});
  }

  for (unsigned i = 0; i < op.numReads(); ++i) {
    bool after = op.getReadAfter()[i], keys = op.getReadAxes()[i] == 0;
    Value query = scaled(op.read(i, 0), op.read(i, 1));
    // `in` has the gates of the dimension summed over, `out` those of the other.
    ChunkBuilder &in = keys ? cb : columns, &out = keys ? columns : cb;
    Value y = cb.einsum(keys ? "ik,kv->iv" : "iv,kv->ik",
                        {in.fromStart(query, after), state});
    y = out.fromStart(y, after);
    for (const Update &u : updates) {
      Value weights = in.pairSum(query, keys ? u.key : u.value, after, after);
      y = cb.add(y, out.outSum(weights, keys ? u.value : u.key, after, after));
    }
    sb.addOut(y, op.getOutMap(), elementOf(op.getResult(i).getType()));
  }

  Value next = columns.overChunk(cb.overChunk(state), 1);
  for (const Update &u : updates)
    next = cb.add(next, cb.einsum("ik,iv->kv", {cb.toEnd(u.key),
                                                columns.toEnd(u.value)}));
  if (next.getType() != carry.getType())
    next = arith::TruncFOp::create(sb.step(), loc, carry.getType(), next);

  StepBuilder::Modifiers m;
  m.segments = op.getSegments();
  if (op.getSegments())
    m.segmentsMap = *op.getSegmentsMap();
  m.resets = op.getResets();
  if (op.getResets())
    m.resetsMap = *op.getResetsMap();
  m.reverse = op.getReverse();
  replaceLinear(op, sb.finish(next, m));
}

namespace {
struct LinearToChunks : seqc::impl::LinearToChunksBase<LinearToChunks> {
  using LinearToChunksBase::LinearToChunksBase;
  void runOnOperation() override {
    if (length < 1 || length > 1024) {
      emitError(getOperation()->getLoc())
          << "chunk length is " << int64_t(length) << ", expected 1 to 1024 tokens";
      return signalPassFailure();
    }
    SmallVector<LinearRecurrenceOp> ops;
    getOperation()->walk([&](LinearRecurrenceOp op) {
      if (!op->hasAttr("seqc.tiles"))
        ops.push_back(op);
    });
    for (LinearRecurrenceOp op : ops) {
      if (auto why = obstacle(op, force)) {
        if (!force)
          continue;
        emitError(op.getLoc()) << "the recurrence has no chunked form: " << *why;
        return signalPassFailure();
      }
      Chunked(op, length).run();
    }
  }
};
} // namespace
