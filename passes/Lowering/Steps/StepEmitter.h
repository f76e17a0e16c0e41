//===- StepEmitter.h - Emits a planned step as loops and vectors *- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_STEPS_STEPEMITTER_H
#define SEQC_PASSES_LOWERING_STEPS_STEPEMITTER_H

#include "StepPlan.h"

#include "seqc/lib/Cost/Products.h"

#include <functional>

namespace seqc::steps {

inline mlir::VectorType vectorOf(int64_t width, mlir::Type element) {
  return mlir::VectorType::get({width}, element);
}

/// Where a value's elements are in memory.  One entry per memref dimension.
struct Access {
  mlir::Value memref;
  struct Dim {
    enum Kind { Fixed, Lane, Feature } kind;
    mlir::Value fixed;    // Fixed: the index; else added to it, or null
    unsigned feature = 0; // Feature: which dimension of the value
    mlir::Value last = {}; // Feature: beyond it there is the last one again, or null
  };
  llvm::SmallVector<Dim> dims;
  /// Whole vectors are stored around the caches; they are aligned to their size.
  bool streams = false;
};

/// An index of one dimension: base + stride * (0, 1, ..., width - 1).
struct Index {
  mlir::Value base;
  int64_t stride = 0;
};

/// Emits the expressions, nests and stores of one step.  The owner binds block
/// arguments to memory and calls emitPhase at the right places.
/// `left` and `right`, of one type, combined as a reduction does.
mlir::Value combined(mlir::OpBuilder &b, mlir::Location loc, Combine kind,
                     mlir::Value left, mlir::Value right);
/// The neutral element of a reduction: a float or a vector of floats.
mlir::Value identityOf(mlir::OpBuilder &b, mlir::Location loc, Combine kind,
                       mlir::Type type);

class StepEmitter {
public:
  StepEmitter(mlir::OpBuilder &builder, mlir::Location loc, const StepPlan &plan,
              const CpuVectors &cpu)
      : b(builder), loc(loc), plan(plan), cpu(cpu), width(cpu.width) {}

  /// The value is in memory at `access`.
  void bind(mlir::Value value, Access access) { memory[value] = access; }
  /// The value is this scalar or vector of lanes.
  void bindScalar(mlir::Value value, mlir::Value scalar) {
    scalars[value] = scalar;
  }
  /// The right operand of the product of `nest`, as `packOf` wants it, is at `access`.
  void bindPack(const Nest &nest, Access access) { packs[packOf(nest)] = access; }
  /// A packed operand: how its letters and its panels are laid out.
  using Pack = std::pair<mlir::Value, uint64_t>;
  Pack packOf(const Nest &nest);
  /// The shape of a packed operand: outer letters, panels, the summed one, columns.
  llvm::SmallVector<int64_t> packedShape(const Nest &nest);
  /// Packs the operands of the phase's products that are the same at every token.
  void packWeights(const Phase &phase);
  /// The value, packed in pairs for narrow products, is at `access`.
  void bindPairs(mlir::Value value, Pairing pairing, Access access) {
    pairs[{value, unsigned(pairing)}] = access;
  }
  /// The shape, in words, of a value packed in pairs: whole vectors.
  llvm::SmallVector<int64_t> pairedShape(mlir::Value value, Pairing pairing) const;
  /// The value, once computed, is also stored at `access`.
  void addTarget(mlir::Value value, Access access) {
    targets[value].push_back(access);
  }
  /// Forgets where values are also stored.
  void clearTargets() { targets.clear(); }
  const Access *find(mlir::Value value) const {
    auto it = memory.find(value);
    return it == memory.end() ? nullptr : &it->second;
  }

  /// Vectorised over lanes: the current vector's first lane and, for the last
  /// vector of a row, how many of its lanes exist (null: all).
  void setLane(mlir::Value first, mlir::Value mask) {
    lane = first;
    laneMask = mask;
  }

  /// From here on `size` threads, of which this one is `rank`, run the code
  /// together: they share loops' iterations and meet at a barrier after each.
  void setTeam(mlir::Value rank, int64_t size) {
    teamRank = rank;
    teamSize = size;
  }
  /// What the step's largest product does between its tiles: `fn(part, parts)`, with
  /// every part once a step.
  using Meanwhile = std::function<void(mlir::Value part, int64_t parts)>;
  void setMeanwhile(Meanwhile fn) { meanwhile = std::move(fn); }

  /// Waits for the other threads of the team, if there is one.
  void barrier();

  /// Emits everything of one phase at the builder's position.
  void emitPhase(const Phase &phase);

  /// Copies a value's elements from one place to another.
  void emitCopy(mlir::Type type, bool lanes, const Access &from,
                const Access &to);
  /// Computes `value` everywhere and stores it at `to`.
  void emitValue(mlir::Value value, const Access &to);
  /// Stores zeros.
  void emitZero(mlir::Type type, bool lanes, const Access &to);
  /// Stores `condition ? then : otherwise` (a scalar or one bit per lane).
  void emitSelect(mlir::Type type, mlir::Value condition, const Access *then,
                  const Access &otherwise);

