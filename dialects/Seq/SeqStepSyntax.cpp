//===- SeqStepSyntax.cpp - Text of the operations of a step ---------------===//

#include "Syntax.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace seqc;
using syntax::parsePlain;
using syntax::resolveDefined;

ParseResult EinsumOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr equation;
  SmallVector<Value> operands;
  if (parser.parseAttribute(equation) || parsePlain(parser, operands) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  result.addOperands(operands);
  result.addAttribute("equation", equation);
  return syntax::addInferred<EinsumOp>(parser, result);
}

void EinsumOp::print(OpAsmPrinter &p) {
  p << " " << getEquationAttr() << "(" << getOperands() << ")";
  p.printOptionalAttrDict((*this)->getAttrs(), {"equation"});
}

ParseResult ReduceOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  OpAsmParser::UnresolvedOperand operand;
  SmallVector<Value> input;
  int64_t axis;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<ReduceKind> kind = symbolizeReduceKind(keyword);
  if (!kind)
    return parser.emitError(loc, "expected add, max, min or argmax, found '")
           << keyword << "'";
  if (parser.parseOperand(operand) || resolveDefined(parser, operand, input) ||
      parser.parseKeyword("over") || parser.parseInteger(axis) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  result.addOperands(input);
  result.addAttribute("kind", ReduceKindAttr::get(parser.getContext(), *kind));
  result.addAttribute("axis", parser.getBuilder().getI64IntegerAttr(axis));
  return syntax::addInferred<ReduceOp>(parser, result);
}

void ReduceOp::print(OpAsmPrinter &p) {
  p << " " << stringifyReduceKind(getKind()) << " " << getInput() << " over "
    << getAxis();
  p.printOptionalAttrDict((*this)->getAttrs(), {"kind", "axis"});
}

ParseResult YieldOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<Value> outs, carries;
  if (succeeded(parser.parseOptionalKeyword("out")) && parsePlain(parser, outs))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("carry")) &&
      parsePlain(parser, carries))
    return failure();
  if (parser.parseOptionalAttrDict(result.attributes))
    return failure();
  result.addOperands(outs);
  result.addOperands(carries);
  result.addAttribute(getOperandSegmentSizesAttrName(result.name),
                      parser.getBuilder().getDenseI32ArrayAttr(
                          {int(outs.size()), int(carries.size())}));
  return success();
}

void YieldOp::print(OpAsmPrinter &p) {
  if (!getOuts().empty())
    p << " out(" << getOuts() << ")";
  if (!getCarries().empty())
    p << " carry(" << getCarries() << ")";
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {getOperandSegmentSizesAttrName().getValue()});
}
