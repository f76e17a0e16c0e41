//===- RegisterKernel.cpp - A recurrence whose state is in registers ------===//

#include "RegisterKernel.h"

#include "../Steps/Buffers.h"
#include "../Steps/ScalarBlock.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

/// Tokens of one filling of shared memory, and bytes of it that a thread loads
/// ahead, at most.
static constexpr int64_t mostTokens = 16, bytesAhead = 96;

static int64_t bytesOf(Type element) {
  return element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8;
}

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t size : sizes)
    n *= size;
  return n;
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// Extents of one token's part of `staged` in a block.
static SmallVector<int64_t> extents(const Distribution &d, ArrayRef<unsigned> axes) {
  SmallVector<int64_t> result;
  for (unsigned axis : axes)
    result.push_back(d.axes[axis].perBlock());
  return result;
}

/// Loads of one filling.
int64_t RegisterKernel::units(const Staged &staged) const {
  return tokens * product(extents(d, staged.axes)) / staged.vector;
}
int64_t RegisterKernel::unitsPerThread(const Staged &staged) const {
  return llvm::divideCeil(units(staged), d.threads());
}

void RegisterKernel::planShared() {
  auto stage = [&](Value arg, int64_t number, Value operand, Attribute map) {
    Staged one;
    one.arg = arg;
    one.number = number;
    one.map = cast<AxesAttr>(map);
    one.element = elementOf(operand.getType());
    if (arg)
      one.axes.assign(axesOf(arg).begin(), axesOf(arg).end());
    one.vector = 1;
    if (!one.axes.empty() && isa<FloatType>(one.element)) {
      const FeatureAxis &last = d.axes[one.axes.back()];
      one.vector = 16 / bytesOf(one.element);
      while (last.size % one.vector || last.perBlock() % one.vector)
        one.vector /= 2;
    }
    staged.push_back(one);
  };
  for (auto [i, arg] : llvm::enumerate(op.getSeqArgs()))
    if (!arg.use_empty())
      stage(arg, i, op.getSeq()[i], op.getSeqMaps()[i]);
  if (op.getResets())
    stage({}, -1, op.getResets(), *op.getResetsMap());
  int64_t perToken = 0;
  for (const Staged &one : staged)
    perToken += product(extents(d, one.axes)) * bytesOf(one.element);
  tokens = oneToken ? 1 : mostTokens;
  while (tokens > 1 && tokens * perToken > bytesAhead * d.threads())
    tokens /= 2;
  auto take = [&](int64_t bytes) {
    int64_t offset = shared;
    shared += llvm::alignTo(bytes, 16);
    return offset;
  };
  for (Staged &one : staged)
    one.offset = take(tokens * product(extents(d, one.axes)) * bytesOf(one.element));
  // An exchanged value is indexed by its own axes and by those of its readers.
  op.getStep().walk([&](EinsumOp einsum) {
    for (OpOperand &use : einsum->getOpOperands())
      if (d.exchanged.contains(&use) && !exchangeOffsets.count(use.get())) {
        Type element = steps::StepEmitter::computeType(elementOf(use.get().getType()));
        exchangeOffsets[use.get()] =
            take(2 * product(exchangeShape(use.get())) * bytesOf(element));
      }
  });
}

/// Room for a value by its own axes and by those of all its readers.
SmallVector<int64_t> RegisterKernel::exchangeShape(Value value) const {
  SmallVector<int64_t> shape = extents(d, d.dims.lookup(value));
  for (OpOperand &use : value.getUses()) {
    auto einsum = dyn_cast<EinsumOp>(use.getOwner());
    if (!einsum || !d.exchanged.contains(&use))
      continue;
    const auto &letters = d.letters.find(einsum)->second;
    std::string term = einsum.getTerms()[use.getOperandNumber()];
    for (auto [dim, letter] : llvm::enumerate(term))
      shape[dim] = std::max(shape[dim], d.axes[letters.lookup(letter)].perBlock());
  }
  return shape;
}

