//===- SeqEinsum.cpp - Type inference and verification of einsum, reduce --===//

#include "seqc/dialects/Seq/Factors.h"
#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace seqc;

namespace {
struct Equation {
  SmallVector<std::string> terms;
  std::string output;
};
} // namespace

static InFlightDiagnostic error(std::optional<Location> loc,
                                MLIRContext *context) {
  return emitError(loc.value_or(UnknownLoc::get(context)));
}

/// Splits "a,b->c" into terms (constraint E2), without blanks.
static FailureOr<Equation> split(StringRef text, std::optional<Location> loc,
                                 MLIRContext *context) {
  std::string squeezed = text.str();
  llvm::erase(squeezed, ' ');
  StringRef rest(squeezed);
  auto [left, right] = rest.split("->");
  if (left.size() == rest.size())
    return error(loc, context) << "'seqc.einsum' op equation \"" << text
                               << "\" lacks '->' (E1)";
  Equation equation;
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  for (StringRef part : parts)
    equation.terms.push_back(part.str());
  equation.output = right.str();
  SmallVector<std::string> all(equation.terms);
  all.push_back(equation.output);
  for (const std::string &term : all) {
    for (unsigned i = 0; i < term.size(); ++i) {
      if (!llvm::isAlpha(term[i]))
        return error(loc, context)
               << "'seqc.einsum' op term \"" << term << "\" of \"" << text
               << "\" has '" << StringRef(&term[i], 1)
               << "', expected letters (E2)";
      if (term.find(term[i], i + 1) != std::string::npos)
        return error(loc, context)
               << "'seqc.einsum' op letter '" << StringRef(&term[i], 1)
               << "' occurs twice in term \"" << term << "\" (E2)";
    }
  }
  return equation;
}

/// Checks E1 to E5 and returns the result type.
static FailureOr<Type> inferEinsum(StringRef text, TypeRange types,
                                   std::optional<Location> loc,
                                   MLIRContext *context) {
  FailureOr<Equation> equation = split(text, loc, context);
  if (failed(equation))
    return failure();
  if (equation->terms.size() != types.size())
    return error(loc, context)
           << "'seqc.einsum' op equation \"" << text << "\" has "
           << equation->terms.size() << " terms for " << types.size()
           << " operands (E1)";
  llvm::DenseMap<char, int64_t> sizes;
  bool f64 = false;
  for (auto [i, type] : llvm::enumerate(types)) {
    const std::string &term = equation->terms[i];
    ArrayRef<int64_t> shape = shapeOf(type);
    if ((isa<ShapedType>(type) && !isa<RankedTensorType>(type)) ||
        !isa<FloatType>(elementOf(type)))
      return error(loc, context)
             << "'seqc.einsum' op operand #" << i << " is " << type
             << ", expected a float or a tensor of floats (E3)";
    if (shape.size() != term.size())
      return error(loc, context)
             << "'seqc.einsum' op operand #" << i << " is " << type
             << ", expected rank " << term.size() << " for term \"" << term
             << "\" (E3)";
    f64 |= elementOf(type).isF64();
    for (auto [letter, size] : llvm::zip(term, shape)) {
      if (ShapedType::isDynamic(size))
        return error(loc, context)
               << "'seqc.einsum' op operand #" << i << " is " << type
               << ", expected static sizes (E3)";
      auto [it, inserted] = sizes.try_emplace(letter, size);
      if (!inserted && it->second != size)
        return error(loc, context)
               << "'seqc.einsum' op letter '" << StringRef(&letter, 1)
               << "' has size " << size << " in operand #" << i << ", expected "
               << it->second << " (E4)";
    }
  }
  SmallVector<int64_t> shape;
  for (char letter : equation->output) {
    auto it = sizes.find(letter);
    if (it == sizes.end())
      return error(loc, context)
             << "'seqc.einsum' op output letter '" << StringRef(&letter, 1)
             << "' occurs in no operand (E5)";
    shape.push_back(it->second);
  }
  Type element = f64 ? Type(Float64Type::get(context))
                     : Type(Float32Type::get(context));
  return tensorOrScalar(shape, element);
}

