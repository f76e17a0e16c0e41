//===- PersistentPlan.cpp - Which steps have resident matrices, and how ---===//

#include "Persistent.h"

#include "../Steps/StepPlan.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

int64_t Persistence::pairs(const Factor &factor) const {
  int64_t n = 0;
  for (int64_t i = 0; i < terms; ++i)
    for (int64_t j = 0; j < factor.terms; ++j)
      n += multiplies(factor, i, j);
  return n;
}

int64_t Persistence::heldBytes() const {
  int64_t pieces = 0;
  for (const Factor &factor : factors)
    pieces += tiles(factor) * (depth() - held) * terms;
  return pieces * 16 * threads();
}

int64_t Persistence::sharedBytes() const {
  // A barrier for each buffer of a vector.
  int64_t bytes = llvm::alignTo(cluster > 1 ? 16 * factors.size() : 0, 16);
  for (const Factor &factor : factors)
    bytes += 2 * vectorBytes(factor);
  return bytes + heldBytes();
}

std::string Persistence::describe() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << rows << " rows = 8 x " << groups << " x " << warps << " warps";
  if (cluster > 1)
    os << " x " << cluster << " blocks of a cluster";
  os << "; " << sequences() << " sequences; " << held << " of " << depth()
     << " pieces of 16 columns in registers, " << tokens << " tokens at once";
  return text;
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

Value kernels::widened(Value value) {
  while (auto wider = value.getDefiningOp<arith::ExtFOp>())
    value = wider.getIn();
  return value;
}

namespace {

/// Elements of one row that a thread may hold of a value.
constexpr int64_t mostInRow = 16;

class Finder {
public:
  Finder(RecurrenceOp op, Persistence &p) : op(op), p(p) {}
  bool run();

private:
  std::optional<Factor::Sum> product(Operation &inner);
  bool sums(Factor::Sum sum);
  bool value(Value v);
  bool operation(Operation &inner);
  bool reads(Value v, ArrayRef<unsigned> axes);
  /// Whether the vector's elements are 16-bit floats of the matrices' type.
  bool isNarrow(Value vector) const {
    Value from = widened(vector);
    return isa<BlockArgument>(from) && elementOf(from.getType()) == p.narrow;
  }

  RecurrenceOp op;
  Persistence &p;
  llvm::DenseSet<Operation *> products;
};

} // namespace

/// A vector times a matrix of weights, without indices yet.
std::optional<Factor::Sum> Finder::product(Operation &inner) {
  auto einsum = dyn_cast<EinsumOp>(inner);
  if (!einsum || einsum->getNumOperands() != 2 || einsum.getOutputTerm().empty())
    return std::nullopt;
  std::string output = einsum.getOutputTerm();
  for (unsigned i : {0, 1}) {
    std::string term = einsum.getTerms()[i], other = einsum.getTerms()[1 - i];
    if (other.size() != 1 || output.find(other[0]) != std::string::npos ||
        term.size() != output.size() + 1 || term.find(other[0]) == std::string::npos ||
        !llvm::is_contained(op.getWeightArgs(), widened(einsum->getOperand(i))) ||
        p.d.invariant.contains(einsum->getOperand(1 - i)) ||
        p.d.dims.lookup(einsum->getOperand(1 - i)).size() != 1)
      continue;
    Factor::Sum sum;
    sum.einsum = einsum;
    sum.matrix = i;
    sum.summed = other[0];
    return sum;
  }
  return std::nullopt;
}

/// The sums of a product, in the order of its indices.
bool Finder::sums(Factor::Sum first) {
  EinsumOp einsum = first.einsum;
  Value vector = einsum->getOperand(1 - first.matrix);
  auto matrix = cast<BlockArgument>(widened(einsum->getOperand(first.matrix)));
  if (!p.element)
    p.element = elementOf(matrix.getType());
  if (elementOf(matrix.getType()) != p.element)
    return false;
  p.matrices.insert(matrix);
  auto map = cast<AxesAttr>(
      op.getWeightMaps()[matrix.getArgNumber() -
                         op.getWeightArgs().front().getArgNumber()]);
  for (StringAttr name : map.getNames())
    p.heads.insert(name.getValue());
  auto &letters = p.d.letters.find(einsum)->second;
  std::string output = einsum.getOutputTerm();
  for (char letter : output)
    if (p.isRow(letters.lookup(letter))) {
      if (first.row)
        return false;
      first.row = letter;
    }
  SmallVector<Factor::Sum> sums(1, first);
  for (char letter : output) {
    if (letter == first.row)
      continue;
    SmallVector<Factor::Sum> next;
    for (Factor::Sum &sum : sums)
      for (int64_t i = 0; i < p.d.axes[letters.lookup(letter)].size; ++i) {
        next.push_back(sum);
        next.back().letters[letter] = i;
      }
    sums = std::move(next);
    if (sums.size() > mostInRow)
      return false;
  }
  Factor *factor =
      llvm::find_if(p.factors, [&](const Factor &f) { return f.vector == vector; });
  if (factor == p.factors.end()) {
    p.factors.push_back({});
    factor = &p.factors.back();
    factor->vector = vector;
  }
  llvm::append_range(factor->sums, sums);
  return true;
}

