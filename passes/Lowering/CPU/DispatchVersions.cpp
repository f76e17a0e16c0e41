//===- DispatchVersions.cpp - Choices by the sizes of a call --------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc {
#define GEN_PASS_DEF_DISPATCHVERSIONS
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

static void dispatch(ModuleOp module, func::FuncOp func, DictionaryAttr version) {
  auto second = module.lookupSymbol<func::FuncOp>(
      version.getAs<FlatSymbolRefAttr>("function").getValue());
  auto whole = cast<func::FuncOp>(func->clone());
  std::string name = (func.getName() + "__whole").str();
  while (module.lookupSymbol(name))
    name += "_";
  whole.setName(name);
  for (func::FuncOp callee : {whole, second}) {
    callee.setPrivate();
    callee->removeAttr("seqc.version");
    callee->removeAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName());
  }
  module.push_back(whole);
  func->removeAttr("seqc.version");

  Location loc = func.getLoc();
  SmallVector<Location> locations(func.getNumArguments(), loc);
  func.getBody().front().erase();
  auto b = OpBuilder::atBlockEnd(func.addEntryBlock());
  auto size = [&](Attribute dimension) -> Value {
    auto at = cast<DenseI64ArrayAttr>(dimension);
    return memref::DimOp::create(b, loc, func.getArgument(at[0]), at[1]);
  };
  auto constant = [&](int64_t v) -> Value {
    return arith::ConstantIndexOp::create(b, loc, v);
  };
  Value fits = arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1);
  auto require = [&](arith::CmpIPredicate predicate, Value a, int64_t limit) {
    Value holds = arith::CmpIOp::create(b, loc, predicate, a, constant(limit));
    fits = arith::AndIOp::create(b, loc, fits, holds);
  };
  for (auto calls : version.getAs<ArrayAttr>("calls").getAsRange<DictionaryAttr>()) {
    // Factors first, so that the product of large ones cannot wrap around.
    int64_t most = calls.getAs<IntegerAttr>("at_most").getInt();
    Value sequences = constant(1);
    for (Attribute dimension : calls.getAs<ArrayAttr>("sequences")) {
      Value factor = size(dimension);
      sequences = arith::MulIOp::create(
          b, loc, sequences,
          arith::MinUIOp::create(b, loc, factor, constant(most + 1)).getResult());
      sequences = arith::MinUIOp::create(b, loc, sequences, constant(most + 1));
    }
    require(arith::CmpIPredicate::ule, sequences, most);
    require(arith::CmpIPredicate::uge, size(calls.get("tokens")),
            calls.getAs<IntegerAttr>("at_least").getInt());
  }
  auto choice = scf::IfOp::create(b, loc, fits, /*withElse=*/true);
  for (auto [block, callee] :
       {std::pair(choice.thenBlock(), second), std::pair(choice.elseBlock(), whole)}) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(block);
    func::CallOp::create(b, loc, callee, func.getArguments());
  }
  func::ReturnOp::create(b, loc);
}

namespace {
struct DispatchVersions : seqc::impl::DispatchVersionsBase<DispatchVersions> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp func : functions)
      if (auto version = func->getAttrOfType<DictionaryAttr>("seqc.version"))
        dispatch(getOperation(), func, version);
  }
};
} // namespace
