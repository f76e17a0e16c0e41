//===- StepEmitter.cpp - Emits a planned step's expressions ---------------===//

#include "StepEmitter.h"

#include "ScalarBlock.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"

#include <limits>

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

Type StepEmitter::computeType(Type element) {
  if (element.isBF16() || element.isF16())
    return Float32Type::get(element.getContext());
  return element;
}

Value StepEmitter::constantIndex(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}


Value StepEmitter::broadcast(Value value, Value like) {
  auto type = dyn_cast<VectorType>(like.getType());
  if (!type || isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(
      b, loc, vectorOf(type.getDimSize(0), value.getType()), value);
}

Value StepEmitter::convert(Value value, Type element) {
  return convertFloat(b, loc, value, element);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
/// An access at a point: scalar indices, and the vector's dimensions.
struct Place {
  SmallVector<Value> indices;
  struct Moving {
    unsigned dim;
    int64_t stride;
    Value last; // of the dimension's indices, or null
  };
  SmallVector<Moving> moving;
};
} // namespace

static Place locate(OpBuilder &b, Location loc, const Access &access,
                    ArrayRef<Index> indices, Value lane) {
  Place place;
  for (auto [d, dim] : llvm::enumerate(access.dims)) {
    switch (dim.kind) {
    case Access::Dim::Fixed:
      place.indices.push_back(dim.fixed);
      break;
    case Access::Dim::Lane: {
      Value at = lane;
      if (dim.fixed)
        at = arith::AddIOp::create(b, loc, at, dim.fixed);
      place.indices.push_back(at);
      place.moving.push_back({unsigned(d), 1, {}});
      break;
    }
    case Access::Dim::Feature: {
      Value at = indices[dim.feature].base;
      if (dim.fixed)
        at = arith::AddIOp::create(b, loc, at, dim.fixed);
      if (dim.last)
        at = arith::MinUIOp::create(b, loc, at, dim.last);
      place.indices.push_back(at);
      if (indices[dim.feature].stride)
        place.moving.push_back({unsigned(d), indices[dim.feature].stride, dim.last});
      break;
    }
    }
  }
  return place;
}

/// Offsets of a vector's elements from its first, in elements of memory.
static Value offsets(OpBuilder &b, Location loc, Value memref,
                     const Place &place, int64_t width) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> steps;
  for (int64_t i = 0; i < width; ++i)
    steps.push_back(i);
  VectorType indexVector = vectorOf(width, b.getIndexType());
  Value iota = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(indexVector, ArrayRef<Attribute>([&] {
                                       SmallVector<Attribute> attrs;
                                       for (int64_t s : steps)
                                         attrs.push_back(b.getIndexAttr(s));
                                       return attrs;
                                     }())));
  Value total;
  auto everywhere = [&](Value v) -> Value {
    return vector::BroadcastOp::create(b, loc, indexVector, v);
  };
  for (auto [d, stride, last] : place.moving) {
    Value step = arith::ConstantIndexOp::create(b, loc, stride);
    Value lanes = iota;
    if (last) {
      // As far as there are indices.
      Value left = arith::SubIOp::create(b, loc, last, place.indices[d]);
      lanes = arith::MinUIOp::create(
          b, loc, arith::MulIOp::create(b, loc, iota, everywhere(step)).getResult(),
          everywhere(left));
      step = arith::ConstantIndexOp::create(b, loc, 1);
    }
    // Sizes do not give the strides: a buffer may be part of another one.
    int64_t known = type.getStridesAndOffset().first[d];
    Value apart =
        ShapedType::isDynamic(known)
            ? memref::ExtractStridedMetadataOp::create(b, loc, memref).getStrides()[d]
            : arith::ConstantIndexOp::create(b, loc, known).getResult();
    step = arith::MulIOp::create(b, loc, step, apart);
    Value part = arith::MulIOp::create(b, loc, lanes, everywhere(step));
    total = total ? arith::AddIOp::create(b, loc, total, part).getResult() : part;
  }
  return total;
}

static bool isContiguous(const Access &access, const Place &place) {
  return place.moving.size() == 1 &&
         place.moving[0].dim + 1 == access.dims.size() &&
         place.moving[0].stride == 1 && !place.moving[0].last;
}

Value StepEmitter::load(const Access &access, Type element,
                        ArrayRef<Index> indices) {
  Place place = locate(b, loc, access, indices, lane);
  Type stored = cast<MemRefType>(access.memref.getType()).getElementType();
  Type wanted = computeType(element);
  if (place.moving.empty())
    return convert(
        memref::LoadOp::create(b, loc, access.memref, place.indices), wanted);
  VectorType type = vectorOf(width, stored);
  Value mask = this->mask();
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value result;
  if (isContiguous(access, place)) {
    result = mask ? vector::MaskedLoadOp::create(b, loc, type, access.memref,
                                                 place.indices, mask, zero)
                        .getResult()
                  : vector::LoadOp::create(b, loc, type, access.memref,
                                           place.indices)
                        .getResult();
  } else {
    Value all = mask;
    if (!all)
      all = arith::ConstantOp::create(
          b, loc,
          DenseElementsAttr::get(vectorOf(width, b.getI1Type()), true));
    result = vector::GatherOp::create(
        b, loc, type, access.memref, place.indices,
        offsets(b, loc, access.memref, place, width), all, zero);
  }
  return convert(result, wanted);
}