/// A thread has a few elements of each row.
bool Finder::value(Value v) {
  if (p.matrices.contains(widened(v)))
    return true;
  Type element = elementOf(v.getType());
  if (element.isF64() || !(isa<FloatType>(element) || element.isInteger(1) ||
                           (element.isIndex() && v == op.getPositionArg())))
    return false;
  int64_t count = 1, found = 0;
  for (unsigned axis : p.d.dims.lookup(v)) {
    found += p.isRow(axis);
    if (!p.isRow(axis))
      count *= p.d.axes[axis].size;
  }
  return found <= 1 && count <= mostInRow;
}

/// Whether an operand has the axes by which its reader wants it.
bool Finder::reads(Value v, ArrayRef<unsigned> axes) {
  Operation *def = v.getDefiningOp();
  if (!isa<ShapedType>(v.getType()) || isa_and_nonnull<tensor::SplatOp>(def) ||
      (def && def->hasTrait<OpTrait::ConstantLike>()))
    return true;
  auto it = p.d.dims.find(v);
  return it != p.d.dims.end() && it->second.size() == axes.size() &&
         llvm::all_of(llvm::zip(it->second, axes), [&](auto pair) {
           auto [own, wanted] = pair;
           return own == wanted || (p.isRow(own) && p.isRow(wanted));
         });
}

/// No sum over rows but the products', and everything indexed alike.
bool Finder::operation(Operation &inner) {
  if (inner.hasTrait<OpTrait::ConstantLike>() || products.contains(&inner) ||
      p.matrices.contains(widened(inner.getResult(0))))
    return true;
  SmallVector<unsigned> own = p.d.dims.lookup(inner.getResult(0));
  if (auto reduce = dyn_cast<ReduceOp>(inner)) {
    SmallVector<unsigned> wanted(own);
    unsigned axis = p.d.dims.lookup(reduce.getInput())[reduce.getAxis()];
    wanted.insert(wanted.begin() + reduce.getAxis(), axis);
    return !p.isRow(axis) && reads(reduce.getInput(), wanted);
  }
  if (auto einsum = dyn_cast<EinsumOp>(inner)) {
    auto &letters = p.d.letters.find(&inner)->second;
    std::string output = einsum.getOutputTerm();
    for (auto [letter, axis] : letters)
      if (p.isRow(axis) && output.find(letter) == std::string::npos)
        return false;
    return llvm::all_of(llvm::zip(einsum.getOperands(), einsum.getTerms()), [&](auto it) {
      SmallVector<unsigned> wanted;
      for (char letter : std::get<1>(it))
        wanted.push_back(letters.lookup(letter));
      return reads(std::get<0>(it), wanted);
    });
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(inner)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned next = 0;
    for (auto [dim, axis] : llvm::enumerate(p.d.dims.lookup(slice.getSource()))) {
      if (dropped[dim] ? p.isRow(axis) : p.isRow(axis) != p.isRow(own[next]))
        return false;
      next += !dropped[dim];
    }
    return true;
  }
  return !steps::isElementwise(&inner) ||
         llvm::all_of(inner.getOperands(), [&](Value v) { return reads(v, own); });
}

