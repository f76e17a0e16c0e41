//===- StepNests.cpp - Emits a planned step's loop nests ------------------===//
//
// Within a nest the vectorised dimension is outermost, in blocks of a few
// vectors, so that sums over the other dimensions stay in registers.
//
//===----------------------------------------------------------------------===//

#include "StepEmitter.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

/// Vectors of one block: enough independent sums to hide an FMA's latency.
static constexpr int64_t blockVectors = 8;

struct StepEmitter::NestState {
  const Nest &nest;
  /// Loops in order, without the vectorised dimension.
  SmallVector<unsigned> loops;
  /// The vectorised dimension, or -1.
  int vectorDim = -1;
  /// Index of each dimension; the vectorised one is added per vector.
  SmallVector<Value> indices;
  /// First elements of the block's vectors, and the mask of each or null.
  SmallVector<Value> firsts, masks;
  /// Per member: the loop at which its sums start, or -1 if it has none or sums
  /// in memory; and the current sums, one per vector.
  SmallVector<int> start;
  SmallVector<bool> inMemory;
  SmallVector<SmallVector<Value>> sums;
  /// True in the first block along the vectorised dimension.
  bool firstBlock = true;
};

SmallVector<Index> StepEmitter::memberIndices(NestState &state,
                                              const Member &member,
                                              unsigned vector) {
  SmallVector<Index> all;
  for (unsigned d = 0; d < state.nest.sizes.size(); ++d) {
    if (int(d) == state.vectorDim)
      all.push_back({state.firsts[vector], 1});
    else
      all.push_back({state.indices[d], 0});
  }
  return all;
}

static SmallVector<Index> pick(ArrayRef<Index> all, ArrayRef<unsigned> dims) {
  SmallVector<Index> result;
  for (unsigned d : dims)
    result.push_back(all[d]);
  return result;
}

/// Computes every member at the innermost point, then stores.
void StepEmitter::emitPoint(NestState &state) {
  const Nest &nest = state.nest;
  for (unsigned v = 0; v < state.firsts.size(); ++v) {
    tailMask = state.masks[v];
    point.clear();
    SmallVector<Index> all = memberIndices(state, nest.members[0], v);
    pointIndices = all;
    SmallVector<std::pair<const Member *, Value>> results;
    for (auto [m, member] : llvm::enumerate(nest.members)) {
      Operation *def = member.value.getDefiningOp();
      if (member.combine == Combine::None) {
        Value value = def ? evaluate(member.value, pick(all, member.outputDims),
                                     /*through=*/true)
                          : evaluate(member.value, pick(all, member.outputDims));
        point[member.value] = value;
        results.push_back({&member, value});
        continue;
      }
      // One more term of a sum.  The last product fuses with the addition.
      Type element = elementOf(member.value.getType());
      Type compute = computeType(element);
      Value term, factor;
      if (auto einsum = dyn_cast<EinsumOp>(def)) {
        for (auto [letters, operand] :
             llvm::zip(einsum.getTerms(), einsum.getOperands())) {
          SmallVector<unsigned> dims;
          for (char letter : letters)
            dims.push_back(member.letterDims.lookup(letter));
          Value next = convert(evaluate(operand, pick(all, dims)), compute);
          if (term && factor) {
            Value l = broadcast(term, factor), r = broadcast(factor, term);
            term = arith::MulFOp::create(b, loc, l, r,
                                         arith::FastMathFlags::contract);
            factor = next;
          } else if (term) {
            factor = next;
          } else {
            term = next;
          }
        }
      } else {
        term = evaluate(cast<ReduceOp>(def).getInput(),
                        pick(all, member.inputDims));
      }
      auto accumulate = [&](Value sum) -> Value {
        if (!factor)
          return combine(member.combine, sum, term);
        Value like = isa<VectorType>(term.getType())   ? term
                     : isa<VectorType>(factor.getType()) ? factor
                                                         : sum;
        if (isa<VectorType>(sum.getType()))
          like = sum;
        return math::FmaOp::create(b, loc, broadcast(term, like),
                                   broadcast(factor, like),
                                   broadcast(sum, like),
                                   arith::FastMathFlags::contract);
      };
      if (!state.inMemory[m]) {
        Value &sum = state.sums[m][v];
        sum = accumulate(sum);
        continue;
      }
      SmallVector<Index> at = pick(all, member.outputDims);
      bool overVector =
          state.vectorDim >= 0 &&
          !llvm::is_contained(member.outputDims, unsigned(state.vectorDim));
      if (overVector) {
        Value zero = identity(member.combine, vectorOf(width, compute));
        Value partial = accumulate(zero);
        Value sum = horizontal(member.combine, partial, tailMask);
        tailMask = {};
        Value old = load(buffer(member.value), element, at);
        storeAll(member.value, combine(member.combine, old, sum), at);
        tailMask = state.masks[v];
      } else {
        Value old = load(buffer(member.value), element, at);
        storeAll(member.value, accumulate(old), at);
      }
    }
    for (auto [member, value] : results)
      storeAll(member->value, value, pick(all, member->outputDims));
  }
  tailMask = {};
  point.clear();
}

