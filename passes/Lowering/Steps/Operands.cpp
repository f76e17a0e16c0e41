//===- Operands.cpp - A recurrence's operands and results as memrefs ------===//

#include "Operands.h"

#include "Buffers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

void Operands::bind(RecurrenceOp op, OpBuilder &b) {
  Location loc = op.getLoc();
  auto buffers = [&](ValueRange values, SmallVector<Value> &into) {
    for (Value v : values)
      into.push_back(readBuffer(b, loc, v));
  };
  buffers(op.getSeq(), seq);
  buffers(op.getWeights(), weights);
  buffers(op.getCarries(), carries);
  buffers(op.getRestarts(), restarts);
  if (op.getSegments())
    segments = readBuffer(b, loc, op.getSegments());
  if (op.getResets())
    resets = readBuffer(b, loc, op.getResets());

  auto add = [&](ValueRange memrefs, ArrayAttr maps) {
    for (auto [memref, attr] : llvm::zip(memrefs, maps)) {
      auto map = cast<AxesAttr>(attr);
      for (unsigned d = 0; d < map.size(); ++d)
        if (map.getDivisors()[d] == 1 &&
            !sizes.count(map.getNames()[d].getValue()))
          sizes[map.getNames()[d].getValue()] =
              memref::DimOp::create(b, loc, memref, d);
    }
  };
  add(seq, op.getSeqMaps());
  add(weights, op.getWeightMaps());
  add(carries, op.getCarryMaps());
  if (segments)
    sizes[op.getSegmentAxis().getValue()] = arith::SubIOp::create(
        b, loc, memref::DimOp::create(b, loc, segments, 0).getResult(),
        arith::ConstantIndexOp::create(b, loc, 1).getResult());

  auto shapeOfResult = [&](AxesAttr map, Type slice) {
    SmallVector<OpFoldResult> shape;
    for (StringAttr axis : map.getNames())
      shape.push_back(sizes.lookup(axis.getValue()));
    for (int64_t size : shapeOf(slice))
      shape.push_back(b.getIndexAttr(size));
    return shape;
  };
  YieldOp yield = op.getYield();
  for (auto [i, result] : llvm::enumerate(op.getOuts()))
    outs.push_back(writeBuffer(
        b, loc, result,
        shapeOfResult(cast<AxesAttr>(op.getOutMaps()[i]),
                      op.getChunk() ? dropLeading(yield.getOuts()[i].getType())
                                    : yield.getOuts()[i].getType()),
        results));
  for (auto [i, result] : llvm::enumerate(op.getFinals()))
    finals.push_back(writeBuffer(
        b, loc, result,
        shapeOfResult(op.getFinalMap(i), op.getCarryArgs()[i].getType()),
        results));
}
