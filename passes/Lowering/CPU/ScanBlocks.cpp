//===- ScanBlocks.cpp - Blocks of a scan along contiguous rows ------------===//
//
// A block is `width` rows of `width` consecutive elements.  Log2(width) combinations scan
// a row across its lanes; one more a row brings in what came before the row, which is a
// chain of one combination a row.  Masked loads fill the last block with the identity.
//
// Where a combination takes long (functions), fewer are worth transposing: lane l holds
// the run l of `width` consecutive elements, so that `width` combinations scan all runs at
// once.  Their chains are what a block waits for: several blocks run theirs side by side,
// in vectors of several registers, which are in memory between loops.
//
//===----------------------------------------------------------------------===//

#include "ScanBlocks.h"

#include "../Steps/ScalarBlock.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::cpu;
using namespace seqc::steps;

/// Bytes that a core fetches together.
static constexpr int64_t kLineBytes = 64;

Value Blocks::identity(unsigned i, bool vector) {
  return repeatConstant(b, loc, scan.getIdentities()[i], vector ? width : 0);
}

Blocks::Tuple Blocks::combine(const Tuple &left, const Tuple &right) {
  auto vector = dyn_cast<VectorType>(left[0].getType());
  IRMapping mapping;
  for (unsigned i = 0; i < n; ++i) {
    mapping.map(scan.getLeftArgs()[i], left[i]);
    mapping.map(scan.getRightArgs()[i], right[i]);
  }
  return repeatBlock(b, loc, scan.getCombine().front(), scan.getYield().getOuts(),
                     mapping, vector ? vector.getDimSize(0) : 0);
}

Blocks::Tuple Blocks::broadcast(const Tuple &scalars) {
  Tuple result;
  for (Value s : scalars)
    result.push_back(
        vector::BroadcastOp::create(b, loc, vectorOf(width, s.getType()), s));
  return result;
}

SmallVector<Value> Blocks::address(AxesAttr map, Value time) {
  SmallVector<Value> result;
  for (auto [axis, divisor] : llvm::zip(map.getNames(), map.getDivisors())) {
    if (axis.getValue() == RecurrenceOp::getTimeAxis()) {
      result.push_back(time);
      continue;
    }
    Value index = indices.lookup(axis.getValue());
    if (divisor != 1)
      index = arith::DivUIOp::create(b, loc, index, constant(divisor));
    result.push_back(index);
  }
  return result;
}

/// Exchanges row and column bits one at a time, by shuffles of two rows; `rows`
/// are as many as their elements, a power of two.
void Blocks::transpose(MutableArrayRef<Value> rows) {
  for (int64_t bit = 1; bit < width; bit *= 2) {
    SmallVector<int64_t> even, odd;
    for (int64_t c = 0; c < width; ++c) {
      even.push_back(c & bit ? width + (c & ~bit) : c);
      odd.push_back(c & bit ? width + c : c | bit);
    }
    for (int64_t r = 0; r < width; ++r) {
      if (r & bit)
        continue;
      Value a = rows[r], c = rows[r | bit];
      rows[r] = vector::ShuffleOp::create(b, loc, a, c, even);
      rows[r | bit] = vector::ShuffleOp::create(b, loc, a, c, odd);
    }
  }
}

Blocks::Tuple Blocks::extract(const Tuple &vectors, int64_t lane) {
  Tuple result;
  for (Value v : vectors)
    result.push_back(vector::ExtractOp::create(b, loc, v, ArrayRef<int64_t>{lane}));
  return result;
}

Blocks::Tuple Blocks::shifted(const Tuple &from, int64_t by) {
  Tuple result;
  for (unsigned i = 0; i < n; ++i) {
    int64_t lanes = cast<VectorType>(from[i].getType()).getDimSize(0);
    SmallVector<int64_t> order;
    for (int64_t l = 0; l < lanes; ++l)
      order.push_back(l % width < by ? lanes : l - by);
    Value none = repeatConstant(b, loc, scan.getIdentities()[i], lanes);
    result.push_back(vector::ShuffleOp::create(b, loc, from[i], none, order));
  }
  return result;
}

Blocks::Tuple
Blocks::acrossLanes(Tuple lanes, int64_t count,
                    llvm::function_ref<Tuple(const Tuple &, const Tuple &)> combine) {
  // Lanes that have nothing before them keep what they are: a rotation and a masked
  // operation, where identities that are shifted in can become slow expansions.
  int64_t all = cast<VectorType>(lanes[0].getType()).getDimSize(0);
  for (int64_t by = 1; by < count; by *= 2) {
    SmallVector<int64_t> order;
    SmallVector<bool> later;
    for (int64_t l = 0; l < all; ++l) {
      order.push_back((l + all - by) % all);
      later.push_back(l % width >= by);
    }
    Tuple before;
    for (Value v : lanes)
      before.push_back(vector::ShuffleOp::create(b, loc, v, v, order));
    Value mask = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(vectorOf(all, b.getI1Type()), later));
    Tuple combined = combine(before, lanes);
    for (auto [lane, value] : llvm::zip(lanes, combined))
      lane = arith::SelectOp::create(b, loc, mask, value, lane);
  }
  return lanes;
}

