//===- Routing.h - The meaning of the routing operations --------*- C++ -*-===//
//
// Each function takes operands as tensors and returns the results, or an error without
// its place.  What decides a route, and attention, is computed in float64; what is only
// moved or summed stays in the domain.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_LIB_REFERENCE_ROUTING_H
#define SEQC_LIB_REFERENCE_ROUTING_H

#include "seqc/dialects/Seq/Seq.h"
#include "seqc/lib/Reference/Interpreter.h"

#include <limits>
#include <numeric>

namespace seqc::reference::routing {

template <class D>
using Results = llvm::Expected<std::vector<Tensor<D>>>;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class D>
Tensor<D> filled(llvm::ArrayRef<int64_t> shape, double value) {
  Tensor<D> t;
  t.shape.assign(shape.begin(), shape.end());
  t.data.assign(t.size(), Domain<D>::fromDouble(value));
  return t;
}

inline int64_t productOf(llvm::ArrayRef<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t s : sizes)
    n *= s;
  return n;
}

template <class D>
int64_t integerAt(const Tensor<D> &t, int64_t i) {
  return static_cast<int64_t>(Domain<D>::toDouble(t.data[i]));
}

/// The candidates (not -inf) in descending order, NaN first, equal ones by index.
inline std::vector<int64_t> descending(llvm::ArrayRef<double> s) {
  std::vector<int64_t> order;
  for (int64_t i = 0, e = s.size(); i < e; ++i)
    if (s[i] != -kInfinity)
      order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return s[a] != s[a] ? s[b] == s[b] : s[a] > s[b];
  });
  return order;
}

template <class D>
Results<D> topk(TopkOp op, const Tensor<D> &scores) {
  using Dom = Domain<D>;
  int64_t k = op.getK(), row = scores.shape.back();
  llvm::SmallVector<int64_t> shape(scores.shape);
  shape.back() = k;
  Tensor<D> weights = filled<D>(shape, 0), indices = filled<D>(shape, -1);
  for (int64_t r = 0, n = productOf(shape) / k; r < n; ++r) {
    std::vector<double> s(row);
    for (int64_t i = 0; i < row; ++i)
      s[i] = Dom::toDouble(scores.data[r * row + i]);
    std::vector<int64_t> order = descending(s);
    auto softmax = [&](llvm::ArrayRef<int64_t> over) {
      double top = over.empty() ? 0 : s[over[0]], sum = 0;
      for (int64_t i : over)
        sum += std::exp(s[i] - top);
      for (int64_t i : over)
        s[i] = std::exp(s[i] - top) / sum;
    };
    llvm::ArrayRef<int64_t> all(order), picks = all.take_front(std::min<int64_t>(k, all.size()));
    if (op.getSoftmax() != SoftmaxKind::none)
      softmax(op.getSoftmax() == SoftmaxKind::before ? all : picks);
    double sum = 0;
    for (int64_t i : picks)
      sum += s[i];
    for (auto [j, i] : llvm::enumerate(picks)) {
      indices.data[r * k + j] = Dom::fromDouble(i);
      weights.data[r * k + j] = Dom::fromDouble(op.getNormalize() ? s[i] / sum : s[i]);
    }
  }
  return std::vector<Tensor<D>>{std::move(weights), std::move(indices)};
}

