//===- LinearToTiles.cpp - Linear recurrences as chunked kernels ----------===//
//
// A block has one sequence and a slice of the values.  Everything is transposed:
// the state S^T (values x keys) stays in accumulators, a warp having 16 values.
// For a chunk of tokens, with b the sums of the log gates,
//
//   P   = tril(Q K^T * exp(b_i - b_j))                  tokens x tokens, once a block
//   O^T = (S^T Q^T) exp(b_i) + V^T P^T
//   S^T = exp(b_C) S^T + (V^T exp(b_C - b_j)) K
//
// Left factors come from registers, right ones from shared memory, each of them
// in the order in which it lies in memory.  No exponent is positive.
//
// With a gate for each key the exponentials are with Q and K.  Where no sum is far
// from zero, Q exp(b_i - b_C) and K exp(b_C - b_j) serve all three products, of a state
// that has decayed already; else pairs of tokens are computed by halving (pairsPerKey).
//
//===----------------------------------------------------------------------===//

#include "../Lowering/Steps/Buffers.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/dialects/Tile/Tile.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc {
#define GEN_PASS_DEF_LINEARTOTILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Tokens of a chunk.
static constexpr int64_t kTokens = 64;
/// Stages of the ring through which tokens arrive.
static constexpr int64_t kStages = 2;
/// A gate below this counts as this: e^-100 is zero to f32.
static constexpr double kGateFloor = -100;
/// Exponents up to this may be positive: e^75 times 10^5 is still a bf16, and so is its
/// inverse over 10^5.
static constexpr double kNear = 75;

