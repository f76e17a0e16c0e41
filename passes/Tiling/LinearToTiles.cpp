//===- LinearToTiles.cpp - Linear recurrences as chunked kernels ----------===//
//
// A block has one sequence and a slice of the values.  Everything is transposed:
// the state S^T (values x keys) stays in accumulators, a warp having 16 values.
// For a chunk of tokens, with b the sums of the log gates, and U the values written
// at each token,
//
//   P   = tril(Q K^T * exp(b_i - b_j))                  tokens x tokens, once a block
//   O^T = (S^T Q^T) exp(b_i) + U^T P^T
//   S^T = exp(b_C) S^T + (U^T exp(b_C - b_j)) K
//
// Without a correction U is V; TileChunk.cpp has what it is with one, and
// TilePairs.cpp the pairs of tokens.  Left factors come from registers, right ones
// from shared memory, each of them in the order in which it lies in memory.
// Where sequences are too few for the machine, blocks have parts of them: TileParts.cpp.
// Where there is room, other warps prepare a correction's next chunk: TileTeams.cpp.
//
//===----------------------------------------------------------------------===//

#include "../Lowering/Steps/Buffers.h"
#include "TileKernel.h"

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc {
#define GEN_PASS_DEF_LINEARTOTILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

Value Kernel::notAbove(Value x, double bound) {
  Value limit = number(bound);
  if (auto type = dyn_cast<FragmentType>(x.getType()))
    limit = SplatOp::create(b, loc, type, limit);
  return arith::MinimumFOp::create(b, loc, x, limit);
}

Value Kernel::toF32(Value x) {
  Type type = getElementTypeOrSelf(x.getType());
  if (type.isF32())
    return x;
  if (auto fragment = dyn_cast<FragmentType>(x.getType())) {
    Value made = CastOp::create(b, loc, fragment.withElement(f32), x);
    Value left = rest.lookup(x);
    return left ? add(made, toF32(left)) : made;
  }
  return arith::ExtFOp::create(b, loc, f32, x);
}

Value Kernel::round(Value x, Type to) {
  auto fragment = cast<FragmentType>(x.getType());
  if (fragment.getElementType() == to)
    return x;
  return CastOp::create(b, loc, fragment.withElement(to), x);
}

Value Kernel::asFactor(Value from) {
  auto lhs = [&](Value x) {
    bool acc = cast<FragmentType>(x.getType()).getPlace() == Place::acc;
    return acc ? asPlace(x, Place::lhs) : x;
  };
  Value rounded = round(from, element), made = lhs(rounded);
  if (plan.split)
    rest[made] = lhs(round(leftOver(from, rounded), element));
  return made;
}

Value Kernel::loadFactor(Value tile, int64_t rows, int64_t cols, bool transpose) {
  auto load = [&](Value from) {
    return LoadOp::create(b, loc, fragment(rows, cols, element, Place::lhs), from,
                          transpose, 0);
  };
  Value made = load(tile);
  if (Value left = rest.lookup(tile))
    rest[made] = load(left);
  return made;
}

void Kernel::storeTile(Value acc, Value tile, int64_t diagonal) {
  auto type = cast<SharedType>(tile.getType()).getElementType();
  Value rounded = round(acc, type);
  StoreOp::create(b, loc, rounded, tile, /*transpose=*/false, diagonal);
  if (Value left = rest.lookup(tile))
    StoreOp::create(b, loc, round(leftOver(acc, rounded), type), left,
                    /*transpose=*/false, diagonal);
}

void Kernel::mapTiles(ValueRange sources, ValueRange to, ArrayRef<int64_t> blocks,
                      ArrayRef<int64_t> firsts, int64_t half, bool second,
                      llvm::function_ref<SmallVector<Value>(ValueRange)> compute) {
  SmallVector<Value> targets(to);
  for (Value target : to)
    if (Value left = rest.lookup(target))
      targets.push_back(left);
  auto map = MapOp::create(b, loc, sources, targets, blocks, firsts, half, second);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> types;
  for (Value source : sources)
    types.push_back(cast<SharedType>(source.getType()).getElementType());
  Block *body = b.createBlock(&map.getBody(), {}, types,
                              SmallVector<Location>(types.size(), loc));
  SmallVector<Value> made = compute(body->getArguments()), left;
  for (auto [target, value] : llvm::zip(to, made)) {
    Type type = cast<SharedType>(target.getType()).getElementType();
    if (type.isF32())
      continue;
    Value rounded = arith::TruncFOp::create(b, loc, type, value);
    if (rest.lookup(target))
      left.push_back(arith::TruncFOp::create(b, loc, type, leftOver(value, rounded)));
    value = rounded;
  }
  made.append(left);
  tile::YieldOp::create(b, loc, made);
}

void Kernel::mapTile(ValueRange sources, Value to, ArrayRef<int64_t> blocks,
                     ArrayRef<int64_t> firsts, int64_t half, bool second,
                     llvm::function_ref<Value(ValueRange)> compute) {
  mapTiles(sources, to, blocks, firsts, half, second,
           [&](ValueRange at) { return SmallVector<Value>{compute(at)}; });
}

Value Kernel::product(Value a, Value tile, Value c, bool transpose, int64_t diagonal,
                      bool apart, int64_t first, int64_t count) {
  auto add = [&](Value x, Value y) -> Value {
    return MmaOp::create(b, loc, c.getType(), x, y, c, transpose, diagonal, first, count);
  };
  // The small products first.
  if (Value left = rest.lookup(tile))
    c = add(a, left);
  if (Value left = rest.lookup(a))
    c = add(left, tile);
  Value made = add(a, tile);
  // Else the assembler starts the next product's loads early, and runs out of
  // registers.
  if (apart)
    warpBarrier();
  return made;
}

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

/// Tokens that only this recurrence takes from a dispatch are read where they are: null
/// for others.
Value Kernel::readRouted(Operand operand) {
  auto dispatch = operand.value.getDefiningOp<DispatchOp>();
  if (!dispatch || op.getReverse() || !op.getSegments() ||
      operand.map.find(RecurrenceOp::getTimeAxis()) != 0 || operand.map.getDivisors()[0] != 1 ||
      llvm::any_of(operand.value.getUsers(), [&](Operation *user) { return user != op; }))
    return {};
  auto packed = dispatch.getPacked();
  auto number = llvm::find(packed, operand.value);
  if (number == packed.end())
    return {};
  Value table = steps::readBuffer(b, loc, dispatch.getPermutation());
  Value tokens = dispatch.getTokens()[number - packed.begin()];
  auto picks = cast<RankedTensorType>(dispatch.getPicks().getType());
  Value buffer = steps::readBuffer(b, loc, tokens);
  int64_t rank = cast<MemRefType>(buffer.getType()).getRank();
  int64_t leading = picks.getRank() - 1;
  if (leading > 1) { // of a batch
    SmallVector<ReassociationIndices> groups(1);
    for (int64_t d = 0; d < rank; ++d) {
      if (d >= leading)
        groups.emplace_back();
      groups.back().push_back(d);
    }
    buffer = memref::CollapseShapeOp::create(b, loc, buffer, groups);
  }
  StringRef time = RecurrenceOp::getTimeAxis();
  if (!sizes.count(time))
    sizes[time] = memref::DimOp::create(b, loc, table, 0);
  routed[buffer] = {table, picks.getShape().back()};
  return buffer;
}

Value Kernel::read(Operand operand) {
  if (Value buffer = readRouted(operand)) {
    findSizes(buffer, operand.map);
    return buffer;
  }
  Value buffer = steps::readBuffer(b, loc, operand.value);
  findSizes(buffer, operand.map);
  return buffer;
}

Kernel::Scale Kernel::scaleOf(Operand operand, Part part) {
  Scale result;
  result.part = part;
  if (auto constant = splatNumber(operand.value)) {
    if (*constant != 1)
      result.number = number(*constant);
    return result;
  }
  result.buffer = read(operand);
  result.map = operand.map;
  return result;
}

/// Reads a scale that is the same at every token.
void Kernel::numberOf(Scale &scale) {
  if (scale.buffer && !memory(scale.part))
    scale.number =
        toF32(memref::LoadOp::create(b, loc, scale.buffer, place(scale.map)));
}

Value Kernel::stageOf(Part part, Value chunk) {
  auto type = cast<SharedType>(memory(part).getType());
  if (!type.isRing())
    return memory(part);
  Value n = arith::RemUIOp::create(b, loc, chunk, index(type.stages()));
  return StageOp::create(b, loc, type.stage(), memory(part), n);
}

/// The time of a chunk's first token.
Value Kernel::firstToken(Value chunk) {
  Value first = mul(chunk, index(tokens));
  if (op.getReverse())
    first = sub(sub(length, index(1)), first);
  return begin ? add(begin, first) : first;
}

/// The tokens of the block's sequence.
void Kernel::findTokens() {
  length = sizes.lookup(RecurrenceOp::getTimeAxis());
  if (!segments)
    return;
  Value s = indices.lookup(op.getSegmentAxis().getValue());
  auto bound = [&](Value at) -> Value {
    Value offset = memref::LoadOp::create(b, loc, segments, at);
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), offset);
  };
  begin = bound(s);
  // A table that falls is the caller's mistake; it makes no tokens.
  length = arith::MaxSIOp::create(b, loc, sub(bound(add(s, index(1))), begin), index(0));
}

