//===- StepPlan.cpp - How one step becomes loop nests ---------------------===//

#include "StepPlan.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

bool steps::isElementwise(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() &&
         op->hasTrait<OpTrait::Scalarizable>();
}

bool steps::isSpecial(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getKind() == ReduceKind::argmax ||
           !isa<FloatType>(elementOf(reduce.getInput().getType()));
  return isa<tensor::InsertSliceOp, tensor::InsertOp, tensor::FromElementsOp,
             tensor::CollapseShapeOp, tensor::EmptyOp>(op);
}

bool steps::isCostly(Operation *op) {
  if (isa<math::AbsFOp, math::FmaOp, math::CopySignOp>(op))
    return false;
  return isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
         isa<arith::DivFOp, arith::RemFOp, arith::DivSIOp, arith::RemSIOp>(op);
}

/// A matrix that does not stay in the first-level cache with what it multiplies.
static bool isLarge(Type type) {
  int64_t elements = 1;
  for (int64_t size : shapeOf(type))
    elements *= size;
  return elements > 8192;
}

StepPlan::StepPlan(RecurrenceOp op, StringAttr lane, bool shared, bool multiply,
                   bool dots)
    : op(op), lane(lane), shared(shared), multiply(multiply), dots(dots) {
  classify();
  build();
  findInner();
  findCopies();
}

//===----------------------------------------------------------------------===//
// Classification
//===----------------------------------------------------------------------===//

void StepPlan::classify() {
  auto mark = [&](auto args, ArrayAttr maps) {
    for (auto [arg, map] : llvm::zip(args, maps.getAsRange<AxesAttr>()))
      if (lane && map.has(lane.getValue()))
        lanes.insert(arg);
  };
  mark(op.getSeqArgs(), op.getSeqMaps());
  mark(op.getWeightArgs(), op.getWeightMaps());
  // A state differs between lanes whatever its initial value does.
  if (lane) {
    for (Value arg : op.getCarryArgs())
      lanes.insert(arg);
    for (Value arg : op.getSnapshotArgs())
      lanes.insert(arg);
  }
  for (Value arg : op.getWeightArgs())
    invariant.insert(arg);
  Block &step = op.getStep().front();
  for (Operation &inner : step.without_terminator()) {
    bool anyLane = false, allInvariant = true;
    for (Value operand : inner.getOperands()) {
      anyLane |= lanes.contains(operand);
      Operation *def = operand.getDefiningOp();
      bool constant = def && def->hasTrait<OpTrait::ConstantLike>();
      allInvariant &= constant || invariant.contains(operand);
    }
    bool constant = inner.hasTrait<OpTrait::ConstantLike>();
    for (Value result : inner.getResults()) {
      if (anyLane)
        lanes.insert(result);
      if (allInvariant && !constant)
        invariant.insert(result);
    }
  }
  // Scalars without lanes are computed once per token; so are, in lane mode,
  // scalars with lanes: a register holds one vector of them.
  for (Operation &inner : step.without_terminator())
    for (Value result : inner.getResults())
      if (!isa<ShapedType>(result.getType()) &&
          !inner.hasTrait<OpTrait::ConstantLike>())
        singles.insert(result);

  auto isConstant = [](Value v) {
    Operation *def = v.getDefiningOp();
    return def && def->hasTrait<OpTrait::ConstantLike>();
  };
  auto makeRoot = [&](Value v) {
    if (!isConstant(v) && isa<ShapedType>(v.getType()))
      roots.insert(v);
  };
  for (Operation &inner : step.without_terminator()) {
    for (Value result : inner.getResults()) {
      if (!isa<ShapedType>(result.getType()) || isConstant(result))
        continue;
      bool contraction = isa<ReduceOp>(inner);
      if (auto einsum = dyn_cast<EinsumOp>(inner)) {
        contraction = einsum.isContraction();
        if (auto product = multiply ? asProduct(einsum, dots) : std::nullopt) {
          Value right = einsum.getOperands()[product->right];
          product->panels = !product->narrow && product->summed.size() == 1 &&
                            !invariant.contains(result) &&
                            (invariant.contains(right) || isConstant(right)) &&
                            (product->transposed || isLarge(right.getType()));
          products[einsum] = *product;
          // A narrow product's operands are computed where they are packed.
          for (Value operand : einsum.getOperands())
            if (!product->narrow)
              materialise(operand);
        }
      }
      if (contraction || isSpecial(&inner)) {
        makeRoot(result);
        continue;
      }
      // A buffer of single bits is not what vectors of them are in memory: flags are
      // compared again where they are needed.
      if (elementOf(result.getType()).isInteger(1) && isElementwise(&inner))
        continue;
      // Costly work is not repeated by several readers, nor by a reader that
      // has more dimensions.
      bool several = !result.hasOneUse();
      bool wider = llvm::any_of(result.getUsers(), [&](Operation *user) {
        return isa<EinsumOp>(user);
      });
      if ((isCostly(&inner) && (several || wider)) ||
          (several && isa<EinsumOp, arith::SelectOp>(inner)) ||
          (several && isElementwise(&inner)))
        makeRoot(result);
      // What is known before the first token is not computed at each.
      if (invariant.contains(result) &&
          llvm::any_of(result.getUsers(), [&](Operation *user) {
            return user->getNumResults() == 0 ||
                   !invariant.contains(user->getResult(0));
          }))
        makeRoot(result);
    }
    // What a slice is made of is computed where it is written.
    auto insert = dyn_cast<tensor::InsertSliceOp>(inner);
    if (isSpecial(&inner))
      for (Value operand : inner.getOperands())
        if (operand.getDefiningOp() && operand.getParentRegion() == &op.getStep() &&
            !(insert && operand == insert.getSource()))
          makeRoot(operand);
    // Reads at a computed place need memory.
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
      if (extract.getTensor().getDefiningOp())
        makeRoot(extract.getTensor());
  }
  YieldOp yield = op.getYield();
  for (Value v : yield.getOperands())
    if (v.getDefiningOp())
      makeRoot(v);
}

