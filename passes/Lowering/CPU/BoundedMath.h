//===- BoundedMath.h - Functions whose operands are known -------*- C++ -*-===//

#ifndef SEQC_PASSES_LOWERING_CPU_BOUNDEDMATH_H
#define SEQC_PASSES_LOWERING_CPU_BOUNDEDMATH_H

#include "llvm/ADT/StringRef.h"

namespace seqc::cpu {

/// On a function of f32 whose operand lets its polynomial do without special cases: of math.exp
/// at most 88, of math.log positive and normal, of math.log1p within [0, 1]; or NaN.
inline constexpr llvm::StringLiteral kBounded = "seqc.bounded";

} // namespace seqc::cpu

#endif // SEQC_PASSES_LOWERING_CPU_BOUNDEDMATH_H
