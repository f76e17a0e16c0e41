//===- UnrollThreads.cpp - A thread's sequence: registers, early loads ----===//
//
// A thread that runs a sequence by itself has a loop over tokens and, within it,
// loops of fixed length over the axes of its state.  Those are unrolled, so that the
// state has registers; what does not depend on the token is loaded once; what lies
// together is loaded 16 bytes at a time; and several tokens are read before the first
// of them is used.
//
//===----------------------------------------------------------------------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace seqc {
#define GEN_PASS_DEF_UNROLLTHREADS
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;

/// Operations of a loop's body beyond which unrolling stops: a token's code has to
/// stay in the instruction cache, four times over.
static constexpr int64_t most = 512;
static constexpr int64_t tokensTogether = 4;

/// Iterations of a loop of fixed length, or none.
static std::optional<int64_t> fixedTrips(scf::ForOp loop) {
  auto low = getConstantIntValue(loop.getLowerBound());
  auto high = getConstantIntValue(loop.getUpperBound());
  auto step = getConstantIntValue(loop.getStep());
  if (!low || !high || !step || *step <= 0)
    return std::nullopt;
  return std::max<int64_t>(0, llvm::divideCeil(*high - *low, *step));
}

/// Operations of a body with its loops of fixed length unrolled; none where it does
/// something that is not a thread's own.
static std::optional<int64_t> unrolledSize(Block &body) {
  int64_t size = 0;
  for (Operation &op : body) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      auto trips = fixedTrips(loop);
      auto inner = unrolledSize(*loop.getBody());
      if (!trips || !inner || *trips > 64)
        return std::nullopt;
      size += *trips * *inner;
    } else if (isa<memref::LoadOp, memref::StoreOp, scf::YieldOp>(op)) {
      ++size;
    } else if (op.getNumRegions() == 0 && isPure(&op)) {
      size += !op.hasTrait<OpTrait::ConstantLike>();
    } else {
      return std::nullopt;
    }
  }
  return size;
}

static void unrollFixed(scf::ForOp token) {
  SmallVector<scf::ForOp> inner;
  token.getBody()->walk<WalkOrder::PostOrder>(
      [&](scf::ForOp loop) { inner.push_back(loop); });
  for (scf::ForOp loop : inner)
    (void)loopUnrollFull(loop);
}

namespace {

/// Loads within a token's loop from arguments that the kernel does not write.
struct Loads {
  Loads(gpu::GPUFuncOp kernel, scf::ForOp loop) : loop(loop) {
    for (BlockArgument arg : kernel.getBody().front().getArguments())
      if (isa<MemRefType>(arg.getType()) &&
          llvm::all_of(arg.getUsers(), [](Operation *user) {
            return isa<memref::LoadOp, memref::DimOp>(user);
          }))
        onlyRead.insert(arg);
  }
  bool isOnlyRead(memref::LoadOp op) const { return onlyRead.contains(op.getMemref()); }
  /// Loads what is the same for all tokens before the loop.  It exists even where
  /// there are no tokens: it has no time.
  void hoist();
  /// Replaces loads that lie together, along a last dimension of fixed size.
  void join();
  /// Moves loads of single elements, and what their places need, to the top of the
  /// loop; vectors, which may not change while the kernel runs, are the assembler's.
  void moveUp();

private:
  bool isInvariant(Value value) { return loop.isDefinedOutsideOfLoop(value); }
  scf::ForOp loop;
  llvm::SmallDenseSet<Value> onlyRead;
};

} // namespace

void Loads::hoist() {
  for (Operation &op :
       llvm::make_early_inc_range(loop.getBody()->without_terminator())) {
    if (isPure(&op) && op.getNumRegions() == 0 &&
        llvm::all_of(op.getOperands(), [&](Value v) { return isInvariant(v); })) {
      op.moveBefore(loop);
      continue;
    }
    auto load = dyn_cast<memref::LoadOp>(op);
    if (load && isOnlyRead(load) &&
        llvm::all_of(load.getIndices(), [&](Value v) { return isInvariant(v); }))
      load->moveBefore(loop);
  }
}

