//===- TileGroups.cpp - Products by groups of four warps ------------------===//
//
// wgmma multiplies 64 rows, 16 in the registers of each of four warps, by a tile that it
// reads from shared memory itself.  Lanes hold rows and sums as they do for
// mma.m16n8k16.  A tile by units lies as it is read without a swizzle: eight rows of a
// unit are the 128 bytes of a core matrix (PTX ISA, "Matrix descriptor").
//
//===----------------------------------------------------------------------===//

#include "TileLanes.h"

using namespace mlir;
using namespace seqc::tile;

/// Columns of a product.
static constexpr int64_t kMostColumns = 256;

bool Lanes::byGroups(MmaOp op) {
  return groups && threads % 128 == 0 && op.getB().getType().getUnits() &&
         !op.getDiagonal() && !op.getCount() && op.getC().getType().cols() <= kMostColumns;
}

/// A descriptor's bytes from one core matrix to the next: along the depth, and along the
/// columns of the product.
static int64_t strides(SharedType type, bool transpose) {
  int64_t rows = 8 * type.rowBytes(), units = type.unitBytes();
  int64_t leading = transpose ? units : rows, stride = transpose ? rows : units;
  return leading / 16 << 16 | stride / 16 << 32;
}

void Lanes::multiplyByGroups(MmaOp op) {
  FragmentType a = op.getA().getType(), c = op.getC().getType();
  SharedType from = op.getB().getType();
  Type element = a.getElementType(), f32 = b.getF32Type();
  const Scalars left = fragments.lookup(op.getA());
  Scalars sum = fragments.lookup(op.getC());
  bool transpose = op.getTranspose();
  // 32 bytes of depth at a time.
  bool tf32 = from.isTf32();
  int64_t deep = tf32 ? 8 : 16, depth = a.cols() / deep;
  int64_t step = transpose ? 2 * from.unitBytes() : 16 * from.rowBytes();
  // Of a lower triangle the last columns come first: they need all of the depth, and when
  // they are known the second half of it is in no register any more.
  int64_t parts = op.getLower() && depth % 2 == 0 ? 2 : 1;
  int64_t columns = c.cols() / parts, lane = columns / 2;

  Value address = LLVM::PtrToIntOp::create(b, loc, b.getI64Type(), tiles.lookup(op.getB()));
  Value start = arith::ShRUIOp::create(b, loc, both(address, i64((1 << 18) - 1)), i64(4));
  Value descriptor = arith::OrIOp::create(b, loc, start, i64(strides(from, transpose)));

  // Of sums of zero nothing is read.
  bool zero = llvm::all_of(sum, [](Value x) { return matchPattern(x, m_AnyZeroFloat()); });
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(lane, f32));
  std::string kind = tf32 ? "tf32" : element.isF16() ? "f16" : "bf16";
  Scalars allWords;
  if (tf32)
    allWords = wordsTf32(a, left);
  else
    for (Value word : words(left))
      allWords.push_back(LLVM::BitcastOp::create(b, loc, b.getI32Type(), word));
  for (int64_t i = 0; i < c.rowPieces() * parts; ++i) {
    int64_t m = i / parts, part = parts - 1 - i % parts, n = m * parts + part;
    auto out = MutableArrayRef<Value>(sum).slice(n * lane, lane);
    // What a triangle has of the depth for these columns.
    int64_t used = (part + 1) * depth / parts;
    Scalars inputs;
    auto factor = ArrayRef(allWords).slice(m * depth * 4, used * 4);
    std::string constraints, text;
    llvm::raw_string_ostream asmText(text), asmConstraints(constraints);
    for (int64_t i = 0; i < lane; ++i)
      asmConstraints << "=f,";
    if (!zero) {
      llvm::append_range(inputs, out);
      for (int64_t i = 0; i < lane; ++i)
        asmConstraints << i << ",";
    }
    int64_t next = lane + inputs.size();
    for (Value word : factor) {
      inputs.push_back(word);
      asmConstraints << "r,";
    }
    inputs.push_back(descriptor);
    asmConstraints << "l,~{memory}";
    auto list = [&](int64_t first, int64_t count) {
      asmText << "{";
      for (int64_t i = 0; i < count; ++i)
        asmText << (i ? ", $" : "$") << first + i;
      asmText << "}, ";
    };
    asmText << "{ .reg .b64 at; .reg .pred p; wgmma.fence.sync.aligned;";
    for (int64_t k = 0; k < used; ++k) {
      if (k < 2)
        asmText << " setp.ne.b32 p, " << (k || !zero ? 1 : 0) << ", 0;";
      int64_t offset = k * step + part * columns * from.rowBytes();
      asmText << " add.s64 at, $" << next + used * 4 << ", " << offset / 16
              << "; wgmma.mma_async.sync.aligned.m64n" << columns
              << (tf32 ? "k8.f32." : "k16.f32.") << kind << "." << kind << " ";
      list(0, lane);
      list(next + k * 4, 4);
      asmText << "at, p, 1, 1";
      if (!tf32) // of tf32 the depth lies together
        asmText << ", " << (transpose ? 0 : 1);
      asmText << ";";
    }
    asmText << " wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; }";
    Value made = LLVM::InlineAsmOp::create(b, loc, type, inputs, text, constraints,
                                           /*has_side_effects=*/true,
                                           /*is_align_stack=*/false,
                                           LLVM::TailCallKind::None,
                                           LLVM::AsmDialectAttr(), ArrayAttr())
                     .getResult(0);
    for (int64_t i = 0; i < lane; ++i)
      out[i] = LLVM::ExtractValueOp::create(b, loc, made, i);
  }
  fragments[op.getResult()] = sum;
  grouped = true;
}

/// What threads write is to be seen by products of groups after a barrier of the block.
void Lanes::fenceBarriers() {
  SmallVector<Operation *> barriers;
  kernel.walk([&](Operation *op) {
    auto barrier = dyn_cast<NVVM::BarrierOp>(op);
    if (isa<gpu::BarrierOp>(op) || (barrier && !barrier.getBarrierId()))
      barriers.push_back(op);
  });
  for (Operation *barrier : barriers) {
    b.setInsertionPoint(barrier);
    NVVM::FenceProxyOp::create(
        b, barrier->getLoc(), NVVM::ProxyKind::async_shared,
        NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta));
  }
}
