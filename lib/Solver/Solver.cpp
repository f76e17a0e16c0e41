//===- Solver.cpp - The best legal tiles ----------------------------------===//
//
// Knobs become choices.  Whatever depends on few of them is tabulated and becomes a
// look-up, so that Z3 meets no products of unknowns where it need not.
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Solver/Solver.h"

#include "seqc/lib/Smt/Finite.h"

#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::solver;
using smt::Finite;

/// Entries of a table, and Z3's limit for one question.
static constexpr int64_t kEntries = 4096;
static constexpr unsigned kEffort = 20'000'000;

namespace {
class Encoder {
public:
  explicit Encoder(const Problem &problem) : problem(problem), smt(kEffort) {
    for (const Problem::Knob &knob : problem.knobs)
      smt.choice(knob.values.size());
    findSupports();
    terms.resize(problem.nodes.size());
  }
  /// False if some expression is beyond what can be encoded; `reason` says which.
  bool encode();
  Answer minimise(ArrayRef<unsigned> dropped = {});

  const Problem &problem;
  Finite smt;
  Finite::Term cost = 0;
  std::string reason;

private:
  void findSupports();
  std::optional<int64_t> entries(unsigned node);
  void tabulate(unsigned node);
  Finite::Term term(unsigned node);

  /// Knobs that a node depends on.
  std::vector<llvm::SmallBitVector> supports;
  std::vector<std::optional<Finite::Term>> terms;
};
} // namespace

void Encoder::findSupports() {
  for (const Problem::Node &node : problem.nodes) {
    llvm::SmallBitVector support(problem.knobs.size());
    if (node.kind == Problem::Kind::Knob)
      support.set(node.constant);
    for (unsigned operand : node.operands)
      support |= supports[operand];
    supports.push_back(support);
  }
}

/// Combinations of the knobs that a node depends on, if they are few.
std::optional<int64_t> Encoder::entries(unsigned node) {
  int64_t count = 1;
  for (unsigned knob : supports[node].set_bits()) {
    count *= problem.knobs[knob].values.size();
    if (count > kEntries)
      return std::nullopt;
  }
  return count;
}

void Encoder::tabulate(unsigned node) {
  SmallVector<unsigned> over(supports[node].set_bits());
  Point point;
  for (const Problem::Knob &knob : problem.knobs)
    point.push_back(knob.values[0]);
  std::vector<int64_t> table, defined;
  std::function<void(unsigned)> fill = [&](unsigned depth) {
    if (depth == over.size()) {
      auto value = problem.evaluate(point)[node];
      table.push_back(value.value_or(0));
      defined.push_back(value.has_value());
      return;
    }
    for (int64_t v : problem.knobs[over[depth]].values) {
      point[over[depth]] = v;
      fill(depth + 1);
    }
  };
  fill(0);
  // A point at which something has no value is no answer.
  if (llvm::is_contained(defined, 0))
    smt.always(smt.truth(smt.table(over, defined)));
  Finite::Term t = smt.table(over, table);
  terms[node] = problem.nodes[node].isTruth ? smt.truth(t) : t;
}

Finite::Term Encoder::term(unsigned number) {
  if (terms[number])
    return *terms[number];
  if (entries(number)) {
    tabulate(number);
    return *terms[number];
  }
  const Problem::Node &node = problem.nodes[number];
  using Kind = Problem::Kind;
  if (node.kind == Kind::Knob) {
    // A long range or table: look-ups of one knob.
    terms[number] = smt.table({unsigned(node.constant)},
                              problem.knobs[node.constant].values);
    return *terms[number];
  }
  SmallVector<Finite::Term> in;
  for (unsigned operand : node.operands)
    in.push_back(term(operand));
  auto make = [&]() -> Finite::Term {
    switch (node.kind) {
    case Kind::Add:
      return smt.add(in[0], in[1]);
    case Kind::Sub:
      return smt.sub(in[0], in[1]);
    case Kind::Mul:
      return smt.mul(in[0], in[1]);
    case Kind::Div:
    case Kind::CeilDiv:
    case Kind::Rem: {
      if (smt.least(in[0]) < 0 || smt.least(in[1]) < 1)
        reason = "a quotient of many knobs may have no value";
      if (node.kind == Kind::Rem)
        return smt.rem(in[0], in[1]);
      Finite::Term above = in[0];
      if (node.kind == Kind::CeilDiv)
        above = smt.add(above, smt.sub(in[1], smt.constant(1)));
      return smt.div(above, in[1]);
    }
    case Kind::Min:
    case Kind::Max: {
      Finite::Term less = smt.lessEqual(in[0], in[1]);
      return node.kind == Kind::Min ? smt.select(less, in[0], in[1])
                                    : smt.select(less, in[1], in[0]);
    }
    case Kind::Equal:
      return smt.equal(in[0], in[1]);
    case Kind::Unequal:
      return smt.negation(smt.equal(in[0], in[1]));
    case Kind::Less:
      return smt.negation(smt.lessEqual(in[1], in[0]));
    case Kind::LessEqual:
      return smt.lessEqual(in[0], in[1]);
    case Kind::Select:
      return smt.select(in[0], in[1], in[2]);
    case Kind::Constant:
    case Kind::Knob:
      break;
    }
    llvm_unreachable("covered switch");
  };
  Finite::Term made = make();
  if (!node.isTruth && (smt.most(made) >= int64_t(1) << 60 ||
                        smt.least(made) <= -(int64_t(1) << 60)))
    reason = "a number may exceed 60 bits";
  terms[number] = made;
  return made;
}

