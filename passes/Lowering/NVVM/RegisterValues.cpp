//===- RegisterValues.cpp - A step's values in registers ------------------===//
//
// Values are computed element by element as they are asked for, each once a
// token; what depends on weights alone once a kernel.
//
//===----------------------------------------------------------------------===//

#include "RegisterKernel.h"

#include "../Steps/Buffers.h"
#include "../Steps/ScalarBlock.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

static Type computeType(Type element) {
  return steps::StepEmitter::computeType(element);
}

Value RegisterKernel::convert(Value value, Type element) {
  return steps::convertFloat(b, loc, value, element);
}
Value RegisterKernel::constant(int64_t v) {
  return arith::ConstantIndexOp::create(b, loc, v);
}
Value RegisterKernel::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value RegisterKernel::mul(Value x, int64_t y) {
  return y == 1 ? x : arith::MulIOp::create(b, loc, x, constant(y)).getResult();
}
Value RegisterKernel::both(Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::AndIOp::create(b, loc, x, y);
}

void RegisterKernel::when(Value condition, llvm::function_ref<void()> body) {
  if (!condition)
    return body();
  auto op = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

void RegisterKernel::forEachHeld(ArrayRef<unsigned> axes,
                                 llvm::function_ref<void(ArrayRef<At>)> body) {
  Place place;
  for (unsigned axis : axes)
    place.push_back({axis, 0});
  std::function<void(unsigned)> level = [&](unsigned dim) {
    if (dim == axes.size())
      return body(place);
    for (int64_t i = 0; i < d.axes[axes[dim]].held; ++i) {
      place[dim].held = i;
      level(dim + 1);
    }
  };
  level(0);
}

std::pair<void *, std::vector<int64_t>>
RegisterKernel::key(Value value, ArrayRef<At> place) {
  std::vector<int64_t> numbers;
  for (At at : place) {
    numbers.push_back(at.axis);
    numbers.push_back(at.held);
  }
  return {value.getAsOpaquePointer(), numbers};
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// Where the thread's `held`-th index is, from its first.
static int64_t offsetOf(const FeatureAxis &axis, int64_t held) {
  return held / axis.vector * axis.lanes * axis.warps * axis.vector +
         held % axis.vector;
}

Value RegisterKernel::index(At at, bool inBlock) {
  const FeatureAxis &axis = d.axes[at.axis];
  Value first = inBlock ? startInBlock[at.axis] : start[at.axis];
  int64_t offset = offsetOf(axis, at.held);
  if (!first)
    return constant(offset);
  Value result = offset ? add(first, constant(offset)) : first;
  if (!inBlock && axis.padded()) {
    // Beyond the end, the last whole vector is read again.
    int64_t inside = at.held % axis.vector;
    result = arith::MinUIOp::create(b, loc, result,
                                    constant(axis.size - axis.vector + inside));
  }
  return result;
}

Value RegisterKernel::exists(At at) {
  const FeatureAxis &axis = d.axes[at.axis];
  if (!axis.padded())
    return {};
  int64_t offset = offsetOf(axis, at.held);
  Value place = start[at.axis] ? add(start[at.axis], constant(offset))
                               : constant(offset);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, place,
                               constant(axis.size));
}

Value RegisterKernel::isFirst(ArrayRef<unsigned> axes) {
  Value result;
  auto zero = [&](Value v) {
    if (v)
      result = both(result, arith::CmpIOp::create(
                                b, loc, arith::CmpIPredicate::eq, v, constant(0)));
  };
  for (unsigned axis = 0; axis < d.axes.size(); ++axis)
    if (!llvm::is_contained(axes, axis)) {
      zero(position[axis]);
      zero(blockOf[axis]);
    }
  zero(spare);
  return result;
}

SmallVector<Value> RegisterKernel::indices(const Memory &memory,
                                           ArrayRef<At> place) {
  SmallVector<Value> result(memory.outer);
  for (At at : place)
    result.push_back(index(at, memory.inBlock));
  return result;
}

/// The element at `place`, which is loaded with its neighbours.
Value RegisterKernel::load(Value value, const Memory &memory, ArrayRef<At> place,
                           Known &into) {
  Type stored = cast<MemRefType>(memory.memref.getType()).getElementType();
  Type wanted = computeType(elementOf(value.getType()));
  int64_t vector = place.empty() ? 1 : d.axes[place.back().axis].vector;
  // Bits have no vectors in memory.
  if (vector == 1 || !isa<FloatType>(stored))
    return into[key(value, place)] = convert(
               memref::LoadOp::create(b, loc, memory.memref,
                                      indices(memory, place)),
               wanted);
  Place first(place);
  first.back().held -= first.back().held % vector;
  int64_t bytes = vector * stored.getIntOrFloatBitWidth() / 8;
  Value all = vector::LoadOp::create(
      b, loc, steps::vectorOf(vector, stored), memory.memref,
      indices(memory, first), /*nontemporal=*/false, llvm::MaybeAlign(bytes));
  all = convert(all, wanted);
  for (int64_t i = 0; i < vector; ++i) {
    Place one(first);
    one.back().held += i;
    into[key(value, one)] = vector::ExtractOp::create(b, loc, all, i);
  }
  return into[key(value, place)];
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value RegisterKernel::at(Value value, ArrayRef<At> place) {
  auto name = key(value, place);
  for (Known *known : {&once, &current})
    if (auto it = known->find(name); it != known->end())
      return it->second;
  if (!d.invariant.contains(value))
    return current[name] = compute(value, place, current);
  OpBuilder::InsertionGuard guard(b);
  if (before)
    b.setInsertionPoint(before);
  return once[name] = compute(value, place, once);
}

Value RegisterKernel::compute(Value value, ArrayRef<At> place, Known &into) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return load(value, memories.find(value)->second, place, into);
  if (def->hasTrait<OpTrait::ConstantLike>())
    return constantAt(def, place);
  if (auto splat = dyn_cast<tensor::SplatOp>(def))
    return at(splat.getInput(), {});
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
    return sliceAt(slice, place);
  if (auto extract = dyn_cast<tensor::ExtractOp>(def)) {
    Place from;
    for (auto [axis, i] : llvm::zip(axesOf(extract.getTensor()), extract.getIndices())) {
      APInt number = cast<IntegerAttr>(
                         cast<arith::ConstantOp>(i.getDefiningOp()).getValue())
                         .getValue();
      from.push_back({axis, number.getSExtValue()});
    }
    return at(extract.getTensor(), from);
  }
  if (auto einsum = dyn_cast<EinsumOp>(def))
    return einsumAt(einsum, place);
  if (auto reduce = dyn_cast<ReduceOp>(def))
    return reduceAt(reduce, place);
  SmallVector<Value> values;
  for (Value operand : def->getOperands())
    values.push_back(
        at(operand, isa<ShapedType>(operand.getType()) ? place : ArrayRef<At>()));
  return clone(def, values);
}

Value RegisterKernel::clone(Operation *def, ValueRange values) {
  Type type = computeType(elementOf(def->getResult(0).getType()));
  // Values do not round before the yield.
  if (isa<arith::ExtFOp, arith::TruncFOp>(def))
    return convert(values[0], type);
  return steps::repeatOperation(b, loc, def, values, type);
}

Value RegisterKernel::constantAt(Operation *def, ArrayRef<At> place) {
  auto attr = cast<arith::ConstantOp>(def).getValue();
  Type element = computeType(elementOf(def->getResult(0).getType()));
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (dense && !dense.isSplat()) {
    Memory table{steps::constantBuffer(b, loc, dense), {}, /*inBlock=*/false};
    return convert(
        memref::LoadOp::create(b, loc, table.memref, indices(table, place)),
        element);
  }
  Attribute one = dense ? dense.getSplatValue<Attribute>() : Attribute(attr);
  if (auto f = dyn_cast<FloatAttr>(one))
    one = b.getFloatAttr(element, f.getValueAsDouble());
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(one));
}

