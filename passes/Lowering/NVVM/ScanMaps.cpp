//===- ScanMaps.cpp - Steps without state beside a scan -------------------===//
//
// What a map computes for a scan, or makes of its results, is computed in the
// scan's kernel, so that it does not pass through memory.
//
//===----------------------------------------------------------------------===//

#include "ScanKernels.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Dominance.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

bool scan::isScalarMap(RecurrenceOp map) {
  if (!map || !map.getCarries().empty() || map.getPosition() || map.getFirst() ||
      map.getChunk() || !map.getSnapshots().empty())
    return false;
  for (Value arg : map.getStep().getArguments())
    if (isa<ShapedType>(arg.getType()))
      return false;
  return llvm::all_of(map.getStep().front().without_terminator(), [](Operation &op) {
    return llvm::none_of(op.getResultTypes(),
                         [](Type type) { return isa<ShapedType>(type); }) &&
           (op.hasTrait<OpTrait::ConstantLike>() || isElementwise(&op) ||
            isa<EinsumOp>(op));
  });
}

namespace {
/// A map's axes by the scan's names.
using Renaming = llvm::StringMap<StringAttr>;
} // namespace

/// Names `mine` as `theirs`; false where they do not go together.
static bool rename(AxesAttr mine, AxesAttr theirs, Renaming &names) {
  if (mine.size() != theirs.size())
    return false;
  for (auto [divisor, other] : llvm::zip(mine.getDivisors(), theirs.getDivisors()))
    if (divisor != 1 || other != 1)
      return false;
  for (auto [from, to] : llvm::zip(mine.getNames(), theirs.getNames())) {
    if ((from.getValue() == RecurrenceOp::getTimeAxis()) !=
        (to.getValue() == RecurrenceOp::getTimeAxis()))
      return false;
    if (!names.try_emplace(from.getValue(), to).second &&
        names.lookup(from.getValue()) != to)
      return false;
  }
  return true;
}

static AxesAttr renamed(AxesAttr axes, const Renaming &names) {
  SmallVector<StringAttr> result;
  for (StringAttr name : axes.getNames())
    result.push_back(names.lookup(name.getValue()));
  return AxesAttr::get(axes.getContext(), result, axes.getDivisors());
}

/// The map that computes operand `i` for this scan, and how its axes are named.
static RecurrenceOp producer(ScanOp scan, unsigned i, Renaming &names) {
  auto map = scan.getSeq()[i].getDefiningOp<RecurrenceOp>();
  if (!isScalarMap(map))
    return {};
  unsigned number = cast<OpResult>(scan.getSeq()[i]).getResultNumber();
  auto own = cast<AxesAttr>(map.getOutMaps()[number]);
  if (own.size() != map.getAxes().size() ||
      !rename(own, cast<AxesAttr>(scan.getSeqMaps()[i]), names))
    return {};
  return map;
}

/// The sizes of axes that a buffer has whole.
void Kernels::sizesOf(AxesAttr axes, Value buffer) {
  for (unsigned d = 0; d < axes.size(); ++d)
    if (axes.getDivisors()[d] == 1 && !sizes.count(axes.getNames()[d].getValue()))
      sizes[axes.getNames()[d].getValue()] =
          memref::DimOp::create(b, loc, buffer, d);
}

void Kernels::readMaps() {
  for (unsigned i = 0; i < members; ++i) {
    auto axes = cast<AxesAttr>(scan.getSeqMaps()[i]);
    seq.push_back({});
    producers.push_back({nullptr, 0});
    Renaming names;
    RecurrenceOp op = producer(scan, i, names);
    if (!op) {
      seq[i] = readBuffer(b, loc, scan.getSeq()[i]);
      sizesOf(axes, seq[i]);
    } else {
      Map map{op, {}, {}, {}, {}, {}, {}, {}};
      auto read = [&](ValueRange operands, ArrayAttr maps,
                      SmallVectorImpl<AxesAttr> &named,
                      SmallVectorImpl<Value> &buffers) {
        for (auto [value, attr] : llvm::zip(operands, maps)) {
          named.push_back(renamed(cast<AxesAttr>(attr), names));
          buffers.push_back(readBuffer(b, loc, value));
          sizesOf(named.back(), buffers.back());
        }
      };
      auto same = llvm::find_if(maps, [&](Map &other) {
        if (other.op != op)
          return false;
        for (auto [attr, named] : llvm::zip(op.getSeqMaps(), other.seqAxes))
          if (renamed(cast<AxesAttr>(attr), names) != named)
            return false;
        return true;
      });
      if (same == maps.end()) {
        read(op.getSeq(), op.getSeqMaps(), map.seqAxes, map.seq);
        read(op.getWeights(), op.getWeightMaps(), map.weightAxes, map.weights);
        maps.push_back(map);
        same = std::prev(maps.end());
      }
      producers[i] = {&*same, cast<OpResult>(scan.getSeq()[i]).getResultNumber()};
    }
    contiguous |= axes.size() == rowAxes.size() + 1 &&
                  axes.getNames().back().getValue() == RecurrenceOp::getTimeAxis();
  }
}

