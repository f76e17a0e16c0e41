//===- SeqRouting.cpp - Types and verification of the routing operations --===//
//
// One function an operation checks its constraints and says its result types; the
// verifier compares those with what it finds.
//
//===----------------------------------------------------------------------===//

#include "seqc/dialects/Seq/Seq.h"

#include <cmath>

using namespace mlir;
using namespace seqc;

using Error = llvm::function_ref<InFlightDiagnostic()>;
using Types = SmallVector<Type>;

/// The rank of a tensor, or -1.
static int64_t rankOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && !tensor.getEncoding() ? tensor.getRank() : -1;
}

/// Of floats that are computed with: there are no conversions of narrower ones.
static bool isFloatTensor(Type type, int64_t rank) {
  return rankOf(type) >= rank && isa<BFloat16Type, Float16Type, Float32Type, Float64Type>(
                                     elementOf(type));
}

static bool isIndexTensor(Type type) {
  return rankOf(type) >= 0 && elementOf(type).isSignlessInteger(32);
}

static bool dynamic(int64_t size) { return ShapedType::isDynamic(size); }
static bool differ(int64_t a, int64_t b) {
  return !dynamic(a) && !dynamic(b) && a != b;
}

static bool disagree(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() != b.size())
    return true;
  for (auto [x, y] : llvm::zip(a, b))
    if (differ(x, y))
      return true;
  return false;
}

static bool allStatic(ArrayRef<int64_t> shape) {
  return llvm::none_of(shape, ShapedType::isDynamic);
}

/// f64 where an operand is f64, else f32.
static Type computed(MLIRContext *context, TypeRange types) {
  for (Type type : types)
    if (elementOf(type).isF64())
      return Float64Type::get(context);
  return Float32Type::get(context);
}

static Type i32(MLIRContext *context) { return IntegerType::get(context, 32); }

/// A product of static sizes, or a dynamic size.
static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    if (dynamic(size) || __builtin_mul_overflow(result, size, &result))
      return ShapedType::kDynamic;
  return result;
}

//===----------------------------------------------------------------------===//
// Each operation
//===----------------------------------------------------------------------===//

static FailureOr<Types> typesOf(TopkOp::Adaptor op, MLIRContext *context,
                                Error error) {
  Type scores = op.getScores().getType();
  if (!isFloatTensor(scores, 1))
    return error() << "scores are " << scores
                   << ", expected a tensor of bf16, f16, f32 or f64 "
                      "of rank 1 or more (T1)";
  int64_t k = op.getK(), row = shapeOf(scores).back();
  if (k < 1 || k > 64)
    return error() << "k is " << k << ", expected 1 to 64 (T2)";
  if (!dynamic(row) && k > row)
    return error() << "k is " << k << ", expected at most " << row
                   << ", the length of a row of scores (T2)";
  SmallVector<int64_t> shape(shapeOf(scores));
  shape.back() = k;
  return Types{RankedTensorType::get(shape, computed(context, scores)),
               RankedTensorType::get(shape, i32(context))};
}

static FailureOr<Types> typesOf(AssignOp::Adaptor op, MLIRContext *context,
                                Error error) {
  Type x = op.getVectors().getType(), mu = op.getCentroids().getType();
  int64_t rank = rankOf(mu);
  if (!isFloatTensor(mu, 2) || rank > 3 || !allStatic(shapeOf(mu)) ||
      product(shapeOf(mu)) == 0)
    return error() << "centroids are " << mu << ", expected a static tensor of bf16, "
                   << "f16, f32 or f64 "
                   << "[c, d] or [h, c, d] (N1)";
  ArrayRef<int64_t> centroids = shapeOf(mu);
  SmallVector<int64_t> ends(centroids.drop_back(2));
  ends.push_back(centroids.back());
  int64_t batched = rankOf(x) - rank;
  if (!isFloatTensor(x, rank) || batched > 1 ||
      shapeOf(x).take_back(ends.size()) != ArrayRef(ends))
    return error() << "x is " << x << ", expected a tensor of bf16, f16, "
                   << "f32 or f64 of rank " << rank
                   << " or " << rank + 1 << " that ends in the heads and features of "
                   << "the centroids, " << mu << " (N2)";
  if (centroids[rank - 2] > 4096)
    return error() << "has " << centroids[rank - 2]
                   << " centroids, expected at most 4096 (N3)";
  SmallVector<int64_t> shape(shapeOf(x).drop_back()), inverse(shape);
  auto members = op.getMembers();
  if (members) {
    if (int64_t(*members) < 1 || int64_t(*members) > 65536)
      return error() << "has " << int64_t(*members)
                     << " members, expected 1 to 65536 (N3)";
    shape.assign(shapeOf(x).take_front(batched).begin(),
                 shapeOf(x).take_front(batched).end());
    llvm::append_range(shape, centroids.drop_back());
    shape.push_back(*members);
    inverse.push_back(centroids[rank - 2]);
  }
  Types types{RankedTensorType::get(shape, computed(context, {x, mu})),
              RankedTensorType::get(shape, i32(context))};
  if (members)
    types.push_back(RankedTensorType::get(inverse, i32(context)));
  return types;
}

