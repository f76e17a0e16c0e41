//===- Entry.cpp - Derives an entry's symbols from its operations ---------===//
//
// Dimensions that an operation ties to one axis share a symbol.  Every function
// argument dimension starts with a symbol of its own; recurrences and scans
// merge those they name alike, and give them the axis's name.
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Support/Entry.h"

#include "seqc/dialects/Seq/Seq.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace seqc;

namespace {

/// A symbolic size: class / divisor + offset, or static.
class Sizes {
public:
  explicit Sizes(func::FuncOp func) : func(func) {}
  llvm::Error run(EntryInfo &info);

private:
  int fresh() {
    parent.push_back(parent.size());
    names.emplace_back();
    divisors.push_back(1);
    offsets.push_back(0);
    return parent.size() - 1;
  }
  int find(int c) {
    while (parent[c] != c)
      c = parent[c] = parent[parent[c]];
    return c;
  }
  void merge(int a, int b) {
    a = find(a);
    b = find(b);
    if (a == b)
      return;
    if (names[a].empty())
      names[a] = names[b];
    parent[b] = a;
  }
  EntryDim &dim(Value v, unsigned d);
  void axis(Value v, unsigned d, StringRef name, int64_t divisor, int64_t offset,
            llvm::StringMap<int> &axes);
  void visit(Operation *op);
  void tie(Value a, unsigned i, Value b, unsigned j);
  bool route(Operation *op);
  void work(Operation *op, EntryInfo &info);
  template <class Op> void sequence(Op op, llvm::StringMap<int> &axes);
  void mapped(ValueRange values, ArrayAttr maps, llvm::StringMap<int> &axes);
  void table(Value segments, ValueRange values, ArrayAttr maps);

  func::FuncOp func;
  SmallVector<int> parent;
  SmallVector<std::string> names;
  SmallVector<int64_t> divisors, offsets;
  llvm::DenseMap<Value, SmallVector<EntryDim>> dims;
  llvm::DenseMap<Value, EntryDim> tables; // segment table -> the axis that it cuts
  llvm::DenseMap<int, SmallVector<EntryDim>> products; // symbol -> its factors
  /// A dimension that joins one of unknown size with static ones.
  struct Joined {
    int symbol, member;
    int64_t factor;
  };
  SmallVector<Joined> joined;
  SmallVector<std::pair<int, int64_t>> known; // symbols of casts from static sizes
  SmallVector<std::pair<int, int64_t>> fixed; // symbols of axes with a static operand
};

} // namespace

static std::string print(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream os(text);
  attribute.print(os);
  return text;
}

/// The size of dimension `d`; a symbol of its own if nothing is known yet.
EntryDim &Sizes::dim(Value v, unsigned d) {
  auto &all = dims[v];
  auto type = cast<RankedTensorType>(v.getType());
  if (all.empty())
    for (int64_t size : type.getShape()) {
      EntryDim one;
      one.size = size;
      one.symbol = ShapedType::isDynamic(size) ? fresh() : -1;
      all.push_back(one);
    }
  return all[d];
}

void Sizes::axis(Value v, unsigned d, StringRef name, int64_t divisor,
                 int64_t offset, llvm::StringMap<int> &axes) {
  EntryDim &size = dim(v, d);
  if (size.symbol < 0 && divisor != 1)
    return;
  auto it = axes.find(name);
  if (it == axes.end()) {
    int symbol = fresh();
    names[symbol] = name.str();
    it = axes.try_emplace(name, symbol).first;
  }
  // What one operand fixes others have to agree with.
  if (size.symbol < 0) {
    fixed.push_back({it->second, size.size - offset});
    return;
  }
  if (divisor == 1 && size.divisor == 1 && size.offset == offset) {
    merge(size.symbol, it->second); // again, where a table cuts several operations
  } else if (size.divisor == 1 && size.offset == 0) {
    size.symbol = it->second;
    size.divisor = divisor;
    size.offset = offset;
  }
}

void Sizes::mapped(ValueRange values, ArrayAttr maps, llvm::StringMap<int> &axes) {
  for (auto [v, attr] : llvm::zip(values, maps)) {
    auto map = cast<AxesAttr>(attr);
    for (unsigned d = 0; d < map.size(); ++d)
      axis(v, d, map.getNames()[d].getValue(), map.getDivisors()[d], 0, axes);
  }
}