Value RegisterKernel::sharedBuffer(ArrayRef<int64_t> shape, Type element,
                                   int64_t offset) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value all = gpu::DynamicSharedMemoryOp::create(
      b, loc,
      MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                      MemRefLayoutAttrInterface(), space));
  return memref::ViewOp::create(
      b, loc,
      MemRefType::get(shape, element, MemRefLayoutAttrInterface(), space), all,
      constant(offset), ValueRange());
}

//===----------------------------------------------------------------------===//
// Where a thread stands
//===----------------------------------------------------------------------===//

void RegisterKernel::place(Value threadId, Value blockId) {
  thread = threadId;
  unsigned count = d.axes.size();
  position.assign(count, {});
  blockOf.assign(count, {});
  start.assign(count, {});
  startInBlock.assign(count, {});
  laneStride.assign(count, 1);
  /// The next digit of `rest` in base `size`; null for 0.
  auto digit = [&](Value &rest, int64_t size, bool last) -> Value {
    if (size == 1)
      return {};
    Value n = constant(size);
    Value low = last ? rest : arith::RemUIOp::create(b, loc, rest, n).getResult();
    if (!last)
      rest = arith::DivUIOp::create(b, loc, rest, n);
    return low;
  };
  auto plus = [&](Value x, Value y) { return !x ? y : !y ? x : add(x, y); };
  Value lane = arith::RemUIOp::create(b, loc, thread, constant(32));
  Value warp = arith::DivUIOp::create(b, loc, thread, constant(32));
  int64_t stride = 1;
  for (unsigned axis : d.order) {
    laneStride[axis] = stride;
    stride *= d.axes[axis].lanes;
    position[axis] = digit(lane, d.axes[axis].lanes, false);
  }
  if (stride < 32)
    spare = lane;
  for (unsigned axis : d.order)
    if (Value part = digit(warp, d.axes[axis].warps, false))
      position[axis] = plus(position[axis], mul(part, d.axes[axis].lanes));
  Value blocks = arith::RemUIOp::create(b, loc, blockId, constant(d.blocks()));
  for (unsigned axis : d.order) {
    const FeatureAxis &a = d.axes[axis];
    blockOf[axis] = digit(blocks, a.blocks, false);
    if (position[axis])
      startInBlock[axis] = mul(position[axis], a.vector);
    start[axis] = startInBlock[axis];
    if (blockOf[axis])
      start[axis] = plus(start[axis], mul(blockOf[axis], a.perBlock()));
  }
  // Which sequence.
  Value rest = arith::DivUIOp::create(b, loc, blockId, constant(d.blocks()));
  SmallVector<StringAttr> order = op.getCarryAxes();
  for (StringAttr axis : llvm::reverse(order)) {
    if (axis == order.front()) {
      outerIndices[axis.getValue()] = rest;
      break;
    }
    Value size = operands.sizes.lookup(axis.getValue());
    outerIndices[axis.getValue()] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  }
}

