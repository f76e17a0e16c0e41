//===- Normal.cpp - Factors in a normal form ------------------------------===//
//
// Steps are written in many ways.  Here every known value is multiplied out to sums of
// products, too; what is left are operands and functions of sums.  Functions are named
// by what they are of, products sorted by name, and letters renamed in that order.
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Structure/Structure.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir;
using namespace seqc;
using namespace seqc::structure;

namespace {
class Normal {
public:
  Normal(RecurrenceOp op, const Component &component)
      : op(op), component(component), dependence(op), analysis(op, dependence, [&] {
          llvm::BitVector bits(dependence.tokenBit() + 1);
          for (unsigned c : component.carries)
            bits.set(c);
          ArrayRef<int64_t> snapshots = op.getSnapshots();
          for (unsigned s = 0; !component.frozen && 2 * s < snapshots.size(); ++s)
            if (bits.test(snapshots[2 * s]))
              bits.set(dependence.carries() + s);
          return bits;
        }(), /*expand=*/true) {}
  std::string run();

private:
  /// A factor by name, over the letters that it varies along.
  struct Named {
    std::string text;
    SmallVector<int, 2> letters;
  };
  Named named(const Factor &f);
  std::string carryName(unsigned carry);
  /// A term without its scale; with `bare` the carry is left out.
  std::string text(const Term &term, unsigned rank, bool bare = false);
  /// Terms with equal products joined, sorted; of those that `pick` picks.
  std::string text(const Sum &sum, bool bare = false,
                   llvm::function_ref<bool(const Term &)> pick = nullptr);
  std::string text(Value v, ArrayRef<int> letters);
  std::string textOver(const Sum &sum, ArrayRef<int> letters);
  /// Exponentials over the same letters as one, of the sum of what they are of.
  Named exponential(ArrayRef<const Factor *> factors);
  SmallVector<std::string> ringOf(ArrayRef<RingTerm> terms);

  RecurrenceOp op;
  const Component &component;
  Dependence dependence;
  AffineAnalysis analysis;
};
} // namespace

static std::string bracketed(ArrayRef<std::string> letters) {
  return letters.empty() ? "" : "[" + llvm::join(letters, ",") + "]";
}

static std::string number(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.12g", value);
  return text;
}

std::string Normal::carryName(unsigned carry) {
  unsigned n = dependence.carries();
  if (carry < n)
    return "s" + std::to_string(carry);
  ArrayRef<int64_t> snapshots = op.getSnapshots();
  return "s" + std::to_string(snapshots[2 * (carry - n)]) + "@" +
         std::to_string(snapshots[2 * (carry - n) + 1]);
}

/// A known value as text, its dimensions called by their place among `letters`.
std::string Normal::text(Value v, ArrayRef<int> letters) {
  auto sum = analysis.get(v);
  return sum ? textOver(*sum, letters) : "?";
}

std::string Normal::textOver(const Sum &all, ArrayRef<int> letters) {
  const Sum *sum = &all;
  // Dimensions that it does not vary along have no letter.
  Sum renumbered;
  for (int l : letters)
    renumbered.shape.push_back(sum->shape[l]);
  for (Term term : sum->terms) {
    SmallVector<int> map(term.extents.size(), -1);
    SmallVector<int64_t, 4> extents(renumbered.shape.begin(), renumbered.shape.end());
    for (auto [place, l] : llvm::enumerate(letters))
      map[l] = place;
    for (unsigned l = sum->shape.size(); l < map.size(); ++l) {
      map[l] = extents.size();
      extents.push_back(term.extents[l]);
    }
    for (Factor &f : term.factors)
      for (int &l : f.letters)
        l = map[l];
    for (int &l : term.carryLetters)
      l = map[l];
    term.extents = extents;
    renumbered.terms.push_back(std::move(term));
  }
  return text(renumbered);
}

static std::string orZero(std::string text) { return text.empty() ? "0" : text; }

/// Turns a > b into the predicate of b < a, and says so.
static bool isGreater(arith::CmpFPredicate &predicate) {
  using P = arith::CmpFPredicate;
  for (auto [greater, less] : {std::pair(P::OGT, P::OLT), std::pair(P::OGE, P::OLE),
                               std::pair(P::UGT, P::ULT), std::pair(P::UGE, P::ULE)})
    if (predicate == greater) {
      predicate = less;
      return true;
    }
  return false;
}

