//===- EntryToMemrefs.cpp - Entries take and return memrefs ---------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace seqc {
#define GEN_PASS_DEF_ENTRYTOMEMREFS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

static Type bufferType(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  return MemRefType::get({}, type);
}

static LogicalResult convert(func::FuncOp func) {
  auto check = [&](StringRef what, TypeRange types) -> LogicalResult {
    for (auto [i, type] : llvm::enumerate(types))
      if (!isa<RankedTensorType>(type) && !type.isIntOrIndexOrFloat())
        return func.emitError() << "entry '" << func.getName() << "': " << what
                                << " #" << i << " is " << type
                                << ", expected a ranked tensor or a scalar";
    return success();
  };
  if (failed(check("argument", func.getArgumentTypes())) ||
      failed(check("result", func.getResultTypes())))
    return failure();
  if (!llvm::hasSingleElement(func.getBody()))
    return func.emitError() << "entry '" << func.getName()
                            << "' has several blocks, expected one";
  Block &block = func.getBody().front();
  OpBuilder b(&block, block.begin());
  Location loc = func.getLoc();
  SmallVector<Type> types;
  for (BlockArgument arg : block.getArguments()) {
    Type old = arg.getType();
    types.push_back(bufferType(old));
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : arg.getUses())
      uses.push_back(&use);
    arg.setType(types.back());
    Value value;
    if (isa<RankedTensorType>(old))
      value = bufferization::ToTensorOp::create(b, loc, old, arg,
                                                /*restrict=*/true);
    else
      value = memref::LoadOp::create(b, loc, arg, ValueRange());
    for (OpOperand *use : uses)
      use->set(value);
  }
  auto ret = cast<func::ReturnOp>(block.getTerminator());
  b.setInsertionPoint(ret);
  for (Value result : ret.getOperands()) {
    Type type = bufferType(result.getType());
    types.push_back(type);
    Value out = block.addArgument(type, loc);
    if (isa<RankedTensorType>(result.getType()))
      bufferization::MaterializeInDestinationOp::create(
          b, loc, TypeRange(), result, out, /*restrict=*/true,
          /*writable=*/true);
    else
      memref::StoreOp::create(b, loc, result, out, ValueRange());
  }
  func::ReturnOp::create(b, ret.getLoc());
  ret.erase();
  func.setType(FunctionType::get(func.getContext(), types, {}));
  func.removeResAttrsAttr();
  func.removeArgAttrsAttr();
  return success();
}

namespace {
struct EntryToMemrefs : seqc::impl::EntryToMemrefsBase<EntryToMemrefs> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.isPublic() && !func.isDeclaration() && failed(convert(func)))
        return signalPassFailure();
  }
};
} // namespace