/// Indices along an operand's outer axes.
SmallVector<Value> RegisterKernel::outer(AxesAttr map, Value time) {
  SmallVector<Value> result;
  for (auto [name, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    if (name.getValue() == RecurrenceOp::getTimeAxis()) {
      result.push_back(time);
      continue;
    }
    Value index = outerIndices.lookup(name.getValue());
    if (divisor != 1)
      index = arith::DivUIOp::create(b, loc, index, constant(divisor));
    result.push_back(index);
  }
  return result;
}

Value RegisterKernel::timeOf(Value number) {
  if (!op.getReverse())
    return add(begin, number);
  Value after = arith::SubIOp::create(b, loc, end, number);
  return arith::SubIOp::create(b, loc, after, constant(1));
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

RegisterKernel::Values RegisterKernel::loadAll(Value value, const Memory &memory) {
  Known known;
  Values result;
  forEachHeld(axesOf(value), [&](ArrayRef<At> place) {
    auto it = known.find(key(value, place));
    result.push_back(it != known.end() ? it->second
                                       : load(value, memory, place, known));
  });
  return result;
}

/// Stores what the thread holds of a value, in the order of forEachHeld.
void RegisterKernel::storeAll(const Memory &memory, ArrayRef<unsigned> axes,
                              Type element, ArrayRef<Value> values) {
  Type stored = cast<MemRefType>(memory.memref.getType()).getElementType();
  int64_t vector = axes.empty() ? 1 : d.axes[axes.back()].vector;
  auto rounded = [&](Value v) { return convert(convert(v, element), stored); };
  when(isFirst(axes), [&] {
    unsigned next = 0;
    SmallVector<Value> group;
    forEachHeld(axes, [&](ArrayRef<At> place) {
      group.push_back(values[next++]);
      if (int64_t(group.size()) < vector)
        return;
      Place first(place);
      if (vector > 1)
        first.back().held -= vector - 1;
      Value inside;
      for (At at : first)
        inside = both(inside, exists(at));
      when(inside, [&] {
        SmallVector<Value> where = indices(memory, first);
        if (vector == 1 || !isa<FloatType>(stored)) {
          for (auto [i, v] : llvm::enumerate(group)) {
            if (i > 0)
              where.back() = index({first.back().axis, first.back().held + int64_t(i)},
                                   memory.inBlock);
            memref::StoreOp::create(b, loc, rounded(v), memory.memref, where);
          }
          return;
        }
        SmallVector<Value> elements;
        for (Value v : group)
          elements.push_back(rounded(v));
        Value all = vector::FromElementsOp::create(
            b, loc, steps::vectorOf(vector, stored), elements);
        vector::StoreOp::create(
            b, loc, all, memory.memref, where, /*nontemporal=*/false,
            llvm::MaybeAlign(vector * bytesOf(stored)));
      });
      group.clear();
    });
  });
}

SmallVector<Type> RegisterKernel::fetchedTypes() {
  SmallVector<Type> types;
  for (const Staged &one : staged)
    types.append(unitsPerThread(one), one.vector == 1
                                          ? one.element
                                          : Type(steps::vectorOf(one.vector, one.element)));
  return types;
}

/// Loads what this thread puts into shared memory for the tokens from `base` on,
/// if there are any.
RegisterKernel::Values RegisterKernel::fetch(Value base) {
  SmallVector<Type> types = fetchedTypes();
  if (types.empty())
    return {};
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, base, length);
  auto branch = scf::IfOp::create(b, loc, types, some, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value last = arith::SubIOp::create(b, loc, length, constant(1));
  Values values;
  for (const Staged &one : staged) {
    Value memref = one.arg ? operands.seq[one.number] : operands.resets;
    SmallVector<int64_t> shape = extents(d, one.axes);
    int64_t perToken = product(shape) / one.vector;
    for (int64_t u = 0; u < unitsPerThread(one); ++u) {
      Value unit = u ? add(thread, constant(u * d.threads())) : thread;
      Value token = tokens == 1 ? Value()
                    : perToken == 1
                        ? unit
                        : arith::DivUIOp::create(b, loc, unit, constant(perToken))
                              .getResult();
      Value rest = perToken == 1 ? constant(0)
                                 : arith::RemUIOp::create(b, loc, unit,
                                                          constant(perToken))
                                       .getResult();
      Value number = token ? add(base, token) : base;
      number = arith::MinUIOp::create(b, loc, number, last);
      SmallVector<Value> where = outer(one.map, timeOf(number));
      unsigned leading = where.size();
      where.resize(leading + shape.size());
      for (unsigned dim = shape.size(); dim-- > 0;) {
        const FeatureAxis &axis = d.axes[one.axes[dim]];
        int64_t vector = dim + 1 == shape.size() ? one.vector : 1;
        Value at = rest;
        if (dim > 0) {
          Value size = constant(shape[dim] / vector);
          at = arith::RemUIOp::create(b, loc, rest, size);
          rest = arith::DivUIOp::create(b, loc, rest, size);
        }
        at = mul(at, vector);
        if (blockOf[one.axes[dim]])
          at = add(at, mul(blockOf[one.axes[dim]], axis.perBlock()));
        if (axis.padded())
          at = arith::MinUIOp::create(b, loc, at, constant(axis.size - vector));
        where[leading + dim] = at;
      }
      if (one.vector == 1)
        values.push_back(memref::LoadOp::create(b, loc, memref, where));
      else
        values.push_back(vector::LoadOp::create(
            b, loc, steps::vectorOf(one.vector, one.element), memref, where,
            /*nontemporal=*/false,
            llvm::MaybeAlign(one.vector * bytesOf(one.element))));
    }
  }
  scf::YieldOp::create(b, loc, values);
  b.setInsertionPointToStart(branch.elseBlock());
  Values nothing;
  for (Type type : types)
    nothing.push_back(arith::ConstantOp::create(b, loc, b.getZeroAttr(type)));
  scf::YieldOp::create(b, loc, nothing);
  return Values(branch.getResults());
}

/// Puts what `fetch` loaded into shared memory.
void RegisterKernel::keep(ValueRange fetched) {
  unsigned next = 0;
  for (const Staged &one : staged) {
    SmallVector<int64_t> shape{tokens};
    llvm::append_range(shape, extents(d, one.axes));
    for (int64_t u = 0; u < unitsPerThread(one); ++u) {
      Value unit = u ? add(thread, constant(u * d.threads())) : thread;
      Value inside;
      if ((u + 1) * d.threads() > units(one))
        inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, unit,
                                       constant(units(one)));
      Value value = fetched[next++];
      when(inside, [&] {
        // The buffer as a row of elements.
        Value row = sharedBuffer({product(shape)}, one.element, one.offset);
        Value at = mul(unit, one.vector);
        if (one.vector == 1)
          memref::StoreOp::create(b, loc, value, row, at);
        else
          vector::StoreOp::create(
              b, loc, value, row, ValueRange{at}, /*nontemporal=*/false,
              llvm::MaybeAlign(one.vector * bytesOf(one.element)));
      });
    }
  }
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

/// Where the flag of resets is set, states start again.
void RegisterKernel::restart(Value tokenIndex, Values &states, Value &number) {
  const Staged &flags = staged.back();
  Value flag = memref::LoadOp::create(b, loc, flags.buffer, tokenIndex);
  if (!flag.getType().isInteger(1))
    flag = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::ne, flag,
        arith::ConstantOp::create(b, loc, b.getZeroAttr(flag.getType())));
  number = arith::SelectOp::create(b, loc, flag, constant(0), number);
  SmallVector<Type> types(ValueRange(states).getTypes());
  auto branch = scf::IfOp::create(b, loc, types, flag, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Values fresh;
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs())) {
    if (!operands.restarts.empty()) {
      Memory memory{operands.restarts[i],
                    outer(cast<AxesAttr>(op.getRestartMaps()[i]), {}),
                    /*inBlock=*/false};
      llvm::append_range(fresh, loadAll(arg, memory));
      continue;
    }
    Type type = steps::StepEmitter::computeType(elementOf(arg.getType()));
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    fresh.append(d.held(arg), zero);
  }
  scf::YieldOp::create(b, loc, fresh);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, states);
  states.assign(branch.getResults().begin(), branch.getResults().end());
}

