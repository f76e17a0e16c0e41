//===- Factors.h - How precise a product's factors are ----------*- C++ -*-===//

#ifndef SEQC_DIALECTS_SEQ_FACTORS_H
#define SEQC_DIALECTS_SEQ_FACTORS_H

#include "seqc/dialects/Seq/Seq.h"

namespace seqc {

/// On a `seqc.einsum`: its operands may be rounded to this type, bf16, before they
/// are multiplied.  Sums stay f32.
constexpr llvm::StringLiteral kFactorsAttr = "seqc.factors";

/// True if the operands may be rounded to bf16.
inline bool hasNarrowFactors(EinsumOp op) {
  auto type = op->getAttrOfType<mlir::TypeAttr>(kFactorsAttr);
  return type && type.getValue().isBF16();
}

} // namespace seqc

#endif // SEQC_DIALECTS_SEQ_FACTORS_H