Value StepPlan::writtenInto(Value value) const {
  auto insert = value.getDefiningOp<tensor::InsertSliceOp>();
  if (!insert)
    return {};
  Value whole = insert.getDest();
  // What is yielded is stored elsewhere, too.
  bool own = whole.getDefiningOp<tensor::InsertSliceOp>() &&
             whole.hasOneUse() && whole.getType() == value.getType() &&
             invariant.contains(whole) == invariant.contains(value);
  return own && llvm::none_of(value.getUsers(), llvm::IsaPred<YieldOp>) ? whole : Value();
}

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

void StepPlan::leaves(Value value, ArrayRef<int> indices,
                      llvm::function_ref<void(Value, ArrayRef<int>)> visit,
                      bool through) const {
  Operation *def = value.getDefiningOp();
  if (!def || def->hasTrait<OpTrait::ConstantLike>()) {
    if (!def)
      visit(value, indices);
    return;
  }
  if (!through && (roots.contains(value) || singles.contains(value))) {
    visit(value, indices);
    return;
  }
  if (isElementwise(def)) {
    for (Value operand : def->getOperands())
      leaves(operand, isa<ShapedType>(operand.getType()) ? indices
                                                         : ArrayRef<int>(),
             visit);
    return;
  }
  if (auto einsum = dyn_cast<EinsumOp>(def)) {
    std::string output = einsum.getOutputTerm();
    for (auto [term, operand] :
         llvm::zip(einsum.getTerms(), einsum.getOperands())) {
      Indices mapped;
      for (char letter : term)
        mapped.push_back(indices[output.find(letter)]);
      leaves(operand, mapped, visit);
    }
    return;
  }
  // Everything else reads its operands at places that are not these.
  for (Value operand : def->getOperands()) {
    Indices unknown(shapeOf(operand.getType()).size(), -1);
    leaves(operand, unknown, visit);
  }
}

