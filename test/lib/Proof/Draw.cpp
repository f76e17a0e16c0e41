//===- Draw.cpp - Which inputs may be numbers, and what numbers show ------===//

#include "WithDialects.h"

#include "seqc/lib/Proof/Equivalence.h"

using namespace mlir;
using namespace seqc::proof;

namespace {

struct Draw : WithDialects {
  /// A function of %x, %y and %g <= 0 whose operations define %r, and its inputs after
  /// the draw.
  func::FuncOp function(StringRef body) {
    modules.push_back(parseSourceString<ModuleOp>(
        ("func.func @f(%x: f32, %y: f32, %g: f32) -> f32 {\n" + body +
         "\n  return %r : f32\n}\n")
            .str(),
        context.get()));
    inputs.assign(3, {});
    inputs[2].range = {-HUGE_VAL, 0};
    auto func = modules.back()->lookupSymbol<func::FuncOp>("f");
    any = drawInputs(func, inputs);
    return func;
  }
  Verdict compare(StringRef a, StringRef b) {
    func::FuncOp formed = function(b), meaning = function(a);
    return seqc::proof::compare(meaning, formed, inputs, {Named{"r", {}}}, 100000)
        .verdict;
  }

  std::vector<OwningOpRef<ModuleOp>> modules;
  std::vector<Input> inputs;
  bool any = false;
};

// A declared range is for gates, which stay variables; so does what is compared.
TEST_F(Draw, OnlyRationalInputs) {
  function("%a = arith.mulf %x, %g : f32\n"
           "%m = arith.maximumf %y, %g : f32\n"
           "%r = arith.addf %a, %m : f32");
  EXPECT_TRUE(any);
  EXPECT_TRUE(inputs[0].numbers);
  EXPECT_FALSE(inputs[1].numbers);
  EXPECT_FALSE(inputs[2].numbers);
  function("%s = arith.addf %x, %y : f32\n"
           "%e = math.exp %s : f32\n"
           "%r = arith.mulf %e, %g : f32");
  EXPECT_FALSE(any);
}

// What a state is compared with, one token later.
TEST_F(Draw, ThroughCarries) {
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @f(%x: tensor<?xf32>, %h0: tensor<f32>, %m0: tensor<f32>) -> tensor<f32> {
      %hT, %mT = seqc.recurrence seq(%x : (t)) carry(%h0, %m0 : ()) {
      ^step(%xt: f32, %h: f32, %m: f32):
        %n = arith.addf %h, %xt : f32
        %k = arith.maximumf %m, %h : f32
        seqc.yield carry(%n, %k)
      }
      return %hT : tensor<f32>
    })",
                                            context.get());
  inputs.assign(3, {});
  inputs[0].shape = {3};
  EXPECT_FALSE(drawInputs(module->lookupSymbol<func::FuncOp>("f"), inputs));
}

TEST_F(Draw, Identities) {
  const char *square = "%s = arith.addf %x, %y : f32\n"
                       "%e = math.exp %g : f32\n"
                       "%q = arith.mulf %s, %s : f32\n"
                       "%r = arith.mulf %q, %e : f32";
  EXPECT_EQ(compare(square, "%a = arith.mulf %x, %x : f32\n"
                            "%b = arith.mulf %y, %y : f32\n"
                            "%c = arith.mulf %x, %y : f32\n"
                            "%d = arith.addf %a, %b : f32\n"
                            "%t = arith.addf %c, %c : f32\n"
                            "%u = arith.addf %d, %t : f32\n"
                            "%e = math.exp %g : f32\n"
                            "%r = arith.mulf %u, %e : f32"),
            Verdict::Proved);
  EXPECT_NE(compare(square, "%a = arith.mulf %x, %x : f32\n"
                            "%b = arith.mulf %y, %y : f32\n"
                            "%d = arith.addf %a, %b : f32\n"
                            "%e = math.exp %g : f32\n"
                            "%r = arith.mulf %d, %e : f32"),
            Verdict::Proved);
}

} // namespace
