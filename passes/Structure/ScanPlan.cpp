//===- ScanPlan.cpp - Which components become scans, over which elements --===//

#include "Conversion.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::conversion;
using namespace seqc::structure;

/// The largest order of a transition that mixes elements of the state.
static constexpr int64_t maxOrder = 8;
/// Numbers of an element, where a state is a matrix or its elements mix.
static constexpr int64_t maxNumbers = 256;

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t n = 1;
  for (int64_t size : sizes)
    n *= size;
  return n;
}

static std::string sizesText(ArrayRef<int64_t> shape) {
  return llvm::join(llvm::map_range(shape, [](int64_t n) {
                      return std::to_string(n);
                    }), " x ");
}

/// The coefficient of `term`, of next state i, on its carry, over the letters of
/// a block.
static void addBlockTerm(BlockPlan &block, const Term &term,
                         const ScanPlan &scan, unsigned rows) {
  // The block's letter for each of the term's.
  SmallVector<int> map(term.extents.size(), -1);
  unsigned varying = llvm::count(scan.varies, true), next = varying;
  for (unsigned d = 0, seen = 0; d < rows; ++d) {
    bool kept = d < scan.kept.size() && scan.kept[d];
    if (!kept)
      map[d] = next++;
    else if (scan.varies[d])
      map[d] = seen++;
  }
  SmallVector<std::pair<int, int>, 1> equal;
  for (auto [d, letter] : llvm::enumerate(term.carryLetters)) {
    if (d < scan.kept.size() && scan.kept[d])
      continue;
    int column = next++;
    if (map[letter] < 0)
      map[letter] = column;
    else
      equal.push_back({map[letter], column});
  }
  Term result;
  result.scale = term.scale;
  result.factors = term.factors;
  result.extents.assign(block.value.shape.begin(), block.value.shape.end());
  for (Factor &f : result.factors)
    for (int &letter : f.letters) {
      if (map[letter] < 0) {
        map[letter] = result.extents.size();
        result.extents.push_back(term.extents[letter]);
      }
      letter = map[letter];
    }
  canonicalize(result, block.value.shape.size());
  block.value.terms.push_back(std::move(result));
  block.equal.push_back(std::move(equal));
}

int64_t Conversion::planBlocks(const Component &component, ScanPlan &scan) {
  unsigned n = component.carries.size();
  SmallVector<ArrayRef<int64_t>> shapes;
  for (unsigned carry : component.carries)
    shapes.push_back(seqc::shapeOf(op.getCarryArgs()[carry].getType()));
  unsigned rank = shapes[0].size();
  bool sameRank = llvm::all_of(shapes, [&](auto s) { return s.size() == rank; });
  auto forTerms = [&](llvm::function_ref<void(unsigned, unsigned, const Term &)> f) {
    for (unsigned i = 0; i < n; ++i)
      for (const Term &term : component.next[i].terms)
        if (term.carry >= 0)
          f(i, llvm::find(component.carries, unsigned(term.carry)) -
                   component.carries.begin(),
            term);
  };
  if (sameRank) {
    for (unsigned d = 0; d < rank; ++d)
      scan.kept.push_back(llvm::all_of(
          shapes, [&](auto s) { return s[d] == shapes[0][d]; }));
    forTerms([&](unsigned, unsigned, const Term &term) {
      for (auto [d, letter] : llvm::enumerate(term.carryLetters))
        if (letter != int(d))
          scan.kept[d] = false;
    });
    scan.varies.assign(rank, false);
    forTerms([&](unsigned, unsigned, const Term &term) {
      for (const Factor &f : term.factors)
        for (int letter : f.letters)
          if (letter < int(rank) && scan.kept[letter])
            scan.varies[letter] = true;
    });
  }
  SmallVector<int64_t> varying;
  for (unsigned d = 0; d < scan.kept.size(); ++d)
    if (scan.varies[d])
      varying.push_back(shapes[0][d]);
  int64_t order = 0;
  SmallVector<SmallVector<int64_t>> mixed(n);
  for (unsigned i = 0; i < n; ++i) {
    for (auto [d, size] : llvm::enumerate(shapes[i]))
      if (d >= scan.kept.size() || !scan.kept[d])
        mixed[i].push_back(size);
    order += product(mixed[i]);
  }
  for (unsigned i = 0; i < n; ++i) {
    scan.written.push_back(writesOf(component.next[i]));
    for (unsigned j = 0; j < n; ++j) {
      BlockPlan &block = scan.blocks.emplace_back();
      block.value.shape.assign(varying.begin(), varying.end());
      llvm::append_range(block.value.shape, mixed[i]);
      llvm::append_range(block.value.shape, mixed[j]);
    }
  }
  forTerms([&](unsigned i, unsigned j, const Term &term) {
    addBlockTerm(scan.blocks[i * n + j], term, scan, shapes[i].size());
  });
  return order;
}

