//===- Shrink.cpp - The same program at small sizes -----------------------===//

#include "seqc/lib/Proof/Shrink.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Error.h"

using namespace mlir;
using namespace seqc;

namespace {
/// The static dimensions of all values, in classes of equal size.
class Extents {
public:
  void visit(func::FuncOp func);
  /// The arguments and results of two functions have the same sizes.
  void unify(func::FuncOp a, func::FuncOp b);
  unsigned number(ArrayRef<func::FuncOp> functions,
                  llvm::function_ref<int64_t(unsigned)> sizeOf);
  void apply(func::FuncOp func);

private:
  struct Class {
    unsigned parent;
    int64_t size;
    /// Kept as it is; of an axis; cannot be dynamic.
    bool pinned = false, axis = false, counted = false;
    int64_t chosen = -1;
  };
  unsigned of(Value v, unsigned d);
  unsigned find(unsigned c) {
    while (classes[c].parent != c)
      c = classes[c].parent = classes[classes[c].parent].parent;
    return c;
  }
  void merge(unsigned a, unsigned b);
  void unify(Value a, unsigned i, Value b, unsigned j) { merge(of(a, i), of(b, j)); }
  /// All dimensions of two values, from the given ones on.
  void unifyAll(Value a, unsigned i, Value b, unsigned j);
  void pin(Value v, unsigned d) { classes[find(of(v, d))].pinned = true; }
  void pinAll(Value v) {
    for (unsigned d = 0; d < seqc::shapeOf(v.getType()).size(); ++d)
      pin(v, d);
  }
  /// The operation states its result's sizes.
  void count(Value v) {
    for (unsigned d = 0; d < seqc::shapeOf(v.getType()).size(); ++d)
      classes[find(of(v, d))].counted = true;
  }
  void axes(Value v, AxesAttr map) {
    for (unsigned d = 0; d < map.size(); ++d)
      classes[find(of(v, d))].axis = true;
  }
  /// A segment table has one entry more than there are segments, whose axis may not
  /// be static while the table's size is.
  void table(Value segments) {
    if (segments)
      classes[find(of(segments, 0))].axis = true;
  }
  void visit(Operation *op);
  void visit(RecurrenceOp op);
  void visit(ScanOp op);
  void visit(LinearRecurrenceOp op);
  void slices(Value whole, Value part, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides,
              const llvm::SmallBitVector &dropped);
  int64_t sizeAt(Value v, unsigned d);
  Type typeOf(Value v);

  std::vector<Class> classes;
  llvm::DenseMap<std::pair<Value, unsigned>, unsigned> known;
};
} // namespace

unsigned Extents::of(Value v, unsigned d) {
  auto [it, isNew] = known.try_emplace({v, d}, classes.size());
  if (isNew) {
    int64_t size = seqc::shapeOf(v.getType())[d];
    // Dimensions of one stay: broadcasts and reshapes rely on them.
    classes.push_back({unsigned(classes.size()), size,
                       size <= 1 && !ShapedType::isDynamic(size)});
  }
  return it->second;
}

void Extents::merge(unsigned a, unsigned b) {
  a = find(a);
  b = find(b);
  if (a == b)
    return;
  Class &x = classes[a], &y = classes[b];
  // A static and a dynamic size that agree keep what they are.
  if (x.size != y.size)
    x.pinned = y.pinned = true;
  else
    y.parent = a;
  x.pinned |= y.pinned;
  x.axis |= y.axis;
  x.counted |= y.counted;
}

void Extents::unifyAll(Value a, unsigned i, Value b, unsigned j) {
  unsigned rank = seqc::shapeOf(a.getType()).size();
  for (; i < rank; ++i, ++j)
    unify(a, i, b, j);
}

void Extents::visit(RecurrenceOp op) {
  table(op.getSegments());
  unsigned lead = op.getChunk() ? 1 : 0;
  auto operands = [&](ValueRange values, ArrayAttr maps, ValueRange args,
                      unsigned lead) {
    for (auto [v, attr, arg] : llvm::zip(values, maps, args)) {
      auto map = cast<AxesAttr>(attr);
      axes(v, map);
      unifyAll(v, map.size(), arg, lead);
      if (lead)
        pin(arg, 0);
    }
  };
  YieldOp yield = op.getYield();
  operands(op.getSeq(), op.getSeqMaps(), op.getSeqArgs(), lead);
  operands(op.getWeights(), op.getWeightMaps(), op.getWeightArgs(), 0);
  operands(op.getCarries(), op.getCarryMaps(), op.getCarryArgs(), 0);
  operands(op.getRestarts(), op.getRestartMaps(), op.getCarryArgs(), 0);
  for (auto [i, out] : llvm::enumerate(yield.getOuts())) {
    auto map = cast<AxesAttr>(op.getOutMaps()[i]);
    axes(op.getOuts()[i], map);
    unifyAll(op.getOuts()[i], map.size(), out, lead);
    if (lead)
      pin(out, 0);
  }
  for (auto [i, next] : llvm::enumerate(yield.getCarries())) {
    unifyAll(next, 0, op.getCarryArgs()[i], 0);
    AxesAttr map = op.getFinalMap(i);
    axes(op.getFinals()[i], map);
    unifyAll(op.getFinals()[i], map.size(), next, 0);
  }
  for (unsigned i = 0; i + 1 < op.getSnapshots().size(); i += 2)
    unifyAll(op.getSnapshotArgs()[i / 2], 0,
             op.getCarryArgs()[op.getSnapshots()[i]], 0);
}

