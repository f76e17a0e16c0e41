//===- Select.h - Which form a recurrence should have -----------*- C++ -*-===//

#ifndef SEQC_LIB_STRUCTURE_SELECT_H
#define SEQC_LIB_STRUCTURE_SELECT_H

#include "seqc/lib/Cost/Forms.h"
#include "seqc/lib/Structure/Structure.h"

#include <optional>

namespace seqc::structure {

/// The estimated cost of each form of a recurrence, summed over its matrix states,
/// if all of them have a chunked form; nothing otherwise, and why, in words.
std::optional<FormCost> estimateForms(RecurrenceOp op, std::string *why = nullptr);

/// True if the chunked form is possible and expected to be faster.
bool prefersChunks(RecurrenceOp op);

} // namespace seqc::structure

#endif // SEQC_LIB_STRUCTURE_SELECT_H