/// `column`: the first column, or null for one number a token.
void Kernel::copyIn(Part part, Value buffer, AxesAttr map, Value chunk, Value column) {
  if (!plan[part])
    return;
  SmallVector<Value> at = place(map, firstToken(chunk));
  if (column)
    at.push_back(column);
  Value rows = sub(length, mul(chunk, index(tokens)));
  Value target = wide[unsigned(part)] ? wide[unsigned(part)] : stageOf(part, chunk);
  int64_t rowDim = map.find(RecurrenceOp::getTimeAxis());
  int64_t colDim = column ? int64_t(at.size()) - 1 : -1;
  if (auto found = routed.find(buffer); found != routed.end()) {
    Value start = std::exchange(at[rowDim], index(0));
    CopyInOp::create(b, loc, buffer, at, rows, target, rowDim, colDim, false,
                     found->second.table, start, found->second.share);
    return;
  }
  auto copy = CopyInOp::create(b, loc, buffer, at, rows, target, rowDim, colDim,
                               op.getReverse());
  if (takesTurns() || plan.late() || teams())
    copy->setAttr(fewAddressesAttr, b.getUnitAttr());
}

void Kernel::fetch(Value chunk, Turn turn) {
  Value zero = index(0);
  bool all = turn == Turn::all;
  if (all || turn == Turn::first || turn == Turn::tokens) {
    copyIn(Part::keys, key, op.write(0, 0).map, chunk, zero);
    if (gate)
      copyIn(Part::gates, gate, op.gate(0).map, chunk,
             plan.perKey     ? zero
             : plan.perValue ? column
                             : Value());
    for (Scale *scale : {&writeScale, &readScale, &pairScale})
      if (scale->buffer)
        copyIn(scale->part, scale->buffer, scale->map, chunk, {});
  }
  if (all || turn == Turn::second || turn == Turn::tokens) {
    copyIn(Part::queries, query, op.read(0, 0).map, chunk, zero);
    if (plan.pair) {
      copyIn(Part::rights, right, op.pair(0, 1).map, chunk, zero);
      copyIn(Part::lefts, left, op.pair(0, 0).map, chunk, zero);
    }
  }
  if (all || turn == Turn::last || turn == Turn::values) {
    if (!plan.ones)
      copyIn(Part::values, value, op.write(0, 1).map, chunk, column);
    CommitOp::create(b, loc);
  }
}

