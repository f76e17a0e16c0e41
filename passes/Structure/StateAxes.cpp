//===- StateAxes.cpp - Corrections act along the first dimension ----------===//
//
// The canonical form's state is K x V: corrections act along its first dimension.  A
// state whose corrections act along the second one is held transposed.
//
//===----------------------------------------------------------------------===//

#include "Conversion.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

static RankedTensorType transposed(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return RankedTensorType::get(shape, tensor.getElementType());
}

/// `v` with its last two dimensions exchanged.
static Value transpose(OpBuilder &b, Location loc, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(type.getRank()));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, loc, v), sizes;
  for (int64_t d : order)
    sizes.push_back(from[d]);
  Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  return linalg::TransposeOp::create(b, loc, v, empty, order)->getResult(0);
}

/// True if every correction acts along the second dimension, and one does.
static bool actsOnSecond(RecurrenceOp op, const Component &component) {
  if (component.cls != Class::C5 || component.carries.size() != 1)
    return false;
  unsigned carry = component.carries[0];
  Value next = op.getYield().getCarries()[carry];
  Type element = elementOf(op.getCarryArgs()[carry].getType());
  return next.getDefiningOp() && (element.isF32() || element.isF64()) &&
         next.getType() == op.getCarryArgs()[carry].getType() &&
         llvm::all_of(transitionOf(component.next[0], carry).lowRank,
                      [](const LowRank &pair) { return pair.axis == 1; });
}

void seqc::conversion::orientStates(RecurrenceOp op) {
  if (op.getChunk() || !op.getSnapshots().empty() || !op.getRestarts().empty())
    return;
  Location loc = op.getLoc();
  for (const Component &component : analyze(op).components) {
    if (!actsOnSecond(op, component))
      continue;
    unsigned carry = component.carries[0];
    OpBuilder b(op);
    op.getCarriesMutable()[carry].assign(transpose(b, loc, op.getCarries()[carry]));
    // In the step, the state is the transposed one's transposition, and so is the next.
    auto exchange = [&](Value v) {
      return EinsumOp::create(b, loc, v, b.getStringAttr("ab->ba")).getResult();
    };
    BlockArgument state = op.getCarryArgs()[carry];
    state.setType(transposed(state.getType()));
    b.setInsertionPointToStart(&op.getStep().front());
    Value plain = exchange(state);
    state.replaceAllUsesExcept(plain, plain.getDefiningOp());
    Value next = op.getYield().getCarries()[carry];
    b.setInsertionPointAfterValue(next);
    Value turned = exchange(next), back = exchange(turned);
    next.replaceAllUsesExcept(back, turned.getDefiningOp());
    op.getYield().getCarriesMutable()[carry].assign(turned);
    Value final = op.getFinals()[carry];
    final.setType(transposed(final.getType()));
    b.setInsertionPointAfter(op);
    Value result = transpose(b, loc, final);
    // The transposition itself and the sizes that it is made with stay.
    llvm::SmallPtrSet<Operation *, 4> own = {result.getDefiningOp()};
    for (Operation *user : final.getUsers())
      if (isa<tensor::DimOp>(user) && user->isBeforeInBlock(result.getDefiningOp()))
        own.insert(user);
    final.replaceAllUsesExcept(result, own);
  }
}
