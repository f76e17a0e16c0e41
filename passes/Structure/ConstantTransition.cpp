//===- ConstantTransition.cpp - States with one transition for all tokens -===//
//
// A component whose transition is the same at every token becomes one linear
// recurrence with a constant: its states are stacked into one of K = m r rows, so
// that the transition has blocks [m, r, r].  A dense matrix is one block; a diagonal
// has blocks of one; several states that are elementwise one by one (real and
// imaginary part) have blocks of as many.
//
//===----------------------------------------------------------------------===//

#include "Conversion.h"
#include "SumEmitter.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::conversion;
using namespace seqc::structure;

/// The largest block: its powers are matrices of this order.
static constexpr int64_t kMaxBlock = 1024;
/// Numbers of all blocks.
static constexpr int64_t kMaxNumbers = 1 << 22;

static bool hasVector(const Sum &sum) {
  return llvm::any_of(sum.terms, [](const Term &t) { return !t.factors.empty(); });
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

/// True for the dimensions of a state that are part of m.
static bool isKept(const ConstantPlan &p, unsigned d) {
  return d < p.blocks.kept.size() && p.blocks.kept[d] && !(p.matrix && d == 1);
}

std::optional<std::string> Conversion::planConstant(ComponentPlan &c) {
  const Component &component = c.component;
  unsigned n = component.carries.size();
  if (component.next.empty() ||
      (component.cls != Class::C3 &&
       !(component.cls == Class::C4 && n > 1 && component.gate == Gate::Constant)))
    return "its transition varies";
  for (unsigned carry : component.carries) {
    if (elementOf(op.getCarryArgs()[carry].getType()) != computeType())
      return "a state is not of f32 or f64, but rounds at every token";
    SmallVector<Attribute> maps = {op.getCarryMaps()[carry]};
    if (!op.getRestarts().empty())
      maps.push_back(op.getRestartMaps()[carry]);
    for (Attribute map : maps)
      if (llvm::any_of(cast<AxesAttr>(map).getDivisors(),
                       [](int64_t d) { return d != 1; }))
        return "a state has grouped heads";
  }
  auto grouped = [&](const Sum &sum) {
    // Weights below factors may have axes with floordiv, which tensors without
    // tokens do not.
    return !sum.terms.empty() &&
           llvm::any_of(op.getWeightMaps().getAsRange<AxesAttr>(), [](AxesAttr map) {
             return llvm::any_of(map.getDivisors(), [](int64_t d) { return d != 1; });
           });
  };
  ConstantPlan p;
  int64_t order = planBlocks(component, p.blocks);
  ArrayRef<int64_t> shape = shapeOf(op.getCarryArgs()[component.carries[0]].getType());
  bool restarts = !op.getRestarts().empty();
  // Columns of a matrix that differ in nothing share the transition.
  if (n == 1 && shape.size() == 2 && p.blocks.kept[1] && !p.blocks.varies[1] &&
      !restarts) {
    p.matrix = true;
    for (const Term &term : p.blocks.written[0].terms) {
      unsigned parts = factorsAt(term, 2, 0).size() + factorsAt(term, 2, 1).size() +
                       factorsAt(term, 2, -1).size();
      p.matrix &= parts == term.factors.size();
    }
  }
  for (unsigned d = 0; d < shape.size(); ++d)
    if (isKept(p, d))
      p.count *= shape[d];
  p.size = order;
  if (p.size > kMaxBlock || p.count * p.size * p.size > kMaxNumbers)
    return "its transition is a matrix of order " + std::to_string(p.count * p.size);
  for (const BlockPlan &block : p.blocks.blocks)
    if (grouped(block.value))
      return "a weight has grouped heads";

  if (p.matrix) {
    for (const Term &term : p.blocks.written[0].terms) {
      Sum key = partOf(term, factorsAt(term, 2, 0), 0),
          scale = partOf(term, factorsAt(term, 2, -1), -1, term.scale);
      c.writes.push_back({{key, scale}, partOf(term, factorsAt(term, 2, 1), 1)});
    }
  } else {
    auto constant = [&](ArrayRef<Factor> factors) {
      return llvm::all_of(factors, [&](const Factor &f) {
        return dependence.isConstant(f.value);
      });
    };
    auto writeOf = [&](const Sum &scale, bool fixed) -> ConstantPlan::Write & {
      for (ConstantPlan::Write &w : p.writes)
        if (w.fixed == fixed && w.scale.terms[0].sameProduct(scale.terms[0]))
          return w;
      ConstantPlan::Write &w = p.writes.emplace_back();
      w.scale = scale;
      w.fixed = fixed;
      for (const Sum &written : p.blocks.written)
        w.keys.emplace_back().shape = written.shape;
      return w;
    };
    for (auto [i, written] : llvm::enumerate(p.blocks.written))
      for (const Term &term : written.terms) {
        // A key that no token changes times a number, or a key.
        unsigned rank = written.shape.size();
        SmallVector<Factor> scalars = factorsAt(term, rank, -1), rest;
        for (const Factor &f : term.factors)
          if (!llvm::is_contained(scalars, f))
            rest.push_back(f);
        Term key = term;
        Sum scale = Sum::constant(1, {});
        bool fixed = constant(rest);
        if (fixed) {
          scale = partOf(term, scalars, -1);
          key.factors.assign(rest.begin(), rest.end());
          // Letters that only the scalar summed over are gone.
          SmallVector<int> map(key.extents.size(), -1);
          SmallVector<int64_t, 4> extents;
          for (unsigned l = 0; l < map.size(); ++l)
            if (l < rank || key.uses(l)) {
              map[l] = extents.size();
              extents.push_back(key.extents[l]);
            }
          for (Factor &f : key.factors)
            for (int &l : f.letters)
              l = map[l];
          key.extents = extents;
        }
        writeOf(scale, fixed).keys[i].add(std::move(key));
      }
    for (const ConstantPlan::Write &w : p.writes)
      for (const Sum &key : w.keys)
        if (w.fixed && hasVector(key) && grouped(key))
          return "a weight has grouped heads";
  }
  if (p.writes.empty() && c.writes.empty())
    return "nothing is written to a state";
  c.linear = true;
  c.constant = std::move(p);
  if (n > 1 || restarts || shape.empty())
    return {};
  c.column = shape.size() == 1;
  return c.column || c.constant->matrix ? planReads(c) : Reason();
}

//===----------------------------------------------------------------------===//
// Steps without tokens
//===----------------------------------------------------------------------===//

/// The tensor with a first axis of time, of size one.
Source Conversion::atOneToken(const Source &source) {
  SmallVector<StringAttr> names = {b.getStringAttr(RecurrenceOp::getTimeAxis())};
  llvm::append_range(names, source.map.getNames());
  auto map = AxesAttr::get(b.getContext(), names,
                           SmallVector<int64_t>(names.size(), 1));
  Source &known = atToken[source.tensor];
  if (known.tensor && known.map == map)
    return known;
  auto type = dyn_cast<RankedTensorType>(source.tensor.getType());
  Value v = source.tensor;
  if (!type) {
    v = tensor::FromElementsOp::create(b, loc, RankedTensorType::get({1}, v.getType()),
                                       v);
  } else {
    SmallVector<int64_t> shape = {1};
    llvm::append_range(shape, type.getShape());
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1)};
    llvm::append_range(sizes, tensor::getMixedSizes(b, loc, v));
    SmallVector<ReassociationIndices> groups;
    for (int64_t d = 0; d < type.getRank(); ++d)
      groups.push_back(d ? ReassociationIndices{d + 1} : ReassociationIndices{0, 1});
    v = tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get(shape, type.getElementType()), v, groups, sizes);
  }
  known = {v, map};
  return known;
}

