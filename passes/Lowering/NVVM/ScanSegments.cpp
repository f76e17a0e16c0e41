//===- ScanSegments.cpp - Packed segments and resets of a scan ------------===//
//
// A scan with segments or resets is a scan of tuples with one more member:
// whether a token drops all to its left.  (x, f) . (y, g) is (y, g) where g is
// set, else (x . y, f), which is associative where `.` is.  So tiles look back
// as ever, over any number of segments.  What stands to the left of a segment
// is folded into its first element; what comes after its last one is stored
// where that is.
//
//===----------------------------------------------------------------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

void Kernels::readSegments() {
  if (Value segments = scan.getSegments()) {
    table = readBuffer(b, loc, segments);
    Value entries = memref::DimOp::create(b, loc, table, 0);
    sizes[scan.getSegmentAxis().getValue()] =
        arith::SubIOp::create(b, loc, entries, constant(1));
  }
  if (Value flags = scan.getResets()) {
    resets = readBuffer(b, loc, flags);
    sizesOf(*scan.getResetsMap(), resets);
  }
}

/// Where a segment begins.
Value Kernels::tableEntry(Value segment) {
  return arith::IndexCastOp::create(
      b, loc, b.getIndexType(),
      memref::LoadOp::create(b, loc, table, ValueRange{segment}).getResult());
}

/// Finds, of every token, the segment, and whether it is the first or last one
/// in it: a mark is 4 times the segment, 2 if first, 1 if last.  Empty segments
/// have none.
void Kernels::markTokens() {
  marks = memref::AllocOp::create(
      b, loc, MemRefType::get({ShapedType::kDynamic}, b.getI32Type()),
      ValueRange{length});
  Value segments = sizes.lookup(scan.getSegmentAxis().getValue());
  auto tokens = scf::ParallelOp::create(b, loc, ValueRange{constant(0)},
                                        ValueRange{length}, ValueRange{constant(1)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(tokens.getBody());
    Value time = tokens.getInductionVars()[0];
    // The last segment that begins here or before.
    Type index = b.getIndexType();
    auto search = scf::WhileOp::create(
        b, loc, TypeRange{index, index}, ValueRange{constant(0), segments},
        [&](OpBuilder &, Location, ValueRange range) {
          Value more = less(add(range[0], constant(1)), range[1]);
          scf::ConditionOp::create(b, loc, more, range);
        },
        [&](OpBuilder &, Location, ValueRange range) {
          Value middle =
              arith::DivUIOp::create(b, loc, add(range[0], range[1]), constant(2));
          Value before = less(time, tableEntry(middle));
          scf::YieldOp::create(
              b, loc, choose(before, {range[0], middle}, {middle, range[1]}));
        });
    Value segment = search.getResult(0);
    Value next = add(time, constant(1));
    Value isFirst = equal(time, tableEntry(segment));
    Value isLast = equal(next, tableEntry(add(segment, constant(1))));
    if (scan.getReverse())
      std::swap(isFirst, isLast);
    auto bit = [&](Value is, int64_t value) -> Value {
      return arith::SelectOp::create(b, loc, is, number(value), number(0));
    };
    Value mark =
        arith::IndexCastOp::create(b, loc, b.getI32Type(), mul(segment, constant(4)));
    mark = add(mark, add(bit(isFirst, 2), bit(isLast, 1)));
    memref::StoreOp::create(b, loc, mark, marks, ValueRange{time});
  }
  if (!finals.empty())
    storeEmptyFinals();
}

/// The state after a segment without tokens is that before it.
void Kernels::storeEmptyFinals() {
  StringRef axis = scan.getSegmentAxis().getValue();
  auto all = scf::ParallelOp::create(b, loc, ValueRange{constant(0), constant(0)},
                                     ValueRange{sizes.lookup(axis), rows},
                                     ValueRange{constant(1), constant(1)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(all.getBody());
  Value segment = all.getInductionVars()[0];
  Value isEmpty = equal(tableEntry(segment), tableEntry(add(segment, constant(1))));
  when(isEmpty, [&] {
    indices = indicesOf(all.getInductionVars()[1]);
    indices[axis] = segment;
    Tuple start = startOf({});
    for (unsigned i = 0; i < members; ++i)
      if (finals[i])
        memref::StoreOp::create(
            b, loc,
            convert(start[i], cast<MemRefType>(finals[i].getType()).getElementType()),
            finals[i], finalAddress(i));
  });
}

SmallVector<Value> Kernels::finalAddress(unsigned i) {
  SmallVector<Value> at;
  for (StringAttr axis : scan.getFinalMap(i).getNames())
    at.push_back(indices.lookup(axis.getValue()));
  return at;
}

Value Kernels::markOf(Value time) {
  return memref::LoadOp::create(b, loc, marks, ValueRange{time});
}

Value Kernels::segmentOf(Value mark) {
  Value segment = arith::ShRUIOp::create(b, loc, mark, number(2));
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), segment);
}

Value Kernels::bitOf(Value bits, int64_t k) {
  if (k)
    bits = arith::ShRUIOp::create(b, loc, bits, number(k));
  return arith::AndIOp::create(b, loc, bits, number(1));
}

/// Whether a token of the row that is named drops what is to its left, as an
/// i32.
Value Kernels::isFlagged(Value time, Value mark) {
  if (mark)
    return bitOf(mark, 1);
  Value flag =
      memref::LoadOp::create(b, loc, resets, address(*scan.getResetsMap(), time));
  if (!flag.getType().isInteger(1))
    flag = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::ne, flag,
        arith::ConstantIntOp::create(b, loc, flag.getType(), 0).getResult());
  return arith::ExtUIOp::create(b, loc, b.getI32Type(), flag);
}