static FailureOr<Types> typesOf(DispatchOp::Adaptor op, MLIRContext *context,
                                Error error) {
  Type picks = op.getPicks().getType();
  int64_t rank = rankOf(picks);
  if (!isIndexTensor(picks) || rank < 2 || rank > 3)
    return error() << "picks are " << picks
                   << ", expected a tensor of i32 of rank 2 or 3 (P1)";
  ArrayRef<int64_t> shape = shapeOf(picks);
  if (dynamic(shape.back()))
    return error() << "picks are " << picks
                   << ", expected a static number of columns (P4)";
  if (op.getExperts() < 1 || op.getExperts() > 4096)
    return error() << "has " << int64_t(op.getExperts())
                   << " experts, expected 1 to 4096 (P3)";
  if (op.getCapacity() && int64_t(*op.getCapacity()) < 0)
    return error() << "the capacity is " << int64_t(*op.getCapacity())
                   << ", expected at least 0 (P3)";
  if (auto topk = op.getPicks().getDefiningOp<TopkOp>()) {
    int64_t scores = shapeOf(topk.getScores().getType()).back();
    if (!dynamic(scores) && scores > int64_t(op.getExperts()))
      return error() << "has " << int64_t(op.getExperts()) << " experts, expected "
                     << scores << ", the scores that the picks are among (P5)";
  }
  int64_t rows = product(shape);
  Types types;
  for (auto [i, value] : llvm::enumerate(op.getTokens())) {
    Type type = value.getType();
    bool ok = rankOf(type) >= rank - 1 && elementOf(type).isIntOrFloat() &&
              !disagree(shapeOf(type).take_front(rank - 1), shape.drop_back());
    if (!ok || !allStatic(shapeOf(type).drop_front(rank - 1)))
      return error() << "tokens operand #" << i << " is " << type
                     << ", expected the dimensions of the picks, " << picks
                     << ", but the last, then static ones (P2)";
    SmallVector<int64_t> packed{rows};
    llvm::append_range(packed, shapeOf(type).drop_front(rank - 1));
    types.push_back(RankedTensorType::get(packed, elementOf(type)));
  }
  int64_t batches = rank == 3 ? shape[0] : 1;
  int64_t table = dynamic(batches) ? ShapedType::kDynamic
                                   : product({batches, int64_t(op.getExperts())}) +
                                         1 + op.getCapacity().has_value();
  types.push_back(RankedTensorType::get({rows}, i32(context)));
  types.push_back(picks);
  types.push_back(RankedTensorType::get({table}, i32(context)));
  return types;
}

static FailureOr<Types> typesOf(CombineOp::Adaptor op, MLIRContext *, Error error) {
  Type rows = op.getRows().getType(), inverse = op.getInverse().getType();
  if (!isFloatTensor(rows, 1) || !allStatic(shapeOf(rows).drop_front()))
    return error() << "rows are " << rows
                   << ", expected a tensor of bf16, f16, f32 or f64, "
                      "static but for its first "
                      "dimension (C1)";
  if (!isIndexTensor(inverse) || rankOf(inverse) < 2 ||
      dynamic(shapeOf(inverse).back()))
    return error() << "the inverse is " << inverse
                   << ", expected a tensor of i32 of rank 2 or more with a static "
                      "last size (C2)";
  if (Value weights = op.getWeights())
    if (!isFloatTensor(weights.getType(), 2) ||
        disagree(shapeOf(weights.getType()), shapeOf(inverse)))
      return error() << "weights are " << weights.getType()
                     << ", expected floats in the shape of the inverse, " << inverse
                     << " (C3)";
  SmallVector<int64_t> shape(shapeOf(inverse).drop_back());
  llvm::append_range(shape, shapeOf(rows).drop_front());
  return Types{RankedTensorType::get(shape, elementOf(rows))};
}

