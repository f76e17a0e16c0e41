//===- TilesToNVVM.cpp - Tile operations over the lanes of a block --------===//

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "TileLanes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace seqc {
#define GEN_PASS_DEF_TILESTONVVM
#include "seqc/passes/Lowering/NVVM/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc::tile;

Value Lanes::wide(Value index) {
  if (index.getType().isIndex())
    return arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
  return arith::ExtSIOp::create(b, loc, b.getI64Type(), index);
}

Value Lanes::narrow(Value index) {
  return arith::IndexCastOp::create(b, loc, b.getI32Type(), index);
}

void Lanes::when(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

Value Lanes::accRow(FragmentType type, int64_t piece, int64_t r) {
  Value first = mul(warp, type.rowPieces() * 16);
  return add(add(first, group), piece * 16 + r / 2 * 8);
}

Value Lanes::accCol(int64_t piece, int64_t r) {
  return add(mul(quad, 2), piece * 8 + r % 2);
}

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

Scalars Lanes::roundPairs(ArrayRef<Value> from, Type to, bool stays) {
  Scalars result;
  auto wide = VectorType::get({2}, from[0].getType());
  auto narrow = VectorType::get({2}, to);
  for (size_t i = 0; i + 1 < from.size(); i += 2) {
    Value pair = vector::FromElementsOp::create(b, loc, wide,
                                                ValueRange{from[i], from[i + 1]});
    Value rounded = arith::TruncFOp::create(b, loc, narrow, pair);
    if (stays)
      rounded.getDefiningOp()->setAttr(staysAttr, b.getUnitAttr());
    for (int64_t k : {0, 1})
      result.push_back(vector::ExtractOp::create(b, loc, rounded, k));
  }
  return result;
}

/// 2^x, by the special function unit.
Value Lanes::fastPower(Value x) {
  return LLVM::CallIntrinsicOp::create(b, loc, b.getF32Type(),
                                       b.getStringAttr("llvm.nvvm.ex2.approx.ftz.f"),
                                       ValueRange{x})
      .getResult(0);
}

/// e^x = 2^(x log2 e).
Value Lanes::fastExp(Value x) {
  return fastPower(arith::MulFOp::create(
      b, loc, x,
      arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1.44269504f)).getResult()));
}