bool Encoder::encode() {
  for (auto [i, constraint] : llvm::enumerate(problem.constraints))
    smt.require(i, term(constraint.holds));
  cost = term(problem.cost);
  return reason.empty();
}

Answer Encoder::minimise(ArrayRef<unsigned> dropped) {
  Answer answer;
  SmallVector<unsigned> picks;
  switch (smt.minimise(cost, dropped, picks, answer.core)) {
  case Finite::Verdict::Unknown:
    answer.reason = "Z3's resource limit is not enough";
    break;
  case Finite::Verdict::Impossible:
    answer.status = Answer::Status::Infeasible;
    break;
  case Finite::Verdict::Found:
    for (auto [knob, pick] : llvm::zip(problem.knobs, picks))
      answer.point.push_back(knob.values[pick]);
    answer.status = Answer::Status::Solved;
  }
  answer.questions = smt.questions();
  return answer;
}

/// By how much a point breaks a constraint, as a part of what is allowed.
static double excess(const Problem &problem, unsigned constraint, const Values &values) {
  const Problem::Constraint &c = problem.constraints[constraint];
  auto left = values[c.values[0]], right = values[c.values[1]];
  if (!left || !right)
    return 1e30;
  double difference = double(*left) - double(*right);
  return std::abs(difference) / std::max(1.0, std::abs(double(*right)));
}

/// The point that breaks one constraint of the core, and that by the least.
static void findNearest(const Problem &problem, Answer &answer) {
  double least = 1e30;
  for (unsigned broken : answer.core) {
    Point &lacking = answer.lacking.emplace_back();
    // The same problem, whose cost is what the constraint lacks.
    Problem relaxed = problem;
    const Problem::Constraint &c = problem.constraints[broken];
    using Kind = Problem::Kind;
    auto node = [&](Kind kind, unsigned a, unsigned b) {
      relaxed.nodes.push_back({kind, {a, b}, 0, false});
      return unsigned(relaxed.nodes.size() - 1);
    };
    relaxed.cost = node(Kind::Sub, c.values[0], c.values[1]);
    if (c.equal)
      relaxed.cost = node(Kind::Max, relaxed.cost, node(Kind::Sub, c.values[1], c.values[0]));
    Encoder encoder(relaxed);
    if (!encoder.encode())
      continue;
    Answer found = encoder.minimise({broken});
    answer.questions += found.questions;
    if (found.status != Answer::Status::Solved)
      continue;
    lacking = found.point;
    double by = excess(problem, broken, problem.evaluate(found.point));
    if (by < least) {
      least = by;
      answer.point = found.point;
      answer.broken = broken;
    }
  }
}

Answer seqc::solver::solve(const Problem &problem, int64_t few) {
  Encoder encoder(problem);
  Answer answer;
  if (!encoder.encode()) {
    answer.reason = encoder.reason;
    return answer;
  }
  // Of few points the best is known: Z3 is only asked whether anything is below it.
  if (problem.points() <= few)
    answer = enumerate(problem);
  if (answer.status == Answer::Status::Solved &&
      encoder.smt.below(encoder.cost, answer.cost, {}) == Finite::Verdict::Impossible)
    answer.questions = encoder.smt.questions();
  else
    answer = encoder.minimise();
  if (answer.status == Answer::Status::Infeasible)
    findNearest(problem, answer);
  if (answer.status == Answer::Status::Solved) {
    // Without Z3.
    Values values = problem.evaluate(answer.point);
    if (!problem.isLegal(values)) {
      answer.status = Answer::Status::Unknown;
      answer.reason = "Z3's answer breaks a constraint";
    } else {
      answer.cost = *values[problem.cost];
    }
  }
  return answer;
}

Answer seqc::solver::enumerate(const Problem &problem) {
  Answer best;
  best.status = Answer::Status::Infeasible;
  problem.forEach([&](ArrayRef<int64_t> point, const Values &values) {
    if (!problem.isLegal(values) ||
        (best.status == Answer::Status::Solved && *values[problem.cost] >= best.cost))
      return;
    best.status = Answer::Status::Solved;
    best.point = Point(point);
    best.cost = *values[problem.cost];
  });
  return best;
}

SmallVector<unsigned> seqc::solver::bindingConstraints(const Problem &problem,
                                                       const Answer &answer) {
  SmallVector<unsigned> result;
  Encoder encoder(problem);
  if (!encoder.encode())
    return result;
  for (unsigned i = 0; i < problem.constraints.size(); ++i)
    if (encoder.smt.below(encoder.cost, answer.cost, {i}) == Finite::Verdict::Found)
      result.push_back(i);
  return result;
}

std::string seqc::solver::explainFailure(const Problem &problem, const Answer &answer) {
  if (answer.status == Answer::Status::Unknown)
    return "no answer for " + problem.what + ": " + answer.reason;
  std::string text = "no tiles for " + problem.what + ":";
  Point preferred;
  for (const Problem::Knob &knob : problem.knobs)
    preferred.push_back(knob.values[0]);
  bool first = true;
  for (auto [i, lacking] : llvm::zip(answer.core, answer.lacking)) {
    // What it lacks while the others hold.
    Values values = problem.evaluate(lacking.empty() ? preferred : lacking);
    text += (first ? " " : "; ") + problem.sentence(i, values);
    first = false;
  }
  if (answer.broken) {
    text += "; nearest:";
    for (auto [knob, value] : llvm::zip(problem.knobs, answer.point))
      text += " " + knob.name + "=" + std::to_string(value);
    if (answer.core.size() > 1)
      text += " breaks only '" + problem.constraints[*answer.broken].name + "'";
  }
  return text;
}