Value RegisterKernel::sliceAt(tensor::ExtractSliceOp slice, ArrayRef<At> place) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  ArrayRef<unsigned> axes = axesOf(slice.getSource());
  Place from;
  unsigned next = 0;
  for (unsigned dim = 0; dim < axes.size(); ++dim) {
    int64_t offset = slice.getStaticOffsets()[dim];
    int64_t stride = slice.getStaticStrides()[dim];
    if (dropped[dim]) {
      from.push_back({axes[dim], offset});
      continue;
    }
    At kept = place[next++];
    bool full = offset == 0 && stride == 1 &&
                slice.getStaticSizes()[dim] ==
                    slice.getSourceType().getDimSize(dim);
    from.push_back(full ? kept : At{axes[dim], offset + stride * kept.held});
  }
  return at(slice.getSource(), from);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value RegisterKernel::combine(Combine kind, Value left, Value right) {
  return steps::combined(b, loc, kind, left, right);
}

Value RegisterKernel::identity(Combine kind, Type type) {
  return steps::identityOf(b, loc, kind, type);
}

/// Combines what the lanes along `axes` have; all of them get the result.
Value RegisterKernel::acrossLanes(Combine kind, Value value,
                                  ArrayRef<unsigned> axes) {
  Value width = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 32);
  for (unsigned axis : axes)
    for (int64_t step = 1; step < d.axes[axis].lanes; step *= 2) {
      Value offset = arith::ConstantIntOp::create(b, loc, b.getI32Type(),
                                                  step * laneStride[axis]);
      Value other = gpu::ShuffleOp::create(b, loc, value, offset, width,
                                           gpu::ShuffleMode::XOR)
                        .getShuffleResult();
      value = combine(kind, value, other);
    }
  return value;
}

