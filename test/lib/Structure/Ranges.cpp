//===- ranges.cpp - Bounds under declared ranges --------------------------===//

#include "seqc/lib/Structure/Ranges.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace seqc;

namespace {
/// Bounds of what a function of one line after the other returns.
class Ranges : public testing::Test {
protected:
  Interval of(const std::string &arguments, const std::string &body) {
    context.loadDialect<func::FuncDialect, arith::ArithDialect, math::MathDialect,
                        SeqDialect>();
    module = parseSourceString<ModuleOp>(
        "func.func @f(" + arguments + ") -> f32 {\n" + body + "\nreturn %y : f32 }",
        &context);
    EXPECT_TRUE(module);
    auto func = *module->getOps<func::FuncOp>().begin();
    return structure::rangeOf(func.getBody().front().getTerminator()->getOperand(0));
  }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
} // namespace

TEST(ParseRange, ReadsThreeForms) {
  EXPECT_EQ(parseRange("<= 0")->high, 0);
  EXPECT_EQ(parseRange("<= 0")->low, -kInfinity);
  EXPECT_EQ(parseRange(" >= -1.5 ")->low, -1.5);
  EXPECT_EQ(parseRange("0 .. 1e3")->high, 1000);
}

TEST(ParseRange, RefusesTheRest) {
  for (const char *text : {"", "<", "<= ", "1 .. 0", "0 ..", "..", "nan .. 1", "< 0",
                           "<= zero", "0 .. 1 .. 2"})
    EXPECT_FALSE(parseRange(text)) << text;
}

TEST_F(Ranges, FollowsDeclarations) {
  Interval i = of("%g: f32 {seqc.range = \"<= 0\"}", "%y = math.exp %g : f32");
  EXPECT_EQ(i.low, 0);
  EXPECT_EQ(i.high, 1);
  i = of("%g: f32", "%y = math.exp %g : f32");
  EXPECT_EQ(i.high, kInfinity);
}

TEST_F(Ranges, SoftplusAndSigmoid) {
  Interval i = of("%x: f32", "%e = math.exp %x : f32\n%l = math.log1p %e : f32\n"
                             "%y = arith.negf %l : f32");
  EXPECT_EQ(i.high, 0);
  EXPECT_EQ(i.low, -kInfinity);
  i = of("%x: f32", "%c = arith.constant 1.0 : f32\n%e = math.exp %x : f32\n"
                    "%s = arith.addf %c, %e : f32\n%y = arith.divf %c, %s : f32");
  EXPECT_TRUE(i.within(0, 1));
}

TEST_F(Ranges, MaximumOfItsOwnParts) {
  std::string most = "%s = arith.addf %f, %m : f32\n%n = arith.maximumf %s, %i : f32\n";
  EXPECT_EQ(of("%f: f32, %m: f32, %i: f32", most + "%y = arith.subf %s, %n : f32").high, 0);
  EXPECT_EQ(of("%f: f32, %m: f32, %i: f32", most + "%y = arith.subf %i, %n : f32").high, 0);
  // m alone may exceed the maximum of f + m and i, unless f is at least 0.
  EXPECT_EQ(of("%f: f32, %m: f32, %i: f32", most + "%y = arith.subf %m, %n : f32").high,
            kInfinity);
  EXPECT_EQ(of("%f: f32 {seqc.range = \">= 0\"}, %m: f32, %i: f32",
               most + "%y = arith.subf %m, %n : f32")
                .high,
            0);
}

TEST_F(Ranges, LogSumExp) {
  std::string sum = "%a = math.exp %x : f32\n%b = math.exp %z : f32\n"
                    "%s = arith.addf %a, %b : f32\n%l = math.log %s : f32\n";
  EXPECT_EQ(of("%x: f32, %z: f32", sum + "%y = arith.subf %z, %l : f32").high, 0);
  EXPECT_EQ(of("%x: f32, %z: f32", sum + "%y = arith.subf %l, %z : f32").high, kInfinity);
}

TEST_F(Ranges, SquaresAndProducts) {
  EXPECT_EQ(of("%x: f32", "%y = arith.mulf %x, %x : f32").low, 0);
  Interval i = of("%a: f32 {seqc.range = \"0 .. 1\"}, %b: f32 {seqc.range = \"-2 .. 3\"}",
                  "%y = arith.mulf %a, %b : f32");
  EXPECT_EQ(i.low, -2);
  EXPECT_EQ(i.high, 3);
}