void StepPlan::memberLeaves(
    const Member &member, unsigned rank,
    llvm::function_ref<void(Value, ArrayRef<int>)> visit) const {
  Operation *def = member.value.getDefiningOp();
  if (!def) {
    Indices indices(member.outputDims.begin(), member.outputDims.end());
    visit(member.value, indices);
    return;
  }
  if (member.combine == Combine::None) {
    Indices indices(member.outputDims.begin(), member.outputDims.end());
    leaves(member.value, indices, visit, /*through=*/true);
    return;
  }
  if (auto einsum = dyn_cast<EinsumOp>(def)) {
    for (auto [term, operand] :
         llvm::zip(einsum.getTerms(), einsum.getOperands())) {
      Indices indices;
      for (char letter : term)
        indices.push_back(member.letterDims.lookup(letter));
      leaves(operand, indices, visit);
    }
    return;
  }
  Indices indices(member.inputDims.begin(), member.inputDims.end());
  leaves(cast<ReduceOp>(def).getInput(), indices, visit);
}

//===----------------------------------------------------------------------===//
// Stages and nests
//===----------------------------------------------------------------------===//

/// A scalar in a register, as opposed to one that a nest sums up in memory.
bool StepPlan::isReady(Value value) const {
  return singles.contains(value) && !nestOf.contains(value);
}

unsigned StepPlan::stageOf(Value value) const {
  auto it = stages.find(value);
  return it == stages.end() ? 0 : it->second;
}

/// The order of an einsum's letters as loops: results outside, sums inside, and
/// last the letter along which most operands are contiguous.
static std::string loopOrder(EinsumOp einsum, bool lanes) {
  SmallVector<std::string> terms = einsum.getTerms();
  std::string output = einsum.getOutputTerm(), order = output;
  for (const std::string &term : terms)
    for (char letter : term)
      if (order.find(letter) == std::string::npos)
        order += letter;
  if (lanes || order.empty())
    return order;
  llvm::DenseMap<char, int64_t> score;
  auto vote = [&](const std::string &term, Type type) {
    if (term.empty())
      return;
    int64_t elements = 1;
    for (int64_t size : shapeOf(type))
      elements *= size;
    score[term.back()] += elements;
  };
  for (auto [term, operand] : llvm::zip(terms, einsum.getOperands()))
    vote(term, operand.getType());
  vote(output, einsum.getType());
  char best = order.back();
  int64_t most = -1;
  for (char letter : order)
    if (score.lookup(letter) > most) {
      most = score.lookup(letter);
      best = letter;
    }
  order.erase(order.find(best), 1);
  order += best;
  return order;
}

SmallVector<unsigned> StepPlan::commonDims(const Nest &nest) {
  SmallVector<unsigned> dims;
  for (unsigned d = 0; d < nest.sizes.size(); ++d)
    if (llvm::all_of(nest.members, [&](const Member &member) {
          return llvm::is_contained(member.outputDims, d);
        }))
      dims.push_back(d);
  return dims;
}

/// Points of a nest that threads may share: fewer than this leave them idle.
static constexpr int64_t enoughPoints = 128;

static int64_t points(const Nest &nest) {
  int64_t n = 1;
  for (unsigned d : StepPlan::commonDims(nest))
    n *= nest.sizes[d];
  return n;
}

