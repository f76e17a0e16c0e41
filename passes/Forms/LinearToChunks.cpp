//===- LinearToChunks.cpp - Linear recurrences in chunked form ------------===//

#include "ChunkBuilder.h"
#include "ChunkShape.h"
#include "PackedLayout.h"
#include "Replace.h"

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/dialects/Seq/StepBuilder.h"
#include "seqc/lib/Structure/Ranges.h"
#include "seqc/passes/Forms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
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

/// Says what a chunked form that is asked for by name takes for granted.
static void warnOfGates(LinearRecurrenceOp op) {
  for (unsigned i = 0; i < op.numGates(); ++i) {
    Value gate = op.gate(i).value;
    if (!op.getGateLogs()[i] || structure::rangeOf(gate).high <= 0)
      continue;
    std::string name = "#" + std::to_string(i);
    if (auto arg = dyn_cast<BlockArgument>(gate))
      if (auto func = dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()))
        if (auto called =
                func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "seqc.name"))
          name = "'" + called.getValue().str() + "'";
    emitWarning(op.getLoc())
        << "chunked as asked for: gate " << name
        << " is not known to be at most 0, and exponents stop at 0 where it is above; "
           "declare what it comes from with seqc.range = \"<= 0\"";
  }
}

bool seqc::hasNarrowVectors(LinearRecurrenceOp op) {
  auto narrow = [](LinearRecurrenceOp::Operand o) {
    return elementOf(o.value.getType()).isBF16();
  };
  bool all = op.numReads() > 0;
  for (unsigned i = 0; i < op.numReads(); ++i)
    all &= narrow(op.read(i, 0));
  for (unsigned i = 0; i < op.numWrites(); ++i)
    all &= narrow(op.write(i, 0)) && narrow(op.write(i, 1));
  for (unsigned i = 0; i < op.numPairs(); ++i)
    all &= narrow(op.pair(i, 0)) && narrow(op.pair(i, 1));
  return all;
}

LinearShape seqc::chunkShapeOf(LinearRecurrenceOp op) {
  LinearShape shape;
  shape.keys = op.keySize();
  shape.values = op.valueSize();
  shape.pairs = op.numPairs();
  for (int64_t axis : op.getGateAxes())
    (axis < 0 ? shape.scalarGate : shape.vectorGate) = true;
  shape.narrow = hasNarrowVectors(op);
  return shape;
}

/// True for a part of a sequence that is expected to be faster token by token.
static bool prefersSteps(LinearRecurrenceOp op, bool narrow) {
  auto function = op->getParentOfType<func::FuncOp>();
  // The transition of gates has one column, which no step fills a vector with.
  if (!function || !function->hasAttr("seqc.parts") || op.valueSize() == 1)
    return false;
  LinearShape shape = chunkShapeOf(op);
  CpuMachine machine;
  machine.narrow = narrow;
  return stepCost(shape, machine).token <= chunkCost(shape, machine).token;
}

namespace {
/// One recurrence's part of a chunk.
class Chunked {
public:
  Chunked(LinearRecurrenceOp op, StepBuilder &sb, int64_t tokens, bool narrow)
      : op(op), loc(op.getLoc()), tokens(tokens), sb(sb),
        element(elementOf(op.getInitial().getType()).isF64()
                    ? FloatType(sb.step().getF64Type())
                    : FloatType(sb.step().getF32Type())),
        cb(sb.step(), loc, tokens, Type(element)),
        columns(sb.step(), loc, tokens, Type(element)) {
    narrow &= hasNarrowVectors(op) && !op.getConstant();
    cb.roundFactors(narrow);
    columns.roundFactors(narrow);
  }
  /// Adds operands and outputs, and returns the next state.
  Value build();

private:
  /// What each token adds to the state: key [C, K] and value [C, V].  Beside a
  /// constant transition a key that no token changes is `fixed` [K] instead.
  struct Update {
    Value key, value, fixed = {};
  };
  Update write(unsigned i);
  Value scores(ChunkBuilder &in, Value query, const Update &u, bool keys, bool after);
  Value atEnd(const Update &u);
  Value rowsOf(LinearRecurrenceOp::Operand o);
  Value scaled(LinearRecurrenceOp::Operand vector,
               LinearRecurrenceOp::Operand scale);
  Value existing(ArrayRef<LinearRecurrenceOp::Operand> operands, Value v);
  void gates();
  void guard(Value &state);
  void solvePairs(Value state, SmallVectorImpl<Update> &updates);
  /// With one column: values are [C], the state [K].
  Value flat(Value v);

