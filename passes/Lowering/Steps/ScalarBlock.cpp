//===- ScalarBlock.cpp - Repeats blocks of scalar operations --------------===//

#include "ScalarBlock.h"

#include "StepEmitter.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

Value steps::convertFloat(OpBuilder &b, Location loc, Value value, Type to) {
  auto vector = dyn_cast<VectorType>(value.getType());
  Type from = vector ? vector.getElementType() : value.getType();
  if (from == to || !isa<FloatType>(from) || !isa<FloatType>(to))
    return value;
  Type type = vector ? Type(vectorOf(vector.getDimSize(0), to)) : to;
  if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, loc, type, value);
  return arith::TruncFOp::create(b, loc, type, value);
}

Value steps::repeatOperation(OpBuilder &b, Location loc, Operation *op,
                             ValueRange values, Type type) {
  OperationState state(loc, op->getName(), values, type, op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  Operation *copy = b.create(state);
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(copy))
    if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(copy))
      copy->setAttr(fast.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(b.getContext(),
                                                  arith::FastMathFlags::contract));
  return copy->getResult(0);
}

Value steps::repeatConstant(OpBuilder &b, Location loc, Value value,
                            int64_t width) {
  auto attr =
      cast<TypedAttr>(cast<arith::ConstantOp>(value.getDefiningOp()).getValue());
  Type type = StepEmitter::computeType(attr.getType());
  if (auto f = dyn_cast<FloatAttr>(attr))
    attr = b.getFloatAttr(type, f.getValueAsDouble());
  if (width > 0)
    attr = DenseElementsAttr::get(vectorOf(width, type), Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

SmallVector<Value> steps::repeatBlock(OpBuilder &b, Location loc, Block &block,
                                      ValueRange yielded, IRMapping &mapping,
                                      int64_t width) {
  auto repeated = [&](Value v) -> Value {
    Operation *def = v.getDefiningOp();
    return def && def->hasTrait<OpTrait::ConstantLike>()
               ? repeatConstant(b, loc, v, width)
               : mapping.lookup(v);
  };
  for (Operation &op : block.without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(repeated(operand));
    Type to = StepEmitter::computeType(op.getResult(0).getType());
    if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
      mapping.map(op.getResult(0), convertFloat(b, loc, operands[0], to));
      continue;
    }
    if (isa<EinsumOp>(op)) { // of scalars: their product
      Value product = convertFloat(b, loc, operands[0], to);
      for (Value factor : llvm::drop_begin(operands))
        product = arith::MulFOp::create(b, loc, product,
                                        convertFloat(b, loc, factor, to),
                                        arith::FastMathFlags::contract);
      mapping.map(op.getResult(0), product);
      continue;
    }
    OperationState state(loc, op.getName(), operands,
                         width > 0 ? Type(vectorOf(width, to)) : to, op.getAttrs());
    state.propertiesAttr = op.getPropertiesAsAttribute();
    mapping.map(op.getResult(0), b.create(state)->getResult(0));
  }
  SmallVector<Value> result;
  for (Value out : yielded)
    result.push_back(repeated(out));
  return result;
}
