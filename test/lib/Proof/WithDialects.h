//===- WithDialects.h - A test that parses programs -------------*- C++ -*-===//

#ifndef SEQC_TEST_LIB_PROOF_WITHDIALECTS_H
#define SEQC_TEST_LIB_PROOF_WITHDIALECTS_H

#include "seqc/passes/Pipelines/Register.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

struct WithDialects : testing::Test {
  WithDialects() {
    seqc::registerAllDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(registry);
  }

  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
};

#endif // SEQC_TEST_LIB_PROOF_WITHDIALECTS_H
