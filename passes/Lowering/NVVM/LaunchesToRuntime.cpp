//===- LaunchesToRuntime.cpp - Launches call the CUDA runtime -------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace seqc {
#define GEN_PASS_DEF_LAUNCHESTORUNTIME
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;

static constexpr StringLiteral launchFunction = "seqc_rt_cuda_launch";
static constexpr StringLiteral togetherFunction = "seqc_rt_cuda_launch_together";
static constexpr StringLiteral scratchFunction = "seqc_rt_cuda_scratch";

namespace {

struct ToRuntime {
  explicit ToRuntime(ModuleOp module)
      : module(module), b(module.getContext()), converter(module.getContext()),
        pointer(LLVM::LLVMPointerType::get(module.getContext())) {}
  LogicalResult run(func::FuncOp func);
  LogicalResult launch(gpu::LaunchFuncOp op, Value call);
  void allocate(memref::AllocOp op, Value call);

  Value cast(Location loc, Type type, Value value) {
    if (value.getType() == type)
      return value;
    return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
  }

  ModuleOp module;
  OpBuilder b;
  LLVMTypeConverter converter;
  LLVM::LLVMPointerType pointer;
};

} // namespace

/// Scratch memory is bytes of the call's block, viewed as the buffer.
void ToRuntime::allocate(memref::AllocOp op, Value call) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  MemRefType type = op.getType();
  Type element = type.getElementType();
  int64_t fixed =
      element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8;
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size))
      fixed *= size;
  Value bytes = arith::ConstantIndexOp::create(b, loc, fixed);
  for (Value size : op.getDynamicSizes())
    bytes = arith::MulIOp::create(b, loc, bytes, size);
  Value count = cast(loc, b.getI64Type(), bytes);
  Value address = LLVM::CallOp::create(b, loc, TypeRange{pointer}, scratchFunction,
                                       ValueRange{call, count})
                      .getResult();
  auto raw = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  auto descriptor =
      MemRefDescriptor::poison(b, loc, converter.convertType(raw));
  descriptor.setAllocatedPtr(b, loc, address);
  descriptor.setAlignedPtr(b, loc, address);
  descriptor.setConstantOffset(b, loc, 0);
  descriptor.setSize(b, loc, 0, count);
  descriptor.setConstantStride(b, loc, 0, 1);
  Value block = cast(loc, raw, descriptor);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value view =
      memref::ViewOp::create(b, loc, type, block, zero, op.getDynamicSizes());
  op.replaceAllUsesWith(view);
  op.erase();
}