bool Finder::run() {
  if (!op.getSnapshots().empty())
    return false;
  // Where the vectors' elements are, there are those that come of them.
  Block &step = op.getStep().front();
  SmallVector<Factor::Sum> found;
  for (Operation &inner : step)
    if (std::optional<Factor::Sum> one = product(inner))
      found.push_back(*one);
  for (Factor::Sum &one : found) {
    Value vector = one.einsum->getOperand(1 - one.matrix);
    p.rowAxes.insert(p.d.dims.lookup(vector)[0]);
    int64_t size = shapeOf(vector.getType())[0];
    if (p.rows && size != p.rows)
      return false;
    p.rows = size;
    products.insert(one.einsum);
  }
  for (Factor::Sum &one : found) {
    auto &letters = p.d.letters.find(one.einsum)->second;
    std::string output = one.einsum.getOutputTerm();
    if (llvm::any_of(output, [&](char c) { return p.isRow(letters.lookup(c)); }))
      continue;
    unsigned axis = letters.lookup(output.back());
    if (p.d.axes[axis].size != p.rows)
      return false;
    p.rowAxes.insert(axis);
  }
  if (found.empty() || !llvm::all_of(found, [&](auto &one) { return sums(one); }))
    return false;
  for (unsigned axis : p.rowAxes)
    if (p.d.axes[axis].whole)
      return false;
  for (Value arg : step.getArguments())
    if (!value(arg))
      return false;
  for (Operation &inner : step.without_terminator())
    if (!operation(inner) || !llvm::all_of(inner.getResults(), [&](Value v) {
          return inner.hasTrait<OpTrait::ConstantLike>() || value(v);
        }))
      return false;
  YieldOp yield = op.getYield();
  for (auto [arg, next] : llvm::zip(op.getCarryArgs(), yield.getCarries()))
    if (!reads(next, p.d.dims.lookup(arg)))
      return false;
  for (Value out : yield.getOuts())
    if (p.d.dims.find(out) == p.d.dims.end())
      return false;
  // An f32 is three bf16, exactly; two are enough beside a 16-bit float.
  bool wide = p.element.isF32();
  p.narrow = wide ? Type(BFloat16Type::get(op.getContext())) : p.element;
  p.terms = wide ? 3 : 1;
  for (Factor &factor : p.factors) {
    factor.terms = isNarrow(factor.vector) ? 1 : wide ? 3 : 2;
    // f16 has not the range for such sums.
    if (p.element.isF16() && factor.terms > 1)
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The cut
//===----------------------------------------------------------------------===//

namespace {

/// Cycles until a product of pieces can be added to, of a busy device memory, of the
/// network between blocks besides its latency, and of a warp's store to another block.
constexpr int64_t productLatency = 33, memoryLatency = 1500, networkCycles = 100,
                  storeCycles = 4;
/// Registers that are neither matrices, operands, sums nor states.  With 40 there is no
/// spill either, but loads from shared memory are no longer ahead of the products (LSTM of
/// 768 units: 1.87 ms with 64, 1.82 with 48, 1.89 with 40, 2.02 with 32).
constexpr int64_t otherRegisters = 48;
constexpr int64_t mostWarps = 16;
/// Blocks that PTX allows in a cluster.
constexpr int64_t mostBlocks = 16;
/// Sequences that run at once, typically.
constexpr int64_t typicalSequences = 32;

class Cut {
public:
  Cut(RecurrenceOp op, const target::Gpu &machine, Persistence &p)
      : op(op), machine(machine), p(p) {}
  bool run();

private:
  bool fits();
  double cycles();
  void consider(int64_t cluster, int64_t groups, int64_t columns);
  /// Elements of one row or column of a value.
  int64_t inRow(Value v) const {
    int64_t n = 1;
    for (unsigned axis : p.d.dims.lookup(v))
      if (!p.isRow(axis))
        n *= p.d.axes[axis].size;
    return n;
  }
  /// Elements that a thread holds of it.
  int64_t held(Value v) const {
    bool rows = llvm::any_of(p.d.dims.lookup(v),
                             [&](unsigned axis) { return p.isRow(axis); });
    return p.columns * inRow(v) * (rows ? p.groups : 1);
  }

  RecurrenceOp op;
  const target::Gpu &machine;
  Persistence &p;
  std::optional<Persistence> best;
};

} // namespace

/// Chooses what is in registers and how many tokens are loaded at once.
bool Cut::fits() {
  int64_t limit = std::min<int64_t>(machine.registersPerThread,
                                    machine.registers / p.threads() / 8 * 8);
  int64_t operands = 0, lasting = otherRegisters, sums = 0, pieces = 0;
  bool whole = true;
  for (Value arg : op.getSeqArgs())
    if (!arg.use_empty())
      operands += held(arg);
  for (Value arg : op.getCarryArgs())
    lasting += held(arg);
  if (op.getResets()) {
    operands += p.columns;
    lasting += 4 * p.columns;
  }
  for (Value arg : op.getWeightArgs())
    if (!p.matrices.contains(arg))
      lasting += held(arg);
  int64_t tiles = 0;
  for (const Factor &factor : p.factors) {
    tiles = std::max(tiles, p.tiles(factor));
    whole &= p.groups * factor.sums.size() % 2 == 0;
    pieces += p.tiles(factor) * p.terms;
  }
  // Enough chains to keep a scheduler's matrix unit busy.
  int64_t beside = llvm::divideCeil(p.warps, 4);
  p.chains = std::clamp<int64_t>(llvm::divideCeil(6, tiles * beside), 1,
                                 std::min<int64_t>(4, p.depth()));
  for (const Factor &factor : p.factors)
    sums = std::max(sums, 4 * p.tiles(factor) * p.chains + 12 * factor.terms - 8);
  lasting += sums + 16 * (p.terms - 1) + 8 * (p.groups - 1);
  if (op.getSegments())
    lasting += 8 * p.columns + 8;
  auto hold = [&](int64_t tokens) {
    p.tokens = tokens;
    int64_t left = limit - lasting - 2 * tokens * operands;
    p.held = std::clamp<int64_t>(left / (4 * pieces), 0, p.depth());
  };
  // Reading further ahead gives way to matrices.
  hold(p.tokens > 1 && operands <= 4 ? 4 : p.tokens);
  if (p.tokens > 2 && p.held < p.depth())
    hold(2);
  lasting += 2 * p.tokens * operands;
  // The zeros of a half empty piece are not worth room and loads in shared memory.
  if (!whole && p.held < p.depth())
    return false;
  return limit > lasting && p.sharedBytes() <= machine.sharedBytesPerBlock;
}

double Cut::cycles() {
  double schedulers = 4, beside = llvm::divideCeil(p.warps, 4);
  double matrix = 0, chain = 0, exchange = 0;
  double loaded = p.heldBytes();
  for (const Factor &factor : p.factors) {
    int64_t parts = p.depth() * p.pairs(factor);
    matrix += p.tiles(factor) * parts * beside * 16 * 8 * 16 /
              (machine.mmaRate / schedulers);
    chain += productLatency * llvm::divideCeil(parts, p.chains);
    loaded += p.warps * p.vectorBytes(factor);
    exchange += machine.sharedLatency +
                (p.cluster == 1 ? machine.sharedLatency + machine.blockBarrier
                                : machine.clusterLatency + networkCycles +
                                      storeCycles * p.cluster * p.warps * factor.terms);
  }
  // Operations of a thread's own rows, and the longest way through them.
  double issued = 0;
  llvm::DenseMap<Value, double> ready;
  double longest = 0;
  for (Operation &inner : op.getStep().front().without_terminator()) {
    if (inner.hasTrait<OpTrait::ConstantLike>() || inner.getNumResults() != 1 ||
        p.d.invariant.contains(inner.getResult(0)))
      continue;
    bool function = isa<arith::DivFOp>(inner) ||
                    (isa_and_nonnull<math::MathDialect>(inner.getDialect()) &&
                     !isa<math::AbsFOp, math::FmaOp>(inner));
    if (steps::isElementwise(&inner))
      issued += held(inner.getResult(0)) * (function ? 8.0 : 1.0);
    double start = 0;
    for (Value operand : inner.getOperands())
      start = std::max(start, ready.lookup(operand));
    ready[inner.getResult(0)] = start + (function ? 50 : 5);
    longest = std::max(longest, ready[inner.getResult(0)]);
  }
  return std::max({matrix, chain, loaded / machine.sharedBandwidth}) + exchange +
         longest + issued * beside;
}

/// Considers one cut.
void Cut::consider(int64_t cluster, int64_t groups, int64_t columns) {
  int64_t all = llvm::divideCeil(p.rows, 8);
  p.cluster = cluster;
  p.groups = groups;
  p.columns = columns;
  p.warps = llvm::divideCeil(all, cluster * groups);
  p.tokens = 2;
  // Blocks without rows of their own are no help.
  if (p.warps > mostWarps || cluster * groups > all || !fits())
    return;
  p.cycles = cycles();
  // Long tokens hide a load by themselves.
  if (p.cycles > memoryLatency) {
    p.tokens = 1;
    fits();
    p.cycles = cycles();
  }
  // More blocks than multiprocessors take turns.
  double blocks = double(typicalSequences) / p.sequences() * cluster;
  p.cycles *= std::max(1.0, blocks / double(machine.sms));
  if (!best || p.cycles < best->cycles)
    best = p;
}

bool Cut::run() {
  int64_t most = std::min(machine.clusterBlocks, mostBlocks);
  for (int64_t cluster = 1; cluster <= most; cluster *= 2)
    for (int64_t groups : {1, 2, 4})
      for (int64_t columns : {2, 1})
        consider(cluster, groups, columns);
  if (best)
    p = *best;
  return best.has_value();
}

std::optional<Persistence> kernels::persist(RecurrenceOp op,
                                            const target::Gpu &machine) {
  std::optional<Distribution> d = featureAxes(op);
  if (!d)
    return std::nullopt;
  Persistence plan;
  plan.d = std::move(*d);
  if (!Finder(op, plan).run() || !Cut(op, machine, plan).run())
    return std::nullopt;
  return plan;
}