/// Finds the maps of the scan's results whose other operands exist before it.
void Kernels::takeConsumers(SmallVectorImpl<Value> &replacements) {
  llvm::SmallSetVector<Operation *, 4> users;
  for (Value result : scan.getOuts())
    users.insert_range(result.getUsers());
  DominanceInfo dominance(scan->getParentOp());
  for (Operation *user : users) {
    auto op = dyn_cast<RecurrenceOp>(user);
    if (!isScalarMap(op) || op->getBlock() != scan->getBlock())
      continue;
    Map map{op, {}, {}, {}, {}, {}, {}, {}};
    Renaming names;
    bool fits = true;
    auto numberOf = [&](Value value) {
      return value.getDefiningOp() == scan
                 ? cast<OpResult>(value).getResultNumber()
                 : scan->getNumResults();
    };
    for (auto [value, attr] : llvm::zip(op.getSeq(), op.getSeqMaps())) {
      unsigned i = numberOf(value);
      map.given.push_back(i);
      if (i < members)
        fits &=
            rename(cast<AxesAttr>(attr), cast<AxesAttr>(scan.getOutMaps()[i]), names);
    }
    auto isKnown = [&](ValueRange operands, ArrayAttr axes) {
      for (auto [value, attr] : llvm::zip(operands, axes)) {
        if (numberOf(value) < members)
          continue;
        fits &= dominance.properlyDominates(value, scan);
        for (StringAttr name : cast<AxesAttr>(attr).getNames())
          fits &= names.count(name.getValue());
      }
    };
    isKnown(op.getSeq(), op.getSeqMaps());
    isKnown(op.getWeights(), op.getWeightMaps());
    for (Attribute attr : op.getOutMaps())
      for (auto [name, divisor] : llvm::zip(cast<AxesAttr>(attr).getNames(),
                                            cast<AxesAttr>(attr).getDivisors()))
        fits &= divisor == 1 && names.count(name.getValue());
    if (!fits || names.size() != op.getAxes().size())
      continue;
    auto read = [&](ValueRange operands, ArrayAttr axes,
                    SmallVectorImpl<AxesAttr> &named,
                    SmallVectorImpl<Value> &buffers) {
      for (auto [value, attr] : llvm::zip(operands, axes)) {
        named.push_back(renamed(cast<AxesAttr>(attr), names));
        buffers.push_back(numberOf(value) < members ? Value()
                                                    : readBuffer(b, loc, value));
      }
    };
    read(op.getSeq(), op.getSeqMaps(), map.seqAxes, map.seq);
    read(op.getWeights(), op.getWeightMaps(), map.weightAxes, map.weights);
    for (auto [result, attr] : llvm::zip(op.getOuts(), op.getOutMaps())) {
      map.outAxes.push_back(renamed(cast<AxesAttr>(attr), names));
      SmallVector<OpFoldResult> shape;
      for (StringAttr axis : map.outAxes.back().getNames())
        shape.push_back(sizes.lookup(axis.getValue()));
      map.outs.push_back({});
      if (result.use_empty())
        replacements.push_back({});
      else
        map.outs.back() = writeBuffer(b, loc, result, shape, replacements);
    }
    consumers.push_back(map);
  }
}

