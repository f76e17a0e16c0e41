//===- InterpreterForms.h - Recurrences and scans --------------*- C++ -*-===//
//
// Recurrences, the canonical form and scans, token by token.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_INTERPRETERFORMS_H
#define SEQC_LIB_REFERENCE_INTERPRETERFORMS_H

#include "seqc/lib/Reference/InterpreterSequences.h"

namespace seqc::reference::detail {

template <class D>
llvm::Error Interpreter<D>::recurrence(RecurrenceOp op) {
  Sizes sizes;
  if (llvm::Error e = allSizes(op,
                               {{"seq", op.getSeq(), op.getSeqMaps()},
                                {"weight", op.getWeights(), op.getWeightMaps()},
                                {"carry", op.getCarries(), op.getCarryMaps()},
                                {"restart", op.getRestarts(), op.getRestartMaps()}},
                               sizes))
    return e;
  YieldOp yield = op.getYield();
  SmallVector<T> outs, finals, carries(op.getCarries().size());
  SmallVector<T> snapshots(op.getSnapshots().size() / 2);
  for (auto [map, v] :
       llvm::zip(op.getOutMaps().getAsRange<AxesAttr>(), yield.getOuts()))
    outs.push_back(result(
        map, sizes, op.getChunk() ? dropLeading(v.getType()) : v.getType()));
  for (unsigned i = 0; i < carries.size(); ++i)
    finals.push_back(
        result(op.getFinalMap(i), sizes, op.getCarryArgs()[i].getType()));
  // Constants inside the step are the same for every token.
  auto begin = [&](Sizes &at) {
    for (unsigned i = 0; i < carries.size(); ++i)
      carries[i] = slice(env[op.getCarries()[i]],
                         cast<AxesAttr>(op.getCarryMaps()[i]), at);
    for (unsigned i = 0; i < op.getWeights().size(); ++i)
      env[op.getWeightArgs()[i]] = slice(
          env[op.getWeights()[i]], cast<AxesAttr>(op.getWeightMaps()[i]), at);
  };
  auto token = [&](Sizes &at, int64_t position, bool restart) -> llvm::Error {
    for (unsigned i = 0; restart && i < carries.size(); ++i) {
      if (op.getRestarts().empty())
        carries[i].data.assign(carries[i].size(), Dom::fromDouble(0));
      else
        carries[i] = slice(env[op.getRestarts()[i]],
                           cast<AxesAttr>(op.getRestartMaps()[i]), at);
    }
    for (unsigned i = 0; i < op.getSeq().size(); ++i) {
      auto map = cast<AxesAttr>(op.getSeqMaps()[i]);
      env[op.getSeqArgs()[i]] =
          op.getChunk() ? rows(env[op.getSeq()[i]], map, at, *op.getChunk())
                        : slice(env[op.getSeq()[i]], map, at);
    }
    for (unsigned i = 0; i < snapshots.size(); ++i) {
      if (position % op.getSnapshots()[2 * i + 1] == 0)
        snapshots[i] = carries[op.getSnapshots()[2 * i]];
      env[op.getSnapshotArgs()[i]] = snapshots[i];
    }
    for (unsigned i = 0; i < carries.size(); ++i)
      env[op.getCarryArgs()[i]] = carries[i];
    if (Value arg = op.getPositionArg())
      env[arg] = T{{}, {Dom::fromDouble(position)}};
    if (Value arg = op.getCountArg())
      env[arg] = T{{}, {Dom::fromDouble(at.lookup(kCount))}};
    if (Value arg = op.getFirstArg())
      env[arg] = T{{}, {Dom::fromDouble(position == 0)}};
    for (Operation &inner : op.getStep().front().without_terminator())
      if (llvm::Error e = execute(&inner))
        return e;
    for (unsigned i = 0; i < outs.size(); ++i) {
      auto map = cast<AxesAttr>(op.getOutMaps()[i]);
      if (op.getChunk())
        putRows(outs[i], map, at, env[yield.getOuts()[i]]);
      else
        put(outs[i], map, at, env[yield.getOuts()[i]]);
    }
    for (unsigned i = 0; i < carries.size(); ++i)
      carries[i] = env[yield.getCarries()[i]];
    return llvm::Error::success();
  };
  auto end = [&](Sizes &at) {
    for (unsigned i = 0; i < carries.size(); ++i)
      put(finals[i], op.getFinalMap(i), at, carries[i]);
  };
  if (llvm::Error e = sequences(op, sizes, begin, token, end))
    return e;
  for (unsigned i = 0; i < outs.size(); ++i)
    env[op.getOuts()[i]] = std::move(outs[i]);
  for (unsigned i = 0; i < finals.size(); ++i)
    env[op.getFinals()[i]] = std::move(finals[i]);
  return llvm::Error::success();
}

template <class D>
llvm::Error Interpreter<D>::linear(LinearRecurrenceOp op) {
  Sizes sizes;
  ValueRange operands = op->getOperands().take_front(op.getMaps().size());
  if (llvm::Error e = allSizes(op, {{"an", operands, op.getMaps()}}, sizes))
    return e;
  int64_t keys = op.keySize(), values = op.valueSize();
  Type element = elementOf(op.getInitial().getType());
  SmallVector<T> outs;
  for (int64_t axis : op.getReadAxes())
    outs.push_back(
        result(op.getOutMap(), sizes,
               RankedTensorType::get({axis == 0 ? values : keys}, element)));
  T final = result(op.getFinalMap(), sizes,
                   RankedTensorType::get({keys, values}, element));
  T state;
  const D zero = Dom::fromDouble(0);
  auto begin = [&](Sizes &at) {
    state = slice(env[op.initial().value], op.initial().map, at);
  };
  auto token = [&](Sizes &at, int64_t, bool restart) -> llvm::Error {
    auto load = [&](LinearRecurrenceOp::Operand o) {
      return slice(env[o.value], o.map, at);
    };
    auto entry = [&](const T &s, int64_t k, int64_t v) -> const D & {
      return s.data[k * values + v];
    };
    if (restart)
      state.data.assign(keys * values, zero);
    T kept = state;
    if (op.getConstant()) {
      T blocks = load(op.constantBlocks());
      int64_t r = op.blockSize();
      for (int64_t k = 0; k < keys; ++k)
        for (int64_t v = 0; v < values; ++v) {
          D sum = zero;
          for (int64_t j = 0; j < r; ++j)
            sum = Dom::add(sum, Dom::multiply(blocks.data[k * r + j],
                                              entry(state, k / r * r + j, v)));
          kept.data[k * values + v] = sum;
        }
    }
    for (unsigned i = 0; i < op.numGates(); ++i) {
      T gate = load(op.gate(i));
      int64_t axis = op.getGateAxes()[i];
      if (op.getGateLogs()[i])
        for (D &g : gate.data)
          g = Dom::exponential(g);
      for (int64_t k = 0; k < keys; ++k)
        for (int64_t v = 0; v < values; ++v) {
          D &x = kept.data[k * values + v];
          x = Dom::multiply(gate.data[axis < 0 ? 0 : axis == 0 ? k : v], x);
        }
    }
    T next = kept;
    auto update = [&](const T &key, const std::vector<D> &value, const D &scale) {
      for (int64_t k = 0; k < keys; ++k)
        for (int64_t v = 0; v < values; ++v) {
          D &x = next.data[k * values + v];
          x = Dom::add(x, Dom::multiply(scale, Dom::multiply(key.data[k],
                                                             value[v])));
        }
    };
    for (unsigned i = 0; i < op.numPairs(); ++i) {
      T right = load(op.pair(i, 1));
      const T &from = op.getPairDecayed()[i] ? kept : state;
      std::vector<D> read(values, zero);
      for (int64_t v = 0; v < values; ++v)
        for (int64_t k = 0; k < keys; ++k)
          read[v] = Dom::add(read[v],
                             Dom::multiply(right.data[k], entry(from, k, v)));
      update(load(op.pair(i, 0)), read, load(op.pair(i, 2)).data[0]);
    }
    for (unsigned i = 0; i < op.numWrites(); ++i)
      update(load(op.write(i, 0)), load(op.write(i, 1)).data,
             load(op.write(i, 2)).data[0]);
    for (unsigned i = 0; i < op.numReads(); ++i) {
      T query = load(op.read(i, 0));
      D scale = load(op.read(i, 1)).data[0];
      const T &from = op.getReadAfter()[i] ? next : state;
      bool overKeys = op.getReadAxes()[i] == 0;
      T y;
      y.shape.push_back(overKeys ? values : keys);
      y.data.assign(y.size(), zero);
      for (int64_t k = 0; k < keys; ++k)
        for (int64_t v = 0; v < values; ++v) {
          D &x = y.data[overKeys ? v : k];
          x = Dom::add(x, Dom::multiply(query.data[overKeys ? k : v],
                                        entry(from, k, v)));
        }
      for (D &x : y.data)
        x = Dom::multiply(scale, x);
      put(outs[i], op.getOutMap(), at, y);
    }
    state = std::move(next);
    return llvm::Error::success();
  };
  auto end = [&](Sizes &at) { put(final, op.getFinalMap(), at, state); };
  if (llvm::Error e = sequences(op, sizes, begin, token, end))
    return e;
  for (unsigned i = 0; i < outs.size(); ++i)
    env[op.getResult(i)] = std::move(outs[i]);
  env[op.getFinalState()] = std::move(final);
  return llvm::Error::success();
}

template <class D>
llvm::Error Interpreter<D>::scan(ScanOp op) {
  Sizes sizes;
  if (llvm::Error e = allSizes(op,
                               {{"seq", op.getSeq(), op.getSeqMaps()},
                                {"initial", op.getInitials(), op.getInitialMaps()}},
                               sizes))
    return e;
  unsigned n = op.getSeq().size();
  SmallVector<T> outs, finals, prefix(n);
  for (unsigned i = 0; i < n; ++i) {
    Type element = op.getLeftArgs()[i].getType();
    outs.push_back(result(cast<AxesAttr>(op.getOutMaps()[i]), sizes, element));
    if (op.getFinal())
      finals.push_back(result(op.getFinalMap(i), sizes, element));
  }
  auto begin = [&](Sizes &at) {
    for (unsigned i = 0; i < n; ++i)
      prefix[i] = op.getInitials().empty()
                      ? env[op.getIdentities()[i]]
                      : slice(env[op.getInitials()[i]],
                              cast<AxesAttr>(op.getInitialMaps()[i]), at);
  };
  auto token = [&](Sizes &at, int64_t, bool restart) -> llvm::Error {
    for (unsigned i = 0; i < n; ++i) {
      if (restart)
        prefix[i] = env[op.getIdentities()[i]];
      env[op.getLeftArgs()[i]] = prefix[i];
      env[op.getRightArgs()[i]] =
          slice(env[op.getSeq()[i]], cast<AxesAttr>(op.getSeqMaps()[i]), at);
    }
    for (Operation &inner : op.getCombine().front().without_terminator())
      if (llvm::Error e = execute(&inner))
        return e;
    for (unsigned i = 0; i < n; ++i) {
      T next = env[op.getYield().getOuts()[i]];
      put(outs[i], cast<AxesAttr>(op.getOutMaps()[i]), at,
          op.getExclusive() ? prefix[i] : next);
      prefix[i] = std::move(next);
    }
    return llvm::Error::success();
  };
  auto end = [&](Sizes &at) {
    for (unsigned i = 0; op.getFinal() && i < n; ++i)
      put(finals[i], op.getFinalMap(i), at, prefix[i]);
  };
  if (llvm::Error e = sequences(op, sizes, begin, token, end))
    return e;
  for (unsigned i = 0; i < n; ++i)
    env[op.getOuts()[i]] = std::move(outs[i]);
  for (unsigned i = 0; i < finals.size(); ++i)
    env[op.getFinals()[i]] = std::move(finals[i]);
  return llvm::Error::success();
}

} // namespace seqc::reference::detail

#endif // SEQC_LIB_REFERENCE_INTERPRETERFORMS_H