void StepEmitter::store(Value value, const Access &access,
                        ArrayRef<Index> indices) {
  Place place = locate(b, loc, access, indices, lane);
  Type stored = cast<MemRefType>(access.memref.getType()).getElementType();
  value = convert(value, stored);
  if (place.moving.empty()) {
    // What every thread of a team computes, one of them writes.
    if (teamRank && !sharing) {
      Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          teamRank, constantIndex(0));
      auto only = scf::IfOp::create(b, loc, first, /*withElse=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(only.thenBlock());
      memref::StoreOp::create(b, loc, value, access.memref, place.indices);
      return;
    }
    memref::StoreOp::create(b, loc, value, access.memref, place.indices);
    return;
  }
  if (!isa<VectorType>(value.getType()))
    value = vector::BroadcastOp::create(b, loc, vectorOf(width, value.getType()),
                                        value);
  Value mask = this->mask();
  if (isContiguous(access, place)) {
    if (mask)
      vector::MaskedStoreOp::create(b, loc, access.memref, place.indices, mask,
                                    value);
    else if (access.streams)
      vector::StoreOp::create(
          b, loc, value, access.memref, place.indices, /*nontemporal=*/true,
          llvm::Align(width * stored.getIntOrFloatBitWidth() / 8));
    else
      vector::StoreOp::create(b, loc, value, access.memref, place.indices);
    return;
  }
  if (!mask)
    mask = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(vectorOf(width, b.getI1Type()), true));
  vector::ScatterOp::create(b, loc, Type(), access.memref, place.indices,
                            offsets(b, loc, access.memref, place, width), mask,
                            value);
}

Access &StepEmitter::buffer(Value value) {
  auto it = memory.find(value);
  assert(it != memory.end() && "the owner binds every root");
  return it->second;
}