Value Blocks::convert(Value v, Type to) { return convertFloat(b, loc, v, to); }

Value Blocks::maskAt(Value time, Value limit) {
  Value rest = arith::SubIOp::create(b, loc, limit, time);
  rest = arith::MaxSIOp::create(b, loc, rest, constant(0));
  return vector::CreateMaskOp::create(b, loc, vectorOf(width, b.getI1Type()),
                                      ValueRange{rest});
}

Value Blocks::load(unsigned i, Value time, Value mask) {
  auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
  VectorType type = vectorOf(width, cast<MemRefType>(seq[i].getType()).getElementType());
  if (!mask)
    return convert(vector::LoadOp::create(b, loc, type, seq[i], address(map, time)),
                   element(i));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value row = vector::MaskedLoadOp::create(b, loc, type, seq[i], address(map, time), mask,
                                           zero);
  return arith::SelectOp::create(b, loc, mask, convert(row, element(i)), identity(i, true));
}

void Blocks::store(unsigned i, Value time, Value mask, Value row) {
  auto map = cast<AxesAttr>(scan.getOutMaps()[i]);
  Type stored = cast<MemRefType>(outs[i].getType()).getElementType();
  row = convert(row, stored);
  if (mask)
    vector::MaskedStoreOp::create(b, loc, outs[i], address(map, time), mask, row);
  else if (streaming)
    vector::StoreOp::create(b, loc, row, outs[i], address(map, time), /*nontemporal=*/true,
                            llvm::Align(width * stored.getIntOrFloatBitWidth() / 8));
  else
    vector::StoreOp::create(b, loc, row, outs[i], address(map, time));
}

void Blocks::storeRuns(unsigned i, SmallVector<Value> runs, ArrayRef<Value> starts,
                       ArrayRef<Value> masks) {
  transpose(runs);
  for (int64_t r = 0; r < width; ++r)
    store(i, starts[r], masks[r], runs[r]);
}

Blocks::Tuple Blocks::block(Value time, Value limit, const Tuple &total) {
  // A partial block's later rows may start outside the buffer; nothing is read
  // there, since their masks are empty.
  SmallVector<int64_t> lastLane(width, width - 1);
  Tuple base = broadcast(total), earlier;
  for (int64_t r = 0; r < width; ++r) {
    Value start = plus(time, r * width), mask = limit ? maskAt(start, limit) : Value();
    Tuple row;
    for (unsigned i = 0; i < n; ++i)
      row.push_back(load(i, start, mask));
    row = acrossLanes(row, width);
    Tuple scanned = combine(r ? combine(base, earlier) : base, row);
    for (unsigned i = 0; i < n; ++i)
      if (outs[i]) // somebody reads it
        store(i, start, mask, scanned[i]);
    Tuple all;
    for (Value v : row)
      all.push_back(vector::ShuffleOp::create(b, loc, v, v, lastLane));
    earlier = r ? combine(earlier, all) : all;
  }
  return extract(earlier, 0);
}