Normal::Named Normal::named(const Factor &f) {
  Named result;
  result.letters.assign(f.letters.begin(), f.letters.end());
  Value v = stripCasts(f.value);
  auto numbered = [&](StringRef letter, ValueRange args) {
    for (auto [i, arg] : llvm::enumerate(args))
      if (arg == v)
        result.text = (letter + Twine(i)).str();
  };
  numbered("x", op.getSeqArgs());
  numbered("w", op.getWeightArgs());
  numbered("s", op.getCarryArgs());
  for (auto [i, arg] : llvm::enumerate(op.getSnapshotArgs()))
    if (arg == v)
      result.text = carryName(dependence.carries() + i);
  if (f.kind == Factor::Kind::Same)
    result.text = "same";
  if (v == op.getPositionArg())
    result.text = "position";
  if (v == op.getFirstArg())
    result.text = "first";
  Operation *def = v.getDefiningOp();
  if (!result.text.empty() || !def)
    return result;
  std::string attributes;
  auto compare = dyn_cast<arith::CmpFOp>(def);
  arith::CmpFPredicate predicate =
      compare ? compare.getPredicate() : arith::CmpFPredicate::AlwaysFalse;
  bool swaps = compare && isGreater(predicate);
  if (compare)
    attributes = (" " + arith::stringifyCmpFPredicate(predicate)).str();
  for (NamedAttribute attr : def->getAttrs()) {
    if (attr.getName() == "fastmath" || attr.getName() == "operandSegmentSizes" ||
        compare)
      continue;
    llvm::raw_string_ostream os(attributes);
    os << " ";
    attr.getValue().print(os, /*elideType=*/true);
  }
  SmallVector<int> places;
  bool elementwise = def->hasTrait<OpTrait::Elementwise>();
  if (elementwise && !result.letters.empty()) {
    llvm::SmallDenseSet<int> used;
    for (Value operand : def->getOperands())
      if (auto sum = analysis.get(operand))
        for (const Term &term : sum->terms) {
          for (const Factor &g : term.factors)
            for (int l : named(g).letters)
              used.insert(l);
          used.insert(term.carryLetters.begin(), term.carryLetters.end());
        }
    SmallVector<int, 2> letters;
    for (auto [place, letter] : llvm::enumerate(result.letters))
      if (used.contains(place)) {
        places.push_back(place);
        letters.push_back(letter);
      }
    result.letters = letters;
  }
  SmallVector<std::string> operands;
  for (Value operand : def->getOperands()) {
    ArrayRef<int64_t> shape = seqc::shapeOf(operand.getType());
    if (elementwise && !shape.empty()) {
      operands.push_back(orZero(text(operand, places)));
      continue;
    }
    SmallVector<int> all;
    for (unsigned d = 0; d < shape.size(); ++d)
      all.push_back(d);
    operands.push_back(orZero(text(operand, all)));
  }
  if (swaps)
    std::swap(operands[0], operands[1]);
  if (def->hasTrait<OpTrait::IsCommutative>())
    llvm::sort(operands);
  result.text = def->getName().stripDialect().str() + attributes;
  if (!operands.empty())
    result.text += "(" + llvm::join(operands, ", ") + ")";
  return result;
}

Normal::Named Normal::exponential(ArrayRef<const Factor *> factors) {
  Named result = named(*factors[0]);
  Sum sum;
  for (const Factor *f : factors) {
    auto part = analysis.get(stripCasts(f->value).getDefiningOp()->getOperand(0));
    if (!part)
      return result;
    sum.shape = part->shape;
    sum.add(*part);
  }
  SmallVector<int> places;
  for (auto [place, letter] : llvm::enumerate(factors[0]->letters))
    if (llvm::is_contained(result.letters, letter))
      places.push_back(place);
  result.text = "exp(" + orZero(textOver(sum, places)) + ")";
  return result;
}

