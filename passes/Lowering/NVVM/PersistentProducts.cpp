//===- PersistentProducts.cpp - Resident matrices times vectors -----------===//
//
// A product is mma.m16n8k16: rows of a matrix, 8 sequences, 16 summed indices.  A lane
// has the sums of rows `group` and `group + 8` of a piece for sequences 2 quad and 2
// quad + 1; either half of a piece's rows is 8 rows of any sum, so that all sums of a
// row are in one lane.  Where a lane has one sequence only, it stands for both.
//
//===----------------------------------------------------------------------===//

#include "PersistentKernel.h"

#include "../Steps/StepEmitter.h"

#include "seqc/passes/Lowering/NVVM/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::kernels;

Value PersistentKernel::assembly(StringRef text, StringRef constraints,
                                 ValueRange operands, Type result) {
  SmallVector<Type> types;
  if (result)
    types.push_back(result);
  auto op = LLVM::InlineAsmOp::create(
      b, loc, types, operands, text, constraints, /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::TailCallKind::None, LLVM::AsmDialectAttr(),
      ArrayAttr());
  return result ? op->getResult(0) : Value();
}

//===----------------------------------------------------------------------===//
// 16-bit parts
//===----------------------------------------------------------------------===//

/// Two f32 as words of two 16-bit floats: each element is the sum of its parts, of
/// which all but the last are its leading bits.
PersistentKernel::Values PersistentKernel::split(Value low, Value high, int64_t terms,
                                                 Type narrow) {
  Type i32 = b.getI32Type();
  Values result, rest{low, high};
  auto bits = [&](int64_t v) -> Value {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(v)));
  };
  for (int64_t t = 0; t + 1 < terms; ++t) {
    Values leading;
    for (Value &x : rest) {
      Value all = arith::BitcastOp::create(b, loc, i32, x);
      Value top = arith::AndIOp::create(b, loc, all, bits(0xffff0000));
      Value part = arith::BitcastOp::create(b, loc, x.getType(), top);
      Value left = arith::SubFOp::create(b, loc, x, part);
      // Of an infinity nothing is left.
      Value exponent = arith::AndIOp::create(b, loc, all, bits(0x7f800000));
      Value finite = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, exponent,
                                           bits(0x7f800000));
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(x.getType()));
      x = select(finite, left, zero);
      leading.push_back(top);
    }
    Value down = arith::ShRUIOp::create(b, loc, leading[0], bits(16));
    result.push_back(arith::OrIOp::create(b, loc, down, leading[1]));
  }
  Value pair = vector::FromElementsOp::create(
      b, loc, VectorType::get({2}, rest[0].getType()), rest);
  Value rounded =
      arith::TruncFOp::create(b, loc, VectorType::get({2}, narrow), pair);
  result.push_back(LLVM::BitcastOp::create(b, loc, i32, rounded));
  return result;
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

/// Two neighbouring elements of a row: those of half `half` of piece `k` of columns.
/// `part` is the piece's: 8 rows of one sum.  In words of their parts.
PersistentKernel::Values PersistentKernel::matrixPair(const Factor &factor,
                                                      int64_t part, int64_t k,
                                                      int64_t half) {
  int64_t count = factor.sums.size(), g = part / count;
  Value zero = word(0);
  if (g >= p.groups)
    return Values(p.terms, zero);
  const Factor::Sum &sum = factor.sums[part % count];
  EinsumOp einsum = sum.einsum;
  const Memory &memory =
      weightMemory.find(widened(einsum->getOperand(sum.matrix)))->second;
  // Where the row starts, and how far its elements are apart.
  Value start = memory.start[0][g];
  int64_t fixed = 0, stride = 1;
  std::string term = einsum.getTerms()[sum.matrix];
  for (auto [letter, step] : llvm::zip(term, memory.strides)) {
    if (letter == sum.row)
      start = add(start, mul(rowRead[g], step));
    else if (letter == sum.summed)
      stride = step;
    else
      fixed += sum.letters.lookup(letter) * step;
  }
  start = add(start, fixed);
  Value first = add(mul(quad, 2), k * 16 + half * 8);
  Type element = p.element;
  bool masked = (k + 1) * 16 > p.rows;
  Values elements;
  if (stride == 1 && p.rows % 2 == 0) {
    Value at = first;
    if (masked)
      at = arith::MinUIOp::create(b, loc, first, constant(p.rows - 2));
    Value pair = vector::LoadOp::create(
        b, loc, VectorType::get({2}, element), memory.flat, ValueRange{add(start, at)},
        /*nontemporal=*/false,
        llvm::MaybeAlign(element.getIntOrFloatBitWidth() / 4));
    for (int64_t e : {0, 1})
      elements.push_back(vector::ExtractOp::create(b, loc, pair, e));
  } else {
    for (int64_t e : {0, 1}) {
      Value at = add(first, e);
      if (masked)
        at = arith::MinUIOp::create(b, loc, at, constant(p.rows - 1));
      elements.push_back(memref::LoadOp::create(b, loc, memory.flat,
                                                add(start, mul(at, stride))));
    }
  }
  for (int64_t e : {0, 1}) {
    Value inside = rowExists[g];
    if (masked)
      inside = both(inside, less(add(first, e), constant(p.rows)));
    if (inside)
      elements[e] = select(inside, elements[e],
                           arith::ConstantOp::create(b, loc, b.getZeroAttr(element)));
  }
  if (p.terms > 1)
    return split(elements[0], elements[1], p.terms, p.narrow);
  Value pair = vector::FromElementsOp::create(b, loc, VectorType::get({2}, element),
                                              elements);
  return {LLVM::BitcastOp::create(b, loc, b.getI32Type(), pair)};
}

