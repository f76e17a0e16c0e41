//===- Describe.cpp - Structure in words and equations --------------------===//

#include "seqc/lib/Structure/Structure.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

namespace {
class Describer {
public:
  explicit Describer(RecurrenceOp op);
  std::string run(const Structure &structure);

private:
  std::string operandName(Value operand, StringRef fallback, unsigned i);
  std::string name(Value v, unsigned depth = 0);
  std::string carryName(unsigned carry);
  std::string text(const Term &term, bool first);
  std::string equation(unsigned carry, const Sum &next);
  std::string equation(unsigned carry, ArrayRef<RingTerm> next, Semiring semiring);
  std::string words(const Component &component);
  std::string letter(int number) {
    return number < int(letters.size()) ? std::string(1, letters[number])
                                        : "n" + std::to_string(number);
  }
  std::string lettersText(ArrayRef<int> letters);
  std::string sliceText(tensor::ExtractSliceOp slice, ArrayRef<int> letters,
                        unsigned depth);

  RecurrenceOp op;
  /// Names of indices, none of them an operand's name.
  std::string letters = "ijklmnpqrstuvwxyzabcd";
};
} // namespace

Describer::Describer(RecurrenceOp op) : op(op) {
  auto reserve = [&](ValueRange values, StringRef fallback) {
    for (auto [i, v] : llvm::enumerate(values))
      if (std::string name = operandName(v, fallback, i); name.size() == 1)
        llvm::erase(letters, name[0]);
  };
  reserve(op.getSeq(), "x");
  reserve(op.getWeights(), "w");
  reserve(op.getCarries(), "state");
}

/// The name of a function argument in the source, or a number.
std::string Describer::operandName(Value operand, StringRef fallback, unsigned i) {
  if (auto arg = dyn_cast<BlockArgument>(operand))
    if (auto func = dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()))
      if (auto attr =
              func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "seqc.name"))
        return attr.str();
  return (fallback + Twine(i)).str();
}

std::string Describer::carryName(unsigned carry) {
  unsigned n = op.getCarries().size();
  if (carry >= n)
    return "snapshot of " + carryName(op.getSnapshots()[2 * (carry - n)]);
  return operandName(op.getCarries()[carry], "state", carry);
}

std::string Describer::name(Value v, unsigned depth) {
  v = stripCasts(v);
  if (auto c = splatConstant(v)) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%g", *c);
    return text;
  }
  for (auto [i, arg] : llvm::enumerate(op.getSeqArgs()))
    if (arg == v)
      return operandName(op.getSeq()[i], "x", i);
  for (auto [i, arg] : llvm::enumerate(op.getWeightArgs()))
    if (arg == v)
      return operandName(op.getWeights()[i], "w", i);
  for (auto [i, arg] : llvm::enumerate(op.getCarryArgs()))
    if (arg == v)
      return carryName(i);
  if (v == op.getPositionArg())
    return "position";
  if (v == op.getFirstArg())
    return "first";
  Operation *def = v.getDefiningOp();
  if (!def || depth == 3)
    return "...";
  for (auto [i, next] : llvm::enumerate(op.getYield().getCarries()))
    if (next == v && depth > 0)
      return carryName(i) + "'";
  auto operand = [&](unsigned i) { return name(def->getOperand(i), depth + 1); };
  if (isa<tensor::SplatOp>(def))
    return operand(0);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
    return sliceText(slice, {}, depth);
  StringRef symbol = llvm::StringSwitch<StringRef>(def->getName().getStringRef())
                         .Case("arith.addf", " + ")
                         .Case("arith.subf", " - ")
                         .Case("arith.mulf", " ")
                         .Case("arith.divf", " / ")
                         .Default("");
  if (!symbol.empty())
    return "(" + operand(0) + symbol.str() + operand(1) + ")";
  std::string text;
  if (auto einsum = dyn_cast<EinsumOp>(def))
    text = einsum.isContraction() ? "sum" : "product";
  else if (auto reduce = dyn_cast<ReduceOp>(def))
    text = stringifyReduceKind(reduce.getKind()).str();
  else if (isa<arith::NegFOp>(def))
    text = "-";
  else
    text = def->getName().stripDialect().str();
  text += "(";
  for (unsigned i = 0; i < def->getNumOperands(); ++i)
    text += (i ? ", " : "") + operand(i);
  return text + ")";
}

/// x[1,i] for row 1 of x; without letters x[1,:].
std::string Describer::sliceText(tensor::ExtractSliceOp slice, ArrayRef<int> letters,
                                 unsigned depth) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<std::string> places;
  unsigned next = 0;
  for (auto [d, offset] : llvm::enumerate(slice.getStaticOffsets())) {
    std::string at = ShapedType::isDynamic(offset) ? "?" : std::to_string(offset);
    std::string index = ":";
    if (!dropped.test(d) && next < letters.size())
      index = letter(letters[next++]);
    places.push_back(dropped.test(d)               ? at
                     : offset == 0 || index == ":" ? index
                                                   : index + "+" + at);
  }
  return name(slice.getSource(), depth + 1) + "[" + llvm::join(places, ",") + "]";
}

std::string Describer::lettersText(ArrayRef<int> letters) {
  if (letters.empty())
    return "";
  std::string text = "[";
  for (auto [i, number] : llvm::enumerate(letters))
    text += (i ? "," : "") + letter(number);
  return text + "]";
}

