//===- PersistentKernel.cpp - Tokens of a recurrence with resident matrices ===//

#include "PersistentKernel.h"

#include "../Steps/ScalarBlock.h"
#include "../Steps/Buffers.h"
#include "../Steps/StepEmitter.h"

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

static Type computeType(Value value) {
  return steps::StepEmitter::computeType(elementOf(value.getType()));
}

//===----------------------------------------------------------------------===//
// Where a thread stands
//===----------------------------------------------------------------------===//

/// The indices of sequence `number` of the head, along all axes.
llvm::StringMap<Value> PersistentKernel::sequence(Value number) {
  llvm::StringMap<Value> result(headIndices);
  SmallVector<StringAttr> order;
  for (StringAttr axis : op.getCarryAxes())
    if (!p.heads.contains(axis.getValue()))
      order.push_back(axis);
  for (StringAttr axis : llvm::reverse(order)) {
    if (axis == order.front()) {
      result[axis.getValue()] = number;
      break;
    }
    Value size = operands.sizes.lookup(axis.getValue());
    result[axis.getValue()] = arith::RemUIOp::create(b, loc, number, size);
    number = arith::DivUIOp::create(b, loc, number, size);
  }
  return result;
}

void PersistentKernel::place(Value threadId, Value blockId) {
  auto divide = [&](Value x, Value y) -> Value {
    return arith::DivUIOp::create(b, loc, x, y);
  };
  auto remainder = [&](Value x, Value y) -> Value {
    return arith::RemUIOp::create(b, loc, x, y);
  };
  thread = threadId;
  lane = remainder(thread, constant(32));
  warp = divide(thread, constant(32));
  group = divide(lane, constant(4));
  quad = remainder(lane, constant(4));
  rank = remainder(blockId, constant(p.cluster));
  Value rest = divide(blockId, constant(p.cluster));

  // Sequences of one head.
  Value count = constant(1);
  SmallVector<StringAttr> headOrder;
  for (StringAttr axis : op.getCarryAxes()) {
    if (p.heads.contains(axis.getValue()))
      headOrder.push_back(axis);
    else
      count = mul(count, operands.sizes.lookup(axis.getValue()));
  }
  int64_t each = p.sequences();
  Value sets = divide(add(count, each - 1), constant(each));
  Value head = divide(rest, sets);
  Value first = mul(remainder(rest, sets), each);
  for (StringAttr axis : llvm::reverse(headOrder)) {
    Value size = operands.sizes.lookup(axis.getValue());
    headIndices[axis.getValue()] =
        axis == headOrder.front() ? head : remainder(head, size);
    head = divide(head, size);
  }
  Value last = arith::SubIOp::create(b, loc, count, constant(1));
  auto bounded = [&](Value n) -> Value {
    return arith::MinUIOp::create(b, loc, n, last);
  };
  for (int64_t c = 0; c < columns; ++c) {
    Value number = add(first, add(mul(quad, columns), c));
    exists.push_back(less(number, count));
    indices.push_back(sequence(bounded(number)));
  }

  // Lengths.
  tokensInAll = operands.sizes.lookup(RecurrenceOp::getTimeAxis());
  begin.assign(columns, constant(0));
  length.assign(columns, tokensInAll);
  longest = tokensInAll;
  if (operands.segments) {
    auto offset = [&](Value at) -> Value {
      Value v = memref::LoadOp::create(b, loc, operands.segments, at);
      return arith::IndexCastOp::create(b, loc, b.getIndexType(), v);
    };
    StringRef axis = op.getSegmentAxis().getValue();
    auto range = [&](Value s) {
      Value from = offset(s), to = offset(add(s, 1));
      return std::make_pair(from, arith::SubIOp::create(b, loc, to, from).getResult());
    };
    for (int64_t c = 0; c < columns; ++c)
      std::tie(begin[c], length[c]) = range(indices[c].lookup(axis));
    longest = constant(0);
    for (int64_t n = 0; n < each; ++n) {
      Value one = sequence(bounded(add(first, n))).lookup(axis);
      longest = arith::MaxUIOp::create(b, loc, longest, range(one).second);
    }
  }

  // Rows.
  Value block = add(mul(rank, p.warps), warp);
  for (int64_t g = 0; g < p.groups; ++g) {
    Value row = add(mul(add(mul(block, p.groups), g), 8), group);
    rowOf.push_back(row);
    Value inside;
    if (p.padded()) {
      inside = less(row, constant(p.rows));
      row = arith::MinUIOp::create(b, loc, row, constant(p.rows - 1));
    }
    rowExists.push_back(inside);
    rowRead.push_back(row);
  }
}