/// `then` where an i32 is 1, else `otherwise`.
Kernels::Tuple Kernels::where(Value flag, llvm::function_ref<Tuple()> then,
                              const Tuple &otherwise) {
  auto op = scf::IfOp::create(b, loc, TypeRange(ValueRange(otherwise)),
                              equal(flag, number(1)), /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(b, loc, then());
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, loc, otherwise);
  return Tuple(op.getResults());
}

/// What stands to the left of the row that is named, or of its segment.
Kernels::Tuple Kernels::startOf(Value mark) {
  Tuple start = identities();
  start.resize(members);
  if (initials.empty())
    return start;
  if (mark)
    indices[scan.getSegmentAxis().getValue()] = segmentOf(mark);
  for (unsigned i = 0; i < members; ++i) {
    Value value = scan.getInitials()[i];
    if (initials[i])
      value = memref::LoadOp::create(
          b, loc, initials[i], address(cast<AxesAttr>(scan.getInitialMaps()[i]), {}));
    start[i] = convert(value, element(i));
  }
  return start;
}

/// Flags the elements of some of the thread's rows, and folds what is before a
/// segment into its first one.
void Kernels::restart(Value time, Tuple &values, int64_t begin, int64_t end,
                      bool vectors) {
  for (int64_t c = begin; c < end; ++c) {
    nameRow(c, vectors);
    int64_t at = (c - begin) * n;
    Value mark = table ? markOf(time) : Value();
    Value flag = isFlagged(time, mark);
    values[at + members] = number(0);
    if (mark && !initials.empty()) {
      Tuple row(ArrayRef<Value>(values).slice(at, n));
      Tuple first = where(
          flag,
          [&] {
            Tuple start = startOf(mark);
            start.push_back(number(0));
            return combineRow(start, row);
          },
          row);
      llvm::copy(first, values.begin() + at);
    }
    values[at + members] = flag;
  }
}

void Kernels::keepFlags(const Tuple &fold, int64_t k) {
  flagsOfRun.resize(wide);
  for (int64_t c = 0; c < wide; ++c) {
    Value bit = arith::ShLIOp::create(b, loc, fold[c * n + members], number(k));
    flagsOfRun[c] =
        k ? arith::OrIOp::create(b, loc, flagsOfRun[c], bit).getResult() : bit;
  }
}

void Kernels::giveFlags(Tuple &fold, int64_t k) {
  for (int64_t c = 0; c < wide; ++c)
    fold[c * n + members] = bitOf(flagsOfRun[c], k);
}

/// Before results are stored: stores the states after segments, and replaces
/// prefixes that exclude a flagged token by what stands to its left.
void Kernels::finishSegments(Value time, Tuple &values, int64_t begin, int64_t end,
                             bool vectors) {
  bool wanted = llvm::any_of(finals, [](Value buffer) { return bool(buffer); });
  for (int64_t c = begin; c < end; ++c) {
    int64_t at = (c - begin) * n;
    Tuple row(ArrayRef<Value>(values).slice(at, n));
    nameRow(c, vectors);
    Value mark = table ? markOf(time) : Value();
    if (mark && wanted)
      when(equal(bitOf(mark, 0), number(1)), [&] {
        Tuple after = row;
        if (scan.getExclusive()) {
          after = combineRow(row, load(time, c, c + 1, vectors));
          nameRow(c, vectors);
        }
        indices[scan.getSegmentAxis().getValue()] = segmentOf(mark);
        for (unsigned i = 0; i < members; ++i)
          if (finals[i])
            memref::StoreOp::create(
                b, loc,
                convert(after[i],
                        cast<MemRefType>(finals[i].getType()).getElementType()),
                finals[i], finalAddress(i));
      });
    if (!scan.getExclusive())
      continue;
    nameRow(c, vectors);
    row.resize(members);
    row = where(
        isFlagged(time, mark),
        [&] {
          Tuple start = table ? startOf(mark) : identities();
          start.resize(members);
          return start;
        },
        row);
    llvm::copy(row, values.begin() + at);
  }
}
