//===- acme-opt.cpp - seqc's dialects and passes beside one's own ---------===//

#include "Acme.h"
#include "seqc/passes/Pipelines/Register.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  seqc::registerAllDialects(registry);
  registry.insert<acme::AcmeDialect>();
  seqc::registerAllPasses();
  acme::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "acme optimizer driver\n", registry));
}
