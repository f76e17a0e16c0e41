//===- FeatureAxes.cpp - Dimensions of a step that are indexed alike ------===//

#include "Distribution.h"

#include "../Steps/StepPlan.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

bool kernels::isContraction(Operation *op) {
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return einsum.isContraction();
  return isa<ReduceOp>(op);
}

namespace {

bool isConstant(Value v) {
  Operation *def = v.getDefiningOp();
  return def && def->hasTrait<OpTrait::ConstantLike>();
}

/// Finds the axes; a node is a dimension of a value or a letter of an einsum.
class Axes {
public:
  explicit Axes(RecurrenceOp op) : op(op) {}
  bool find(Distribution &result);

private:
  using Nodes = SmallVector<unsigned>;
  const Nodes &nodesOf(Value value);
  unsigned root(unsigned node) const {
    while (parent[node] != node)
      node = parent[node];
    return node;
  }
  bool merge(unsigned a, unsigned b);
  bool mergeAll(const Nodes &a, const Nodes &b);
  unsigned add(int64_t size) {
    parent.push_back(parent.size());
    sizes.push_back(size);
    whole.push_back(false);
    contracted.push_back(false);
    return parent.size() - 1;
  }
  bool visit(Operation *inner);
  bool slice(tensor::ExtractSliceOp slice);
  /// Values that only the threads holding them know.
  bool isRooted(Value value) const { return rooted.contains(value); }

  RecurrenceOp op;
  SmallVector<unsigned> parent;
  SmallVector<int64_t> sizes;
  SmallVector<bool> whole, contracted;
  SmallVector<Nodes> sets; // nodes of one value or einsum: all different
  llvm::DenseMap<Value, Nodes> nodes;
  llvm::DenseMap<Operation *, llvm::SmallDenseMap<char, unsigned>> letters;
  llvm::DenseSet<Value> rooted;
};

const Axes::Nodes &Axes::nodesOf(Value value) {
  auto [it, isNew] = nodes.try_emplace(value);
  if (isNew) {
    Nodes own;
    for (int64_t size : shapeOf(value.getType()))
      own.push_back(add(size));
    sets.push_back(own);
    nodes[value] = own;
    return nodes.find(value)->second;
  }
  return it->second;
}

/// Merges two axes unless a value would have one twice.
bool Axes::merge(unsigned a, unsigned b) {
  a = root(a);
  b = root(b);
  if (a == b)
    return true;
  for (const Nodes &set : sets) {
    bool hasA = false, hasB = false;
    for (unsigned node : set) {
      hasA |= root(node) == a;
      hasB |= root(node) == b;
    }
    if (hasA && hasB)
      return false;
  }
  parent[b] = a;
  whole[a] = whole[a] || whole[b];
  contracted[a] = contracted[a] || contracted[b];
  return true;
}

bool Axes::mergeAll(const Nodes &a, const Nodes &b) {
  bool all = true;
  for (auto [x, y] : llvm::zip(a, b))
    all &= merge(x, y);
  return all;
}

bool Axes::slice(tensor::ExtractSliceOp slice) {
  if (ShapedType::isDynamicShape(slice.getStaticOffsets()))
    return false;
  Nodes from = nodesOf(slice.getSource()), to = nodesOf(slice.getResult());
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  unsigned at = 0;
  for (unsigned d = 0; d < from.size(); ++d) {
    bool full = !dropped[d] && slice.getStaticOffsets()[d] == 0 &&
                slice.getStaticStrides()[d] == 1 &&
                slice.getStaticSizes()[d] == slice.getSourceType().getDimSize(d);
    if (!full)
      whole[root(from[d])] = true;
    if (dropped[d])
      continue;
    unsigned kept = to[at++];
    if (!full)
      whole[root(kept)] = true;
    else if (!merge(from[d], kept) && isRooted(slice.getSource()))
      return false;
  }
  return true;
}

bool Axes::visit(Operation *inner) {
  if (inner->hasTrait<OpTrait::ConstantLike>())
    return true;
  if (inner->getNumResults() != 1)
    return false;
  Value result = inner->getResult(0);
  if (isContraction(inner) || llvm::any_of(inner->getOperands(), [&](Value v) {
        return isRooted(v);
      }))
    rooted.insert(result);
  if (steps::isElementwise(inner)) {
    Nodes own = nodesOf(result);
    for (Value operand : inner->getOperands())
      if (isa<ShapedType>(operand.getType()) && !isConstant(operand) &&
          !isa_and_nonnull<tensor::SplatOp>(operand.getDefiningOp()) &&
          !mergeAll(own, Nodes(nodesOf(operand))) && isRooted(operand))
        return false;
    return true;
  }
  if (isa<tensor::SplatOp>(inner))
    return true; // indexed as its reader likes
  if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
    for (Value index : extract.getIndices())
      if (!isConstant(index))
        return false;
    for (unsigned node : Nodes(nodesOf(extract.getTensor())))
      whole[root(node)] = true;
    return true;
  }
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(inner))
    return slice(extract);
  if (auto reduce = dyn_cast<ReduceOp>(inner)) {
    if (reduce.getKind() == ReduceKind::argmax ||
        !isa<FloatType>(elementOf(result.getType())))
      return false;
    Nodes from = nodesOf(reduce.getInput()), to = nodesOf(result);
    contracted[root(from[reduce.getAxis()])] = true;
    from.erase(from.begin() + reduce.getAxis());
    return mergeAll(from, to);
  }
  auto einsum = dyn_cast<EinsumOp>(inner);
  if (!einsum || !isa<FloatType>(elementOf(result.getType())))
    return false;
  auto &own = letters[inner];
  Nodes set;
  for (auto [term, operand] : llvm::zip(einsum.getTerms(), einsum.getOperands()))
    for (auto [letter, size] : llvm::zip(term, shapeOf(operand.getType())))
      if (!own.count(letter)) {
        own[letter] = add(size);
        set.push_back(own[letter]);
      }
  sets.push_back(set);
  std::string output = einsum.getOutputTerm();
  for (auto &[letter, node] : own)
    if (output.find(letter) == std::string::npos)
      contracted[root(node)] = true;
  Nodes to = nodesOf(result);
  for (auto [letter, node] : llvm::zip(output, to))
    if (!merge(own[letter], node))
      return false;
  return true;
}

