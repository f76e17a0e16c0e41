//===- ProductsToTiles.cpp - Products of tensors as kernels of tiles ------===//
//
// out[.., m, .., n] = sum over k of left[.., m, .., k] right[.., k, n]
//
// A block has 64 columns n of one right factor, whole in k, in shared memory, and walks
// over tiles of rows m of the left one, which arrive while the one before is multiplied.
// Every other dimension is one of blocks.  A right factor of f32 is two of bf16, rounded
// and what rounding leaves over, so that a product has some 17 bits.
//
//===----------------------------------------------------------------------===//

#include "../Lowering/Steps/Buffers.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/dialects/Tile/Tile.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

namespace seqc {
#define GEN_PASS_DEF_PRODUCTSTOTILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

/// Columns of a block, and tiles of rows that it walks over.
static constexpr int64_t maxColumns = 64, tilesOfBlock = 8;
/// Features of a factor: a tile of rows of them fits the registers.
static constexpr int64_t maxDepth = 256;
/// Fewer rows, of which a tile would be nobody's for the most part, stay loops.
static constexpr int64_t leastRows = 16;

namespace {

/// What is multiplied: which of the inputs is which, and the roles of the loops.
struct Factors {
  unsigned left, right; // inputs
  unsigned row, column, depth;
};

struct ProductKernel {
  ProductKernel(linalg::LinalgOp op, Factors factors, bool split, OpBuilder &b)
      : op(op), factors(factors), split(split), b(b), loc(op.getLoc()) {}
  void run();

private:
  Value index(int64_t x) { return arith::ConstantIndexOp::create(b, loc, x); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivUIOp::create(b, loc, x, y); }
  Value rem(Value x, Value y) { return arith::RemUIOp::create(b, loc, x, y); }
  Value ceilDiv(Value x, int64_t y) {
    return arith::CeilDivUIOp::create(b, loc, x, index(y));
  }
  Value tileOf(ArrayRef<int64_t> shape) {
    auto type = SharedType::get(b.getContext(), shape, element, /*units=*/false);
    bytes += type.bytes();
    return AllocOp::create(b, loc, type);
  }
  FragmentType fragment(int64_t rows, int64_t cols, Type type, Place place) {
    return FragmentType::get(b.getContext(), {rows, cols}, type, place, warps);
  }
  SmallVector<Value> place(unsigned operand, const DenseMap<unsigned, Value> &at);
  void fetchRight(const DenseMap<unsigned, Value> &at);
  Value stage(Value number) {
    auto type = cast<SharedType>(ring.getType());
    return StageOp::create(b, loc, type.stage(), ring, rem(number, index(2)));
  }
  void body(Value block);
  AffineMap mapOf(unsigned operand) { return op.getIndexingMapsArray()[operand]; }

  linalg::LinalgOp op;
  Factors factors;
  bool split;
  OpBuilder &b;
  Location loc;
  Type element;
  int64_t depth, columns, rows, warps, bytes = 0;
  bool turned; // the right factor has its columns first
  Value left, right, out;
  SmallVector<Value> sizes; // of loops
  Value ring, high, low;
};

} // namespace

/// True if `value` is `argument`, or that widened to f32.
static bool isArgument(Value value, BlockArgument argument) {
  if (auto wide = value.getDefiningOp<arith::ExtFOp>())
    value = wide.getIn();
  return value == argument;
}

/// True if the body adds the product of the inputs to the sum so far, in f32.
static bool sumsProducts(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  auto sum = body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum || !sum.getType().isF32())
    return false;
  BlockArgument so = body->getArgument(2);
  Value term = sum.getLhs() == so ? sum.getRhs() : sum.getLhs();
  if (sum.getLhs() != so && sum.getRhs() != so)
    return false;
  auto product = term.getDefiningOp<arith::MulFOp>();
  if (!product)
    return false;
  BlockArgument x = body->getArgument(0), y = body->getArgument(1);
  return (isArgument(product.getLhs(), x) && isArgument(product.getRhs(), y)) ||
         (isArgument(product.getLhs(), y) && isArgument(product.getRhs(), x));
}

