//===- SmtLib.cpp - Problems of tiles for other solvers -------------------===//
//
// Through the upstream `smt` dialect to SMT-LIB, over the integers.
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Solver/Solver.h"

#include "mlir/Dialect/SMT/IR/SMTDialect.h"
#include "mlir/Dialect/SMT/IR/SMTOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/SMTLIB/ExportSMTLIB.h"
#include "llvm/ADT/APSInt.h"

using namespace mlir;
using namespace seqc::solver;

namespace {
/// Adds a problem to the body of a `smt.solver`.
class Converter {
public:
  Converter(OpBuilder &b, Location loc) : b(b), loc(loc) {}
  void run(const Problem &problem);

private:
  Value number(int64_t v) {
    llvm::APSInt value(llvm::APInt(64, v, /*isSigned=*/true), /*isUnsigned=*/false);
    return smt::IntConstantOp::create(b, loc, IntegerAttr::get(b.getContext(), value));
  }
  Value compare(smt::IntPredicate predicate, Value x, Value y) {
    return smt::IntCmpOp::create(b, loc, predicate, x, y);
  }
  Value convert(const Problem::Node &node);

  OpBuilder &b;
  Location loc;
  std::vector<Value> knobs, values;
};
} // namespace

Value Converter::convert(const Problem::Node &node) {
  using Kind = Problem::Kind;
  SmallVector<Value> in;
  for (unsigned operand : node.operands)
    in.push_back(values[operand]);
  switch (node.kind) {
  case Kind::Constant:
    if (node.isTruth)
      return smt::BoolConstantOp::create(b, loc, node.constant != 0);
    return number(node.constant);
  case Kind::Knob:
    return knobs[node.constant];
  case Kind::Add:
    return smt::IntAddOp::create(b, loc, in);
  case Kind::Sub:
    return smt::IntSubOp::create(b, loc, in[0], in[1]);
  case Kind::Mul:
    return smt::IntMulOp::create(b, loc, in);
  case Kind::Div:
    return smt::IntDivOp::create(b, loc, in[0], in[1]);
  case Kind::CeilDiv: {
    Value less = smt::IntSubOp::create(b, loc, in[1], number(1));
    Value above = smt::IntAddOp::create(b, loc, ValueRange{in[0], less});
    return smt::IntDivOp::create(b, loc, above, in[1]);
  }
  case Kind::Rem:
    return smt::IntModOp::create(b, loc, in[0], in[1]);
  case Kind::Min:
  case Kind::Max: {
    Value less = compare(smt::IntPredicate::le, in[0], in[1]);
    bool min = node.kind == Kind::Min;
    return smt::IteOp::create(b, loc, less, in[min ? 0 : 1], in[min ? 1 : 0]);
  }
  case Kind::Equal:
    return smt::EqOp::create(b, loc, in[0], in[1]);
  case Kind::Unequal:
    return smt::NotOp::create(b, loc, smt::EqOp::create(b, loc, in[0], in[1]));
  case Kind::Less:
    return compare(smt::IntPredicate::lt, in[0], in[1]);
  case Kind::LessEqual:
    return compare(smt::IntPredicate::le, in[0], in[1]);
  case Kind::Select:
    return smt::IteOp::create(b, loc, in[0], in[1], in[2]);
  }
  llvm_unreachable("covered switch");
}

void Converter::run(const Problem &problem) {
  auto type = smt::IntType::get(b.getContext());
  auto declare = [&](StringRef name) {
    return smt::DeclareFunOp::create(b, loc, type, b.getStringAttr(name));
  };
  for (const Problem::Knob &knob : problem.knobs) {
    Value v = declare(knob.name);
    knobs.push_back(v);
    SmallVector<Value> any;
    for (int64_t value : knob.values)
      any.push_back(smt::EqOp::create(b, loc, v, number(value)));
    Value among =
        any.size() == 1 ? any[0] : smt::OrOp::create(b, loc, any).getResult();
    smt::AssertOp::create(b, loc, among);
  }
  for (const Problem::Node &node : problem.nodes)
    values.push_back(convert(node));
  for (const Problem::Constraint &constraint : problem.constraints)
    smt::AssertOp::create(b, loc, values[constraint.holds]);
  Value cost = declare("cost");
  smt::AssertOp::create(b, loc, smt::EqOp::create(b, loc, cost, values[problem.cost]));
}

std::string seqc::solver::smtLib(const Problem &problem, MLIRContext *context) {
  context->loadDialect<smt::SMTDialect>();
  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
  OpBuilder b(module->getBodyRegion());
  auto solver = smt::SolverOp::create(b, loc, TypeRange(), ValueRange());
  b.setInsertionPointToStart(&solver.getBodyRegion().emplaceBlock());
  Converter(b, loc).run(problem);
  smt::YieldOp::create(b, loc, ValueRange());
  std::string text;
  llvm::raw_string_ostream os(text);
  if (failed(smt::exportSMTLIB(*module, os)))
    return {};
  // The dialect asks for no minimum.
  StringRef body = StringRef(text).rtrim();
  body.consume_back("(reset)");
  return "; " + problem.what + "\n" + body.rtrim().str() +
         "\n(minimize cost)\n(check-sat)\n(get-model)\n(reset)\n";
}