/// Puts this thread's words of all matrices in registers or shared memory.
void PersistentKernel::loadMatrices() {
  shared = gpu::DynamicSharedMemoryOp::create(
      b, loc,
      MemRefType::get(
          {ShapedType::kDynamic}, b.getI8Type(), MemRefLayoutAttrInterface(),
          gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup)));
  if (p.cluster > 1)
    shared.getDefiningOp()->setAttr(clusterBlocksAttr,
                                    b.getI32IntegerAttr(p.cluster));
  shared = memref::ViewOp::create(
      b, loc,
      MemRefType::get({p.sharedBytes() / 4}, b.getI32Type(), MemRefLayoutAttrInterface(),
                      cast<MemRefType>(shared.getType()).getMemorySpace()),
      shared, constant(0), ValueRange());
  int64_t offset = llvm::alignTo(p.cluster > 1 ? 16 * p.factors.size() : 0, 16);
  for (const Factor &factor : p.factors) {
    vectorOffset.push_back(offset / 4);
    offset += 2 * p.vectorBytes(factor);
  }
  heldOffset = offset / 4;
  heldPlace = mul(thread, 4);
  int64_t next = 0;
  // Those for shared memory first: they leave no registers.
  for (bool held : {false, true})
    for (auto [f, factor] : llvm::enumerate(p.factors))
      for (int64_t k = 0; k < p.depth(); ++k)
        for (int64_t tile = 0; p.isHeld(k) == held && tile < p.tiles(factor); ++tile) {
          SmallVector<Values> parts; // a0 to a3, each in its terms
          for (int64_t half : {0, 1})
            for (int64_t side : {0, 1})
              parts.push_back(matrixPair(factor, 2 * tile + side, k, half));
          for (int64_t t = 0; t < p.terms; ++t) {
            Values four;
            for (const Values &part : parts)
              four.push_back(part[t]);
            std::array<int64_t, 4> name{int64_t(f), tile, k, t};
            if (held) {
              resident[name] = four;
              continue;
            }
            int64_t place = heldOffset + next++ * p.threads() * 4;
            Value all = vector::FromElementsOp::create(
                b, loc, VectorType::get({4}, b.getI32Type()), four);
            vector::StoreOp::create(b, loc, all, shared,
                                    ValueRange{add(heldPlace, place)},
                                    /*nontemporal=*/false, llvm::MaybeAlign(16));
            inShared[name] = place;
          }
        }
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// Where this thread's words of vectors are, and the barriers of a cluster.
void PersistentKernel::bindShared() {
  // Words of neighbouring groups of a warp lie together, then those of its lanes.
  Value block = mul(add(mul(rank, p.warps), warp), p.groups * 32);
  vectorStore = add(block, mul(lane, p.groups));
  vectorLoad = mul(lane, p.groups);
  if (p.cluster == 1)
    return;
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, shared);
  sharedAddress = arith::IndexCastOp::create(b, loc, b.getI32Type(), base);
  for (int64_t i = 0; i < p.cluster; ++i)
    remote.push_back(assembly("mapa.shared::cluster.u32 $0, $1, $2;", "=r,r,r",
                              {sharedAddress, word(i)}, b.getI32Type()));
  Value leads = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, thread,
                                      constant(0));
  when(leads, [&] {
    for (auto [f, factor] : llvm::enumerate(p.factors))
      for (int64_t parity : {0, 1}) {
        std::string at = "[$0 + " + std::to_string(16 * f + 8 * parity) + "]";
        assembly("mbarrier.init.shared::cta.b64 " + at + ", 1;", "r,~{memory}",
                 sharedAddress);
        assembly("mbarrier.arrive.expect_tx.shared::cta.b64 _, " + at + ", " +
                     std::to_string(p.vectorBytes(factor)) + ";",
                 "r,~{memory}", sharedAddress);
      }
    assembly("fence.mbarrier_init.release.cluster;", "~{memory}", {});
  });
  NVVM::ClusterArriveOp::create(b, loc, /*aligned=*/b.getUnitAttr());
  NVVM::ClusterWaitOp::create(b, loc, b.getUnitAttr());
}