LogicalResult EinsumOp::inferReturnTypes(
    MLIRContext *context, std::optional<Location> loc, ValueRange operands,
    DictionaryAttr attributes, OpaqueProperties properties, RegionRange,
    SmallVectorImpl<Type> &types) {
  StringAttr equation;
  if (attributes)
    equation = attributes.getAs<StringAttr>("equation");
  if (!equation && properties)
    equation = properties.as<Properties *>()->getEquation();
  if (!equation)
    return failure();
  FailureOr<Type> type =
      inferEinsum(equation.getValue(), operands.getTypes(), loc, context);
  if (failed(type))
    return failure();
  types.push_back(*type);
  return success();
}

LogicalResult EinsumOp::verify() {
  FailureOr<Type> type = inferEinsum(getEquation(), getOperandTypes(),
                                     getLoc(), getContext());
  if (failed(type))
    return failure();
  if (*type != getResult().getType())
    return emitOpError("result is ")
           << getResult().getType() << ", expected " << *type << " (E1)";
  if (Attribute factors = (*this)->getAttr(kFactorsAttr);
      factors && !hasNarrowFactors(*this))
    return emitOpError("'") << kFactorsAttr << "' is " << factors
                            << ", expected bf16 (E6)";
  return success();
}

SmallVector<std::string> EinsumOp::getTerms() {
  return split(getEquation(), getLoc(), getContext())->terms;
}
std::string EinsumOp::getOutputTerm() {
  return split(getEquation(), getLoc(), getContext())->output;
}
bool EinsumOp::isContraction() {
  std::string output = getOutputTerm();
  for (const std::string &term : getTerms())
    for (char letter : term)
      if (output.find(letter) == std::string::npos)
        return true;
  return false;
}

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

static FailureOr<Type> inferReduce(Type input, ReduceKind kind, int64_t axis,
                                   std::optional<Location> loc,
                                   MLIRContext *context) {
  auto tensor = dyn_cast<RankedTensorType>(input);
  bool elements = tensor && (isa<FloatType>(tensor.getElementType()) ||
                             (kind != ReduceKind::argmax &&
                              tensor.getElementType().isIntOrIndex()));
  if (!elements || !tensor.hasStaticShape() || tensor.getNumElements() == 0)
    return error(loc, context)
           << "'seqc.reduce' op input is " << input
           << ", expected a static, non-empty tensor of "
           << (kind == ReduceKind::argmax ? "floats" : "floats or integers")
           << " (D1)";
  if (axis < 0 || axis >= tensor.getRank())
    return error(loc, context) << "'seqc.reduce' op axis is " << axis
                               << ", the input has rank " << tensor.getRank()
                               << " (D2)";
  SmallVector<int64_t> shape(tensor.getShape());
  shape.erase(shape.begin() + axis);
  Type element = kind == ReduceKind::argmax
                     ? Type(IntegerType::get(context, 64))
                     : tensor.getElementType();
  return tensorOrScalar(shape, element);
}

LogicalResult ReduceOp::inferReturnTypes(
    MLIRContext *context, std::optional<Location> loc, ValueRange operands,
    DictionaryAttr attributes, OpaqueProperties properties, RegionRange,
    SmallVectorImpl<Type> &types) {
  ReduceKindAttr kind;
  IntegerAttr axis;
  if (attributes) {
    kind = attributes.getAs<ReduceKindAttr>("kind");
    axis = attributes.getAs<IntegerAttr>("axis");
  }
  if ((!kind || !axis) && properties) {
    kind = properties.as<Properties *>()->getKind();
    axis = properties.as<Properties *>()->getAxis();
  }
  if (!kind || !axis || operands.size() != 1)
    return failure();
  FailureOr<Type> type = inferReduce(operands[0].getType(), kind.getValue(),
                                     axis.getInt(), loc, context);
  if (failed(type))
    return failure();
  types.push_back(*type);
  return success();
}

LogicalResult ReduceOp::verify() {
  FailureOr<Type> type = inferReduce(getInput().getType(), getKind(), getAxis(),
                                     getLoc(), getContext());
  if (failed(type))
    return failure();
  if (*type != getResult().getType())
    return emitOpError("result is ")
           << getResult().getType() << ", expected " << *type << " (D1)";
  return success();
}
