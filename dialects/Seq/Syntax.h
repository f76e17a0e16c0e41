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

/// `(%a, %b)`, each resolved to its definition.
mlir::ParseResult parsePlain(mlir::OpAsmParser &parser,
                             llvm::SmallVectorImpl<mlir::Value> &values);

/// Adds the types that `Op` infers from its operands and attributes, or reports why
/// there are none.
template <class Op>
mlir::ParseResult addInferred(mlir::OpAsmParser &parser, mlir::OperationState &result) {
  return Op::inferReturnTypes(
      parser.getContext(), parser.getEncodedSourceLoc(parser.getNameLoc()),
      result.operands, result.attributes.getDictionary(parser.getContext()),
      result.getRawProperties(), result.regions, result.types);
}

} // namespace seqc::syntax

#endif // SEQC_DIALECTS_SEQ_SYNTAX_H