template <class D>
Results<D> assign(AssignOp op, const Tensor<D> &x, const Tensor<D> &mu) {
  using Dom = Domain<D>;
  int64_t rank = mu.rank(), heads = rank == 3 ? mu.shape[0] : 1;
  int64_t count = mu.shape[rank - 2], features = mu.shape[rank - 1];
  int64_t batched = x.rank() - rank, batches = batched ? x.shape[0] : 1;
  if (x.shape.back() != features || (rank == 3 && x.shape[batched + 1] != heads))
    return llvm::createStringError("x and the centroids disagree in heads or features");
  int64_t tokens = x.shape[batched];
  auto length = [&](const Tensor<D> &t, int64_t row) {
    double sum = 0;
    for (int64_t f = 0; f < features; ++f)
      sum += std::pow(Dom::toDouble(t.data[row * features + f]), 2);
    return std::sqrt(sum);
  };
  auto similarity = [&](int64_t from, int64_t to) {
    double sum = 0;
    for (int64_t f = 0; f < features; ++f)
      sum += Dom::toDouble(x.data[from * features + f]) *
             Dom::toDouble(mu.data[to * features + f]);
    if (!op.getCosine())
      return sum;
    double lengths = length(x, from) * length(mu, to);
    return lengths == 0 ? 0 : sum / lengths;
  };
  llvm::SmallVector<int64_t> shape(llvm::drop_end(x.shape));
  if (op.getMembers()) {
    shape.resize(batched);
    llvm::append_range(shape, llvm::drop_end(mu.shape));
    shape.push_back(*op.getMembers());
  }
  Tensor<D> best = filled<D>(shape, 0), indices = filled<D>(shape, -1);
  shape.assign(x.shape.begin(), x.shape.end());
  shape.back() = count;
  Tensor<D> inverse = filled<D>(shape, -1);
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t h = 0; h < heads; ++h) {
      auto row = [&](int64_t n) { return (b * tokens + n) * heads + h; };
      std::vector<double> s;
      for (int64_t n = 0; n < tokens && !op.getMembers(); ++n) {
        s.clear();
        for (int64_t c = 0; c < count; ++c)
          s.push_back(similarity(row(n), h * count + c));
        if (auto order = descending(s); !order.empty()) {
          best.data[row(n)] = Dom::fromDouble(s[order[0]]);
          indices.data[row(n)] = Dom::fromDouble(order[0]);
        }
      }
      for (int64_t c = 0; c < count && op.getMembers(); ++c) {
        s.clear();
        for (int64_t n = 0; n < tokens; ++n)
          s.push_back(similarity(row(n), h * count + c));
        auto order = descending(s);
        int64_t w = *op.getMembers();
        order.resize(std::min<int64_t>(w, order.size()));
        std::sort(order.begin(), order.end());
        for (auto [j, n] : llvm::enumerate(order)) {
          int64_t at = ((b * heads + h) * count + c) * w + j;
          best.data[at] = Dom::fromDouble(s[n]);
          indices.data[at] = Dom::fromDouble(row(n));
          inverse.data[row(n) * count + c] = Dom::fromDouble(at);
        }
      }
    }
  std::vector<Tensor<D>> results{std::move(best), std::move(indices)};
  if (op.getMembers())
    results.push_back(std::move(inverse));
  return results;
}