void StepEmitter::emitLevel(NestState &state, unsigned level) {
  const Nest &nest = state.nest;
  // Sums that start here.
  SmallVector<unsigned> starting;
  for (unsigned m = 0; m < nest.members.size(); ++m)
    if (state.start[m] == int(level)) {
      starting.push_back(m);
      Type element = computeType(elementOf(nest.members[m].value.getType()));
      bool vectors = state.vectorDim >= 0 || plan.hasLane(nest.members[m].value);
      Type type = vectors ? Type(vectorOf(width, element)) : element;
      state.sums[m].assign(state.firsts.size(),
                           identity(nest.members[m].combine, type));
    }
  if (level == state.loops.size()) {
    emitPoint(state);
  } else {
    unsigned dim = state.loops[level];
    SmallVector<Value> carried;
    for (auto &sums : state.sums)
      llvm::append_range(carried, sums);
    auto loop = scf::ForOp::create(b, loc, constantIndex(0),
                                   constantIndex(nest.sizes[dim]),
                                   constantIndex(1), carried);
    auto spread = [&](ValueRange values) {
      unsigned at = 0;
      for (auto &sums : state.sums)
        for (Value &sum : sums)
          sum = values[at++];
    };
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      state.indices[dim] = loop.getInductionVar();
      spread(loop.getRegionIterArgs());
      emitLevel(state, level + 1);
      SmallVector<Value> yielded;
      for (auto &sums : state.sums)
        llvm::append_range(yielded, sums);
      if (!carried.empty())
        scf::YieldOp::create(b, loc, yielded);
    }
    spread(loop.getResults());
  }
  // Sums that are complete.
  for (unsigned m : starting) {
    const Member &member = nest.members[m];
    bool overVector =
        state.vectorDim >= 0 &&
        !llvm::is_contained(member.outputDims, unsigned(state.vectorDim));
    if (!overVector) {
      for (unsigned v = 0; v < state.firsts.size(); ++v) {
        tailMask = state.masks[v];
        storeAll(member.value, state.sums[m][v],
                 pick(memberIndices(state, member, v), member.outputDims));
        tailMask = {};
      }
    } else {
      Value total;
      Value tail;
      for (unsigned v = 0; v < state.firsts.size(); ++v) {
        Value sum = state.sums[m][v];
        if (state.masks[v])
          sum = arith::SelectOp::create(b, loc, state.masks[v], sum,
                                        identity(member.combine, sum.getType()));
        total = total ? combine(member.combine, total, sum) : sum;
      }
      Value sum = horizontal(member.combine, total, tail);
      SmallVector<Index> at =
          pick(memberIndices(state, member, 0), member.outputDims);
      if (!state.firstBlock)
        sum = combine(member.combine,
                      load(buffer(member.value),
                           elementOf(member.value.getType()), at),
                      sum);
      storeAll(member.value, sum, at);
    }
    state.sums[m].clear();
  }
}