namespace {

/// A factor of every token: none, one number, or one a token.
struct Scale {
  Value number; // f32
  Value ring;   // tokens x 1 in shared memory
  Value buffer;
  AxesAttr map;
  explicit operator bool() const { return number || ring; }
};

/// A gate for each key.
static bool hasKeyGates(LinearRecurrenceOp op) {
  return op.numGates() && op.getGateAxes()[0] == 0;
}

class Kernel {
public:
  using Operand = LinearRecurrenceOp::Operand;
  Kernel(LinearRecurrenceOp op, OpBuilder &b)
      : op(op), b(b), loc(op.getLoc()), keys(llvm::alignTo(op.keySize(), 16)),
        // Two warps do not have the registers for pairs with a gate for each key.
        values(op.valueSize() <= 32 && !hasKeyGates(op) ? 32 : 64), warps(values / 16),
        element(elementOf(op.write(0, 0).value.getType())), f32(b.getF32Type()),
        perKey(hasKeyGates(op)) {}
  void run();

private:
  Value index(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
  Value number(double v) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v));
  }
  Value add(Value x, Value y) {
    return isa<IndexType>(x.getType()) ? arith::AddIOp::create(b, loc, x, y).getResult()
                                       : arith::AddFOp::create(b, loc, x, y).getResult();
  }
  Value sub(Value x, Value y) {
    return isa<IndexType>(x.getType()) ? arith::SubIOp::create(b, loc, x, y).getResult()
                                       : arith::SubFOp::create(b, loc, x, y).getResult();
  }
  Value mul(Value x, Value y) {
    return isa<IndexType>(x.getType()) ? arith::MulIOp::create(b, loc, x, y).getResult()
                                       : arith::MulFOp::create(b, loc, x, y).getResult();
  }
  Value exp(Value x) { return math::ExpOp::create(b, loc, x); }
  Value notAbove(Value x, double bound) {
    Value limit = number(bound);
    if (auto type = dyn_cast<FragmentType>(x.getType()))
      limit = SplatOp::create(b, loc, type, limit);
    return arith::MinimumFOp::create(b, loc, x, limit);
  }
  Value toF32(Value x) {
    Type type = getElementTypeOrSelf(x.getType());
    if (type.isF32())
      return x;
    if (auto fragment = dyn_cast<FragmentType>(x.getType()))
      return CastOp::create(b, loc, fragment.withElement(f32), x);
    return arith::ExtFOp::create(b, loc, f32, x);
  }
  Value round(Value x, Type to) {
    auto fragment = cast<FragmentType>(x.getType());
    if (fragment.getElementType() == to)
      return x;
    return CastOp::create(b, loc, fragment.withElement(to), x);
  }
  FragmentType fragment(int64_t rows, int64_t cols, Type type, Place place) {
    return FragmentType::get(b.getContext(), {rows, cols}, type, place, warps);
  }
  Value splat(Value x, FragmentType type) { return SplatOp::create(b, loc, type, x); }
  Value spread(Value x, FragmentType type) {
    return BroadcastOp::create(b, loc, type, x);
  }
  /// An accumulator as a left factor of the inputs' type.
  Value asFactor(Value acc) {
    Value rounded = round(acc, element);
    auto type = cast<FragmentType>(rounded.getType());
    return ConvertOp::create(
        b, loc, fragment(type.rows(), type.cols(), element, Place::lhs), rounded);
  }
  Value product(Value a, Value tile, Value c, bool transpose, int64_t diagonal = 0,
                bool apart = true) {
    Value made = MmaOp::create(b, loc, c.getType(), a, tile, c, transpose, diagonal);
    // Else the assembler starts the next product's loads early, and runs out of
    // registers.
    if (apart)
      WarpBarrierOp::create(b, loc);
    return made;
  }
  Value alloc(ArrayRef<int64_t> shape, Type type) {
    auto shared = SharedType::get(b.getContext(), shape, type);
    sharedBytes += shared.bytes();
    return AllocOp::create(b, loc, shared);
  }
  Value stageOf(Value ring, Value chunk) {
    auto type = cast<SharedType>(ring.getType());
    Value n = arith::RemUIOp::create(b, loc, chunk, index(type.stages()));
    return StageOp::create(b, loc, type.stage(), ring, n);
  }
  void barrier() { gpu::BarrierOp::create(b, loc); }

  /// Indices of an operand's leading dimensions.
  SmallVector<Value> place(AxesAttr map, Value time = {});
  bool isTimed(Operand o) { return o.map.has(RecurrenceOp::getTimeAxis()); }
  void findSizes(Value buffer, AxesAttr map);
  Scale scaleOf(Operand operand);
  void numberOf(Scale &scale);
  Value firstToken(Value chunk);
  void copyIn(Value buffer, AxesAttr map, Value ring, Value chunk, Value column);
  void fetch(Value chunk);
  /// Log gates summed up to each token: of a `row` or a `col`.
  Value gateSums(Place place, bool inclusive);
  Value gateTotal();
  void scaleByGates(Value source, Value target, ArrayRef<int64_t> blocks,
                    ArrayRef<int64_t> firsts, int64_t half, bool second,
                    bool clamp = true);
  void pairsOfChunk(bool gated, bool after);
  void pairsPerKey(bool after);
  Value chunk(Value number, Value state);
  void body();

  LinearRecurrenceOp op;
  OpBuilder &b;
  Location loc;
  int64_t keys, values, warps, sharedBytes = 0;
  Type element, f32;
  bool perKey; // a gate for each key
  llvm::StringMap<Value> sizes, indices;
  // Buffers in device memory.
  Value initial, key, value, query, out, final, gate;
  Scale writeScale, readScale;
  // Tiles: rings by which tokens arrive, sums of gates, pair weights, results.
  Value keyRing, valueRing, queryRing, gateRing, sums, weights, results;
  // With a gate for each key, queries and keys times what their gates make of them.
  Value early, late;
  // Of the block: first value, log gate of every token, tokens.
  Value column, constantGate, length;
  // Of the chunk: tiles, tokens that exist.
  Value keyTile, valueTile, queryTile, gateTile, exist, now;
};

} // namespace

