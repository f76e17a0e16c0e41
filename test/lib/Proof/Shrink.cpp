//===- Shrink.cpp - Extents that follow each other ------------------------===//

#include "WithDialects.h"

#include "seqc/lib/Proof/Shrink.h"

#include "llvm/Support/Error.h"

using namespace mlir;

namespace {

struct Shrink : WithDialects {
  /// Gives the free extents the sizes 2, 3, ...; returns how many there are.
  unsigned shrink(StringRef text) {
    module = parseSourceString<ModuleOp>(text, context.get());
    if (!module) {
      ADD_FAILURE() << "does not parse";
      return 0;
    }
    func = *module->getOps<func::FuncOp>().begin();
    auto count = seqc::proof::shrink(func, [](unsigned i) { return 2 + i; });
    if (!count) {
      ADD_FAILURE() << llvm::toString(count.takeError());
      return 0;
    }
    return *count;
  }
  std::string type(unsigned argument) {
    std::string result;
    llvm::raw_string_ostream os(result);
    os << func.getArgument(argument).getType();
    return result;
  }
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
};

// K and V differ although both are 8; sizes of axes become dynamic.
TEST_F(Shrink, ExtentsByUse) {
  EXPECT_EQ(shrink(R"(
func.func @f(%k: tensor<4x?x8xf32>, %v: tensor<4x?x8xf32>, %s0: tensor<4x8x8xf32>) -> tensor<4x8x8xf32> {
  %sT = seqc.recurrence seq(%k, %v : (b, t)) carry(%s0 : (b)) {
  ^step(%kt: tensor<8xf32>, %vt: tensor<8xf32>, %s: tensor<8x8xf32>):
    %half = arith.constant dense<0.5> : tensor<8x8xf32>
    %kept = arith.mulf %half, %s : tensor<8x8xf32>
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %kept, %kv : tensor<8x8xf32>
    seqc.yield carry(%n)
  }
  return %sT : tensor<4x8x8xf32>
})"),
            2u);
  EXPECT_EQ(type(0), "tensor<?x?x2xf32>");
  EXPECT_EQ(type(1), "tensor<?x?x3xf32>");
  EXPECT_EQ(type(2), "tensor<?x2x3xf32>");
}

// Slices of part of a dimension, and constants that are not splats, keep theirs.
TEST_F(Shrink, PinnedExtents) {
  EXPECT_EQ(shrink(R"(
func.func @f(%x: tensor<?x4x8xf32>, %y: tensor<?x2xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>) {
  %o, %p = seqc.recurrence seq(%x, %y : (t)) {
  ^step(%xt: tensor<4x8xf32>, %yt: tensor<2xf32>):
    %row = tensor.extract_slice %xt[1, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<8xf32>
    %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %z = arith.mulf %c, %yt : tensor<2xf32>
    seqc.yield out(%row, %z)
  }
  return %o, %p : tensor<?x8xf32>, tensor<?x2xf32>
})"),
            1u);
  EXPECT_EQ(type(0), "tensor<?x4x2xf32>");
  EXPECT_EQ(type(1), "tensor<?x2xf32>");
}

} // namespace
