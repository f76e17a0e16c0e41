//===- StepProducts.cpp - Contractions of a step as matrix products -------===//
//
// Plans and emits products.  A tile of the result stays in registers while the
// summed dimension runs: elements of the left operand are broadcast, vectors of the
// right one are loaded.  What maps the sums element by element, the next state
// among it, is computed before a tile leaves the registers.
//
//===----------------------------------------------------------------------===//

#include "ProductState.h"

#include "seqc/dialects/Seq/Factors.h"

#include "seqc/lib/Solver/Solver.h"
#include "seqc/lib/Target/Machine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

static bool has(StringRef term, char letter) { return term.contains(letter); }

std::optional<Product> steps::asProduct(EinsumOp einsum, bool dots) {
  SmallVector<std::string> terms = einsum.getTerms();
  std::string output = einsum.getOutputTerm();
  if (terms.size() != 2 || output.empty() || !einsum.isContraction())
    return std::nullopt;
  llvm::DenseMap<char, int64_t> extent;
  for (auto [term, operand] : llvm::zip(terms, einsum.getOperands())) {
    // Narrow operands are widened by an operation of their own.
    if (!elementOf(operand.getType()).isF32() || term.empty())
      return std::nullopt;
    for (auto [letter, size] : llvm::zip(term, shapeOf(operand.getType())))
      extent[letter] = size;
  }
  Product p;
  for (const std::string &term : terms)
    for (char letter : term)
      if (!has(output, letter) && !has(p.summed, letter)) {
        if (!has(terms[0], letter) || !has(terms[1], letter))
          return std::nullopt;
        p.summed += letter;
      }
  p.column = output.back();
  if (has(terms[0], p.column) == has(terms[1], p.column))
    return std::nullopt;
  p.right = has(terms[1], p.column);
  p.left = 1 - p.right;
  int64_t depth = 1;
  for (char letter : p.summed)
    depth *= extent[letter];
  for (char letter : output)
    if (!has(terms[p.right], letter) &&
        (!p.row || extent[letter] > extent[p.row]))
      p.row = letter;
  if (!p.row || depth < kLeastProduct || extent[p.row] < kLeastProduct ||
      extent[p.column] < kLeastProduct)
    return std::nullopt;
  for (char letter : output)
    if (letter != p.row && letter != p.column)
      p.outer += letter;
  if (dots && hasNarrowFactors(einsum) && p.summed.size() == 1 &&
      terms[0].size() == 2 && terms[1].size() == 2) {
    p.narrow = true;
    return p;
  }
  p.transposed = terms[p.right].back() != p.column;
  if (p.transposed && p.summed.size() != 1)
    return std::nullopt;
  return p;
}

void StepPlan::materialise(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def || def->hasTrait<OpTrait::ConstantLike>())
    return;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
    if (llvm::all_of(slice.getStaticStrides(), [](int64_t s) { return s == 1; }))
      return materialise(slice.getSource());
  if (isa<ShapedType>(value.getType()))
    roots.insert(value);
}

const Nest *StepPlan::largestProduct() const {
  const Nest *largest = nullptr;
  int64_t most = 0;
  for (const Nest &nest : token.nests) {
    if (!nest.product || !nest.product->outer.empty())
      continue;
    int64_t size = 1;
    for (int64_t extent : ArrayRef(nest.sizes).take_front(nest.resultRank))
      size *= extent;
    if (size > most) {
      most = size;
      largest = &nest;
    }
  }
  return largest;
}