//===----------------------------------------------------------------------===//
// Device memory
//===----------------------------------------------------------------------===//

PersistentKernel::Memory PersistentKernel::bind(Value memref, AxesAttr map,
                                                ArrayRef<unsigned> axes, bool matrix) {
  Memory memory;
  memory.axes.assign(axes.begin(), axes.end());
  auto type = cast<MemRefType>(memref.getType());
  unsigned leading = map.size();
  int64_t stride = 1;
  memory.strides.resize(axes.size());
  for (unsigned i = axes.size(); i-- > 0;) {
    memory.strides[i] = stride;
    stride *= type.getDimSize(leading + i);
  }
  SmallVector<Value> strides(leading);
  Value all = constant(stride);
  for (unsigned i = leading; i-- > 0;) {
    strides[i] = all;
    Value size = type.isDynamicDim(i) ? memref::DimOp::create(b, loc, memref, i).getResult()
                                      : constant(type.getDimSize(i));
    all = mul(all, size);
  }
  memory.flat = memref::ReinterpretCastOp::create(
      b, loc,
      MemRefType::get({ShapedType::kDynamic}, type.getElementType(),
                      MemRefLayoutAttrInterface(), type.getMemorySpace()),
      memref, OpFoldResult(b.getIndexAttr(0)), ArrayRef<OpFoldResult>{all},
      ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  for (int64_t c = 0; c < columns; ++c) {
    Value start = constant(0);
    for (auto [i, name] : llvm::enumerate(map.getNames())) {
      if (name.getValue() == RecurrenceOp::getTimeAxis()) {
        memory.timeStride = strides[i];
        continue;
      }
      Value index = indices[c].lookup(name.getValue());
      if (map.getDivisors()[i] != 1)
        index = arith::DivUIOp::create(b, loc, index, constant(map.getDivisors()[i]));
      start = add(start, mul(index, strides[i]));
    }
    Values starts;
    for (int64_t g = 0; g < p.groups; ++g) {
      Value at = start;
      for (auto [axis, stride] : llvm::zip(axes, memory.strides))
        if (p.isRow(axis) && !matrix)
          at = add(at, mul(rowRead[g], stride));
      starts.push_back(at);
    }
    memory.start.push_back(starts);
  }
  return memory;
}

/// The place of an element of sequence `c` of the thread.
Value PersistentKernel::address(const Memory &memory, int64_t c,
                                ArrayRef<int64_t> place, Value time) {
  int64_t fixed = 0, g = 0;
  for (auto [axis, stride, index] : llvm::zip(memory.axes, memory.strides, place)) {
    if (p.isRow(axis))
      g = index;
    else
      fixed += stride * index;
  }
  Value result = memory.start[c][g];
  if (memory.timeStride)
    result = add(result, mul(time, memory.timeStride));
  return add(result, fixed);
}

/// Calls `body` for what a thread holds of a value, for each sequence.
void PersistentKernel::forEach(Value value,
                               llvm::function_ref<void(ArrayRef<int64_t>)> body) {
  ArrayRef<unsigned> axes = axesOf(value);
  Place place(axes.size(), 0);
  std::function<void(unsigned)> level = [&](unsigned dim) {
    if (dim == axes.size())
      return body(place);
    int64_t size = p.isRow(axes[dim]) ? p.groups : p.d.axes[axes[dim]].size;
    for (place[dim] = 0; place[dim] < size; ++place[dim])
      level(dim + 1);
  };
  level(0);
}

/// Stores what the thread holds of `value`, where it exists.
void PersistentKernel::storeAll(const Memory &memory, int64_t c, Value value,
                                Type element, Value time, ArrayRef<Value> values) {
  Type stored = cast<MemRefType>(memory.flat.getType()).getElementType();
  ArrayRef<unsigned> axes = axesOf(value);
  Value mine;
  if (llvm::none_of(axes, [&](unsigned axis) { return p.isRow(axis); }))
    // All threads of a sequence have it.
    mine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                 add(add(rank, warp), group), constant(0));
  unsigned next = 0;
  forEach(value, [&](ArrayRef<int64_t> place) {
    Value inside = mine;
    for (auto [axis, index] : llvm::zip(axes, place))
      if (p.isRow(axis))
        inside = both(inside, rowExists[index]);
    Value rounded = convert(convert(values[next++], element), stored);
    when(inside, [&] {
      memref::StoreOp::create(b, loc, rounded, memory.flat,
                              address(memory, c, place, time));
    });
  });
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

Value PersistentKernel::timeOf(Value number, int64_t c) {
  if (!op.getReverse())
    return add(begin[c], number);
  Value last = arith::SubIOp::create(b, loc, add(begin[c], length[c]), constant(1));
  return arith::SubIOp::create(b, loc, last, number);
}

/// Loads the operands of the tokens from `first` on; of those beyond the end, the
/// last one's again.
PersistentKernel::Values PersistentKernel::fetch(Value first) {
  Values result;
  auto load = [&](Value arg, const Memory &memory, int64_t i) {
    for (int64_t c = 0; c < columns; ++c) {
      // An empty segment reads some token that exists.
      Value tokens = arith::MaxUIOp::create(b, loc, length[c], constant(1));
      Value most = arith::SubIOp::create(b, loc, tokens, constant(1));
      Value number = arith::MinUIOp::create(b, loc, add(first, i), most);
      Value time = timeOf(number, c);
      if (operands.segments) {
        Value final = arith::SubIOp::create(b, loc, tokensInAll, constant(1));
        time = op.getReverse()
                   ? arith::MaxSIOp::create(b, loc, time, constant(0)).getResult()
                   : arith::MinUIOp::create(b, loc, time, final).getResult();
      }
      forEach(arg, [&](ArrayRef<int64_t> place) {
        result.push_back(memref::LoadOp::create(b, loc, memory.flat,
                                                address(memory, c, place, time)));
      });
    }
  };
  for (int64_t i = 0; i < p.tokens; ++i) {
    for (auto [arg, memory] : llvm::zip(op.getSeqArgs(), seqMemory))
      if (!arg.use_empty())
        load(arg, memory, i);
    if (operands.resets)
      load(op.getResets(), resetMemory, i);
  }
  return result;
}

/// Where a sequence's flag is set, its states start again, and its count of tokens.
void PersistentKernel::restart(MutableArrayRef<Value> states, ValueRange flags) {
  Values set;
  for (Value flag : flags)
    set.push_back(flag.getType().isInteger(1)
                      ? flag
                      : arith::CmpIOp::create(
                            b, loc, arith::CmpIPredicate::ne, flag,
                            arith::ConstantOp::create(b, loc, b.getZeroAttr(flag.getType())))
                            .getResult());
  unsigned next = 0;
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
    for (int64_t c = 0; c < columns; ++c)
      forEach(arg, [&](ArrayRef<int64_t> place) {
        Value &state = states[next++];
        if (restartMemory.empty()) {
          Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(state.getType()));
          state = select(set[c], zero, state);
          return;
        }
        auto branch = scf::IfOp::create(b, loc, state.getType(), set[c], /*withElse=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        const Memory &memory = restartMemory[i];
        Value fresh = memref::LoadOp::create(b, loc, memory.flat,
                                             address(memory, c, place, {}));
        scf::YieldOp::create(b, loc, convert(fresh, computeType(arg)));
        b.setInsertionPointToStart(branch.elseBlock());
        scf::YieldOp::create(b, loc, state);
        state = branch.getResult(0);
      });
  for (int64_t c = 0; counts() && c < columns; ++c)
    states[next + c] = select(set[c], constant(0), states[next + c]);
}

/// One token; `states` and `loaded` are by carry or operand, then by sequence.
PersistentKernel::Values PersistentKernel::token(Value number, int64_t parity,
                                                 Values states, ValueRange loaded) {
  current.assign(columns, {});
  multiplied.clear();
  sums.clear();
  auto both01 = [&](Value v) {
    Value one = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 1);
    return arith::AndIOp::create(b, loc, v, one).getResult();
  };
  Value number32 = arith::IndexCastOp::create(b, loc, b.getI32Type(), number);
  turn = p.tokens > 1 ? word(parity) : both01(number32);
  phase = both01(arith::ShRUIOp::create(b, loc, number32, word(1)));
  if (operands.resets)
    restart(states, loaded.take_back(columns));
  unsigned next = 0;
  for (Value arg : op.getCarryArgs())
    for (column = 0; column < columns; ++column)
      forEach(arg, [&](ArrayRef<int64_t> place) {
        current[column][key(arg, place)] = states[next++];
      });
  Values positions(columns, number);
  if (counts())
    positions.assign(states.begin() + next, states.end());
  next = 0;
  for (Value arg : op.getSeqArgs())
    for (column = 0; !arg.use_empty() && column < columns; ++column)
      forEach(arg, [&](ArrayRef<int64_t> place) {
        current[column][key(arg, place)] = convert(loaded[next++], computeType(arg));
      });
  for (auto [known, position] : llvm::zip(current, positions)) {
    if (Value arg = op.getPositionArg())
      known[key(arg, {})] = position;
    if (Value arg = op.getFirstArg())
      known[key(arg, {})] = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                                  position, constant(0));
  }
  Values active(columns);
  if (operands.segments)
    for (int64_t c = 0; c < columns; ++c)
      active[c] = less(number, length[c]);

  // All values before the stores, which are in branches.
  YieldOp yield = op.getYield();
  Values result;
  for (auto [arg, value] : llvm::zip(op.getCarryArgs(), yield.getCarries()))
    for (column = 0; column < columns; ++column)
      forEach(arg, [&](ArrayRef<int64_t> place) {
        Value v = convert(at(value, place), elementOf(arg.getType()));
        v = convert(v, computeType(arg));
        if (active[column])
          v = select(active[column], v, states[result.size()]);
        result.push_back(v);
      });
  if (counts())
    for (Value position : positions)
      result.push_back(add(position, 1));
  SmallVector<SmallVector<Values, 2>> outs;
  for (Value value : yield.getOuts()) {
    outs.emplace_back(columns);
    for (column = 0; column < columns; ++column)
      forEach(value, [&](ArrayRef<int64_t> place) {
        outs.back()[column].push_back(at(value, place));
      });
  }
  for (int64_t c = 0; c < columns; ++c)
    when(both(exists[c], active[c]), [&] {
      for (auto [value, memory, values] : llvm::zip(yield.getOuts(), outMemory, outs))
        storeAll(memory, c, value, elementOf(value.getType()), timeOf(number, c),
                 values[c]);
    });
  return result;
}

void PersistentKernel::emitTokens(Values &states) {
  SmallVector<Type> types(ValueRange(states).getTypes());
  auto some = scf::IfOp::create(b, loc, types, less(constant(0), longest),
                                /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(some.elseBlock());
  scf::YieldOp::create(b, loc, states);
  b.setInsertionPointToStart(some.thenBlock());
  Values init(states);
  llvm::append_range(init, fetch(constant(0)));
  auto loop = scf::ForOp::create(b, loc, constant(0), longest, constant(p.tokens), init);
  scf::YieldOp::create(b, loc, loop.getResults().take_front(states.size()));
  b.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  ValueRange args = loop.getRegionIterArgs();
  Values now(args.take_front(states.size()));
  ValueRange loaded = args.drop_front(states.size());
  int64_t each = loaded.size() / p.tokens;
  Values ahead = fetch(add(first, p.tokens));
  for (int64_t i = 0; i < p.tokens; ++i) {
    ValueRange own = loaded.slice(i * each, each);
    Value number = add(first, i);
    if (i == 0) {
      now = token(number, i % 2, now, own);
      continue;
    }
    auto more = scf::IfOp::create(b, loc, types, less(number, longest),
                                  /*withElse=*/true);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(more.elseBlock());
    scf::YieldOp::create(b, loc, now);
    b.setInsertionPointToStart(more.thenBlock());
    scf::YieldOp::create(b, loc, token(number, i % 2, now, own));
    now.assign(more.getResults().begin(), more.getResults().end());
  }
  llvm::append_range(now, ahead);
  scf::YieldOp::create(b, loc, now);
  states.assign(some.getResults().begin(), some.getResults().end());
}

void PersistentKernel::emitBody() {
  for (auto [i, arg] : llvm::enumerate(op.getSeqArgs()))
    seqMemory.push_back(
        bind(operands.seq[i], cast<AxesAttr>(op.getSeqMaps()[i]), axesOf(arg)));
  for (auto [i, arg] : llvm::enumerate(op.getWeightArgs()))
    weightMemory[arg] =
        bind(operands.weights[i], cast<AxesAttr>(op.getWeightMaps()[i]), axesOf(arg),
             p.matrices.contains(arg));
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs())) {
    carryMemory.push_back(
        bind(operands.carries[i], cast<AxesAttr>(op.getCarryMaps()[i]), axesOf(arg)));
    if (!operands.restarts.empty())
      restartMemory.push_back(bind(operands.restarts[i],
                                   cast<AxesAttr>(op.getRestartMaps()[i]), axesOf(arg)));
    finalMemory.push_back(bind(operands.finals[i], op.getFinalMap(i), axesOf(arg)));
  }
  for (auto [i, value] : llvm::enumerate(op.getYield().getOuts()))
    outMemory.push_back(
        bind(operands.outs[i], cast<AxesAttr>(op.getOutMaps()[i]), axesOf(value)));
  if (operands.resets)
    resetMemory = bind(operands.resets, *op.getResetsMap(), {});
  once.assign(columns, {});

  Values states;
  for (auto [arg, memory] : llvm::zip(op.getCarryArgs(), carryMemory))
    for (int64_t c = 0; c < columns; ++c)
      forEach(arg, [&](ArrayRef<int64_t> place) {
        states.push_back(convert(memref::LoadOp::create(b, loc, memory.flat,
                                                        address(memory, c, place, {})),
                                 computeType(arg)));
      });
  if (counts())
    states.append(columns, constant(0));
  loadMatrices();
  bindShared();
  // What does not change is computed before this.
  before = arith::ConstantIndexOp::create(b, loc, 0);
  emitTokens(states);
  if (p.cluster > 1) {
    // A block lives as long as others may write to it.
    NVVM::ClusterArriveOp::create(b, loc, /*aligned=*/b.getUnitAttr());
    NVVM::ClusterWaitOp::create(b, loc, b.getUnitAttr());
  }
  ArrayRef<Value> last(states);
  for (auto [arg, memory] : llvm::zip(op.getCarryArgs(), finalMemory))
    for (int64_t c = 0; c < columns; ++c) {
      int64_t count = 0;
      forEach(arg, [&](ArrayRef<int64_t>) { ++count; });
      when(exists[c], [&] {
        storeAll(memory, c, arg, elementOf(arg.getType()), {}, last.take_front(count));
      });
      last = last.drop_front(count);
    }
}

void PersistentKernel::emit() {
  operands.bind(op, b);
  Value heads = constant(1), sequences = constant(1);
  for (StringAttr axis : op.getCarryAxes()) {
    Value &count = p.heads.contains(axis.getValue()) ? heads : sequences;
    count = mul(count, operands.sizes.lookup(axis.getValue()));
  }
  Value sets = arith::DivUIOp::create(b, loc, add(sequences, p.sequences() - 1),
                                      constant(p.sequences()));
  Value one = constant(1);
  kernel = gpu::LaunchOp::create(
      b, loc, mul(mul(heads, sets), p.cluster), one, one, constant(p.threads()), one,
      one, word(p.sharedBytes()));
  kernel->setAttr("seqc.persistent", b.getStringAttr(p.describe()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  auto end = gpu::TerminatorOp::create(b, loc);
  b.setInsertionPoint(end);
  place(kernel.getThreadIds().x, kernel.getBlockIds().x);
  emitBody();
  b.setInsertionPoint(op);
  steps::finishResults(b, op, operands.results);
}

void kernels::lowerToPersistentKernel(RecurrenceOp op, OpBuilder &b,
                                      Persistence plan) {
  PersistentKernel(op, b, std::move(plan)).emit();
}