  LinearRecurrenceOp op;
  Location loc;
  int64_t tokens;
  StepBuilder &sb;
  FloatType element;
  /// Gates along K and those without a dimension; gates along V.
  ChunkBuilder cb, columns;
};
} // namespace

static bool isTimed(LinearRecurrenceOp::Operand o) {
  return o.map.has(RecurrenceOp::getTimeAxis());
}

/// The operand for each of the chunk's tokens.
Value Chunked::rowsOf(LinearRecurrenceOp::Operand o) {
  Value v = cb.cast(sb.add({o.value, o.map}));
  if (isTimed(o))
    return cb.clean(v);
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

/// `v` [C, n], zero for tokens beyond the end: those of operands that change over
/// time are zero anyway.
Value Chunked::existing(ArrayRef<LinearRecurrenceOp::Operand> operands, Value v) {
  if (llvm::any_of(operands, isTimed))
    return v;
  return cb.einsum("i,ik->ik", {cb.valid(sb.count()), v});
}

Chunked::Update Chunked::write(unsigned i) {
  auto key = op.write(i, 0), value = op.write(i, 1), scale = op.write(i, 2);
  if (!op.getConstant() || isTimed(key))
    return {existing({key, value, scale}, scaled(key, scale)), rowsOf(value)};
  Value v = existing({value, scale}, scaled(value, scale));
  return {{}, v, cb.cast(sb.add({key.value, key.map}))};
}

/// Entry (i, j) is what query i reads of token j's update.
Value Chunked::scores(ChunkBuilder &in, Value query, const Update &u, bool keys,
                      bool after) {
  return keys && u.fixed ? in.pairSumFixed(query, u.fixed, after, after)
                         : in.pairSum(query, keys ? u.key : u.value, after, after);
}

/// What the update adds to the state after the chunk.
Value Chunked::atEnd(const Update &u) {
  if (u.fixed)
    return cb.toEndFixed(u.fixed, columns.toEnd(u.value));
  return cb.product("ik,iv->kv", {cb.toEnd(u.key), columns.toEnd(u.value)});
}

void Chunked::gates() {
  if (op.getConstant()) {
    auto blocks = op.constantBlocks();
    cb.setConstant(sb.add({blocks.value, blocks.map}), sb.count());
  }
  // Gates that are the same at every token have powers instead of sums: constants.
  bool fixed[2] = {true, true};
  for (unsigned i = 0; i < op.numGates(); ++i)
    if (isTimed(op.gate(i)))
      fixed[op.getGateAxes()[i] == 1] = false;
  // Sums of logarithms, and products of gates that are none.
  Value scalar, along[2], factors[2];
  for (unsigned i = 0; i < op.numGates(); ++i) {
    auto gate = op.gate(i);
    int64_t axis = op.getGateAxes()[i];
    bool constant = fixed[axis == 1], log = op.getGateLogs()[i];
    Value g = constant ? cb.cast(sb.add({gate.value, gate.map})) : rowsOf(gate);
    bool factor = !log && axis >= 0 && !constant;
    if (!log && !factor)
      g = math::LogOp::create(sb.step(), loc, g);
    // Tokens beyond the end are zero, which is a logarithm of one; other gates
    // have to be made so.
    if (!constant && (!isTimed(gate) || !log)) {
      Value exists = cb.valid(sb.count());
      if (axis >= 0)
        exists = cb.einsum(
            "i,k->ik", {exists, cb.splat(1, {shapeOf(g.getType())[1]})});
      g = cb.where(exists, g);
      if (factor)
        g = cb.add(g, cb.sub(cb.splat(1, shapeOf(g.getType())), exists));
    }
    Value &sum = factor ? factors[axis] : axis < 0 ? scalar : along[axis];
    sum = !sum ? g : factor ? cb.mul(sum, g) : cb.add(sum, g);
  }
  auto set = [&](ChunkBuilder &builder, Value scalar, Value vector, Value factor,
                 bool fixed) {
    if (fixed && (scalar || vector))
      return builder.setFixedGates(scalar, vector, sb.count());
    if (!vector && !factor) {
      if (scalar)
        builder.setGates(scalar);
      return;
    }
    // One kind of gate is enough: scalars join the vectors.
    if (scalar) {
      Value ones = cb.splat(1, {shapeOf((vector ? vector : factor).getType())[1]});
      Value spread = cb.einsum("i,k->ik", {scalar, ones});
      vector = vector ? cb.add(vector, spread) : spread;
    }
    Value decays = vector ? cb.decay(vector) : Value();
    if (factor)
      decays = decays ? cb.mul(decays, factor) : factor;
    builder.setDecays(decays);
  };
  set(cb, scalar, along[0], factors[0], fixed[0]);
  set(columns, {}, along[1], factors[1], fixed[1]);
}

/// With masks: what is not finite stays in its own segment, where a product with
/// zero would not keep it.
void Chunked::guard(Value &state) {
  if (!straddles(op))
    return;
  SmallVector<Value> rows;
  auto add = [&](LinearRecurrenceOp::Operand o) {
    if (isTimed(o))
      rows.push_back(cb.cast(sb.add({o.value, o.map})));
  };
  for (unsigned i = 0; i < op.numGates(); ++i)
    add(op.gate(i));
  for (unsigned part = 0; part < 3; ++part) {
    for (unsigned i = 0; i < op.numPairs(); ++i)
      add(op.pair(i, part));
    for (unsigned i = 0; i < op.numWrites(); ++i)
      add(op.write(i, part));
  }
  cb.setResets(sb.add({op.getResets(), *op.getResetsMap()}));
  state = cb.setGuards(rows, state);
}

void Chunked::solvePairs(Value state, SmallVectorImpl<Update> &updates) {
  // z_p,i = right_p,i^T S for every pair: (I - A) Z = what the incoming state and
  // the writes contribute.
  unsigned pairs = op.numPairs();
  if (!pairs)
    return;
  SmallVector<Value> lefts, rights, known;
  for (unsigned p = 0; p < pairs; ++p) {
    auto left = op.pair(p, 0), right = op.pair(p, 1), scale = op.pair(p, 2);
    lefts.push_back(existing({left, right, scale}, scaled(left, scale)));
    rights.push_back(rowsOf(right));
  }
  for (unsigned p = 0; p < pairs; ++p) {
    bool decayed = op.getPairDecayed()[p];
    Value z = cb.product("ik,kv->iv", {cb.fromStart(rights[p], decayed), state});
    for (const Update &u : updates)
      z = cb.add(z, cb.product("ij,jv->iv", {cb.pairSum(rights[p], u.key, decayed,
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
        {lefts[p], pairs > 1 ? cb.einsum("ipv,p->iv", {z, oneHot(p)}) : z});
}

Value Chunked::flat(Value v) {
  return tensor::CollapseShapeOp::create(sb.step(), loc, v,
                                         ArrayRef<ReassociationIndices>{{0, 1}});
}

Value Chunked::build() {
  Value carry = sb.addCarry({op.initial().value, op.initial().map});
  Value state = cb.cast(carry);
  guard(state);
  gates();

  SmallVector<Update> updates;
  for (unsigned i = 0; i < op.numWrites(); ++i)
    updates.push_back(write(i));
  solvePairs(state, updates);

  // A matrix of one column is a vector: its products are dot products of rows.
  bool column = op.valueSize() == 1 && !columns.hasGates() &&
                llvm::all_of(op.getReadAxes(), [](int64_t axis) { return axis == 0; });
  for (unsigned i = 0; i < op.numReads(); ++i) {
    bool after = op.getReadAfter()[i], keys = op.getReadAxes()[i] == 0;
    Value query = cb.unguarded([&] { return scaled(op.read(i, 0), op.read(i, 1)); });
    Value y;
    if (column) {
      y = cb.einsum("ik,k->i", {cb.fromStart(query, after), flat(state)});
      for (const Update &u : updates)
        y = cb.add(y, cb.einsum("ij,j->i", {scores(cb, query, u, true, after),
                                            flat(u.value)}));
      y = tensor::ExpandShapeOp::create(
          sb.step(), loc, RankedTensorType::get({tokens, 1}, element), y,
          ArrayRef<ReassociationIndices>{{0, 1}});
    } else {
      // `in` has the gates of the dimension summed over, `out` those of the other.
      ChunkBuilder &in = keys ? cb : columns, &out = keys ? columns : cb;
      if (!keys)
        columns.shareResets(cb);
      if (!keys && op.getConstant() && !columns.hasGates() &&
          !isTimed(op.read(i, 0)) && !isTimed(op.read(i, 1))) {
        // All rows read the same of the state.
        Value q = cb.cast(sb.add({op.read(i, 0).value, op.read(i, 0).map})),
              s = cb.cast(sb.add({op.read(i, 1).value, op.read(i, 1).map}));
        y = cb.fromStartAll(cb.einsum("v,kv,->k", {q, state, s}), after);
      } else {
        y = cb.product(keys ? "ik,kv->iv" : "iv,kv->ik",
                       {in.fromStart(query, after), state});
        y = out.fromStartOut(y, after);
      }
      for (const Update &u : updates) {
        Value weights = scores(in, query, u, keys, after);
        y = cb.add(y, !keys && u.fixed
                          ? out.outSumFixed(weights, u.fixed, after, after)
                          : out.outSum(weights, keys ? u.value : u.key, after, after));
      }
    }
    sb.addOut(cb.poisonRows(y), op.getOutMap(),
              elementOf(op.getResult(i).getType()));
  }

  Value next = columns.overChunk(cb.overChunk(state), 1);
  for (const Update &u : updates) {
    Value added;
    if (column && !u.fixed) {
      added = cb.einsum("ik,i->k", {cb.toEnd(u.key), flat(u.value)});
      added = tensor::ExpandShapeOp::create(
          sb.step(), loc, RankedTensorType::get({op.keySize(), 1}, element), added,
          ArrayRef<ReassociationIndices>{{0, 1}});
    } else {
      added = atEnd(u);
    }
    next = cb.add(next, added);
  }
  next = cb.poisonState(next);
  if (next.getType() != carry.getType())
    next = arith::TruncFOp::create(sb.step(), loc, carry.getType(), next);
  return next;
}

/// Recurrences that go through the same chunks: the later ones share gates and a key
/// with the first, so that they share its scores.
static SmallVector<LinearRecurrenceOp> groupOf(LinearRecurrenceOp first) {
  SmallVector<LinearRecurrenceOp> group = {first};
  auto same = [](LinearRecurrenceOp::Operand a, LinearRecurrenceOp::Operand b) {
    return a.value == b.value && a.map == b.map;
  };
  auto joins = [&](LinearRecurrenceOp op) {
    if (hasKernelOfTiles(op) || op.getConstant() || first.getConstant() ||
        op.getOutMap() != first.getOutMap() ||
        op.getSegments() != first.getSegments() ||
        op.getSegmentsMap() != first.getSegmentsMap() ||
        op.getResets() != first.getResets() ||
        op.getResetsMap() != first.getResetsMap() ||
        op.getReverse() != first.getReverse() ||
        straddles(op) != straddles(first) ||
        elementOf(op.getInitial().getType()) !=
            elementOf(first.getInitial().getType()) ||
        op.getGateAxes() != first.getGateAxes() ||
        op.getGateLogs() != first.getGateLogs())
      return false;
    for (unsigned i = 0; i < op.numGates(); ++i)
      if (!same(op.gate(i), first.gate(i)))
        return false;
    for (unsigned i = 0; i < op.numWrites(); ++i)
      for (unsigned j = 0; j < first.numWrites(); ++j)
        if (same(op.write(i, 0), first.write(j, 0)) &&
            same(op.write(i, 2), first.write(j, 2)))
          return true;
    return false;
  };
  // Everything that the group's members give has to be used behind the last of them.
  for (Operation *op = first->getNextNode(); op; op = op->getNextNode()) {
    auto usesGroup = [&](Value v) {
      return llvm::is_contained(group, v.getDefiningOp());
    };
    bool uses = false;
    op->walk([&](Operation *inner) {
      uses |= llvm::any_of(inner->getOperands(), usesGroup);
    });
    if (uses)
      break;
    if (auto linear = dyn_cast<LinearRecurrenceOp>(op); linear && joins(linear))
      group.push_back(linear);
  }
  return group;
}

static void convert(ArrayRef<LinearRecurrenceOp> group, int64_t tokens, bool narrow) {
  LinearRecurrenceOp op = group.back();
  OpBuilder b(op);
  StepBuilder sb(b, op.getLoc(), tokens);
  SmallVector<Value> next;
  // What shares its scores is divided by a normaliser, as a rule: no bound on the
  // error of two sums holds for their quotient.
  narrow &= group.size() == 1;
  for (LinearRecurrenceOp member : group)
    next.push_back(Chunked(member, sb, tokens, narrow).build());
  StepBuilder::Modifiers m;
  m.segments = op.getSegments();
  if (op.getSegments())
    m.segmentsMap = *op.getSegmentsMap();
  // A chunk ends before a reset, but where masks part what it holds.
  if (op.getResets() && !straddles(op)) {
    m.resets = op.getResets();
    m.resetsMap = *op.getResetsMap();
  }
  m.reverse = op.getReverse();
  RecurrenceOp made = sb.finish(next, m);
  unsigned out = 0;
  for (auto [i, op] : llvm::enumerate(group)) {
    LinearRecurrenceOp member = op;
    unsigned reads = member.numReads();
    replaceLinear(member, made, out, i);
    out += reads;
  }
}

/// What was chosen for the largest state of a group.
static int64_t lengthOf(ArrayRef<LinearRecurrenceOp> group, int64_t otherwise) {
  int64_t most = 0, length = otherwise;
  for (LinearRecurrenceOp member : group) {
    int64_t size = member.keySize() * member.valueSize();
    if (auto chosen = chosenTile(member, kChunkKnob); chosen && size > most) {
      most = size;
      length = *chosen;
    }
  }
  return length;
}

/// The parts of a recurrence whose chunks straddle segments have its chunks.
static void straddle(LinearRecurrenceOp op) {
  Attribute tiles = op->getAttr(kTilesAttr);
  Operation *function = op->getParentOp();
  straddleSegments(op);
  if (tiles)
    function->walk([&](LinearRecurrenceOp made) {
      if (!made->hasAttr(kTilesAttr))
        made->setAttr(kTilesAttr, tiles);
    });
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
    if (packed != "auto" && packed != "segments" && packed != "masks") {
      emitError(getOperation()->getLoc())
          << "packed is '" << packed << "', expected auto, segments or masks";
      return signalPassFailure();
    }
    SmallVector<LinearRecurrenceOp> ops;
    auto collect = [&] {
      ops.clear();
      getOperation()->walk([&](LinearRecurrenceOp op) {
        if (!hasKernelOfTiles(op))
          ops.push_back(op);
      });
    };
    collect();
    for (LinearRecurrenceOp op : ops)
      if (op.getSegments() && op.numWrites() && !obstacle(op, force) &&
          (packed == "masks" ||
           (packed == "auto" && prefersStraddling(op, lengthOf(op, length)))))
        straddle(op);
    collect();
    llvm::SmallPtrSet<Operation *, 4> done;
    for (LinearRecurrenceOp op : ops) {
      if (done.contains(op) || (!force && prefersSteps(op, narrow)))
        continue;
      if (auto why = obstacle(op, force)) {
        if (!force)
          continue;
        emitError(op.getLoc()) << "the recurrence has no chunked form: " << *why;
        return signalPassFailure();
      }
      SmallVector<LinearRecurrenceOp> group = groupOf(op);
      llvm::erase_if(group, [&](LinearRecurrenceOp member) {
        return done.contains(member) || obstacle(member, force);
      });
      if (force)
        llvm::for_each(group, warnOfGates);
      done.insert(group.begin(), group.end());
      convert(group, lengthOf(group, length), narrow);
    }
  }
};
} // namespace