/// Writes this thread's words of a vector to where all that need it have it, and waits
/// for the others'.
void PersistentKernel::send(unsigned f, ArrayRef<Values> words) {
  const Factor &factor = p.factors[f];
  int64_t size = p.vectorBytes(factor) / 4, term = size / factor.terms;
  Value shift = arith::MulIOp::create(b, loc, turn, word(size));
  Value place = add(vectorStore, arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                                            shift));
  if (p.cluster == 1) {
    for (auto [t, own] : llvm::enumerate(words)) {
      Value all = vector::FromElementsOp::create(
          b, loc, VectorType::get({p.groups}, b.getI32Type()), own);
      vector::StoreOp::create(b, loc, all, shared,
                              ValueRange{add(place, vectorOffset[f] + t * term)},
                              /*nontemporal=*/false, llvm::MaybeAlign(4 * p.groups));
    }
    gpu::BarrierOp::create(b, loc);
    return;
  }
  Value bytes = arith::MulIOp::create(
      b, loc, arith::IndexCastOp::create(b, loc, b.getI32Type(), place).getResult(),
      word(4));
  Value barrier = arith::MulIOp::create(b, loc, turn, word(8));
  auto sum = [&](Value x, Value y) -> Value {
    return arith::AddIOp::create(b, loc, x, y);
  };
  std::string vector, values = "$1", constraints = "r,r";
  if (p.groups > 1) {
    vector = ".v" + std::to_string(p.groups);
    values = "{";
    constraints = "r";
    for (int64_t g = 0; g < p.groups; ++g) {
      values += (g ? ", $" : "$") + std::to_string(g + 1);
      constraints += ",r";
    }
    values += "}";
  }
  for (int64_t i = 0; i < p.cluster; ++i)
    for (auto [t, own] : llvm::enumerate(words)) {
      Values arguments{sum(remote[i], bytes)};
      llvm::append_range(arguments, own);
      arguments.push_back(sum(remote[i], barrier));
      assembly("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes" + vector +
                   ".b32 [$0 + " + std::to_string(4 * (vectorOffset[f] + t * term)) +
                   "], " + values + ", [$" + std::to_string(p.groups + 1) + " + " +
                   std::to_string(16 * f) + "];",
               constraints + ",r,~{memory}", arguments);
    }
  Value own = sum(sharedAddress, barrier);
  std::string at = "[$0 + " + std::to_string(16 * f) + "]";
  assembly("{\n.reg .pred done;\nwaiting:\n"
           "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, " +
               at + ", $1;\n@!done bra.uni waiting;\n}",
           "r,r,~{memory}", {own, phase});
  // For the token after the next.
  Value leads = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, thread,
                                      constant(0));
  when(leads, [&] {
    assembly("mbarrier.arrive.expect_tx.shared::cta.b64 _, " + at + ", " +
                 std::to_string(p.vectorBytes(factor)) + ";",
             "r,~{memory}", own);
  });
}

