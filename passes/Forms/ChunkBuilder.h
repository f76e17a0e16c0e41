//===- ChunkBuilder.h - Algebra of one chunk of tokens ----------*- C++ -*-===//
//
// Notation: rows are a chunk's C tokens; b_i is the sum of log gates up to and
// with token i, be_i the sum before it.  Every exponent that is used is a
// difference over a span of tokens, so none is positive.  Vector gates that change
// from token to token are products of decays instead, none of which exceeds one.  A transition that is a
// constant matrix A enters by its powers, whose exponents are such spans, too.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_FORMS_CHUNKBUILDER_H
#define SEQC_PASSES_FORMS_CHUNKBUILDER_H

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace seqc {

/// A cumulative log gate in two parts whose differences are exact: multiples of
/// 2^-10 and a small rest.  [C, K], or [C] for scalar gates.
struct Exponent {
  mlir::Value coarse, fine;
  explicit operator bool() const { return static_cast<bool>(coarse); }
};

class ChunkBuilder {
public:
  ChunkBuilder(mlir::OpBuilder &b, mlir::Location loc, int64_t tokens,
               mlir::Type element)
      : b(b), loc(loc), tokens(tokens), element(element) {}

  mlir::Value einsum(llvm::StringRef equation, mlir::ValueRange operands);
  /// The same, with factors that may be rounded to bf16 if `roundFactors` said so.
  mlir::Value product(llvm::StringRef equation, mlir::ValueRange operands);
  void roundFactors(bool round) { narrow = round; }
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  /// exp(min(x, 0)).
  mlir::Value decay(mlir::Value x);
  mlir::Value splat(double value, llvm::ArrayRef<int64_t> shape);
  /// Rows [from, to) of a tensor.
  mlir::Value rows(mlir::Value x, int64_t from, int64_t to);
  /// `block` written into `whole` at row `r`, column `c`.
  mlir::Value insert(mlir::Value block, mlir::Value whole, int64_t r, int64_t c);
  mlir::Value cast(mlir::Value x);
  /// 1 for the first `count` rows, else 0: [C].
  mlir::Value valid(mlir::Value count);
  /// x where the flag is 1, else 0; not a product, which would keep infinities.
  mlir::Value where(mlir::Value flag, mlir::Value x);
  /// Entry (i, j) is 1 where j < i, or j <= i if `inclusive`: [rows, cols] with
  /// the first row being token `row` and the first column token `col`.
  mlir::Value mask(int64_t rows, int64_t cols, bool inclusive);

  /// The inclusive and exclusive cumulative gates of log gates [C].
  void setGates(mlir::Value scalarGate);
  /// The decays of single tokens, 0 to 1: [C, K].  Instead of exponents there are
  /// products of them, over runs of tokens inside and across sub-tiles.
  void setDecays(mlir::Value decays);
  /// The same for log gates that no token changes, a scalar or [K], of a chunk with
  /// `count` tokens: nothing but the decay to its end depends on the chunk.
  void setFixedGates(mlir::Value scalarGate, mlir::Value vectorGate,
                     mlir::Value count);
  /// The constant transition's blocks [m, r, r], K = m r, beside gates that it
  /// commutes with; the chunk has `count` tokens.
  void setConstant(mlir::Value blocks, mlir::Value count);
  /// Flags [C]: a token whose flag is not zero starts anew.
  void setResets(mlir::Value flags);
  /// The resets of another builder for the same chunk.
  void shareResets(const ChunkBuilder &other);
  /// With resets: finds tokens that have an infinity or a NaN in one of `rows` ([C]
  /// or [C, n]), and such a state [K, V], which it returns without them.  `clean`
  /// takes them out of what enters sums over tokens, where 0 * NaN would reach
  /// other histories; `poison...` puts them back where they belong.
  mlir::Value setGuards(llvm::ArrayRef<mlir::Value> rows, mlir::Value state);
  /// Zero at tokens that `setGuards` found.
  mlir::Value clean(mlir::Value x);
  /// NaN at tokens whose history has one that `setGuards` found: [C, n].
  mlir::Value poisonRows(mlir::Value y);
  /// NaN if the last token's history has one.
  mlir::Value poisonState(mlir::Value state);
  /// What `fn` returns, with nothing taken out by `clean`.
  mlir::Value unguarded(llvm::function_ref<mlir::Value()> fn);
  bool hasGates() const { return sIn || vIn || decays; }
  /// Exponents of b (inclusive) or be, along the chunk.
  Exponent scalar(bool inclusive) { return inclusive ? sIn : sEx; }
  Exponent vector(bool inclusive) { return inclusive ? vIn : vEx; }

  /// x_i scaled by the decay from the chunk's start to token i: [C, K].  With a
  /// constant these are rows that read the state; `fromStartOut` is for rows of it.
  mlir::Value fromStart(mlir::Value x, bool inclusive);
  mlir::Value fromStartOut(mlir::Value x, bool inclusive);
  /// The same for rows that are all `x` [K] before their decay.
  mlir::Value fromStartAll(mlir::Value x, bool inclusive);
  /// y_j scaled by the decay from token j to the chunk's end: [C, K].
  mlir::Value toEnd(mlir::Value y);
  /// The state [K, V] scaled by the decay of the whole chunk, whose channels are
  /// its dimension `axis`.
  mlir::Value overChunk(mlir::Value state, unsigned axis = 0);
  /// Entry (i, j): sum over c of x_ic y_jc times the decay from j to i, for
  /// j < i, or j <= i if `inclusive`.  Token i's own gate counts if
  /// `inclusiveGate`.
  mlir::Value pairSum(mlir::Value x, mlir::Value y, bool inclusiveGate,
                      bool inclusive);
  /// Row i: sum over j of a_ij y_jc times the decay of channel c from j to i.
  mlir::Value outSum(mlir::Value a, mlir::Value y, bool inclusiveGate,
                     bool inclusive);
  // With a constant, for a key `y` [K] that is the same at every token: all there is
  // are the responses A^l y.
  mlir::Value pairSumFixed(mlir::Value x, mlir::Value y, bool inclusiveGate,
                           bool inclusive);
  mlir::Value outSumFixed(mlir::Value a, mlir::Value y, bool inclusiveGate,
                          bool inclusive);
  /// Sum over j of y values_j^T times the decay from token j to the end: [K, V].
  mlir::Value toEndFixed(mlir::Value y, mlir::Value values);
  /// (I - a)^-1 for strictly lower triangular `a` [n, n].
  mlir::Value inverse(mlir::Value a);

private:
  mlir::Value function(mlir::Value x);
  /// x - y for exponents, with the equation that spreads each over the result.
  mlir::Value difference(const Exponent &x, llvm::StringRef spreadX,
                         const Exponent &y, llvm::StringRef spreadY,
                         llvm::ArrayRef<mlir::Value> ones);
  Exponent rows(const Exponent &x, int64_t from, int64_t to);
  /// A log gate, cut and in its two parts.
  Exponent parts(mlir::Value gate);
  /// Flags [C] for every element of `x`.
  mlir::Value spread(mlir::Value flags, mlir::Value x);
  /// 1 where x is an infinity or NaN, else 0.
  mlir::Value broken(mlir::Value x);
  mlir::Value scalarDecay(bool inclusiveGate);
  /// 1 where x equals y, else 0.
  mlir::Value indicator(mlir::Value x, mlir::Value y);
  /// Resets and gates of `fromStart` and `toEnd`, the constant left out.
  mlir::Value gatesFromStart(mlir::Value x, bool inclusive);
  mlir::Value gatesToEnd(mlir::Value y);
  /// What gates and resets make of entries (i, j); others are zero.
  mlir::Value gatePairs(mlir::Value m, bool inclusiveGate, bool inclusive);

  // Products of decays (RunningProducts.cpp).  `padded` rows fill whole sub-tiles.
  mlir::Value slice(mlir::Value x, llvm::ArrayRef<int64_t> offsets,
                    llvm::ArrayRef<int64_t> sizes, unsigned dropped = ~0u);
  mlir::Value place(mlir::Value block, mlir::Value whole,
                    llvm::ArrayRef<int64_t> offsets);
  mlir::Value padded(mlir::Value x, int64_t columns = 0);
  mlir::Value byTiles(mlir::Value x);
  mlir::Value tile(mlir::Value x, int64_t number);
  /// Decays from a sub-tile's start to each token, and from each to its end.
  mlir::Value prefixes(bool inclusive);
  mlir::Value suffixes();
  /// The decay of all sub-tiles before `number`: [K], none for the first.
  mlir::Value before(int64_t number);
  mlir::Value fromTile(mlir::Value x, bool inclusive);
  /// Rows before sub-tile `number`, each decayed to its start.
  mlir::Value upTo(mlir::Value y, int64_t number);
  mlir::Value productsFromStart(mlir::Value x, bool inclusive);
  mlir::Value productsToEnd(mlir::Value y);
  mlir::Value productsOverChunk(mlir::Value state, unsigned axis);
  mlir::Value productPairs(mlir::Value x, mlir::Value y, bool inclusiveGate,
                           bool inclusive);
  mlir::Value productOut(mlir::Value a, mlir::Value y, bool inclusiveGate,
                         bool inclusive);
  /// 1 at entries (i, i - apart) inside sub-tiles.
  mlir::Value diagonal(int64_t apart);
  /// Row i: x_i times y_(i - apart) and the decays between, for rows from `apart` on.
  llvm::SmallVector<mlir::Value> apartBy(int64_t apart, mlir::Value x, mlir::Value y,
                                         bool inclusiveGate);

  // Powers of the constant.
  mlir::Value numbers(llvm::ArrayRef<int64_t> shape,
                      llvm::function_ref<double(int64_t, int64_t)> entry);
  mlir::Value countOf(int64_t less);
  /// A to the power 2^s.
  mlir::Value square(unsigned s);
  /// Rows A x_i, or x_i^T A, for a power A.
  mlir::Value times(mlir::Value x, mlir::Value power, bool reads);
  /// Row i by the power with exponent `exponents[i]`.
  mlir::Value power(mlir::Value x, llvm::ArrayRef<int64_t> exponents, bool reads);
  /// The powers 0 to C - 1 of A times `x` [K]: [C, K]
  mlir::Value responses(mlir::Value x);
  /// Rows of `responses` from the last to the first, without the last `late`.
  mlir::Value reversed(mlir::Value responses, bool late);
  mlir::Value constantPairs(mlir::Value x, mlir::Value y, bool late, bool diagonal);
  mlir::Value constantOut(mlir::Value a, mlir::Value y, bool late, bool diagonal);
  mlir::Value constantToEnd(mlir::Value y);
  mlir::Value constantOverChunk(mlir::Value state);

  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t tokens;
  mlir::Type element;
  bool narrow = false;
  /// Tokens of a sub-tile, and how many sub-tiles cover the chunk.
  int64_t height = 0, tiles = 0;
  mlir::Value decays, prefix[2], suffix;
  llvm::SmallVector<mlir::Value> befores;
  llvm::DenseMap<mlir::Value, mlir::Value> fromTiles[2];
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> upTos;
  /// `Last`: the whole chunk, one row.
  Exponent sIn, sEx, sLast, vIn, vEx, vLast;
  // With resets: 1 where tokens i and j, the chunk's start and token i, token i
  // and the chunk's end, start and end have no reset between them.
  mlir::Value joined, joinedStart, joinedEnd, joinedChunk;
  // 1 for tokens that have nothing but finite numbers, else 0; how many tokens of
  // each history have not, and of the last one's.
  mlir::Value finite, badRows, badEnd;
  // The constant's powers with exponents 1, 2, 4, ...; tokens of the chunk.
  llvm::SmallVector<mlir::Value> squares;
  mlir::Value constantCount;
};

} // namespace seqc

#endif // SEQC_PASSES_FORMS_CHUNKBUILDER_H
