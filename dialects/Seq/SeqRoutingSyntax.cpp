//===- SeqRoutingSyntax.cpp - Text of the routing operations --------------===//

#include "Syntax.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace seqc;

using Operands = SmallVector<Value>;

static ParseResult parseOne(OpAsmParser &parser, SmallVectorImpl<Value> &values) {
  OpAsmParser::UnresolvedOperand operand;
  return failure(parser.parseOperand(operand) ||
                 syntax::resolveDefined(parser, operand, values));
}

/// `word(%a, %b)`, if it is there.
static ParseResult parseOptional(OpAsmParser &parser, StringRef word,
                                 SmallVectorImpl<Value> &values) {
  if (failed(parser.parseOptionalKeyword(word)))
    return success();
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                        [&] { return parseOne(parser, values); });
}

/// `word(%a)`, if it is there.
static ParseResult parseOptionalOne(OpAsmParser &parser, StringRef word,
                                    SmallVectorImpl<Value> &values) {
  if (failed(parser.parseOptionalKeyword(word)))
    return success();
  return failure(parser.parseLParen() || parseOne(parser, values) ||
                 parser.parseRParen());
}

/// `word(7)`, if it is there.
static ParseResult parseOptional(OpAsmParser &parser, StringRef word,
                                 IntegerAttr &number) {
  if (failed(parser.parseOptionalKeyword(word)))
    return success();
  int64_t value;
  if (parser.parseLParen() || parser.parseInteger(value) || parser.parseRParen())
    return failure();
  number = parser.getBuilder().getI64IntegerAttr(value);
  return success();
}

static UnitAttr parseFlag(OpAsmParser &parser, StringRef word) {
  return succeeded(parser.parseOptionalKeyword(word))
             ? parser.getBuilder().getUnitAttr()
             : UnitAttr();
}

/// Adds the operands and the inferred result types.
template <class Op>
static ParseResult finish(OpAsmParser &parser, OperationState &result,
                          ArrayRef<Value> operands) {
  if (parser.parseOptionalAttrDict(result.attributes))
    return failure();
  result.addOperands(operands);
  return syntax::addInferred<Op>(parser, result);
}

static void printNumber(OpAsmPrinter &p, StringRef word,
                        std::optional<uint64_t> number) {
  if (number)
    p << " " << word << "(" << int64_t(*number) << ")";
}

ParseResult TopkOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  Operands scores;
  int64_t k;
  if (parser.parseInteger(k) || parser.parseKeyword("of") ||
      parseOne(parser, scores))
    return failure();
  properties.k = parser.getBuilder().getI64IntegerAttr(k);
  if (succeeded(parser.parseOptionalKeyword("softmax"))) {
    StringRef word;
    if (parser.parseLParen())
      return failure();
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&word))
      return failure();
    auto kind = symbolizeSoftmaxKind(word);
    if (!kind)
      return parser.emitError(loc, "expected none, before or after, found '")
             << word << "'";
    if (parser.parseRParen())
      return failure();
    properties.softmax = SoftmaxKindAttr::get(parser.getContext(), *kind);
  }
  properties.normalize = parseFlag(parser, "normalize");
  return finish<TopkOp>(parser, result, scores);
}

void TopkOp::print(OpAsmPrinter &p) {
  p << " " << int64_t(getK()) << " of " << getScores();
  if (getSoftmax() != SoftmaxKind::none)
    p << " softmax(" << stringifySoftmaxKind(getSoftmax()) << ")";
  if (getNormalize())
    p << " normalize";
  p.printOptionalAttrDict((*this)->getAttrs(), {"k", "softmax", "normalize"});
}

ParseResult AssignOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  Operands operands;
  if (parseOne(parser, operands) || parser.parseKeyword("to") ||
      parseOne(parser, operands))
    return failure();
  properties.cosine = parseFlag(parser, "cosine");
  if (parseOptional(parser, "members", properties.members))
    return failure();
  return finish<AssignOp>(parser, result, operands);
}

void AssignOp::print(OpAsmPrinter &p) {
  p << " " << getVectors() << " to " << getCentroids();
  if (getCosine())
    p << " cosine";
  printNumber(p, "members", getMembers());
  p.printOptionalAttrDict((*this)->getAttrs(), {"cosine", "members"});
}

