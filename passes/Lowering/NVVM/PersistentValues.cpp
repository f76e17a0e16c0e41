//===- PersistentValues.cpp - A step's values beside its sums -------------===//
//
// Values are computed element by element as they are asked for, each once a token and
// sequence; what depends on weights alone once a kernel.
//
//===----------------------------------------------------------------------===//

#include "PersistentKernel.h"

#include "../Steps/Buffers.h"
#include "../Steps/ScalarBlock.h"
#include "../Steps/StepEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;
using steps::Combine;

Value PersistentKernel::convert(Value value, Type element) {
  return steps::convertFloat(b, loc, value, element);
}
Value PersistentKernel::constant(int64_t v) {
  return arith::ConstantIndexOp::create(b, loc, v);
}
Value PersistentKernel::word(int64_t v) {
  return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v);
}
Value PersistentKernel::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value PersistentKernel::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}
Value PersistentKernel::less(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y);
}
Value PersistentKernel::select(Value c, Value x, Value y) {
  return arith::SelectOp::create(b, loc, c, x, y);
}
Value PersistentKernel::both(Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::AndIOp::create(b, loc, x, y);
}

void PersistentKernel::when(Value condition, llvm::function_ref<void()> body) {
  if (!condition)
    return body();
  auto op = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

PersistentKernel::Key PersistentKernel::key(Value value, ArrayRef<int64_t> place) const {
  return {value.getAsOpaquePointer(), place.vec()};
}

ArrayRef<unsigned> PersistentKernel::axesOf(Value value) const {
  auto it = p.d.dims.find(value);
  return it == p.d.dims.end() ? ArrayRef<unsigned>() : ArrayRef(it->second);
}

Value PersistentKernel::at(Value value, ArrayRef<int64_t> place) {
  Key name = key(value, place);
  for (Known *known : {&once[column], &current[column]})
    if (auto it = known->find(name); it != known->end())
      return it->second;
  if (!p.d.invariant.contains(value))
    return current[column][name] = compute(value, place);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(before);
  return once[column][name] = compute(value, place);
}

Value PersistentKernel::compute(Value value, ArrayRef<int64_t> place) {
  Operation *def = value.getDefiningOp();
  if (!def) {
    const Memory &memory = weightMemory.find(value)->second;
    return convert(memref::LoadOp::create(b, loc, memory.flat,
                                          address(memory, column, place, {})),
                   steps::StepEmitter::computeType(elementOf(value.getType())));
  }
  if (def->hasTrait<OpTrait::ConstantLike>())
    return constantAt(def, place);
  if (auto splat = dyn_cast<tensor::SplatOp>(def))
    return at(splat.getInput(), {});
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
    return sliceAt(slice, place);
  if (auto extract = dyn_cast<tensor::ExtractOp>(def)) {
    Place from;
    for (Value i : extract.getIndices())
      from.push_back(cast<IntegerAttr>(
                         cast<arith::ConstantOp>(i.getDefiningOp()).getValue())
                         .getInt());
    return at(extract.getTensor(), from);
  }
  if (auto einsum = dyn_cast<EinsumOp>(def))
    return einsumAt(einsum, place);
  if (auto reduce = dyn_cast<ReduceOp>(def))
    return reduceAt(reduce, place);
  Values values;
  for (Value operand : def->getOperands())
    values.push_back(
        at(operand, isa<ShapedType>(operand.getType()) ? place : ArrayRef<int64_t>()));
  return clone(def, values);
}

Value PersistentKernel::clone(Operation *def, ValueRange values) {
  Type type = steps::StepEmitter::computeType(elementOf(def->getResult(0).getType()));
  // Values do not round before the yield.
  if (isa<arith::ExtFOp, arith::TruncFOp>(def))
    return convert(values[0], type);
  return steps::repeatOperation(b, loc, def, values, type);
}

Value PersistentKernel::constantAt(Operation *def, ArrayRef<int64_t> place) {
  auto attr = cast<arith::ConstantOp>(def).getValue();
  Type element =
      steps::StepEmitter::computeType(elementOf(def->getResult(0).getType()));
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (dense && !dense.isSplat()) {
    // Only a dimension as long as the rows can be one of them.
    Value table = steps::constantBuffer(b, loc, dense);
    Values where;
    for (auto [i, size] : llvm::zip(place, shapeOf(def->getResult(0).getType())))
      where.push_back(size == p.rows ? rowRead[i] : constant(i));
    return convert(memref::LoadOp::create(b, loc, table, where), element);
  }
  Attribute one = dense ? dense.getSplatValue<Attribute>() : Attribute(attr);
  if (auto f = dyn_cast<FloatAttr>(one))
    one = b.getFloatAttr(element, f.getValueAsDouble());
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(one));
}

