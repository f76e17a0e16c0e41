//===- TileProblem.cpp - Problems whose answers are tiles -----------------===//

#include "seqc/dialects/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace seqc::tile;

/// The most values of a knob.
static constexpr int64_t kMostValues = 65536;

//===----------------------------------------------------------------------===//
// Knobs
//===----------------------------------------------------------------------===//

/// `[1, 2, 4]` or `16 to 1`.
ParseResult seqc::tile::parseValues(OpAsmParser &parser, DenseI64ArrayAttr &table,
                                    IntegerAttr &first, IntegerAttr &last) {
  auto type = parser.getBuilder().getI64Type();
  if (succeeded(parser.parseOptionalLSquare())) {
    SmallVector<int64_t> values;
    auto one = [&]() { return parser.parseInteger(values.emplace_back()); };
    if (failed(parser.parseOptionalRSquare()) &&
        (parser.parseCommaSeparatedList(one) || parser.parseRSquare()))
      return failure();
    table = parser.getBuilder().getDenseI64ArrayAttr(values);
    return success();
  }
  int64_t from, to;
  if (parser.parseInteger(from) || parser.parseKeyword("to") || parser.parseInteger(to))
    return failure();
  first = IntegerAttr::get(type, from);
  last = IntegerAttr::get(type, to);
  return success();
}

void seqc::tile::printValues(OpAsmPrinter &printer, Operation *, DenseI64ArrayAttr table,
                             IntegerAttr first, IntegerAttr last) {
  if (table) {
    printer << '[';
    llvm::interleaveComma(table.asArrayRef(), printer);
    printer << ']';
  } else if (first && last) {
    printer << first.getInt() << " to " << last.getInt();
  }
}

SmallVector<int64_t> KnobOp::values() {
  if (auto table = getTable())
    return SmallVector<int64_t>(*table);
  SmallVector<int64_t> result;
  int64_t first = *getFirst(), last = *getLast(), step = first <= last ? 1 : -1;
  for (int64_t v = first; v != last + step; v += step)
    result.push_back(v);
  return result;
}

LogicalResult KnobOp::verify() {
  auto inRange = [](int64_t v) { return v >= 0 && v < (int64_t(1) << 31); };
  if (getTable().has_value() == (getFirst() && getLast()))
    return emitOpError() << "'" << getName()
                         << "' has neither a table nor a range, or both, expected one "
                            "of them (P4)";
  if (auto table = getTable()) {
    llvm::SmallDenseSet<int64_t> seen;
    for (int64_t v : *table)
      if (!inRange(v) || !seen.insert(v).second)
        return emitOpError() << "'" << getName() << "' has the value " << v
                             << (inRange(v) ? " twice" : "")
                             << ", expected distinct ones from 0 to 2147483647 (P4)";
    if (table->empty() || int64_t(table->size()) > kMostValues)
      return emitOpError() << "'" << getName() << "' has " << table->size()
                           << " values, expected 1 to " << kMostValues << " (P4)";
    return success();
  }
  if (!inRange(*getFirst()) || !inRange(*getLast()) ||
      std::abs(int64_t(*getFirst()) - int64_t(*getLast())) >= kMostValues)
    return emitOpError() << "'" << getName() << "' has values from "
                         << int64_t(*getFirst()) << " to " << int64_t(*getLast())
                         << ", expected at most " << kMostValues
                         << " from 0 to 2147483647 (P4)";
  return success();
}

//===----------------------------------------------------------------------===//
// Sentences and scales
//===----------------------------------------------------------------------===//