void StepEmitter::emitNest(const Nest &nest) {
  if (nest.product)
    return emitProduct(nest);
  NestState state{nest, {}, -1, {}, {}, {}, {}, {}, {}, true};
  unsigned rank = nest.sizes.size();
  state.vectorDim = !vectorises() || rank == 0 ? -1 : int(rank) - 1;
  // What a team shares goes outside.
  SmallVector<unsigned> common;
  if (teamRank)
    common = StepPlan::commonDims(nest);
  llvm::append_range(state.loops, common);
  for (unsigned d = 0; d < rank; ++d)
    if (int(d) != state.vectorDim && !llvm::is_contained(common, d))
      state.loops.push_back(d);
  state.indices.resize(rank);
  state.sums.resize(nest.members.size());
  for (const Member &member : nest.members) {
    int start = -1;
    bool inMemory = false;
    if (member.combine != Combine::None) {
      // Sums live in registers if the summed loops are the innermost ones.
      start = state.loops.size();
      while (start > 0 && !llvm::is_contained(member.outputDims,
                                              state.loops[start - 1]))
        --start;
      for (int l = 0; l < start; ++l)
        inMemory |= !llvm::is_contained(member.outputDims, state.loops[l]);
      if (inMemory) {
        start = -1;
        // The memory starts at the identity.
        ArrayRef<int64_t> shape = shapeOf(member.value.getType());
        Type compute = computeType(elementOf(member.value.getType()));
        Combine kind = member.combine;
        Value value = member.value;
        forEach(shape, vectorises(), [&](ArrayRef<Index> indices) {
          store(identity(kind, compute), buffer(value), indices);
        });
      }
    }
    state.start.push_back(start);
    state.inMemory.push_back(inMemory);
  }
  if (state.vectorDim < 0) {
    state.firsts = {Value()};
    state.masks = {Value()};
    if (!common.empty()) {
      SmallVector<int64_t> sizes;
      for (unsigned d : common)
        sizes.push_back(nest.sizes[d]);
      share(sizes, [&](ValueRange at) {
        for (auto [d, index] : llvm::zip(common, at))
          state.indices[d] = index;
        emitLevel(state, common.size());
      });
    } else {
      emitLevel(state, 0);
    }
    barrier();
    return;
  }
  int64_t size = nest.sizes[state.vectorDim];
  int64_t vectors = (size + width - 1) / width;
  for (int64_t v = 0; v < vectors; v += blockVectors) {
    state.firsts.clear();
    state.masks.clear();
    for (int64_t i = v; i < std::min(vectors, v + blockVectors); ++i) {
      state.firsts.push_back(constantIndex(i * width));
      Value mask;
      if ((i + 1) * width > size)
        mask = vector::ConstantMaskOp::create(b, loc,
                                              vectorOf(width, b.getI1Type()),
                                              ArrayRef<int64_t>{size - i * width});
      state.masks.push_back(mask);
    }
    state.firstBlock = v == 0;
    emitLevel(state, 0);
  }
}

void StepEmitter::barrier() {
  if (teamRank && !sharing)
    gpu::BarrierOp::create(b, loc);
}

void StepEmitter::share(ArrayRef<int64_t> shape,
                        llvm::function_ref<void(ValueRange)> body) {
  int64_t total = 1;
  for (int64_t size : shape)
    total *= size;
  auto loop = scf::ForOp::create(b, loc, teamRank, constantIndex(total),
                                 constantIndex(teamSize));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> at(shape.size());
  Value rest = loop.getInductionVar();
  for (unsigned d = shape.size(); d-- > 0;) {
    if (d == 0) {
      at[d] = rest;
      break;
    }
    Value size = constantIndex(shape[d]);
    at[d] = arith::RemUIOp::create(b, loc, rest, size);
    rest = arith::DivUIOp::create(b, loc, rest, size);
  }
  sharing = true;
  body(at);
  sharing = false;
}

