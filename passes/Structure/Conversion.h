//===- Conversion.h - A recurrence rewritten by its structure ---*- C++ -*-===//
//
// A recurrence becomes, component by component in dependence order: elementwise
// steps that compute the factors of a linear recurrence where operands do not
// hold them already, the linear recurrence, and a step without state that
// computes the outputs from what it read.  Components over other semirings stay
// recurrences of their own and hand on their states.
//
// In scan form components become scans instead, over the semiring that they are
// affine over: the elements hold how a token maps the component's states (its
// transition, a small matrix of blocks, and what it writes).
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_STRUCTURE_CONVERSION_H
#define SEQC_PASSES_STRUCTURE_CONVERSION_H

#include "seqc/dialects/Seq/StepBuilder.h"
#include "seqc/lib/Structure/Structure.h"

#include "mlir/IR/IRMapping.h"

#include <optional>
#include <string>

namespace seqc::conversion {
using namespace mlir;
using namespace structure;

/// A vector (or scalar) factor and the scalar it is multiplied by.
struct Scaled {
  Sum vector, scale;
};
struct GatePlan {
  Sum value;
  int64_t axis = -1;
  bool log = true;
};
struct PairPlan {
  Scaled left;
  Sum right;
  bool decayed = false;
};
struct WritePlan {
  Scaled key;
  Sum value;
};
/// One contraction of the state; a read value is the sum of its parts, each
/// times `multiplier`, and of `direct`.
struct PartPlan {
  Scaled query;
  unsigned axis = 0;
  bool after = false;
  Term multiplier;
  Source result;
};
struct ReadPlan {
  Value value;
  SmallVector<PartPlan, 0> parts;
  Sum direct;
  bool needed = false;
};
/// How next state i depends on state j, elementwise along the `kept` dimensions of
/// the states and as a matrix over the others.
struct BlockPlan {
  /// Over the kept dimensions, then those of state i and of state j that mix.
  Sum value;
  /// Per term, pairs of letters that have to be equal.
  SmallVector<SmallVector<std::pair<int, int>, 1>> equal;
};
/// A component as a scan.  An element is its blocks, then what it writes to each
/// state; (A1, x1) then (A2, x2) is (A2 A1, A2 x1 + x2).
struct ScanPlan {
  /// Dimensions that the blocks have once, of which `varies` is used.
  SmallVector<bool> kept, varies;
  /// States that are real and imaginary part: blocks a, b of [[a, -b], [b, a]].
  bool complex = false;
  /// Every block is the identity, and no part of the element.
  bool sum = false;
  /// Row by row; those of other semirings are in `Component::ring`.
  SmallVector<BlockPlan, 0> blocks;
  SmallVector<Sum, 2> written;
};
/// States whose transition is the same at every token, as one state of K = m r rows:
/// [m, r, r] are its blocks.  `blocks.kept` dimensions are part of m.
struct ConstantPlan {
  ScanPlan blocks;
  int64_t count = 1, size = 1; // m, r
  /// The second dimension of a matrix state stays one; else there is one column.
  bool matrix = false;
  /// Per state its key, over the state's dimensions; `fixed` at every token.
  struct Write {
    SmallVector<Sum, 2> keys;
    Sum scale;
    bool fixed = false;
  };
  SmallVector<Write, 0> writes;
};
struct ComponentPlan {
  Component component;
  bool linear = false;
  /// Linear with a constant transition.
  std::optional<ConstantPlan> constant;
  /// Linear, with a vector state that becomes a matrix of one column: it shares gates
  /// and a key with another (a normaliser).
  bool column = false;
  /// A scan, as planned.
  std::optional<ScanPlan> scan;
  SmallVector<GatePlan, 0> gates;
  SmallVector<PairPlan, 0> pairs;
  SmallVector<WritePlan, 0> writes;
  SmallVector<ReadPlan, 0> reads;
  bool previous = false, next = false; // kept: states that others need
};

/// What components become.
enum class Target {
  Linear,        ///< linear recurrences where possible
  LinearAndScan, ///< the same, and scans of others
  Scan,          ///< scans where possible, then linear recurrences
};

/// Rewrites one recurrence.
class Conversion {
public:
  /// Without `constants` only gated sums of outer products become linear.
  Conversion(RecurrenceOp op, OpBuilder &b, Target target, bool constants = true)
      : op(op), b(b), loc(op.getLoc()), target(target), constants(constants),
        dependence(op) {}
  /// Rewrites the operation, or says why not and changes nothing.
  std::optional<std::string> run();

private:
  using Reason = std::optional<std::string>;
  Reason plan(ComponentPlan &c);
  Reason planGates(ComponentPlan &c, const Sum &diagonal);
  Reason planReads(ComponentPlan &c);
  /// Makes a vector state that some linear component shares gates and a key with a
  /// linear component itself.
  void planColumn(ComponentPlan &c);
  Reason planAll(bool columns);
  /// The blocks and writes of a component over (+,x), and the order of its mixing.
  int64_t planBlocks(const Component &component, ScanPlan &scan);
  /// Sets `c.constant` and what else a linear component has, or says why not.
  Reason planConstant(ComponentPlan &c);
  /// Sets `c.scan`, or says why the component has no scan.
  Reason planScan(ComponentPlan &c);
  Reason need(Value v);
  Reason need(const Sum &sum);
  Reason needComponent(ComponentPlan &c);