/// Token `number` of the sequence, the `tokenIndex`-th in shared memory.
/// `states` are the carries' elements, then the snapshots'.
RegisterKernel::Values RegisterKernel::token(Value tokenIndex, Value number,
                                             Values states, Value &counted) {
  current.clear();
  exchangedNow.clear();
  int64_t carried = 0;
  for (Value arg : op.getCarryArgs())
    carried += d.held(arg);
  Values snapshots(ArrayRef<Value>(states).drop_front(carried));
  states.truncate(carried);
  if (operands.resets)
    restart(tokenIndex, states, counted);
  for (unsigned s = 0, to = 0; s < op.getSnapshotArgs().size(); ++s) {
    Value every = constant(op.getSnapshots()[2 * s + 1]);
    Value now = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::eq,
        arith::RemUIOp::create(b, loc, counted, every).getResult(), constant(0));
    unsigned from = 0;
    for (int64_t c = 0; c < op.getSnapshots()[2 * s]; ++c)
      from += d.held(op.getCarryArgs()[c]);
    for (int64_t i = 0; i < d.held(op.getSnapshotArgs()[s]); ++i, ++to)
      snapshots[to] = arith::SelectOp::create(b, loc, now, states[from + i],
                                              snapshots[to]);
  }
  auto bind = [&](auto args, ArrayRef<Value> values) {
    unsigned next = 0;
    for (Value arg : args)
      forEachHeld(axesOf(arg), [&](ArrayRef<At> place) {
        current[key(arg, place)] = values[next++];
      });
  };
  bind(op.getCarryArgs(), states);
  bind(op.getSnapshotArgs(), snapshots);
  if (Value arg = op.getPositionArg())
    current[key(arg, {})] = counted;
  if (Value arg = op.getFirstArg())
    current[key(arg, {})] = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::eq, counted, constant(0));
  for (const Staged &one : staged)
    if (one.arg)
      memories[one.arg] = {one.buffer, {tokenIndex}, /*inBlock=*/true};
  if (!d.exchanged.empty())
    parity = arith::RemUIOp::create(b, loc, number, constant(2));

  // All values before the stores, which are in branches.
  YieldOp yield = op.getYield();
  Values next;
  for (auto [arg, value] : llvm::zip(op.getCarryArgs(), yield.getCarries()))
    forEachHeld(axesOf(arg), [&](ArrayRef<At> place) {
      Type element = elementOf(arg.getType());
      Value v = convert(at(value, place), element);
      next.push_back(convert(v, steps::StepEmitter::computeType(element)));
    });
  Value time = timeOf(number);
  for (auto [i, value] : llvm::enumerate(yield.getOuts())) {
    Values values;
    forEachHeld(axesOf(value), [&](ArrayRef<At> place) {
      values.push_back(at(value, place));
    });
    storeAll({operands.outs[i], outer(cast<AxesAttr>(op.getOutMaps()[i]), time),
              /*inBlock=*/false},
             axesOf(value), elementOf(value.getType()), values);
  }
  llvm::append_range(next, snapshots);
  return next;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void RegisterKernel::emitBody() {
  begin = constant(0);
  end = operands.sizes.lookup(RecurrenceOp::getTimeAxis());
  if (operands.segments) {
    Value s = outerIndices.lookup(op.getSegmentAxis().getValue());
    auto offset = [&](Value at) -> Value {
      Value v = memref::LoadOp::create(b, loc, operands.segments, at);
      return arith::IndexCastOp::create(b, loc, b.getIndexType(), v);
    };
    begin = offset(s);
    end = offset(add(s, constant(1)));
  }
  length = arith::SubIOp::create(b, loc, end, begin);

  Values states;
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
    llvm::append_range(
        states, loadAll(arg, {operands.carries[i],
                              outer(cast<AxesAttr>(op.getCarryMaps()[i]), {}),
                              /*inBlock=*/false}));
  unsigned carried = states.size();
  for (Value arg : op.getSnapshotArgs()) {
    Type type = steps::StepEmitter::computeType(elementOf(arg.getType()));
    states.append(d.held(arg),
                  arith::ConstantOp::create(b, loc, b.getZeroAttr(type)).getResult());
  }
  for (auto [i, arg] : llvm::enumerate(op.getWeightArgs()))
    memories[arg] = {operands.weights[i],
                     outer(cast<AxesAttr>(op.getWeightMaps()[i]), {}),
                     /*inBlock=*/false};
  for (Staged &one : staged) {
    SmallVector<int64_t> shape{tokens};
    llvm::append_range(shape, extents(d, one.axes));
    one.buffer = sharedBuffer(shape, one.element, one.offset);
  }
  for (auto [value, offset] : exchangeOffsets) {
    SmallVector<int64_t> shape{2};
    llvm::append_range(shape, exchangeShape(value));
    exchangeBuffers[value] = sharedBuffer(
        shape, steps::StepEmitter::computeType(elementOf(value.getType())), offset);
  }

  bool counts = op.getPosition() || op.getFirst() || !op.getSnapshots().empty();
  bool carriesPosition = counts && operands.resets;
  Values init(states);
  if (carriesPosition)
    init.push_back(constant(0));
  unsigned lasting = init.size();
  llvm::append_range(init, fetch(constant(0)));
  auto outerLoop = scf::ForOp::create(b, loc, constant(0), length,
                                      constant(tokens), init);
  before = outerLoop;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(outerLoop.getBody());
    Value first = outerLoop.getInductionVar();
    ValueRange carriedIn = outerLoop.getRegionIterArgs();
    // Everyone is done with the tokens before.
    gpu::BarrierOp::create(b, loc);
    keep(carriedIn.drop_front(lasting));
    gpu::BarrierOp::create(b, loc);
    Values ahead;
    if (!oneToken)
      ahead = fetch(add(first, constant(tokens)));
    else
      ahead.assign(carriedIn.begin() + lasting, carriedIn.end());
    Value count = arith::MinUIOp::create(
        b, loc, arith::SubIOp::create(b, loc, length, first).getResult(),
        constant(tokens));
    auto loop = scf::ForOp::create(b, loc, constant(0), count, constant(1),
                                   carriedIn.take_front(lasting));
    {
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(loop.getBody());
      Values now(loop.getRegionIterArgs());
      Value number = add(first, loop.getInductionVar());
      Value counted = number;
      if (carriesPosition)
        counted = now.pop_back_val();
      Values next = token(loop.getInductionVar(), number, now, counted);
      if (carriesPosition)
        next.push_back(add(counted, constant(1)));
      scf::YieldOp::create(b, loc, next);
    }
    Values yielded(loop.getResults());
    llvm::append_range(yielded, ahead);
    scf::YieldOp::create(b, loc, yielded);
  }
  before = nullptr;
  ValueRange last = outerLoop.getResults().take_front(carried);
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs())) {
    storeAll({operands.finals[i], outer(op.getFinalMap(i), {}), /*inBlock=*/false},
             axesOf(arg), elementOf(arg.getType()),
             Values(last.take_front(d.held(arg))));
    last = last.drop_front(d.held(arg));
  }
}

void RegisterKernel::emit() {
  operands.bind(op, b);
  Value sequences = constant(1);
  for (StringAttr axis : op.getCarryAxes())
    sequences = arith::MulIOp::create(b, loc, sequences,
                                      operands.sizes.lookup(axis.getValue()));
  Value one = constant(1);
  kernel = gpu::LaunchOp::create(
      b, loc, mul(sequences, d.blocks()), one, one, constant(d.threads()), one,
      one, arith::ConstantIntOp::create(b, loc, b.getI32Type(), shared).getResult());
  kernel->setAttr("seqc.distribution", b.getStringAttr(d.describe()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  auto end = gpu::TerminatorOp::create(b, loc);
  b.setInsertionPoint(end);
  place(kernel.getThreadIds().x, kernel.getBlockIds().x);
  emitBody();
  b.setInsertionPoint(op);
  steps::finishResults(b, op, operands.results);
}