static std::optional<Factors> factorsOf(linalg::LinalgOp op, bool splits) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !op.hasPureTensorSemantics() || op.getNumReductionLoops() != 1 ||
      !isa<func::FuncOp>(op->getParentOp()) || !sumsProducts(op))
    return std::nullopt;
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (AffineMap map : maps)
    if (!map.isProjectedPermutation() || map.getNumResults() == 0)
      return std::nullopt;
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto has = [&](unsigned operand, unsigned loop) {
    return maps[operand].isFunctionOfDim(loop);
  };
  auto elementOfInput = [&](unsigned i) {
    return elementOf(op.getDpsInputs()[i].getType());
  };
  auto last = [&](unsigned operand, unsigned back) {
    unsigned n = maps[operand].getNumResults();
    return back < n ? maps[operand].getDimPosition(n - 1 - back) : ~0u;
  };
  for (unsigned left : {0u, 1u}) {
    Factors found;
    found.left = left;
    found.right = 1 - left;
    found.depth = reduced[0];
    found.column = last(2, 0);
    Type element = elementOfInput(left), other = elementOfInput(found.right);
    bool same = element == other && (element.isBF16() || element.isF16());
    if (!same && !(splits && element.isBF16() && other.isF32()))
      continue;
    int64_t depth = ranges[found.depth];
    if (ShapedType::isDynamic(depth) || depth % 16 || depth > maxDepth || depth == 0)
      continue;
    if (last(left, 0) != found.depth || has(left, found.column))
      continue;
    unsigned x = last(found.right, 0), y = last(found.right, 1);
    if (!(x == found.depth && y == found.column) && !(y == found.depth && x == found.column))
      continue;
    // Rows: of those that are longest.
    std::optional<unsigned> row;
    auto length = [&](unsigned loop) {
      return ShapedType::isDynamic(ranges[loop]) ? std::numeric_limits<int64_t>::max()
                                                 : ranges[loop];
    };
    for (unsigned loop = 0; loop < ranges.size(); ++loop)
      if (has(left, loop) && has(2, loop) && !has(found.right, loop) &&
          (!row || length(loop) > length(*row)))
        row = loop;
    if (!row || length(*row) < leastRows)
      continue;
    found.row = *row;
    return found;
  }
  return std::nullopt;
}

SmallVector<Value> ProductKernel::place(unsigned operand,
                                        const DenseMap<unsigned, Value> &at) {
  SmallVector<Value> result;
  AffineMap map = mapOf(operand);
  for (unsigned d = 0; d < map.getNumResults(); ++d)
    result.push_back(at.lookup(map.getDimPosition(d)));
  return result;
}

/// The right factor, and what is left over of it.
void ProductKernel::fetchRight(const DenseMap<unsigned, Value> &at) {
  auto type = cast<SharedType>(high.getType());
  SmallVector<Value> from = place(factors.right, at);
  int64_t rank = from.size();
  if (!low) {
    // What there is of rows: columns of the product, or all of the depth.
    Value rows = index(type.rows());
    if (turned)
      rows = sub(sizes[factors.column], at.lookup(factors.column));
    CopyInOp::create(b, loc, right, from, rows, high, rank - 2, rank - 1,
                     /*reverse=*/false);
    return;
  }
  FragmentType wide = fragment(type.rows(), type.cols(), b.getF32Type(), Place::acc);
  Value x = ReadOp::create(b, loc, wide, right, from, /*transpose=*/false);
  auto round = [&](Value x) -> Value {
    return CastOp::create(b, loc, wide.withElement(element), x);
  };
  Value rounded = round(x);
  Value rest = arith::SubFOp::create(b, loc, x, CastOp::create(b, loc, wide, rounded));
  // Of what is infinite nothing finite is left over; what this is must not be NaN.
  Value number = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(-1e30f));
  rest = arith::MaxNumFOp::create(b, loc, rest, SplatOp::create(b, loc, wide, number));
  StoreOp::create(b, loc, rounded, high, /*transpose=*/false, /*diagonal=*/0);
  StoreOp::create(b, loc, round(rest), low, /*transpose=*/false, /*diagonal=*/0);
}