void StepPlan::findInner() {
  YieldOp yield = op.getYield();
  for (Phase *phase : {&before, &token})
    for (auto [number, nest] : llvm::enumerate(phase->nests)) {
      if (!nest.product || nest.members.size() < 2)
        continue;
      Value sum = nest.members[0].value;
      bool outside = llvm::is_contained(yield.getOperands(), sum);
      auto read = [&](Value leaf, ArrayRef<int>) { outside |= leaf == sum; };
      for (Phase *other : {&before, &token}) {
        for (auto [n, reader] : llvm::enumerate(other->nests))
          for (const Member &member : reader.members)
            if (other != phase || n != number || member.combine != Combine::None)
              memberLeaves(member, reader.sizes.size(), read);
        for (Operation *single : other->singles)
          for (Value operand : single->getOperands())
            leaves(operand,
                   Indices(shapeOf(operand.getType()).size(), -1), read);
      }
      if (!outside)
        inner.insert(sum);
    }
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

Value StepEmitter::plus(Value base, int64_t offset) {
  return offset == 0
             ? base
             : arith::AddIOp::create(b, loc, base, constantIndex(offset)).getResult();
}

/// The mask of a vector of which `count` lanes exist, or null for all.
Value StepEmitter::maskOf(int64_t count) {
  if (count >= width)
    return {};
  return vector::ConstantMaskOp::create(b, loc, vectorOf(width, b.getI1Type()),
                                        ArrayRef<int64_t>{count});
}

/// The solved tiles of a product.  Where nobody has solved them before, they are now,
/// for a machine of which only its vectors are known.
static ProductTiles tilesOf(EinsumOp einsum, const CpuVectors &cpu) {
  ProductTiles result;
  auto machine = target::machineOf(cpu.width >= 16 ? "x86-64-v4" : "x86-64-v3");
  if (!machine) {
    llvm::consumeError(machine.takeError());
    return result;
  }
  auto tiles = solver::tilesOf(einsum, machine->withLanes(cpu.width));
  if (!tiles) {
    einsum.emitWarning() << llvm::toString(tiles.takeError());
    return result;
  }
  if (*tiles) {
    for (auto [name, knob] : {std::pair<StringRef, int64_t *>{"rows", &result.rows},
                              {"vectors", &result.vectors}})
      if (auto value = (*tiles)->getAs<IntegerAttr>(name))
        *knob = std::max<int64_t>(1, value.getInt());
    einsum->setAttr("seqc.tiles", **tiles);
  }
  return result;
}

static EinsumOp einsumOf(const Nest &nest) {
  return cast<EinsumOp>(nest.members[0].value.getDefiningOp());
}

//===----------------------------------------------------------------------===//
// Packed operands
//===----------------------------------------------------------------------===//

int64_t StepEmitter::panelOf(const Nest &nest) {
  return nest.product->panels ? tilesOf(einsumOf(nest), cpu).vectors * width : 0;
}

StepEmitter::Pack StepEmitter::packOf(const Nest &nest) {
  const Product &product = *nest.product;
  EinsumOp einsum = einsumOf(nest);
  std::string term = einsum.getTerms()[product.right];
  uint64_t layout = term.find(product.column) | term.find(product.summed[0]) << 8 |
                    uint64_t(panelOf(nest)) << 16;
  return {einsum.getOperands()[product.right], layout};
}

SmallVector<int64_t> StepEmitter::packedShape(const Nest &nest) {
  const Product &product = *nest.product;
  EinsumOp einsum = einsumOf(nest);
  SmallVector<int64_t> shape;
  int64_t columns = 1, depth = 1;
  std::string term = einsum.getTerms()[product.right];
  for (auto [letter, size] :
       llvm::zip(term, shapeOf(einsum.getOperands()[product.right].getType())))
    if (letter == product.column)
      columns = size;
    else if (letter == product.summed[0])
      depth = size;
    else
      shape.push_back(size);
  if (int64_t breadth = panelOf(nest)) {
    shape.push_back(llvm::divideCeil(columns, breadth));
    columns = breadth;
  }
  shape.push_back(depth);
  shape.push_back(columns);
  return shape;
}

void StepEmitter::packWeights(const Phase &phase) {
  for (const Nest &nest : phase.nests)
    if (nest.product && nest.product->panels && packedBefore.insert(packOf(nest)).second)
      writePack(nest);
}

const Access &StepEmitter::packRight(const Nest &nest) {
  Pack pack = packOf(nest);
  if (!packedBefore.contains(pack) && packed.insert(pack).second)
    writePack(nest);
  return packs.find(pack)->second;
}

void StepEmitter::writePack(const Nest &nest) {
  const Product &product = *nest.product;
  EinsumOp einsum = einsumOf(nest);
  const Access &to = packs.find(packOf(nest))->second;
  Value value = einsum.getOperands()[product.right];
  std::string term = einsum.getTerms()[product.right];
  ArrayRef<int64_t> shape = shapeOf(value.getType());
  unsigned column = term.find(product.column), summed = term.find(product.summed[0]);
  int64_t columns = shape[column], depth = shape[summed], breadth = panelOf(nest);
  Type element = elementOf(value.getType());
  SmallVector<Index> at(shape.size());
  // A vector of columns from `from` on, at one place along the summed letter.
  auto put = [&](Value vector, Value place, Value from) {
    SmallVector<Index> into;
    for (unsigned d = 0; d < shape.size(); ++d)
      if (d != column && d != summed)
        into.push_back(at[d]);
    if (breadth) {
      Value size = constantIndex(breadth);
      into.push_back({arith::DivUIOp::create(b, loc, from, size), 0});
      from = arith::RemUIOp::create(b, loc, from, size);
    }
    into.push_back({place, 0});
    into.push_back({from, 1});
    store(vector, to, into);
  };
  // `fn(at, count)` for blocks of vectors, the last one of fewer elements.
  auto blocks = [&](int64_t size, llvm::function_ref<void(Value, int64_t)> fn) {
    int64_t whole = size / width * width;
    loop(b, loc, 0, whole, width, [&](Value from) { fn(from, width); });
    if (whole < size)
      fn(constantIndex(whole), size - whole);
  };
  auto straight = [&] {
    loop(b, loc, 0, depth, 1, [&](Value place) {
      blocks(columns, [&](Value from, int64_t count) {
        tailMask = maskOf(count);
        at[summed] = {place, 0};
        at[column] = {from, 1};
        put(evaluate(value, at), place, from);
        tailMask = {};
      });
    });
  };
  auto transposed = [&] {
    auto square = VectorType::get({width, width}, element);
    blocks(columns, [&](Value from, int64_t height) {
      blocks(depth, [&](Value place, int64_t count) {
        Value block = arith::ConstantOp::create(b, loc, b.getZeroAttr(square));
        tailMask = maskOf(count);
        at[summed] = {place, 1};
        for (int64_t r = 0; r < height; ++r) {
          at[column] = {plus(from, r), 0};
          block = vector::InsertOp::create(b, loc, evaluate(value, at), block, r);
        }
        block = vector::TransposeOp::create(b, loc, block, ArrayRef<int64_t>{1, 0});
        tailMask = maskOf(height);
        for (int64_t c = 0; c < count; ++c)
          put(vector::ExtractOp::create(b, loc, block, c), plus(place, c), from);
        tailMask = {};
      });
    });
  };
  std::function<void(unsigned)> outer = [&](unsigned d) {
    while (d < shape.size() && (d == column || d == summed))
      ++d;
    if (d < shape.size())
      return loop(b, loc, 0, shape[d], 1, [&](Value index) {
        at[d] = {index, 0};
        outer(d + 1);
      });
    if (product.transposed)
      transposed();
    else
      straight();
  };
  outer(0);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Sums of products of a tile's rows and vectors of columns.
void StepEmitter::emitSums(ProductState &state, ArrayRef<Value> rowAt,
                           ArrayRef<Value> columnAt, ArrayRef<Value> masks,
                           SmallVectorImpl<Value> &sums) {
  const Product &product = state.product;
  const Member &sum = state.nest.members[0];
  auto einsum = cast<EinsumOp>(sum.value.getDefiningOp());
  SmallVector<std::string> terms = einsum.getTerms();
  Type element = elementOf(sum.value.getType());
  auto at = [&](unsigned operand) {
    SmallVector<Index> result;
    for (char letter : terms[operand])
      result.push_back(state.indices[sum.letterDims.lookup(letter)]);
    return result;
  };
  // Where the packed operand's vectors are, but for the place along what is summed.
  SmallVector<Index> packedAt;
  if (state.packed) {
    std::string term = terms[product.right];
    for (char letter : term)
      if (letter != product.column && letter != product.summed[0])
        packedAt.push_back(state.indices[sum.letterDims.lookup(letter)]);
    if (product.panels)
      packedAt.push_back({arith::DivUIOp::create(b, loc, columnAt[0],
                                                 constantIndex(state.breadth)),
                          0});
  }
  // Loops over what is summed, with the sums as their results.
  SmallVector<scf::ForOp> loops;
  OpBuilder::InsertPoint after = b.saveInsertionPoint();
  for (unsigned d : state.summed) {
    auto loop = scf::ForOp::create(b, loc, constantIndex(0),
                                   constantIndex(state.nest.sizes[d]),
                                   constantIndex(1), sums);
    if (loops.empty())
      after = b.saveInsertionPoint();
    else
      scf::YieldOp::create(b, loc, loop.getResults());
    loops.push_back(loop);
    b.setInsertionPointToStart(loop.getBody());
    state.indices[d] = {loop.getInductionVar(), 0};
    sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  }
  SmallVector<Value> right;
  for (auto [v, mask] : llvm::enumerate(masks)) {
    // Panels have whole vectors, whatever is in them.
    tailMask = product.panels ? Value() : mask;
    state.indices[state.column] = {columnAt[v], 1};
    if (state.packed) {
      SmallVector<Index> from(packedAt);
      from.push_back(state.indices[state.summed[0]]);
      from.push_back(product.panels ? Index{constantIndex(v * width), 1}
                                    : state.indices[state.column]);
      right.push_back(load(*state.packed, element, from));
    } else
      right.push_back(broadcast(
          evaluate(einsum.getOperands()[product.right], at(product.right)),
          sums[0]));
    tailMask = {};
  }
  for (unsigned r = 0; r < rowAt.size(); ++r) {
    state.indices[state.row] = {rowAt[r], 0};
    Value left = broadcast(
        evaluate(einsum.getOperands()[product.left], at(product.left)), sums[0]);
    for (unsigned v = 0; v < masks.size(); ++v) {
      Value &total = sums[r * masks.size() + v];
      total = math::FmaOp::create(b, loc, left, right[v], total,
                                  arith::FastMathFlags::contract);
    }
  }
  scf::YieldOp::create(b, loc, sums);
  b.restoreInsertionPoint(after);
  sums.assign(loops[0].result_begin(), loops[0].result_end());
}

/// One tile: `rows` rows from `row` on, and one vector of columns per mask.
void StepEmitter::emitTile(ProductState &state, Value row, int64_t rows,
                           Value column, ArrayRef<Value> masks) {
  const Product &product = state.product;
  const Member &sum = state.nest.members[0];
  SmallVector<Value> rowAt, columnAt;
  for (int64_t r = 0; r < rows; ++r)
    rowAt.push_back(plus(row, r));
  for (unsigned v = 0; v < masks.size(); ++v)
    columnAt.push_back(plus(column, int64_t(v) * width));
  SmallVector<Value> sums(
      rows * masks.size(),
      identity(Combine::Add, vectorOf(width, elementOf(sum.value.getType()))));
  if (product.narrow)
    emitDots(state, rowAt, columnAt, sums);
  else
    emitSums(state, rowAt, columnAt, masks, sums);

  // What maps the sums, then memory.
  for (int64_t r = 0; r < rows; ++r)
    for (auto [v, mask] : llvm::enumerate(masks)) {
      tailMask = mask;
      state.indices[state.row] = {rowAt[r], 0};
      state.indices[state.column] = {columnAt[v], 1};
      pointIndices.assign(state.indices.begin(),
                          state.indices.begin() + state.nest.resultRank);
      point.clear();
      for (const Member &member : state.nest.members) {
        Value value = &member == &sum
                          ? sums[r * masks.size() + v]
                          : evaluate(member.value, pointIndices, /*through=*/true);
        point[member.value] = value;
        if (!plan.isInner(member.value))
          storeAll(member.value, value, pointIndices);
      }
    }
  tailMask = {};
  point.clear();
}

void StepEmitter::emitProduct(const Nest &nest) {
  const Product &product = *nest.product;
  const Member &sum = nest.members[0];
  ProductState state{nest, product, {}, nullptr, panelOf(nest), nullptr, false, 0, 0, {}};
  state.indices.resize(nest.sizes.size());
  state.row = sum.letterDims.lookup(product.row);
  state.column = sum.letterDims.lookup(product.column);
  for (char letter : product.summed)
    state.summed.push_back(sum.letterDims.lookup(letter));
  auto einsum = cast<EinsumOp>(sum.value.getDefiningOp());
  if (product.narrow) {
    auto pack = [&](unsigned operand) {
      return &packPairs(einsum.getOperands()[operand],
                        pairingOf(einsum, product, operand));
    };
    state.left = pack(product.left);
    state.packed = pack(product.right);
    state.leftByRows =
        pairingOf(einsum, product, product.left) == Pairing::Columns;
  } else if (product.transposed || product.panels) {
    state.packed = &packRight(nest);
  }
  int64_t rows = nest.sizes[state.row], columns = nest.sizes[state.column];
  ProductTiles tiles = tilesOf(einsum, cpu);
  bool carries = meanwhile && &nest == plan.largestProduct();
  int64_t breadth = tiles.vectors * width;
  int64_t tall = llvm::divideCeil(rows, tiles.rows);
  auto tile = [&](Value row, int64_t height, Value column, ArrayRef<Value> masks) {
    if (carries) {
      auto part = [&](Value at, int64_t size) -> Value {
        return arith::DivUIOp::create(b, loc, at, constantIndex(size));
      };
      Value before = arith::MulIOp::create(b, loc, part(column, breadth),
                                           constantIndex(tall));
      meanwhile(arith::AddIOp::create(b, loc, before, part(row, tiles.rows)),
                tall * llvm::divideCeil(columns, breadth));
    }
    emitTile(state, row, height, column, masks);
  };
  auto panel = [&](Value column, ArrayRef<Value> masks) {
    int64_t whole = rows / tiles.rows * tiles.rows;
    loop(b, loc, 0, whole, tiles.rows,
         [&](Value row) { tile(row, tiles.rows, column, masks); });
    if (whole < rows)
      tile(constantIndex(whole), rows - whole, column, masks);
  };
  std::function<void(unsigned)> outer = [&](unsigned i) {
    if (i < product.outer.size()) {
      unsigned d = sum.letterDims.lookup(product.outer[i]);
      return loop(b, loc, 0, nest.sizes[d], 1, [&](Value at) {
        state.indices[d] = {at, 0};
        outer(i + 1);
      });
    }
    // A panel of the right operand stays in the first-level cache.
    int64_t whole = columns / breadth * breadth;
    loop(b, loc, 0, whole, breadth, [&](Value column) {
      panel(column, SmallVector<Value>(tiles.vectors));
    });
    if (whole < columns) {
      SmallVector<Value> masks;
      for (int64_t c = whole; c < columns; c += width)
        masks.push_back(maskOf(columns - c));
      panel(constantIndex(whole), masks);
    }
  };
  outer(0);
}
