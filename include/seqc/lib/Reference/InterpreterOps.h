//===- InterpreterOps.h - Operations on elements ---------------*- C++ -*-===//
//
// Elementwise operations, einsums, reductions and routes.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_INTERPRETEROPS_H
#define SEQC_LIB_REFERENCE_INTERPRETEROPS_H

#include "seqc/lib/Reference/InterpreterImpl.h"

namespace seqc::reference::detail {

template <class D>
llvm::Error Interpreter<D>::elementwise(Operation *op) {
  auto it = functions.find(op);
  if (it == functions.end())
    it = functions.try_emplace(op, Dom::resolve(op)).first;
  const auto &fn = it->second;
  if (!fn)
    return error(op, "this operation has no meaning in the interpreter");
  T result;
  SmallVector<const T *, 4> operands;
  for (Value v : op->getOperands()) {
    operands.push_back(&env[v]);
    if (operands.back()->rank() > result.rank() || operands.size() == 1)
      result.shape = operands.back()->shape;
  }
  for (const T *operand : operands)
    if (operand->rank() && operand->shape != result.shape)
      return error(op, "operands have different shapes");
  int64_t n = result.size();
  result.data.resize(n);
  SmallVector<D, 4> args(operands.size());
  for (int64_t i = 0; i < n; ++i) {
    for (auto [j, operand] : llvm::enumerate(operands))
      args[j] = operand->data[operand->rank() ? i : 0];
    result.data[i] = fn(args.data());
  }
  env[op->getResult(0)] = std::move(result);
  return llvm::Error::success();
}

template <class D>
Tensor<D> Interpreter<D>::narrowed(T tensor) {
  if constexpr (std::is_same_v<D, double>)
    for (double &x : tensor.data) {
      llvm::APFloat f(x);
      bool lost;
      f.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven, &lost);
      f.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
      x = f.convertToDouble();
    }
  return tensor;
}

template <class D>
llvm::Error Interpreter<D>::einsum(EinsumOp op) {
  std::string output = op.getOutputTerm(), letters = output;
  SmallVector<std::string> terms = op.getTerms();
  for (const std::string &term : terms)
    for (char letter : term)
      if (letters.find(letter) == std::string::npos)
        letters += letter;
  SmallVector<int64_t, 8> extent(letters.size());
  SmallVector<SmallVector<int64_t, 8>, 4> strides;
  SmallVector<const T *, 4> operands;
  std::list<T> rounded;
  for (auto [term, v] : llvm::zip(terms, op.getOperands())) {
    const T &t = env[v];
    operands.push_back(hasNarrowFactors(op) ? &rounded.emplace_back(narrowed(t)) : &t);
    auto own = stridesOf(t.shape);
    auto &mine = strides.emplace_back(letters.size(), 0);
    for (auto [d, letter] : llvm::enumerate(term)) {
      extent[letters.find(letter)] = t.shape[d];
      mine[letters.find(letter)] = own[d];
    }
  }
  T result;
  result.shape.assign(extent.begin(), extent.begin() + output.size());
  result.data.assign(result.size(), Dom::fromDouble(0));
  // Outputs outside, sums inside, offsets kept as running numbers.
  ArrayRef<int64_t> all(extent);
  ArrayRef<int64_t> inner = all.drop_front(output.size());
  forEach(result.shape, [&](ArrayRef<int64_t> at, int64_t flat) {
    SmallVector<int64_t, 4> base(operands.size(), 0);
    for (unsigned o = 0; o < operands.size(); ++o)
      for (unsigned d = 0; d < at.size(); ++d)
        base[o] += at[d] * strides[o][d];
    D sum = Dom::fromDouble(0);
    forEach(inner, [&](ArrayRef<int64_t> in, int64_t) {
      D product = Dom::fromDouble(1);
      for (unsigned o = 0; o < operands.size(); ++o) {
        int64_t offset = base[o];
        for (unsigned d = 0; d < in.size(); ++d)
          offset += in[d] * strides[o][output.size() + d];
        product = o ? Dom::multiply(product, operands[o]->data[offset])
                    : operands[o]->data[offset];
      }
      sum = Dom::add(sum, product);
    });
    result.data[flat] = sum;
  });
  env[op.getResult()] = std::move(result);
  return llvm::Error::success();
}

