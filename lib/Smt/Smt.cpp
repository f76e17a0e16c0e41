//===- Smt.cpp - Real arithmetic for a solver -----------------------------===//

#include "seqc/lib/Smt/Smt.h"

#include <cmath>

#include <vector>
#include <z3++.h>

using namespace seqc::smt;

struct Context::Impl {
  z3::context z3;
  std::vector<z3::expr> terms;
  std::vector<z3::expr> assumptions;
  std::map<std::string, Term> names;

  Term add(const z3::expr &e) {
    terms.push_back(e);
    return terms.size() - 1;
  }
};

Context::Context() : impl(std::make_unique<Impl>()) {}
Context::~Context() = default;

Term Context::real(llvm::StringRef name) {
  auto [it, isNew] = impl->names.try_emplace(name.str(), 0);
  if (isNew)
    it->second = impl->add(impl->z3.real_const(name.str().c_str()));
  return it->second;
}

Term Context::number(double value) {
  // Exactly: a numerator and a power of two.
  int exponent;
  double fraction = std::frexp(value, &exponent);
  auto numerator = static_cast<int64_t>(fraction * 0x1p53);
  exponent -= 53;
  z3::expr n = impl->z3.real_val(std::to_string(numerator).c_str());
  z3::expr two = impl->z3.real_val(2);
  z3::expr scale = z3::pw(two, impl->z3.real_val(std::abs(exponent)));
  return impl->add((exponent < 0 ? n / scale : n * scale).simplify());
}

Term Context::boolean(bool value) { return impl->add(impl->z3.bool_val(value)); }

#define SEQC_BINARY(NAME, EXPR)                                                \
  Term Context::NAME(Term a, Term b) {                                         \
    const z3::expr x = impl->terms[a], y = impl->terms[b];                     \
    return impl->add(EXPR);                                                    \
  }
SEQC_BINARY(add, x + y)
SEQC_BINARY(sub, x - y)
SEQC_BINARY(mul, x *y)
SEQC_BINARY(div, x / y)
SEQC_BINARY(less, x < y)
SEQC_BINARY(lessEqual, x <= y)
SEQC_BINARY(equal, x == y)
SEQC_BINARY(both, x &&y)
SEQC_BINARY(either, x || y)
#undef SEQC_BINARY

Term Context::ite(Term condition, Term a, Term b) {
  return impl->add(
      z3::ite(impl->terms[condition], impl->terms[a], impl->terms[b]));
}
Term Context::negation(Term a) { return impl->add(!impl->terms[a]); }
void Context::assume(Term claim) {
  impl->assumptions.push_back(impl->terms[claim]);
}

Answer Context::prove(Term claim, unsigned effort,
                      std::map<std::string, double> *model) {
  z3::solver solver(impl->z3);
  z3::params params(impl->z3);
  params.set("rlimit", effort);
  params.set("random_seed", 1u);
  solver.set(params);
  for (const z3::expr &assumption : impl->assumptions)
    solver.add(assumption);
  solver.add(!impl->terms[claim]);
  switch (solver.check()) {
  case z3::unsat:
    return Answer::Valid;
  case z3::unknown:
    return Answer::Unknown;
  case z3::sat:
    break;
  }
  if (model) {
    z3::model found = solver.get_model();
    for (auto &[name, term] : impl->names) {
      z3::expr value = found.eval(impl->terms[term], true);
      std::string text = value.get_decimal_string(17);
      if (!text.empty() && text.back() == '?')
        text.pop_back();
      (*model)[name] = std::strtod(text.c_str(), nullptr);
    }
  }
  return Answer::Invalid;
}
