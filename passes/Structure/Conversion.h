//===- Conversion.h - A recurrence rewritten by its structure ---*- C++ -*-===//
//
// A recurrence becomes, component by component in dependence order: elementwise
// steps that compute the factors of a linear recurrence where operands do not
// hold them already, the linear recurrence, and a step without state that
// computes the outputs from what it read.  Components over other semirings stay
// recurrences of their own and hand on their states.
//
// In scan form the same is done to elementwise affine components: their gates and
// writes become the elements of an affine scan.
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
struct ComponentPlan {
  Component component;
  bool linear = false;
  /// Elementwise affine: a scan over (gate, written).
  bool scan = false;
  Sum gate, written;
  SmallVector<GatePlan, 0> gates;
  SmallVector<PairPlan, 0> pairs;
  SmallVector<WritePlan, 0> writes;
  SmallVector<ReadPlan, 0> reads;
  bool previous = false, next = false; // kept: states that others need
};

/// What components become.
enum class Target { Linear, Scan };

/// Rewrites one recurrence.
class Conversion {
public:
  Conversion(RecurrenceOp op, OpBuilder &b, Target target)
      : op(op), b(b), loc(op.getLoc()), target(target), dependence(op) {}
  /// Rewrites the operation, or says why not and changes nothing.
  std::optional<std::string> run();

private:
  using Reason = std::optional<std::string>;
  Reason plan(ComponentPlan &c);
  Reason planGates(ComponentPlan &c, const Sum &diagonal);
  Reason planReads(ComponentPlan &c);
  Reason need(Value v);
  Reason need(const Sum &sum);
  Reason needComponent(ComponentPlan &c);

  void buildLinear(ComponentPlan &c);
  void buildKept(ComponentPlan &c);
  void buildScan(ComponentPlan &c);
  void buildOutputs();
  Source materialize(const Sum &sum);
  Source constantSource(double value, ArrayRef<int64_t> shape);
  std::optional<Source> direct(Value v);
  Value emit(StepBuilder &sb, IRMapping &map, Value v);
  Value emit(StepBuilder &sb, IRMapping &map, const Sum &sum);
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
  Dependence dependence;
  SmallVector<ComponentPlan, 0> plans;
  llvm::DenseSet<Value> needed;
  llvm::DenseMap<Value, Source> available;
  SmallVector<Value> finals;
};


/// True in a function for one token, where forms over time gain nothing.
bool isStep(Operation *op);

} // namespace seqc::conversion

#endif // SEQC_PASSES_STRUCTURE_CONVERSION_H
