//===- InterpreterImpl.h - The interpreter over any domain ------*- C++ -*-===//
//
// For files that instantiate `interpret` over a domain of their own.  Members are
// defined by what they interpret, in the files included at the end.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_INTERPRETERIMPL_H
#define SEQC_LIB_REFERENCE_INTERPRETERIMPL_H

#include "seqc/lib/Reference/Interpreter.h"

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Reference/Routing.h"
#include "seqc/dialects/Seq/Factors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>
#include <list>

namespace seqc::reference {
namespace detail {
using namespace mlir;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::Twine;

/// Calls `body(indices, flat)` for every element of `shape`, in order.
template <class Body>
inline void forEach(ArrayRef<int64_t> shape, Body body) {
  SmallVector<int64_t, 6> at(shape.size(), 0);
  int64_t total = 1;
  for (int64_t s : shape)
    total *= s;
  for (int64_t flat = 0; flat < total; ++flat) {
    body(ArrayRef<int64_t>(at), flat);
    for (int d = int(shape.size()) - 1; d >= 0 && ++at[d] == shape[d]; --d)
      at[d] = 0;
  }
}

inline SmallVector<int64_t, 6> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t, 6> strides(shape.size(), 1);
  for (int d = int(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

template <class D>
class Interpreter {
public:
  using T = Tensor<D>;
  using Dom = Domain<D>;

  explicit Interpreter(const InterpretOptions &options) : options(options) {}

  llvm::Expected<std::vector<T>> run(func::FuncOp func, ArrayRef<T> inputs) {
    if (func.isDeclaration() || !llvm::hasSingleElement(func.getBody()))
      return error(func, "expected a body of one block");
    Block &block = func.getBody().front();
    if (inputs.size() != block.getNumArguments())
      return error(func, "expected one input per argument");
    for (auto [arg, input] : llvm::zip(block.getArguments(), inputs))
      env[arg] = input;
    for (Operation &op : block.without_terminator())
      if (llvm::Error e = execute(&op))
        return std::move(e);
    std::vector<T> results;
    for (Value v : block.getTerminator()->getOperands())
      results.push_back(env[v]);
    return results;
  }

private:
  llvm::Error error(Operation *op, const Twine &message) {
    std::string where;
    llvm::raw_string_ostream os(where);
    op->getLoc().print(os);
    return llvm::createStringError("'" + op->getName().getStringRef() +
                                   "' op: " + message + " (" + where + ")");
  }

  T constant(Attribute attr, Type type) {
    T result;
    result.shape.assign(shapeOf(type).begin(), shapeOf(type).end());
    auto number = [](Attribute a) -> double {
      if (auto f = dyn_cast<FloatAttr>(a))
        return f.getValueAsDouble();
      auto i = cast<IntegerAttr>(a);
      return i.getType().isInteger(1) ? double(i.getValue().getBoolValue())
                                      : double(i.getValue().getSExtValue());
    };
    if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
      if (dense.isSplat())
        result.data.assign(result.size(), Dom::fromDouble(number(
                                              dense.getSplatValue<Attribute>())));
      else
        for (Attribute a : dense.getValues<Attribute>())
          result.data.push_back(Dom::fromDouble(number(a)));
    } else {
      result.data.push_back(Dom::fromDouble(number(attr)));
    }
    return result;
  }

  int64_t integer(Value v) {
    return static_cast<int64_t>(Dom::toDouble(env[v].data[0]));
  }

  SmallVector<int64_t> integers(ArrayRef<OpFoldResult> values) {
    SmallVector<int64_t> result;
    for (OpFoldResult v : values)
      result.push_back(isa<Value>(v) ? integer(cast<Value>(v))
                                     : cast<IntegerAttr>(cast<Attribute>(v)).getInt());
    return result;
  }

  llvm::Error execute(Operation *op) {
    if (auto c = dyn_cast<arith::ConstantOp>(op)) {
      if (!isa<IntegerAttr, FloatAttr, DenseElementsAttr>(c.getValue()))
        return error(op, "this kind of constant has no meaning here");
      env[c.getResult()] = constant(c.getValue(), c.getType());
      return llvm::Error::success();
    }
    if (op->getNumRegions() == 0 && op->hasTrait<OpTrait::Elementwise>() &&
        op->getNumResults() == 1)
      return elementwise(op);
    if (isRoute(op))
      return route(op);
    return llvm::TypeSwitch<Operation *, llvm::Error>(op)
        .Case<RecurrenceOp>([&](auto op) { return recurrence(op); })
        .template Case<LinearRecurrenceOp>([&](auto op) { return linear(op); })
        .template Case<ScanOp>([&](auto op) { return scan(op); })
        .template Case<EinsumOp>([&](auto op) { return einsum(op); })
        .template Case<ReduceOp>([&](auto op) { return reduce(op); })
        .template Case<linalg::LinalgOp>([&](auto op) { return structured(op); })
        .Default([&](Operation *op) { return move(op); });
  }

  llvm::Error elementwise(Operation *op);
  /// The tensor with its numbers rounded to bf16; other domains do not round.
  static T narrowed(T tensor);
  llvm::Error einsum(EinsumOp op);
  llvm::Error reduce(ReduceOp op);
  /// The operations of sparse routing.
  llvm::Error route(Operation *op);
  /// What the score region makes of a score.
  llvm::Expected<double> scored(BlockAttentionOp op, double score, int64_t query,
                                int64_t key, int64_t head);
  /// tensor operations that move data.
  llvm::Error move(Operation *op);
  /// Calls `body(whole, flat)` with the place, in a tensor of `shape`, of every element
  /// of the slice that `op` names, and its number in the slice.
  template <class Slice, class Body>
  llvm::Error overSlice(Slice op, ArrayRef<int64_t> shape, Body body);
  llvm::Error inside(Operation *op, ArrayRef<int64_t> shape,
                     ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                     ArrayRef<int64_t> steps);
  /// A structured operation, by its indexing maps and scalar region.
  llvm::Error structured(linalg::LinalgOp op);

  //===--------------------------------------------------------------------===//
  // Sequences
  //===--------------------------------------------------------------------===//

  using Sizes = llvm::StringMap<int64_t>;

  /// Sizes of axes, from the operands; they have to agree.
  llvm::Error addSizes(Operation *op, StringRef what, ValueRange values,
                       ArrayAttr maps, Sizes &sizes, bool plain);
  /// Operands of one kind and their axes.
  struct Operands {
    StringRef what;
    ValueRange values;
    ArrayAttr maps;
  };
  /// The same of all operands: axes as they are before those that are divided, and the
  /// segments' after those of the first kind.
  template <class Op>
  llvm::Error allSizes(Op op, ArrayRef<Operands> kinds, Sizes &sizes);
  /// The slice of `t` at axis indices `at`.
  T slice(const T &t, AxesAttr map, const Sizes &at);
  void put(T &t, AxesAttr map, const Sizes &at, const T &value);
  /// The tokens that a chunk covers, in the order of the visit.
  SmallVector<int64_t> chunkTimes(const Sizes &at);
  /// The slices of a chunk's tokens, zero beyond the last.
  T rows(const T &t, AxesAttr map, const Sizes &at, int64_t length);
  void putRows(T &t, AxesAttr map, const Sizes &at, const T &value);
  T result(AxesAttr map, const Sizes &sizes, Type slice);
  /// Calls `token(at, position, fresh)` for every token of every sequence, in
  /// order, with `begin(at)` and `end(at)` around each sequence; `at` holds the
  /// axis indices, the segment's among them.
  template <class Op, class Begin, class Token, class End>
  llvm::Error sequences(Op op, Sizes &sizes, Begin begin, Token token, End end);

  llvm::Error recurrence(RecurrenceOp op);
  /// The canonical form, as its description has it.
  llvm::Error linear(LinearRecurrenceOp op);
  llvm::Error scan(ScanOp op);

  // Further entries of an axis index: how many tokens the chunk has, and
  // whether they are visited backwards.  No axis can have these names.
  static constexpr StringRef kCount = "#count", kReverse = "#reverse";

  const InterpretOptions &options;
  llvm::DenseMap<Value, T> env;
  llvm::DenseMap<Operation *, std::function<D(const D *)>> functions;
};

} // namespace detail

template <class D>
llvm::Expected<std::vector<Tensor<D>>>
interpret(mlir::func::FuncOp func, llvm::ArrayRef<Tensor<D>> inputs,
          const InterpretOptions &options) {
  return detail::Interpreter<D>(options).run(func, inputs);
}

} // namespace seqc::reference

#include "seqc/lib/Reference/InterpreterForms.h"
#include "seqc/lib/Reference/InterpreterOps.h"
#include "seqc/lib/Reference/InterpreterTensors.h"

#endif // SEQC_LIB_REFERENCE_INTERPRETERIMPL_H
