//===- Buffers.cpp - Tensors of a lowered operation as memrefs ------------===//

#include "Buffers.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

Value seqc::steps::readBuffer(OpBuilder &b, Location loc, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type) {
    Value buffer = memref::AllocaOp::create(
        b, loc, MemRefType::get({}, value.getType()));
    memref::StoreOp::create(b, loc, value, buffer, ValueRange());
    return buffer;
  }
  if (auto from = value.getDefiningOp<bufferization::ToTensorOp>())
    if (auto memref = dyn_cast<MemRefType>(from.getBuffer().getType()))
      if (memref.getLayout().isIdentity())
        return from.getBuffer();
  if (auto constant = value.getDefiningOp())
    if (constant->hasTrait<OpTrait::ConstantLike>())
      if (auto dense = dyn_cast_or_null<DenseElementsAttr>(
              constant->getAttr("value")))
        return constantBuffer(b, loc, dense);
  return bufferization::ToBufferOp::create(
      b, loc, MemRefType::get(type.getShape(), type.getElementType()), value,
      /*read_only=*/true);
}

/// The argument that `value` is materialised in, or null.
static Value destination(Value value) {
  if (!value.hasOneUse())
    return {};
  auto store = dyn_cast<bufferization::MaterializeInDestinationOp>(
      *value.getUsers().begin());
  if (store && isa<BlockArgument>(store.getDest()) &&
      cast<MemRefType>(store.getDest().getType()).getLayout().isIdentity())
    return store.getDest();
  return {};
}

/// The same for a value that loses a dimension on its way, as a step's outputs
/// do: the argument with that dimension.
static Value widerDestination(OpBuilder &b, Location loc, Value value,
                              ArrayRef<OpFoldResult> shape) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !value.hasOneUse())
    return {};
  if (auto cast = dyn_cast<tensor::CastOp>(*value.getUsers().begin()))
    value = cast.getResult();
  if (!value.hasOneUse())
    return {};
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(*value.getUsers().begin());
  if (!collapse)
    return {};
  Value to = destination(collapse.getResult());
  if (!to)
    return {};
  auto wide = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> sizes(shape);
  for (int64_t d = 0; d < wide.getRank(); ++d)
    if (!wide.isDynamicDim(d))
      sizes[d] = b.getIndexAttr(wide.getDimSize(d));
  return memref::ExpandShapeOp::create(
      b, loc, MemRefType::get(wide.getShape(), wide.getElementType()), to,
      collapse.getReassociationIndices(), sizes);
}

Value seqc::steps::writeBuffer(OpBuilder &b, Location loc, Value result,
                             ArrayRef<OpFoldResult> shape,
                             SmallVectorImpl<Value> &replacements) {
  if (Value to = destination(result)) {
    replacements.push_back({});
    return to;
  }
  if (Value to = widerDestination(b, loc, result, shape)) {
    replacements.push_back({});
    return to;
  }
  if (!isa<RankedTensorType>(result.getType())) {
    Value buffer =
        memref::AllocaOp::create(b, loc, MemRefType::get({}, result.getType()));
    replacements.push_back(buffer);
    return buffer;
  }
  auto type = cast<RankedTensorType>(result.getType());
  SmallVector<Value> dynamic;
  for (unsigned d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      dynamic.push_back(cast<Value>(shape[d]));
  Value buffer = memref::AllocOp::create(
      b, loc, MemRefType::get(type.getShape(), type.getElementType()), dynamic,
      b.getI64IntegerAttr(64));
  replacements.push_back(buffer);
  return buffer;
}

Value seqc::steps::constantBuffer(OpBuilder &b, Location loc,
                                DenseElementsAttr table) {
  auto type = cast<RankedTensorType>(table.getType());
  auto memref = MemRefType::get(type.getShape(), type.getElementType());
  auto module =
      b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  if (!module)
    module = cast<ModuleOp>(b.getInsertionBlock()->getParentOp());
  memref::GlobalOp global;
  for (auto other : module.getOps<memref::GlobalOp>())
    if (other.getInitialValue() == table && other.getType() == memref)
      global = other;
  if (!global) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    unsigned number = 0;
    std::string name;
    do {
      name = "__seqc_table_" + std::to_string(number++);
    } while (module.lookupSymbol(name));
    global = memref::GlobalOp::create(b, loc, name, b.getStringAttr("private"),
                                      memref, table, /*constant=*/true,
                                      b.getI64IntegerAttr(64));
  }
  return memref::GetGlobalOp::create(b, loc, memref, global.getSymName());
}

void seqc::steps::finishResults(OpBuilder &b, Operation *op,
                              ArrayRef<Value> replacements) {
  for (auto [result, buffer] : llvm::zip(op->getResults(), replacements)) {
    if (result.use_empty())
      continue;
    if (!buffer) {
      // The way to the destination, from its end.
      SmallVector<Operation *> way{*result.getUsers().begin()};
      while (way.back()->getNumResults() == 1)
        way.push_back(*way.back()->getResult(0).getUsers().begin());
      for (Operation *step : llvm::reverse(way))
        step->erase();
      continue;
    }
    Value value;
    if (isa<RankedTensorType>(result.getType()))
      value = bufferization::ToTensorOp::create(b, op->getLoc(), result.getType(),
                                                buffer, /*restrict=*/true,
                                                /*writable=*/true);
    else
      value = memref::LoadOp::create(b, op->getLoc(), buffer, ValueRange());
    result.replaceAllUsesWith(value);
  }
  op->erase();
}