LogicalResult Lanes::elementwise(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 ||
      !isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return op->emitOpError("works on fragments, expected arithmetic element by "
                           "element or an operation of seqc_tile");
  auto type = dyn_cast<FragmentType>(op->getResult(0).getType());
  if (!type)
    return op->emitOpError() << "makes " << op->getResult(0).getType()
                             << " of fragments, expected a fragment";
  Scalars &result = fragments[op->getResult(0)];
  for (int64_t i = 0; i < type.laneElements(); ++i) {
    Scalars operands;
    for (Value operand : op->getOperands()) {
      auto it = fragments.find(operand);
      operands.push_back(it == fragments.end() ? operand : it->second[i]);
    }
    if (isa<math::ExpOp, math::Exp2Op>(op) && type.getElementType().isF32()) {
      result.push_back(isa<math::ExpOp>(op) ? fastExp(operands[0])
                                            : fastPower(operands[0]));
      continue;
    }
    OperationState state(loc, op->getName(), operands, type.getElementType(),
                         op->getAttrs());
    result.push_back(b.create(state)->getResult(0));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void Lanes::flatten(ValueRange values, Scalars &into) {
  for (Value v : values) {
    auto it = fragments.find(v);
    if (it == fragments.end())
      into.push_back(v);
    else
      llvm::append_range(into, it->second);
  }
}

void Lanes::unflatten(ValueRange old, ValueRange now) {
  unsigned next = 0;
  for (Value v : old) {
    if (auto type = dyn_cast<FragmentType>(v.getType())) {
      auto run = now.slice(next, type.laneElements());
      fragments[v] = Scalars(run.begin(), run.end());
      next += type.laneElements();
    } else {
      stands(v, now[next++]);
    }
  }
}

LogicalResult Lanes::moveBody(Block &from, Block &to) {
  auto yield = cast<scf::YieldOp>(from.getTerminator());
  SmallVector<Value> yielded(yield.getOperands());
  yield.erase();
  if (!to.empty())
    to.getTerminator()->erase();
  to.getOperations().splice(to.end(), from.getOperations());
  OpBuilder::InsertionGuard guard(b);
  if (failed(block(to)))
    return failure();
  b.setInsertionPointToEnd(&to);
  Scalars results;
  flatten(yielded, results);
  scf::YieldOp::create(b, loc, results);
  return success();
}

LogicalResult Lanes::choose(scf::IfOp op) {
  auto eachBlock = [&](llvm::function_ref<LogicalResult(Block &)> visit) {
    for (Region *region : {&op.getThenRegion(), &op.getElseRegion()})
      for (Block &body : *region)
        if (failed(visit(body)))
          return failure();
    return success();
  };
  if (llvm::none_of(op.getResultTypes(), llvm::IsaPred<FragmentType>))
    return eachBlock([&](Block &body) { return block(body); });
  SmallVector<Type> types;
  for (Type type : op.getResultTypes()) {
    auto fragment = dyn_cast<FragmentType>(type);
    types.append(fragment ? fragment.laneElements() : 1,
                 fragment ? fragment.getElementType() : type);
  }
  auto made = scf::IfOp::create(b, loc, types, op.getCondition(),
                                /*addThenBlock=*/true, /*addElseBlock=*/true);
  done.push_back(op);
  unsigned branch = 0;
  LogicalResult result = eachBlock([&](Block &from) {
    return moveBody(from, branch++ ? *made.elseBlock() : *made.thenBlock());
  });
  unflatten(op.getResults(), made.getResults());
  return result;
}

LogicalResult Lanes::team(TeamOp op) {
  int64_t first = op.getFirst(), warps = op.getWarps();
  Value begun = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, warp, i32(first));
  Value mine = both(begun, less(warp, i32(first + warps)));
  // Threads and barriers are the team's.
  auto was = std::tuple(thread, warp, threads, teamBarrier);
  thread = add(thread, -32 * first);
  warp = add(warp, -first);
  threads = 32 * warps;
  teamBarrier = 1 + first / 4;
  auto made = scf::IfOp::create(b, loc, mine, /*withElse=*/false);
  done.push_back(op);
  auto &to = made.thenBlock()->getOperations();
  if (auto registers = op.getRegisters(); registers && groups) {
    int64_t each = kRegisters / std::get<2>(was) / 8 * 8;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(made.thenBlock());
    NVVM::SetMaxRegisterOp::create(b, loc, *registers,
                                   int64_t(*registers) > each
                                       ? NVVM::SetMaxRegisterAction::increase
                                       : NVVM::SetMaxRegisterAction::decrease);
  }
  to.splice(std::prev(to.end()), op.getBody().front().getOperations());
  LogicalResult result = block(*made.thenBlock());
  std::tie(thread, warp, threads, teamBarrier) = was;
  return result;
}

LogicalResult Lanes::loop(scf::ForOp op) {
  if (llvm::none_of(op.getResultTypes(), llvm::IsaPred<FragmentType>))
    return block(*op.getBody());
  Scalars inits;
  flatten(op.getInitArgs(), inits);
  auto made = scf::ForOp::create(b, loc, op.getLowerBound(), op.getUpperBound(),
                                 op.getStep(), inits);
  // Erased after what uses its arguments and results.
  done.push_back(op);
  op.getInductionVar().replaceAllUsesWith(made.getInductionVar());
  unflatten(op.getRegionIterArgs(), made.getRegionIterArgs());
  if (failed(moveBody(*op.getBody(), *made.getBody())))
    return failure();
  unflatten(op.getResults(), made.getResults());
  return success();
}

static bool touchesTiles(Operation *op) {
  auto isTile = [](Type type) { return isa<FragmentType, SharedType>(type); };
  return llvm::any_of(op->getOperandTypes(), isTile) ||
         llvm::any_of(op->getResultTypes(), isTile) ||
         isa<TileDialect>(op->getDialect());
}

LogicalResult Lanes::operation(Operation *op) {
  b.setInsertionPoint(op);
  loc = op->getLoc();
  if (auto nest = dyn_cast<scf::ForOp>(op))
    return loop(nest);
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return choose(choice);
  if (auto some = dyn_cast<TeamOp>(op))
    return team(some);
  if (isa<gpu::BarrierOp>(op) && teamBarrier) {
    NVVM::BarrierOp::create(b, loc, TypeRange(), i32(teamBarrier), i32(threads),
                            NVVM::BarrierReductionAttr(), Value());
    done.push_back(op);
    return success();
  }
  if (isa<MeetOp>(op)) {
    NVVM::BarrierOp::create(b, loc);
    done.push_back(op);
    return success();
  }
  if (!touchesTiles(op)) {
    for (Region &region : op->getRegions())
      for (Block &body : region)
        if (failed(block(body)))
          return failure();
    return success();
  }
  done.push_back(op);
  if (auto alloc = dyn_cast<AllocOp>(op)) {
    this->alloc(alloc);
  } else if (auto stage = dyn_cast<StageOp>(op)) {
    SharedType ring = stage.getRing().getType();
    tiles[stage.getResult()] = at(tiles.lookup(stage.getRing()),
                                  mul(narrow(stage.getNumber()), ring.stageBytes()));
  } else if (auto part = dyn_cast<RowsOp>(op)) {
    SharedType type = part.getTile().getType();
    tiles[part.getResult()] =
        at(tiles.lookup(part.getTile()), int64_t(part.getFirst()) * type.rowBytes());
  } else if (auto copy = dyn_cast<CopyInOp>(op)) {
    copyIn(copy);
  } else if (auto copy = dyn_cast<CopyOutOp>(op)) {
    copyOut(copy);
  } else if (isa<CommitOp>(op)) {
    NVVM::CpAsyncCommitGroupOp::create(b, loc);
  } else if (auto wait = dyn_cast<WaitOp>(op)) {
    NVVM::CpAsyncWaitGroupOp::create(b, loc, wait.getPending());
  } else if (auto sum = dyn_cast<CumsumOp>(op)) {
    cumsum(sum);
  } else if (auto element = dyn_cast<ElementOp>(op)) {
    SharedType type = element.getSource().getType();
    Value from = place(type, tiles.lookup(element.getSource()),
                       narrow(element.getRow()), narrow(element.getCol()));
    stands(element.getResult(), load(type.getElementType(), from, type.elementBytes()));
  } else if (auto splat = dyn_cast<SplatOp>(op)) {
    fragments[splat.getResult()] =
        Scalars(splat.getResult().getType().laneElements(), splat.getValue());
  } else if (auto iota = dyn_cast<IotaOp>(op)) {
    FragmentType type = iota.getResult().getType();
    Scalars &result = fragments[iota.getResult()];
    for (int64_t i = 0; i < type.laneElements(); ++i) {
      Value n = type.getPlace() == Place::row ? accCol(i / 2, i % 2)
                                              : accRow(type, i / 2, i % 2 * 2);
      result.push_back(arith::SIToFPOp::create(b, loc, b.getF32Type(), n));
    }
  } else if (auto load = dyn_cast<LoadOp>(op)) {
    loadFragment(load);
  } else if (auto store = dyn_cast<StoreOp>(op)) {
    storeFragment(store);
  } else if (auto read = dyn_cast<ReadOp>(op)) {
    readFragment(read);
  } else if (auto write = dyn_cast<WriteOp>(op)) {
    writeFragment(write);
  } else if (auto product = dyn_cast<MmaOp>(op)) {
    mma(product);
  } else if (auto test = dyn_cast<FiniteOp>(op)) {
    finite(test);
  } else if (auto seen = dyn_cast<AddSeenOp>(op)) {
    addSeen(seen);
  } else if (auto spread = dyn_cast<BroadcastOp>(op)) {
    FragmentType from = spread.getValue().getType(), to = spread.getResult().getType();
    const Scalars values = fragments.lookup(spread.getValue());
    Scalars &result = fragments[spread.getResult()];
    bool acc = to.getPlace() == Place::acc;
    int64_t across = to.cols() / (acc ? 8 : 16);
    for (int64_t m = 0; m < to.rowPieces(); ++m)
      for (int64_t n = 0; n < across; ++n)
        for (int64_t r = 0; r < (acc ? 4 : 8); ++r)
          result.push_back(from.getPlace() == Place::col ? values[m * 2 + r / 2]
                           : acc ? values[n * 2 + r % 2]
                                 : values[n * 4 + r / 4 * 2 + r % 2]);
  } else if (auto triangle = dyn_cast<TriangleOp>(op)) {
    FragmentType type = triangle.getValue().getType();
    const Scalars values = fragments.lookup(triangle.getValue());
    Scalars &result = fragments[triangle.getResult()];
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
    unsigned i = 0;
    Value firstRow = opaque(accRow(type, 0, 0)), firstCol = accCol(0, 0);
    for (int64_t m = 0; m < type.rowPieces(); ++m)
      for (int64_t n = 0; n < type.cols() / 8; ++n)
        for (int64_t r = 0; r < 4; ++r, ++i) {
          Value row = add(firstRow, m * 16 + r / 2 * 8);
          Value col = add(firstCol, n * 8 + r % 2);
          Value keep = arith::CmpIOp::create(b, loc,
                                             triangle.getStrict()
                                                 ? arith::CmpIPredicate::slt
                                                 : arith::CmpIPredicate::sle,
                                             col, row);
          result.push_back(select(keep, values[i], zero));
        }
  } else if (auto cross = dyn_cast<CrossOp>(op)) {
    FragmentType type = cross.getValue().getType();
    const Scalars values = fragments.lookup(cross.getValue());
    Scalars &result = fragments[cross.getResult()];
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
    int64_t half = cross.getHalf();
    unsigned i = 0;
    Value firstRow = opaque(accRow(type, 0, 0)), firstCol = opaque(accCol(0, 0));
    for (int64_t m = 0; m < type.rowPieces(); ++m)
      for (int64_t n = 0; n < type.cols() / 8; ++n)
        for (int64_t r = 0; r < 4; ++r, ++i) {
          // What is known of blocks that a piece of rows has to itself.
          bool outside = type.cols() == 16 &&
                         (half == 8 ? r / 2 != 1 || n != 0 : r / 2 != n);
          if (outside) {
            result.push_back(zero);
            continue;
          }
          Value row = rem(add(firstRow, m * 16 + r / 2 * 8), type.cols());
          Value col = add(firstCol, n * 8 + r % 2);
          auto equal = [&](Value x, Value y) -> Value {
            return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
          };
          Value keep = half == 0 ? equal(row, col)
                                 : both(equal(div(row, half), add(div(col, half), 1)),
                                        equal(rem(div(col, half), 2), i32(0)));
          result.push_back(select(keep, values[i], zero));
        }
  } else if (auto keep = dyn_cast<WithinOp>(op)) {
    within(keep);
  } else if (auto fold = dyn_cast<ReduceOp>(op)) {
    reduce(fold);
  } else if (auto map = dyn_cast<MapOp>(op)) {
    this->map(map);
  } else if (auto test = dyn_cast<BoundedOp>(op)) {
    bounded(test);
  } else if (isa<WarpBarrierOp>(op)) {
    NVVM::SyncWarpOp::create(b, loc, i32(-1));
  } else if (auto cast = dyn_cast<CastOp>(op)) {
    Type from = cast.getValue().getType().getElementType();
    Type to = cast.getResult().getType().getElementType();
    const Scalars values = fragments.lookup(cast.getValue());
    Scalars &result = fragments[cast.getResult()];
    if (from.getIntOrFloatBitWidth() > to.getIntOrFloatBitWidth())
      result = roundPairs(values, to, op->hasAttr(staysAttr));
    else
      for (Value v : values)
        result.push_back(arith::ExtFOp::create(b, loc, to, v));
  } else if (auto convert = dyn_cast<ConvertOp>(op)) {
    FragmentType to = convert.getResult().getType();
    const Scalars values = fragments.lookup(convert.getValue());
    Scalars result(values.size());
    bool back = to.getPlace() == Place::acc;
    unsigned i = 0;
    for (int64_t m = 0; m < to.rowPieces(); ++m)
      for (int64_t k = 0; k < to.cols() / 16; ++k)
        for (int64_t e = 0; e < 8; ++e, ++i) {
          int64_t place = accElement(to.cols() / 8, m, k, e);
          (back ? result[place] : result[i]) = back ? values[i] : values[place];
        }
    fragments[convert.getResult()] = result;
  } else if (auto solve = dyn_cast<SubstituteOp>(op)) {
    substitute(solve);
  } else if (auto inverse = dyn_cast<InvertOp>(op)) {
    invert(inverse);
  } else {
    return elementwise(op);
  }
  return success();
}

LogicalResult Lanes::block(Block &body) {
  SmallVector<Operation *> ops;
  for (Operation &op : body)
    ops.push_back(&op);
  for (Operation *op : ops)
    if (failed(operation(op)))
      return failure();
  return success();
}

LogicalResult Lanes::run() {
  b.setInsertionPointToStart(&kernel.getBody().front());
  thread = narrow(gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x));
  lane = rem(thread, 32);
  warp = div(thread, 32);
  group = div(lane, 4);
  quad = rem(lane, 4);
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto bytes = MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                               MemRefLayoutAttrInterface(), space);
  Value memory = gpu::DynamicSharedMemoryOp::create(b, loc, bytes);
  Value address = wide(memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memory));
  shared = LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), 3), address);
  if (failed(block(kernel.getBody().front())))
    return failure();
  for (Operation *op : llvm::reverse(done))
    op->erase();
  if (grouped)
    fenceBarriers();
  sinkToUses(kernel.getBody().front());
  // Registers before occupancy: the assembler is not to save them for more blocks.
  kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
  return success();
}