template <class D>
Results<D> dispatch(DispatchOp op, const Tensor<D> &picks,
                    llvm::ArrayRef<const Tensor<D> *> tokens) {
  using Dom = Domain<D>;
  int64_t experts = op.getExperts(), k = picks.shape.back();
  int64_t batches = picks.rank() == 3 ? picks.shape[0] : 1;
  int64_t slots = picks.shape[picks.rank() - 2] * k, rows = batches * slots;
  for (auto [i, t] : llvm::enumerate(tokens))
    for (int64_t d = 0; d + 1 < picks.rank(); ++d)
      if (t->shape[d] != picks.shape[d])
        return llvm::createStringError(
            "tokens operand #" + llvm::Twine(i) + " has size " +
            llvm::Twine(t->shape[d]) + " in dimension " + llvm::Twine(d) +
            ", the picks have " + llvm::Twine(picks.shape[d]));
  std::vector<std::vector<int64_t>> segments(batches * experts);
  std::vector<int64_t> dropped;
  for (int64_t slot = 0; slot < rows; ++slot) {
    int64_t expert = integerAt(picks, slot);
    if (expert >= experts || expert < -1 || (expert < 0 && !op.getCapacity()))
      return llvm::createStringError(
          "pick " + llvm::Twine(expert) + " of slot " + llvm::Twine(slot) +
          " is not one of " + llvm::Twine(experts) + " experts");
    auto *segment = expert < 0 ? nullptr : &segments[slot / slots * experts + expert];
    if (segment && (!op.getCapacity() || segment->size() < *op.getCapacity()))
      segment->push_back(slot);
    else
      dropped.push_back(slot);
  }
  std::vector<Tensor<D>> results;
  Tensor<D> permutation = filled<D>({rows}, -1), inverse = filled<D>(picks.shape, -1);
  Tensor<D> offsets = filled<D>({batches * experts + 1 + op.getCapacity().has_value()}, 0);
  int64_t row = 0;
  for (auto [i, segment] : llvm::enumerate(segments)) {
    for (int64_t slot : segment) {
      permutation.data[row] = Dom::fromDouble(slot);
      inverse.data[slot] = Dom::fromDouble(row++);
    }
    offsets.data[i + 1] = Dom::fromDouble(row);
  }
  if (op.getCapacity())
    offsets.data.back() = Dom::fromDouble(rows);
  for (const Tensor<D> *t : tokens) {
    llvm::SmallVector<int64_t> shape{rows};
    llvm::append_range(shape, llvm::drop_begin(t->shape, picks.rank() - 1));
    int64_t size = productOf(llvm::ArrayRef<int64_t>(shape).drop_front());
    Tensor<D> packed = filled<D>(shape, 0);
    for (int64_t r = 0; r < row; ++r) {
      int64_t from = integerAt(permutation, r) / k * size;
      std::copy_n(t->data.begin() + from, size, packed.data.begin() + r * size);
    }
    results.push_back(std::move(packed));
  }
  results.push_back(std::move(permutation));
  results.push_back(std::move(inverse));
  results.push_back(std::move(offsets));
  return results;
}

template <class D>
Results<D> combine(CombineOp op, const Tensor<D> &rows, const Tensor<D> &inverse,
                   const Tensor<D> *weights) {
  using Dom = Domain<D>;
  if (weights && weights->shape != inverse.shape)
    return llvm::createStringError("weights and inverse have different shapes");
  llvm::SmallVector<int64_t> shape(llvm::drop_end(inverse.shape));
  int64_t k = inverse.shape.back(), n = productOf(shape);
  llvm::append_range(shape, llvm::drop_begin(rows.shape));
  int64_t size = productOf(llvm::ArrayRef<int64_t>(rows.shape).drop_front());
  Tensor<D> result = filled<D>(shape, 0);
  for (int64_t i = 0; i < n; ++i) {
    int64_t count = 0;
    for (int64_t j = 0; j < k; ++j) {
      int64_t row = integerAt(inverse, i * k + j);
      if (row < -1 || row >= rows.shape[0])
        return llvm::createStringError("the inverse has row " + llvm::Twine(row) +
                                       " of " + llvm::Twine(rows.shape[0]));
      if (row < 0)
        continue;
      ++count;
      for (int64_t f = 0; f < size; ++f) {
        D x = rows.data[row * size + f];
        if (weights)
          x = Dom::multiply(weights->data[i * k + j], x);
        D &sum = result.data[i * size + f];
        sum = Dom::add(sum, x);
      }
    }
    for (int64_t f = 0; op.getMean() && count && f < size; ++f) {
      D &sum = result.data[i * size + f];
      sum = Dom::multiply(Dom::fromDouble(1.0 / count), sum);
    }
  }
  return std::vector<Tensor<D>>{std::move(result)};
}

template <class D>
struct AttentionInputs {
  const Tensor<D> &q, &k, &v;
  const Tensor<D> *relative, *list, *segments, *at;
};

/// What the score region makes of a score, the positions of query and key, and the head.
using Score = llvm::function_ref<llvm::Expected<double>(double, int64_t, int64_t, int64_t)>;

