//===- StepBuilder.h - Builds a recurrence operand by operand ---*- C++ -*-===//

#ifndef SEQC_DIALECTS_SEQ_STEPBUILDER_H
#define SEQC_DIALECTS_SEQ_STEPBUILDER_H

#include "seqc/dialects/Seq/Seq.h"

#include <memory>

namespace seqc {

/// A tensor that holds a value of a step for every token.
struct Source {
  mlir::Value tensor;
  AxesAttr map;
};

/// A `seqc.recurrence` under construction.  Its step starts empty; operands are
/// added as the step turns out to need them.
class StepBuilder {
public:
  /// With a `chunk` length the step sees that many tokens at once.
  StepBuilder(mlir::OpBuilder &builder, mlir::Location loc, int64_t chunk = 0)
      : b(builder), loc(loc), chunk(chunk), body(std::make_unique<mlir::Block>()),
        inner(builder.getContext()) {
    inner.setInsertionPointToEnd(body.get());
  }

  /// The step's argument for `source`, as tokens' slices or, without a time
  /// axis in its map, as a weight.  The same source gives the same argument.
  mlir::Value add(const Source &source);
  /// Of a chunked step: how many tokens exist.
  mlir::Value count();
  /// A carry with this initial value.
  mlir::Value addCarry(const Source &initial);
  /// Adds an output; `map` are its axes and `element` its stored type.
  void addOut(mlir::Value value, AxesAttr map, mlir::Type element);

  /// Axes of all sequence operands so far, in order of appearance.
  llvm::SmallVector<mlir::StringAttr> axes() const;
  bool hasSequence() const { return !seq.empty(); }

  /// The step's operations go here.
  mlir::OpBuilder &step() { return inner; }
  mlir::Location location() const { return loc; }

  /// What a recurrence has beside operands.
  struct Modifiers {
    mlir::Value segments, resets;
    AxesAttr segmentsMap, resetsMap;
    llvm::SmallVector<Source> restarts;
    bool reverse = false;
  };
  /// Creates the operation at the outer builder's position; `next` are the next
  /// carries.
  RecurrenceOp finish(mlir::ValueRange next, const Modifiers &modifiers);

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t chunk;
  std::unique_ptr<mlir::Block> body;
  mlir::OpBuilder inner;
  llvm::SmallVector<Source> seq, weights, carries;
  struct Out {
    mlir::Value value;
    AxesAttr map;
    mlir::Type element;
  };
  llvm::SmallVector<Out> outs;
  mlir::Value countArg;
};

/// log(exp(l) + exp(r)) of floats or tensors, without overflow; minus infinity is its
/// identity.
mlir::Value logAddExp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value l,
                      mlir::Value r);

/// True if operands over time among `sources` have every one of `axes`, undivided.
bool coverAxes(llvm::ArrayRef<Source> sources, llvm::ArrayRef<mlir::StringAttr> axes);

/// `scalar` at every token of all axes of those of `sources` that are over time.
Source spreadOverTokens(mlir::OpBuilder &builder, mlir::Location loc,
                        const Source &scalar, llvm::ArrayRef<Source> sources);

/// Sizes of the named axes as the operands' types have them.
int64_t staticSizeOf(llvm::ArrayRef<Source> sources, mlir::StringAttr axis);

} // namespace seqc

#endif // SEQC_DIALECTS_SEQ_STEPBUILDER_H