void Extents::visit(ScanOp op) {
  table(op.getSegments());
  for (auto [i, v] : llvm::enumerate(op.getSeq())) {
    auto map = cast<AxesAttr>(op.getSeqMaps()[i]),
         outMap = cast<AxesAttr>(op.getOutMaps()[i]);
    Value left = op.getLeftArgs()[i];
    axes(v, map);
    axes(op.getOuts()[i], outMap);
    unifyAll(v, map.size(), left, 0);
    unifyAll(op.getOuts()[i], outMap.size(), left, 0);
    unifyAll(op.getRightArgs()[i], 0, left, 0);
    unifyAll(op.getIdentities()[i], 0, left, 0);
    unifyAll(op.getYield().getOuts()[i], 0, left, 0);
    if (!op.getInitials().empty()) {
      auto initial = cast<AxesAttr>(op.getInitialMaps()[i]);
      axes(op.getInitials()[i], initial);
      unifyAll(op.getInitials()[i], initial.size(), left, 0);
    }
    if (op.getFinal()) {
      axes(op.getFinals()[i], op.getFinalMap(i));
      unifyAll(op.getFinals()[i], op.getFinalMap(i).size(), left, 0);
    }
  }
}

void Extents::visit(LinearRecurrenceOp op) {
  table(op.getSegments());
  auto initial = op.initial();
  axes(initial.value, initial.map);
  unsigned k = initial.map.size();
  auto along = [&](LinearRecurrenceOp::Operand o, int64_t axis) {
    axes(o.value, o.map);
    if (axis >= 0)
      unify(o.value, o.map.size(), initial.value, k + axis);
  };
  for (unsigned i = 0; i < op.numGates(); ++i)
    along(op.gate(i), op.getGateAxes()[i]);
  for (unsigned i = 0; i < op.numPairs(); ++i)
    for (unsigned part : {0, 1, 2})
      along(op.pair(i, part), part == 2 ? -1 : 0);
  for (unsigned i = 0; i < op.numWrites(); ++i)
    for (unsigned part : {0, 1, 2})
      along(op.write(i, part), part == 2 ? -1 : int64_t(part));
  for (unsigned i = 0; i < op.numReads(); ++i) {
    along(op.read(i, 0), op.getReadAxes()[i]);
    along(op.read(i, 1), -1);
    along({op.getResult(i), op.getOutMap()}, 1 - op.getReadAxes()[i]);
  }
  if (op.getConstant()) {
    // Only one block is as large as the state.
    auto blocks = op.constantBlocks();
    axes(blocks.value, blocks.map);
    unsigned at = blocks.map.size();
    if (op.blockSize() == op.keySize()) {
      pin(blocks.value, at);
      unify(blocks.value, at + 1, initial.value, k);
      unify(blocks.value, at + 2, initial.value, k);
    } else {
      for (unsigned d = 0; d < 3; ++d)
        pin(blocks.value, at + d);
      pin(initial.value, k);
    }
  }
  axes(op.getFinalState(), op.getFinalMap());
  for (unsigned axis : {0, 1})
    unify(op.getFinalState(), op.getFinalMap().size() + axis, initial.value,
          k + axis);
}

/// A dimension of which all is taken has the size of the part; others keep
/// theirs.
void Extents::slices(Value whole, Value part, ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides,
                     const llvm::SmallBitVector &dropped) {
  ArrayRef<int64_t> shape = seqc::shapeOf(whole.getType());
  unsigned p = 0;
  for (unsigned d = 0; d < shape.size(); ++d) {
    bool all = isConstantIntValue(offsets[d], 0) &&
               isConstantIntValue(strides[d], 1) &&
               isConstantIntValue(sizes[d], shape[d]);
    bool dynamic = ShapedType::isDynamic(shape[d]);
    if (dropped.test(d)) {
      if (!dynamic)
        pin(whole, d);
      continue;
    }
    if (all) {
      unify(whole, d, part, p);
    } else {
      pin(whole, d);
      pin(part, p);
    }
    ++p;
  }
}