/// Factors that arrived in f32, as factors; room for the next ones.
void Kernel::roundArrived() {
  bool any = false;
  for (auto [from, to] : llvm::zip(wide, tiles)) {
    if (!from)
      continue;
    any = true;
    mapTile(from, to, {1}, {0}, 0, false, [](ValueRange x) { return x[0]; });
  }
  if (any)
    barrier();
}

/// The axes of sequences, the one that moves fastest first.
static void forEachAxis(LinearRecurrenceOp op, llvm::function_ref<void(StringRef)> visit) {
  for (StringAttr axis : llvm::reverse(op.getCarryAxes()))
    visit(axis.getValue());
}

/// What a block has: a slice of the values of one of `count` parts of a sequence, and
/// shared memory.
void Kernel::enter(Value block, Value count) {
  Value slices = index(this->slices());
  column = mul(arith::RemUIOp::create(b, loc, block, slices), index(values));
  Value rest = arith::DivUIOp::create(b, loc, block, slices);
  if (count) {
    part = arith::RemUIOp::create(b, loc, rest, count);
    sequence = rest = arith::DivUIOp::create(b, loc, rest, count);
  }
  forEachAxis(op, [&](StringRef axis) {
    Value size = sizes.lookup(axis);
    indices[axis] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  });
  findTokens();
  auto typeOf = [&](const PlannedTile &planned) {
    return SharedType::get(b.getContext(), planned.shape, planned.element, planned.units);
  };
  auto allocate = [&](const PlannedTile &planned) -> Value {
    if (!planned)
      return {};
    return AllocOp::create(b, loc, typeOf(planned));
  };
  for (auto [i, tile, planned] : llvm::enumerate(tiles, plan.parts))
    if (plan.over[i] == Part(i))
      tile = allocate(planned);
  for (auto [i, tile, planned] : llvm::enumerate(tiles, plan.parts))
    if (planned && plan.over[i] != Part(i))
      tile = AllocOp::create(b, loc, typeOf(planned), memory(plan.over[i]));
  for (auto [tile, planned] : llvm::zip(wide, plan.wide))
    tile = allocate(planned);
  for (auto [tile, planned] : llvm::zip(tiles, plan.rest))
    if (planned)
      this->rest[tile] = allocate(planned);
  if (gate && !plan[Part::gates]) {
    Value g = memref::LoadOp::create(b, loc, gate, place(op.gate(0).map));
    constantGate =
        arith::MaximumFOp::create(b, loc, toF32(g), number(kGateFloor));
  }

  if (plan.ones) {
    double one = *splatNumber(op.write(0, 1).value);
    mapTile({}, memory(Part::values), {}, {}, 0, false,
            [&](ValueRange) { return number(one); });
  }
}

