//===- TilePlan.cpp - What a kernel of tiles keeps in shared memory -------===//

#include "TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

std::optional<double> seqc::tile::splatNumber(Value v) {
  Attribute attr;
  if (auto constant = v.getDefiningOp<arith::ConstantOp>())
    attr = constant.getValue();
  if (auto number = dyn_cast_or_null<FloatAttr>(attr))
    return number.getValueAsDouble();
  auto dense = dyn_cast_or_null<DenseFPElementsAttr>(attr);
  if (!dense || !dense.isSplat())
    return std::nullopt;
  APFloat x = dense.getSplatValue<APFloat>();
  bool lost;
  x.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return x.convertToDouble();
}

Knobs seqc::tile::knobsOf(LinearRecurrenceOp op) {
  Knobs knobs;
  // Two warps do not have the registers for pairs with a gate for each key or value,
  // nor for those of a correction.
  bool vector = op.numGates() && op.getGateAxes()[0] >= 0;
  if (op.valueSize() <= 32 && !vector && !op.numPairs())
    knobs.values = 32;
  // Corrections need more tiles: by units, those of 128 keys and values leave room for
  // two blocks a multiprocessor.
  knobs.units = op.numPairs() != 0;
  // So do single stages, with a gate for each key.
  if (op.numPairs() && op.numGates() && op.getGateAxes()[0] == 0)
    knobs.stages = 1;
  // One block has all values of a head, and what concerns keys alone is computed once.
  // Keys are those of three chunks: in use, being prepared, and on their way.
  if (op->hasAttr(teamsAttr)) {
    knobs.teams = true;
    knobs.values = 128;
    knobs.stages = 3;
  }
  return knobs;
}

bool seqc::tile::hasTeams(LinearRecurrenceOp op, Type element) {
  bool vector = op.numGates() && op.getGateAxes()[0] >= 0;
  if (op.numPairs() != 1 || vector || op.valueSize() <= 64)
    return false;
  // What corrects is written with the keys, and nothing is rounded as it arrives.
  LinearRecurrenceOp::Operand key = op.write(0, 0), left = op.pair(0, 0);
  return left.value == key.value && left.map == key.map &&
         llvm::all_of(factorOperands(op), [&](auto factor) {
           return elementOf(factor.second.value.getType()) == element;
         });
}

SmallVector<std::pair<const char *, LinearRecurrenceOp::Operand>>
seqc::tile::factorOperands(LinearRecurrenceOp op) {
  SmallVector<std::pair<const char *, LinearRecurrenceOp::Operand>> all = {
      {"keys", op.write(0, 0)}, {"values", op.write(0, 1)}, {"queries", op.read(0, 0)}};
  if (op.numPairs()) {
    all.push_back({"a correction's left vectors", op.pair(0, 0)});
    all.push_back({"a correction's right vectors", op.pair(0, 1)});
  }
  return all;
}

Type seqc::tile::factorsOf(LinearRecurrenceOp op, bool narrow) {
  Type found;
  bool wide = false;
  for (auto [what, operand] : factorOperands(op)) {
    Type type = elementOf(operand.value.getType());
    if (type.isF32())
      wide = true;
    else if ((!type.isBF16() && !type.isF16()) || (found && found != type))
      return {};
    else
      found = type;
  }
  if (!found)
    return narrow ? BFloat16Type::get(op.getContext()) : Type();
  // f16 does not have the range of f32.
  return wide && found.isF16() ? Type() : found;
}