void StepEmitter::forEach(ArrayRef<int64_t> shape, bool vectorise,
                          llvm::function_ref<void(ArrayRef<Index>)> body) {
  SmallVector<Index> indices(shape.size());
  if (teamRank && !sharing) {
    if (shape.empty()) {
      body(indices);
    } else {
      share(shape, [&](ValueRange at) {
        for (auto [index, value] : llvm::zip(indices, at))
          index = {value, 0};
        body(indices);
      });
    }
    barrier();
    return;
  }
  std::function<void(unsigned)> level = [&](unsigned d) {
    if (d == shape.size()) {
      body(indices);
      return;
    }
    bool innermost = d + 1 == shape.size() && vectorise;
    int64_t whole = innermost ? shape[d] / width * width : shape[d];
    if (whole > 0) {
      auto loop = scf::ForOp::create(b, loc, constantIndex(0),
                                     constantIndex(whole),
                                     constantIndex(innermost ? width : 1));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      indices[d] = {loop.getInductionVar(), innermost ? 1 : 0};
      level(d + 1);
    }
    if (innermost && whole < shape[d]) {
      indices[d] = {constantIndex(whole), 1};
      tailMask = vector::ConstantMaskOp::create(
          b, loc, vectorOf(width, b.getI1Type()),
          ArrayRef<int64_t>{shape[d] - whole});
      level(d + 1);
      tailMask = {};
    }
  };
  level(0);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

void StepEmitter::emitCopy(Type type, bool lanes, const Access &from,
                           const Access &to) {
  forEach(shapeOf(type), vectorises(), [&](ArrayRef<Index> indices) {
    store(load(from, elementOf(type), indices), to, indices);
  });
}

void StepEmitter::emitValue(Value value, const Access &to) {
  forEach(shapeOf(value.getType()), vectorises(), [&](ArrayRef<Index> indices) {
    store(evaluate(value, indices), to, indices);
  });
}

void StepEmitter::emitZero(Type type, bool lanes, const Access &to) {
  Type element = computeType(elementOf(type));
  forEach(shapeOf(type), vectorises(), [&](ArrayRef<Index> indices) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    store(zero, to, indices);
  });
}

