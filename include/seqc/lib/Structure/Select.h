//===- Select.h - Which form a recurrence should have -----------*- C++ -*-===//

#ifndef SEQC_LIB_STRUCTURE_SELECT_H
#define SEQC_LIB_STRUCTURE_SELECT_H

#include "seqc/lib/Cost/Forms.h"
#include "seqc/lib/Structure/Structure.h"

#include <optional>
#include <string>

namespace seqc::structure {

/// A form of one recurrence.
struct FormEstimate {
  enum Kind { Sequential, Scan, Chunked } kind = Sequential;
  /// Over parts of the sequence that run apart.
  bool inParts = false;
  /// Why the recurrence does not have it, in words; empty if it does.
  std::string obstacle;
  FormCost cost;

  bool legal() const { return obstacle.empty(); }
};
/// "sequential", "scan", "chunked".
llvm::StringRef kindName(FormEstimate::Kind kind);

/// The forms of a recurrence with a state, and the choice among them.
struct FormTable {
  llvm::SmallVector<FormEstimate, 5> forms;
  /// The form of a whole sequence.
  unsigned chosen = 0;
  /// And that of parts, if there are calls for which it is faster.
  unsigned chosenInParts = 0;
  std::optional<PartsRule> parts;
};

/// Estimates every form.  Sizes that are not static are not known: the choice of the
/// form is the same for all of them, but for sequences known to be shorter than two
/// chunks, which stay sequential; that of parts is a rule for the call.
FormTable estimateForms(RecurrenceOp op, const CpuMachine &machine);

/// Dimensions of `op`'s operands whose product is the number of sequences, and that
/// of time; operand and dimension.
struct SequenceSizes {
  llvm::SmallVector<std::pair<mlir::Value, int64_t>, 3> sequences;
  std::pair<mlir::Value, int64_t> tokens;
};
SequenceSizes sizesOf(RecurrenceOp op);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_SELECT_H
