//===- SequenceSplit.h - Parts of a sequence, apart -------------*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_SEQUENCESPLIT_H
#define SEQC_PASSES_FORMS_SEQUENCESPLIT_H

#include "seqc/dialects/Seq/StepBuilder.h"

#include <optional>
#include <string>

namespace seqc {

/// Tokens of a sequence: a range, a range cut into parts of equal length, for which
/// operands have an axis more, or packed segments that are cut where parts meet.
class TokenView {
public:
  /// `length` tokens from `offset`; in `parts` of that length each, along the
  /// axis `part`, if it is not null.
  TokenView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value offset,
            mlir::Value length, int64_t parts = 1, mlir::StringAttr part = {})
      : b(b), loc(loc), offset(offset), length(length), parts(parts), part(part) {}
  /// All tokens of packed `segments`: `parts` of equal length, cut further where
  /// segments meet.  What is combined are those pieces, along the axis `part`.
  TokenView(mlir::OpBuilder &b, mlir::Location loc, const Source &segments,
            mlir::Value tokens, int64_t parts, mlir::StringAttr part);

  /// All tokens in `parts` whose lengths are equal but for the last ones, each a
  /// multiple of `unit` tokens; operands stay as they are.
  TokenView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tokens, int64_t parts,
            mlir::StringAttr part, int64_t unit);

  /// The operand's tokens; operands without a time axis stay as they are.
  Source take(const Source &operand) const;
  AxesAttr map(AxesAttr map) const;
  mlir::StringAttr partAxis() const { return part; }

  /// Packed: the table of pieces, and per segment its first piece; parts of one
  /// sequence have no groups.
  bool isPacked() const { return bool(pieces.tensor); }
  const Source &getPieces() const { return pieces; }
  const Source &getGroups() const { return groups; }

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Value offset, length;
  int64_t parts = 1;
  mlir::StringAttr part;
  Source pieces, groups;
};

/// `map` with the axis `from` named `to`.
AxesAttr renamedAxis(AxesAttr map, mlir::StringAttr from, mlir::StringAttr to);

/// What a combination gives, one tensor per state.
struct SplitStates {
  llvm::SmallVector<Source> before; ///< with the axis of parts
  llvm::SmallVector<Source> after;  ///< after the last part
};

/// `seqc.linear_recurrence` and `seqc.scan` implement the interface.
void registerLinearSplitModel(mlir::DialectRegistry &registry);
void registerScanSplitModel(mlir::DialectRegistry &registry);

} // namespace seqc

#include "seqc/passes/Forms/SequenceSplit.h.inc"

#endif // SEQC_PASSES_FORMS_SEQUENCESPLIT_H