void StepEmitter::storeAll(Value value, Value element, ArrayRef<Index> indices) {
  if (auto it = memory.find(value); it != memory.end() && value.getDefiningOp())
    store(element, it->second, indices);
  if (auto it = targets.find(value); it != targets.end())
    for (const Access &target : it->second)
      store(element, target, indices);
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

Value StepEmitter::clone(Operation *op, ValueRange operands) {
  // Casts between float widths have no meaning but for f64: values do not
  // round before the yield.
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return convert(operands[0], computeType(elementOf(op->getResult(0).getType())));
  Value vectorOperand;
  for (Value operand : operands)
    if (isa<VectorType>(operand.getType()))
      vectorOperand = operand;
  SmallVector<Value> values;
  for (Value operand : operands)
    values.push_back(vectorOperand ? broadcast(operand, vectorOperand) : operand);
  Type element = computeType(elementOf(op->getResult(0).getType()));
  Type type =
      vectorOperand
          ? Type(vectorOf(cast<VectorType>(vectorOperand.getType()).getDimSize(0),
                          element))
          : element;
  return repeatOperation(b, loc, op, values, type);
}

Index StepEmitter::collapsed(ArrayRef<Index> indices, ArrayRef<int64_t> shape,
                             ArrayRef<int64_t> group) {
  Index sum{constantIndex(0), 0};
  for (int64_t d : group) {
    sum.base = arith::AddIOp::create(
        b, loc,
        arith::MulIOp::create(b, loc, sum.base, constantIndex(shape[d])).getResult(),
        indices[d].base);
    sum.stride = sum.stride * shape[d] + indices[d].stride;
  }
  return sum;
}

Value StepEmitter::evaluateConstant(Operation *op, ArrayRef<Index> indices) {
  auto attr = cast<arith::ConstantOp>(op).getValue();
  Type element = computeType(elementOf(op->getResult(0).getType()));
  auto scalarOf = [&](Attribute value) -> Value {
    if (auto f = dyn_cast<FloatAttr>(value))
      return arith::ConstantOp::create(
          b, loc, b.getFloatAttr(element, f.getValueAsDouble()));
    return arith::ConstantOp::create(b, loc, cast<TypedAttr>(value));
  };
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (!dense)
    return scalarOf(attr);
  if (dense.isSplat())
    return scalarOf(dense.getSplatValue<Attribute>());
  // A table: kept as a constant buffer that the owner bound.
  return load(memory.lookup(op->getResult(0)), element, indices);
}

Value StepEmitter::evaluate(Value value, ArrayRef<Index> indices, bool through) {
  if (!through) {
    if (auto it = scalars.find(value); it != scalars.end())
      return it->second;
    if (auto it = point.find(value); it != point.end()) {
      bool here = indices.size() == pointIndices.size();
      for (unsigned i = 0; here && i < indices.size(); ++i)
        here = indices[i].base == pointIndices[i].base &&
               indices[i].stride == pointIndices[i].stride;
      if (here)
        return it->second;
    }
  }
  Operation *def = value.getDefiningOp();
  if (def && def->hasTrait<OpTrait::ConstantLike>())
    return evaluateConstant(def, indices);
  if (!through)
    if (const Access *access = find(value))
      return load(*access, elementOf(value.getType()), indices);
  assert(def && "an unbound block argument");
  if (isElementwise(def)) {
    SmallVector<Value> operands;
    for (Value operand : def->getOperands())
      operands.push_back(evaluate(
          operand, isa<ShapedType>(operand.getType()) ? indices
                                                      : ArrayRef<Index>()));
    return clone(def, operands);
  }
  if (auto einsum = dyn_cast<EinsumOp>(def)) {
    std::string output = einsum.getOutputTerm();
    Type element = elementOf(einsum.getType());
    Value product;
    for (auto [term, operand] :
         llvm::zip(einsum.getTerms(), einsum.getOperands())) {
      SmallVector<Index> mapped;
      for (char letter : term)
        mapped.push_back(indices[output.find(letter)]);
      Value factor = convert(evaluate(operand, mapped), element);
      if (!product) {
        product = factor;
        continue;
      }
      Value left = broadcast(product, factor), right = broadcast(factor, product);
      product = arith::MulFOp::create(b, loc, left, right,
                                      arith::FastMathFlags::contract);
    }
    return product;
  }
  if (auto splat = dyn_cast<tensor::SplatOp>(def))
    return evaluate(splat.getInput(), {});
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def)) {
    SmallVector<Index> mapped;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned at = 0;
    for (unsigned d = 0; d < slice.getSourceType().getRank(); ++d) {
      Value offset = getValueOrCreateConstantIndexOp(
          b, loc, slice.getMixedOffsets()[d]);
      if (auto it = scalars.find(offset); it != scalars.end())
        offset = it->second;
      if (dropped[d]) {
        mapped.push_back({offset, 0});
        continue;
      }
      int64_t stride = slice.getStaticStrides()[d];
      Index in = indices[at++];
      Value scaled = stride == 1 ? in.base
                                 : arith::MulIOp::create(b, loc, in.base,
                                                         constantIndex(stride))
                                       .getResult();
      mapped.push_back(
          {arith::AddIOp::create(b, loc, scaled, offset), in.stride * stride});
    }
    return evaluate(slice.getSource(), mapped);
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(def)) {
    ArrayRef<int64_t> shape = expand.getResultType().getShape();
    SmallVector<Index> mapped;
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      mapped.push_back(collapsed(indices, shape, group));
    }
    return evaluate(expand.getSrc(), mapped);
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(def)) {
    SmallVector<Index> mapped;
    for (Value index : extract.getIndices())
      mapped.push_back({evaluate(index, {}), 0});
    return evaluate(extract.getTensor(), mapped);
  }
  llvm_unreachable("not a step operation");
}

Value StepEmitter::scalar(Value value) { return evaluate(value, {}); }

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Value seqc::steps::combined(OpBuilder &b, Location loc, Combine kind, Value left,
                            Value right) {
  switch (kind) {
  case Combine::None:
    return right;
  case Combine::Add:
    return arith::AddFOp::create(b, loc, left, right,
                                 arith::FastMathFlags::contract);
  case Combine::Max:
    return arith::MaximumFOp::create(b, loc, left, right);
  case Combine::Min:
    return arith::MinimumFOp::create(b, loc, left, right);
  }
  llvm_unreachable("covered switch");
}

Value StepEmitter::combine(Combine kind, Value left, Value right) {
  left = broadcast(left, right);
  return combined(b, loc, kind, left, broadcast(right, left));
}

Value seqc::steps::identityOf(OpBuilder &b, Location loc, Combine kind, Type type) {
  double value = kind == Combine::Max   ? -std::numeric_limits<double>::infinity()
                 : kind == Combine::Min ? std::numeric_limits<double>::infinity()
                                        : 0.0;
  auto attr = b.getFloatAttr(elementOf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(
            vector, Attribute(b.getFloatAttr(vector.getElementType(), value))));
  return arith::ConstantOp::create(b, loc, attr);
}

Value StepEmitter::identity(Combine kind, Type type) {
  return identityOf(b, loc, kind, type);
}

Value StepEmitter::horizontal(Combine kind, Value vec, Value mask) {
  if (mask)
    vec = arith::SelectOp::create(b, loc, mask, vec,
                                  identity(kind, vec.getType()));
  vector::CombiningKind how = kind == Combine::Add ? vector::CombiningKind::ADD
                              : kind == Combine::Max
                                  ? vector::CombiningKind::MAXIMUMF
                                  : vector::CombiningKind::MINIMUMF;
  auto reduction = vector::ReductionOp::create(
      b, loc, how, vec,
      kind == Combine::Add ? arith::FastMathFlags::reassoc
                           : arith::FastMathFlags::none);
  return reduction;
}