std::string Normal::text(const Term &term, unsigned rank, bool bare) {
  struct Part {
    std::string text;
    SmallVector<int, 2> letters;
  };
  SmallVector<Part> parts;
  SmallVector<SmallVector<const Factor *, 2>> exponentials;
  for (const Factor &f : term.factors) {
    if (f.kind == Factor::Kind::Value && stripCasts(f.value).getDefiningOp<math::ExpOp>()) {
      auto same = llvm::find_if(exponentials, [&](auto &group) {
        return group[0]->letters == f.letters &&
               named(*group[0]).letters == named(f).letters;
      });
      if (same == exponentials.end())
        exponentials.push_back({&f});
      else
        same->push_back(&f);
    }
  }
  for (const Factor &f : term.factors) {
    Named n = named(f);
    auto group = llvm::find_if(exponentials, [&](auto &group) {
      return llvm::is_contained(group, &f);
    });
    if (group != exponentials.end() && group->size() > 1) {
      if ((*group)[0] != &f)
        continue;
      n = exponential(*group);
    }
    StringRef before = "", after = "";
    switch (f.kind) {
    case Factor::Kind::Value:
      break;
    case Factor::Kind::Inverse:
      before = "1/";
      break;
    case Factor::Kind::When:
      before = "[";
      after = "]";
      break;
    case Factor::Kind::Same:
      break;
    case Factor::Kind::Unless:
      before = "[not ";
      after = "]";
      break;
    }
    parts.push_back({(before + n.text + after).str(), n.letters});
  }
  // The value's own letters have names; summed ones get theirs in the order of use.
  std::vector<std::string> names(term.extents.size());
  for (unsigned l = 0; l < rank; ++l)
    names[l] = std::string(1, char('i' + l));
  auto lettersOf = [&](ArrayRef<int> letters) {
    SmallVector<std::string> result;
    for (int l : letters)
      result.push_back(names[l].empty() ? "~" : names[l]);
    return bracketed(result);
  };
  char next = 'a';
  auto name = [&](ArrayRef<int> letters) {
    for (int l : letters)
      if (names[l].empty())
        names[l] = std::string(1, next++);
  };
  name(term.carryLetters);
  auto sort = [&] {
    llvm::stable_sort(parts, [&](const Part &a, const Part &b) {
      return a.text + lettersOf(a.letters) < b.text + lettersOf(b.letters);
    });
  };
  sort();
  for (const Part &part : parts)
    name(part.letters);
  sort();
  SmallVector<std::string> words;
  for (const Part &part : parts)
    words.push_back(part.text + lettersOf(part.letters));
  if (term.carry >= 0 && !bare)
    words.push_back(carryName(term.carry) + lettersOf(term.carryLetters));
  return llvm::join(words, " ");
}

std::string Normal::text(const Sum &sum, bool bare,
                         llvm::function_ref<bool(const Term &)> pick) {
  std::map<std::string, double> products;
  for (const Term &term : sum.terms)
    if (!pick || pick(term))
      products[text(term, sum.shape.size(), bare)] += term.scale;
  std::string result;
  for (auto &[product, scale] : products) {
    if (scale == 0)
      continue;
    bool negative = scale < 0;
    result += result.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    double size = std::abs(scale);
    if (size != 1 || product.empty())
      result += number(size) + (product.empty() ? "" : " ");
    result += product;
  }
  return result;
}

SmallVector<std::string> Normal::ringOf(ArrayRef<RingTerm> terms) {
  SmallVector<std::string> result;
  for (const RingTerm &term : terms) {
    SmallVector<std::string> summands;
    if (term.carry >= 0)
      summands.push_back(carryName(term.carry));
    for (auto [value, times] : term.summands) {
      Factor f;
      f.value = value;
      summands.push_back((times == 1 ? "" : times == -1 ? "-" : std::to_string(times) + " ") +
                         named(f).text);
    }
    if (term.offset != 0 || summands.empty())
      summands.push_back(number(term.offset));
    llvm::sort(summands);
    result.push_back(llvm::join(summands, " + "));
  }
  llvm::sort(result);
  return result;
}

std::string Normal::run() {
  std::string result;
  for (auto [i, carry] : llvm::enumerate(component.carries)) {
    std::string line;
    auto add = [&](StringRef what, const std::string &text) {
      if (!text.empty())
        line += (line.empty() ? "" : "; ") + what.str() + " " + text;
    };
    unsigned rank = seqc::shapeOf(op.getCarryArgs()[carry].getType()).size();
    SmallVector<std::string> letters;
    for (unsigned d = 0; d < rank; ++d)
      letters.push_back(std::string(1, char('i' + d)));
    if (component.cls == Class::C7) {
      line = "unknown";
    } else if (!component.ring.empty()) {
      letters.clear();
      add(component.semiring == Semiring::MaxPlus   ? "max of"
          : component.semiring == Semiring::MinPlus ? "min of"
                                                    : "logaddexp of",
          llvm::join(ringOf(component.ring[i]), ", "));
    } else if (auto next = analysis.get(op.getYield().getCarries()[carry])) {
      auto keeps = [&](const Term &t) {
        return t.carry == int(carry) && t.carryLetters.size() == rank &&
               llvm::all_of(llvm::enumerate(t.carryLetters), [](auto pair) {
                 return pair.value() == int(pair.index());
               });
      };
      std::string kept = text(*next, true, keeps);
      add("keeps", kept);
      add("corrects", text(*next, false, [&](const Term &t) {
            return t.carry == int(carry) && !keeps(t);
          }));
      add("takes", text(*next, false, [&](const Term &t) {
            return t.carry >= 0 && t.carry != int(carry);
          }));
      add("writes", text(*next, false, [](const Term &t) { return t.carry < 0; }));
    } else {
      line = "too many terms";
    }
    result += (result.empty() ? "" : " | ") + carryName(carry) + bracketed(letters) +
              ": " + line;
  }
  return result;
}

std::string seqc::structure::normalFactors(RecurrenceOp op,
                                           const Component &component) {
  return Normal(op, component).run();
}
