//===- ScanVectors.cpp - Vectors along contiguous time --------------------===//
//
// Where time is contiguous and nothing is computed of elements as they are read
// or written, they pass through shared memory by units of 16 bytes: of a run,
// the units are exchanged so that the threads that access memory together,
// whether they follow one another along units or along runs, use different
// banks.  A unit's elements lie as in memory: in reverse order where the scan
// runs in reverse.
//
//===----------------------------------------------------------------------===//

#include "ScanKernels.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::scan;

/// Units of 16 bytes that are accessed together without conflicts.
static constexpr int64_t kTogether = 8;

void Kernels::chooseVectors() {
  if (!contiguous || flagged || !maps.empty() || !consumers.empty())
    return;
  int64_t bytes = 4;
  for (unsigned i = 0; i < n; ++i) {
    unsigned width = element(i).getIntOrFloatBitWidth();
    if (width != 32 && width != 64)
      return;
    bytes = std::max<int64_t>(bytes, width / 8);
    auto endsInTime = [](Value buffer, AxesAttr axes) {
      return !buffer ||
             (axes.size() && axes.getDivisors().back() == 1 &&
              axes.getNames().back().getValue() == RecurrenceOp::getTimeAxis() &&
              cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() >= 8);
    };
    if (!seq[i] || !endsInTime(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i])) ||
        !endsInTime(outs[i], cast<AxesAttr>(scan.getOutMaps()[i])))
      return;
  }
  if (items >= 2 * (16 / bytes))
    along = 16 / bytes;
}

/// Where a run's unit is in shared memory.
Value Kernels::unitPlace(Value run, Value unit) {
  int64_t units = items / along;
  Value key = run;
  if (units < kTogether)
    key = arith::DivUIOp::create(b, loc, key, constant(kTogether / units));
  key = arith::RemUIOp::create(b, loc, key, constant(std::min(units, kTogether)));
  return add(mul(run, constant(items)),
             mul(arith::XOrIOp::create(b, loc, unit, key), constant(along)));
}

/// Where the k-th of the unit's elements, in the order of the scan, is in it.
int64_t Kernels::placeInUnit(int64_t k) {
  return scan.getReverse() ? along - 1 - k : k;
}

/// The unit, of those that threads take side by side, that is this thread's
/// j-th.
Value Kernels::unitOf(int64_t j) { return add(thread, constant(j * blockThreads)); }

Value Kernels::runOfUnit(int64_t j) {
  return arith::DivUIOp::create(b, loc, unitOf(j), constant(items / along));
}

Value Kernels::placeOfUnit(int64_t j) {
  Value unit = arith::RemUIOp::create(b, loc, thread, constant(items / along));
  return unitPlace(runOfUnit(j), unit);
}

/// The time in memory of the first of the unit's elements there.
Value Kernels::timeOfUnit(Value base, int64_t j) {
  Value first = add(base, mul(unitOf(j), constant(along)));
  return physical(scan.getReverse() ? add(first, constant(along - 1)) : first);
}

Value Kernels::sharedPointer(unsigned i, Value at) {
  Value shared = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, exchange[i]);
  shared = add(shared, mul(at, constant(element(i).getIntOrFloatBitWidth() / 8)));
  return LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*shared=*/3),
      arith::IndexCastOp::create(b, loc, b.getI64Type(), shared).getResult());
}

/// A unit's elements as combined, in the order of the scan.
SmallVector<Kernels::Tuple> Kernels::takenUnit(Value at) {
  SmallVector<Tuple> result(along, Tuple(n));
  for (unsigned i = 0; i < n; ++i) {
    Value all = LLVM::LoadOp::create(b, loc, VectorType::get({along}, element(i)),
                                     sharedPointer(i, at), unitBytes(i));
    for (int64_t k = 0; k < along; ++k)
      result[k][i] =
          LLVM::ExtractElementOp::create(b, loc, all, number(placeInUnit(k)));
  }
  return result;
}