bool StepPlan::fits(const Phase &phase, unsigned number, const Member &member,
                    ArrayRef<int64_t> sizes) const {
  const Nest &nest = phase.nests[number];
  ArrayRef<int64_t> common = nest.sizes;
  if (nest.product)
    common = common.take_front(nest.resultRank);
  if (common != sizes || (nest.product && member.combine != Combine::None))
    return false;
  if (shared) {
    Nest joined = nest;
    joined.members.push_back(member);
    SmallVector<int64_t> own(sizes);
    int64_t together = points(joined), alone = points({own, {member}, 0});
    if (together < std::min({points(nest), alone, enoughPoints}))
      return false;
  }
  bool ok = true, readsNest = false;
  memberLeaves(member, sizes.size(), [&](Value leaf, ArrayRef<int> indices) {
    if (!stages.contains(leaf) || stageOf(leaf) < nest.stage ||
        (isReady(leaf) && stageOf(leaf) <= nest.stage))
      return;
    auto it = nestOf.find(leaf);
    bool known = it != nestOf.end();
    if (!known || it->second != std::make_pair(const_cast<Phase *>(&phase), number)) {
      // Within a stage specials come first, then nests by number.
      ok &= nest.product && stageOf(leaf) == nest.stage &&
            (!known || (it->second.first == &phase && it->second.second < number));
      return;
    }
    readsNest = true;
    for (const Member &other : nest.members)
      if (other.value == leaf) {
        ok &= (other.combine == Combine::None || nest.product) &&
              other.outputDims.size() == sizes.size() &&
              indices.size() == sizes.size();
        for (unsigned i = 0; ok && i < indices.size(); ++i)
          ok = indices[i] == int(other.outputDims[i]);
      }
  });
  return ok && (!nest.product || readsNest);
}

void StepPlan::addRoot(Phase &phase, Value value) {
  Operation *def = value.getDefiningOp();
  Member member;
  member.value = value;
  SmallVector<int64_t> sizes;
  auto einsum = dyn_cast_or_null<EinsumOp>(def);
  auto reduce = dyn_cast_or_null<ReduceOp>(def);
  std::optional<Product> product;
  if (auto it = products.find(def); it != products.end())
    product = it->second;
  if (einsum && einsum.isContraction()) {
    member.combine = Combine::Add;
    std::string order = product ? einsum.getOutputTerm() + product->summed
                                : loopOrder(einsum, bool(lane) || shared);
    llvm::DenseMap<char, int64_t> extent;
    for (auto [term, operand] :
         llvm::zip(einsum.getTerms(), einsum.getOperands()))
      for (auto [letter, size] : llvm::zip(term, shapeOf(operand.getType())))
        extent[letter] = size;
    for (auto [i, letter] : llvm::enumerate(order)) {
      member.letterDims[letter] = i;
      sizes.push_back(extent[letter]);
    }
    for (char letter : einsum.getOutputTerm())
      member.outputDims.push_back(member.letterDims[letter]);
  } else if (reduce) {
    member.combine = reduce.getKind() == ReduceKind::add   ? Combine::Add
                     : reduce.getKind() == ReduceKind::max ? Combine::Max
                                                           : Combine::Min;
    ArrayRef<int64_t> shape = shapeOf(reduce.getInput().getType());
    int64_t axis = reduce.getAxis(), rank = shape.size();
    // The reduced dimension goes inside, unless it would leave the contiguous
    // one unvectorised.
    SmallVector<unsigned> order;
    for (int64_t d = 0; d < rank; ++d)
      if (d != axis)
        order.push_back(d);
    if (axis == rank - 1 || lane || shared)
      order.push_back(axis);
    else
      order.insert(order.end() - 1, axis);
    member.inputDims.resize(rank);
    for (auto [i, d] : llvm::enumerate(order)) {
      member.inputDims[d] = i;
      sizes.push_back(shape[d]);
    }
    for (int64_t d = 0; d < rank; ++d)
      if (d != axis)
        member.outputDims.push_back(member.inputDims[d]);
  } else {
    sizes.assign(shapeOf(value.getType()).begin(), shapeOf(value.getType()).end());
    for (unsigned i = 0; i < sizes.size(); ++i)
      member.outputDims.push_back(i);
  }

  // A root may join a nest of its own stage.
  for (auto [number, nest] : llvm::enumerate(phase.nests))
    if (!product && fits(phase, number, member, sizes)) {
      nest.members.push_back(member);
      stages[value] = nest.stage;
      nestOf[value] = {&phase, unsigned(number)};
      return;
    }
  unsigned stage = 0;
  memberLeaves(member, sizes.size(), [&](Value leaf, ArrayRef<int>) {
    if (stages.contains(leaf))
      stage = std::max(stage, stageOf(leaf) + (isReady(leaf) ? 0 : 1));
  });
  stages[value] = stage;
  nestOf[value] = {&phase, unsigned(phase.nests.size())};
  phase.nests.push_back({sizes, {member}, stage, product,
                         product ? unsigned(member.outputDims.size()) : 0});
  phase.stages = std::max(phase.stages, stage + 1);
}