void Extents::visit(Operation *op) {
  if (auto recurrence = dyn_cast<RecurrenceOp>(op))
    return visit(recurrence);
  if (auto scan = dyn_cast<ScanOp>(op))
    return visit(scan);
  if (auto linear = dyn_cast<LinearRecurrenceOp>(op))
    return visit(linear);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (dense && !dense.isSplat())
      pinAll(constant);
    return count(constant);
  }
  if (auto einsum = dyn_cast<EinsumOp>(op)) {
    llvm::DenseMap<char, std::pair<Value, unsigned>> letters;
    auto term = [&](StringRef text, Value v) {
      for (auto [d, letter] : llvm::enumerate(text)) {
        auto [it, isNew] = letters.try_emplace(letter, v, unsigned(d));
        if (!isNew)
          unify(v, d, it->second.first, it->second.second);
      }
    };
    for (auto [text, v] : llvm::zip(einsum.getTerms(), einsum.getOperands()))
      term(text, v);
    return term(einsum.getOutputTerm(), einsum.getResult());
  }
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    int64_t rank = seqc::shapeOf(reduce.getInput().getType()).size();
    for (int64_t d = 0, k = 0; d < rank; ++d)
      if (d != int64_t(reduce.getAxis()))
        unify(reduce.getInput(), d, reduce.getResult(), k++);
    return;
  }
  if (isa<tensor::SplatOp, tensor::EmptyOp, tensor::ExtractSliceOp,
          tensor::InsertSliceOp, tensor::ExpandShapeOp>(op))
    count(op->getResult(0));
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
    return slices(extract.getSource(), extract.getResult(),
                  extract.getMixedOffsets(), extract.getMixedSizes(),
                  extract.getMixedStrides(), extract.getDroppedDims());
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    slices(insert.getDest(), insert.getSource(), insert.getMixedOffsets(),
           insert.getMixedSizes(), insert.getMixedStrides(),
           insert.getDroppedDims());
    return unifyAll(insert.getDest(), 0, insert.getResult(), 0);
  }
  if (auto reshape = reshapeOf(op)) {
    for (auto [i, group] : llvm::enumerate(reshape->groups)) {
      if (int64_t d = reshape->onlyLarge(i); d >= 0) {
        unify(reshape->shorter, i, reshape->longer, d);
        continue;
      }
      pin(reshape->shorter, i);
      for (int64_t d : group)
        pin(reshape->longer, d);
    }
    return;
  }
  if (isa<tensor::SplatOp, tensor::EmptyOp, tensor::DimOp>(op))
    return;
  bool elementwise = op->hasTrait<OpTrait::Elementwise>() || isa<tensor::CastOp>(op);
  SmallVector<Value> values(op->getOperands());
  llvm::append_range(values, op->getResults());
  if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
    llvm::DenseMap<unsigned, std::pair<Value, unsigned>> loops;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = structured.getMatchingIndexingMap(&operand);
      for (auto [d, expr] : llvm::enumerate(map.getResults())) {
        auto loop = dyn_cast<AffineDimExpr>(expr);
        if (!loop) {
          pin(operand.get(), d);
          continue;
        }
        auto [it, isNew] =
            loops.try_emplace(loop.getPosition(), operand.get(), unsigned(d));
        if (!isNew)
          unify(operand.get(), d, it->second.first, it->second.second);
      }
    }
    for (auto [result, init] :
         llvm::zip(op->getResults(), structured.getDpsInits()))
      unifyAll(result, 0, init, 0);
    return;
  }
  if (elementwise) {
    for (Value v : values)
      if (unsigned rank = seqc::shapeOf(v.getType()).size())
        for (Value w : values)
          if (seqc::shapeOf(w.getType()).size() == rank)
            unifyAll(v, 0, w, 0);
    return;
  }
  if (!isa<func::ReturnOp, YieldOp>(op))
    for (Value v : values)
      pinAll(v);
}

void Extents::visit(func::FuncOp func) {
  func.getBody().walk([&](Operation *op) { visit(op); });
}

void Extents::unify(func::FuncOp a, func::FuncOp b) {
  for (auto [x, y] : llvm::zip(a.getArguments(), b.getArguments()))
    if (seqc::shapeOf(x.getType()).size() == seqc::shapeOf(y.getType()).size())
      unifyAll(x, 0, y, 0);
  for (auto [x, y] :
       llvm::zip(a.getBody().front().getTerminator()->getOperands(),
                 b.getBody().front().getTerminator()->getOperands()))
    if (seqc::shapeOf(x.getType()).size() == seqc::shapeOf(y.getType()).size())
      unifyAll(x, 0, y, 0);
}

