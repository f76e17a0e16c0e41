//===- TileKernel.h - A linear recurrence as a chunked kernel ---*- C++ -*-===//

#ifndef SEQC_PASSES_TILING_TILEKERNEL_H
#define SEQC_PASSES_TILING_TILEKERNEL_H

#include "TilePlan.h"

#include "seqc/lib/Target/Machine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"

namespace seqc::tile {

/// A gate below this counts as this: e^-100 is zero to f32.
inline constexpr double kGateFloor = -100;
/// Exponents up to this may be positive: e^75 times 10^5 is still a bf16, and so is its
/// inverse over 10^5.
inline constexpr double kNear = 75;
/// The same for f16, of vectors within 10^3.
inline constexpr double kNearF16 = 4;
/// Tokens of a block with an anchor of its own: a warp's rows of pairs.
inline constexpr int64_t kBlock = 16;

/// Builds the kernel of one recurrence.
class Kernel {
public:
  using Operand = LinearRecurrenceOp::Operand;
  /// On `gpu`, if that is known, few sequences are split.
  Kernel(LinearRecurrenceOp op, OpBuilder &b, std::optional<target::Gpu> gpu)
      : op(op), b(b), loc(op.getLoc()), gpu(gpu),
        plan(planOf(op, knobsOf(op),
                    factorsOf(op, op->hasAttr("seqc.factors") || op->hasAttr("seqc.split")),
                    op->hasAttr("seqc.split"))),
        keys(plan.keys), values(plan.knobs.values), tokens(plan.knobs.tokens),
        warps(plan.warps()), element(plan.element), f32(b.getF32Type()) {}
  void run();

private:
  /// A factor of every token: none, one number, or one a token.
  struct Scale {
    Value number; // f32
    Value buffer;
    AxesAttr map;
    Part part;
    explicit operator bool() const { return number || buffer; }
  };
  /// Vectors that read the state of a token, or are written to it.
  struct Reader {
    Part part;
    bool gated;  // by the token's own gate, too
    bool strict; // reads earlier tokens only
    /// Rows from its own to that of the last gate.
    int64_t before() const { return gated ? 0 : -1; }
  };