namespace {
struct TilesToNVVM : seqc::impl::TilesToNVVMBase<TilesToNVVM> {
  using TilesToNVVMBase::TilesToNVVMBase;
  void runOnOperation() override {
    WalkResult walk = getOperation()->walk([&](gpu::GPUFuncOp kernel) {
      bool any = kernel.walk([](Operation *op) {
                         return touchesTiles(op) ? WalkResult::interrupt()
                                                 : WalkResult::advance();
                       }).wasInterrupted();
      if (!any)
        return WalkResult::advance();
      auto sizes = kernel.getKnownBlockSize();
      if (!sizes || (*sizes)[0] % 32 || (*sizes)[1] != 1 || (*sizes)[2] != 1) {
        kernel.emitOpError("has tiles, expected a known block size of whole warps in "
                           "one dimension");
        return WalkResult::interrupt();
      }
      WalkResult agree = kernel.walk([&](Operation *op) {
        int64_t warps = (*sizes)[0] / 32;
        if (auto team = op->getParentOfType<TeamOp>())
          warps = team.getWarps();
        for (Type type : llvm::concat<const Type>(op->getOperandTypes(),
                                                  op->getResultTypes()))
          if (auto fragment = dyn_cast<FragmentType>(type);
              fragment && fragment.getWarps() != warps) {
            op->emitOpError() << "has " << fragment << " in a kernel of " << warps
                              << " warps, expected as many";
            return WalkResult::interrupt();
          }
        return WalkResult::advance();
      });
      WalkResult exist = kernel.walk([&](TeamOp team) {
        if (int64_t(team.getFirst() + team.getWarps()) * 32 <= (*sizes)[0])
          return WalkResult::advance();
        team.emitOpError() << "has warps up to " << team.getFirst() + team.getWarps()
                           << " in a kernel of " << (*sizes)[0] / 32
                           << ", expected some that there are";
        return WalkResult::interrupt();
      });
      if (agree.wasInterrupted() || exist.wasInterrupted() || failed(Lanes(kernel, (*sizes)[0], groups).run()))
        return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