static FailureOr<Types> typesOf(BlockAttentionOp::Adaptor op, MLIRContext *context,
                                Error error) {
  Type q = op.getQuery().getType(), k = op.getKey().getType(),
       v = op.getValue().getType();
  Value segments = op.getSegments(), list = op.getBlocks();
  int64_t rank = segments ? 3 : 4;
  for (auto [name, type] : {std::make_pair("q", q), {"k", k}, {"v", v}})
    if (rankOf(type) != rank || !isFloatTensor(type, rank) ||
        !allStatic(shapeOf(type).take_back(2)) ||
        product(shapeOf(type).take_back(2)) == 0)
      return error() << name << " is " << type << ", expected a tensor of bf16, f16, "
                     << "f32 or f64 of "
                     << "rank " << rank << " with static heads and features (B1)";
  ArrayRef<int64_t> qs = shapeOf(q), ks = shapeOf(k), vs = shapeOf(v);
  if (disagree(ks.drop_back(), vs.drop_back()))
    return error() << "k is " << k << " and v is " << v
                   << ", expected equal shapes but for features (B1)";
  if (qs.back() != ks.back() || differ(qs[0], ks[0]))
    return error() << "q is " << q << " and k is " << k << ", expected the same "
                   << (qs.back() != ks.back() ? "features"
                       : segments             ? "tokens"
                                              : "batch")
                   << " (B1)";
  int64_t heads = qs[rank - 2];
  if (heads % ks[rank - 2])
    return error() << "has " << heads << " query heads over " << ks[rank - 2]
                   << " key heads, expected a multiple (B2)";
  if (op.getBlock().has_value() != bool(list))
    return error() << "has " << (list ? "a list without a block size"
                                      : "a block size without a list")
                   << ", expected both or none (B3)";
  if (list) {
    Type type = list.getType();
    if (!isIndexTensor(type) || rankOf(type) != rank ||
        !allStatic(shapeOf(type).take_back(2)) || differ(shapeOf(type)[0], qs[0]))
      return error() << "the list of blocks is " << type << ", expected i32 of rank "
                     << rank << ", one for each batch element or token, with static "
                     << "heads and length (B3)";
    int64_t shared = shapeOf(type)[rank - 2];
    if (shared < 1 || heads % shared)
      return error() << "the list of blocks has " << shared << " heads, expected a "
                     << "divisor of the " << heads << " query heads (B2)";
    int64_t group = op.getGroup().value_or(1);
    int64_t tokens = rank == 4 ? qs[1] : qs[0],
            rows = rank == 4 ? shapeOf(type)[1] : shapeOf(type)[0];
    if (group > 0 && !dynamic(tokens) &&
        differ(rows, int64_t(llvm::divideCeil(tokens, group))))
      return error() << "the list of blocks is " << type << ", expected "
                     << int64_t(llvm::divideCeil(tokens, group)) << " rows for " << tokens
                     << " queries in groups of " << group << " (B3)";
  }
  for (auto [name, size] : {std::make_pair("block", op.getBlock()),
                            {"window", op.getWindow()},
                            {"group", op.getGroup()}})
    if (size && int64_t(*size) < 1)
      return error() << "the " << name << " is " << int64_t(*size)
                     << ", expected a positive size (B4)";
  if (segments && op.getGroup().value_or(1) != 1)
    return error() << "has segments and a group of " << *op.getGroup()
                   << ", expected a list for every token (B4)";
  if (segments) {
    Type type = segments.getType();
    if (rankOf(type) != 1 || !(elementOf(type).isSignlessInteger(32) ||
                               elementOf(type).isSignlessInteger(64)) ||
        shapeOf(type)[0] == 0)
      return error() << "segment table is " << type
                     << ", expected a rank-1 tensor of i32 or i64 with an entry (B5)";
  }
  if (Value relative = op.getRelative()) {
    Type type = relative.getType();
    if (rankOf(type) != 3 || !isFloatTensor(type, 3) || !allStatic(shapeOf(type)) ||
        product(shapeOf(type)) == 0 || shapeOf(type).back() != qs.back())
      return error() << "the relative rows are " << type << ", expected a static tensor "
                     << "of bf16, f16, f32 or f64 [r, g, " << qs.back() << "] (B6)";
    if (heads % shapeOf(type)[1])
      return error() << "the relative rows have " << shapeOf(type)[1]
                     << " heads, expected a divisor of the " << heads
                     << " query heads (B6)";
  }
  if (Value at = op.getAt()) {
    Type type = at.getType();
    if (segments)
      return error() << "has segments and first positions, expected one of them (B7)";
    if (rankOf(type) != 1 || !(elementOf(type).isSignlessInteger(32) ||
                               elementOf(type).isSignlessInteger(64)) ||
        differ(shapeOf(type)[0], qs[0]))
      return error() << "the first positions are " << type << ", expected i32 or i64 for "
                     << "each batch element (B7)";
  }
  Type element = computed(context, TypeRange(ArrayRef<Type>{q, k, v}));
  SmallVector<int64_t> shape(qs.drop_back());
  Type lse = RankedTensorType::get(shape, element);
  shape.push_back(vs.back());
  return Types{RankedTensorType::get(shape, element), lse};
}