Value PersistentKernel::sliceAt(tensor::ExtractSliceOp slice,
                                ArrayRef<int64_t> place) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  Place from;
  unsigned next = 0;
  for (unsigned dim = 0; dim < dropped.size(); ++dim) {
    int64_t offset = slice.getStaticOffsets()[dim];
    // Rows are not sliced: all of them are wanted, from the first.
    from.push_back(dropped[dim]
                       ? offset
                       : offset + slice.getStaticStrides()[dim] * place[next++]);
  }
  return at(slice.getSource(), from);
}

Value PersistentKernel::einsumAt(EinsumOp einsum, ArrayRef<int64_t> place) {
  std::string output = einsum.getOutputTerm();
  llvm::SmallDenseMap<char, int64_t> where;
  for (auto [letter, index] : llvm::zip(output, place))
    where[letter] = index;
  auto &letters = p.d.letters.find(einsum)->second;
  for (auto [f, factor] : llvm::enumerate(p.factors))
    for (auto [s, sum] : llvm::enumerate(factor.sums)) {
      if (sum.einsum != einsum || llvm::any_of(sum.letters, [&](auto &letter) {
            return where.lookup(letter.first) != letter.second;
          }))
        continue;
      multiply(f);
      return sums.at({int64_t(f), int64_t(s), where.lookup(sum.row), column});
    }
  // A product of elements, or a sum along axes of which a thread has all.
  Type element = steps::StepEmitter::computeType(elementOf(einsum.getType()));
  SmallVector<char> summed;
  for (const std::string &term : einsum.getTerms())
    for (char letter : term)
      if (!where.count(letter)) {
        where[letter] = 0;
        summed.push_back(letter);
      }
  Value total;
  std::function<void(unsigned)> level = [&](unsigned i) {
    if (i < summed.size()) {
      int64_t size = p.d.axes[letters.lookup(summed[i])].size;
      for (int64_t n = 0; n < size; ++n) {
        where[summed[i]] = n;
        level(i + 1);
      }
      return;
    }
    Value product;
    for (auto [operand, term] : llvm::zip(einsum.getOperands(), einsum.getTerms())) {
      Place from;
      for (char letter : term)
        from.push_back(where.lookup(letter));
      Value one = convert(at(operand, from), element);
      product = product ? arith::MulFOp::create(b, loc, product, one,
                                                arith::FastMathFlags::contract)
                              .getResult()
                        : one;
    }
    total = total ? steps::combined(b, loc, Combine::Add, total, product) : product;
  };
  level(0);
  return total;
}

Value PersistentKernel::reduceAt(ReduceOp reduce, ArrayRef<int64_t> place) {
  Combine kind = reduce.getKind() == ReduceKind::add   ? Combine::Add
                 : reduce.getKind() == ReduceKind::max ? Combine::Max
                                                       : Combine::Min;
  Type element = steps::StepEmitter::computeType(elementOf(reduce.getType()));
  Value total;
  for (int64_t i = 0; i < shapeOf(reduce.getInput().getType())[reduce.getAxis()]; ++i) {
    Place from(place);
    from.insert(from.begin() + reduce.getAxis(), i);
    Value one = convert(at(reduce.getInput(), from), element);
    total = total ? steps::combined(b, loc, kind, total, one) : one;
  }
  return total;
}
