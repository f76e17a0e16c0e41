//===- TileSchedule.cpp - The order of a lane's instructions --------------===//
//
// A fragment is computed as a whole, and so is the next one from it.  In the order of
// the operations all of a lane's elements would be alive at once; here each is
// computed where it is first used.  The assembler's own scheduling starts from this
// order.
//
//===----------------------------------------------------------------------===//

#include "TileLanes.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace seqc::tile;

/// Reads shared memory and does nothing else.
static bool isSharedLoad(Operation *op) {
  if (isa<NVVM::LdMatrixOp>(op))
    return true;
  auto load = dyn_cast<LLVM::LoadOp>(op);
  return load &&
         cast<LLVM::LLVMPointerType>(load.getAddr().getType()).getAddressSpace() == 3;
}

/// Computes registers from registers.
static bool isArithmetic(Operation *op) {
  return (isPure(op) && op->getNumRegions() == 0) ||
         isa<NVVM::MmaOp, LLVM::CallIntrinsicOp>(op);
}

void seqc::tile::sinkToUses(Block &block) {
  // Loads stay between the operations with effects that they are between.
  llvm::DenseMap<Operation *, unsigned> epochs;
  SmallVector<Operation *> ops;
  unsigned epoch = 0;
  for (Operation &op : block) {
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        sinkToUses(inner);
    ops.push_back(&op);
    epochs[&op] = epoch;
    if (!isArithmetic(&op) && !isSharedLoad(&op))
      ++epoch;
  }
  for (Operation *op : llvm::reverse(ops)) {
    bool load = isSharedLoad(op);
    // Products keep their order, which is that of their loads.
    if ((!load && !isArithmetic(op)) || isa<NVVM::MmaOp>(op) || op->use_empty() ||
        op->hasAttr(staysAttr))
      continue;
    Operation *first = nullptr;
    for (Operation *user : op->getUsers()) {
      Operation *at = block.findAncestorOpInBlock(*user);
      if (at && (!first || at->isBeforeInBlock(first)))
        first = at;
    }
    if (!first || first == op->getNextNode() || (load && epochs[first] != epochs[op]))
      continue;
    op->moveBefore(first);
    epochs[op] = epochs[first];
  }
}
