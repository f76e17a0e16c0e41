//===- NamedScans.cpp - Builders of the named scans -----------------------===//

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Proof/Monoid.h"
#include "seqc/lib/Reference/Interpreter.h"
#include "seqc/passes/Pipelines/Register.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace seqc;
using reference::TensorF64;

namespace {
struct NamedScans : testing::Test {
  NamedScans() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// Builds a function around the scan over operands of `types`.
  ScanOp build(NamedScan kind, ArrayRef<Type> types, bool exclusive = false,
               bool reverse = false) {
    OpBuilder b(&context);
    Location loc = b.getUnknownLoc();
    module = ModuleOp::create(loc);
    b.setInsertionPointToEnd(module->getBody());
    func = func::FuncOp::create(b, loc, "f", b.getFunctionType(types, types));
    Block *entry = func.addEntryBlock();
    b.setInsertionPointToEnd(entry);
    auto axes = AxesAttr::get(&context, {b.getStringAttr("t")}, {1});
    ScanOp scan = buildNamedScan(b, loc, kind, entry->getArguments(), axes,
                                 exclusive, reverse);
    func::ReturnOp::create(b, loc, scan.getResults());
    EXPECT_TRUE(succeeded(verify(*module)));
    return scan;
  }

  std::vector<TensorF64> run(std::vector<TensorF64> inputs) {
    auto result = reference::interpret<double>(func, inputs);
    if (!result) {
      ADD_FAILURE() << llvm::toString(result.takeError());
      return {};
    }
    return *result;
  }

  Type sequence(Type element) {
    return RankedTensorType::get({ShapedType::kDynamic}, element);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
};

using Numbers = std::vector<double>;
} // namespace

TEST_F(NamedScans, Elementwise) {
  struct Case {
    NamedScan kind;
    Numbers expected;
  };
  Numbers x = {2, -1, 3, 0.5};
  for (const Case &c : {Case{NamedScan::Add, {2, 1, 4, 4.5}},
                        Case{NamedScan::Mul, {2, -2, -6, -3}},
                        Case{NamedScan::Max, {2, 2, 3, 3}},
                        Case{NamedScan::Min, {2, -1, -1, -1}}}) {
    build(c.kind, {sequence(Float32Type::get(&context))});
    auto y = run({{{4}, x}});
    ASSERT_EQ(y.size(), 1u);
    EXPECT_EQ(y[0].data, c.expected);
  }
}

TEST_F(NamedScans, ExclusiveAndReverse) {
  build(NamedScan::Add, {sequence(Float32Type::get(&context))}, true, true);
  EXPECT_EQ(run({{{4}, {1, 2, 3, 4}}})[0].data, (Numbers{9, 7, 4, 0}));
}

TEST_F(NamedScans, Integers) {
  build(NamedScan::Max, {sequence(IntegerType::get(&context, 32))});
  EXPECT_EQ(run({{{3}, {-5, -7, 2}}})[0].data, (Numbers{-5, -5, 2}));
  build(NamedScan::Min, {sequence(IntegerType::get(&context, 8))}, true);
  EXPECT_EQ(run({{{3}, {5, 7, 2}}})[0].data, (Numbers{127, 5, 5}));
}

TEST_F(NamedScans, LogSumExp) {
  build(NamedScan::LogSumExp, {sequence(Float64Type::get(&context))});
  double inf = std::numeric_limits<double>::infinity();
  auto y = run({{{4}, {-inf, 0, 0, 1000}}});
  EXPECT_EQ(y[0].data[0], -inf);
  EXPECT_NEAR(y[0].data[1], 0, 1e-15);
  EXPECT_NEAR(y[0].data[2], std::log(2), 1e-15);
  EXPECT_NEAR(y[0].data[3], 1000, 1e-12);
}

TEST_F(NamedScans, Affine) {
  Type f32 = Float32Type::get(&context);
  build(NamedScan::Affine, {sequence(f32), sequence(f32)});
  auto y = run({{{3}, {0.5, 2, 3}}, {{3}, {1, 2, 3}}});
  EXPECT_EQ(y[1].data, (Numbers{1, 4, 15}));
}

TEST_F(NamedScans, ArgMaxKeepsTheFirst) {
  build(NamedScan::ArgMax, {sequence(Float32Type::get(&context)),
                            sequence(IntegerType::get(&context, 32))});
  auto y = run({{{4}, {1, 3, 3, 2}}, {{4}, {0, 1, 2, 3}}});
  EXPECT_EQ(y[0].data, (Numbers{1, 3, 3, 3}));
  EXPECT_EQ(y[1].data, (Numbers{0, 1, 1, 1}));
}

TEST_F(NamedScans, MatMul) {
  build(NamedScan::MatMul,
        {RankedTensorType::get({ShapedType::kDynamic, 2, 2},
                               Float32Type::get(&context))});
  // Later elements act from the left, as transitions of a recurrence do.
  auto y = run({{{2, 2, 2}, {1, 2, 3, 4, 0, 1, 1, 0}}});
  EXPECT_EQ(y[0].data, (Numbers{1, 2, 3, 4, 3, 4, 1, 2}));
}

TEST_F(NamedScans, AreMonoids) {
  Type f32 = sequence(Float32Type::get(&context)),
       i32 = sequence(IntegerType::get(&context, 32)),
       matrix = RankedTensorType::get({ShapedType::kDynamic, 2, 2},
                                      Float32Type::get(&context));
  for (auto [kind, types] :
       {std::pair<NamedScan, SmallVector<Type>>{NamedScan::Add, {f32}},
        {NamedScan::Mul, {f32}},
        {NamedScan::Max, {f32}},
        {NamedScan::Min, {f32}},
        {NamedScan::LogSumExp, {f32}},
        {NamedScan::Affine, {f32, f32}},
        {NamedScan::ArgMax, {f32, i32}},
        {NamedScan::MatMul, {matrix}}})
    for (const proof::Obligation &o : proof::proveMonoid(build(kind, types)))
      EXPECT_EQ(o.verdict, proof::Verdict::Proved)
          << int(kind) << ": " << o.claim << ": " << o.detail;
}