/// `segments` cuts the time axis of the first of `values` that has one.
void Sizes::table(Value segments, ValueRange values, ArrayAttr maps) {
  for (auto [map, v] : llvm::zip_first(maps.getAsRange<AxesAttr>(), values)) {
    int64_t at = map.find(RecurrenceOp::getTimeAxis());
    if (at < 0)
      continue;
    tables[segments] = dim(v, at);
    return;
  }
}

template <class Op>
void Sizes::sequence(Op op, llvm::StringMap<int> &axes) {
  mapped(op.getSeq(), op.getSeqMaps(), axes);
  if (Value resets = op.getResets()) {
    auto map = *op.getResetsMap();
    for (unsigned d = 0; d < map.size(); ++d)
      axis(resets, d, map.getNames()[d].getValue(), map.getDivisors()[d], 0, axes);
  }
  if (Value segments = op.getSegments()) {
    axis(segments, 0, op.getSegmentAxis().getValue(), 1, 1, axes);
    table(segments, op.getSeq(), op.getSeqMaps());
  }
  mapped(op.getOuts(), op.getOutMaps(), axes);
  for (unsigned i = 0; i < op.getFinals().size(); ++i) {
    AxesAttr map = op.getFinalMap(i);
    for (unsigned d = 0; d < map.size(); ++d)
      axis(op.getFinals()[i], d, map.getNames()[d].getValue(),
           map.getDivisors()[d], 0, axes);
  }
}

/// Dimension `i` of `a` has the size of dimension `j` of `b`.
void Sizes::tie(Value a, unsigned i, Value b, unsigned j) {
  dim(a, i);
  EntryDim y = dim(b, j);
  EntryDim &x = dim(a, i);
  if (x.symbol < 0 || y.symbol < 0)
    return;
  if (x.divisor == y.divisor && x.offset == y.offset)
    merge(x.symbol, y.symbol);
  else if (x.divisor == 1 && x.offset == 0)
    x = y;
}

