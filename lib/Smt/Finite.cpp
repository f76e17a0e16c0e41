//===- Finite.cpp - Choices among finitely many values --------------------===//

#include "seqc/lib/Smt/Finite.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <string>
#include <vector>
#include <z3++.h>

using namespace seqc::smt;
using Term = Finite::Term;

namespace {
/// An expression, and between which numbers it is; truth values have no width.
struct Number {
  z3::expr e;
  int64_t least = 0, most = 0;
};

/// Bits of a signed number that holds both.
unsigned bitsOf(int64_t least, int64_t most) {
  auto bits = [](int64_t v) {
    return v < 0 ? 65 - llvm::countl_one(uint64_t(v)) : 65 - llvm::countl_zero(uint64_t(v));
  };
  return std::min<unsigned>(64, std::max(bits(least), bits(most)));
}

int64_t saturated(__int128 v) {
  constexpr int64_t bound = int64_t(1) << 61;
  return v > bound ? bound : v < -bound ? -bound : int64_t(v);
}
} // namespace

struct Finite::Impl {
  z3::context z3;
  z3::solver solver;
  unsigned effort;
  std::vector<Number> terms;
  struct Choice {
    unsigned n;
    z3::expr index;
  };
  std::vector<Choice> choices;
  std::vector<std::pair<unsigned, z3::expr>> named;
  unsigned fresh = 0, questions = 0;

  explicit Impl(unsigned effort) : solver(z3, "QF_FD"), effort(effort) {
    z3::params params(z3);
    params.set("rlimit", effort);
    params.set("random_seed", 1u);
    solver.set(params);
  }

  Term add(const z3::expr &e, int64_t least = 0, int64_t most = 1) {
    terms.push_back({e, least, most});
    return terms.size() - 1;
  }
  /// The number with `bits`.
  z3::expr wide(const Number &a, unsigned bits) {
    unsigned own = a.e.get_sort().bv_size();
    return own < bits ? z3::sext(a.e, bits - own) : a.e;
  }
  z3::expr value(int64_t v, unsigned bits) { return z3.bv_val(v, bits); }
  /// Both numbers at a width that also holds least .. most.
  std::pair<z3::expr, z3::expr> both(Term a, Term b, int64_t least, int64_t most) {
    const Number &x = terms[a], &y = terms[b];
    unsigned bits = bitsOf(std::min({x.least, y.least, least}),
                           std::max({x.most, y.most, most}));
    return {wide(x, bits), wide(y, bits)};
  }
  z3::expr literal(const char *kind) {
    return z3.bool_const((kind + std::to_string(fresh++)).c_str());
  }
  z3::expr mux(llvm::ArrayRef<unsigned> over, llvm::ArrayRef<int64_t> entries,
               unsigned bits);
  z3::expr muxBits(llvm::ArrayRef<z3::expr> leaves, const z3::expr &index, unsigned bit);
  z3::check_result check(std::vector<z3::expr> assumptions);
};

Finite::Finite(unsigned effort) : impl(std::make_unique<Impl>(effort)) {}
Finite::~Finite() = default;

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

unsigned Finite::choice(unsigned n) {
  unsigned bits = std::max(1u, llvm::Log2_32_Ceil(n));
  std::string name = "choice" + std::to_string(impl->choices.size());
  z3::expr index = impl->z3.bv_const(name.c_str(), bits);
  if (n < (1u << bits))
    impl->solver.add(z3::ult(index, impl->z3.bv_val(n, bits)));
  impl->choices.push_back({n, index});
  return impl->choices.size() - 1;
}

Term Finite::index(unsigned choice) {
  const Impl::Choice &c = impl->choices[choice];
  return impl->add(z3::zext(c.index, 1), 0, int64_t(c.n) - 1);
}

Term Finite::constant(int64_t v) { return impl->add(impl->value(v, bitsOf(v, v)), v, v); }

/// One of `leaves` by the bits of `index` below `bit`; absent ones do not occur.
z3::expr Finite::Impl::muxBits(llvm::ArrayRef<z3::expr> leaves, const z3::expr &index,
                               unsigned bit) {
  if (leaves.size() == 1)
    return leaves[0];
  size_t half = size_t(1) << (bit - 1);
  if (leaves.size() <= half)
    return muxBits(leaves, index, bit - 1);
  z3::expr low = muxBits(leaves.take_front(half), index, bit - 1);
  z3::expr high = muxBits(leaves.drop_front(half), index, bit - 1);
  if (z3::eq(low, high))
    return low;
  return z3::ite(index.extract(bit - 1, bit - 1) == z3.bv_val(1, 1), high, low);
}