/// All sums of one vector.
void PersistentKernel::multiply(unsigned f) {
  if (!multiplied.insert(f).second)
    return;
  const Factor &factor = p.factors[f];
  int64_t asked = column;
  SmallVector<Values> words(factor.terms);
  Value zero;
  for (int64_t g = 0; g < p.groups; ++g) {
    Values two;
    for (column = 0; column < columns; ++column) {
      Value v = convert(at(factor.vector, {g}), b.getF32Type());
      if (rowExists[g]) {
        zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(v.getType()));
        v = select(rowExists[g], v, zero);
      }
      two.push_back(v);
    }
    for (auto [t, pair] : llvm::enumerate(split(two.front(), two.back(), factor.terms, p.narrow)))
      words[t].push_back(
          assembly("movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;", "=r,r", pair,
                   b.getI32Type()));
  }
  column = asked;
  send(f, words);

  int64_t size = p.vectorBytes(factor) / 4, term = size / factor.terms;
  Value shift = arith::MulIOp::create(b, loc, turn, word(size));
  Value place =
      add(vectorLoad, arith::IndexCastOp::create(b, loc, b.getIndexType(), shift));
  std::vector<Values> loaded(factor.terms);
  auto vectorWord = [&](int64_t t, int64_t index) -> Value {
    if (index >= p.allGroups())
      return word(0);
    while (int64_t(loaded[t].size()) <= index) {
      int64_t at = vectorOffset[f] + t * term + int64_t(loaded[t].size()) * 32;
      Value all = vector::LoadOp::create(
          b, loc, VectorType::get({p.groups}, b.getI32Type()), shared,
          ValueRange{add(place, at)}, /*nontemporal=*/false,
          llvm::MaybeAlign(4 * p.groups));
      for (int64_t g = 0; g < p.groups; ++g)
        loaded[t].push_back(vector::ExtractOp::create(b, loc, all, g));
    }
    return loaded[t][index];
  };
  Type f32 = b.getF32Type();
  auto four = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
  auto kind = p.narrow.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  auto registers = [&](Values values) {
    // PTX has a register type for pairs of f16, and none for pairs of bf16.
    if (p.narrow.isF16())
      for (Value &v : values)
        v = LLVM::BitcastOp::create(b, loc, VectorType::get({2}, p.narrow), v);
    return values;
  };
  int64_t tiles = p.tiles(factor);
  SmallVector<SmallVector<Values>> chains(tiles, SmallVector<Values>(p.chains));
  zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(f32));
  int64_t turnOf = 0;
  for (int64_t k = 0; k < p.depth(); ++k)
    for (int64_t i = 0; i < p.terms; ++i)
      for (int64_t j = 0; j < factor.terms; ++j) {
        if (!p.multiplies(factor, i, j))
          continue;
        Values right = registers({vectorWord(j, 2 * k), vectorWord(j, 2 * k + 1)});
        for (int64_t tile = 0; tile < tiles; ++tile) {
          std::array<int64_t, 4> name{int64_t(f), tile, k, i};
          Values left;
          if (auto it = resident.find(name); it != resident.end()) {
            left = it->second;
          } else {
            Value all = vector::LoadOp::create(
                b, loc, VectorType::get({4}, b.getI32Type()), shared,
                ValueRange{add(heldPlace, inShared.at(name))}, /*nontemporal=*/false,
                llvm::MaybeAlign(16));
            for (int64_t r = 0; r < 4; ++r)
              left.push_back(vector::ExtractOp::create(b, loc, all, r));
          }
          Values &sum = chains[tile][turnOf % p.chains];
          if (sum.empty())
            sum.assign(4, zero);
          Value made = NVVM::MmaOp::create(
              b, loc, four, registers(left), right, sum, ArrayRef<int64_t>{16, 8, 16},
              std::nullopt, std::nullopt, std::array<NVVM::MMATypes, 2>{kind, kind},
              std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                             NVVM::MMALayout::col});
          for (int64_t r = 0; r < 4; ++r)
            sum[r] = LLVM::ExtractValueOp::create(b, loc, made, r);
        }
        ++turnOf;
      }
  int64_t count = factor.sums.size();
  for (int64_t part = 0; part < p.groups * count; ++part)
    for (int64_t c = 0; c < columns; ++c) {
      Value total;
      for (const Values &sum : chains[part / 2]) {
        if (sum.empty())
          continue;
        Value one = sum[part % 2 * 2 + c];
        total = total ? arith::AddFOp::create(b, loc, total, one).getResult() : one;
      }
      sums[{int64_t(f), part % count, part / count, c}] = total;
    }
}