void Kernel::findSizes(Value buffer, AxesAttr map) {
  for (unsigned d = 0; d < map.size(); ++d)
    if (map.getDivisors()[d] == 1 && !sizes.count(map.getNames()[d].getValue()))
      sizes[map.getNames()[d].getValue()] = memref::DimOp::create(b, loc, buffer, d);
}

SmallVector<Value> Kernel::place(AxesAttr map, Value time) {
  SmallVector<Value> result;
  for (auto [axis, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    Value at = axis.getValue() == RecurrenceOp::getTimeAxis()
                   ? time
                   : indices.lookup(axis.getValue());
    if (divisor != 1)
      at = arith::DivUIOp::create(b, loc, at, index(divisor));
    result.push_back(at);
  }
  return result;
}

static std::optional<double> splatNumber(Value v) {
  Attribute attr;
  if (auto constant = v.getDefiningOp<arith::ConstantOp>())
    attr = constant.getValue();
  if (auto number = dyn_cast_or_null<FloatAttr>(attr))
    return number.getValueAsDouble();
  auto dense = dyn_cast_or_null<DenseFPElementsAttr>(attr);
  if (!dense || !dense.isSplat())
    return std::nullopt;
  APFloat x = dense.getSplatValue<APFloat>();
  bool lost;
  x.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return x.convertToDouble();
}

Scale Kernel::scaleOf(Operand operand) {
  Scale result;
  if (auto constant = splatNumber(operand.value)) {
    if (*constant != 1)
      result.number = number(*constant);
    return result;
  }
  result.buffer = steps::readBuffer(b, loc, operand.value);
  result.map = operand.map;
  findSizes(result.buffer, result.map);
  return result;
}

/// Reads a scale that is the same at every token, or makes a ring for it.
void Kernel::numberOf(Scale &scale) {
  if (!scale.buffer)
    return;
  if (scale.map.has(RecurrenceOp::getTimeAxis()))
    scale.ring =
        alloc({kStages, kTokens, 1}, getElementTypeOrSelf(scale.buffer.getType()));
  else
    scale.number =
        toF32(memref::LoadOp::create(b, loc, scale.buffer, place(scale.map)));
}

/// The time of a chunk's first token.
Value Kernel::firstToken(Value chunk) {
  Value first = mul(chunk, index(kTokens));
  return op.getReverse() ? sub(sub(length, index(1)), first) : first;
}

/// `column`: the first column, or null for one number a token.
void Kernel::copyIn(Value buffer, AxesAttr map, Value ring, Value chunk, Value column) {
  SmallVector<Value> at = place(map, firstToken(chunk));
  if (column)
    at.push_back(column);
  Value rows = sub(length, mul(chunk, index(kTokens)));
  CopyInOp::create(b, loc, buffer, at, rows, stageOf(ring, chunk),
                   map.find(RecurrenceOp::getTimeAxis()),
                   column ? int64_t(at.size()) - 1 : -1, op.getReverse());
}

void Kernel::fetch(Value chunk) {
  Value zero = index(0);
  copyIn(query, op.read(0, 0).map, queryRing, chunk, zero);
  copyIn(key, op.write(0, 0).map, keyRing, chunk, zero);
  copyIn(value, op.write(0, 1).map, valueRing, chunk, column);
  if (gateRing)
    copyIn(gate, op.gate(0).map, gateRing, chunk, perKey ? zero : Value());
  for (Scale *scale : {&writeScale, &readScale})
    if (scale->ring)
      copyIn(scale->buffer, scale->map, scale->ring, chunk, {});
  CommitOp::create(b, loc);
}

Value Kernel::gateSums(Place place, bool inclusive) {
  FragmentType type = place == Place::row ? fragment(1, kTokens, f32, place)
                                          : fragment(kTokens, 1, f32, place);
  if (constantGate) {
    // The same gate at every token that exists.
    Value n = IotaOp::create(b, loc, type);
    if (inclusive)
      n = add(n, splat(number(1), type));
    n = arith::MinimumFOp::create(b, loc, n, splat(exist, type));
    return mul(n, splat(constantGate, type));
  }
  Value sum = LoadOp::create(b, loc, type, sums, false, 0);
  if (inclusive)
    return sum;
  auto stored = cast<SharedType>(gateTile.getType()).getElementType();
  Value own = toF32(LoadOp::create(b, loc, type.withElement(stored), gateTile, false, 0));
  own = arith::MaximumFOp::create(b, loc, own, splat(number(kGateFloor), type));
  return sub(sum, own);
}

Value Kernel::gateTotal() {
  if (constantGate)
    return mul(exist, constantGate);
  return ElementOp::create(b, loc, f32, sums, index(kTokens - 1), index(0));
}

/// `target` = `source` times e^(x - y), for sums of gates x and y at rows that
/// `blocks` and `firsts` choose as in a map.  A sum is left out where its block is 0.
void Kernel::scaleByGates(Value source, Value target, ArrayRef<int64_t> blocks,
                          ArrayRef<int64_t> firsts, int64_t half, bool second,
                          bool clamp) {
  SmallVector<Value> sources = {source};
  SmallVector<int64_t> allBlocks = {1}, allFirsts = {0};
  SmallVector<Type> types = {element};
  for (auto [block, first] : llvm::zip(blocks, firsts)) {
    if (!block)
      continue;
    sources.push_back(sums);
    types.push_back(f32);
    allBlocks.push_back(block);
    allFirsts.push_back(first);
  }
  auto map = MapOp::create(b, loc, sources, target, allBlocks, allFirsts, half, second);
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&map.getBody(), {}, types,
                              SmallVector<Location>(types.size(), loc));
  Value exponent = body->getArgument(1);
  if (types.size() == 3)
    exponent = sub(exponent, body->getArgument(2));
  if (clamp)
    exponent = notAbove(exponent, 0);
  Value scaled = mul(toF32(body->getArgument(0)), exp(exponent));
  tile::YieldOp::create(b, loc, arith::TruncFOp::create(b, loc, element, scaled));
}