void StepEmitter::emitSelect(Type type, Value condition, const Access *then,
                             const Access &otherwise) {
  Type element = computeType(elementOf(type));
  forEach(shapeOf(type), vectorises(), [&](ArrayRef<Index> indices) {
    Value old = load(otherwise, elementOf(type), indices);
    Value fresh = then ? load(*then, elementOf(type), indices)
                       : arith::ConstantOp::create(b, loc, b.getZeroAttr(element))
                             .getResult();
    fresh = broadcast(fresh, old);
    store(arith::SelectOp::create(b, loc, broadcast(condition, old), fresh, old),
          otherwise, indices);
  });
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

void StepEmitter::emitSingle(Operation *op) {
  if (isSpecial(op) && (isa<ShapedType>(op->getResult(0).getType()) ||
                        isa<ReduceOp>(op))) {
    emitSpecial(op);
    return;
  }
  Value result = op->getResult(0);
  Value value = evaluate(result, {}, /*through=*/true);
  scalars[result] = value;
  storeAll(result, value, {});
}

void StepEmitter::emitSpecial(Operation *op) {
  Value result = op->getResult(0);
  Type type = result.getType();
  bool vectorise = vectorises();
  auto copyFrom = [&](Value source) {
    forEach(shapeOf(type), vectorise, [&](ArrayRef<Index> indices) {
      storeAll(result, evaluate(source, indices), indices);
    });
  };
  if (isa<tensor::EmptyOp>(op))
    return;
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    copyFrom(insert.getDest());
    SmallVector<Index> at;
    for (Value index : insert.getIndices())
      at.push_back({evaluate(index, {}), 0});
    storeAll(result, evaluate(insert.getScalar(), {}), at);
    barrier();
    return;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    if (!plan.writtenInto(result) &&
        !insert.getDest().getDefiningOp<tensor::EmptyOp>())
      copyFrom(insert.getDest());
    ArrayRef<int64_t> shape = shapeOf(insert.getSource().getType());
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    forEach(shape, vectorise, [&](ArrayRef<Index> indices) {
      SmallVector<Index> at;
      unsigned next = 0;
      for (unsigned d = 0; d < shapeOf(type).size(); ++d) {
        Value offset =
            getValueOrCreateConstantIndexOp(b, loc, insert.getMixedOffsets()[d]);
        if (auto it = scalars.find(offset); it != scalars.end())
          offset = it->second;
        if (dropped[d]) {
          at.push_back({offset, 0});
          continue;
        }
        int64_t stride = insert.getStaticStrides()[d];
        Index in = indices[next++];
        at.push_back({arith::AddIOp::create(
                          b, loc,
                          arith::MulIOp::create(b, loc, in.base,
                                                constantIndex(stride))
                              .getResult(),
                          offset),
                      in.stride * stride});
      }
      storeAll(result, evaluate(insert.getSource(), indices), at);
    });
    return;
  }
  if (auto from = dyn_cast<tensor::FromElementsOp>(op)) {
    ArrayRef<int64_t> shape = shapeOf(type);
    for (auto [i, element] : llvm::enumerate(from.getElements())) {
      SmallVector<Index> at(shape.size());
      int64_t rest = i;
      for (int d = int(shape.size()) - 1; d >= 0; --d) {
        at[d] = {constantIndex(rest % shape[d]), 0};
        rest /= shape[d];
      }
      storeAll(result, evaluate(element, {}), at);
    }
    barrier();
    return;
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    // Walk the source's shape, which has more dimensions.
    ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
    forEach(shape, vectorise, [&](ArrayRef<Index> indices) {
      SmallVector<Index> at;
      for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
        at.push_back(collapsed(indices, shape, group));
      }
      storeAll(result, evaluate(collapse.getSrc(), indices), at);
    });
    return;
  }
  // Reductions whose result is an index, or of integers: one result at a time.
  auto reduce = cast<ReduceOp>(op);
  ArrayRef<int64_t> input = shapeOf(reduce.getInput().getType());
  forEach(shapeOf(type), false, [&](ArrayRef<Index> outer) {
    auto at = [&](Value i) {
      SmallVector<Index> indices(outer);
      indices.insert(indices.begin() + reduce.getAxis(), Index{i, 0});
      return evaluate(reduce.getInput(), indices);
    };
    Value zero = constantIndex(0);
    Value first = at(zero);
    bool arg = reduce.getKind() == ReduceKind::argmax;
    Type i64 = b.getI64Type();
    auto vectorType = dyn_cast<VectorType>(first.getType());
    SmallVector<Value> inits{first};
    if (arg)
      inits.push_back(arith::ConstantOp::create(
          b, loc,
          b.getZeroAttr(vectorType ? Type(vectorOf(width, i64)) : i64)));
    auto loop = scf::ForOp::create(b, loc, constantIndex(1),
                                   constantIndex(input[reduce.getAxis()]),
                                   constantIndex(1), inits);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value best = loop.getRegionIterArgs()[0];
      Value next = at(loop.getInductionVar());
      SmallVector<Value> yielded;
      if (arg) {
        Value larger = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                             next, best);
        // NaN wins, the first one stays.
        Value nan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO,
                                          next, next);
        Value had = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD,
                                          best, best);
        Value take = arith::OrIOp::create(
            b, loc, larger,
            arith::AndIOp::create(b, loc, nan, had).getResult());
        Value index =
            arith::IndexCastOp::create(b, loc, i64, loop.getInductionVar());
        index = broadcast(index, next);
        yielded = {arith::SelectOp::create(b, loc, take, next, best),
                   arith::SelectOp::create(b, loc, take, index,
                                           loop.getRegionIterArgs()[1])};
      } else if (reduce.getKind() == ReduceKind::add) {
        yielded = {arith::AddIOp::create(b, loc, best, next)};
      } else if (reduce.getKind() == ReduceKind::max) {
        yielded = {arith::MaxSIOp::create(b, loc, best, next)};
      } else {
        yielded = {arith::MinSIOp::create(b, loc, best, next)};
      }
      scf::YieldOp::create(b, loc, yielded);
    }
    Value value = loop.getResult(arg ? 1 : 0);
    if (!isa<ShapedType>(type))
      scalars[result] = value;
    storeAll(result, value, outer);
  });
}

void StepEmitter::emitPhase(const Phase &phase) {
  packed.clear();
  paired.clear();
  for (unsigned stage = 0; stage < phase.stages; ++stage) {
    for (Operation *op : phase.singles)
      if (phase.singleStage.lookup(op) == stage)
        emitSingle(op);
    for (const Nest &nest : phase.nests) {
      if (nest.stage != stage)
        continue;
      emitNest(nest);
      // A sum without dimensions is a scalar from here on.
      for (const Member &member : nest.members)
        if (!isa<ShapedType>(member.value.getType()))
          scalars[member.value] =
              load(buffer(member.value), elementOf(member.value.getType()));
    }
  }
}
