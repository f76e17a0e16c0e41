//===- Kernels.cpp - Short names for what warps do ------------------------===//

#include "Kernels.h"

#include "../Lowering/Steps/ScalarBlock.h"
#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::routing;

using Value = mlir::Value;

void Warps::launch(Value blocks, int64_t threads, int64_t sharedBytes,
                   llvm::function_ref<void(Value, Value)> body) {
  Value one = index(1);
  auto op = gpu::LaunchOp::create(b, loc, blocks, one, one, index(threads), one, one,
                                  word(sharedBytes));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&op.getBody().front());
  b.setInsertionPoint(gpu::TerminatorOp::create(b, loc));
  dynamicShared = {};
  body(op.getBlockIds().x, op.getThreadIds().x);
}

void Warps::launchTogether(Value blocks, int64_t threads, int64_t sharedBytes,
                           llvm::function_ref<void(Value, Value)> body) {
  launch(blocks, threads, sharedBytes, [&](Value block, Value thread) {
    shared(1, 0);
    dynamicShared.getDefiningOp()->setAttr(togetherAttr, b.getUnitAttr());
    body(block, thread);
  });
}

void Warps::perBlock(Value block, Value count, llvm::function_ref<void(Value)> body) {
  Value blocks = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
  scf::ForOp::create(b, loc, block, count, blocks, ValueRange(),
                     [&](OpBuilder &, Location, Value i, ValueRange) {
    body(i);
    scf::YieldOp::create(b, loc);
  });
}

Value Warps::cleared() {
  Operation *earlier = nullptr;
  Block *block = b.getInsertionBlock();
  for (Operation &op : llvm::make_range(block->begin(), b.getInsertionPoint()))
    if (isa<gpu::LaunchOp>(op))
      earlier = &op;
  Value word;
  auto clear = [&](Value block, Value thread) {
    when(both(compare(arith::CmpIPredicate::eq, block, index(0)),
              compare(arith::CmpIPredicate::eq, thread, index(0))),
         [&] { store(this->word(0), word, index(0)); });
  };
  OpBuilder::InsertionGuard guard(b);
  if (earlier)
    b.setInsertionPoint(earlier);
  word = scratch(b.getI32Type(), {index(1)});
  if (!earlier) {
    launch(index(1), 1, 0, clear);
    return word;
  }
  auto kernel = mlir::cast<gpu::LaunchOp>(earlier);
  // If that has no blocks to run, one of a kernel of its own.
  Value none = compare(arith::CmpIPredicate::eq, kernel.getGridSizeX(), index(0));
  launch(select(none, index(1), index(0)), 1, 0, clear);
  b.setInsertionPointToStart(&kernel.getBody().front());
  clear(kernel.getBlockIds().x, kernel.getThreadIds().x);
  return word;
}

void Warps::gridBarrier(Value word, int64_t number, Value thread) {
  barrier();
  when(compare(arith::CmpIPredicate::eq, thread, index(0)), [&] {
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, word);
    Value place = LLVM::IntToPtrOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*global=*/1),
        cast(base, b.getI64Type()));
    Value blocks = toWord(gpu::GridDimOp::create(b, loc, gpu::Dimension::x));
    Value all = mul(blocks, this->word(number));
    // What the block has written is seen by who sees the count.
    auto fence = [&] {
      LLVM::FenceOp::create(b, loc, LLVM::AtomicOrdering::seq_cst, "device");
    };
    fence();
    LLVM::AtomicRMWOp::create(b, loc, LLVM::AtomicBinOp::add, place, this->word(1),
                              LLVM::AtomicOrdering::monotonic, "device");
    scf::WhileOp::create(
        b, loc, TypeRange(), ValueRange(),
        [&](OpBuilder &, Location, ValueRange) {
          Value count = LLVM::LoadOp::create(
              b, loc, b.getI32Type(), place, /*alignment=*/4, /*isVolatile=*/false,
              /*isNonTemporal=*/false, /*isInvariant=*/false,
              /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic, "device");
          scf::ConditionOp::create(b, loc, less(count, all), ValueRange());
        },
        [&](OpBuilder &, Location, ValueRange) { scf::YieldOp::create(b, loc); });
    fence();
  });
  barrier();
}