LogicalResult ToRuntime::launch(gpu::LaunchFuncOp op, Value call) {
  Location loc = op.getLoc();
  auto kernels = module.lookupSymbol<gpu::GPUModuleOp>(op.getKernelModuleName());
  int64_t number = 0;
  bool together = false;
  for (auto kernel : kernels.getOps<gpu::GPUFuncOp>()) {
    if (kernel.getName() == op.getKernelName()) {
      together = kernel->hasAttr(seqc::togetherAttr);
      break;
    }
    ++number;
  }
  b.setInsertionPoint(op);
  // The kernel's parameters: a memref is pointers, offset, sizes and strides.
  SmallVector<Value> fields;
  for (Value operand : op.getKernelOperands()) {
    Type type = converter.convertType(operand.getType());
    if (!type)
      return op.emitOpError() << "passes a value of type " << operand.getType()
                              << ", expected a memref or a scalar";
    Value value = cast(loc, type, operand);
    if (auto memref = dyn_cast<MemRefType>(operand.getType()))
      MemRefDescriptor::unpack(b, loc, value, memref, fields);
    else
      fields.push_back(value);
  }
  // They lie as in a C struct, which is how a kernel takes them.
  SmallVector<int32_t> offsets;
  int64_t bytes = 0;
  for (Value field : fields) {
    Type type = field.getType();
    int64_t size =
        isa<LLVM::LLVMPointerType>(type) ? 8 : (type.getIntOrFloatBitWidth() + 7) / 8;
    bytes = llvm::alignTo(bytes, size);
    offsets.push_back(bytes);
    bytes += size;
  }
  auto onStack = [&](int64_t bytes) -> Value {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(
        &op->getParentOfType<func::FuncOp>().getBody().front());
    Value count = LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                           b.getI64IntegerAttr(std::max<int64_t>(bytes, 1)));
    return LLVM::AllocaOp::create(b, loc, pointer, b.getI8Type(), count,
                                  /*alignment=*/8);
  };
  Value storage = onStack(bytes);
  SmallVector<Value> places;
  for (auto [offset, field] : llvm::zip(offsets, fields)) {
    places.push_back(LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), storage,
                                         ArrayRef<LLVM::GEPArg>{offset}));
    LLVM::StoreOp::create(b, loc, field, places.back());
  }
  Value size =
      LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(bytes));
  auto i32 = b.getI32Type();
  Value which = LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(number));
  Value blocks = cast(loc, b.getI64Type(), op.getGridSizeX());
  Value threads = cast(loc, b.getI64Type(), op.getBlockSizeX());
  Value shared = op.getDynamicSharedMemorySize();
  if (!shared)
    shared = LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(0));
  if (together) { // by the address of each parameter
    Value table = onStack(8 * places.size());
    for (auto [i, place] : llvm::enumerate(places))
      LLVM::StoreOp::create(b, loc, place,
                            LLVM::GEPOp::create(b, loc, pointer, pointer, table,
                                                ArrayRef<LLVM::GEPArg>{int32_t(i)}));
    LLVM::CallOp::create(b, loc, TypeRange(), togetherFunction,
                         ValueRange{call, which, blocks, threads, shared, table});
  } else {
    LLVM::CallOp::create(
        b, loc, TypeRange(), launchFunction,
        ValueRange{call, which, blocks, threads, shared, storage, size});
  }
  op.erase();
  return success();
}

LogicalResult ToRuntime::run(func::FuncOp func) {
  if (!module.lookupSymbol(launchFunction)) {
    b.setInsertionPointToStart(module.getBody());
    Type none = LLVM::LLVMVoidType::get(b.getContext());
    Type i32 = b.getI32Type(), i64 = b.getI64Type();
    LLVM::LLVMFuncOp::create(
        b, module.getLoc(), launchFunction,
        LLVM::LLVMFunctionType::get(none, {pointer, i32, i64, i64, i32, pointer, i64}));
    LLVM::LLVMFuncOp::create(
        b, module.getLoc(), togetherFunction,
        LLVM::LLVMFunctionType::get(none, {pointer, i32, i64, i64, i32, pointer}));
    LLVM::LLVMFuncOp::create(b, module.getLoc(), scratchFunction,
                             LLVM::LLVMFunctionType::get(pointer, {pointer, i64}));
  }
  Block &block = func.getBody().front();
  Value call = block.addArgument(pointer, func.getLoc());
  SmallVector<Type> types(func.getArgumentTypes());
  types.push_back(pointer);
  func.setType(FunctionType::get(b.getContext(), types, {}));
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      allocate(alloc, call);
    else if (auto kernel = dyn_cast<gpu::LaunchFuncOp>(op);
             kernel && failed(launch(kernel, call)))
      return failure();
  }
  return success();
}

namespace {
struct LaunchesToRuntime : seqc::impl::LaunchesToRuntimeBase<LaunchesToRuntime> {
  void runOnOperation() override {
    ToRuntime lowering(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.isPublic() && !func.isDeclaration() && failed(lowering.run(func)))
        return signalPassFailure();
    getOperation().walk(
        [](gpu::GPUFuncOp kernel) { kernel->removeAttr(seqc::togetherAttr); });
  }
};
} // namespace
