//===- Seq.h - The seqc dialect ---------------------------------*- C++ -*-===//

#ifndef SEQC_DIALECTS_SEQ_SEQ_H
#define SEQC_DIALECTS_SEQ_SEQ_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "seqc/dialects/Seq/SeqDialect.h.inc"
#include "seqc/dialects/Seq/SeqEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "seqc/dialects/Seq/SeqAttrs.h.inc"
namespace seqc {
class YieldOp;
} // namespace seqc
#define GET_OP_CLASSES
#include "seqc/dialects/Seq/SeqOps.h.inc"

namespace seqc {

/// The shape of a value: its dimensions if it is a ranked tensor, none if scalar.
llvm::ArrayRef<int64_t> shapeOf(mlir::Type type);

/// The element type of a tensor, or the type itself.
mlir::Type elementOf(mlir::Type type);

/// A ranked tensor of `shape`, or `element` itself for an empty shape.
mlir::Type tensorOrScalar(llvm::ArrayRef<int64_t> shape, mlir::Type element);

/// A tensor type without its first dimension (a scalar if none is left); other
/// types unchanged.
mlir::Type dropLeading(mlir::Type type);

/// A `tensor.expand_shape` or `tensor.collapse_shape`, from either side.
struct Reshape {
  mlir::Value longer, shorter;
  /// The dimensions of `longer` that each of `shorter` stands for.
  llvm::SmallVector<mlir::ReassociationIndices, 4> groups;

  /// The only dimension of group `i` whose size is not one, or -1.
  int64_t onlyLarge(unsigned i) const;
};
/// `op` as one, or nothing: for other operations, and where groups do not list the
/// dimensions in order, which upstream does not verify.
std::optional<Reshape> reshapeOf(mlir::Operation *op);

/// True for the operations of sparse routing.
bool isRoute(mlir::Operation *op);

/// True if `op` may stand in a step region (constraints R11 and S10).
bool isStepOperation(mlir::Operation *op);

/// True if a value of `from` may be read as `to`: equal, or a wider float.
bool widensTo(mlir::Type from, mlir::Type to);

/// The axes of a state: `axes` with time replaced by `segment`, or dropped where
/// that is null.
llvm::SmallVector<mlir::StringAttr>
stateAxesOf(llvm::ArrayRef<mlir::StringAttr> axes, mlir::StringAttr segment);

/// The axes of a final state: `initial`'s (null: none given) if they cover
/// `stateAxes`, else `stateAxes`.
AxesAttr finalMapOf(mlir::MLIRContext *context, AxesAttr initial,
                    llvm::ArrayRef<mlir::StringAttr> stateAxes);

/// The well-known associative scans, for builders.
enum class NamedScan { Add, Mul, Max, Min, LogSumExp, Affine, ArgMax, MatMul };

/// Builds a scan of `kind` over `seq`, which all have the axes `axes`.
/// Affine takes (a, x) and returns both; ArgMax takes (value, index); MatMul
/// takes matrices of one static square shape.  Other kinds take one operand.
/// Elements are floats; Add, Mul, Max, Min and ArgMax also take signed integers.
ScanOp buildNamedScan(mlir::OpBuilder &builder, mlir::Location loc,
                      NamedScan kind, mlir::ValueRange seq, AxesAttr axes,
                      bool exclusive = false, bool reverse = false);

} // namespace seqc

#endif // SEQC_DIALECTS_SEQ_SEQ_H