Plan seqc::tile::planOf(LinearRecurrenceOp op, Knobs knobs, Type element, bool split) {
  using Operand = LinearRecurrenceOp::Operand;
  Plan plan;
  plan.knobs = knobs;
  plan.element = element;
  plan.split = split;
  plan.keys = llvm::alignTo(op.keySize(), 16);
  plan.perKey = op.numGates() && op.getGateAxes()[0] == 0;
  plan.perValue = op.numGates() && op.getGateAxes()[0] == 1;
  plan.pair = op.numPairs() != 0;
  for (unsigned i = 0; i < plan.sameAs.size(); ++i)
    plan.sameAs[i] = plan.over[i] = Part(i);
  Type f32 = Float32Type::get(op.getContext());
  int64_t tokens = knobs.tokens;
  auto timed = [](Operand o) { return o.map.has(RecurrenceOp::getTimeAxis()); };
  auto tile = [&](Part part, ArrayRef<int64_t> shape, Type type) {
    bool units =
        knobs.units && type.getIntOrFloatBitWidth() == 16 && shape.back() % 8 == 0;
    plan.parts[unsigned(part)] = {SmallVector<int64_t, 3>(shape), type, units};
  };
  auto ring = [&](Part part, int64_t cols, Type type) {
    // Values are not prepared.
    int64_t stages = knobs.teams && part == Part::values ? 2 : knobs.stages;
    tile(part, {stages, tokens, cols}, type);
  };
  // What is computed for a chunk, of teams while the one before it is in use.
  auto made = [&](Part part, int64_t cols, Type type) {
    SmallVector<int64_t, 3> shape = {tokens, cols};
    if (knobs.teams)
      shape.insert(shape.begin(), 2);
    tile(part, shape, type);
  };
  // What is rounded as soon as it has arrived makes room for the next chunk's.
  auto factors = [&](Part part, int64_t cols, Operand operand) {
    Type stored = elementOf(operand.value.getType());
    if (stored == element)
      return ring(part, cols, element);
    tile(part, {tokens, cols}, element);
    plan.wide[unsigned(part)] = {{tokens, cols}, stored};
  };
  // The same vectors arrive once; queries that are scaled in their place, alone.
  auto vectors = [&](Part part, Operand operand,
                     std::initializer_list<std::pair<Part, Operand>> others) {
    for (auto [other, o] : others)
      if (operand.value == o.value && operand.map == o.map &&
          !(plan.perKey && (part == Part::queries || other == Part::queries))) {
        plan.sameAs[unsigned(part)] = plan.sameAs[unsigned(other)];
        return;
      }
    factors(part, plan.keys, operand);
  };
  auto scales = [&](Part part, Operand operand) {
    if (timed(operand))
      ring(part, 1, elementOf(operand.value.getType()));
  };
  Operand key = op.write(0, 0), query = op.read(0, 0);
  factors(Part::keys, plan.keys, key);
  vectors(Part::queries, query, {{Part::keys, key}});
  plan.ones = !timed(op.write(0, 1));
  if (plan.ones)
    tile(Part::values, {tokens, knobs.values}, element);
  else
    factors(Part::values, knobs.values, op.write(0, 1));
  scales(Part::writeScales, op.write(0, 2));
  scales(Part::readScales, op.read(0, 1));
  made(Part::keyWeights, tokens, element);
  if (knobs.teams) {
    made(Part::inverses, tokens, f32);
    plan.parts[unsigned(Part::inverses)].units = true;
  }
  if (plan.pair) {
    Operand left = op.pair(0, 0), right = op.pair(0, 1);
    vectors(Part::rights, right, {{Part::keys, key}, {Part::queries, query}});
    vectors(Part::lefts, left,
            {{Part::keys, key}, {Part::queries, query}, {Part::rights, right}});
    plan.apart = plan.sameAs[unsigned(Part::lefts)] != Part::keys;
    scales(Part::pairScales, op.pair(0, 2));
    tile(Part::leftCorrections, {tokens, tokens}, f32);
    if (plan.apart) {
      tile(Part::leftWeights, {tokens, tokens}, element);
      tile(Part::keyCorrections, {tokens, tokens}, element);
    }
  }
  if (op.numGates() && timed(op.gate(0))) {
    Type stored = elementOf(op.gate(0).value.getType());
    int64_t width = plan.perKey ? plan.keys : plan.perValue ? knobs.values : 1;
    ring(Part::gates, width, stored);
    // Sums take the place of what they sum up, where they can.
    if (width == 1 || !stored.isF32())
      made(Part::sums, width, f32);
    if (plan.perValue) {
      tile(Part::scaledValues, {tokens, knobs.values}, element);
      tile(Part::decays, {tokens, knobs.values}, f32);
    }
    if (plan.perKey) {
      tile(Part::scaledKeys, {tokens, plan.keys}, element);
      if (plan.apart)
        tile(Part::scaledLefts, {tokens, plan.keys}, element);
    }
  }
  // Results of the inputs' type can take the place of the values they are made of.
  if (Type type = elementOf(op.getResult(0).getType());
      type != element || !knobs.units || plan.ones || plan.late())
    tile(Part::results, {tokens, knobs.values}, type);
  if (plan.late()) {
    // Queries' pairs need the sums no more, but for their last row; results are stored
    // when the correction's system has been solved.
    Part sums = plan[Part::sums] ? Part::sums : Part::gates;
    if (plan.perKey && plan[Part::keyWeights].bytes() <=
                           plan[sums].bytes() / tokens * (tokens - 1) / 16 * 16)
      plan.over[unsigned(Part::keyWeights)] = sums;
    if (plan.pair && plan[Part::results].bytes() <= plan[Part::leftCorrections].bytes())
      plan.over[unsigned(Part::results)] = Part::leftCorrections;
  }
  if (split)
    for (Part part : {Part::keys, Part::queries, Part::values, Part::keyWeights,
                      Part::scaledKeys, Part::scaledValues})
      plan.rest[unsigned(part)] = plan[part];
  return plan;
}

int64_t Plan::bytes() const {
  int64_t total = 0;
  for (auto [i, tile, arrives, left] : llvm::enumerate(parts, wide, rest))
    total += (over[i] == Part(i) ? tile.bytes() : 0) + arrives.bytes() + left.bytes();
  return total;
}

std::optional<std::string> seqc::tile::violation(const Plan &plan, int64_t sharedBytes) {
  // PTX's name for the memory takes some bytes, too.
  if (int64_t needed = plan.bytes(); needed + 16 > sharedBytes)
    return "its tiles need " + std::to_string(needed) +
           " bytes of shared memory, a block has " + std::to_string(sharedBytes);
  return std::nullopt;
}
