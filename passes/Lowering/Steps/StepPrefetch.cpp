//===- StepPrefetch.cpp - Asks for operands before they are needed --------===//

#include "RecurrenceLowering.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::steps;

/// Bytes that memory gives at once.
static constexpr int64_t kLine = 64;

void Lowering::fetchAhead(Value begin, Value end, Value first, int64_t count,
                          Value part, int64_t parts) {
  auto divided = [&](Value v, int64_t by) -> Value {
    return arith::DivUIOp::create(b, loc, v, constant(by));
  };
  auto remainder = [&](Value v, int64_t by) -> Value {
    return arith::RemUIOp::create(b, loc, v, constant(by));
  };
  auto scaled = [&](Value v, int64_t by) -> Value {
    return arith::MulIOp::create(b, loc, v, constant(by));
  };
  // Beyond the end there is the last token once more.
  Value last = arith::SubIOp::create(
      b, loc, arith::SubIOp::create(b, loc, end, begin).getResult(), constant(1));
  for (auto [i, arg] : llvm::enumerate(op.getSeqArgs())) {
    Type slice = dropLeading(arg.getType());
    ArrayRef<int64_t> shape = shapeOf(slice);
    Type element = elementOf(slice);
    int64_t perLine = kLine / std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
    // Lines of a row, and rows of a token.
    int64_t width = shape.empty() ? 1 : shape.back();
    int64_t lines = llvm::divideCeil(width, perLine), rows = 1;
    for (int64_t size : shape.drop_back(shape.empty() ? 0 : 1))
      rows *= size;
    int64_t all = count * rows * lines;
    Value from = divided(scaled(part, all), parts);
    Value to = divided(
        scaled(arith::AddIOp::create(b, loc, part, constant(1)), all), parts);
    auto loop = scf::ForOp::create(b, loc, from, to, constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    Value token = arith::AddIOp::create(b, loc, first, divided(at, rows * lines));
    Value time =
        visited(begin, end, arith::MinUIOp::create(b, loc, token, last));
    Access access =
        operandAccess(seq[i], cast<AxesAttr>(op.getSeqMaps()[i]), time, shape.size());
    // The feature indices of the line, the last one first.
    SmallVector<Value> feature(shape.size());
    Value rest = divided(at, lines);
    for (unsigned d = shape.size(); d-- > 0;) {
      if (d + 1 == shape.size()) {
        feature[d] = scaled(remainder(at, lines), perLine);
      } else {
        feature[d] = remainder(rest, shape[d]);
        rest = divided(rest, shape[d]);
      }
    }
    SmallVector<Value> indices;
    for (const Access::Dim &dim : access.dims)
      indices.push_back(dim.kind == Access::Dim::Feature ? feature[dim.feature]
                                                         : dim.fixed);
    memref::PrefetchOp::create(b, loc, access.memref, indices, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}
