//===- acme-call.cpp - Compiles linalg, acme and seqc together, and calls --===//

#include "Acme.h"
#include "seqc/abi.h"
#include "seqc/passes/Pipelines/Compiler.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstdio>

static const char *program = R"(
func.func @smooth(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?xf32>
  %t = tensor.dim %x, %c1 : tensor<?x?xf32>
  %empty = tensor.empty(%b, %t) : tensor<?x?xf32>
  %two = linalg.add ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %slow = acme.ema %two decay 0.5 : tensor<?x?xf32> -> tensor<?x?xf32>
  %zero = arith.constant 0.0 : f32
  %sum = seqc.scan seq(%slow : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %sum : tensor<?x?xf32>
})";

int main() {
  mlir::DialectRegistry registry;
  seqc::registerAllDialects(registry);
  registry.insert<acme::AcmeDialect>();
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
  if (!module)
    return 1;
  acme::lowerEma(*module);
  auto compiled = seqc::compile(*module);
  if (!compiled) {
    std::printf("%s\n", llvm::toString(compiled.takeError()).c_str());
    return 1;
  }
  auto jit = std::move(*compiled).jit();
  if (!jit) {
    std::printf("%s\n", llvm::toString(jit.takeError()).c_str());
    return 1;
  }
  using Smooth = int32_t (*)(const DLTensor *, DLTensor *, seqc_error *);
  auto smooth = reinterpret_cast<Smooth>(llvm::cantFail((*jit)->lookup("smooth")));

  float x[2][5] = {{1, 2, 3, 4, 5}, {-1, 0, 1, 0, -1}}, y[2][5];
  int64_t shape[2] = {2, 5};
  auto tensor = [&](float *data) {
    DLTensor t = {};
    t.data = data;
    t.device = {kDLCPU, 0};
    t.ndim = 2;
    t.dtype = {kDLFloat, 32, 1};
    t.shape = shape;
    return t;
  };
  DLTensor in = tensor(&x[0][0]), out = tensor(&y[0][0]);
  seqc_error error;
  if (smooth(&in, &out, &error) != 0) {
    std::printf("%s\n", error.message);
    return 1;
  }
  for (int b = 0; b < 2; ++b) {
    double slow = 0, sum = 0;
    for (int t = 0; t < 5; ++t) {
      slow = 0.5 * slow + 0.5 * 2 * x[b][t];
      sum += slow;
      if (!(std::fabs(y[b][t] - sum) < 1e-5)) {
        std::printf("y[%d][%d] is %g, expected %g\n", b, t, y[b][t], sum);
        return 1;
      }
    }
  }
  // A wrong shape is refused before anything is written.
  shape[0] = 3;
  int64_t other[2] = {2, 5};
  out.shape = other;
  if (smooth(&in, &out, &error) != SEQC_ERROR_SHAPE) {
    std::printf("a wrong shape was accepted\n");
    return 1;
  }
  std::printf("refused as it should be: %s\n", error.message);
  return 0;
}