/// Weights of pairs of tokens with one gate or none a token.
void Kernel::pairsOfChunk(bool gated, bool after) {
  FragmentType type = fragment(kTokens, kTokens, f32, Place::acc);
  Value queries = LoadOp::create(b, loc, fragment(kTokens, keys, element, Place::lhs),
                                 queryTile, false, 0);
  Value pairs = product(queries, keyTile, splat(number(0), type), true);
  if (gateRing)
    barrier();
  if (gated) {
    Value from = spread(gateSums(Place::col, after), type);
    Value to = spread(gateSums(Place::row, true), type);
    pairs = mul(pairs, exp(notAbove(sub(from, to), 0)));
  }
  pairs = TriangleOp::create(b, loc, pairs, !after);
  StoreOp::create(b, loc, round(pairs, element), weights, false, 0);
}

/// The same with a gate for each key.  Blocks of tokens are halved again and again:
/// what the second half has with the first is a product of queries since the middle
/// and keys until the middle, whose exponents are not positive.  Blocks of 64 and 32
/// tokens concern several warps, smaller ones one.
void Kernel::pairsPerKey(bool after) {
  FragmentType factor = fragment(kTokens, keys, element, Place::lhs);
  auto part = [&](Value queries, Value keyTile, int64_t width, int64_t half) -> Value {
    FragmentType type = fragment(kTokens, width, f32, Place::acc);
    Value q = LoadOp::create(b, loc, factor, queries, false, 0);
    Value p = product(q, keyTile, splat(number(0), type), true,
                      width == kTokens ? 0 : width);
    return CrossOp::create(b, loc, p, half);
  };
  Value small;
  for (int64_t half = kTokens / 2; half >= 1; half /= 2) {
    int64_t width = std::max<int64_t>(2 * half, 16);
    scaleByGates(queryTile, early, {1, 2 * half}, {after ? 0 : -1, half - 1}, half, true);
    scaleByGates(keyTile, late, {2 * half, 1}, {half - 1, 0}, half, false);
    bool shared = width > 16;
    shared ? barrier() : (void)WarpBarrierOp::create(b, loc);
    Value p = part(early, late, width, half);
    if (shared) {
      StoreOp::create(b, loc, round(p, element), weights, false,
                      width == kTokens ? 0 : width);
      barrier();
      continue;
    }
    small = small ? add(small, p) : p;
    WarpBarrierOp::create(b, loc);
  }
  if (after)
    small = add(small, part(queryTile, keyTile, 16, 0));
  StoreOp::create(b, loc, round(small, element), weights, false, 16);
}