SmallVector<Source> Conversion::withoutTokens(
    ArrayRef<Source> inputs,
    llvm::function_ref<SmallVector<Value>(StepBuilder &, ValueRange)> fn,
    ArrayRef<AxesAttr> maps) {
  timeless = true;
  StepBuilder sb(b, loc);
  // Time is an axis even if no operand is there.
  Value anything = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(RankedTensorType::get({1}, b.getF32Type()), 0.0f));
  sb.add({anything, AxesAttr::get(b.getContext(),
                                  {b.getStringAttr(RecurrenceOp::getTimeAxis())}, {1})});
  SmallVector<Value> args;
  for (const Source &source : inputs)
    args.push_back(sb.add(atOneToken(source)));
  SmallVector<Value> values = fn(sb, args);
  timeless = false;
  StringAttr time = b.getStringAttr(RecurrenceOp::getTimeAxis());
  auto axesOf = [&](unsigned i) {
    if (maps.empty())
      return sb.axes();
    SmallVector<StringAttr> names = {time};
    llvm::append_range(names, maps[i].getNames());
    return names;
  };
  for (auto [i, v] : llvm::enumerate(values)) {
    SmallVector<StringAttr> names = axesOf(i);
    auto axes = AxesAttr::get(b.getContext(), names,
                              SmallVector<int64_t>(names.size(), 1));
    sb.addOut(v, axes, elementOf(v.getType()));
  }
  RecurrenceOp made = sb.finish({}, {});
  SmallVector<Source> results;
  for (auto [i, out] : llvm::enumerate(made.getOuts())) {
    SmallVector<StringAttr> names = axesOf(i);
    auto type = cast<RankedTensorType>(out.getType());
    SmallVector<ReassociationIndices> groups;
    for (int64_t d = 1; d < type.getRank(); ++d)
      groups.push_back(d == 1 ? ReassociationIndices{0, 1} : ReassociationIndices{d});
    Value v = tensor::CollapseShapeOp::create(b, loc, out, groups);
    results.push_back({v, AxesAttr::get(b.getContext(), ArrayRef(names).drop_front(),
                                        SmallVector<int64_t>(names.size() - 1, 1))});
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Stacked states
//===----------------------------------------------------------------------===//

/// The same elements in another shape, in the order of memory.
static Value reshaped(OpBuilder &step, Location loc, Value v, ArrayRef<int64_t> shape) {
  Type element = elementOf(v.getType());
  ArrayRef<int64_t> from = shapeOf(v.getType());
  if (from == shape)
    return v;
  auto all = [](int64_t rank) {
    ReassociationIndices group;
    for (int64_t d = 0; d < rank; ++d)
      group.push_back(d);
    return SmallVector<ReassociationIndices>{group};
  };
  if (from.empty())
    return tensor::SplatOp::create(step, loc, v, RankedTensorType::get(shape, element));
  int64_t n = 1;
  for (int64_t size : from)
    n *= size;
  if (from.size() > 1)
    v = tensor::CollapseShapeOp::create(step, loc, RankedTensorType::get({n}, element),
                                        v, all(from.size()));
  if (shape.empty()) {
    Value zero = arith::ConstantIndexOp::create(step, loc, 0);
    return tensor::ExtractOp::create(step, loc, v, ValueRange(zero));
  }
  if (shape.size() > 1)
    v = tensor::ExpandShapeOp::create(step, loc, RankedTensorType::get(shape, element),
                                      v, all(shape.size()));
  return v;
}

/// Dimensions of a state in the order of the stack: those kept, then those that mix.
static SmallVector<unsigned> orderOf(const ConstantPlan &p, unsigned rank) {
  SmallVector<unsigned> order;
  for (bool kept : {true, false})
    for (unsigned d = 0; d < rank; ++d)
      if (isKept(p, d) == kept)
        order.push_back(d);
  return order;
}

static std::string lettersOf(ArrayRef<unsigned> dims) {
  std::string text;
  for (unsigned d : dims)
    text += char('a' + d);
  return text;
}

static Value permuted(OpBuilder &step, Location loc, Value v, const std::string &from,
                      const std::string &to) {
  return from == to ? v
                    : EinsumOp::create(step, loc, v,
                                       step.getStringAttr(from + "->" + to))
                          .getResult();
}

static std::string plainLetters(unsigned rank) {
  std::string text;
  for (unsigned d = 0; d < rank; ++d)
    text += char('a' + d);
  return text;
}

/// Elements of each state that mix with others.
static SmallVector<int64_t> mixedSizes(const ConstantPlan &p, ArrayRef<ArrayRef<int64_t>> shapes) {
  SmallVector<int64_t> result;
  for (ArrayRef<int64_t> shape : shapes) {
    int64_t n = 1;
    for (unsigned d = 0; d < shape.size(); ++d)
      if (!isKept(p, d) && !(p.matrix && d == 1))
        n *= shape[d];
    result.push_back(n);
  }
  return result;
}

static Value zeros(OpBuilder &step, Location loc, ArrayRef<int64_t> shape, Type element) {
  auto type = RankedTensorType::get(shape, element);
  return arith::ConstantOp::create(step, loc,
                                   cast<TypedAttr>(step.getZeroAttr(type)));
}

Value Conversion::stack(OpBuilder &step, const ComponentPlan &c, ArrayRef<Value> states,
                        bool columns) {
  const ConstantPlan &p = *c.constant;
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Value v : states)
    shapes.push_back(shapeOf(v.getType()));
  SmallVector<int64_t> mixed = mixedSizes(p, shapes);
  Value whole;
  int64_t at = 0;
  for (auto [state, size] : llvm::zip(states, mixed)) {
    unsigned rank = shapeOf(state.getType()).size();
    Value v = permuted(step, loc, state, plainLetters(rank), lettersOf(orderOf(p, rank)));
    v = reshaped(step, loc, v, {p.count, size});
    if (size == p.size) {
      whole = v;
      break;
    }
    if (!whole)
      whole = zeros(step, loc, {p.count, p.size}, elementOf(v.getType()));
    SmallVector<OpFoldResult> offsets = {step.getIndexAttr(0), step.getIndexAttr(at)},
                              sizes = {step.getIndexAttr(p.count),
                                       step.getIndexAttr(size)},
                              strides(2, step.getIndexAttr(1));
    whole = tensor::InsertSliceOp::create(step, loc, v, whole, offsets, sizes, strides);
    at += size;
  }
  return columns ? reshaped(step, loc, whole, {p.count * p.size, 1})
                 : reshaped(step, loc, whole, {p.count * p.size});
}