  Value index(int64_t v) { return arith::ConstantIndexOp::create(b, loc, v); }
  Value number(double v) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v));
  }
  Value add(Value x, Value y) {
    return isa<IndexType>(x.getType()) ? arith::AddIOp::create(b, loc, x, y).getResult()
                                       : arith::AddFOp::create(b, loc, x, y).getResult();
  }
  Value sub(Value x, Value y) {
    return isa<IndexType>(x.getType()) ? arith::SubIOp::create(b, loc, x, y).getResult()
                                       : arith::SubFOp::create(b, loc, x, y).getResult();
  }
  Value mul(Value x, Value y) {
    return isa<IndexType>(x.getType()) ? arith::MulIOp::create(b, loc, x, y).getResult()
                                       : arith::MulFOp::create(b, loc, x, y).getResult();
  }
  Value exp(Value x) { return math::ExpOp::create(b, loc, x); }
  Value notAbove(Value x, double bound);
  Value toF32(Value x);
  Value round(Value x, Type to);
  FragmentType fragment(int64_t rows, int64_t cols, Type type, Place place) {
    return FragmentType::get(b.getContext(), {rows, cols}, type, place, warps);
  }
  Value zeros(int64_t rows, int64_t cols) {
    return splat(number(0), fragment(rows, cols, f32, Place::acc));
  }
  Value splat(Value x, FragmentType type) { return SplatOp::create(b, loc, type, x); }
  Value spread(Value x, FragmentType type) {
    return BroadcastOp::create(b, loc, type, x);
  }
  /// A fragment of another place: an accumulator as a left factor, or back.
  Value asPlace(Value x, Place place) {
    auto type = cast<FragmentType>(x.getType());
    return ConvertOp::create(
        b, loc, fragment(type.rows(), type.cols(), type.getElementType(), place), x);
  }
  /// An accumulator or an f32 factor as a left factor of the inputs' type.
  Value asFactor(Value wide);
  Value loadFactor(Value tile, int64_t rows, int64_t cols, bool transpose = false);
  /// With `count`, of so many columns from `first` on.
  Value product(Value a, Value tile, Value c, bool transpose, int64_t diagonal = 0,
                bool apart = true, int64_t first = 0, int64_t count = 0);
  void storeTile(Value acc, Value tile, int64_t diagonal = 0);
  /// What rounding leaves over, as an f32.
  Value leftOver(Value wide, Value rounded) { return sub(wide, toF32(rounded)); }
  /// Tiles, and what rounding to them leaves over, of what `compute` makes of a map's
  /// arguments.
  void mapTiles(ValueRange sources, ValueRange to, ArrayRef<int64_t> blocks,
                ArrayRef<int64_t> firsts, int64_t half, bool second,
                llvm::function_ref<SmallVector<Value>(ValueRange)> compute);
  void mapTile(ValueRange sources, Value to, ArrayRef<int64_t> blocks,
               ArrayRef<int64_t> firsts, int64_t half, bool second,
               llvm::function_ref<Value(ValueRange)> compute);
  void barrier() { gpu::BarrierOp::create(b, loc); }
  void warpBarrier() { WarpBarrierOp::create(b, loc); }

  /// Indices of an operand's leading dimensions.
  SmallVector<Value> place(AxesAttr map, Value time = {});
  void findSizes(Value buffer, AxesAttr map);
  Value read(Operand operand);
  /// Where the rows of a buffer are that a dispatch would have packed: entries of its
  /// permutation, which are slots, `share` of them a token.
  struct Rows {
    Value table;
    int64_t share;
  };
  llvm::DenseMap<Value, Rows> routed;
  Value readRouted(Operand operand);
  Scale scaleOf(Operand operand, Part part);
  void numberOf(Scale &scale);
  /// The part whose tiles hold a part's vectors.
  Part holder(Part part) { return plan.sameAs[unsigned(part)]; }
  Value &memory(Part part) { return tiles[unsigned(holder(part))]; }
  /// The tile of a ring for a chunk.
  Value stageOf(Part part, Value chunk);
  Value firstToken(Value chunk);
  void copyIn(Part part, Value buffer, AxesAttr map, Value chunk, Value column);
  /// What a fetch asks for: all, or what its turn is.
  enum class Turn { all, first, second, last, tokens, values };
  void fetch(Value chunk, Turn turn = Turn::all);
  /// Copies wait for the registers of earlier ones; a chunk of many products asks for the
  /// next one's tokens between them.
  bool takesTurns() {
    return plan.pair && !plan.perKey && !summing && !plan.knobs.teams;
  }

  void findTokens();
  void roundArrived();
  int64_t slices() { return llvm::divideCeil(op.valueSize(), values); }
  void launch(Value blocks, llvm::function_ref<void(Value block)> body);
  void enter(Value block, Value count);
  void body(Value block);
  void write(Value acc, Value buffer, ValueRange at) {
    WriteOp::create(b, loc, acc, buffer, at, /*rows=*/Value(), /*transpose=*/true,
                    /*row_dim=*/nullptr, /*fold=*/nullptr, /*fold_dim=*/nullptr);
  }

  // Parts of a sequence, in TileParts.cpp.
  bool canSplit();
  void split(Value blocks);
  std::pair<Value, Value> chunksOfPart();
  Value incoming(Value state);
  void summary(Value block);
  std::pair<Value, Value> summaryChunk(Value number, Value state);

  // A chunk, in TileChunk.cpp.
  /// Values that are written at each token.
  struct Written {
    Value wide;   // f32, an accumulator or a left factor; null if not needed
    Value factor; // of the inputs' type
    Part weights; // what queries read of them
    Value tile;   // the vectors they are written with
  };
  void arrive();
  void findExist();
  /// One gate a token.
  bool scalarGate() { return op.numGates() && !plan.perKey && !plan.perValue; }
  /// A scale of the chunk's tokens, as a `row` or a `col`.
  Value scaleOfTokens(const Scale &scale, Place place);
  Value spreadRow(Value row, Value over);
  Value chunk(Value number, Value state);
  Value decayToEnd(Value total);
  Value solve(Value from);
  SmallVector<Written> written(Value reach);
  void store(Value read);

  // Teams, in TileTeams.cpp.
  bool teams() { return plan.knobs.teams; }
  void team(int64_t count, int64_t first, int64_t registers,
            llvm::function_ref<void()> body);
  void meet() { MeetOp::create(b, loc); }
  void findTiles(Value chunk);
  void prepare(Value chunk);
  Value here(Value factor);
  Value use(Value state);
  void bodyOfTeams(Value block);

  // A gate for each value, in TileValues.cpp.
  Value readPerValue(Value read);
  Value chunkPerValue(Value state);
  Value writtenOf(Value tile);
  Value decayed(Value read);

  // Pairs of tokens, in TilePairs.cpp.
  /// Log gates summed up to each token: of a `row` or a `col`.
  Value gateSums(Place place, bool inclusive);
  Value gateTotal();
  Value negated(Value condition);
  /// Exponents up to this may be positive.
  double bound() { return element.isF16() ? kNearF16 : kNear; }
  void findNear();
  void scaleByGates(Value source, Value target, ArrayRef<int64_t> blocks,
                    ArrayRef<int64_t> firsts, int64_t half = 0, bool second = false,
                    bool clamp = true);
  /// What is computed of pairs: readers times writers, into a tile.
  struct Weights {
    Reader reader;
    Part writer, target;
    bool correction; // times the correction's scale
    bool solved;     // its diagonal is inverted
  };
  SmallVector<Weights> allWeights();
  Value scalePairs(const Weights &weights, Value pairs);
  void storePairs(const Weights &weights, Value pairs);
  void invert();
  void weigh();
  void weighPerKey();
  Value lateTile(Part writer);
  void scaleForState(bool anchored);
  SmallVector<Value> weighBlocks(ArrayRef<Weights> group);
  Value halve(const Weights &weights);
  void weighFar();
  void when(Value condition, llvm::function_ref<void()> body);

  LinearRecurrenceOp op;
  OpBuilder &b;
  Location loc;
  std::optional<target::Gpu> gpu;
  Plan plan;
  int64_t keys, values, tokens, warps;
  Type element, f32;
  llvm::StringMap<Value> sizes, indices;
  // Buffers in device memory.
  Value initial, key, value, query, right, left, out, final, gate;
  Scale writeScale, readScale, pairScale;
  Value segments; // their bounds, or null
  std::array<Value, unsigned(Part::count)> tiles, wide;
  llvm::DenseMap<Value, Value> rest; // of a tile or left factor, if factors are split
  // Parts of a sequence and their chunks, or null; what each but the last leaves of the
  // state before it, and adds.
  Value parts, perPart, kept, added;
  bool summing = false; // the kernel that computes those
  Value sequence, part; // the block's
  // Of the block: first value, log gate of every token, first token, tokens.
  Value column, constantGate, begin, length;
  Value now; // the chunk's number
  // Of the chunk: values, gates, their sums, tokens that exist, vectors and, with a
  // gate for each key, what the gates make of them.
  Value valueTile, gateTile, sums, exist;
  Value queryTile, rightTile, keyTile, leftTile;
  // Whether sums are near zero or far, with a gate for each key or value.
  Value near, far;
};

} // namespace seqc::tile

#endif // SEQC_PASSES_TILING_TILEKERNEL_H