ParseResult DispatchOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  Operands operands;
  if (parseOne(parser, operands) ||
      parseOptional(parser, "experts", properties.experts))
    return failure();
  if (!properties.experts)
    return parser.emitError(parser.getCurrentLocation(), "expected experts(N)");
  if (parseOptional(parser, "tokens", operands) ||
      parseOptional(parser, "capacity", properties.capacity))
    return failure();
  return finish<DispatchOp>(parser, result, operands);
}

void DispatchOp::print(OpAsmPrinter &p) {
  p << " " << getPicks();
  printNumber(p, "experts", getExperts());
  if (!getTokens().empty())
    p << " tokens(" << getTokens() << ")";
  printNumber(p, "capacity", getCapacity());
  p.printOptionalAttrDict((*this)->getAttrs(), {"experts", "capacity"});
}

ParseResult CombineOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  Operands operands;
  if (parseOne(parser, operands) || parser.parseKeyword("by") ||
      parseOne(parser, operands) || parseOptionalOne(parser, "weights", operands))
    return failure();
  properties.mean = parseFlag(parser, "mean");
  return finish<CombineOp>(parser, result, operands);
}

void CombineOp::print(OpAsmPrinter &p) {
  p << " " << getRows() << " by " << getInverse();
  if (getWeights())
    p << " weights(" << getWeights() << ")";
  if (getMean())
    p << " mean";
  p.printOptionalAttrDict((*this)->getAttrs(), {"mean"});
}

ParseResult BlockAttentionOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  Operands operands;
  for (StringRef word : {"q", "k", "v"}) {
    if (parser.parseKeyword(word) || parser.parseLParen() ||
        parseOne(parser, operands) || parser.parseRParen())
      return failure();
  }
  SmallVector<int32_t> counts{1, 1, 1};
  for (StringRef word : {"relative", "blocks", "segments", "at"}) {
    size_t before = operands.size();
    if (parseOptionalOne(parser, word, operands))
      return failure();
    counts.push_back(operands.size() - before);
  }
  llvm::copy(counts, properties.operandSegmentSizes.begin());
  if (parseOptional(parser, "block", properties.block) ||
      parseOptional(parser, "window", properties.window) ||
      parseOptional(parser, "group", properties.group))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("scale"))) {
    double scale;
    if (parser.parseLParen() || parser.parseFloat(scale) || parser.parseRParen())
      return failure();
    properties.scale = parser.getBuilder().getF64FloatAttr(scale);
  }
  properties.causal = parseFlag(parser, "causal");
  Region *score = result.addRegion();
  OptionalParseResult parsed = parser.parseOptionalRegion(*score);
  if (parsed.has_value() && failed(*parsed))
    return failure();
  return finish<BlockAttentionOp>(parser, result, operands);
}

void BlockAttentionOp::print(OpAsmPrinter &p) {
  p << " q(" << getQuery() << ") k(" << getKey() << ") v(" << getValue() << ")";
  for (auto [word, value] : {std::pair<StringRef, Value>{"relative", getRelative()},
                             {"blocks", getBlocks()},
                             {"segments", getSegments()},
                             {"at", getAt()}})
    if (value)
      p << " " << word << "(" << value << ")";
  printNumber(p, "block", getBlock());
  printNumber(p, "window", getWindow());
  printNumber(p, "group", getGroup());
  if (auto scale = getScaleAttr()) {
    p << " scale(";
    p.printFloat(scale.getValue());
    p << ")";
  }
  if (getCausal())
    p << " causal";
  if (!getScore().empty()) {
    p << " ";
    p.printRegion(getScore());
  }
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {"operandSegmentSizes", "block", "window", "group", "scale",
                           "causal"});
}

ParseResult MergeOp::parse(OpAsmParser &parser, OperationState &result) {
  Operands outs, lses;
  result.getOrAddProperties<Properties>();
  auto pair = [&]() -> ParseResult {
    return failure(parser.parseLParen() || parseOne(parser, outs) ||
                   parser.parseComma() || parseOne(parser, lses) ||
                   parser.parseRParen());
  };
  if (parser.parseCommaSeparatedList(pair))
    return failure();
  llvm::append_range(outs, lses);
  return finish<MergeOp>(parser, result, outs);
}

void MergeOp::print(OpAsmPrinter &p) {
  p << " ";
  llvm::interleaveComma(llvm::zip(getOuts(), getLses()), p, [&](auto pair) {
    p << "(" << std::get<0>(pair) << ", " << std::get<1>(pair) << ")";
  });
  p.printOptionalAttrDict((*this)->getAttrs());
}