  void buildLinear(ComponentPlan &c);
  // Of a component with a constant transition.
  Value stack(OpBuilder &step, const ComponentPlan &c, ArrayRef<Value> states,
              bool columns);
  SmallVector<Value> unstack(OpBuilder &step, const ComponentPlan &c, Value stacked);
  Value emitConstant(StepBuilder &sb, IRMapping &map, const ComponentPlan &c);
  Value emitKey(StepBuilder &sb, IRMapping &map, const ComponentPlan &c,
                const ConstantPlan::Write &write);
  Source initialOf(const ComponentPlan &c);
  SmallVector<Source> constantWrites(const ComponentPlan &c);
  void setStates(ComponentPlan &c, Value final, AxesAttr map, ArrayRef<Value> wholes);
  /// What `fn` emits in a step without tokens: of weights, and of `inputs`.  The
  /// results have the axes of all of them, or those of `maps`.
  SmallVector<Source>
  withoutTokens(ArrayRef<Source> inputs,
                llvm::function_ref<SmallVector<Value>(StepBuilder &, ValueRange)> fn,
                ArrayRef<AxesAttr> maps = {});
  Source materializeKey(const Sum &sum);
  Source atOneToken(const Source &source);
  void buildKept(ComponentPlan &c);
  void buildScan(ComponentPlan &c);
  void buildOutputs();
  Source materialize(const Sum &sum);
  Source constantSource(double value, ArrayRef<int64_t> shape);
  std::optional<Source> direct(Value v);
  Value emit(StepBuilder &sb, IRMapping &map, Value v);
  Value emit(StepBuilder &sb, IRMapping &map, const Sum &sum);
  Value emit(StepBuilder &sb, IRMapping &map, const RingTerm &term, Type type);
  Value emitBlock(StepBuilder &sb, IRMapping &map, const BlockPlan &block);
  Value emitFlag(StepBuilder &sb);
  Value emitRestart(StepBuilder &sb, unsigned carry);
  void cover(StepBuilder &sb);
  Type computeType() {
    for (Value carry : op.getCarries())
      if (elementOf(carry.getType()).isF64())
        return b.getF64Type();
    return b.getF32Type();
  }
  AxesAttr allAxes() {
    SmallVector<StringAttr> axes = op.getAxes();
    return AxesAttr::get(b.getContext(), axes,
                         SmallVector<int64_t>(axes.size(), 1));
  }
  ComponentPlan *owner(unsigned carry) {
    for (ComponentPlan &c : plans)
      if (llvm::is_contained(c.component.carries, carry))
        return &c;
    return nullptr;
  }
  ReadPlan *readOf(Value v) {
    for (ComponentPlan &c : plans)
      for (ReadPlan &read : c.reads)
        if (read.value == v)
          return &read;
    return nullptr;
  }

  RecurrenceOp op;
  OpBuilder &b;
  Location loc;
  Target target;
  bool constants;
  Dependence dependence;
  SmallVector<ComponentPlan, 0> plans;
  /// Why the first component without a scan has none.
  Reason noScan;
  /// Why the first component that is the same at every token is no linear recurrence.
  Reason noConstant;
  llvm::DenseSet<Value> needed;
  llvm::DenseMap<Value, Source> available;
  /// In a step without tokens: weights have a time axis of size one.
  bool timeless = false;
  llvm::DenseMap<Value, Source> atToken;
  SmallVector<Value> finals;
};


/// A tensor of vectors as one of matrices with one column, and how to go back.
Value asColumn(OpBuilder &b, Location loc, Value v);
SmallVector<ReassociationIndices> columnGroups(int64_t rank);

/// Part of a term whose groups of factors touch exactly `letter` among the
/// value's own letters (-1: none of them).
SmallVector<Factor> factorsAt(const Term &term, unsigned rank, int letter,
                              int skip = -1);
/// The sum with the single term `factors` over `letter` (or none), times scale.
Sum partOf(const Term &term, ArrayRef<Factor> factors, int letter, double scale = 1);

/// Holds states whose corrections all act along their second dimension transposed; the
/// recurrence computes what it did.
void orientStates(RecurrenceOp op);

/// True in a function for one token, where forms over time gain nothing.
bool isStep(Operation *op);

} // namespace seqc::conversion

#endif // SEQC_PASSES_STRUCTURE_CONVERSION_H
