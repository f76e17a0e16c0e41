//===- Syntax.h - What the dialect's parsers share --------------*- C++ -*-===//

#ifndef SEQC_DIALECTS_SEQ_SYNTAX_H
#define SEQC_DIALECTS_SEQ_SYNTAX_H

#include "mlir/IR/OpImplementation.h"

namespace seqc::syntax {

/// Resolves `operand` to its definition, whatever its type.  Fails, with an error that
/// names the operand, if it is not defined above.
mlir::ParseResult
resolveDefined(mlir::OpAsmParser &parser,
               const mlir::OpAsmParser::UnresolvedOperand &operand,
               llvm::SmallVectorImpl<mlir::Value> &values);

} // namespace seqc::syntax

#endif // SEQC_DIALECTS_SEQ_SYNTAX_H