  /// The current scalar (or vector of lanes) of `value`.
  mlir::Value scalar(mlir::Value value);
  /// Loads a rank-0 value (a vector of them where it has lanes).
  mlir::Value load(const Access &access, mlir::Type element,
                   llvm::ArrayRef<Index> indices = {});
  void store(mlir::Value value, const Access &access,
             llvm::ArrayRef<Index> indices = {});

  /// Element types are computed in at least f32.
  static mlir::Type computeType(mlir::Type element);
  mlir::Value constantIndex(int64_t value);

private:
  mlir::Value evaluate(mlir::Value value, llvm::ArrayRef<Index> indices,
                       bool through = false);
  /// One index from those of the dimensions `group` of `shape`.
  Index collapsed(llvm::ArrayRef<Index> indices, llvm::ArrayRef<int64_t> shape,
                  llvm::ArrayRef<int64_t> group);
  mlir::Value evaluateConstant(mlir::Operation *op,
                               llvm::ArrayRef<Index> indices);
  mlir::Value clone(mlir::Operation *op, mlir::ValueRange operands);
  mlir::Value broadcast(mlir::Value value, mlir::Value like);
  mlir::Value convert(mlir::Value value, mlir::Type element);
  mlir::Value combine(Combine kind, mlir::Value left, mlir::Value right);
  mlir::Value identity(Combine kind, mlir::Type type);
  mlir::Value horizontal(Combine kind, mlir::Value vector, mlir::Value mask);

  void emitNest(const Nest &nest);
  void emitSingle(mlir::Operation *op);
  void emitSpecial(mlir::Operation *op);
  void storeAll(mlir::Value value, mlir::Value element,
                llvm::ArrayRef<Index> indices);
  /// A buffer for `value`, allocated at the phase's first use.
  Access &buffer(mlir::Value value);

  struct ProductState;
  void emitProduct(const Nest &nest);
  void emitTile(ProductState &state, mlir::Value row, int64_t rows,
                mlir::Value column, llvm::ArrayRef<mlir::Value> masks);
  const Access &packRight(const Nest &nest);
  void writePack(const Nest &nest);
  /// Columns of a panel of the product's packed operand.
  int64_t panelOf(const Nest &nest);
  const Access &packPairs(mlir::Value value, Pairing pairing);
  mlir::Value halfRow(mlir::Value value, mlir::Value row, mlir::Value column,
                      int64_t count);
  mlir::Value pairUp(mlir::Value first, mlir::Value second, bool interleave);
  void emitSums(ProductState &state, llvm::ArrayRef<mlir::Value> rowAt,
                llvm::ArrayRef<mlir::Value> columnAt,
                llvm::ArrayRef<mlir::Value> masks,
                llvm::SmallVectorImpl<mlir::Value> &sums);
  void emitDots(ProductState &state, llvm::ArrayRef<mlir::Value> rowAt,
                llvm::ArrayRef<mlir::Value> columnAt,
                llvm::SmallVectorImpl<mlir::Value> &sums);
  mlir::Value plus(mlir::Value base, int64_t offset);
  mlir::Value maskOf(int64_t count);

  struct NestState;
  void emitLevel(NestState &state, unsigned level);
  void emitPoint(NestState &state);
  llvm::SmallVector<Index> memberIndices(NestState &state, const Member &member,
                                         unsigned vector);

  /// Loops over all of `shape`, calling `body` with the indices; the innermost
  /// dimension is vectorised when `vectorise`.
  void forEach(llvm::ArrayRef<int64_t> shape, bool vectorise,
               llvm::function_ref<void(llvm::ArrayRef<Index>)> body);

  /// True if a feature dimension fills vectors.
  bool vectorises() const { return !lane && width > 1; }
  /// Shares the points of `shape` among the team's threads.
  void share(llvm::ArrayRef<int64_t> shape,
             llvm::function_ref<void(mlir::ValueRange)> body);

  /// The mask of the current point, or null.
  mlir::Value mask() const { return laneMask ? laneMask : tailMask; }

  mlir::OpBuilder &b;
  mlir::Location loc;
  const StepPlan &plan;
  CpuVectors cpu;
  int64_t width;
  mlir::Value lane, laneMask, tailMask;
  mlir::Value teamRank;
  int64_t teamSize = 1;
  /// Inside a loop whose iterations the team shares.
  bool sharing = false;
  Meanwhile meanwhile;
  llvm::DenseMap<mlir::Value, Access> memory;
  llvm::DenseMap<mlir::Value, mlir::Value> scalars;
  /// Packed operands of products, which ones this phase has written, and which ones
  /// have been written before the first token.
  llvm::DenseMap<Pack, Access> packs;
  llvm::DenseSet<Pack> packed, packedBefore;
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, Access> pairs;
  llvm::DenseSet<std::pair<mlir::Value, unsigned>> paired;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Access>> targets;
  /// Values of the current point of a nest: forwarded between its members.
  llvm::DenseMap<mlir::Value, mlir::Value> point;
  llvm::SmallVector<Index> pointIndices;
};

} // namespace seqc::steps

#endif // SEQC_PASSES_LOWERING_STEPS_STEPEMITTER_H
