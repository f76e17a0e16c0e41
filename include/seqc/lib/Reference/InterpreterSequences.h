//===- InterpreterSequences.h - Tokens of sequences ------------*- C++ -*-===//
//
// Slices of operands along axes, and the order in which tokens are visited.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_INTERPRETERSEQUENCES_H
#define SEQC_LIB_REFERENCE_INTERPRETERSEQUENCES_H

#include "seqc/lib/Reference/InterpreterImpl.h"

namespace seqc::reference::detail {

template <class D>
llvm::Error Interpreter<D>::addSizes(Operation *op, StringRef what, ValueRange values,
                     ArrayAttr maps, Sizes &sizes, bool plain) {
  for (auto [i, pair] : llvm::enumerate(llvm::zip(values, maps))) {
    auto [v, attr] = pair;
    auto map = cast<AxesAttr>(attr);
    const T &t = env[v];
    for (unsigned d = 0; d < map.size(); ++d) {
      StringRef axis = map.getNames()[d].getValue();
      int64_t divisor = map.getDivisors()[d];
      if (plain != (divisor == 1))
        continue;
      if (plain && !sizes.count(axis)) {
        sizes[axis] = t.shape[d];
        continue;
      }
      auto it = sizes.find(axis);
      int64_t expected = it == sizes.end() ? -1 : it->second;
      if (it == sizes.end() || expected % divisor ||
          t.shape[d] != expected / divisor)
        return error(op, what + " operand #" + Twine(i) + " has size " +
                             Twine(t.shape[d]) + " in dimension " + Twine(d) +
                             ", expected axis '" + axis + "' of size " +
                             Twine(expected) + " divided by " + Twine(divisor));
    }
  }
  return llvm::Error::success();
}

template <class D>
template <class Op>
llvm::Error Interpreter<D>::allSizes(Op op, ArrayRef<Operands> kinds, Sizes &sizes) {
  for (bool plain : {true, false})
    for (auto [i, kind] : llvm::enumerate(kinds)) {
      if (llvm::Error e = addSizes(op, kind.what, kind.values, kind.maps, sizes, plain))
        return e;
      if (i == 0 && plain && op.getSegments())
        sizes[op.getSegmentAxis().getValue()] = env[op.getSegments()].size() - 1;
    }
  return llvm::Error::success();
}

template <class D>
Tensor<D> Interpreter<D>::slice(const T &t, AxesAttr map, const Sizes &at) {
  T result;
  result.shape.assign(t.shape.begin() + map.size(), t.shape.end());
  int64_t n = result.size(), index = 0;
  for (unsigned d = 0; d < map.size(); ++d)
    index = index * t.shape[d] +
            at.lookup(map.getNames()[d].getValue()) / map.getDivisors()[d];
  result.data.assign(t.data.begin() + index * n, t.data.begin() + (index + 1) * n);
  return result;
}

template <class D>
void Interpreter<D>::put(T &t, AxesAttr map, const Sizes &at, const T &value) {
  int64_t n = value.size(), index = 0;
  for (unsigned d = 0; d < map.size(); ++d)
    index = index * t.shape[d] + at.lookup(map.getNames()[d].getValue());
  std::copy(value.data.begin(), value.data.end(), t.data.begin() + index * n);
}

template <class D>
SmallVector<int64_t> Interpreter<D>::chunkTimes(const Sizes &at) {
  SmallVector<int64_t> times;
  int64_t step = at.lookup(kReverse) ? -1 : 1;
  for (int64_t i = 0; i < at.lookup(kCount); ++i)
    times.push_back(at.lookup(RecurrenceOp::getTimeAxis()) + step * i);
  return times;
}

template <class D>
Tensor<D> Interpreter<D>::rows(const T &t, AxesAttr map, const Sizes &at, int64_t length) {
  T all;
  Sizes one = at;
  for (int64_t time : chunkTimes(at)) {
    one[RecurrenceOp::getTimeAxis()] = time;
    T row = slice(t, map, one);
    all.data.insert(all.data.end(), row.data.begin(), row.data.end());
  }
  all.shape.push_back(length);
  all.shape.append(t.shape.begin() + map.size(), t.shape.end());
  all.data.resize(all.size(), Dom::fromDouble(0));
  return all;
}

template <class D>
void Interpreter<D>::putRows(T &t, AxesAttr map, const Sizes &at, const T &value) {
  T row;
  row.shape.assign(value.shape.begin() + 1, value.shape.end());
  int64_t n = row.size(), i = 0;
  Sizes one = at;
  for (int64_t time : chunkTimes(at)) {
    one[RecurrenceOp::getTimeAxis()] = time;
    row.data.assign(value.data.begin() + i * n,
                    value.data.begin() + (i + 1) * n);
    put(t, map, one, row);
    ++i;
  }
}

template <class D>
Tensor<D> Interpreter<D>::result(AxesAttr map, const Sizes &sizes, Type slice) {
  T t;
  for (StringAttr axis : map.getNames())
    t.shape.push_back(sizes.lookup(axis.getValue()));
  for (int64_t size : shapeOf(slice))
    t.shape.push_back(size);
  t.data.assign(t.size(), Dom::fromDouble(std::numeric_limits<double>::quiet_NaN()));
  return t;
}

template <class D>
template <class Op, class Begin, class Token, class End>
llvm::Error Interpreter<D>::sequences(Op op, Sizes &sizes, Begin begin, Token token, End end) {
  SmallVector<StringAttr> axes = op.getCarryAxes();
  std::vector<int64_t> table;
  StringRef time = RecurrenceOp::getTimeAxis();
  if (Value v = op.getSegments()) {
    for (const D &entry : env[v].data)
      table.push_back(static_cast<int64_t>(Dom::toDouble(entry)));
    if (table.empty() || table.front() != 0 || table.back() != sizes[time])
      return error(op, "the segment table has to rise from 0 to " +
                           Twine(sizes[time]));
    for (size_t i = 1; i < table.size(); ++i)
      if (table[i] < table[i - 1])
        return error(op, "the segment table decreases at entry " + Twine(i));
    sizes[op.getSegmentAxis().getValue()] = int64_t(table.size()) - 1;
  }
  SmallVector<int64_t> extent;
  for (StringAttr axis : axes)
    extent.push_back(sizes.lookup(axis.getValue()));
  int64_t total = 1;
  for (int64_t e : extent)
    total *= e;
  llvm::Error failure = llvm::Error::success();
  bool failed = false;
  forEach(extent, [&](ArrayRef<int64_t> index, int64_t flat) {
    if (failed)
      return;
    Sizes at;
    for (auto [axis, i] : llvm::zip(axes, index))
      at[axis.getValue()] = i;
    int64_t from = 0, to = sizes[time];
    if (op.getSegments()) {
      int64_t s = at[op.getSegmentAxis().getValue()];
      from = table[s];
      to = table[s + 1];
    }
    begin(at);
    int64_t position = 0, length = 1;
    if constexpr (std::is_same_v<Op, RecurrenceOp>)
      length = op.getChunk().value_or(1);
    at[kReverse] = op.getReverse();
    auto flagged = [&](int64_t i) {
      at[time] = op.getReverse() ? to - 1 - i : from + i;
      return op.getResets() && Dom::toDouble(slice(env[op.getResets()],
                                                   *op.getResetsMap(), at)
                                                 .data[0]) != 0;
    };
    for (int64_t i = 0; i < to - from; i += at[kCount], ++position) {
      // A chunk ends before a flagged token.
      int64_t most = std::min(length, to - from - i), count = 1;
      while (count < most && !flagged(i + count))
        ++count;
      bool restart = flagged(i);
      at[kCount] = count;
      if (restart)
        position = 0;
      if (llvm::Error e = token(at, position, restart)) {
        failure = llvm::joinErrors(std::move(failure), std::move(e));
        failed = true;
        return;
      }
    }
    end(at);
    if (options.progress)
      options.progress(double(flat + 1) / total);
  });
  if (failed)
    return failure;
  llvm::consumeError(std::move(failure));
  return llvm::Error::success();
}

} // namespace seqc::reference::detail

#endif // SEQC_LIB_REFERENCE_INTERPRETERSEQUENCES_H