/// The kernel's code: chunk after chunk of a block's part.
void Kernel::body(Value block) {
  enter(block, parts);
  for (Scale *scale : {&writeScale, &readScale, &pairScale})
    numberOf(*scale);
  Value zero = index(0), state = zeros(values, keys);
  if (initial) {
    SmallVector<Value> at = place(op.initial().map);
    at.append({zero, column});
    state = ReadOp::create(b, loc, state.getType(), initial, at, /*transpose=*/true);
  }
  if (parts)
    state = incoming(state);
  auto [first, last] = chunksOfPart();
  fetch(first);
  auto nest = scf::ForOp::create(b, loc, first, last, index(1), ValueRange{state});
  b.setInsertionPointToStart(nest.getBody());
  Value next = chunk(nest.getInductionVar(), nest.getRegionIterArg(0));
  scf::YieldOp::create(b, loc, next);
  b.setInsertionPointAfter(nest);
  WaitOp::create(b, loc, 0);
  if (!final)
    return;
  SmallVector<Value> at = place(op.getFinalMap());
  at.append({zero, column});
  if (!parts)
    return write(nest.getResult(0), final, at);
  Value ends = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, add(part, index(1)),
                                     parts);
  when(ends, [&] { write(nest.getResult(0), final, at); });
}

/// Launches `body` with so many blocks.
void Kernel::launch(Value blocks, llvm::function_ref<void(Value block)> body) {
  Value one = index(1);
  Value bytes =
      arith::ConstantIntOp::create(b, loc, b.getI32Type(), plan.bytes());
  auto launch = gpu::LaunchOp::create(b, loc, blocks, one, one,
                                      index(32 * (warps + plan.preparing())), one, one,
                                      bytes);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&launch.getBody().front());
  b.setInsertionPoint(gpu::TerminatorOp::create(b, loc));
  body(launch.getBlockIds().x);
}

void Kernel::run() {
  b.setInsertionPoint(op);
  query = read(op.read(0, 0));
  key = read(op.write(0, 0));
  if (!plan.ones)
    value = read(op.write(0, 1));
  if (plan.pair) {
    left = read(op.pair(0, 0));
    right = read(op.pair(0, 1));
    pairScale = scaleOf(op.pair(0, 2), Part::pairScales);
  }
  if (op.numGates())
    gate = read(op.gate(0));
  if (splatNumber(op.initial().value) != 0.0)
    initial = read(op.initial());
  writeScale = scaleOf(op.write(0, 2), Part::writeScales);
  readScale = scaleOf(op.read(0, 1), Part::readScales);
  if (op.getSegments()) {
    segments = steps::readBuffer(b, loc, op.getSegments());
    sizes[op.getSegmentAxis().getValue()] =
        sub(memref::DimOp::create(b, loc, segments, 0), index(1));
  }

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

  Value blocks = index(slices());
  forEachAxis(op, [&](StringRef axis) { blocks = mul(blocks, sizes.lookup(axis)); });
  if (canSplit()) {
    split(blocks);
    blocks = mul(blocks, parts);
  }
  launch(blocks, [&](Value block) { teams() ? bodyOfTeams(block) : body(block); });
  steps::finishResults(b, op, replacements);
}

namespace {
struct LinearToTiles : seqc::impl::LinearToTilesBase<LinearToTiles> {
  using LinearToTilesBase::LinearToTilesBase;
  void runOnOperation() override {
    std::optional<target::Gpu> gpu;
    if (!machine.empty()) {
      auto found = target::machineFor(machine, 0);
      if (found && found->isGpu)
        gpu = found->gpu;
      else if (!found)
        llvm::consumeError(found.takeError());
    }
    SmallVector<LinearRecurrenceOp> ops;
    getOperation()->walk([&](LinearRecurrenceOp op) {
      if (hasKernelOfTiles(op))
        ops.push_back(op);
    });
    for (LinearRecurrenceOp op : ops) {
      OpBuilder builder(op);
      Kernel(op, builder, gpu).run();
    }
  }
};
} // namespace
