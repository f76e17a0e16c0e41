//===- ProductProblem.cpp - Tiles of matrix products on CPUs --------------===//
//
// C[M, N] += A[M, K] B[K, N]: a tile of C stays in registers while K runs, elements of
// A are broadcast, vectors of B are loaded.  The last rows and columns get tiles of
// their own, smaller ones, which cost what they cost.
//
//===----------------------------------------------------------------------===//

#include "../Lowering/Steps/RecurrenceLowering.h"

#include "seqc/passes/Tiling/CpuProblem.h"
#include "seqc/passes/Tiling/Problems.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::tile;

static bool pose(EinsumOp einsum, ProblemBuilder &p, const target::Cpu &cpu) {
  // Steps that run in the lanes of vectors have no products.
  auto recurrence = einsum->getParentOfType<RecurrenceOp>();
  if (!recurrence || steps::chooseLane(recurrence))
    return false;
  auto product = steps::asProduct(einsum);
  if (!product)
    return false;
  llvm::DenseMap<char, int64_t> extent;
  for (auto [term, operand] : llvm::zip(einsum.getTerms(), einsum.getOperands()))
    for (auto [letter, size] : llvm::zip(term, shapeOf(operand.getType())))
      extent[letter] = size;
  int64_t rows = extent[product->row], columns = extent[product->column], depth = 1;
  for (char letter : product->summed)
    depth *= extent[letter];
  int64_t lanes = cpu.lanes(), wide = llvm::divideCeil(columns, lanes);
  p.describe("the product \"" + einsum.getEquation() + "\" of " + Twine(rows) + "x" +
             Twine(depth) + " and " + Twine(depth) + "x" + Twine(columns));

  // Taller tiles first: of two that cost the same, they broadcast less often.
  Expr r = p.knob("rows", std::min<int64_t>(rows, cpu.vectorRegisters), 1);
  Expr v = p.knob("vectors", std::min<int64_t>(wide, 8), 1);
  p.atMost("registers", r * v + v + 1, cpu.vectorRegisters,
           "{2}x{3} sums, {3} vectors of the right operand and one broadcast take {0} "
           "vector registers; there are {1}",
           {r, v});

  int64_t fma = issue(cpu.fmas), load = issue(cpu.loads), latency = parts(cpu.fmaLatency);
  // A panel of the right operand is read again for every block of rows.
  Expr panel = v * (depth * lanes * 4);
  int64_t far = std::max(load, parts(lanes * 4 / cpu.l2Bandwidth));
  Expr rightLoad = ifAtMost(panel, cpu.l1Bytes, load, far);
  auto tile = [&](Expr height, Expr width) {
    Expr sums = height * width;
    Expr step = max(max(sums * fma, height * load + width * rightLoad), latency);
    return step * depth + sums * parts(cpu.writeCycles) + parts(cpu.tileCycles);
  };
  // A part that is not there costs nothing.
  auto once = [](Expr size, Expr cost) { return min(size, 1) * cost; };
  Expr tall = Expr(rows) / r, low = Expr(rows) % r;
  Expr broad = Expr(wide) / v, narrow = Expr(wide) % v;
  Expr cost = tall * broad * tile(r, v) + broad * once(low, tile(low, v)) +
              tall * once(narrow, tile(r, narrow)) +
              once(low, once(narrow, tile(low, narrow)));
  p.part("floor", std::llround(double(rows) * columns / lanes * depth * fma), kCycleParts);
  p.part("multiply-adds", Expr(rows * wide * depth * fma), kCycleParts);
  p.part("loads",
         (ceilDiv(rows, r) * wide * rightLoad + ceilDiv(wide, v) * (rows * load)) * depth,
         kCycleParts);
  p.part("chains", ceilDiv(rows, r) * ceilDiv(wide, v) * (depth * latency), kCycleParts);
  p.minimize(cost, kCycleParts);
  return true;
}

void seqc::registerProductProblem(DialectRegistry &registry) {
  CpuProblem<EinsumOp, pose>::attach(registry);
}
