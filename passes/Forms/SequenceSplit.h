//===- SequenceSplit.h - A sequence in parts --------------------*- C++ -*-===//
//
// What a state recurrence offers so that parts of a sequence can be computed
// apart, on cores or on devices:
//
//   summarise   of each part: how it maps the state before it to that after it
//   combine     the states before every part, from the summaries in order
//   apply       the results of a part from the state before it
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_PASSES_FORMS_SEQUENCESPLIT_H
#define SEQC_PASSES_FORMS_SEQUENCESPLIT_H

#include "seqc/dialects/Seq/StepBuilder.h"

#include <optional>
#include <string>

namespace seqc {

/// Tokens of a sequence: a range, or a range cut into parts of equal length, for
/// which operands have an axis more.
class TokenView {
public:
  /// `length` tokens from `offset`; in `parts` of that length each, along the
  /// axis `part`, if it is not null.
  TokenView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value offset,
            mlir::Value length, int64_t parts = 1, mlir::StringAttr part = {})
      : b(b), loc(loc), offset(offset), length(length), parts(parts), part(part) {}

  /// The operand's tokens; operands without a time axis stay as they are.
  Source take(const Source &operand) const;
  AxesAttr map(AxesAttr map) const;
  mlir::StringAttr partAxis() const { return part; }
  int64_t count() const { return parts; }

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Value offset, length;
  int64_t parts;
  mlir::StringAttr part;
};

/// The split of `seqc.linear_recurrence`.  A part's summary is the state after it
/// from a state of zero, and its transition: a diagonal for gates, a K x K matrix
/// for corrections, which is the state after it from the identity, nothing
/// written.
class LinearSplit {
public:
  LinearSplit(LinearRecurrenceOp op, mlir::OpBuilder &b)
      : op(op), b(b), loc(op.getLoc()) {}

  /// Why the operation does not split, or nothing.
  static std::optional<std::string> obstacle(LinearRecurrenceOp op);

  /// Tensors with the axes of a state and the axis of parts.
  struct Summary {
    Source written;
    /// Rows (K x 1, or K x K with corrections) and columns (1 x V).
    std::optional<Source> rows, columns;
  };
  Summary summarise(const TokenView &view);

  struct States {
    Source before; ///< with the axis of parts
    Source after;  ///< after the last part
  };
  States combine(const TokenView &view, const Summary &summary);

  /// The reads, and the final state last.
  mlir::SmallVector<Source> apply(const TokenView &view, const Source &before);

private:
  struct Roles {
    bool gates[3] = {true, true, true}; // none, K, V
    bool pairs = true, writes = true, reads = true;
  };
  mlir::SmallVector<Source> run(const TokenView &view, const Source &initial,
                                const Roles &roles);
  /// Logarithms of one for all tokens of the view.
  Source ones(const TokenView &view, AxesAttr axes);
  Source constantState(int64_t rows, int64_t columns, double diagonal,
                       double rest);

  LinearRecurrenceOp op;
  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace seqc

#endif // SEQC_PASSES_FORMS_SEQUENCESPLIT_H
