//===- InterpreterTensors.h - Tensor operations ----------------*- C++ -*-===//
//
// What moves data, and structured operations by their scalar regions.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_INTERPRETERTENSORS_H
#define SEQC_LIB_REFERENCE_INTERPRETERTENSORS_H

#include "seqc/lib/Reference/InterpreterImpl.h"

namespace seqc::reference::detail {

template <class D>
llvm::Error Interpreter<D>::move(Operation *op) {
  if (op->getNumResults() != 1)
    return error(op, "this operation has no meaning in the interpreter");
  T result;
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op)) {
    const T &in = env[extract.getSource()];
    if (llvm::Error e = overSlice(extract, in.shape, [&](int64_t from, int64_t) {
          result.data.push_back(in.data[from]);
        }))
      return e;
    auto sizes = integers(extract.getMixedSizes());
    llvm::SmallBitVector dropped = extract.getDroppedDims();
    for (unsigned d = 0; d < sizes.size(); ++d)
      if (!dropped[d])
        result.shape.push_back(sizes[d]);
  } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    const T &in = env[insert.getSource()];
    result = env[insert.getDest()];
    if (llvm::Error e = overSlice(insert, result.shape, [&](int64_t to, int64_t flat) {
          result.data[to] = in.data[flat];
        }))
      return e;
  } else if (isa<tensor::ExtractOp, tensor::InsertOp>(op)) {
    bool inserts = isa<tensor::InsertOp>(op);
    const T &in = env[op->getOperand(inserts ? 1 : 0)];
    auto strides = stridesOf(in.shape);
    int64_t at = 0;
    for (int64_t d = 0; d < in.rank(); ++d) {
      int64_t i = integer(op->getOperand(d + (inserts ? 2 : 1)));
      if (i < 0 || i >= in.shape[d])
        return error(op, "index " + Twine(i) + " in dimension " + Twine(d) +
                             " is outside of size " + Twine(in.shape[d]));
      at += i * strides[d];
    }
    if (inserts) {
      result = in;
      result.data[at] = env[op->getOperand(0)].data[0];
    } else {
      result.data = {in.data[at]};
    }
  } else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                 tensor::CastOp>(op)) {
    result = env[op->getOperand(0)];
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      auto shape = integers(expand.getMixedOutputShape());
      result.shape.assign(shape.begin(), shape.end());
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      SmallVector<int64_t, 6> shape;
      for (const auto &group : collapse.getReassociationIndices()) {
        shape.push_back(1);
        for (int64_t d : group)
          shape.back() *= result.shape[d];
      }
      result.shape = shape;
    }
  } else if (auto splat = dyn_cast<tensor::SplatOp>(op)) {
    auto shape = splat.getType().getShape();
    if (!splat.getType().hasStaticShape())
      return error(op, "expected a static shape");
    result.shape.assign(shape.begin(), shape.end());
    result.data.assign(result.size(), env[splat.getInput()].data[0]);
  } else if (auto from = dyn_cast<tensor::FromElementsOp>(op)) {
    auto shape = from.getType().getShape();
    result.shape.assign(shape.begin(), shape.end());
    for (Value v : from.getElements())
      result.data.push_back(env[v].data[0]);
  } else if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    auto shape = integers(empty.getMixedSizes());
    result.shape.assign(shape.begin(), shape.end());
    result.data.assign(result.size(), Dom::fromDouble(0));
  } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    const T &in = env[dim.getSource()];
    int64_t d = integer(dim.getIndex());
    if (d < 0 || d >= in.rank())
      return error(op, "dimension " + Twine(d) + " does not exist");
    result.data = {Dom::fromDouble(in.shape[d])};
  } else {
    return error(op, "this operation has no meaning in the interpreter");
  }
  env[op->getResult(0)] = std::move(result);
  return llvm::Error::success();
}

template <class D>
template <class Slice, class Body>
llvm::Error Interpreter<D>::overSlice(Slice op, ArrayRef<int64_t> shape, Body body) {
  auto offsets = integers(op.getMixedOffsets()), sizes = integers(op.getMixedSizes()),
       steps = integers(op.getMixedStrides());
  if (llvm::Error e = inside(op, shape, offsets, sizes, steps))
    return e;
  auto strides = stridesOf(shape);
  forEach(sizes, [&](ArrayRef<int64_t> at, int64_t flat) {
    int64_t whole = 0;
    for (unsigned d = 0; d < at.size(); ++d)
      whole += (offsets[d] + at[d] * steps[d]) * strides[d];
    body(whole, flat);
  });
  return llvm::Error::success();
}

template <class D>
llvm::Error Interpreter<D>::inside(Operation *op, ArrayRef<int64_t> shape,
                   ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                   ArrayRef<int64_t> steps) {
  for (unsigned d = 0; d < shape.size(); ++d)
    if (offsets[d] < 0 || (sizes[d] > 0 && offsets[d] + (sizes[d] - 1) * steps[d] >=
                                               shape[d]))
      return error(op, "the slice leaves dimension " + Twine(d));
  return llvm::Error::success();
}

template <class D>
llvm::Error Interpreter<D>::structured(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics())
    return error(op, "expected tensors");
  unsigned loops = op.getNumLoops();
  SmallVector<int64_t> extent(loops, -1);
  SmallVector<SmallVector<unsigned>> dims;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    auto &mine = dims.emplace_back();
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        return error(op, "expected indexing maps of plain dimensions");
      mine.push_back(loop.getPosition());
      int64_t size = env[operand.get()].shape[d];
      int64_t &known = extent[loop.getPosition()];
      if (known >= 0 && known != size)
        return error(op, "operand #" + Twine(operand.getOperandNumber()) +
                             " has size " + Twine(size) + " in dimension " +
                             Twine(d) + ", expected " + Twine(known));
      known = size;
    }
  }
  SmallVector<T> outs;
  for (OpOperand &init : op.getDpsInitsMutable())
    outs.push_back(env[init.get()]);
  Block *body = op.getBlock();
  unsigned inputs = op.getNumDpsInputs();
  llvm::Error failure = llvm::Error::success();
  bool failed = false;
  forEach(extent, [&](ArrayRef<int64_t> at, int64_t) {
    if (failed)
      return;
    auto offset = [&](unsigned i, ArrayRef<int64_t> shape) {
      auto strides = stridesOf(shape);
      int64_t sum = 0;
      for (auto [d, loop] : llvm::enumerate(dims[i]))
        sum += at[loop] * strides[d];
      return sum;
    };
    for (unsigned i = 0; i < dims.size(); ++i) {
      const T &from = i < inputs ? env[op->getOperand(i)] : outs[i - inputs];
      env[body->getArgument(i)] = T{{}, {from.data[offset(i, from.shape)]}};
    }
    for (Operation &inner : body->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
        env[index.getResult()] = T{{}, {Dom::fromDouble(at[index.getDim()])}};
        continue;
      }
      if (llvm::Error e = execute(&inner)) {
        failure = llvm::joinErrors(std::move(failure), std::move(e));
        failed = true;
        return;
      }
    }
    for (auto [i, v] : llvm::enumerate(body->getTerminator()->getOperands()))
      outs[i].data[offset(inputs + i, outs[i].shape)] = env[v].data[0];
  });
  if (failed)
    return failure;
  llvm::consumeError(std::move(failure));
  for (auto [result, out] : llvm::zip(op->getResults(), outs))
    env[result] = std::move(out);
  return llvm::Error::success();
}

} // namespace seqc::reference::detail

#endif // SEQC_LIB_REFERENCE_INTERPRETERTENSORS_H
