//===- TilingProblem.cpp - States problems of tiles -----------------------===//

#include "seqc/dialects/Tile/TilingProblem.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace seqc::tile;

#include "seqc/dialects/Tile/TilingProblem.cpp.inc"

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// The builder of whichever is not constant.
#define SEQC_BUILDER(a, b) ProblemBuilder &p = *((a).builder ? (a) : (b)).builder

#define SEQC_BINARY(NAME, OP, CONSTANT)                                        \
  Expr seqc::tile::NAME(Expr a, Expr b) {                                      \
    if (!a.builder && !b.builder) {                                            \
      int64_t x = a.constant, y = b.constant;                                  \
      return CONSTANT;                                                         \
    }                                                                          \
    SEQC_BUILDER(a, b);                                                        \
    Value left = p.materialise(a), right = p.materialise(b);                   \
    return {p, arith::OP::create(p.b, p.loc, left, right)};                    \
  }
SEQC_BINARY(operator+, AddIOp, x + y)
SEQC_BINARY(operator-, SubIOp, x - y)
SEQC_BINARY(operator*, MulIOp, x *y)
SEQC_BINARY(operator/, DivUIOp, x / y)
SEQC_BINARY(operator%, RemUIOp, x % y)
SEQC_BINARY(ceilDiv, CeilDivUIOp, (x + y - 1) / y)
SEQC_BINARY(max, MaxSIOp, std::max(x, y))
SEQC_BINARY(min, MinSIOp, std::min(x, y))

Expr seqc::tile::ifAtMost(Expr a, Expr b, Expr then, Expr otherwise) {
  if (!a.builder && !b.builder)
    return a.constant <= b.constant ? then : otherwise;
  SEQC_BUILDER(a, b);
  Value left = p.materialise(a), right = p.materialise(b);
  Value yes = p.materialise(then), no = p.materialise(otherwise);
  Value holds =
      arith::CmpIOp::create(p.b, p.loc, arith::CmpIPredicate::sle, left, right);
  return {p, arith::SelectOp::create(p.b, p.loc, holds, yes, no)};
}

//===----------------------------------------------------------------------===//
// Builder
//===----------------------------------------------------------------------===//

ProblemBuilder::ProblemBuilder(OpBuilder &builder, Location loc, StringRef name)
    : b(builder), loc(loc) {
  op = ProblemOp::create(b, loc, name, "", DictionaryAttr());
  b.setInsertionPointToEnd(&op.getBody().emplaceBlock());
}

void ProblemBuilder::describe(const Twine &what) { op.setWhat(what.str()); }

Value ProblemBuilder::materialise(Expr e) {
  if (e.builder)
    return e.value;
  Value &value = constants[e.constant];
  if (!value) {
    // Before everything that may use it.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&op.getBody().front());
    value = arith::ConstantIndexOp::create(b, loc, e.constant);
  }
  return value;
}

Expr ProblemBuilder::knob(StringRef name, ArrayRef<int64_t> values) {
  return {*this, KnobOp::create(b, loc, b.getIndexType(), b.getStringAttr(name),
                                b.getDenseI64ArrayAttr(values), IntegerAttr(),
                                IntegerAttr())};
}

Expr ProblemBuilder::knob(StringRef name, int64_t first, int64_t last) {
  return {*this, KnobOp::create(b, loc, b.getIndexType(), b.getStringAttr(name),
                                DenseI64ArrayAttr(), b.getI64IntegerAttr(first),
                                b.getI64IntegerAttr(last))};
}

void ProblemBuilder::constraint(StringRef name, Expr left, Relation relation, Expr right,
                                StringRef sentence, ArrayRef<Expr> values) {
  Value l = materialise(left), r = materialise(right);
  SmallVector<Value> others;
  for (Expr e : values)
    others.push_back(materialise(e));
  ConstraintOp::create(b, loc, name, l, relation, r, sentence, others);
}

void ProblemBuilder::atMost(StringRef name, Expr left, Expr right, StringRef sentence,
                            ArrayRef<Expr> values) {
  constraint(name, left, Relation::le, right, sentence, values);
}

void ProblemBuilder::equal(StringRef name, Expr left, Expr right, StringRef sentence,
                           ArrayRef<Expr> values) {
  constraint(name, left, Relation::eq, right, sentence, values);
}

void ProblemBuilder::part(StringRef name, Expr value, int64_t scale) {
  PartOp::create(b, loc, name, materialise(value), scale);
}

void ProblemBuilder::minimize(Expr cost, int64_t scale) {
  MinimizeOp::create(b, loc, materialise(cost), scale);
}
