//===- SumEmitter.cpp - Sums of products as step operations ---------------===//

#include "SumEmitter.h"

#include "seqc/dialects/Seq/Seq.h"


using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

Value seqc::castTo(OpBuilder &b, Location loc, Value value, Type element) {
  Type from = elementOf(value.getType());
  if (from == element || !isa<FloatType>(from))
    return value;
  Type type = tensorOrScalar(shapeOf(value.getType()), element);
  if (from.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, loc, type, value);
  return arith::TruncFOp::create(b, loc, type, value);
}

static Value splat(OpBuilder &b, Location loc, double number,
                   ArrayRef<int64_t> shape, Type element) {
  TypedAttr attr = b.getFloatAttr(element, number);
  Type type = tensorOrScalar(shape, element);
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    attr = DenseElementsAttr::get(tensor, attr);
  return arith::ConstantOp::create(b, loc, attr);
}

static std::string lettersOf(ArrayRef<int> letters) {
  std::string text;
  for (int letter : letters)
    text += char('a' + letter);
  return text;
}

/// The value of a factor, in `element`.
static Value factorValue(OpBuilder &b, Location loc, const Factor &f, Value v,
                         Type element) {
  ArrayRef<int64_t> shape = shapeOf(v.getType());
  switch (f.kind) {
  case Factor::Kind::Value:
    return castTo(b, loc, v, element);
  case Factor::Kind::Same:
    if (isa<FloatType>(elementOf(v.getType())))
      return castTo(b, loc, v, element);
    [[fallthrough]];
  case Factor::Kind::Inverse:
    return arith::DivFOp::create(b, loc, splat(b, loc, 1, shape, element),
                                 castTo(b, loc, v, element));
  case Factor::Kind::When:
    return arith::SelectOp::create(b, loc, v, splat(b, loc, 1, shape, element),
                                   splat(b, loc, 0, shape, element));
  case Factor::Kind::Unless:
    return arith::SelectOp::create(b, loc, v, splat(b, loc, 0, shape, element),
                                   splat(b, loc, 1, shape, element));
  }
  llvm_unreachable("covered switch");
}

static Value einsum(OpBuilder &b, Location loc, ArrayRef<std::string> terms,
                    ValueRange operands, StringRef out) {
  std::string equation;
  for (auto [i, term] : llvm::enumerate(terms))
    equation += (i ? "," : "") + term;
  return EinsumOp::create(b, loc, operands, b.getStringAttr(equation + "->" + out));
}

static Value emitTerm(OpBuilder &b, Location loc, const Term &term,
                      ArrayRef<int64_t> shape, Type element,
                      llvm::function_ref<Value(Value)> value) {
  unsigned rank = shape.size();
  if (term.factors.empty())
    return splat(b, loc, term.scale, shape, element);
  // Each group of factors becomes one operand over the term's own letters.
  SmallVector<unsigned> group = factorGroups(term, rank);
  SmallVector<std::string> terms;
  SmallVector<Value> operands;
  std::string own;
  llvm::SmallDenseSet<unsigned> done;
  for (unsigned g : group) {
    if (!done.insert(g).second)
      continue;
    SmallVector<std::string> inner;
    SmallVector<Value> values;
    std::string kept;
    bool summed = false;
    for (auto [f, h] : llvm::zip(term.factors, group)) {
      if (g != h)
        continue;
      inner.push_back(lettersOf(f.letters));
      values.push_back(factorValue(b, loc, f, value(f.value), element));
      for (int letter : f.letters) {
        summed |= letter >= int(rank);
        char c = char('a' + letter);
        if (letter < int(rank) && kept.find(c) == std::string::npos)
          kept += c;
      }
    }
    Value v = values[0];
    if (values.size() > 1 || summed)
      v = einsum(b, loc, inner, values, kept);
    terms.push_back(values.size() > 1 || summed ? kept : inner[0]);
    operands.push_back(v);
    own += kept;
  }
  for (unsigned letter = 0; letter < rank; ++letter)
    if (own.find(char('a' + letter)) == std::string::npos) {
      terms.push_back(std::string(1, char('a' + letter)));
      operands.push_back(splat(b, loc, 1, shape[letter], element));
    }
  if (term.scale != 1) {
    terms.push_back("");
    operands.push_back(splat(b, loc, term.scale, {}, element));
  }
  SmallVector<int> letters;
  for (unsigned i = 0; i < rank; ++i)
    letters.push_back(i);
  std::string out = lettersOf(letters);
  if (operands.size() == 1 && terms[0] == out)
    return operands[0];
  return einsum(b, loc, terms, operands, out);
}

Value seqc::emitSum(OpBuilder &b, Location loc, const Sum &sum, Type element,
                    llvm::function_ref<Value(Value)> value) {
  Value result;
  for (const Term &term : sum.terms) {
    Value v = castTo(b, loc, emitTerm(b, loc, term, sum.shape, element, value),
                     element);
    result = result ? arith::AddFOp::create(b, loc, result, v).getResult() : v;
  }
  return result ? result : splat(b, loc, 0, sum.shape, element);
}