unsigned Extents::number(ArrayRef<func::FuncOp> functions,
                         llvm::function_ref<int64_t(unsigned)> sizeOf) {
  unsigned count = 0;
  auto add = [&](Value v) {
    for (unsigned d = 0; d < seqc::shapeOf(v.getType()).size(); ++d) {
      Class &c = classes[find(of(v, d))];
      if (c.pinned || c.chosen != -1 || ShapedType::isDynamic(c.size))
        continue;
      if (!c.axis)
        c.chosen = sizeOf(count++);
      else if (!c.counted)
        c.chosen = ShapedType::kDynamic;
    }
  };
  for (func::FuncOp func : functions) {
    llvm::for_each(func.getArguments(), add);
    func.getBody().walk([&](Operation *op) {
      llvm::for_each(op->getResults(), add);
      for (Region &region : op->getRegions())
        llvm::for_each(region.getArguments(), add);
    });
  }
  return count;
}

int64_t Extents::sizeAt(Value v, unsigned d) {
  auto it = known.find({v, d});
  if (it == known.end())
    return seqc::shapeOf(v.getType())[d];
  const Class &c = classes[find(it->second)];
  return c.pinned || ShapedType::isDynamic(c.size) || c.chosen == -1 ? c.size
                                                                     : c.chosen;
}

Type Extents::typeOf(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  if (!type)
    return v.getType();
  SmallVector<int64_t> shape;
  for (unsigned d = 0; d < type.getRank(); ++d)
    shape.push_back(sizeAt(v, d));
  return RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
}

void Extents::apply(func::FuncOp func) {
  // Attributes first, while sizes can still be looked up by value.
  llvm::DenseMap<Value, Type> types;
  auto note = [&](Value v) { types[v] = typeOf(v); };
  llvm::for_each(func.getArguments(), note);
  func.getBody().walk([&](Operation *op) {
    llvm::for_each(op->getResults(), note);
    for (Region &region : op->getRegions())
      llvm::for_each(region.getArguments(), note);
    auto replaceSizes = [&](ArrayRef<int64_t> old, Value of,
                            const llvm::SmallBitVector &dropped) {
      SmallVector<int64_t> sizes(old);
      for (unsigned d = 0, p = 0; d < sizes.size(); ++d)
        if (!dropped.test(d)) {
          if (!ShapedType::isDynamic(sizes[d]))
            sizes[d] = sizeAt(of, p);
          ++p;
        }
      return sizes;
    };
    if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
      extract.setStaticSizes(replaceSizes(extract.getStaticSizes(),
                                          extract.getResult(),
                                          extract.getDroppedDims()));
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      insert.setStaticSizes(replaceSizes(insert.getStaticSizes(),
                                         insert.getSource(),
                                         insert.getDroppedDims()));
    else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      expand.setStaticOutputShape(replaceSizes(
          expand.getStaticOutputShape(), expand.getResult(),
          llvm::SmallBitVector(expand.getStaticOutputShape().size())));
    else if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
          dense && dense.isSplat())
        constant.setValueAttr(dense.resizeSplat(
            cast<ShapedType>(typeOf(constant.getResult()))));
  });
  for (auto &[v, type] : types)
    v.setType(type);
  SmallVector<Type> results;
  for (Value v : func.getBody().front().getTerminator()->getOperands())
    results.push_back(v.getType());
  func.setType(FunctionType::get(
      func.getContext(), func.getBody().front().getArgumentTypes(), results));
}

llvm::Expected<unsigned>
seqc::proof::shrink(ArrayRef<func::FuncOp> functions,
                    llvm::function_ref<int64_t(unsigned)> sizeOf) {
  Extents extents;
  for (func::FuncOp func : functions) {
    if (func.isDeclaration() || !llvm::hasSingleElement(func.getBody()))
      return llvm::createStringError("a function has no body of one block");
    extents.visit(func);
  }
  for (func::FuncOp func : functions.drop_front())
    extents.unify(functions.front(), func);
  unsigned count = extents.number(functions, sizeOf);
  std::string message;
  for (func::FuncOp func : functions) {
    extents.apply(func);
    ScopedDiagnosticHandler quiet(func.getContext(), [&](Diagnostic &d) {
      if (message.empty())
        message = d.str();
    });
    if (failed(verify(func)))
      return llvm::createStringError("the program at other sizes is not valid: " +
                                     message);
  }
  return count;
}