std::optional<std::string> Conversion::planScan(ComponentPlan &c) {
  const Component &component = c.component;
  if (component.cls == Class::C7)
    return "a state is not affine over any semiring" +
           (component.breaks
                ? ": '" + component.breaks->getName().getStringRef().str() + "'"
                : std::string());
  if (component.cls == Class::C0)
    return "the next state does not depend on the state";
  unsigned n = component.carries.size();
  SmallVector<ArrayRef<int64_t>> shapes;
  for (unsigned carry : component.carries) {
    Type type = op.getCarryArgs()[carry].getType();
    shapes.push_back(seqc::shapeOf(type));
    if (elementOf(type) != computeType())
      return "a state is not of f32 or f64, but rounds at every token";
  }
  ScanPlan scan;
  unsigned rank = shapes[0].size();
  bool sameShape = llvm::all_equal(shapes);
  if (component.semiring != Semiring::PlusTimes) {
    if (!sameShape)
      return "states of one component differ in shape";
    for (ArrayRef<RingTerm> next : component.ring)
      for (const RingTerm &term : next)
        for (auto [value, times] : term.summands)
          if (ArrayRef<int64_t> shape = seqc::shapeOf(value.getType());
              !shape.empty() && shape != shapes[0])
            return "a gate or write has a shape of its own";
    scan.kept.assign(rank, true);
    scan.varies.assign(rank, true);
    scan.sum = n == 1 && llvm::count_if(component.ring[0], [](const RingTerm &t) {
                           return t.carry >= 0;
                         }) == 1 &&
               llvm::all_of(component.ring[0], [](const RingTerm &t) {
                 return t.carry < 0 || (t.summands.empty() && t.offset == 0);
               });
    c.scan = std::move(scan);
    return {};
  }

  int64_t order = planBlocks(component, scan), numbers = 0, varying = 1;
  bool mixes = scan.kept.empty() ? !sameShape : llvm::is_contained(scan.kept, false);
  for (ArrayRef<int64_t> shape : shapes)
    numbers += product(shape);
  for (unsigned d = 0; d < scan.kept.size(); ++d)
    if (scan.varies[d])
      varying *= shapes[0][d];
  if (order > maxOrder)
    return "its transition is a matrix of order " + std::to_string(order) +
           ", too large for the elements of a scan (at most " +
           std::to_string(maxOrder) + ")";
  numbers += order * order * varying;
  if ((mixes || rank > 1) && numbers > maxNumbers)
    return "with a state of " + sizesText(shapes[0]) +
           " the elements of a scan would have " + std::to_string(numbers) +
           " numbers (at most " + std::to_string(maxNumbers) + ")";
  scan.complex = component.complex;
  scan.sum = n == 1 && !mixes &&
             transitionOf(component.next[0], component.carries[0]).isIdentity();
  c.scan = std::move(scan);
  return {};
}