/// The operations of sparse routing; false for others.
bool Sizes::route(Operation *op) {
  auto rankOf = [](Value v) { return cast<RankedTensorType>(v.getType()).getRank(); };
  auto tieAll = [&](Value a, Value b, int64_t count) {
    for (int64_t d = 0; d < count; ++d)
      tie(a, d, b, d);
  };
  llvm::StringMap<int> axes;
  // [n, ...] or [b, n, ...]: the names that callers bind sizes by.
  auto name = [&](Value v, ArrayRef<StringRef> names) {
    for (auto [d, axisName] : llvm::enumerate(names))
      axis(v, d, axisName, 1, 0, axes);
  };
  auto tokens = [](int64_t rank) {
    return rank == 3   ? SmallVector<StringRef>{"b", "n"}
           : rank == 2 ? SmallVector<StringRef>{"n"}
                       : SmallVector<StringRef>();
  };
  if (auto topk = dyn_cast<TopkOp>(op)) {
    int64_t rank = rankOf(topk.getScores());
    name(topk.getScores(), tokens(rank));
    for (Value result : op->getResults())
      tieAll(result, topk.getScores(), rank - 1);
    return true;
  }
  if (auto assign = dyn_cast<AssignOp>(op)) {
    Value x = assign.getVectors();
    bool batched = rankOf(x) > rankOf(assign.getCentroids());
    name(x, batched ? SmallVector<StringRef>{"b", "n"} : SmallVector<StringRef>{"n"});
    for (Value result : op->getResults())
      tieAll(result, x, assign.getMembers() && result != assign.getInverse()
                            ? batched : rankOf(x) - 1);
    return true;
  }
  if (auto dispatch = dyn_cast<DispatchOp>(op)) {
    Value picks = dispatch.getPicks();
    int64_t rank = rankOf(picks);
    name(picks, tokens(rank));
    for (Value v : dispatch.getTokens())
      tieAll(v, picks, rank - 1);
    tieAll(dispatch.getInverse(), picks, rank);
    Value rows = dispatch.getPermutation();
    for (Value v : dispatch.getPacked())
      tie(v, 0, rows, 0);
    if (int symbol = dim(rows, 0).symbol; symbol >= 0) {
      SmallVector<EntryDim> factors;
      for (int64_t d = 0; d < rank; ++d)
        factors.push_back(dim(picks, d));
      products[symbol] = factors;
    }
    // With a table of segments, which a recurrence says it is: batch elements by experts.
    const EntryDim table = dim(dispatch.getOffsets(), 0), batch = dim(picks, 0);
    if (rank == 3 && table.symbol >= 0 && table.offset == 1 && batch.symbol >= 0 &&
        !dispatch.getCapacity())
      joined.push_back({table.symbol, batch.symbol, int64_t(dispatch.getExperts())});
    return true;
  }
  if (auto combine = dyn_cast<CombineOp>(op)) {
    int64_t rank = rankOf(combine.getInverse());
    name(combine.getInverse(), tokens(rank));
    if (Value weights = combine.getWeights())
      tieAll(weights, combine.getInverse(), rank);
    tieAll(combine.getResult(), combine.getInverse(), rank - 1);
    return true;
  }
  if (auto merge = dyn_cast<MergeOp>(op)) {
    for (Value v : op->getOperands())
      tieAll(v, merge.getOuts()[0], rankOf(v));
    for (Value v : op->getResults())
      tieAll(v, merge.getOuts()[0], rankOf(v));
    return true;
  }
  auto attention = dyn_cast<BlockAttentionOp>(op);
  if (!attention)
    return false;
  Value q = attention.getQuery(), k = attention.getKey(), list = attention.getBlocks();
  int64_t time = rankOf(q) - 3;
  bool packed = time == 0;
  name(q, packed ? SmallVector<StringRef>{"t"} : SmallVector<StringRef>{"b", "t"});
  name(k, packed ? SmallVector<StringRef>{"t"} : SmallVector<StringRef>{"b", "s"});
  tieAll(attention.getValue(), k, time + 1);
  for (Value result : op->getResults())
    tieAll(result, q, time + 1);
  if (list)
    tieAll(list, q, time + (attention.getGroup().value_or(1) == 1));
  if (Value at = attention.getAt())
    tie(at, 0, q, 0);
  if (Value segments = attention.getSegments()) {
    axis(segments, 0, "s", 1, 1, axes);
    tables[segments] = dim(q, 0);
  }
  return true;
}

