//===- Replace.cpp - A linear recurrence's results ------------------------===//

#include "Replace.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace seqc;

void seqc::replaceLinear(LinearRecurrenceOp op, RecurrenceOp made, unsigned out,
                         unsigned carry) {
  OpBuilder b(made);
  b.setInsertionPointAfter(made);
  Location loc = op.getLoc();
  SmallVector<Value> results(made.getOuts().slice(out, op.numReads()));
  results.push_back(made.getFinals()[carry]);
  AxesAttr found = made.getFinalMap(carry), wanted = op.getFinalMap();
  if (found != wanted) {
    Value final = results.back();
    auto type = cast<RankedTensorType>(final.getType());
    SmallVector<int64_t> order;
    for (StringAttr axis : wanted.getNames())
      order.push_back(found.find(axis.getValue()));
    for (int64_t d = order.size(); d < type.getRank(); ++d)
      order.push_back(d);
    SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, loc, final), sizes;
    for (int64_t d : order)
      sizes.push_back(from[d]);
    Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
    results.back() = linalg::TransposeOp::create(b, loc, final, empty, order)
                         ->getResult(0);
  }
  for (auto [old, value] : llvm::zip(op.getResults(), results)) {
    if (value.getType() != old.getType())
      value = tensor::CastOp::create(b, loc, old.getType(), value);
    old.replaceAllUsesWith(value);
  }
  op.erase();
}
