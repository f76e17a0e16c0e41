//===- Interpreter.cpp - The reference against numbers worked by hand -----===//

#include "seqc/lib/Reference/Interpreter.h"
#include "seqc/passes/Pipelines/Register.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace seqc::reference;

namespace {

using Numbers = std::vector<double>;

struct Reference : testing::Test {
  DialectRegistry registry;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;

  std::vector<TensorF64> run(StringRef text, std::vector<TensorF64> inputs) {
    seqc::registerAllDialects(registry);
    context = std::make_unique<MLIRContext>(registry);
    module = parseSourceString<ModuleOp>(text, context.get());
    if (!module) {
      ADD_FAILURE() << "does not parse";
      return {};
    }
    auto func = *module->getOps<func::FuncOp>().begin();
    auto results = interpret<double>(func, inputs);
    if (!results) {
      message = llvm::toString(results.takeError());
      return {};
    }
    return *results;
  }
  std::string message;
};

const char *running = R"(
func.func @f(%x: tensor<?xf32>, %s0: f32) -> (tensor<?xf32>, tensor<f32>) {
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) MODIFIER {
  ^step(%xt: f32, %s: f32):
    %two = arith.constant 2.0 : f32
    %d = arith.mulf %two, %s : f32
    %n = arith.addf %d, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?xf32>, tensor<f32>
})";

std::string with(std::string text, const std::string &modifier) {
  return text.replace(text.find("MODIFIER"), 8, modifier);
}

TEST_F(Reference, Recurrence) {
  auto r = run(with(running, ""), {{{3}, {1, 2, 3}}, {{}, {10}}});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[0].data, (Numbers{21, 44, 91}));
  EXPECT_EQ(r[1].data, (Numbers{91}));
}
TEST_F(Reference, Reverse) {
  auto r = run(with(running, "reverse"), {{{3}, {1, 2, 3}}, {{}, {10}}});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[0].data, (Numbers{97, 48, 23}));
}
TEST_F(Reference, NoTokens) {
  auto r = run(with(running, ""), {{{0}, {}}, {{}, {10}}});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[1].data, (Numbers{10}));
}

TEST_F(Reference, SegmentsWithAnEmptyOne) {
  auto r = run(R"(
func.func @f(%x: tensor<?xf32>, %s0: tensor<?xf32>, %cu: tensor<?xi32>)
    -> (tensor<?xf32>, tensor<?xf32>) {
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %s, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?xf32>, tensor<?xf32>
})",
               {{{4}, {1, 2, 3, 4}}, {{3}, {100, 200, 300}}, {{4}, {0, 1, 1, 4}}});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[0].data, (Numbers{101, 302, 305, 309}));
  EXPECT_EQ(r[1].data, (Numbers{101, 200, 309}));
}
TEST_F(Reference, SegmentsThatDecrease) {
  run(R"(
func.func @f(%x: tensor<?xf32>, %s0: f32, %cu: tensor<?xi32>) -> tensor<?xf32> {
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) segments(%cu : (s)) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %s, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y : tensor<?xf32>
})",
      {{{2}, {1, 2}}, {{}, {0}}, {{3}, {0, 3, 2}}});
  EXPECT_NE(message.find("decreases at entry 2"), std::string::npos) << message;
}

TEST_F(Reference, ResetsPositionFirstAndSnapshot) {
  auto r = run(R"(
func.func @f(%x: tensor<?xf32>, %s0: f32, %f: tensor<?xi8>, %z: f32)
    -> (tensor<?xf32>, tensor<?xi64>, tensor<?xi1>, tensor<?xf32>) {
  %y, %p, %q, %w, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) restart(%z : ())
      resets(%f : (t)) snapshot(0 every 2) position first {
  ^step(%xt: f32, %s: f32, %old: f32, %t: index, %isfirst: i1):
    %n = arith.addf %s, %xt : f32
    %i = arith.index_cast %t : index to i64
    seqc.yield out(%n, %i, %isfirst, %old) carry(%n)
  }
  return %y, %p, %q, %w : tensor<?xf32>, tensor<?xi64>, tensor<?xi1>, tensor<?xf32>
})",
               {{{5}, {1, 2, 3, 4, 5}}, {{}, {10}}, {{5}, {0, 0, 0, 1, 0}}, {{}, {7}}});
  ASSERT_EQ(r.size(), 4u);
  EXPECT_EQ(r[0].data, (Numbers{11, 13, 16, 11, 16}));
  EXPECT_EQ(r[1].data, (Numbers{0, 1, 2, 0, 1}));
  EXPECT_EQ(r[2].data, (Numbers{1, 0, 0, 1, 0}));
  EXPECT_EQ(r[3].data, (Numbers{10, 10, 13, 7, 7}));
}

TEST_F(Reference, ExclusiveScanWithInitialValueAndTotal) {
  auto r = run(R"(
func.func @f(%x: tensor<2x?xf32>, %x0: tensor<2xf32>) -> (tensor<2x?xf32>, tensor<2xf32>) {
  %zero = arith.constant 0.0 : f32
  %y, %total = seqc.scan seq(%x : (b, t)) identity(%zero) initial(%x0 : (b)) exclusive final {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y, %total : tensor<2x?xf32>, tensor<2xf32>
})",
               {{{2, 3}, {1, 2, 3, 4, 5, 6}}, {{2}, {10, 20}}});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[0].data, (Numbers{10, 11, 13, 20, 24, 29}));
  EXPECT_EQ(r[1].data, (Numbers{16, 35}));
}

TEST_F(Reference, EinsumAndReduce) {
  auto r = run(R"(
func.func @f(%a: tensor<2x3xf32>, %x: tensor<3xf32>) -> (tensor<2xf32>, f32, i64) {
  %y = seqc.einsum "ij,j->i"(%a, %x)
  %m = seqc.reduce max %y over 0
  %i = seqc.reduce argmax %y over 0
  return %y, %m, %i : tensor<2xf32>, f32, i64
})",
               {{{2, 3}, {1, 2, 3, 4, 5, 6}}, {{3}, {1, 0, -1}}});
  ASSERT_EQ(r.size(), 3u);
  EXPECT_EQ(r[0].data, (Numbers{-2, -2}));
  EXPECT_EQ(r[1].data, (Numbers{-2}));
  EXPECT_EQ(r[2].data, (Numbers{0})); // the first of equals
}

TEST_F(Reference, DisagreeingSizesAreNamed) {
  run(R"(
func.func @f(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %z = seqc.recurrence seq(%x, %y : (t)) {
  ^step(%xt: f32, %yt: f32):
    %n = arith.addf %yt, %xt : f32
    seqc.yield out(%n)
  }
  return %z : tensor<?xf32>
})",
      {{{2}, {1, 2}}, {{3}, {0, 3, 2}}});
  EXPECT_NE(message.find("seq operand #1 has size 3 in dimension 0"),
            std::string::npos)
      << message;
}

} // namespace