SmallVector<Value> Conversion::unstack(OpBuilder &step, const ComponentPlan &c,
                                       Value stacked) {
  const ConstantPlan &p = *c.constant;
  SmallVector<ArrayRef<int64_t>> shapes;
  for (unsigned carry : c.component.carries)
    shapes.push_back(shapeOf(op.getCarryArgs()[carry].getType()));
  SmallVector<int64_t> mixed = mixedSizes(p, shapes);
  Value whole = reshaped(step, loc, stacked, {p.count, p.size});
  SmallVector<Value> result;
  int64_t at = 0;
  for (auto [shape, size] : llvm::zip(shapes, mixed)) {
    Value v = whole;
    if (size != p.size) {
      SmallVector<OpFoldResult> offsets = {step.getIndexAttr(0), step.getIndexAttr(at)},
                                sizes = {step.getIndexAttr(p.count),
                                         step.getIndexAttr(size)},
                                strides(2, step.getIndexAttr(1));
      v = tensor::ExtractSliceOp::create(step, loc, v, offsets, sizes, strides);
    }
    SmallVector<unsigned> order = orderOf(p, shape.size());
    SmallVector<int64_t> sizes;
    for (unsigned d : order)
      sizes.push_back(shape[d]);
    v = reshaped(step, loc, v, sizes);
    result.push_back(
        permuted(step, loc, v, lettersOf(order), plainLetters(shape.size())));
    at += size;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

Value Conversion::emitConstant(StepBuilder &sb, IRMapping &map, const ComponentPlan &c) {
  const ConstantPlan &p = *c.constant;
  OpBuilder &step = sb.step();
  unsigned n = c.component.carries.size();
  SmallVector<ArrayRef<int64_t>> shapes;
  for (unsigned carry : c.component.carries)
    shapes.push_back(shapeOf(op.getCarryArgs()[carry].getType()));
  SmallVector<int64_t> mixed = mixedSizes(p, shapes);
  Value whole = zeros(step, loc, {p.count, p.size, p.size}, computeType());
  int64_t row = 0;
  for (unsigned i = 0; i < n; row += mixed[i++]) {
    int64_t column = 0;
    for (unsigned j = 0; j < n; column += mixed[j++]) {
      const BlockPlan &plan = p.blocks.blocks[i * n + j];
      if (plan.value.terms.empty())
        continue;
      Value block = emitBlock(sb, map, plan);
      // Dimensions that the block does not have: it is the same along them.
      std::string own, wanted, equation;
      SmallVector<Value> operands = {block};
      for (unsigned d = 0; d < p.blocks.kept.size(); ++d) {
        char letter = char('a' + d);
        if (p.blocks.kept[d] && p.blocks.varies[d])
          own += letter;
        if (!isKept(p, d))
          continue;
        wanted += letter;
        if (!p.blocks.varies[d]) {
          equation += std::string(",") + letter;
          operands.push_back(arith::ConstantOp::create(
              step, loc,
              DenseElementsAttr::get(RankedTensorType::get({shapes[i][d]}, computeType()),
                                     step.getFloatAttr(computeType(), 1).getValue())));
        }
      }
      unsigned inner = shapeOf(block.getType()).size() - own.size();
      for (unsigned k = 0; k < inner; ++k) {
        own += char('p' + k);
        wanted += char('p' + k);
      }
      if (operands.size() > 1)
        block = EinsumOp::create(step, loc, operands,
                                 step.getStringAttr(own + equation + "->" + wanted));
      block = reshaped(step, loc, block, {p.count, mixed[i], mixed[j]});
      if (n == 1)
        return block;
      SmallVector<OpFoldResult> offsets = {step.getIndexAttr(0), step.getIndexAttr(row),
                                           step.getIndexAttr(column)},
                                sizes = {step.getIndexAttr(p.count),
                                         step.getIndexAttr(mixed[i]),
                                         step.getIndexAttr(mixed[j])},
                                strides(3, step.getIndexAttr(1));
      whole = tensor::InsertSliceOp::create(step, loc, block, whole, offsets, sizes,
                                            strides);
    }
  }
  return whole;
}

Value Conversion::emitKey(StepBuilder &sb, IRMapping &map, const ComponentPlan &c,
                          const ConstantPlan::Write &write) {
  SmallVector<Value> keys;
  for (const Sum &key : write.keys)
    keys.push_back(emit(sb, map, key));
  return stack(sb.step(), c, keys, false);
}

Source Conversion::initialOf(const ComponentPlan &c) {
  SmallVector<Source> initials;
  for (unsigned carry : c.component.carries)
    initials.push_back(
        {op.getCarries()[carry], cast<AxesAttr>(op.getCarryMaps()[carry])});
  return withoutTokens(initials, [&](StepBuilder &sb, ValueRange args) {
    return SmallVector<Value>{stack(sb.step(), c, SmallVector<Value>(args), true)};
  })[0];
}

/// A vector that no token changes, if it is one.
Source Conversion::materializeKey(const Sum &sum) {
  bool direct = sum.terms.size() == 1 &&
                (sum.terms[0].factors.empty() ||
                 (sum.terms[0].factors.size() == 1 && sum.terms[0].scale == 1 &&
                  sum.terms[0].factors[0].kind == Factor::Kind::Value));
  bool constant = llvm::all_of(sum.terms, [&](const Term &t) {
    return llvm::all_of(t.factors, [&](const Factor &f) {
      return dependence.isConstant(f.value);
    });
  });
  bool grouped =
      llvm::any_of(op.getWeightMaps().getAsRange<AxesAttr>(), [](AxesAttr map) {
        return llvm::any_of(map.getDivisors(), [](int64_t d) { return d != 1; });
      });
  if (direct || !constant || grouped)
    return materialize(sum);
  return withoutTokens({}, [&](StepBuilder &sb, ValueRange) {
    IRMapping map;
    return SmallVector<Value>{emit(sb, map, sum)};
  })[0];
}

/// Key, value and scale of each write to a state of one column.
SmallVector<Source> Conversion::constantWrites(const ComponentPlan &c) {
  const ConstantPlan &p = *c.constant;
  SmallVector<Source> result;
  auto add = [&](const Source &key, const Source &scale) {
    result.append({key, constantSource(1, {1}), scale});
  };
  for (const ConstantPlan::Write &write : p.writes) {
    if (write.fixed && c.column) {
      add(materializeKey(write.keys[0]), materialize(write.scale));
      continue;
    }
    if (write.fixed) {
      add(withoutTokens({}, [&](StepBuilder &sb, ValueRange) {
            IRMapping map;
            return SmallVector<Value>{emitKey(sb, map, c, write)};
          })[0],
          materialize(write.scale));
      continue;
    }
    if (c.column) {
      add(materialize(write.keys[0]), constantSource(1, {}));
      continue;
    }
    StepBuilder sb(b, loc);
    IRMapping map;
    Value key = emitKey(sb, map, c, write);
    cover(sb);
    SmallVector<StringAttr> names = sb.axes();
    auto axes = AxesAttr::get(b.getContext(), names,
                              SmallVector<int64_t>(names.size(), 1));
    sb.addOut(key, axes, computeType());
    add({sb.finish({}, {}).getOuts()[0], axes}, constantSource(1, {}));
  }
  if (op.getRestarts().empty())
    return result;
  // A flagged token finds the state to restart from: its transition of that is
  // written there.
  SmallVector<Source> restarts;
  for (unsigned carry : c.component.carries)
    restarts.push_back(
        {op.getRestarts()[carry], cast<AxesAttr>(op.getRestartMaps()[carry])});
  Source key = withoutTokens(restarts, [&](StepBuilder &sb, ValueRange args) {
    IRMapping map;
    OpBuilder &step = sb.step();
    Value state = reshaped(step, loc, stack(step, c, SmallVector<Value>(args), false),
                           {p.count, p.size});
    Value moved =
        EinsumOp::create(step, loc, ValueRange{emitConstant(sb, map, c), state},
                         step.getStringAttr("mij,mj->mi"));
    return SmallVector<Value>{reshaped(step, loc, moved, {p.count * p.size})};
  })[0];
  StepBuilder sb(b, loc);
  Value flag = emitFlag(sb);
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(sb.step(), loc,
                                     sb.step().getFloatAttr(computeType(), value));
  };
  Value scale = arith::SelectOp::create(sb.step(), loc, flag, number(1), number(0));
  SmallVector<StringAttr> names = sb.axes();
  auto axes =
      AxesAttr::get(b.getContext(), names, SmallVector<int64_t>(names.size(), 1));
  sb.addOut(scale, axes, computeType());
  add(key, {sb.finish({}, {}).getOuts()[0], axes});
  return result;
}

void Conversion::setStates(ComponentPlan &c, Value final, AxesAttr map,
                           ArrayRef<Value> wholes) {
  ArrayRef<unsigned> carries = c.component.carries;
  bool stacked = !c.column && !c.constant->matrix;
  if (stacked) {
    SmallVector<AxesAttr> maps;
    for (unsigned carry : carries)
      maps.push_back(op.getFinalMap(carry));
    SmallVector<Source> states = withoutTokens(
        {{final, map}},
        [&](StepBuilder &sb, ValueRange args) {
          return unstack(sb.step(), c, args[0]);
        },
        maps);
    for (auto [carry, state] : llvm::zip(carries, states))
      finals[carry] = state.tensor;
  }
  AxesAttr axes = allAxes();
  unsigned at = 0;
  for (bool next : {false, true}) {
    if (!(next ? c.next : c.previous))
      continue;
    Source whole{wholes[at++], axes};
    if (!stacked) {
      available[next ? op.getYield().getCarries()[carries[0]]
                     : Value(op.getCarryArgs()[carries[0]])] = whole;
      continue;
    }
    StepBuilder sb(b, loc);
    SmallVector<Value> states = unstack(sb.step(), c, sb.add(whole));
    if (!next && !op.getRestarts().empty()) {
      Value flag = emitFlag(sb);
      for (auto [carry, v] : llvm::zip(carries, states))
        v = arith::SelectOp::create(sb.step(), loc, flag, emitRestart(sb, carry), v);
    }
    for (Value v : states)
      sb.addOut(v, axes, elementOf(v.getType()));
    RecurrenceOp made = sb.finish({}, {});
    for (auto [carry, out] : llvm::zip(carries, made.getOuts()))
      available[next ? op.getYield().getCarries()[carry]
                     : Value(op.getCarryArgs()[carry])] = {out, axes};
  }
}
