//===- HostToKernels.cpp - What touches tensors runs on the GPU -----------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace seqc {
#define GEN_PASS_DEF_HOSTTOKERNELS
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;

/// Threads of a block that each compute one point.
static constexpr int64_t blockThreads = 256;

namespace {

struct Partition {
  explicit Partition(func::FuncOp func) : func(func), b(func.getContext()) {}
  LogicalResult run();

  /// Computed on the host: sizes, views and constants.
  bool onHost(Operation *op);
  /// Read or computed from elements, by whoever needs it.
  bool inKernels(Operation *op);
  void convert(scf::ParallelOp loop);
  void wrap(Operation *op);
  gpu::LaunchOp launch(Location loc, Value blocks, int64_t threads);
  void sink(gpu::LaunchOp launch);

  func::FuncOp func;
  OpBuilder b;
};

} // namespace

bool Partition::inKernels(Operation *op) {
  if (isa<memref::LoadOp, memref::GetGlobalOp>(op))
    return true;
  if (!isPure(op) || op->getNumRegions() != 0 ||
      isa<ViewLikeOpInterface, memref::DimOp>(op))
    return false;
  return llvm::any_of(op->getOperands(), [&](Value v) {
    Operation *def = v.getDefiningOp();
    return def && inKernels(def);
  }) || llvm::any_of(op->getResultTypes(),
                     [](Type type) { return isa<FloatType>(type); });
}

bool Partition::onHost(Operation *op) {
  // Not pure, as zero divides nothing; sizes are divided where that is excluded.
  if (isa<arith::DivUIOp, arith::CeilDivUIOp>(op))
    return op->getResult(0).getType().isIndex() &&
           llvm::none_of(op->getOperands(), [&](Value v) {
             Operation *def = v.getDefiningOp();
             return def && inKernels(def);
           });
  return isa<gpu::LaunchOp, memref::AllocOp, func::ReturnOp>(op) ||
         (isPure(op) && op->getNumRegions() == 0);
}

gpu::LaunchOp Partition::launch(Location loc, Value blocks, int64_t threads) {
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value size = arith::ConstantIndexOp::create(b, loc, threads);
  auto result =
      gpu::LaunchOp::create(b, loc, blocks, one, one, size, one, one);
  b.setInsertionPointToStart(&result.getBody().front());
  b.setInsertionPoint(gpu::TerminatorOp::create(b, loc));
  return result;
}

/// One point of the loops a thread.
void Partition::convert(scf::ParallelOp loop) {
  Location loc = loop.getLoc();
  b.setInsertionPoint(loop);
  Value total = arith::ConstantIndexOp::create(b, loc, 1);
  SmallVector<Value> counts;
  for (auto [lower, upper, step] :
       llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    Value length = arith::SubIOp::create(b, loc, upper, lower);
    counts.push_back(arith::CeilDivSIOp::create(b, loc, length, step));
    total = arith::MulIOp::create(b, loc, total, counts.back());
  }
  Value size = arith::ConstantIndexOp::create(b, loc, blockThreads);
  Value blocks = arith::CeilDivSIOp::create(b, loc, total, size);
  gpu::LaunchOp kernel = launch(loc, blocks, blockThreads);
  Value point = arith::AddIOp::create(
      b, loc,
      arith::MulIOp::create(b, loc, kernel.getBlockIds().x, size).getResult(),
      kernel.getThreadIds().x);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, point,
                                       total);
  auto guarded = scf::IfOp::create(b, loc, exists, /*withElse=*/false);
  b.setInsertionPointToStart(guarded.thenBlock());
  IRMapping mapping;
  Value rest = point;
  for (unsigned d = counts.size(); d-- > 0;) {
    Value at = rest;
    if (d > 0) {
      at = arith::RemUIOp::create(b, loc, rest, counts[d]);
      rest = arith::DivUIOp::create(b, loc, rest, counts[d]);
    }
    at = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, at, loop.getStep()[d]).getResult(),
        loop.getLowerBound()[d]);
    mapping.map(loop.getInductionVars()[d], at);
  }
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  loop.erase();
}

/// One thread runs `op`.
void Partition::wrap(Operation *op) {
  Location loc = op->getLoc();
  b.setInsertionPoint(op);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  launch(loc, one, 1);
  b.clone(*op);
  op->erase();
}

/// Repeats inside the kernel what is read or computed from elements.
void Partition::sink(gpu::LaunchOp kernel) {
  IRMapping mapping;
  b.setInsertionPointToStart(&kernel.getBody().front());
  std::function<Value(Value)> copy = [&](Value value) -> Value {
    if (Value done = mapping.lookupOrNull(value))
      return done;
    Operation *def = value.getDefiningOp();
    if (!def || !inKernels(def))
      return value;
    for (Value operand : def->getOperands())
      copy(operand);
    b.clone(*def, mapping);
    return mapping.lookup(value);
  };
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(kernel.getBody(), captured);
  for (Value value : captured) {
    Value inside = copy(value);
    if (inside != value)
      replaceAllUsesInRegionWith(value, inside, kernel.getBody());
  }
}

LogicalResult Partition::run() {
  Block &block = func.getBody().front();
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (auto alloca = dyn_cast<memref::AllocaOp>(op)) {
      b.setInsertionPoint(&op);
      alloca.replaceAllUsesWith(memref::AllocOp::create(
                                    b, op.getLoc(), alloca.getType(),
                                    alloca.getDynamicSizes())
                                    .getResult());
      alloca.erase();
    } else if (isa<memref::DeallocOp>(op)) {
      op.erase();
    } else if (auto loop = dyn_cast<scf::ParallelOp>(op);
               loop && loop.getNumReductions() == 0) {
      convert(loop);
    } else if (!onHost(&op) && !inKernels(&op)) {
      if (!op.use_empty())
        return op.emitOpError()
               << "in '" << func.getName()
               << "' has a result that later operations use, which a GPU kernel "
                  "cannot return";
      wrap(&op);
    }
  }
  func.walk([&](gpu::LaunchOp kernel) { sink(kernel); });
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (inKernels(&op)) {
      if (!op.use_empty())
        return op.emitOpError() << "in '" << func.getName()
                                << "' is needed on the host, but the elements of "
                                   "tensors are on the device";
      op.erase();
    }
  return success();
}

namespace {
struct HostToKernels : seqc::impl::HostToKernelsBase<HostToKernels> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.isPublic() && !func.isDeclaration() &&
          failed(Partition(func).run()))
        return signalPassFailure();
  }
};
} // namespace