Value Kernel::chunk(Value n, Value state) {
  bool gated = op.numGates() != 0, after = op.getReadAfter()[0];
  FragmentType outType = fragment(values, kTokens, f32, Place::acc);
  FragmentType rowType = fragment(1, kTokens, f32, Place::row);
  FragmentType factorType = fragment(values, kTokens, element, Place::lhs);
  auto tokenRow = [&](const Scale &scale) -> Value {
    if (scale.number)
      return splat(scale.number, rowType);
    Value tile = stageOf(scale.ring, n);
    auto stored = cast<SharedType>(tile.getType()).getElementType();
    return toF32(LoadOp::create(b, loc, rowType.withElement(stored), tile, false, 0));
  };

  WaitOp::create(b, loc, 0);
  barrier();
  fetch(add(n, index(1)));
  keyTile = stageOf(keyRing, n);
  valueTile = stageOf(valueRing, n);
  queryTile = stageOf(queryRing, n);
  if (gateRing) {
    gateTile = stageOf(gateRing, n);
    if (perKey && getElementTypeOrSelf(gate.getType()).isF32())
      sums = gateTile;
    CumsumOp::create(b, loc, gateTile, sums, APFloat(kGateFloor));
  }
  if (constantGate) {
    Value left = sub(length, mul(n, index(kTokens)));
    left = arith::MinSIOp::create(b, loc, left, index(kTokens));
    exist = arith::SIToFPOp::create(
        b, loc, f32,
        arith::IndexCastOp::create(b, loc, b.getI32Type(), left).getResult());
  }

  Value readTile = queryTile, writeTile = keyTile;
  Value near, far; // with a gate for each key
  FragmentType keyRow = fragment(1, keys, f32, Place::row);
  if (perKey) {
    near = BoundedOp::create(b, loc, sums, kTokens - 1, APFloat(kNear));
    far = arith::XOrIOp::create(
        b, loc, near, arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1).getResult());
    int64_t anchor = kTokens - 1, before = after ? 0 : -1;
    auto when = [&](Value condition, llvm::function_ref<void()> body) {
      auto choice = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      body();
    };
    when(far, [&] {
      pairsPerKey(after);
      // Queries since the chunk's start, keys until its end.
      scaleByGates(queryTile, early, {1, 0}, {before, 0}, 0, false);
      scaleByGates(keyTile, late, {kTokens, 1}, {kTokens - 1, 0}, 0, false);
    });
    // Keeps the two apart: together they need more registers than there are.
    barrier();
    when(near, [&] {
      // One anchor serves the chunk and the state.
      scaleByGates(queryTile, early, {1, kTokens}, {before, anchor}, 0, false, false);
      scaleByGates(keyTile, late, {kTokens, 1}, {anchor, 0}, 0, false, false);
      barrier();
      FragmentType type = fragment(kTokens, kTokens, f32, Place::acc);
      Value queries = LoadOp::create(b, loc, fragment(kTokens, keys, element, Place::lhs),
                                     early, false, 0);
      Value pairs = product(queries, late, splat(number(0), type), true);
      pairs = TriangleOp::create(b, loc, pairs, !after);
      StoreOp::create(b, loc, round(pairs, element), weights, false, 0);
    });
    readTile = early;
    writeTile = late;
    barrier();
  } else {
    pairsOfChunk(gated, after);
  }

  // What the tokens read: of the incoming state, then of each other.
  // The state decays before queries that are near the chunk's end read it, else after.
  auto decayIf = [&](Value condition) {
    Value total = LoadOp::create(b, loc, keyRow, sums, false, kTokens - 1);
    Value sum = arith::SelectOp::create(b, loc, condition, total,
                                        splat(number(0), keyRow));
    state = mul(state, spread(exp(sum), cast<FragmentType>(state.getType())));
  };
  if (perKey)
    decayIf(near);
  Value read = product(asFactor(state), readTile, splat(number(0), outType), true);
  if (gated && !perKey)
    read = mul(read, spread(exp(gateSums(Place::row, after)), outType));
  if (!perKey)
    barrier();
  Value written = LoadOp::create(b, loc, factorType, valueTile, true, 0);
  FragmentType wideType = factorType.withElement(f32);
  Value wide;
  if (writeScale) {
    wide = mul(toF32(written), spread(tokenRow(writeScale), wideType));
    written = round(wide, element);
  }
  read = product(written, weights, read, true, 0, /*apart=*/!perKey);
  if (readScale)
    read = mul(read, spread(tokenRow(readScale), outType));

  // The state after the chunk.
  if (gated && !perKey) {
    Value total = gateTotal();
    Value left = sub(splat(total, rowType), gateSums(Place::row, true));
    if (!wide)
      wide = toF32(written);
    written = round(mul(wide, spread(exp(notAbove(left, 0)), wideType)), element);
    state = mul(state, splat(exp(total), cast<FragmentType>(state.getType())));
  }
  if (perKey)
    decayIf(far);
  state = product(written, writeTile, state, false);

  if (out) {
    Type stored = cast<SharedType>(results.getType()).getElementType();
    StoreOp::create(b, loc, round(read, stored), results, true, 0);
    barrier();
    SmallVector<Value> at = place(op.getOutMap(), firstToken(n));
    at.push_back(column);
    CopyOutOp::create(b, loc, results, out, at, sub(length, mul(n, index(kTokens))),
                      op.getOutMap().find(RecurrenceOp::getTimeAxis()),
                      int64_t(at.size()) - 1, op.getReverse());
  }
  return state;
}