void Sizes::visit(Operation *op) {
  llvm::StringMap<int> axes;
  if (auto recurrence = dyn_cast<RecurrenceOp>(op)) {
    sequence(recurrence, axes);
    mapped(recurrence.getWeights(), recurrence.getWeightMaps(), axes);
    mapped(recurrence.getCarries(), recurrence.getCarryMaps(), axes);
    mapped(recurrence.getRestarts(), recurrence.getRestartMaps(), axes);
    return;
  }
  if (auto linear = dyn_cast<LinearRecurrenceOp>(op)) {
    mapped(op->getOperands().take_front(linear.getMaps().size()),
           linear.getMaps(), axes);
    auto along = [&](Value v, AxesAttr map) {
      for (unsigned d = 0; d < map.size(); ++d)
        axis(v, d, map.getNames()[d].getValue(), map.getDivisors()[d], 0, axes);
    };
    if (Value resets = linear.getResets())
      along(resets, *linear.getResetsMap());
    if (Value segments = linear.getSegments()) {
      axis(segments, 0, linear.getSegmentAxis().getValue(), 1, 1, axes);
      table(segments, op->getOperands(), linear.getMaps());
    }
    for (unsigned i = 0; i < linear.numReads(); ++i)
      along(linear.getResult(i), linear.getOutMap());
    along(linear.getFinalState(), linear.getFinalMap());
    return;
  }
  if (auto scan = dyn_cast<ScanOp>(op)) {
    sequence(scan, axes);
    mapped(scan.getInitials(), scan.getInitialMaps(), axes);
    return;
  }
  if (route(op))
    return;
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    for (unsigned d = 0; d < insert.getType().getRank(); ++d)
      tie(insert.getResult(), d, insert.getDest(), d);
    return;
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    // Dimensions indexed by the same loop have the same size.
    llvm::DenseMap<unsigned, std::pair<Value, unsigned>> loops;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
      for (auto [d, expr] : llvm::enumerate(map.getResults()))
        if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
          auto [it, isNew] = loops.try_emplace(
              loop.getPosition(), std::make_pair(operand.get(), unsigned(d)));
          if (!isNew)
            tie(operand.get(), d, it->second.first, it->second.second);
        }
    }
    for (auto [result, init] :
         llvm::zip(op->getResults(), linalgOp.getDpsInits()))
      if (auto type = dyn_cast<RankedTensorType>(result.getType()))
        for (unsigned d = 0; d < type.getRank(); ++d)
          tie(result, d, init, d);
    return;
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    for (auto [d, size] : llvm::enumerate(empty.getMixedSizes()))
      if (auto value = dyn_cast<Value>(size))
        if (auto from = value.getDefiningOp<tensor::DimOp>())
          if (auto index = from.getConstantIndex())
            tie(empty.getResult(), d, from.getSource(), *index);
    return;
  }
  if (auto reshape = reshapeOf(op)) {
    // A dimension keeps its size where it is joined with ones.
    for (auto [i, group] : llvm::enumerate(reshape->groups)) {
      if (int64_t d = reshape->onlyLarge(i); d >= 0) {
        tie(reshape->shorter, i, reshape->longer, d);
        continue;
      }
      Joined join{dim(reshape->shorter, i).symbol, -1, 1};
      unsigned unknown = 0;
      for (int64_t d : group) {
        const EntryDim &one = dim(reshape->longer, d);
        unknown += one.symbol >= 0;
        if (one.symbol < 0)
          join.factor *= one.size;
        else if (one.divisor == 1 && one.offset == 0)
          join.member = one.symbol;
      }
      if (join.symbol >= 0 && join.member >= 0 && unknown == 1)
        joined.push_back(join);
    }
    return;
  }
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    if (auto from = dyn_cast<RankedTensorType>(cast.getSource().getType());
        from && isa<RankedTensorType>(cast.getType()))
      for (unsigned d = 0; d < from.getRank(); ++d)
        if (const EntryDim to = dim(cast.getResult(), d);
            to.symbol >= 0 && !from.isDynamicDim(d))
          known.push_back({to.symbol, from.getDimSize(d)});
  if (op->hasTrait<OpTrait::Elementwise>() || isa<tensor::CastOp>(op))
    for (Value operand : op->getOperands())
      for (Value result : op->getResults()) {
        auto a = dyn_cast<RankedTensorType>(operand.getType());
        auto b = dyn_cast<RankedTensorType>(result.getType());
        if (a && b && a.getRank() == b.getRank())
          for (unsigned d = 0; d < a.getRank(); ++d)
            tie(result, d, operand, d);
      }
}

/// What the routes that `value` names leave it, as far as sizes are static.
static Interval indexRange(Value value) {
  Interval range;
  auto within = [&](double low, double high) {
    range.low = std::max(range.low, low);
    range.high = std::min(range.high, high);
  };
  for (Operation *user : value.getUsers()) {
    if (auto dispatch = dyn_cast<DispatchOp>(user); dispatch && dispatch.getPicks() == value)
      within(dispatch.getCapacity() ? -1 : 0, double(dispatch.getExperts()) - 1);
    if (auto combine = dyn_cast<CombineOp>(user); combine && combine.getInverse() == value)
      if (int64_t rows = shapeOf(combine.getRows().getType())[0];
          !ShapedType::isDynamic(rows))
        within(-1, double(rows) - 1);
    if (auto attention = dyn_cast<BlockAttentionOp>(user);
        attention && attention.getAt() == value)
      within(0, std::numeric_limits<double>::infinity());
    if (auto attention = dyn_cast<BlockAttentionOp>(user);
        attention && attention.getBlocks() == value) {
      ArrayRef<int64_t> keys = shapeOf(attention.getKey().getType());
      int64_t length = keys[keys.size() - 3], block = *attention.getBlock();
      within(-1, ShapedType::isDynamic(length) ? std::numeric_limits<double>::infinity()
                                               : double((length - 1) / block));
    }
  }
  return range;
}

