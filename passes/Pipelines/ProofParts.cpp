//===- ProofParts.cpp - Programs whose routes are data, part by part ------===//
//
// Which expert a token goes to is decided by values, which terms do not have.  What
// forms rewrite are recurrences and scans: each is proved alone, for whatever its
// operands are, and everything around them has to stay as it is.
//
//===----------------------------------------------------------------------===//

#include "ProofsImpl.h"

#include "seqc/lib/Structure/Ranges.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace seqc;
using namespace seqc::proofs;

bool seqc::proofs::isProvedInParts(func::FuncOp func) {
  bool steps = false;
  func.walk([&](Operation *op) { steps |= isa<RecurrenceOp, ScanOp>(op); });
  if (!steps)
    return true;
  return func
      .walk<WalkOrder::PreOrder>([](Operation *op) {
        // A step's own comparisons select among values; they pick no elements.
        if (isa<RecurrenceOp, ScanOp>(op))
          return WalkResult::skip();
        bool indices = llvm::any_of(op->getResultTypes(), [](Type type) {
          auto tensor = dyn_cast<RankedTensorType>(type);
          return tensor && tensor.getElementType().isInteger();
        });
        return indices && !op->hasTrait<OpTrait::ConstantLike>()
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// `range` as `seqc.range` says it; nothing if it has no bound.
static std::string rangeText(Interval range) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (std::isfinite(range.low) && std::isfinite(range.high))
    os << llvm::format("%.17g .. %.17g", range.low, range.high);
  else if (std::isfinite(range.high))
    os << llvm::format("<= %.17g", range.high);
  else if (std::isfinite(range.low))
    os << llvm::format(">= %.17g", range.low);
  return text;
}

OwningOpRef<ModuleOp> seqc::outlined(Operation *op, StringRef name) {
  OpBuilder b(op->getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(op->getLoc());
  SmallVector<Value> inputs;
  SetVector<Operation *> constants;
  auto reach = [&](Value value) {
    Operation *def = value.getDefiningOp();
    if (def && def->hasTrait<OpTrait::ConstantLike>())
      constants.insert(def);
    else if (!llvm::is_contained(inputs, value))
      inputs.push_back(value);
  };
  for (Value operand : op->getOperands())
    reach(operand);
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        reach(operand);
  });
  SmallVector<Type> types;
  for (Value input : inputs)
    types.push_back(input.getType());
  b.setInsertionPointToEnd(module->getBody());
  auto func = func::FuncOp::create(b, op->getLoc(), name,
                                   b.getFunctionType(types, op->getResultTypes()));
  Block *body = func.addEntryBlock();
  IRMapping map;
  auto from = op->getParentOfType<func::FuncOp>();
  for (auto [i, input] : llvm::enumerate(inputs)) {
    map.map(input, body->getArgument(i));
    auto outer = dyn_cast<BlockArgument>(input);
    if (outer && outer.getOwner()->getParentOp() == from)
      if (auto known = from.getArgAttr(outer.getArgNumber(), "seqc.name"))
        func.setArgAttr(i, "seqc.name", known);
    if (!isa<RankedTensorType>(input.getType()) ||
        !isa<FloatType>(getElementTypeOrSelf(input)))
      continue;
    if (std::string range = rangeText(structure::rangeOf(input)); !range.empty())
      func.setArgAttr(i, kRangeAttr, b.getStringAttr(range));
  }
  b.setInsertionPointToEnd(body);
  for (Operation *constant : constants)
    b.clone(*constant, map);
  Operation *copy = b.clone(*op, map);
  func::ReturnOp::create(b, op->getLoc(), copy->getResults());
  return module;
}

void Prover::parts() {
  monoids();
  unsigned count = 0;
  find(*whole, name).walk([&](Operation *op) {
    if (!isa<RecurrenceOp, ScanOp>(op))
      return;
    std::string part = (isa<ScanOp>(op) ? "scan " : "recurrence ") +
                       std::to_string(++count);
    OwningOpRef<ModuleOp> module = outlined(op, "part");
    for (Obligation &o :
         proveEntry(*module->getOps<func::FuncOp>().begin(), options)) {
      o.claim = part + " alone: " + o.claim;
      obligations.push_back(std::move(o));
    }
  });
  // Forms replace recurrences and scans; the sequential form has them as they are.
  CompileOptions sequential = options;
  sequential.form = Form::Sequential;
  sequential.split = 1;
  auto before = formed(*whole, sequential, Stage::Input),
       after = formed(*whole, sequential);
  Obligation o;
  o.claim = "everything else stays as it is written";
  if (before && after && isSame(find(*before, name), find(*after, name)))
    o.verdict = Verdict::Proved;
  else
    o.detail = "the sequential form differs from the program in more than that";
  obligations.push_back(o);
}