static FailureOr<Types> typesOf(MergeOp::Adaptor op, MLIRContext *, Error error) {
  if (op.getOuts().empty())
    return error() << "has no pair, expected at least one (M1)";
  Type out = op.getOuts()[0].getType(), lse = op.getLses()[0].getType();
  if (!isFloatTensor(out, 1) || !isFloatTensor(lse, 0) ||
      disagree(shapeOf(out).drop_back(), shapeOf(lse)))
    return error() << "pair #0 is " << out << " and " << lse
                   << ", expected floats, the second with the dimensions of the "
                      "first but the last (M1)";
  for (auto [i, o, l] : llvm::enumerate(op.getOuts(), op.getLses()))
    if (o.getType() != out || l.getType() != lse)
      return error() << "pair #" << i << " is " << o.getType() << " and "
                     << l.getType() << ", expected " << out << " and " << lse
                     << " as in pair #0 (M2)";
  return Types{out, lse};
}

//===----------------------------------------------------------------------===//
// Interfaces
//===----------------------------------------------------------------------===//

template <class Op>
static LogicalResult infer(MLIRContext *context, std::optional<Location> loc,
                           ValueRange operands, DictionaryAttr attributes,
                           OpaqueProperties properties, RegionRange regions,
                           SmallVectorImpl<Type> &types) {
  typename Op::Properties none{};
  if (!properties && !std::is_same_v<typename Op::Properties, EmptyProperties>)
    return failure();
  typename Op::Adaptor adaptor(
      operands, attributes,
      properties ? *properties.as<typename Op::Properties *>() : none, regions);
  auto found = typesOf(adaptor, context, [&] {
    return emitError(loc.value_or(UnknownLoc::get(context)))
           << "'" << Op::getOperationName() << "' op ";
  });
  if (failed(found))
    return failure();
  types.append(found->begin(), found->end());
  return success();
}

template <class Op>
static LogicalResult check(Op op) {
  auto expected = typesOf(typename Op::Adaptor(op), op.getContext(),
                          [&] { return op.emitOpError(); });
  if (failed(expected))
    return failure();
  if (expected->size() != op->getNumResults())
    return op.emitOpError() << "has " << op->getNumResults() << " results, expected "
                            << expected->size();
  for (auto [i, want, found] :
       llvm::enumerate(*expected, op->getResultTypes()))
    if (rankOf(found) < 0 || elementOf(found) != elementOf(want) ||
        disagree(shapeOf(found), shapeOf(want)))
      return op.emitOpError() << "result #" << i << " is " << found << ", expected "
                              << want;
  return success();
}

#define SEQC_INFERRED(Op)                                                            \
  LogicalResult Op::inferReturnTypes(                                                \
      MLIRContext *context, std::optional<Location> loc, ValueRange operands,        \
      DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,   \
      SmallVectorImpl<Type> &types) {                                                \
    return infer<Op>(context, loc, operands, attributes, properties, regions, types); \
  }                                                                                  \
  LogicalResult Op::verify() { return check(*this); }

SEQC_INFERRED(TopkOp)
SEQC_INFERRED(AssignOp)
SEQC_INFERRED(DispatchOp)
SEQC_INFERRED(CombineOp)
SEQC_INFERRED(BlockAttentionOp)
SEQC_INFERRED(MergeOp)

double BlockAttentionOp::getFactor() {
  if (auto scale = getScale())
    return scale->convertToDouble();
  return 1 / std::sqrt(double(shapeOf(getQuery().getType()).back()));
}

int64_t BlockAttentionOp::getNearestRow() {
  int64_t rows = shapeOf(getRelative().getType())[0];
  return getCausal() ? rows - 1 : (rows - 1) / 2;
}

LogicalResult BlockAttentionOp::verifyRegions() {
  if (getScore().empty())
    return success();
  Block &score = getScore().front();
  Type element = elementOf(getLse().getType()), index = IndexType::get(getContext());
  Type expected[] = {element, index, index, index};
  if (score.getArgumentTypes() != ArrayRef<Type>(expected))
    return emitOpError("the score region takes (")
           << score.getArgumentTypes() << "), expected (" << ArrayRef<Type>(expected)
           << ") (B8)";
  if (score.empty() || !isa<YieldOp>(score.back()))
    return emitOpError("the score region must end in 'seqc.yield' (B8)");
  auto yield = cast<YieldOp>(score.back());
  if (yield.getOuts().size() != 1 || !yield.getCarries().empty() ||
      yield.getOuts()[0].getType() != element)
    return yield.emitOpError("yields (") << yield.getOperandTypes() << "), expected out of one "
                                         << element << " (B8)";
  for (Operation &op : score.without_terminator()) {
    auto scalar = [](Type type) { return type.isIntOrIndexOrFloat(); };
    if (!isStepOperation(&op) || op.getNumResults() != 1 ||
        !llvm::all_of(op.getResultTypes(), scalar) ||
        !llvm::all_of(op.getOperandTypes(), scalar))
      return op.emitOpError("is no scalar operation of arith or math (B8)");
  }
  return success();
}