llvm::Error Sizes::run(EntryInfo &info) {
  auto fail = [&](const Twine &message) {
    return llvm::createStringError("entry '" + func.getName() + "': " + message);
  };
  if (func.isDeclaration() || !llvm::hasSingleElement(func.getBody()))
    return fail("expected a body of one block");
  auto ret = dyn_cast<func::ReturnOp>(func.getBody().front().getTerminator());
  if (!ret)
    return fail("expected a function that ends in 'return'");
  // Twice: what a later operation says of a size (h floordiv 2) reaches the operands
  // that an earlier one reshaped.
  for (int pass = 0; pass < 2; ++pass) {
    for (Operation &op : func.getBody().front())
      visit(&op);
    // Equal products by equal factors are of equal sizes.
    for (const Joined &a : joined)
      for (const Joined &b : joined)
        if (find(a.symbol) == find(b.symbol) && a.factor == b.factor)
          merge(a.member, b.member);
  }

  info.name = func.getName().str();
  llvm::StringSet<> used;
  auto uniqueName = [&](std::string name) {
    std::string base = name;
    for (unsigned i = 1; !used.insert(name).second; ++i)
      name = base + "_" + std::to_string(i);
    return name;
  };
  auto describe = [&](Value value, std::string name, bool output,
                      EntryArg &arg) -> llvm::Error {
    arg.name = uniqueName(std::move(name));
    arg.type = value.getType();
    arg.isOutput = output;
    if (auto tensor = dyn_cast<RankedTensorType>(arg.type)) {
      if (!tensor.getElementType().isIntOrIndexOrFloat() || tensor.getEncoding())
        return fail("'" + arg.name + "' has unsupported elements");
      for (int64_t d = 0; d < tensor.getRank(); ++d) {
        EntryDim size = dim(value, d);
        for (auto [symbol, is] : fixed)
          if (size.symbol >= 0 && find(symbol) == find(size.symbol)) {
            size.size = is / size.divisor + size.offset;
            size.symbol = -1;
          }
        arg.dims.push_back(size);
      }
    } else if (!arg.type.isIntOrIndexOrFloat()) {
      return fail("'" + arg.name + "' is neither a ranked tensor nor a scalar");
    }
    return llvm::Error::success();
  };
  for (BlockArgument value : func.getArguments()) {
    EntryArg arg;
    auto attr = func.getArgAttrOfType<StringAttr>(value.getArgNumber(), "seqc.name");
    if (llvm::Error e = describe(
            value,
            attr ? attr.str() : "arg" + std::to_string(value.getArgNumber()),
            false, arg))
      return e;
    if (auto it = tables.find(value); it != tables.end())
      arg.cuts = it->second;
    if (auto draw =
            func.getArgAttrOfType<StringAttr>(value.getArgNumber(), "seqc.draw"))
      arg.draw = draw.str();
    if (auto start =
            func.getArgAttrOfType<StringAttr>(value.getArgNumber(), "seqc.start"))
      arg.start = start.str();
    if (Attribute declared = func.getArgAttr(value.getArgNumber(), kRangeAttr)) {
      auto text = dyn_cast<StringAttr>(declared);
      auto range = text ? parseRange(text.getValue()) : std::nullopt;
      if (!range)
        return fail("'" + arg.name + "' has the seqc.range " + print(declared) +
                    ", expected \"<= N\", \">= N\" or \"A .. B\"");
      if (!isa<FloatType>(getElementTypeOrSelf(arg.type)) ||
          !isa<RankedTensorType>(arg.type))
        return fail("'" + arg.name + "' has a seqc.range, which is for tensors of "
                    "floats");
      arg.range = *range;
    }
    if (isa<IntegerType>(getElementTypeOrSelf(arg.type)))
      arg.range = indexRange(value);
    info.args.push_back(std::move(arg));
  }
  unsigned inputs = info.args.size();
  for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
    EntryArg arg;
    auto attr = func.getResultAttrOfType<StringAttr>(i, "seqc.name");
    if (llvm::Error e = describe(
            value, attr ? attr.str() : "out" + std::to_string(i), true, arg))
      return e;
    if (auto index = func.getResultAttrOfType<IntegerAttr>(i, "seqc.in_place"))
      arg.inPlace = index.getInt();
    info.args.push_back(std::move(arg));
  }
  // Number the symbols that the inputs bind.
  auto declared = [&](StringRef attribute, StringRef name) -> int64_t {
    if (auto sizes = func->getAttrOfType<DictionaryAttr>(attribute))
      if (auto size = dyn_cast_or_null<IntegerAttr>(sizes.get(name)))
        return size.getInt();
    return -1;
  };
  llvm::DenseMap<int, int> number;
  SmallVector<EntryArg *> pending; // tables, before their symbols are numbered
  llvm::StringSet<> symbolNames;
  for (auto [i, arg] : llvm::enumerate(info.args)) {
    for (EntryDim &d : arg.dims) {
      if (d.symbol < 0)
        continue;
      int root = find(d.symbol);
      auto it = number.find(root);
      if (it == number.end()) {
        if (i >= inputs)
          return fail("the size of dimension " +
                      Twine(&d - arg.dims.begin()) + " of '" + arg.name +
                      "' does not follow from the arguments");
        it = number.try_emplace(root, int(info.symbols.size())).first;
        std::string name = names[root].empty()
                               ? "n" + std::to_string(info.symbols.size())
                               : names[root];
        std::string base = name;
        for (unsigned k = 1; !symbolNames.insert(name).second; ++k)
          name = base + std::to_string(k);
        info.symbols.push_back(name);
        info.exampleSizes.push_back(declared("seqc.sizes", name));
        info.benchSizes.push_back(declared("seqc.bench", name));
      }
      d.symbol = it->second;
    }
    if (arg.cuts && arg.cuts->symbol >= 0)
      pending.push_back(&arg);
  }
  llvm::append_range(known, fixed);
  auto isKnown = [&](int symbol) {
    return llvm::find_if(
        known, [&](auto &entry) { return find(entry.first) == find(symbol); });
  };
  for (EntryArg *arg : pending) {
    auto it = number.find(find(arg->cuts->symbol));
    if (auto size = isKnown(arg->cuts->symbol); it == number.end() && size != known.end()) {
      arg->cuts->size = size->second / arg->cuts->divisor + arg->cuts->offset;
      arg->cuts->symbol = -1;
      continue;
    }
    if (it == number.end())
      return fail("the length of what '" + arg->name +
                  "' cuts does not follow from the arguments");
    arg->cuts->symbol = it->second;
  }
  for (Operation &op : func.getBody().front())
    work(&op, info);
  for (EntryWork &work : info.works)
    for (EntryDim &d : work.extents)
      if (d.symbol >= 0) {
        auto it = number.find(find(d.symbol));
        auto size = isKnown(d.symbol);
        if (it != number.end()) {
          d.symbol = it->second;
        } else if (size != known.end()) {
          d.size = size->second;
          d.symbol = -1;
        } else {
          return fail("the size of an axis does not follow from the arguments");
        }
      }
  return llvm::Error::success();
}