void ProductKernel::body(Value block) {
  // Neighbouring blocks have neighbouring columns, then what lies next to each other.
  DenseMap<unsigned, Value> at;
  Value rest = block;
  auto take = [&](Value count) {
    Value mine = rem(rest, count);
    rest = div(rest, count);
    return mine;
  };
  Value zero = index(0);
  at[factors.depth] = zero;
  at[factors.column] = mul(take(ceilDiv(sizes[factors.column], columns)), index(columns));
  for (unsigned loop = sizes.size(); loop-- > 0;)
    if (loop != factors.row && loop != factors.column && loop != factors.depth)
      at[loop] = take(sizes[loop]);
  Value first = mul(rest, index(tilesOfBlock * rows)), length = sizes[factors.row];
  Value left = sub(length, first);
  Value tiles = arith::MinUIOp::create(b, loc, ceilDiv(left, rows), index(tilesOfBlock));

  ring = tileOf({2, rows, depth});
  SmallVector<int64_t> shape{turned ? columns : depth, turned ? depth : columns};
  high = tileOf(shape);
  if (split)
    low = tileOf(shape);
  auto dimOf = [&](unsigned operand) {
    AffineMap map = mapOf(operand);
    for (unsigned d = 0; d < map.getNumResults(); ++d)
      if (map.getDimPosition(d) == factors.row)
        return int64_t(d);
    llvm_unreachable("rows are of the left factor and of the product");
  };
  auto fetch = [&](Value number) {
    Value from = mul(number, index(rows));
    DenseMap<unsigned, Value> here = at;
    // Beyond the last tile there are no rows, but there is an address.
    Value count = arith::MaxSIOp::create(b, loc, sub(left, from), zero);
    Value none = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, count, zero);
    here[factors.row] = arith::SelectOp::create(
        b, loc, none, zero, arith::AddIOp::create(b, loc, first, from));
    CopyInOp::create(b, loc, this->left, place(factors.left, here), count, stage(number),
                     dimOf(factors.left), mapOf(factors.left).getNumResults() - 1,
                     /*reverse=*/false);
    CommitOp::create(b, loc);
  };
  fetchRight(at);
  fetch(zero);
  auto loop = scf::ForOp::create(b, loc, zero, tiles, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value number = loop.getInductionVar();
  WaitOp::create(b, loc, 0);
  gpu::BarrierOp::create(b, loc);
  fetch(arith::AddIOp::create(b, loc, number, index(1)));
  Value factor = LoadOp::create(b, loc, fragment(rows, depth, element, Place::lhs),
                                stage(number), /*transpose=*/false, 0);
  FragmentType acc = fragment(rows, columns, b.getF32Type(), Place::acc);
  Value sum = SplatOp::create(
      b, loc, acc, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)));
  // The small products first.
  for (Value tile : {low, high})
    if (tile)
      sum = MmaOp::create(b, loc, acc, factor, tile, sum, turned, /*diagonal=*/0);
  Value from = mul(number, index(rows));
  DenseMap<unsigned, Value> here = at;
  here[factors.row] = arith::AddIOp::create(b, loc, first, from);
  WriteOp::create(b, loc, sum, out, place(2, here), sub(left, from), /*transpose=*/false,
                  b.getI64IntegerAttr(dimOf(2)), IntegerAttr(), IntegerAttr());
}

void ProductKernel::run() {
  b.setInsertionPoint(op);
  element = elementOf(op.getDpsInputs()[factors.left].getType());
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  depth = ranges[factors.depth];
  columns = maxColumns;
  if (int64_t n = ranges[factors.column]; !ShapedType::isDynamic(n))
    columns = std::min<int64_t>(columns, llvm::alignTo(n, 16));
  turned = mapOf(factors.right).getDimPosition(mapOf(factors.right).getNumResults() - 1) ==
           factors.depth;
  // A warp has whole pieces of the rows of a right factor that passes through registers.
  warps = 4;
  while (split && (turned ? columns : depth) % (16 * warps))
    --warps;
  // A tile's factors and sums fit the registers of its warps.
  rows = (depth > 128 ? 16 : 32) * warps;
  left = steps::readBuffer(b, loc, op.getDpsInputs()[factors.left]);
  right = steps::readBuffer(b, loc, op.getDpsInputs()[factors.right]);
  sizes.resize(ranges.size());
  for (unsigned operand : {factors.left, factors.right}) {
    AffineMap map = mapOf(operand);
    for (unsigned d = 0; d < map.getNumResults(); ++d)
      sizes[map.getDimPosition(d)] =
          memref::DimOp::create(b, loc, operand == factors.left ? left : right, d);
  }
  SmallVector<OpFoldResult> shape;
  for (unsigned d = 0; d < mapOf(2).getNumResults(); ++d)
    shape.push_back(sizes[mapOf(2).getDimPosition(d)]);
  SmallVector<Value> replacements;
  out = steps::writeBuffer(b, loc, op->getResult(0), shape, replacements);
  Value blocks = mul(ceilDiv(sizes[factors.column], columns),
                     ceilDiv(sizes[factors.row], tilesOfBlock * rows));
  for (unsigned loop = 0; loop < sizes.size(); ++loop)
    if (loop != factors.row && loop != factors.column && loop != factors.depth)
      blocks = mul(blocks, sizes[loop]);
  Value one = index(1);
  Value size = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0);
  auto launch = gpu::LaunchOp::create(b, loc, blocks, one, one, index(32 * warps), one,
                                      one, size);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&launch.getBody().front());
    b.setInsertionPoint(gpu::TerminatorOp::create(b, loc));
    body(launch.getBlockIds().x);
  }
  size.getDefiningOp()->setAttr("value", b.getI32IntegerAttr(bytes));
  steps::finishResults(b, op, replacements);
}

namespace {
struct ProductsToTiles : seqc::impl::ProductsToTilesBase<ProductsToTiles> {
  using ProductsToTilesBase::ProductsToTilesBase;
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      std::optional<Factors> found = factorsOf(op, factors != "f32");
      if (!found)
        continue;
      bool wide = elementOf(op.getDpsInputs()[found->right].getType()).isF32();
      OpBuilder b(op);
      ProductKernel(op, *found, wide, b).run();
    }
  }
};
} // namespace