template <class D>
llvm::Error Interpreter<D>::reduce(ReduceOp op) {
  const T &in = env[op.getInput()];
  int64_t axis = op.getAxis(), extent = in.shape[axis];
  auto strides = stridesOf(in.shape);
  T result;
  result.shape = in.shape;
  result.shape.erase(result.shape.begin() + axis);
  result.data.resize(result.size());
  forEach(result.shape, [&](ArrayRef<int64_t> at, int64_t flat) {
    int64_t base = 0;
    for (int64_t d = 0, k = 0; d < in.rank(); ++d)
      if (d != axis)
        base += at[k++] * strides[d];
    D best = in.data[base], where = Dom::fromDouble(0);
    for (int64_t i = 1; i < extent; ++i) {
      const D &x = in.data[base + i * strides[axis]];
      switch (op.getKind()) {
      case ReduceKind::add:
        best = Dom::add(best, x);
        break;
      case ReduceKind::max:
        best = Dom::maximum(best, x);
        break;
      case ReduceKind::min:
        best = Dom::minimum(best, x);
        break;
      case ReduceKind::argmax: {
        D better = Dom::isNaN(x) ? Dom::fromDouble(!Dom::isNaN(best))
                                 : Dom::less(best, x);
        best = Dom::select(better, x, best);
        where = Dom::select(better, Dom::fromDouble(i), where);
        break;
      }
      }
    }
    result.data[flat] = op.getKind() == ReduceKind::argmax ? where : best;
  });
  env[op.getResult()] = std::move(result);
  return llvm::Error::success();
}

template <class D>
llvm::Error Interpreter<D>::route(Operation *op) {
  auto all = [&](ValueRange values) {
    SmallVector<const T *> result;
    for (Value v : values)
      result.push_back(&env[v]);
    return result;
  };
  auto optional = [&](Value v) { return v ? &env[v] : nullptr; };
  auto meaning = [&]() -> routing::Results<D> {
    if (auto o = dyn_cast<TopkOp>(op))
      return routing::topk<D>(o, env[o.getScores()]);
    if (auto o = dyn_cast<AssignOp>(op))
      return routing::assign<D>(o, env[o.getVectors()], env[o.getCentroids()]);
    if (auto o = dyn_cast<DispatchOp>(op))
      return routing::dispatch<D>(o, env[o.getPicks()], all(o.getTokens()));
    if (auto o = dyn_cast<CombineOp>(op))
      return routing::combine<D>(o, env[o.getRows()], env[o.getInverse()],
                                 optional(o.getWeights()));
    if (auto o = dyn_cast<BlockAttentionOp>(op)) {
      routing::AttentionInputs<D> in{env[o.getQuery()],         env[o.getKey()],
                                     env[o.getValue()],         optional(o.getRelative()),
                                     optional(o.getBlocks()),   optional(o.getSegments()),
                                     optional(o.getAt())};
      return routing::attention<D>(o, in, [&](double s, int64_t i, int64_t j, int64_t h) {
        return scored(o, s, i, j, h);
      });
    }
    auto o = cast<MergeOp>(op);
    return routing::merge<D>(all(o.getOuts()), all(o.getLses()));
  };
  auto found = meaning();
  if (!found)
    return error(op, llvm::toString(found.takeError()));
  for (auto [value, result] : llvm::zip(op->getResults(), *found))
    env[value] = std::move(result);
  return llvm::Error::success();
}

template <class D>
llvm::Expected<double> Interpreter<D>::scored(BlockAttentionOp op, double score, int64_t query,
                              int64_t key, int64_t head) {
  Block &block = op.getScore().front();
  double given[] = {score, double(query), double(key), double(head)};
  for (auto [arg, x] : llvm::zip(block.getArguments(), given))
    env[arg] = T{{}, {Dom::fromDouble(x)}};
  for (Operation &inner : block.without_terminator())
    if (llvm::Error e = execute(&inner))
      return std::move(e);
  return Dom::toDouble(env[block.getTerminator()->getOperand(0)].data[0]);
}

} // namespace seqc::reference::detail

#endif // SEQC_LIB_REFERENCE_INTERPRETEROPS_H
