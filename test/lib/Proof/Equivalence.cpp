//===- Equivalence.cpp - Laws that normal forms know, and mistakes --------===//

#include "WithDialects.h"

#include "seqc/lib/Proof/Equivalence.h"

using namespace mlir;
using namespace seqc::proof;

namespace {

struct Equivalence : WithDialects {
  /// Compares two ways to compute a scalar from %x, %y and %g, of which g <= 0.
  /// Each is a list of operations that defines %r.
  Comparison compare(StringRef a, StringRef b, uint64_t effort = 100000) {
    auto function = [](StringRef name, StringRef body) {
      return ("func.func @" + name +
              "(%x: f32, %y: f32, %g: f32) -> f32 {\n"
              "  %zero = arith.constant 0.0 : f32\n"
              "  %one = arith.constant 1.0 : f32\n" +
              body + "\n  return %r : f32\n}\n")
          .str();
    };
    module = parseSourceString<ModuleOp>(function("a", a) + function("b", b),
                                         context.get());
    if (!module) {
      ADD_FAILURE() << "does not parse";
      return {};
    }
    std::vector<Input> inputs(3);
    inputs[0].name = "x";
    inputs[1].name = "y";
    inputs[2].name = "g";
    inputs[2].range = {-HUGE_VAL, 0};
    return seqc::proof::compare(module->lookupSymbol<func::FuncOp>("a"),
                                module->lookupSymbol<func::FuncOp>("b"), inputs,
                                {Named{"r", {}}}, effort);
  }
  void expectEqual(StringRef a, StringRef b) {
    Comparison c = compare(a, b);
    EXPECT_EQ(c.verdict, Verdict::Proved) << c.detail;
  }
  void expectDifferent(StringRef a, StringRef b) {
    Comparison c = compare(a, b);
    EXPECT_EQ(c.verdict, Verdict::Refuted) << c.detail;
    EXPECT_NE(c.detail.find("should be"), std::string::npos);
  }

  OwningOpRef<ModuleOp> module;
};

const char *product = R"(
  %s = arith.addf %x, %y : f32
  %r = arith.mulf %s, %s : f32)";

TEST_F(Equivalence, Polynomials) {
  expectEqual(product, R"(
  %xx = arith.mulf %x, %x : f32
  %yy = arith.mulf %y, %y : f32
  %xy = arith.mulf %x, %y : f32
  %a = arith.addf %xx, %yy : f32
  %b = arith.addf %xy, %xy : f32
  %r = arith.addf %a, %b : f32)");
  expectDifferent(product, R"(
  %xx = arith.mulf %x, %x : f32
  %yy = arith.mulf %y, %y : f32
  %r = arith.addf %xx, %yy : f32)");
}

// exp(x + y) = exp x exp y; exp(x - y) exp y = exp x.
TEST_F(Equivalence, Exponentials) {
  expectEqual(R"(
  %s = arith.addf %x, %y : f32
  %r = math.exp %s : f32)",
              R"(
  %a = math.exp %x : f32
  %b = math.exp %y : f32
  %r = arith.mulf %a, %b : f32)");
  expectEqual(R"(%r = math.exp %x : f32)", R"(
  %d = arith.subf %x, %y : f32
  %a = math.exp %d : f32
  %b = math.exp %y : f32
  %r = arith.mulf %a, %b : f32)");
}

// 1/x + 1/(x + y): denominators are multiplied out.
TEST_F(Equivalence, Quotients) {
  const char *two = R"(
  %s = arith.addf %x, %y : f32
  %a = arith.divf %one, %x : f32
  %b = arith.divf %one, %s : f32
  %r = arith.addf %a, %b : f32)";
  expectEqual(two, R"(
  %s = arith.addf %x, %y : f32
  %n = arith.addf %x, %s : f32
  %d = arith.mulf %x, %s : f32
  %r = arith.divf %n, %d : f32)");
  expectDifferent(two, R"(
  %s = arith.addf %x, %y : f32
  %d = arith.mulf %x, %s : f32
  %r = arith.divf %s, %d : f32)");
}

// log(exp x + exp y), plainly and with the larger taken out.
TEST_F(Equivalence, LogSumExp) {
  const char *plain = R"(
  %a = math.exp %x : f32
  %b = math.exp %y : f32
  %s = arith.addf %a, %b : f32
  %r = math.log %s : f32)";
  expectEqual(plain, R"(
  %m = arith.maximumf %x, %y : f32
  %d = arith.subf %x, %y : f32
  %a = math.absf %d : f32
  %n = arith.negf %a : f32
  %e = math.exp %n : f32
  %l = math.log1p %e : f32
  %r = arith.addf %m, %l : f32)");
  expectDifferent(plain, R"(
  %m = arith.maximumf %x, %y : f32
  %d = arith.subf %x, %y : f32
  %e = math.exp %d : f32
  %l = math.log1p %e : f32
  %r = arith.addf %m, %l : f32)");
}

// max(x, y) + g = max(x + g, y + g), and a selection that is a maximum.
TEST_F(Equivalence, Maxima) {
  const char *outside = R"(
  %m = arith.maximumf %x, %y : f32
  %r = arith.addf %m, %g : f32)";
  expectEqual(outside, R"(
  %a = arith.addf %x, %g : f32
  %b = arith.addf %y, %g : f32
  %r = arith.maximumf %b, %a : f32)");
  expectEqual(outside, R"(
  %less = arith.cmpf olt, %x, %y : f32
  %m = arith.select %less, %y, %x : f32
  %r = arith.addf %g, %m : f32)");
  expectDifferent(outside, R"(
  %m = arith.minimumf %x, %y : f32
  %r = arith.addf %m, %g : f32)");
  // A range decides: g <= 0.
  expectEqual("%r = arith.maximumf %g, %zero : f32", "%r = arith.addf %zero, %zero : f32");
  expectDifferent("%r = arith.maximumf %x, %zero : f32", "%r = arith.addf %zero, %x : f32");
}

// Functions without laws are equal on equal normal forms.
TEST_F(Equivalence, OtherFunctions) {
  expectEqual(R"(
  %s = arith.addf %x, %y : f32
  %r = math.tanh %s : f32)",
              R"(
  %s = arith.addf %y, %x : f32
  %r = math.tanh %s : f32)");
  expectDifferent("%r = math.tanh %x : f32", "%r = math.erf %x : f32");
}

TEST_F(Equivalence, CounterexamplesNameInputs) {
  Comparison c = compare("%r = arith.addf %x, %y : f32", "%r = arith.addf %x, %zero : f32");
  ASSERT_EQ(c.verdict, Verdict::Refuted);
  EXPECT_EQ(c.detail.rfind("r is ", 0), 0u) << c.detail;
  EXPECT_NE(c.detail.find("y = "), std::string::npos) << c.detail;
}

// Effort ends the same way everywhere, and is no refutation.
TEST_F(Equivalence, Effort) {
  Comparison c = compare(product, product, 1);
  EXPECT_EQ(c.verdict, Verdict::Unknown);
  EXPECT_TRUE(c.exhausted);
  EXPECT_EQ(c.detail, "its terms are too many");
}

} // namespace