template <class D>
Results<D> attention(BlockAttentionOp op, const AttentionInputs<D> &in, Score score) {
  using Dom = Domain<D>;
  const Tensor<D> &q = in.q, &k = in.k, &v = in.v, *list = in.list,
                  *segments = in.segments, *relative = in.relative;
  int64_t rank = q.rank(), heads = q.shape[rank - 2], features = q.shape[rank - 1];
  int64_t keyHeads = k.shape[rank - 2], values = v.shape[rank - 1];
  int64_t batches = rank == 4 ? q.shape[0] : 1, length = q.shape[rank - 3],
          keys = k.shape[rank - 3], group = op.getGroup().value_or(1);
  if (v.shape[rank - 3] != keys || k.shape[0] != v.shape[0] ||
      q.shape[0] != k.shape[0])
    return llvm::createStringError("q, k and v disagree in batch or length");
  auto divides = [&](int64_t part) { return part > 0 && heads % part == 0; };
  if (k.shape[rank - 1] != features || !divides(keyHeads) ||
      v.shape[rank - 2] != keyHeads || (list && !divides(list->shape[rank - 2])) ||
      (relative && (!divides(relative->shape[1]) || relative->shape[2] != features)))
    return llvm::createStringError("heads or features disagree");
  if (list && (list->shape[rank - 3] != (length ? (length - 1) / group + 1 : 0) ||
               (rank == 4 && list->shape[0] != batches)))
    return llvm::createStringError(
        "the list of blocks has " + llvm::Twine(list->shape[rank - 3]) +
        " rows, expected " + llvm::Twine(length ? (length - 1) / group + 1 : 0));
  struct Sequence {
    int64_t batch, query, queries, key, keys, position; // the first query's
  };
  std::vector<Sequence> sequences;
  if (segments) {
    int64_t last = segments->size() - 1;
    if (integerAt(*segments, 0) != 0 || integerAt(*segments, last) != length)
      return llvm::createStringError("the segment table has to rise from 0 to " +
                                     llvm::Twine(length));
    for (int64_t i = 0; i < last; ++i) {
      int64_t from = integerAt(*segments, i), to = integerAt(*segments, i + 1);
      if (to < from)
        return llvm::createStringError("the segment table decreases at entry " +
                                       llvm::Twine(i + 1));
      sequences.push_back({0, from, to - from, from, to - from, 0});
    }
  } else {
    for (int64_t b = 0; b < batches; ++b) {
      int64_t first = in.at ? integerAt(*in.at, b) : keys - length;
      if (in.at && (first < 0 || first + length > keys))
        return llvm::createStringError(
            "batch element " + llvm::Twine(b) + " has its queries at " +
            llvm::Twine(first) + ", expected 0 to " + llvm::Twine(keys - length));
      sequences.push_back({b, 0, length, 0, keys, first});
    }
  }
  Tensor<D> out = filled<D>({}, 0), lse = filled<D>({}, 0);
  llvm::SmallVector<int64_t> shape(llvm::drop_end(q.shape));
  lse = filled<D>(shape, -kInfinity);
  shape.push_back(values);
  out = filled<D>(shape, 0);
  auto number = [](const Tensor<D> &t, int64_t i) { return Dom::toDouble(t.data[i]); };
  for (const Sequence &s : sequences)
    for (int64_t i = 0; i < s.queries; ++i)
      for (int64_t h = 0; h < heads; ++h) {
        int64_t position = i + s.position;
        std::vector<bool> seen(s.keys, !list && !op.getWindow());
        if (list) {
          int64_t shared = list->shape[rank - 2], n = list->shape[rank - 1];
          int64_t row = s.batch * list->shape[rank - 3] + (s.query + i) / group;
          for (int64_t j = 0; j < n; ++j) {
            int64_t block = integerAt(
                *list, (row * shared + h / (heads / shared)) * n + j);
            int64_t size = *op.getBlock(), blocks = s.keys ? (s.keys - 1) / size + 1 : 0;
            if (block < -1 || block >= blocks)
              return llvm::createStringError(
                  "the list of query " + llvm::Twine(i) + " has block " +
                  llvm::Twine(block) + " of " + llvm::Twine(blocks));
            for (int64_t at = std::max<int64_t>(block, 0) * size;
                 block >= 0 && at < std::min(s.keys, (block + 1) * size); ++at)
              seen[at] = true;
          }
        }
        for (int64_t at = 0; at < s.keys; ++at) {
          if (op.getWindow() && std::abs(at - position) < int64_t(*op.getWindow()))
            seen[at] = true;
          if (op.getCausal() && at > position)
            seen[at] = false;
        }
        int64_t from = (s.batch * length + s.query + i) * heads + h;
        std::vector<double> logits(s.keys, -kInfinity), sum(values, 0);
        double top = -kInfinity, total = 0;
        bool nan = false;
        for (int64_t at = 0; at < s.keys; ++at) {
          if (!seen[at])
            continue;
          int64_t key = (s.batch * keys + s.key + at) * keyHeads +
                        h / (heads / keyHeads);
          double dot = 0;
          for (int64_t f = 0; f < features; ++f)
            dot += number(q, from * features + f) * number(k, key * features + f);
          if (relative) {
            int64_t shared = relative->shape[1];
            int64_t row = op.getNearestRow() - (position - at);
            for (int64_t f = 0; f < features && row >= 0 && row < relative->shape[0]; ++f)
              dot += number(q, from * features + f) *
                     number(*relative,
                            (row * shared + h / (heads / shared)) * features + f);
          }
          logits[at] = dot * op.getFactor();
          if (!op.getScore().empty()) {
            auto made = score(logits[at], position, at, h);
            if (!made)
              return made.takeError();
            logits[at] = *made;
            seen[at] = *made != -kInfinity;
          }
          nan |= logits[at] != logits[at];
          top = std::max(top, logits[at]);
        }
        if (top == -kInfinity && !nan)
          continue;
        for (int64_t at = 0; at < s.keys; ++at) {
          if (!seen[at])
            continue;
          int64_t key = (s.batch * keys + s.key + at) * keyHeads +
                        h / (heads / keyHeads);
          double weight = std::exp(logits[at] - top);
          total += weight;
          for (int64_t f = 0; f < values; ++f)
            sum[f] += weight * number(v, key * values + f);
        }
        for (int64_t f = 0; f < values; ++f)
          out.data[from * values + f] = Dom::fromDouble(sum[f] / total);
        lse.data[from] = Dom::fromDouble(top + std::log(total));
      }
  return std::vector<Tensor<D>>{std::move(out), std::move(lse)};
}