void Kernel::body() {
  int64_t slices = llvm::divideCeil(op.valueSize(), values);
  auto launch = b.getInsertionBlock()->getParentOp();
  Value block = cast<gpu::LaunchOp>(launch).getBlockIds().x;
  column = mul(arith::RemUIOp::create(b, loc, block, index(slices)), index(values));
  Value rest = arith::DivUIOp::create(b, loc, block, index(slices));
  for (StringAttr axis : llvm::reverse(op.getCarryAxes())) {
    Value size = sizes.lookup(axis.getValue());
    indices[axis.getValue()] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  }
  keyRing = alloc({kStages, kTokens, keys}, element);
  queryRing = alloc({kStages, kTokens, keys}, element);
  valueRing = alloc({kStages, kTokens, values}, element);
  weights = alloc({kTokens, kTokens}, element);
  if (out)
    results = alloc({kTokens, values}, getElementTypeOrSelf(out.getType()));
  if (gate && op.gate(0).map.has(RecurrenceOp::getTimeAxis())) {
    Type stored = getElementTypeOrSelf(gate.getType());
    int64_t width = perKey ? keys : 1;
    gateRing = alloc({kStages, kTokens, width}, stored);
    // Sums take the place of what they sum up, where they can.
    if (!perKey || !stored.isF32())
      sums = alloc({kTokens, width}, f32);
    if (perKey) {
      early = alloc({kTokens, keys}, element);
      late = alloc({kTokens, keys}, element);
    }
  } else if (gate) {
    Value g = memref::LoadOp::create(b, loc, gate, place(op.gate(0).map));
    constantGate =
        arith::MaximumFOp::create(b, loc, toF32(g), number(kGateFloor));
  }
  numberOf(writeScale);
  numberOf(readScale);

  FragmentType stateType = fragment(values, keys, f32, Place::acc);
  Value zero = index(0), state;
  if (initial) {
    SmallVector<Value> at = place(op.initial().map);
    at.append({zero, column});
    state = ReadOp::create(b, loc, stateType, initial, at, /*transpose=*/true);
  } else {
    state = splat(number(0), stateType);
  }
  fetch(zero);
  Value chunks = arith::CeilDivUIOp::create(b, loc, length, index(kTokens));
  auto nest = scf::ForOp::create(b, loc, zero, chunks, index(1), ValueRange{state});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(nest.getBody());
    Value next = chunk(nest.getInductionVar(), nest.getRegionIterArg(0));
    scf::YieldOp::create(b, loc, next);
  }
  WaitOp::create(b, loc, 0);
  if (final) {
    SmallVector<Value> at = place(op.getFinalMap());
    at.append({zero, column});
    WriteOp::create(b, loc, nest.getResult(0), final, at, /*transpose=*/true);
  }
}