z3::expr Finite::Impl::mux(llvm::ArrayRef<unsigned> over, llvm::ArrayRef<int64_t> entries,
                           unsigned bits) {
  if (over.empty())
    return value(entries[0], bits);
  const Choice &choice = choices[over[0]];
  size_t each = entries.size() / choice.n;
  std::vector<z3::expr> leaves;
  for (unsigned i = 0; i < choice.n; ++i)
    leaves.push_back(mux(over.drop_front(), entries.slice(i * each, each), bits));
  return muxBits(leaves, choice.index, choice.index.get_sort().bv_size());
}

Term Finite::table(llvm::ArrayRef<unsigned> choices, llvm::ArrayRef<int64_t> entries) {
  auto [least, most] = std::minmax_element(entries.begin(), entries.end());
  return impl->add(impl->mux(choices, entries, bitsOf(*least, *most)), *least, *most);
}

Term Finite::truth(Term a) {
  const Number x = impl->terms[a];
  return impl->add(x.e != impl->value(0, x.e.get_sort().bv_size()));
}

Term Finite::add(Term a, Term b) {
  const Number &x = impl->terms[a], &y = impl->terms[b];
  int64_t least = saturated(__int128(x.least) + y.least);
  int64_t most = saturated(__int128(x.most) + y.most);
  auto [l, r] = impl->both(a, b, least, most);
  return impl->add(l + r, least, most);
}

Term Finite::sub(Term a, Term b) {
  const Number &x = impl->terms[a], &y = impl->terms[b];
  int64_t least = saturated(__int128(x.least) - y.most);
  int64_t most = saturated(__int128(x.most) - y.least);
  auto [l, r] = impl->both(a, b, least, most);
  return impl->add(l - r, least, most);
}

Term Finite::mul(Term a, Term b) {
  const Number &x = impl->terms[a], &y = impl->terms[b];
  auto corners = {__int128(x.least) * y.least, __int128(x.least) * y.most,
                  __int128(x.most) * y.least, __int128(x.most) * y.most};
  int64_t least = saturated(std::min(corners)), most = saturated(std::max(corners));
  auto [l, r] = impl->both(a, b, least, most);
  return impl->add(l * r, least, most);
}

Term Finite::div(Term a, Term b) {
  int64_t least = impl->terms[a].least / std::max<int64_t>(1, impl->terms[b].most);
  int64_t most = impl->terms[a].most / std::max<int64_t>(1, impl->terms[b].least);
  auto [l, r] = impl->both(a, b, least, most);
  return impl->add(z3::udiv(l, r), least, most);
}

Term Finite::rem(Term a, Term b) {
  int64_t most = std::min(impl->terms[a].most, impl->terms[b].most - 1);
  auto [l, r] = impl->both(a, b, 0, most);
  return impl->add(z3::urem(l, r), 0, most);
}

Term Finite::lessEqual(Term a, Term b) {
  auto [l, r] = impl->both(a, b, 0, 0);
  return impl->add(l <= r);
}

Term Finite::equal(Term a, Term b) {
  auto [l, r] = impl->both(a, b, 0, 0);
  return impl->add(l == r);
}

Term Finite::negation(Term a) { return impl->add(!impl->terms[a].e); }

Term Finite::select(Term condition, Term a, Term b) {
  const z3::expr c = impl->terms[condition].e;
  const Number x = impl->terms[a], y = impl->terms[b];
  if (x.e.is_bool())
    return impl->add(z3::ite(c, x.e, y.e));
  auto [l, r] = impl->both(a, b, 0, 0);
  return impl->add(z3::ite(c, l, r), std::min(x.least, y.least), std::max(x.most, y.most));
}

int64_t Finite::least(Term number) const { return impl->terms[number].least; }
int64_t Finite::most(Term number) const { return impl->terms[number].most; }
unsigned Finite::questions() const { return impl->questions; }

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

void Finite::always(Term holds) { impl->solver.add(impl->terms[holds].e); }

void Finite::require(unsigned name, Term holds) {
  z3::expr literal = impl->literal("requirement");
  impl->solver.add(z3::implies(literal, impl->terms[holds].e));
  impl->named.push_back({name, literal});
}