void StepPlan::build() {
  YieldOp yield = op.getYield();
  for (Phase *phase : {&before, &token}) {
    if (phase == &token)
      stages.clear(); // what ran before the first token is ready at stage 0
    for (Operation &inner : op.getStep().front().without_terminator()) {
      if (inner.hasTrait<OpTrait::ConstantLike>() || inner.getNumResults() != 1)
        continue;
      Value result = inner.getResult(0);
      if (invariant.contains(result) != (phase == &before))
        continue;
      bool single = singles.contains(result) || isSpecial(&inner);
      bool contraction = isa<ReduceOp>(inner);
      if (auto einsum = dyn_cast<EinsumOp>(inner))
        contraction = einsum.isContraction();
      if (contraction && !isSpecial(&inner)) {
        addRoot(*phase, result);
        continue;
      }
      if (!single) {
        if (roots.contains(result))
          addRoot(*phase, result);
        continue;
      }
      unsigned stage = 0;
      for (Value operand : inner.getOperands())
        leaves(operand, Indices(shapeOf(operand.getType()).size(), -1),
               [&](Value leaf, ArrayRef<int>) {
                 if (!stages.contains(leaf))
                   return;
                 stage = std::max(stage, stageOf(leaf) + (isReady(leaf) ? 0 : 1));
               });
      // A special's result is memory: readers come one stage later.
      stages[result] = stage;
      phase->singles.push_back(&inner);
      phase->singleStage[&inner] = stage;
      phase->stages = std::max(phase->stages, stage + 1);
    }
  }
  // Slices, weights and carries that are yielded as they are get copied.
  for (Value v : yield.getOperands())
    if (!v.getDefiningOp() && isa<ShapedType>(v.getType()) && !roots.contains(v)) {
      roots.insert(v);
      addRoot(token, v);
    }
}

void StepPlan::findCopies() {
  YieldOp yield = op.getYield();
  for (auto [i, next] : llvm::enumerate(yield.getCarries())) {
    if (!isa<ShapedType>(next.getType()))
      continue;
    Value arg = op.getCarryArgs()[i];
    // A value computed elsewhere than in a nest of its own, or stored twice.
    auto it = nestOf.find(next);
    Type element = elementOf(next.getType());
    bool plain = !element.isBF16() && !element.isF16() && it != nestOf.end() &&
                 it->second.first == &token &&
                 llvm::count(yield.getCarries(), next) == 1;
    if (plain) {
      const Nest &writer = token.nests[it->second.second];
      for (const Member &member : writer.members)
        if (member.value == next)
          plain &= member.combine == Combine::None && next.getDefiningOp();
      for (auto [number, nest] : llvm::enumerate(token.nests))
        for (const Member &member : nest.members)
          memberLeaves(member, nest.sizes.size(),
                       [&](Value leaf, ArrayRef<int> indices) {
                         unsigned own = it->second.second;
                         if (leaf != arg || nest.stage < writer.stage ||
                             (nest.stage == writer.stage && number < own))
                           return;
                         plain &= number == own;
                         plain &= indices.size() == member.outputDims.size();
                         if (nest.product)
                           plain &= member.combine == Combine::None;
                         else
                           plain &= indices.size() == nest.sizes.size();
                         for (unsigned d = 0; plain && d < indices.size(); ++d)
                           plain &= indices[d] == int(d);
                       });
      for (Operation *single : token.singles)
        for (Value operand : single->getOperands())
          leaves(operand, Indices(shapeOf(operand.getType()).size(), -1),
                 [&](Value leaf, ArrayRef<int>) {
                   plain &= leaf != arg ||
                            token.singleStage[single] <= writer.stage;
                 });
    }
    if (!plain)
      copies.insert(i);
  }
}