void Kernel::run() {
  b.setInsertionPoint(op);
  auto read = [&](Operand operand) {
    Value buffer = steps::readBuffer(b, loc, operand.value);
    findSizes(buffer, operand.map);
    return buffer;
  };
  query = read(op.read(0, 0));
  key = read(op.write(0, 0));
  value = read(op.write(0, 1));
  if (op.numGates())
    gate = read(op.gate(0));
  if (splatNumber(op.initial().value) != 0.0)
    initial = read(op.initial());
  writeScale = scaleOf(op.write(0, 2));
  readScale = scaleOf(op.read(0, 1));
  length = sizes.lookup(RecurrenceOp::getTimeAxis());

  SmallVector<Value> replacements;
  // What nobody uses is not written.
  auto buffer = [&](Value result, AxesAttr map) -> Value {
    if (result.use_empty()) {
      replacements.push_back({});
      return {};
    }
    SmallVector<OpFoldResult> shape;
    for (StringAttr axis : map.getNames())
      shape.push_back(sizes.lookup(axis.getValue()));
    for (int64_t size : cast<ShapedType>(result.getType()).getShape().drop_front(map.size()))
      shape.push_back(b.getIndexAttr(size));
    return steps::writeBuffer(b, loc, result, shape, replacements);
  };
  out = buffer(op.getResult(0), op.getOutMap());
  final = buffer(op.getFinalState(), op.getFinalMap());

  Value one = index(1);
  Value blocks = index(llvm::divideCeil(op.valueSize(), values));
  for (StringAttr axis : op.getCarryAxes())
    blocks = mul(blocks, sizes.lookup(axis.getValue()));
  Value bytes = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0);
  auto launch = gpu::LaunchOp::create(b, loc, blocks, one, one, index(32 * warps), one,
                                      one, bytes);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&launch.getBody().front());
    b.setInsertionPoint(gpu::TerminatorOp::create(b, loc));
    body();
  }
  b.setInsertionPoint(launch);
  launch.getDynamicSharedMemorySizeMutable().assign(
      arith::ConstantIntOp::create(b, loc, b.getI32Type(), sharedBytes));
  b.setInsertionPoint(op);
  steps::finishResults(b, op, replacements);
}

namespace {
struct LinearToTiles : seqc::impl::LinearToTilesBase<LinearToTiles> {
  void runOnOperation() override {
    SmallVector<LinearRecurrenceOp> ops;
    getOperation()->walk([&](LinearRecurrenceOp op) {
      if (op->hasAttr("seqc.tiles"))
        ops.push_back(op);
    });
    for (LinearRecurrenceOp op : ops) {
      OpBuilder builder(op);
      Kernel(op, builder).run();
    }
  }
};
} // namespace
