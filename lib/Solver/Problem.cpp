//===- Problem.cpp - Problems of tiles as arithmetic ----------------------===//

#include "seqc/lib/Solver/Problem.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::solver;

Problem::Problem(tile::ProblemOp op) : name(op.getSymName()), what(op.getWhat()) {
  llvm::DenseMap<Value, unsigned> number;
  auto operands = [&](Operation &op) {
    llvm::SmallVector<unsigned, 3> result;
    for (Value v : op.getOperands())
      result.push_back(number.lookup(v));
    return result;
  };
  for (Operation &o : op.getBody().front()) {
    if (auto knob = dyn_cast<tile::KnobOp>(o)) {
      number[knob.getResult()] = add({Kind::Knob, {}, int64_t(knobs.size())});
      knobs.push_back({knob.getName().str(), knob.values()});
    } else if (auto constraint = dyn_cast<tile::ConstraintOp>(o)) {
      bool equal = constraint.getRelation() == tile::Relation::eq;
      llvm::SmallVector<unsigned> values(operands(o));
      unsigned holds = add({equal ? Kind::Equal : Kind::LessEqual,
                            {values[0], values[1]}, 0, true});
      constraints.push_back({constraint.getName().str(), constraint.getSentence().str(),
                             equal, values, holds});
    } else if (auto part = dyn_cast<tile::PartOp>(o)) {
      parts.push_back({part.getName().str(), number.lookup(part.getValue()),
                       int64_t(part.getScale())});
    } else if (auto minimize = dyn_cast<tile::MinimizeOp>(o)) {
      cost = number.lookup(minimize.getCost());
      scale = minimize.getScale();
    } else if (auto constant = dyn_cast<arith::ConstantOp>(o)) {
      auto value = dyn_cast<IntegerAttr>(constant.getValue());
      number[constant] = add({Kind::Constant, {}, value ? value.getInt() : 0,
                              !constant.getType().isIndex()});
    } else {
      Kind kind = llvm::TypeSwitch<Operation *, Kind>(&o)
                      .Case([](arith::AddIOp) { return Kind::Add; })
                      .Case([](arith::SubIOp) { return Kind::Sub; })
                      .Case([](arith::MulIOp) { return Kind::Mul; })
                      .Case([](arith::DivUIOp) { return Kind::Div; })
                      .Case([](arith::CeilDivUIOp) { return Kind::CeilDiv; })
                      .Case([](arith::RemUIOp) { return Kind::Rem; })
                      .Case<arith::MinUIOp, arith::MinSIOp>([](auto) { return Kind::Min; })
                      .Case<arith::MaxUIOp, arith::MaxSIOp>([](auto) { return Kind::Max; })
                      .Default([](auto) { return Kind::Select; });
      auto all = operands(o);
      if (auto compare = dyn_cast<arith::CmpIOp>(o)) {
        using P = arith::CmpIPredicate;
        P p = compare.getPredicate();
        kind = p == P::eq   ? Kind::Equal
               : p == P::ne ? Kind::Unequal
               : p == P::slt || p == P::ult || p == P::sgt || p == P::ugt
                   ? Kind::Less
                   : Kind::LessEqual;
        if (p == P::sgt || p == P::ugt || p == P::sge || p == P::uge)
          std::swap(all[0], all[1]);
      }
      number[o.getResult(0)] = add({kind, all, 0, o.getResult(0).getType().isInteger(1)});
    }
  }
}

int64_t Problem::points() const {
  int64_t product = 1;
  for (const Knob &knob : knobs)
    if (llvm::MulOverflow(product, int64_t(knob.values.size()), product) ||
        product > (int64_t(1) << 62))
      return int64_t(1) << 62;
  return product;
}

/// One operation, where its operands have values.
static std::optional<int64_t> compute(Problem::Kind kind, int64_t x, int64_t y) {
  using Kind = Problem::Kind;
  int64_t result;
  bool natural = x >= 0 && y > 0;
  switch (kind) {
  case Kind::Add:
    return llvm::AddOverflow(x, y, result) ? std::nullopt : std::optional(result);
  case Kind::Sub:
    return llvm::SubOverflow(x, y, result) ? std::nullopt : std::optional(result);
  case Kind::Mul:
    return llvm::MulOverflow(x, y, result) ? std::nullopt : std::optional(result);
  case Kind::Div:
    return natural ? std::optional(x / y) : std::nullopt;
  case Kind::CeilDiv:
    return natural ? std::optional(x / y + (x % y != 0)) : std::nullopt;
  case Kind::Rem:
    return natural ? std::optional(x % y) : std::nullopt;
  case Kind::Min:
    return std::min(x, y);
  case Kind::Max:
    return std::max(x, y);
  case Kind::Equal:
    return x == y;
  case Kind::Unequal:
    return x != y;
  case Kind::Less:
    return x < y;
  case Kind::LessEqual:
    return x <= y;
  case Kind::Constant:
  case Kind::Knob:
  case Kind::Select:
    break;
  }
  llvm_unreachable("no operation of two numbers");
}

Values Problem::evaluate(llvm::ArrayRef<int64_t> point) const {
  Values values(nodes.size());
  for (auto [value, node] : llvm::zip(values, nodes)) {
    if (node.kind == Kind::Constant) {
      value = node.constant;
    } else if (node.kind == Kind::Knob) {
      value = point[node.constant];
    } else if (node.kind == Kind::Select) {
      if (auto condition = values[node.operands[0]])
        value = values[node.operands[*condition ? 1 : 2]];
    } else {
      auto x = values[node.operands[0]], y = values[node.operands[1]];
      if (x && y)
        value = compute(node.kind, *x, *y);
    }
  }
  return values;
}

bool Problem::isLegal(const Values &values) const {
  return values[cost] && llvm::all_of(constraints, [&](const Constraint &c) {
           return values[c.holds] && *values[c.holds];
         });
}

void Problem::forEach(
    llvm::function_ref<void(llvm::ArrayRef<int64_t>, const Values &)> visit) const {
  llvm::SmallVector<size_t> index(knobs.size(), 0);
  Point point;
  for (const Knob &knob : knobs)
    point.push_back(knob.values[0]);
  while (true) {
    visit(point, evaluate(point));
    size_t k = knobs.size();
    for (; k > 0; --k) {
      if (++index[k - 1] < knobs[k - 1].values.size()) {
        point[k - 1] = knobs[k - 1].values[index[k - 1]];
        break;
      }
      index[k - 1] = 0;
      point[k - 1] = knobs[k - 1].values[0];
    }
    if (k == 0)
      return;
  }
}

std::string seqc::solver::bytesText(int64_t bytes) {
  for (auto [unit, size] : {std::pair<const char *, int64_t>{" MiB", 1 << 20},
                            {" KiB", 1 << 10}})
    if (bytes >= size && bytes % size == 0)
      return std::to_string(bytes / size) + unit;
  return std::to_string(bytes) + " bytes";
}

std::string Problem::sentence(unsigned constraint, const Values &values) const {
  const Constraint &c = constraints[constraint];
  std::string result;
  StringRef text = c.sentence;
  while (!text.empty()) {
    auto [before, rest] = text.split('{');
    result += before;
    if (before.size() == text.size())
      break;
    auto [inside, after] = rest.split('}');
    auto [number, unit] = inside.split(':');
    unsigned index = 0;
    number.getAsInteger(10, index);
    auto value = values[c.values[index]];
    result += !value ? "?" : unit == "bytes" ? bytesText(*value) : std::to_string(*value);
    text = after;
  }
  return result;
}
