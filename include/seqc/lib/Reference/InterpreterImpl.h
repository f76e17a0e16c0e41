//===- InterpreterImpl.h - The interpreter over any domain ------*- C++ -*-===//
//
// For files that instantiate `interpret` over a domain of their own.
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
    return llvm::TypeSwitch<Operation *, llvm::Error>(op)
        .Case<RecurrenceOp>([&](auto op) { return recurrence(op); })
        .template Case<LinearRecurrenceOp>([&](auto op) { return linear(op); })
        .template Case<ScanOp>([&](auto op) { return scan(op); })
        .template Case<EinsumOp>([&](auto op) { return einsum(op); })
        .template Case<ReduceOp>([&](auto op) { return reduce(op); })
        .template Case<TopkOp, AssignOp, DispatchOp, CombineOp, BlockAttentionOp, MergeOp>(
            [&](auto op) { return route(op); })
        .template Case<linalg::LinalgOp>([&](auto op) { return structured(op); })
        .Default([&](Operation *op) { return move(op); });
  }

  llvm::Error elementwise(Operation *op) {
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

  /// The tensor with its numbers rounded to bf16; other domains do not round.
  static T narrowed(T tensor) {
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

  llvm::Error einsum(EinsumOp op) {
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

  llvm::Error reduce(ReduceOp op) {
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

  /// The operations of sparse routing.
  llvm::Error route(Operation *op) {
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

  /// What the score region makes of a score.
  llvm::Expected<double> scored(BlockAttentionOp op, double score, int64_t query,
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

  /// tensor operations that move data.
  llvm::Error move(Operation *op) {
    if (op->getNumResults() != 1)
      return error(op, "this operation has no meaning in the interpreter");
    T result;
    if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op)) {
      const T &in = env[extract.getSource()];
      auto offsets = integers(extract.getMixedOffsets());
      auto sizes = integers(extract.getMixedSizes());
      auto steps = integers(extract.getMixedStrides());
      if (llvm::Error e = inside(op, in.shape, offsets, sizes, steps))
        return e;
      auto strides = stridesOf(in.shape);
      result.data.resize(T{{sizes.begin(), sizes.end()}, {}}.size());
      forEach(sizes, [&](ArrayRef<int64_t> at, int64_t flat) {
        int64_t from = 0;
        for (unsigned d = 0; d < at.size(); ++d)
          from += (offsets[d] + at[d] * steps[d]) * strides[d];
        result.data[flat] = in.data[from];
      });
      llvm::SmallBitVector dropped = extract.getDroppedDims();
      for (unsigned d = 0; d < sizes.size(); ++d)
        if (!dropped[d])
          result.shape.push_back(sizes[d]);
    } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
      const T &in = env[insert.getSource()];
      result = env[insert.getDest()];
      auto offsets = integers(insert.getMixedOffsets());
      auto sizes = integers(insert.getMixedSizes());
      auto steps = integers(insert.getMixedStrides());
      if (llvm::Error e = inside(op, result.shape, offsets, sizes, steps))
        return e;
      auto strides = stridesOf(result.shape);
      forEach(sizes, [&](ArrayRef<int64_t> at, int64_t flat) {
        int64_t to = 0;
        for (unsigned d = 0; d < at.size(); ++d)
          to += (offsets[d] + at[d] * steps[d]) * strides[d];
        result.data[to] = in.data[flat];
      });
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

  llvm::Error inside(Operation *op, ArrayRef<int64_t> shape,
                     ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                     ArrayRef<int64_t> steps) {
    for (unsigned d = 0; d < shape.size(); ++d)
      if (offsets[d] < 0 || (sizes[d] > 0 && offsets[d] + (sizes[d] - 1) * steps[d] >=
                                                 shape[d]))
        return error(op, "the slice leaves dimension " + Twine(d));
    return llvm::Error::success();
  }

  /// A structured operation, by its indexing maps and scalar region.
  llvm::Error structured(linalg::LinalgOp op) {
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

  //===--------------------------------------------------------------------===//
  // Sequences
  //===--------------------------------------------------------------------===//

  using Sizes = llvm::StringMap<int64_t>;

  /// Sizes of axes, from the operands; they have to agree.
  llvm::Error addSizes(Operation *op, StringRef what, ValueRange values,
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

  /// The slice of `t` at axis indices `at`.
  T slice(const T &t, AxesAttr map, const Sizes &at) {
    T result;
    result.shape.assign(t.shape.begin() + map.size(), t.shape.end());
    int64_t n = result.size(), index = 0;
    for (unsigned d = 0; d < map.size(); ++d)
      index = index * t.shape[d] +
              at.lookup(map.getNames()[d].getValue()) / map.getDivisors()[d];
    result.data.assign(t.data.begin() + index * n, t.data.begin() + (index + 1) * n);
    return result;
  }
  void put(T &t, AxesAttr map, const Sizes &at, const T &value) {
    int64_t n = value.size(), index = 0;
    for (unsigned d = 0; d < map.size(); ++d)
      index = index * t.shape[d] + at.lookup(map.getNames()[d].getValue());
    std::copy(value.data.begin(), value.data.end(), t.data.begin() + index * n);
  }
  /// The tokens that a chunk covers, in the order of the visit.
  SmallVector<int64_t> chunkTimes(const Sizes &at) {
    SmallVector<int64_t> times;
    int64_t step = at.lookup(kReverse) ? -1 : 1;
    for (int64_t i = 0; i < at.lookup(kCount); ++i)
      times.push_back(at.lookup(RecurrenceOp::getTimeAxis()) + step * i);
    return times;
  }
  /// The slices of a chunk's tokens, zero beyond the last.
  T rows(const T &t, AxesAttr map, const Sizes &at, int64_t length) {
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
  void putRows(T &t, AxesAttr map, const Sizes &at, const T &value) {
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
  T result(AxesAttr map, const Sizes &sizes, Type slice) {
    T t;
    for (StringAttr axis : map.getNames())
      t.shape.push_back(sizes.lookup(axis.getValue()));
    for (int64_t size : shapeOf(slice))
      t.shape.push_back(size);
    t.data.assign(t.size(), Dom::fromDouble(std::numeric_limits<double>::quiet_NaN()));
    return t;
  }

  /// Calls `token(at, position, fresh)` for every token of every sequence, in
  /// order, with `begin(at)` and `end(at)` around each sequence; `at` holds the
  /// axis indices, the segment's among them.
  template <class Op, class Begin, class Token, class End>
  llvm::Error sequences(Op op, Sizes &sizes, Begin begin, Token token, End end) {
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

  llvm::Error recurrence(RecurrenceOp op) {
    Sizes sizes;
    for (bool plain : {true, false}) {
      if (llvm::Error e =
              addSizes(op, "seq", op.getSeq(), op.getSeqMaps(), sizes, plain))
        return e;
      if (plain && op.getSegments())
        sizes[op.getSegmentAxis().getValue()] = env[op.getSegments()].size() - 1;
      if (llvm::Error e = addSizes(op, "weight", op.getWeights(),
                                   op.getWeightMaps(), sizes, plain))
        return e;
      if (llvm::Error e = addSizes(op, "carry", op.getCarries(),
                                   op.getCarryMaps(), sizes, plain))
        return e;
      if (llvm::Error e = addSizes(op, "restart", op.getRestarts(),
                                   op.getRestartMaps(), sizes, plain))
        return e;
    }
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

  /// The canonical form, as its description has it.
  llvm::Error linear(LinearRecurrenceOp op) {
    Sizes sizes;
    ValueRange operands = op->getOperands().take_front(op.getMaps().size());
    for (bool plain : {true, false}) {
      if (llvm::Error e =
              addSizes(op, "an", operands, op.getMaps(), sizes, plain))
        return e;
      if (plain && op.getSegments())
        sizes[op.getSegmentAxis().getValue()] = env[op.getSegments()].size() - 1;
    }
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

  llvm::Error scan(ScanOp op) {
    Sizes sizes;
    for (bool plain : {true, false}) {
      if (llvm::Error e =
              addSizes(op, "seq", op.getSeq(), op.getSeqMaps(), sizes, plain))
        return e;
      if (plain && op.getSegments())
        sizes[op.getSegmentAxis().getValue()] = env[op.getSegments()].size() - 1;
      if (llvm::Error e = addSizes(op, "initial", op.getInitials(),
                                   op.getInitialMaps(), sizes, plain))
        return e;
    }
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

#endif // SEQC_LIB_REFERENCE_INTERPRETERIMPL_H