/// Sums that a thread runs apart, so that additions overlap.
static constexpr int64_t partialSums = 4;

Value RegisterKernel::einsumAt(EinsumOp einsum, ArrayRef<At> place) {
  Type element = computeType(elementOf(einsum.getType()));
  const auto &letters = d.letters.find(einsum)->second;
  std::string output = einsum.getOutputTerm();
  llvm::SmallDenseMap<char, At> where;
  for (auto [letter, at] : llvm::zip(output, place))
    where[letter] = at;
  auto product = [&](Value sum) {
    Value result, last;
    for (auto [i, term] : llvm::enumerate(einsum.getTerms())) {
      Place from;
      for (char letter : term)
        from.push_back(where.lookup(letter));
      Value factor = convert(operandAt(einsum->getOpOperand(i), from), element);
      if (last)
        result = arith::MulFOp::create(b, loc, result, last,
                                       arith::FastMathFlags::contract);
      last = result ? factor : Value();
      if (!result)
        result = factor;
    }
    if (!last)
      return sum ? combine(Combine::Add, sum, result) : result;
    if (sum)
      return Value(math::FmaOp::create(b, loc, result, last, sum,
                                       arith::FastMathFlags::contract));
    return Value(arith::MulFOp::create(b, loc, result, last,
                                       arith::FastMathFlags::contract));
  };
  if (!einsum.isContraction())
    return product({});
  SmallVector<char> summed;
  SmallVector<unsigned> axes;
  for (const std::string &term : einsum.getTerms())
    for (char letter : term)
      if (output.find(letter) == std::string::npos &&
          !llvm::is_contained(summed, letter)) {
        summed.push_back(letter);
        axes.push_back(letters.lookup(letter));
      }
  SmallVector<Value> sums(partialSums);
  int64_t count = 0;
  forEachHeld(axes, [&](ArrayRef<At> inner) {
    Value mask;
    for (auto [letter, at] : llvm::zip(summed, inner)) {
      where[letter] = at;
      mask = both(mask, exists(at));
    }
    Value &sum = sums[count++ % partialSums];
    if (!mask) {
      sum = product(sum);
      return;
    }
    Value term = arith::SelectOp::create(b, loc, mask, product({}),
                                         identity(Combine::Add, element));
    sum = sum ? combine(Combine::Add, sum, term) : term;
  });
  Value total = sums[0];
  for (Value sum : llvm::drop_begin(sums))
    if (sum)
      total = combine(Combine::Add, total, sum);
  return acrossLanes(Combine::Add, total, axes);
}

Value RegisterKernel::reduceAt(ReduceOp reduce, ArrayRef<At> place) {
  Combine kind = reduce.getKind() == ReduceKind::add   ? Combine::Add
                 : reduce.getKind() == ReduceKind::max ? Combine::Max
                                                       : Combine::Min;
  unsigned axis = axesOf(reduce.getInput())[reduce.getAxis()];
  Type element = computeType(elementOf(reduce.getType()));
  Value total;
  forEachHeld({axis}, [&](ArrayRef<At> inner) {
    Place from(place);
    from.insert(from.begin() + reduce.getAxis(), inner[0]);
    Value term = convert(at(reduce.getInput(), from), element);
    if (Value mask = exists(inner[0]))
      term = arith::SelectOp::create(b, loc, mask, term, identity(kind, element));
    total = total ? combine(kind, total, term) : term;
  });
  return acrossLanes(kind, total, {axis});
}

//===----------------------------------------------------------------------===//
// Exchange
//===----------------------------------------------------------------------===//

Value RegisterKernel::operandAt(OpOperand &use, ArrayRef<At> place) {
  if (!d.exchanged.contains(&use))
    return at(use.get(), place);
  auto name = key(use.get(), place);
  if (auto it = current.find(name); it != current.end())
    return it->second;
  exchange(use.get());
  Memory memory{exchangeBuffers.lookup(use.get()), {parity}, /*inBlock=*/true};
  return load(use.get(), memory, place, current);
}

/// Writes a value to shared memory.  Two buffers take turns, so that one barrier
/// a token is enough.
void RegisterKernel::exchange(Value value) {
  if (!exchangedNow.insert(value).second)
    return;
  ArrayRef<unsigned> axes = axesOf(value);
  Values values;
  forEachHeld(axes, [&](ArrayRef<At> place) { values.push_back(at(value, place)); });
  Value buffer = exchangeBuffers.lookup(value);
  Memory memory{buffer, {parity}, /*inBlock=*/true};
  when(isFirst(axes), [&] {
    unsigned next = 0;
    forEachHeld(axes, [&](ArrayRef<At> place) {
      memref::StoreOp::create(b, loc, values[next++], buffer,
                              indices(memory, place));
    });
  });
  gpu::BarrierOp::create(b, loc);
}