void Blocks::fetch(Value time) {
  Value last = arith::SubIOp::create(
      b, loc, sizes.lookup(RecurrenceOp::getTimeAxis()), constant(1));
  for (unsigned i = 0; i < n; ++i) {
    auto map = cast<AxesAttr>(scan.getSeqMaps()[i]);
    int64_t bits = cast<MemRefType>(seq[i].getType()).getElementTypeBitWidth();
    int64_t line = std::max<int64_t>(1, kLineBytes * 8 / bits);
    for (int64_t at = 0; at < width * width; at += line)
      memref::PrefetchOp::create(
          b, loc, seq[i],
          address(map, arith::MinUIOp::create(b, loc, plus(time, at), last)),
          /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
  }
}

Blocks::Tuple Blocks::blocksTogether(Value time, Value limit, const Tuple &total) {
  // Vectors of several blocks' runs: an operation is one on each, side by side.
  int64_t size = width * width, count = togetherOf(width);
  int64_t abreast = std::min<int64_t>(4, count), wide = abreast * width;
  // scratch[i] is [width, count * width]: row k has the elements k of the runs, block by
  // block.
  auto at = [&](unsigned i, Value k, Value lane, int64_t lanes) -> Value {
    return vector::LoadOp::create(b, loc, vectorOf(lanes, element(i)), scratch[i],
                                  ValueRange{k, lane});
  };
  auto put = [&](unsigned i, Value k, Value lane, Value v) {
    vector::StoreOp::create(b, loc, v, scratch[i], ValueRange{k, lane});
  };
  auto overBlocks = [&](llvm::function_ref<void(Value lane, ArrayRef<Value> starts,
                                                ArrayRef<Value> masks)>
                            fn) {
    auto loop = scf::ForOp::create(b, loc, constant(0), constant(count), constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value g = loop.getInductionVar();
    Value from = plus(time, arith::MulIOp::create(b, loc, g, constant(size)).getResult());
    SmallVector<Value> starts, masks;
    for (int64_t r = 0; r < width; ++r) {
      starts.push_back(plus(from, r * width));
      masks.push_back(maskAt(starts[r], limit));
    }
    fn(arith::MulIOp::create(b, loc, g, constant(width)), starts, masks);
  };
  // Combines `before` with the elements k of all runs, for k in [begin, width); with
  // `carries`, the result comes before the next ones.
  auto overRuns = [&](int64_t begin, ArrayRef<Tuple> before, bool carries) {
    Tuple init;
    for (const Tuple &tuple : before)
      llvm::append_range(init, tuple);
    auto loop = scf::ForOp::create(b, loc, constant(begin), constant(width), constant(1),
                                   carries ? ValueRange(init) : ValueRange());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value k = loop.getInductionVar();
    Tuple next;
    for (unsigned q = 0; q < before.size(); ++q) {
      Tuple x, left(before[q]);
      for (unsigned i = 0; i < n; ++i) {
        x.push_back(at(i, k, constant(q * wide), wide));
        if (carries)
          left[i] = loop.getRegionIterArgs()[q * n + i];
      }
      Tuple y = combine(left, x);
      for (unsigned i = 0; i < n; ++i)
        put(i, k, constant(q * wide), y[i]);
      llvm::append_range(next, y);
    }
    if (carries)
      scf::YieldOp::create(b, loc, next);
    SmallVector<Tuple> results;
    for (unsigned q = 0; carries && q < before.size(); ++q)
      results.push_back(Tuple(loop.getResults().slice(q * n, n)));
    return results;
  };
  overBlocks([&](Value lane, ArrayRef<Value> starts, ArrayRef<Value> masks) {
    for (unsigned i = 0; i < n; ++i) {
      SmallVector<Value> rows;
      for (int64_t r = 0; r < width; ++r)
        rows.push_back(load(i, starts[r], masks[r]));
      transpose(rows);
      for (int64_t k = 0; k < width; ++k)
        put(i, constant(k), lane, rows[k]);
    }
  });
  SmallVector<Tuple> totals(count / abreast);
  for (auto [q, first] : llvm::enumerate(totals))
    for (unsigned i = 0; i < n; ++i)
      first.push_back(at(i, constant(0), constant(q * wide), wide));
  totals = overRuns(1, totals, /*carries=*/true);
  // Totals of the runs across lanes, and of the blocks.
  Tuple blocks;
  for (unsigned i = 0; i < n; ++i)
    blocks.push_back(identity(i, true));
  for (auto [q, tuple] : llvm::enumerate(totals)) {
    tuple = acrossLanes(tuple, width);
    for (int64_t g = 0; g < abreast; ++g) {
      Tuple whole = extract(tuple, (g + 1) * width - 1);
      for (unsigned i = 0; i < n; ++i)
        blocks[i] = vector::InsertOp::create(b, loc, whole[i], blocks[i],
                                             ArrayRef<int64_t>{int64_t(q) * abreast + g});
    }
  }
  blocks = acrossLanes(blocks, count);
  Tuple earlier = combine(broadcast(total), shifted(blocks, 1));
  for (auto [q, tuple] : llvm::enumerate(totals)) {
    SmallVector<int64_t> order;
    for (int64_t l = 0; l < wide; ++l)
      order.push_back(q * abreast + l / width);
    Tuple prefix;
    for (Value v : earlier)
      prefix.push_back(vector::ShuffleOp::create(b, loc, v, v, order));
    tuple = combine(prefix, shifted(tuple, 1));
  }
  overRuns(0, totals, /*carries=*/false);
  overBlocks([&](Value lane, ArrayRef<Value> starts, ArrayRef<Value> masks) {
    for (unsigned i = 0; i < n; ++i) {
      if (!outs[i])
        continue;
      SmallVector<Value> rows;
      for (int64_t k = 0; k < width; ++k)
        rows.push_back(at(i, constant(k), lane, width));
      storeRuns(i, rows, starts, masks);
    }
  });
  return extract(blocks, count - 1);
}

/// Neighbours are combined until one element is left.
Blocks::Tuple Blocks::totalOf(Value time) {
  SmallVector<Tuple> rows;
  for (int64_t r = 0; r < width; ++r) {
    rows.emplace_back();
    for (unsigned i = 0; i < n; ++i)
      rows.back().push_back(load(i, plus(time, r * width), {}));
  }
  SmallVector<int64_t> even, odd;
  for (int64_t l = 0; l < width; ++l) {
    even.push_back(2 * l);
    odd.push_back(2 * l + 1);
  }
  auto neighbours = [&](const Tuple &x, const Tuple &y) {
    Tuple left, right;
    for (unsigned i = 0; i < n; ++i) {
      left.push_back(vector::ShuffleOp::create(b, loc, x[i], y[i], even));
      right.push_back(vector::ShuffleOp::create(b, loc, x[i], y[i], odd));
    }
    return combine(left, right);
  };
  while (rows.size() > 1) {
    SmallVector<Tuple> half;
    for (unsigned r = 0; r < rows.size(); r += 2)
      half.push_back(neighbours(rows[r], rows[r + 1]));
    rows = half;
  }
  Tuple one = rows[0];
  for (int64_t left = width; left > 1; left /= 2)
    one = neighbours(one, one);
  return extract(one, 0);
}
