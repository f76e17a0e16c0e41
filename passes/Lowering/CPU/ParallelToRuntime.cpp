//===- ParallelToRuntime.cpp - Parallel loops call the runtime ------------===//

#include "seqc/passes/Lowering/CPU/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace seqc {
#define GEN_PASS_DEF_PARALLELTORUNTIME
#include "seqc/passes/Lowering/CPU/Passes.h.inc"
} // namespace seqc

using namespace mlir;

static constexpr StringLiteral runtimeFunction = "seqc_rt_parallel_for";

namespace {

struct Outliner {
  explicit Outliner(ModuleOp module)
      : module(module), converter(module.getContext()) {}

  LogicalResult run(scf::ParallelOp loop);

  ModuleOp module;
  LLVMTypeConverter converter;
  unsigned number = 0;
};

} // namespace

/// i64 and pointers at the boundary, index and memrefs on this side.
static Value cast(OpBuilder &b, Location loc, Type type, Value value) {
  if (value.getType() == type)
    return value;
  return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}

LogicalResult Outliner::run(scf::ParallelOp loop) {
  if (loop.getNumLoops() != 1 || loop.getNumReductions() != 0)
    return loop.emitOpError()
           << "has " << loop.getNumLoops() << " dimensions and "
           << loop.getNumReductions()
           << " reductions, expected one dimension and no reduction";
  MLIRContext *context = module.getContext();
  Location loc = loop.getLoc();
  auto func = loop->getParentOfType<FunctionOpInterface>();
  std::string name =
      (func.getName() + "__task" + Twine(number++)).str();

  // Captured values; constants are cloned instead.
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(loop.getRegion(), captured);
  SmallVector<Operation *> constants;
  SmallVector<Value> values;
  for (Value v : captured) {
    Operation *def = v.getDefiningOp();
    if (def && def->hasTrait<OpTrait::ConstantLike>())
      constants.push_back(def);
    else
      values.push_back(v);
  }

  // The body of one iteration, a function of its own so that its small buffers
  // are allocated once per call and can live in registers.
  OpBuilder b(context);
  b.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> taskTypes{b.getIndexType()};
  for (Value v : values)
    taskTypes.push_back(v.getType());
  auto task = func::FuncOp::create(b, loc, name,
                                   b.getFunctionType(taskTypes, {}));
  task.setPrivate();
  Block *entry = task.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping mapping;
  mapping.map(loop.getInductionVars()[0], entry->getArgument(0));
  for (auto [i, v] : llvm::enumerate(values))
    mapping.map(v, entry->getArgument(i + 1));
  for (Operation *constant : constants)
    b.clone(*constant, mapping);
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  func::ReturnOp::create(b, loc);

  // What the runtime calls: a range of iterations.
  SmallVector<Type> fields;
  for (Value v : values) {
    Type type = converter.convertType(v.getType());
    if (!type)
      return loop.emitOpError() << "captures a value of type " << v.getType()
                                << ", expected a memref or a scalar";
    fields.push_back(type);
  }
  auto contextType = LLVM::LLVMStructType::getLiteral(context, fields);
  auto pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = b.getI64Type();
  b.setInsertionPointToEnd(module.getBody());
  auto worker = LLVM::LLVMFuncOp::create(
      b, loc, name + "_range",
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                  {pointer, i64, i64}),
      LLVM::Linkage::Internal);
  Block *workerEntry = worker.addEntryBlock(b);
  b.setInsertionPointToStart(workerEntry);
  SmallVector<Value> arguments{Value()};
  if (!values.empty()) {
    Value packed = LLVM::LoadOp::create(b, loc, contextType,
                                        workerEntry->getArgument(0));
    for (auto [i, v] : llvm::enumerate(values)) {
      Value field = LLVM::ExtractValueOp::create(b, loc, packed,
                                                 ArrayRef<int64_t>{int64_t(i)});
      arguments.push_back(cast(b, loc, v.getType(), field));
    }
  }
  Type index = b.getIndexType();
  Value lower = cast(b, loc, index, workerEntry->getArgument(1));
  Value upper = cast(b, loc, index, workerEntry->getArgument(2));
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto range = scf::ForOp::create(b, loc, lower, upper, one);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(range.getBody());
    // Iteration i of the range is lower bound + i * step of the loop; loops
    // built here start at zero and step by one.
    arguments[0] = range.getInductionVar();
    func::CallOp::create(b, loc, task, arguments);
  }
  // Stores around the caches are not ordered with those that say that it is done.
  bool streams = false;
  loop.walk([&](vector::StoreOp store) { streams |= store.getNontemporal(); });
  if (streams)
    LLVM::FenceOp::create(b, loc, LLVM::AtomicOrdering::seq_cst);
  LLVM::ReturnOp::create(b, loc, ValueRange());

  // The call.
  if (!module.lookupSymbol(runtimeFunction)) {
    b.setInsertionPointToStart(module.getBody());
    LLVM::LLVMFuncOp::create(
        b, loc, runtimeFunction,
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                    {i64, i64, i64, pointer, pointer}));
  }
  auto funcOp = cast<FunctionOpInterface>(func.getOperation());
  Block &top = funcOp.getFunctionBody().front();
  b.setInsertionPointToStart(&top);
  Value count = LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(1));
  Value storage = LLVM::AllocaOp::create(b, loc, pointer, contextType, count);
  b.setInsertionPoint(loop);
  Value packed = LLVM::UndefOp::create(b, loc, contextType);
  for (auto [i, v] : llvm::enumerate(values))
    packed = LLVM::InsertValueOp::create(b, loc, packed,
                                         cast(b, loc, fields[i], v),
                                         ArrayRef<int64_t>{int64_t(i)});
  LLVM::StoreOp::create(b, loc, packed, storage);
  Value grain = LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(1));
  Value body = LLVM::AddressOfOp::create(b, loc, worker);
  Value from = cast(b, loc, i64, loop.getLowerBound()[0]);
  Value to = cast(b, loc, i64, loop.getUpperBound()[0]);
  LLVM::CallOp::create(b, loc, TypeRange(), runtimeFunction,
                       ValueRange{from, to, grain, body, storage});
  loop.erase();
  return success();
}

namespace {
struct ParallelToRuntime
    : seqc::impl::ParallelToRuntimeBase<ParallelToRuntime> {
  void runOnOperation() override {
    Outliner outliner(getOperation());
    // Outermost loops only; inner ones, moved into a task, run in order.
    SmallVector<scf::ParallelOp> loops;
    getOperation()->walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
      loops.push_back(loop);
      return WalkResult::skip();
    });
    for (scf::ParallelOp loop : loops)
      if (failed(outliner.run(loop)))
        return signalPassFailure();
  }
};
} // namespace