/// Registers of a thread for a row's element: its words, and where combining
/// calls functions as many for their intermediate values.  Flags of a thread's
/// own run are bits.
int64_t Kernels::registersOfElement() {
  bool functions = false;
  scan.getCombine().walk(
      [&](Operation *op) { functions |= isa<math::MathDialect>(op->getDialect()); });
  int64_t words = wordsOfRow() - (flagged && !contiguous);
  return words * (functions ? 2 : 1);
}

/// How many rows a thread holds, and elements of each.
void Kernels::chooseShape() {
  // More blocks with fewer barriers among more warps.
  if (!contiguous)
    blockThreads = 128;
  // Four blocks of a multiprocessor, each with half of its registers for
  // elements. Long tiles look back less often.  Shared memory is as large as
  // the elements.
  int64_t elements = registersOfProcessor / (4 * blockThreads) / 2;
  // Elements pass by registers where functions need those, and where they are
  // one word: more blocks are in flight then.  Others are faster with elements
  // that are loaded.
  bool asTheyAre = llvm::all_of(llvm::seq(members), [&](unsigned i) {
    auto type = seq[i] ? cast<MemRefType>(seq[i].getType()) : MemRefType();
    return type && type.getElementType() == element(i) &&
           (type.getElementTypeBitWidth() == 32 || type.getElementTypeBitWidth() == 64);
  });
  copied = contiguous && !flagged && asTheyAre &&
           (wordsOfRow() == 1 || registersOfElement() > wordsOfRow());
  int64_t each = copied ? wordsOfRow() : registersOfElement();
  items = std::clamp<int64_t>(llvm::bit_floor<uint64_t>(elements / each), 1, 32);
  if (contiguous)
    return;
  columns = threadsTogether;
  unsigned widest = 8;
  auto see = [&](Value buffer, AxesAttr axes) {
    if (buffer && axes.size() && !rowAxes.empty() &&
        axes.getNames().back() == rowAxes.back())
      widest = std::max(widest,
                        cast<MemRefType>(buffer.getType()).getElementTypeBitWidth());
  };
  for (unsigned i = 0; i < members; ++i)
    see(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]));
  for (const Map &map : maps)
    for (auto [buffer, axes] : llvm::zip(map.seq, map.seqAxes))
      see(buffer, axes);
  // A warp reads 128 bytes at once; tiles that are long in time are fewer.
  if (!rowAxes.empty())
    wide = std::clamp<int64_t>(32 / widest, 1, 4);
  items = std::max<int64_t>(1, items / wide);
}

/// True (on the host) where all vectors lie at multiples of their size.
Value Kernels::vectorsFit() {
  Value all = arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1);
  if (wide == 1 && along == 1)
    return all;
  auto isMultiple = [&](Value value, int64_t of) {
    Value rest = arith::RemUIOp::create(b, loc, value, constant(of));
    all = arith::AndIOp::create(b, loc, all, equal(rest, constant(0)));
  };
  if (along > 1) {
    // A row alone may end anywhere.
    Value starts = length;
    if (!scan.getReverse())
      starts = arith::SelectOp::create(b, loc, equal(rows, constant(1)),
                                       constant(along), length);
    isMultiple(starts, along);
    for (Value buffer : llvm::concat<Value>(seq, outs))
      if (buffer)
        isMultiple(
            memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer),
            along * cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() / 8);
    return all;
  }
  isMultiple(sizes.lookup(rowAxes.back().getValue()), wide);
  auto see = [&](Value buffer, AxesAttr axes) {
    if (!buffer || !isWide(buffer, axes))
      return;
    int64_t bytes =
        wide * cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() / 8;
    isMultiple(memref::ExtractAlignedPointerAsIndexOp::create(b, loc, buffer),
               bytes);
  };
  auto seeAll = [&](ArrayRef<Value> buffers, ArrayRef<AxesAttr> axes) {
    for (auto [buffer, attr] : llvm::zip(buffers, axes))
      see(buffer, attr);
  };
  for (unsigned i = 0; i < members; ++i) {
    see(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]));
    see(outs[i], cast<AxesAttr>(scan.getOutMaps()[i]));
  }
  for (const Map &map : maps) {
    seeAll(map.seq, map.seqAxes);
    seeAll(map.weights, map.weightAxes);
  }
  for (const Map &map : consumers) {
    seeAll(map.seq, map.seqAxes);
    seeAll(map.weights, map.weightAxes);
    seeAll(map.outs, map.outAxes);
  }
  return all;
}