template <class D>
Results<D> merge(llvm::ArrayRef<const Tensor<D> *> outs,
                 llvm::ArrayRef<const Tensor<D> *> lses) {
  using Dom = Domain<D>;
  Tensor<D> out = filled<D>(outs[0]->shape, 0),
            lse = filled<D>(lses[0]->shape, -kInfinity);
  for (auto [o, l] : llvm::zip(outs, lses))
    if (o->shape != out.shape || l->shape != lse.shape)
      return llvm::createStringError("the pairs have different shapes");
  int64_t values = out.shape.back();
  for (int64_t i = 0, n = lse.size(); i < n; ++i) {
    double top = -kInfinity, total = 0;
    for (const Tensor<D> *l : lses)
      top = Domain<double>::maximum(top, Dom::toDouble(l->data[i]));
    if (top == -kInfinity)
      continue;
    for (const Tensor<D> *l : lses)
      total += std::exp(Dom::toDouble(l->data[i]) - top);
    lse.data[i] = Dom::fromDouble(top + std::log(total));
    for (int64_t f = 0; f < values; ++f) {
      double sum = 0;
      for (auto [o, l] : llvm::zip(outs, lses))
        if (double part = Dom::toDouble(l->data[i]); part != -kInfinity)
          sum += std::exp(part - top) * Dom::toDouble(o->data[i * values + f]);
      out.data[i * values + f] = Dom::fromDouble(sum / total);
    }
  }
  return std::vector<Tensor<D>>{std::move(out), std::move(lse)};
}

} // namespace seqc::reference::routing

#endif // SEQC_LIB_REFERENCE_ROUTING_H