Value Warps::shared(int64_t size, int64_t first) {
  if (!dynamicShared) {
    auto space =
        gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    dynamicShared = gpu::DynamicSharedMemoryOp::create(
        b, loc, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                                MemRefLayoutAttrInterface(), space));
  }
  auto bytes = mlir::cast<MemRefType>(dynamicShared.getType());
  return memref::ViewOp::create(b, loc,
                                MemRefType::get({size}, b.getI32Type(),
                                                MemRefLayoutAttrInterface(),
                                                bytes.getMemorySpace()),
                                dynamicShared, index(first), ValueRange());
}

void Warps::barrier() { gpu::BarrierOp::create(b, loc); }
void Warps::warpBarrier() { NVVM::SyncWarpOp::create(b, loc, word(-1)); }

Value Warps::word(int64_t value) {
  return arith::ConstantIntOp::create(b, loc, b.getI32Type(), value);
}

Value Warps::isZero(Value x) { return compare(arith::CmpIPredicate::eq, x, word(0)); }

Value Warps::shuffle(Value x, Value by, gpu::ShuffleMode mode) {
  return gpu::ShuffleOp::create(b, loc, x, by, word(warpLanes), mode)
      .getShuffleResult();
}

Value Warps::foldGroup(Value x, int64_t lanes,
                       llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t by = 1; by < lanes; by *= 2)
    x = combine(x, shuffle(x, word(by), gpu::ShuffleMode::XOR));
  return x;
}

Value Warps::prefix(Value x, Value lane) {
  for (int64_t by = 1; by < warpLanes; by *= 2) {
    Value left = shuffle(x, word(by), gpu::ShuffleMode::UP);
    x = add(x, select(less(lane, word(by)), word(0), left));
  }
  return x;
}

Value Warps::ballot(Value condition) {
  return NVVM::VoteSyncOp::create(b, loc, b.getI32Type(), word(-1), condition,
                                  NVVM::VoteSyncKind::ballot);
}

Value Warps::countBits(Value x) { return math::CtPopOp::create(b, loc, x); }

Value Warps::extract(Value vector, int64_t lane) {
  return vector::ExtractOp::create(b, loc, vector, ArrayRef<int64_t>{lane});
}

/// Where the elements of a tensor or buffer come from, if only its shape differs.
static Value reshaped(Value value) {
  Operation *def = value.getDefiningOp();
  if (def && isa<bufferization::ToBufferOp, bufferization::ToTensorOp,
                 tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
                 memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(def))
    return def->getOperand(0);
  return {};
}

int64_t Warps::together(Value buffer) {
  int64_t bits = mlir::cast<MemRefType>(buffer.getType()).getElementTypeBitWidth();
  if (bits < 8)
    return 1; // packed in a vector, not in memory
  int64_t bytes = 16;
  // A buffer is aligned to its rows, as those of the argument that it is a shape of.
  for (Value from = buffer; from; from = reshaped(from)) {
    auto type = mlir::cast<ShapedType>(from.getType());
    bool fixed = type.getRank() > 0 && !type.isDynamicDim(type.getRank() - 1);
    int64_t row = fixed ? type.getDimSize(type.getRank() - 1) * bits / 8 : bits / 8;
    while (row % bytes)
      bytes /= 2;
  }
  return std::max<int64_t>(bytes * 8 / bits, 1);
}

Value Warps::loadTogether(Value memref, ValueRange at, int64_t lanes, Type element) {
  if (lanes == 1)
    return loadLanes(memref, at, 1, element);
  auto type = mlir::cast<MemRefType>(memref.getType());
  Value x = vector::LoadOp::create(
      b, loc, VectorType::get({lanes}, type.getElementType()), memref, at,
      /*nontemporal=*/false, llvm::Align(lanes * type.getElementTypeBitWidth() / 8));
  return steps::convertFloat(b, loc, x, element);
}

void Warps::storeTogether(Value x, Value memref, ValueRange at) {
  auto type = mlir::cast<MemRefType>(memref.getType());
  auto vector = dyn_cast<VectorType>(x.getType());
  if (!vector)
    return storeLanes(x, memref, at);
  x = steps::convertFloat(b, loc, x, type.getElementType());
  vector::StoreOp::create(
      b, loc, x, memref, at, /*nontemporal=*/false,
      llvm::Align(vector.getDimSize(0) * type.getElementTypeBitWidth() / 8));
}
