//===- TileLanes.h - Tile operations as one lane's code ---------*- C++ -*-===//
//
// A fragment becomes the scalars that a lane holds of it, in the order of PTX's
// mma.m16n8k16; a shared tile becomes an address.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_LOWERING_NVVM_TILELANES_H
#define SEQC_PASSES_LOWERING_NVVM_TILELANES_H

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace seqc::tile {

using namespace mlir;
using Scalars = SmallVector<Value>;

/// Where element `e` of the 16 x 16 piece (m, k) of a left factor is in an accumulator
/// with `columns` pieces of 8 columns.
inline int64_t accElement(int64_t columns, int64_t m, int64_t k, int64_t e) {
  int64_t part = e / 2; // (row half, column half): (0,0) (1,0) (0,1) (1,1)
  return (m * columns + 2 * k + part / 2) * 4 + part % 2 * 2 + e % 2;
}

/// Emits one kernel's code in place of its tile operations.
class Lanes {
public:
  /// `groups`: products may be those of groups of four warps, by `wgmma`.
  Lanes(gpu::GPUFuncOp kernel, int64_t threads, bool groups)
      : kernel(kernel), b(kernel.getContext()), loc(kernel.getLoc()),
        threads(threads), groups(groups) {}
  LogicalResult run();

private:
  LogicalResult block(Block &body);
  LogicalResult operation(Operation *op);
  LogicalResult loop(scf::ForOp op);
  /// Moves a body into that of the loop or branch that yields elements instead.
  LogicalResult moveBody(Block &from, Block &to);
  LogicalResult choose(scf::IfOp op);
  LogicalResult team(TeamOp op);
  /// A value's elements where it is a fragment, else itself.
  void flatten(ValueRange values, Scalars &into);
  /// Lets old values stand for runs of new ones.
  void unflatten(ValueRange old, ValueRange now);
  /// Lets a scalar stand for the result of an operation that is erased later, also
  /// where a body that is being moved yields it.
  void stands(Value old, Value now) {
    old.replaceAllUsesWith(now);
    fragments[old] = {now};
  }
  LogicalResult elementwise(Operation *op);

  // Index arithmetic: i32 within the block, i64 in device memory.
  Value i32(int64_t v) { return arith::ConstantIntOp::create(b, loc, b.getI32Type(), v); }
  Value i64(int64_t v) { return arith::ConstantIntOp::create(b, loc, b.getI64Type(), v); }
  Value constantOf(Type type, int64_t v) {
    return arith::ConstantIntOp::create(b, loc, type, v);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value add(Value x, int64_t y) { return y ? add(x, constantOf(x.getType(), y)) : x; }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value mul(Value x, int64_t y) { return mul(x, constantOf(x.getType(), y)); }
  Value div(Value x, int64_t y) {
    return y == 1 ? x : arith::DivUIOp::create(b, loc, x, constantOf(x.getType(), y));
  }
  Value rem(Value x, int64_t y) {
    return arith::RemUIOp::create(b, loc, x, constantOf(x.getType(), y));
  }
  Value less(Value x, Value y) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value select(Value c, Value x, Value y) {
    return arith::SelectOp::create(b, loc, c, x, y);
  }
  /// The same integer, of which the compiler does not see that it is the same at every
  /// turn of a loop: what is computed from it takes no registers across the loop.
  Value opaque(Value x);
  Value wide(Value index);   // index or i32 to i64
  Value narrow(Value index); // index to i32
  void when(Value condition, llvm::function_ref<void()> body);

  // Addresses.
  Value at(Value pointer, Value bytes) {
    return LLVM::GEPOp::create(b, loc, pointer.getType(), b.getI8Type(), pointer,
                               ArrayRef<LLVM::GEPArg>{bytes});
  }
  Value at(Value pointer, int64_t bytes) {
    return bytes ? LLVM::GEPOp::create(b, loc, pointer.getType(), b.getI8Type(), pointer,
                                       ArrayRef<LLVM::GEPArg>{int32_t(bytes)})
                       .getResult()
                 : pointer;
  }
  Value load(Type type, Value pointer, unsigned align);
  void store(Value value, Value pointer, unsigned align);
  /// An element of a shared tile.
  Value place(SharedType type, Value tile, Value row, Value col) {
    Value start = mul(row, type.rowBytes());
    if (type.isTf32()) {
      Value unit = add(mul(div(col, 8), 2), rem(col, 2));
      return at(tile, add(start, add(mul(unit, type.unitBytes()),
                                     mul(div(rem(col, 8), 2), type.elementBytes()))));
    }
    if (type.unitBytes() == 16)
      return at(tile, add(start, mul(col, type.elementBytes())));
    int64_t unit = type.unitElements();
    return at(tile, add(start, add(mul(div(col, unit), type.unitBytes()),
                                   mul(rem(col, unit), type.elementBytes()))));
  }

  /// A tile of a buffer in device memory: `row_dim` and `col_dim` of a copy.
  struct Window {
    Value base;          // of row 0, column 0
    Value buffer;        // the buffer's first byte
    Value rowStep;       // bytes from row to row, i64
    Value rows, cols;    // that exist, i32
    int64_t elementBytes = 0;
    int64_t unit = 1;    // bytes that lie together in both, if `aligned`
    Value aligned;
    bool whole = false;  // all columns of the tile exist
  };
  Window window(Value buffer, ValueRange indices, Value rows, int64_t rowDim,
                int64_t colDim, bool reverse, SharedType tile);
  /// Calls `piece` for every run of `unit` bytes that this thread copies: its two
  /// addresses, whether it is within the window, and whether within the tile (null:
  /// always).
  void forPieces(const Window &w, SharedType type, Value tile, bool vector,
                 int64_t unit,
                 llvm::function_ref<void(Value device, Value shared, Value valid,
                                         Value exists)> piece);
  /// Calls `row` for each row that a lane has of an accumulator in device memory;
  /// `columns` calls back for its elements: their number, address, and whether they
  /// exist (null: always).
  /// Where rows of a fragment are in a buffer: along a dimension (-1: the last but one),
  /// the first `count` of them; at multiples of `fold` they start anew, one further
  /// along `foldDim`.
  struct Rows {
    int64_t dim = -1;
    Value count;
    int64_t fold = 0, foldDim = -1;
  };
  Rows rowsOf(WriteOp op);
  void forRows(FragmentType type, Value buffer, ValueRange indices, bool transpose,
               const Rows &along,
               llvm::function_ref<void(Value inside, llvm::function_ref<void(
                   llvm::function_ref<void(unsigned, Value, Value)>)> columns)> row);
  Value bufferBase(Value buffer);
  Value stride(Value buffer, int64_t dim); // elements, i64
  Value size(Value buffer, int64_t dim);   // i64

  bool copyRows(const Window &w, SharedType type, Value tile);
  /// The address of a row that a table says where it is, and whether there is one.
  std::pair<Value, Value> listedRow(CopyInOp op, const Window &w, Value row);
  void copyListed(CopyInOp op, const Window &w, SharedType type, Value tile, bool vector,
                  int64_t unit);

  void alloc(AllocOp op);
  void copyIn(CopyInOp op);
  void copyOut(CopyOutOp op);
  void cumsum(CumsumOp op);
  void loadFragment(LoadOp op);
  void storeFragment(StoreOp op);
  void readFragment(ReadOp op);
  void writeFragment(WriteOp op);
  void writeColumn(WriteOp op);
  void within(WithinOp op);
  void reduce(ReduceOp op);
  void mma(MmaOp op);
  // Of groups of four warps, in TileGroups.cpp.
  bool byGroups(MmaOp op);
  void multiplyByGroups(MmaOp op);
  void multiplyTf32(MmaOp op);
  /// A left factor of f32 as words of tf32, four for each 16 x 8 piece.
  Scalars wordsTf32(FragmentType type, ArrayRef<Value> elements);
  void fenceBarriers();
  void finite(FiniteOp op);
  void addSeen(AddSeenOp op);
  void substitute(SubstituteOp op);
  void invert(InvertOp op);
  /// Two pieces of columns of a sum, of one piece of rows: plus a left factor's piece
  /// times a loaded 16 x 16 piece.
  void multiply(Type element, ArrayRef<Value> factor, ArrayRef<Value> loaded,
                MutableArrayRef<Value> left, MutableArrayRef<Value> right);
  /// Eight elements as the words of a left factor's piece.
  Scalars words(ArrayRef<Value> elements);
  /// The bits of a tf32, to nearest.
  Value roundTf32(Value x);
  void map(MapOp op);
  void bounded(BoundedOp op);
  Value fastExp(Value x);
  Value fastPower(Value x); // of two

  /// Row and column of a lane's element of an accumulator piece.
  Value accRow(FragmentType type, int64_t piece, int64_t r);
  Value accCol(int64_t piece, int64_t r);
  /// Where a lane's address for ldmatrix points within 16 x 16 elements, whose
  /// four 8 x 8 parts come in the order (0,0) (1,0) (0,1) (1,1), or if `across`
  /// (0,0) (0,1) (1,0) (1,1), as (row, 16-byte unit).
  Value matrixPlace(SharedType type, bool across);
  Value ownBlock(FragmentType type, int64_t piece, int64_t size);
  Scalars loadMatrices(Value pointer, bool transpose);
  /// Rounds pairs at once: there is an instruction for two.  Lanes hold an even number
  /// of elements.
  Scalars roundPairs(ArrayRef<Value> from, Type to, bool stays = false);
  Value pack(Value x, Value y);
  std::pair<Value, Value> unpack(Value pair, Type element);

  gpu::GPUFuncOp kernel;
  OpBuilder b;
  Location loc;
  int64_t threads, used = 0;
  int64_t teamBarrier = 0; // number of the barrier of a team
  bool groups, grouped = false;
  llvm::DenseMap<Value, Scalars> fragments;
  llvm::DenseMap<Value, Value> tiles;
  Value shared, thread, lane, warp, group, quad;
  SmallVector<Operation *> done;
};

/// Moves what a block computes, and what it loads from shared memory, to where it is
/// first used.
void sinkToUses(Block &block);

} // namespace seqc::tile

#endif // SEQC_PASSES_LOWERING_NVVM_TILELANES_H