std::string Describer::text(const Term &term, bool first) {
  std::string result;
  llvm::raw_string_ostream os(result);
  double scale = term.scale;
  os << (scale < 0 ? (first ? "-" : " - ") : (first ? "" : " + "));
  scale = std::abs(scale);
  bool bare = term.factors.empty() && term.carry < 0;
  if (scale != 1 || bare)
    os << llvm::format("%g", scale);
  bool space = scale != 1;
  for (const Factor &f : term.factors) {
    os << (space ? " " : "");
    space = true;
    if (auto slice = stripCasts(f.value).getDefiningOp<tensor::ExtractSliceOp>();
        slice && f.kind == Factor::Kind::Value) {
      os << sliceText(slice, f.letters, 0);
      continue;
    }
    std::string n = name(f.value);
    switch (f.kind) {
    case Factor::Kind::Value:
      os << n;
      break;
    case Factor::Kind::Same:
      os << "same";
      break;
    case Factor::Kind::Inverse:
      os << "1/" << n;
      break;
    case Factor::Kind::When:
      os << "[" << n << "]";
      break;
    case Factor::Kind::Unless:
      os << "[not " << n << "]";
      break;
    }
    os << lettersText(f.letters);
  }
  if (term.carry >= 0)
    os << (space ? " " : "") << carryName(term.carry)
       << lettersText(term.carryLetters);
  return result;
}

std::string Describer::equation(unsigned carry, const Sum &next) {
  SmallVector<int> letters;
  for (unsigned i = 0; i < next.shape.size(); ++i)
    letters.push_back(i);
  std::string result = carryName(carry) + "'" + lettersText(letters) + " = ";
  // The state first, then what is written.
  bool first = true;
  for (bool written : {false, true})
    for (const Term &term : next.terms)
      if ((term.carry < 0) == written) {
        result += text(term, first);
        first = false;
      }
  return result + (first ? "0" : "");
}

std::string Describer::equation(unsigned carry, ArrayRef<RingTerm> next,
                                Semiring semiring) {
  std::string result =
      carryName(carry) + "' = " +
      (semiring == Semiring::MaxPlus   ? "max("
       : semiring == Semiring::MinPlus ? "min("
                                       : "logaddexp(");
  llvm::raw_string_ostream os(result);
  // The state first, then what is written.
  bool first = true;
  for (bool written : {false, true})
    for (const RingTerm &term : next) {
      if ((term.carry < 0) != written)
        continue;
      os << (first ? "" : ", ");
      first = false;
      bool empty = true;
      if (term.carry >= 0) {
        os << carryName(term.carry);
        empty = false;
      }
      for (auto [value, times] : term.summands) {
        os << (times < 0 ? (empty ? "-" : " - ") : (empty ? "" : " + "));
        if (std::abs(times) != 1)
          os << std::abs(times) << " ";
        os << name(value);
        empty = false;
      }
      if (term.offset != 0 || empty)
        os << (empty ? "" : term.offset < 0 ? " - " : " + ")
           << llvm::format("%g", empty ? term.offset : std::abs(term.offset));
    }
  return result + ")";
}

std::string Describer::words(const Component &c) {
  auto gate = [&]() -> std::string {
    switch (c.gate) {
    case Gate::None:
      return "no decay";
    case Gate::Constant:
      return "a fixed decay";
    case Gate::Scalar:
      return "a scalar gate";
    case Gate::Axis:
      return "a gate along dimension " + std::to_string(c.gateAxis);
    case Gate::Full:
      return "a gate for every element";
    }
    llvm_unreachable("covered switch");
  };
  switch (c.cls) {
  case Class::C0:
    return "a delay: the next state does not depend on the state";
  case Class::C1:
    return "a prefix scan over " + semiringName(c.semiring).str();
  case Class::C2:
    return c.complex ? "elementwise affine, real and imaginary part of a diagonal"
                     : "elementwise affine with " + gate();
  case Class::C2m:
    return "affine with a matrix transition that varies by token";
  case Class::C3:
    return "affine with a transition that is the same at every token";
  case Class::C4:
    return c.carries.size() == 1
               ? "a sum of outer products with " + gate()
               : "coupled sums of outer products";
  case Class::C5:
    return std::string("a sum of outer products with ") +
           (c.carries.size() == 1 ? gate() : "coupled states") +
           " and a correction of rank " + std::to_string(c.rank) +
           (c.tied ? " that reads what it writes" : "");
  case Class::C6:
    return c.frozen ? "affine, with a function of a state frozen at a snapshot"
                    : "affine in a state frozen at a snapshot";
  case Class::C7: {
    std::string text = "not affine";
    if (c.breaks)
      text += ": '" + c.breaks->getName().getStringRef().str() +
              "' of a value that depends on the state";
    return text + "; runs one token after the other";
  }
  }
  llvm_unreachable("covered switch");
}

std::string Describer::run(const Structure &structure) {
  std::string result;
  llvm::raw_string_ostream os(result);
  for (const Component &component : structure.components) {
    SmallVector<std::string> names;
    for (unsigned c : component.carries)
      names.push_back(carryName(c));
    os << llvm::join(names, ", ") << ": " << component.label() << ", "
       << words(component) << "\n";
    for (auto [c, next] : llvm::zip(component.carries, component.next))
      os << "  " << equation(c, next) << "\n";
    for (auto [c, next] : llvm::zip(component.carries, component.ring))
      os << "  " << equation(c, next, component.semiring) << "\n";
  }
  return result;
}

std::string seqc::structure::describe(RecurrenceOp op,
                                      const Structure &structure) {
  return Describer(op).run(structure);
}