/// Their vector of `type`, member i.
Value Kernels::unitVector(ArrayRef<Tuple> values, unsigned i, Type type) {
  Value all = LLVM::UndefOp::create(b, loc, VectorType::get({along}, type));
  for (int64_t k = 0; k < along; ++k)
    all = LLVM::InsertElementOp::create(b, loc, all, convert(values[k][i], type),
                                        number(placeInUnit(k)));
  return all;
}

void Kernels::putUnit(Value at, ArrayRef<Tuple> values) {
  for (unsigned i = 0; i < n; ++i)
    LLVM::StoreOp::create(b, loc, unitVector(values, i, element(i)),
                          sharedPointer(i, at), unitBytes(i));
}

/// Puts a whole tile's elements into shared memory, at multiples of their
/// vectors.
void Kernels::exchangeUnits(Value base) {
  int64_t units = items / along;
  if (copied) {
    for (int64_t j = 0; j < units; ++j)
      for (unsigned i = 0; i < n; ++i) {
        Value from = vectorPointer(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]),
                                   timeOfUnit(base, j));
        int64_t bytes = unitBytes(i);
        NVVM::CpAsyncOp::create(b, loc, sharedPointer(i, placeOfUnit(j)), from, bytes,
                                bytes == 16 ? NVVM::LoadCacheModifierKind::CG
                                            : NVVM::LoadCacheModifierKind::CA,
                                Value());
      }
    NVVM::CpAsyncCommitGroupOp::create(b, loc);
    NVVM::CpAsyncWaitGroupOp::create(b, loc, 0);
    return;
  }
  SmallVector<SmallVector<Tuple>> loaded(units, SmallVector<Tuple>(along, Tuple(n)));
  for (int64_t j = 0; j < units; ++j)
    for (unsigned i = 0; i < n; ++i) {
      Type type = cast<MemRefType>(seq[i].getType()).getElementType();
      Value all = LLVM::LoadOp::create(
          b, loc, VectorType::get({along}, type),
          vectorPointer(seq[i], cast<AxesAttr>(scan.getSeqMaps()[i]),
                        timeOfUnit(base, j)),
          along * type.getIntOrFloatBitWidth() / 8);
      for (int64_t k = 0; k < along; ++k)
        loaded[j][k][i] = convert(
            LLVM::ExtractElementOp::create(b, loc, all, number(placeInUnit(k))),
            element(i));
    }
  for (int64_t j = 0; j < units; ++j)
    putUnit(placeOfUnit(j), loaded[j]);
}

/// Folds the thread's run, unit by unit.
Kernels::Tuple Kernels::foldUnits() {
  Tuple fold;
  for (int64_t j = 0; j < items / along; ++j) {
    Value at = unitPlace(thread, constant(j));
    SmallVector<Tuple> values = takenUnit(at);
    for (Tuple &value : values) {
      Tuple before = fold.empty() ? identities() : fold;
      fold = fold.empty() ? value : combine(fold, value);
      value = scan.getExclusive() ? before : fold;
    }
    putUnit(at, values);
  }
  return fold;
}

/// Stores a whole tile's results, at multiples of their vectors.
void Kernels::storeUnits(Value base) {
  for (int64_t j = 0; j < items / along; ++j) {
    Tuple before = taken(partial, runOfUnit(j));
    SmallVector<Tuple> values = takenUnit(placeOfUnit(j));
    for (Tuple &value : values)
      value = combine(before, value);
    for (unsigned i = 0; i < n; ++i) {
      if (!outs[i])
        continue;
      Type type = cast<MemRefType>(outs[i].getType()).getElementType();
      LLVM::StoreOp::create(b, loc, unitVector(values, i, type),
                            vectorPointer(outs[i],
                                          cast<AxesAttr>(scan.getOutMaps()[i]),
                                          timeOfUnit(base, j)),
                            along * type.getIntOrFloatBitWidth() / 8);
    }
  }
}