/// Adds the arithmetic of a recurrence or scan, one token per point of its axes.
void Sizes::work(Operation *op, EntryInfo &info) {
  auto add = [&](auto sequence, Region &region) {
    EntryWork work;
    work.token = workOf(region);
    for (StringAttr axis : sequence.getAxes())
      for (auto [v, attr] : llvm::zip(sequence.getSeq(), sequence.getSeqMaps())) {
        auto map = cast<AxesAttr>(attr);
        int64_t at = map.find(axis.getValue());
        if (at < 0 || map.getDivisors()[at] != 1)
          continue;
        // Packed rows are as many as the slots that were dispatched.
        EntryDim extent = dim(v, at);
        auto product = llvm::find_if(products, [&](auto &entry) {
          return extent.symbol >= 0 && find(entry.first) == find(extent.symbol);
        });
        if (product != products.end())
          llvm::append_range(work.extents, product->second);
        else
          work.extents.push_back(extent);
        break;
      }
    info.works.push_back(std::move(work));
  };
  if (auto recurrence = dyn_cast<RecurrenceOp>(op))
    add(recurrence, recurrence.getStep());
  else if (auto scan = dyn_cast<ScanOp>(op))
    add(scan, scan.getCombine());
}

llvm::Expected<EntryInfo> seqc::describeEntry(func::FuncOp func) {
  EntryInfo info;
  if (llvm::Error e = Sizes(func).run(info))
    return std::move(e);
  return info;
}