LogicalResult ConstraintOp::verify() {
  unsigned values = 2 + getValues().size();
  StringRef text = getSentence();
  if (text.trim().empty())
    return emitOpError() << "'" << getName()
                         << "' has no sentence, expected one for people (P5)";
  while (!text.empty()) {
    size_t at = text.find_first_of("{}");
    if (at == StringRef::npos)
      break;
    size_t end = text.find('}', at);
    StringRef inside = text.slice(at + 1, end);
    StringRef number = inside.take_until([](char c) { return c == ':'; });
    StringRef unit = inside.drop_front(number.size());
    unsigned index;
    if (text[at] == '}' || end == StringRef::npos || number.getAsInteger(10, index) ||
        index >= values || (!unit.empty() && unit != ":bytes"))
      return emitOpError() << "'" << getName() << "' has the placeholder '"
                           << text.slice(at, end == StringRef::npos ? end : end + 1)
                           << "', expected {0} to {" << values - 1
                           << "}, or these with :bytes (P5)";
    text = text.drop_front(end + 1);
  }
  return success();
}

LogicalResult PartOp::verify() {
  if (int64_t(getScale()) < 1)
    return emitOpError() << "'" << getName() << "' has scale " << int64_t(getScale())
                         << ", expected a positive one (P6)";
  return success();
}

LogicalResult MinimizeOp::verify() {
  if (int64_t(getScale()) < 1)
    return emitOpError() << "has scale " << int64_t(getScale())
                         << ", expected a positive one (P6)";
  return success();
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

LogicalResult ProblemOp::verify() {
  if (getBody().empty() || getBody().front().empty() ||
      !isa<MinimizeOp>(getBody().front().back()))
    return emitOpError() << "does not end with seqc_tile.minimize, expected a cost (P1)";
  return success();
}

LogicalResult ProblemOp::verifyRegions() {
  llvm::StringSet<> knobs, constraints;
  for (Operation &op : getBody().front()) {
    if (auto knob = dyn_cast<KnobOp>(op)) {
      if (!knobs.insert(knob.getName()).second)
        return knob.emitOpError() << "is the second one with the name '"
                                  << knob.getName() << "', expected another (P2)";
    } else if (auto constraint = dyn_cast<ConstraintOp>(op)) {
      if (!constraints.insert(constraint.getName()).second)
        return constraint.emitOpError()
               << "is the second one with the name '" << constraint.getName()
               << "', expected another (P2)";
    } else if (!isa<PartOp, MinimizeOp, arith::ConstantOp, arith::AddIOp, arith::SubIOp,
                    arith::MulIOp, arith::DivUIOp, arith::CeilDivUIOp, arith::RemUIOp,
                    arith::MinUIOp, arith::MaxUIOp, arith::MinSIOp, arith::MaxSIOp,
                    arith::CmpIOp, arith::SelectOp>(op)) {
      return op.emitOpError() << "is in a problem, expected knobs, constraints, parts "
                                 "and arithmetic on index (P1)";
    } else {
      // Truth values are compared numbers, or choose.
      bool truth = isa<arith::CmpIOp, arith::ConstantOp, arith::SelectOp>(op);
      for (Type type : op.getResultTypes())
        if (!type.isIndex() && !(truth && type.isInteger(1)))
          return op.emitOpError() << "has a result of type " << type
                                  << " in a problem, expected index (P1)";
      if (auto compare = dyn_cast<arith::CmpIOp>(op))
        if (!compare.getLhs().getType().isIndex())
          return op.emitOpError() << "compares " << compare.getLhs().getType()
                                  << " in a problem, expected index (P1)";
    }
  }
  auto solution = getSolution();
  if (!solution)
    return success();
  for (auto knob : getBody().getOps<KnobOp>()) {
    auto value = dyn_cast_or_null<IntegerAttr>(solution->get(knob.getName()));
    if (!value || !llvm::is_contained(knob.values(), value.getInt()))
      return emitOpError() << "has "
                           << (value ? "the value " + llvm::Twine(value.getInt())
                                     : llvm::Twine("no value"))
                                  .str()
                           << " for the knob '" << knob.getName()
                           << "' in its solution, expected one of its values (P3)";
  }
  if (solution->size() != knobs.size())
    return emitOpError() << "has a solution with " << solution->size()
                         << " values, expected one for each of " << knobs.size()
                         << " knobs (P3)";
  return success();
}
