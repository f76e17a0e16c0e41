//===- Interpreter.cpp - The interpreter in float64 -----------------------===//

#include "seqc/lib/Reference/InterpreterImpl.h"

using namespace seqc::reference;

template llvm::Expected<std::vector<Tensor<double>>>
seqc::reference::interpret<double>(mlir::func::FuncOp,
                                   llvm::ArrayRef<Tensor<double>>,
                                   const InterpretOptions &);
