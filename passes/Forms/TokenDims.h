//===- TokenDims.h - Which dimensions of a program are its tokens -*- C++ -*-===//

#ifndef SEQC_PASSES_FORMS_TOKENDIMS_H
#define SEQC_PASSES_FORMS_TOKENDIMS_H

#include "seqc/dialects/Seq/Seq.h"

#include "llvm/ADT/DenseMap.h"

#include <optional>
#include <string>

namespace seqc {

/// The token dimensions of the values of a program with routes: those of dispatched tokens
/// and of recurrences over whole sequences, and what operations tie to them.  Where every
/// operation but a recurrence treats its tokens one by one, the program on one token, with
/// the states of its recurrences, is a step.
class TokenDims {
public:
  explicit TokenDims(mlir::Block &block);
  /// Why the program on one token is no step, or nothing.
  std::optional<std::string> obstacle();
  /// The token dimension of `value`, or -1.
  int64_t of(mlir::Value value);
  /// The dispatch whose table `segments` is, or null.
  static DispatchOp dispatchOf(mlir::Value segments) {
    auto dispatch = segments ? segments.getDefiningOp<DispatchOp>() : DispatchOp();
    return dispatch && dispatch.getOffsets() == segments ? dispatch : DispatchOp();
  }

private:
  int number(mlir::Value v, int64_t d);
  int find(int c);
  void tie(mlir::Value a, int64_t i, mlir::Value b, int64_t j);
  void tieAll(mlir::Value a, mlir::Value b, int64_t count);
  /// Makes a dimension one of `kind`: tokens, or rows of a dispatch.
  void seed(int &kind, mlir::Value v, int64_t d);
  bool isToken(mlir::Value v, int64_t d);
  void visit(mlir::Operation *op);
  std::optional<std::string> check(mlir::Operation *op);

  mlir::Block &block;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, int> numbers;
  llvm::SmallVector<int> parents;
  int token = -1, row = -1;
};

} // namespace seqc

#endif // SEQC_PASSES_FORMS_TOKENDIMS_H