/// Merges operands of einsums, the largest first; others are exchanged.
static bool mergeTerms(RecurrenceOp op,
                       llvm::function_ref<bool(EinsumOp, unsigned)> merge) {
  SmallVector<std::pair<EinsumOp, unsigned>> terms;
  op.getStep().walk([&](EinsumOp einsum) {
    for (unsigned i = 0; i < einsum->getNumOperands(); ++i)
      terms.push_back({einsum, i});
  });
  llvm::stable_sort(terms, [](auto &a, auto &b) {
    auto rank = [](auto &term) {
      return shapeOf(term.first->getOperand(term.second).getType()).size();
    };
    return rank(a) > rank(b);
  });
  return llvm::all_of(
      terms, [&](auto &term) { return merge(term.first, term.second); });
}

bool Axes::find(Distribution &result) {
  Block &step = op.getStep().front();
  for (Value arg : step.getArguments())
    nodesOf(arg);
  for (Value arg : op.getCarryArgs())
    rooted.insert(arg);
  for (Value arg : op.getSnapshotArgs())
    rooted.insert(arg);
  for (Operation &inner : step.without_terminator())
    if (!visit(&inner))
      return false;
  for (auto [arg, next] : llvm::zip(op.getCarryArgs(), op.getYield().getCarries()))
    if (!mergeAll(Nodes(nodesOf(arg)), Nodes(nodesOf(next))) && isRooted(next))
      return false;
  for (unsigned s = 0; s < op.getSnapshotArgs().size(); ++s)
    if (!mergeAll(Nodes(nodesOf(op.getCarryArgs()[op.getSnapshots()[2 * s]])),
                  Nodes(nodesOf(op.getSnapshotArgs()[s]))))
      return false;
  for (Value out : op.getYield().getOuts())
    nodesOf(out);
  SmallVector<unsigned> together;
  mergeTerms(op, [&](EinsumOp einsum, unsigned i) {
    OpOperand &use = einsum->getOpOperand(i);
    if (isConstant(use.get()) ||
        isa_and_nonnull<tensor::SplatOp>(use.get().getDefiningOp()))
      return true;
    Nodes own = nodesOf(use.get()), wanted;
    std::string term = einsum.getTerms()[i];
    for (char letter : term)
      wanted.push_back(letters[einsum].lookup(letter));
    if (!mergeAll(wanted, own) && isRooted(use.get())) {
      result.exchanged.insert(&use);
      llvm::append_range(together, own);
      llvm::append_range(together, wanted);
    }
    return true;
  });

  // Number the axes, and answer by numbers.
  llvm::DenseMap<unsigned, unsigned> numbers;
  auto number = [&](unsigned node) {
    node = root(node);
    auto [it, isNew] = numbers.try_emplace(node, result.axes.size());
    if (isNew) {
      FeatureAxis axis;
      axis.size = sizes[node];
      axis.whole = whole[node];
      axis.contracted = contracted[node];
      result.axes.push_back(axis);
    }
    return it->second;
  };
  auto note = [&](Value value) {
    SmallVector<unsigned> dims;
    for (unsigned node : nodesOf(value))
      dims.push_back(number(node));
    if (!dims.empty() && isa<FloatType>(elementOf(value.getType()))) {
      int64_t &bytes = result.axes[dims.back()].bytes;
      bytes = std::max<int64_t>(
          bytes, elementOf(value.getType()).isF64() ? 8 : 4);
    }
    result.dims[value] = dims;
  };
  for (Value arg : step.getArguments())
    note(arg);
  for (Operation &inner : step.without_terminator())
    for (Value v : inner.getResults())
      if (nodes.count(v))
        note(v);
  for (auto &[einsum, own] : letters)
    for (auto &[letter, node] : own)
      result.letters[einsum][letter] = number(node);
  for (unsigned node : together)
    result.axes[number(node)].together = true;
  return true;
}

} // namespace

static void findInvariant(RecurrenceOp op, Distribution &result) {
  for (Value arg : op.getWeightArgs())
    result.invariant.insert(arg);
  for (Operation &inner : op.getStep().front().without_terminator())
    if (inner.getNumOperands() > 0 &&
        llvm::all_of(inner.getOperands(), [&](Value v) {
          return isConstant(v) || result.invariant.contains(v);
        }))
      result.invariant.insert_range(inner.getResults());
}

std::optional<Distribution> kernels::featureAxes(RecurrenceOp op) {
  if (op.getChunk() || op.getCarries().empty())
    return std::nullopt;
  Distribution result;
  if (!Axes(op).find(result))
    return std::nullopt;
  findInvariant(op, result);
  return result;
}