void Loads::join() {
  // By their buffer and all indices but the last.
  using Place = std::pair<Value, SmallVector<Value>>;
  SmallVector<std::pair<Place, SmallVector<std::pair<int64_t, memref::LoadOp>>>> groups;
  auto collect = [&](Block &block, bool before) {
    for (Operation &op : block) {
      if (before && &op == loop.getOperation())
        break;
      auto load = dyn_cast<memref::LoadOp>(op);
      if (!load || !isOnlyRead(load) || load.getIndices().empty())
        continue;
      MemRefType type = load.getMemRefType();
      auto last = getConstantIntValue(load.getIndices().back());
      unsigned bits = type.getElementTypeBitWidth();
      if (!last || !type.getLayout().isIdentity() ||
          ShapedType::isDynamic(type.getShape().back()) || bits < 8 || bits > 32 ||
          !isa<FloatType>(type.getElementType()))
        continue;
      Place place{load.getMemref(), SmallVector<Value>(load.getIndices().drop_back())};
      auto it = llvm::find_if(groups, [&](auto &group) { return group.first == place; });
      if (it == groups.end())
        it = groups.insert(groups.end(), {place, {}});
      it->second.push_back({*last, load});
    }
  };
  collect(*loop.getBody(), false);
  collect(*loop->getBlock(), true);
  for (auto &[place, members] : groups) {
    auto type = cast<MemRefType>(place.first.getType());
    int64_t bytes = type.getElementTypeBitWidth() / 8, count = 16 / bytes;
    // The runtime wants addresses at multiples of what divides a row, up to 16.
    while (type.getShape().back() % count)
      count /= 2;
    llvm::SmallDenseMap<int64_t, Value> vectors;
    for (auto [last, load] : members) {
      int64_t first = last / count * count;
      if (count < 2 || llvm::count_if(members, [&](auto &other) {
                         return other.first / count * count == first;
                       }) < count)
        continue;
      Location loc = load.getLoc();
      Value &vector = vectors[first];
      OpBuilder b(load); // the first of a group is the first in the block
      if (!vector) {
        Value at;
        for (auto [d, index] : llvm::enumerate(load.getIndices())) {
          Value size = memref::DimOp::create(b, loc, place.first, d);
          Value mine = d + 1 == load.getIndices().size()
                           ? arith::ConstantIndexOp::create(b, loc, first).getResult()
                           : index;
          at = at ? arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, at, size),
                                          mine)
                        .getResult()
                  : mine;
        }
        Value base =
            memref::ExtractAlignedPointerAsIndexOp::create(b, loc, place.first);
        Value width = arith::ConstantIndexOp::create(b, loc, bytes);
        at = arith::AddIOp::create(b, loc, base,
                                   arith::MulIOp::create(b, loc, at, width));
        Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), at);
        Value pointer = LLVM::IntToPtrOp::create(
            b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*global=*/1), number);
        vector = LLVM::LoadOp::create(
            b, loc, VectorType::get({count}, type.getElementType()), pointer,
            /*alignment=*/count * bytes, /*isVolatile=*/false,
            /*isNonTemporal=*/false,
            /*isInvariant=*/load->getBlock() == loop.getBody());
      }
      Value element = LLVM::ExtractElementOp::create(
          b, loc, vector,
          arith::ConstantIntOp::create(b, loc, b.getI32Type(), last - first));
      load.replaceAllUsesWith(element);
      load.erase();
    }
  }
}

void Loads::moveUp() {
  Block *body = loop.getBody();
  // What a place needs within the loop, if that is arithmetic only.
  llvm::SmallPtrSet<Operation *, 32> moved;
  for (Operation &op : *body) {
    auto load = dyn_cast<memref::LoadOp>(op);
    if (!load || !isOnlyRead(load))
      continue;
    llvm::SmallPtrSet<Operation *, 16> needed{load};
    SmallVector<Value> todo(load.getIndices());
    bool pure = true;
    while (!todo.empty()) {
      Operation *from = todo.pop_back_val().getDefiningOp();
      if (!from || from->getBlock() != body || !needed.insert(from).second)
        continue;
      pure &= isPure(from) && from->getNumRegions() == 0;
      llvm::append_range(todo, from->getOperands());
    }
    if (pure)
      moved.insert_range(needed);
  }
  // All of them, in their order.
  SmallVector<Operation *> order;
  for (Operation &op : *body)
    if (moved.contains(&op))
      order.push_back(&op);
  for (Operation *op : llvm::reverse(order))
    op->moveBefore(&body->front());
}

namespace {
struct UnrollThreads : seqc::impl::UnrollThreadsBase<UnrollThreads> {
  void runOnOperation() override {
    gpu::GPUFuncOp kernel = getOperation();
    SmallVector<scf::ForOp> tokens;
    kernel.walk([&](scf::ForOp loop) {
      auto step = getConstantIntValue(loop.getStep());
      auto size = unrolledSize(*loop.getBody());
      if (!fixedTrips(loop) && step && *step == 1 && size && *size <= most)
        tokens.push_back(loop);
    });
    for (scf::ForOp loop : tokens) {
      unrollFixed(loop);
      fold();
      Loads(kernel, loop).hoist();
      int64_t size = *unrolledSize(*loop.getBody());
      scf::ForOp main = loop;
      if (size * tokensTogether <= 2 * most) {
        auto unrolled = loopUnrollByFactor(loop, tokensTogether);
        if (succeeded(unrolled) && unrolled->mainLoopOp)
          main = *unrolled->mainLoopOp;
        fold();
      }
      Loads loads(kernel, main);
      loads.join();
      loads.moveUp();
    }
    fold();
    std::optional<ArrayRef<int32_t>> threads = kernel.getKnownBlockSize();
    if (tokens.empty() || !threads || threads->front() != 128 ||
        kernel->hasAttr(NVVM::NVVMDialect::getMinctasmAttrName()))
      return;
    // Small states: sequences are many, and four blocks of 128 threads hold as many
    // registers of each as they need.
    int64_t elements = 0;
    kernel.walk([&](memref::AllocaOp op) {
      if (op.getType().hasStaticShape())
        elements += op.getType().getNumElements();
    });
    if (elements <= 24)
      kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      IntegerAttr::get(IntegerType::get(&getContext(), 32), 4));
  }
  /// Constants, and what is not used.
  void fold() {
    (void)applyPatternsGreedily(getOperation(), RewritePatternSet(&getContext()));
  }
};
} // namespace