z3::check_result Finite::Impl::check(std::vector<z3::expr> assumptions) {
  ++questions;
  z3::expr_vector all(z3);
  for (const z3::expr &e : assumptions)
    all.push_back(e);
  return solver.check(all);
}

static Finite::Verdict verdictOf(z3::check_result result) {
  return result == z3::sat     ? Finite::Verdict::Found
         : result == z3::unsat ? Finite::Verdict::Impossible
                               : Finite::Verdict::Unknown;
}

Finite::Verdict Finite::below(Term cost, int64_t bound,
                              llvm::ArrayRef<unsigned> dropped) {
  std::vector<z3::expr> assumptions;
  for (auto &[name, literal] : impl->named)
    if (!llvm::is_contained(dropped, name))
      assumptions.push_back(literal);
  const Number c = impl->terms[cost];
  if (bound <= c.least)
    return Verdict::Impossible;
  if (bound <= c.most) {
    z3::expr lower = impl->literal("lower");
    impl->solver.add(
        z3::implies(lower, c.e <= impl->value(bound - 1, c.e.get_sort().bv_size())));
    assumptions.push_back(lower);
  }
  return verdictOf(impl->check(assumptions));
}

Finite::Verdict Finite::minimise(Term cost, llvm::ArrayRef<unsigned> dropped,
                                 llvm::SmallVectorImpl<unsigned> &picks,
                                 llvm::SmallVectorImpl<unsigned> &core) {
  std::vector<z3::expr> hard;
  std::vector<unsigned> names;
  for (auto &[name, literal] : impl->named)
    if (!llvm::is_contained(dropped, name)) {
      hard.push_back(literal);
      names.push_back(name);
    }
  z3::check_result first = impl->check(hard);
  if (first == z3::unknown)
    return Verdict::Unknown;
  if (first == z3::unsat) {
    // Without each in turn: what stays impossible did not need it.
    for (size_t i = 0; i < hard.size();) {
      std::vector<z3::expr> others = hard;
      others.erase(others.begin() + i);
      z3::check_result without = impl->check(others);
      if (without == z3::unknown)
        return Verdict::Unknown;
      if (without == z3::unsat) {
        hard = std::move(others);
        names.erase(names.begin() + i);
      } else {
        ++i;
      }
    }
    core.assign(names.begin(), names.end());
    return Verdict::Impossible;
  }

  const Number c = impl->terms[cost];
  unsigned bits = c.e.get_sort().bv_size();
  picks.assign(impl->choices.size(), 0);
  int64_t best = 0, floor = c.least;
  auto take = [&] {
    z3::model model = impl->solver.get_model();
    for (auto [pick, choice] : llvm::zip(picks, impl->choices))
      pick = model.eval(choice.index, true).get_numeral_uint();
    uint64_t raw = model.eval(c.e, true).get_numeral_uint64();
    best = bits < 64 ? llvm::SignExtend64(raw, bits) : int64_t(raw);
  };
  take();
  auto with = [&](const z3::expr &claim) {
    std::vector<z3::expr> all = hard;
    z3::expr literal = impl->literal("bound");
    impl->solver.add(z3::implies(literal, claim));
    all.push_back(literal);
    return impl->check(all);
  };
  while (floor < best) {
    int64_t middle = floor + (best - floor) / 2;
    switch (with(c.e <= impl->value(middle, bits))) {
    case z3::sat:
      take();
      break;
    case z3::unsat:
      floor = middle + 1;
      break;
    case z3::unknown:
      return Verdict::Unknown;
    }
  }
  // Ties: the earliest value of each choice in turn.
  z3::expr fixed = c.e == impl->value(best, bits);
  for (unsigned i = 0; i < picks.size(); ++i) {
    const Impl::Choice choice = impl->choices[i];
    unsigned width = choice.index.get_sort().bv_size();
    while (picks[i] > 0) {
      z3::check_result earlier =
          with(fixed && z3::ult(choice.index, impl->z3.bv_val(picks[i], width)));
      if (earlier == z3::unknown)
        return Verdict::Unknown;
      if (earlier == z3::unsat)
        break;
      take();
    }
    fixed = fixed && choice.index == impl->z3.bv_val(picks[i], width);
  }
  return Verdict::Found;
}
