//===- Solver.cpp - Tests of the solver of tiles --------------------------===//
//
// Random problems, each solved by Z3 and by trying every point.
//
//===----------------------------------------------------------------------===//

#include "seqc/lib/Solver/Solver.h"
#include "seqc/passes/Pipelines/Register.h"
#include "seqc/passes/Structure/Passes.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace seqc;
using namespace seqc::solver;
using tile::Expr;

namespace {
struct SolverTest : testing::Test {
  SolverTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = ModuleOp::create(UnknownLoc::get(&context));
  }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

/// A problem with up to five knobs and 100,000 points.
tile::ProblemOp randomProblem(OpBuilder &b, Location loc, std::mt19937 &random) {
  auto below = [&](int64_t n) { return int64_t(random() % uint64_t(n)); };
  tile::ProblemBuilder p(b, loc, "p");
  std::vector<Expr> values;
  int64_t points = 1;
  unsigned knobs = 1 + below(5);
  for (unsigned i = 0; i < knobs; ++i) {
    std::string name(1, char('a' + i));
    int64_t most = std::min<int64_t>(60, 100'000 / points);
    int64_t n = 1 + below(std::min<int64_t>(most, 12));
    if (below(2)) {
      int64_t first = below(50), step = below(2) ? 1 : -1;
      int64_t last = std::max<int64_t>(0, first + step * (n - 1));
      n = std::abs(last - first) + 1;
      values.push_back(p.knob(name, first, last));
    } else {
      SmallVector<int64_t> table;
      while (int64_t(table.size()) < n)
        if (int64_t v = below(100); !llvm::is_contained(table, v))
          table.push_back(v);
      values.push_back(p.knob(name, table));
    }
    points *= n;
  }
  auto any = [&] { return values[below(values.size())]; };
  unsigned operations = 3 + below(8);
  for (unsigned i = 0; i < operations; ++i) {
    Expr x = any(), y = below(3) ? any() : Expr(1 + below(40));
    switch (below(9)) {
    case 0:
      values.push_back(x + y);
      break;
    case 1:
      values.push_back(x - y);
      break;
    case 2:
      values.push_back(min(x, Expr(300)) * min(y, Expr(300)));
      break;
    case 3:
      values.push_back(max(x, 0) / max(y, 1));
      break;
    case 4:
      values.push_back(ceilDiv(max(x, 0), max(y, 1)));
      break;
    case 5:
      values.push_back(max(x, 0) % max(y, 1));
      break;
    case 6:
      values.push_back(min(x, y));
      break;
    case 7:
      values.push_back(max(x, y));
      break;
    case 8:
      values.push_back(ifAtMost(x, y, any(), any()));
      break;
    }
  }
  unsigned constraints = below(4);
  for (unsigned i = 0; i < constraints; ++i) {
    Expr left = any(), right = below(2) ? any() : Expr(below(200));
    if (below(4))
      p.atMost("c" + std::to_string(i), left, right, "{0} is above {1}");
    else
      p.equal("c" + std::to_string(i), left, right, "{0} is not {1}");
  }
  p.minimize(any(), 1);
  return p.problem();
}
} // namespace

TEST_F(SolverTest, AgreesWithEnumeration) {
  std::mt19937 random(20);
  unsigned solved = 0, infeasible = 0;
  for (int i = 0; i < 150; ++i) {
    OpBuilder b(module->getBodyRegion());
    tile::ProblemOp op = randomProblem(b, module->getLoc(), random);
    ASSERT_TRUE(succeeded(verify(op)));
    Problem problem(op);
    ASSERT_LE(problem.points(), 250'000);
    Answer tried = enumerate(problem), found = solve(problem, /*few=*/0);
    ASSERT_NE(found.status, Answer::Status::Unknown) << i << ": " << found.reason;
    ASSERT_EQ(found.status, tried.status) << i;
    if (found.status == Answer::Status::Solved) {
      ++solved;
      EXPECT_EQ(found.cost, tried.cost) << i;
      EXPECT_EQ(found.point, tried.point) << i;
      EXPECT_EQ(solve(problem).point, tried.point) << i;
    } else {
      ++infeasible;
      // The core clashes, and none of it can be left out.
      auto possible = [&](ArrayRef<unsigned> wanted) {
        bool any = false;
        problem.forEach([&](ArrayRef<int64_t>, const Values &values) {
          any |= values[problem.cost] && llvm::all_of(wanted, [&](unsigned c) {
                   return values[problem.constraints[c].holds].value_or(0) != 0;
                 });
        });
        return any;
      };
      EXPECT_FALSE(possible(found.core)) << i;
      for (unsigned leave : found.core) {
        SmallVector<unsigned> others;
        for (unsigned c : found.core)
          if (c != leave)
            others.push_back(c);
        EXPECT_TRUE(possible(others)) << i;
      }
    }
    op.erase();
  }
  EXPECT_GT(solved, 50u);
  EXPECT_GT(infeasible, 20u);
}

TEST_F(SolverTest, BindingIsWhatMakesItDearer) {
  OpBuilder b(module->getBodyRegion());
  tile::ProblemBuilder p(b, module->getLoc(), "p");
  Expr n = p.knob("n", 1, 100);
  p.atMost("tight", n, 40, "{0} is above {1}");
  p.atMost("loose", n, 90, "{0} is above {1}");
  p.minimize(Expr(1000) - n, 1);
  Problem problem(p.problem());
  Answer answer = solve(problem);
  ASSERT_EQ(answer.status, Answer::Status::Solved);
  EXPECT_EQ(answer.point[0], 40);
  EXPECT_EQ(answer.cost, 960);
  EXPECT_EQ(bindingConstraints(problem, answer), SmallVector<unsigned>{0});
}

/// The problems that the program's operations state on some machines, by Z3 alone and by
/// trying every point; how many there are.
static unsigned compareStated(MLIRContext &context, StringRef text, bool chunks) {
  unsigned problems = 0;
  for (StringRef machine : {"x86-64-v3", "x86-64-v4", "znver5", "sapphirerapids"}) {
    auto stated = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(stated) << text.str();
    PassManager pm(&context);
    if (chunks)
      pm.addPass(createRecurrenceToLinear());
    PoseTilesOptions pose;
    pose.machine = machine.str();
    pose.chunks = chunks;
    pm.addPass(createPoseTiles(pose));
    if (!stated || failed(pm.run(*stated))) {
      ADD_FAILURE() << text.str();
      return 0;
    }
    for (auto op : stated->getOps<tile::ProblemOp>()) {
      ++problems;
      Problem problem(op);
      Answer tried = enumerate(problem), found = solve(problem, /*few=*/0);
      EXPECT_EQ(found.status, Answer::Status::Solved) << problem.what;
      EXPECT_EQ(found.point, tried.point) << problem.what;
      EXPECT_EQ(found.cost, tried.cost) << problem.what;
    }
  }
  return problems;
}

TEST_F(SolverTest, StatedChunksAgreeWithEnumeration) {
  unsigned problems = 0;
  for (int64_t size : {1, 16, 48, 64, 128, 256, 1024}) {
    std::string k = std::to_string(size);
    for (bool vector : {false, true}) {
      std::string token = "tensor<" + k + "xf32>", state = "tensor<" + k + "x" + k + "xf32>",
                  gate = vector ? token : "f32", gates = vector ? "?x" + k : "?",
                  rows = "tensor<?x" + k + "xf32>";
      problems += compareStated(
          context,
          "func.func @f(%x: " + rows + ", %g: tensor<" + gates + "xf32> {seqc.range = \"<= 0\"}, "
          "%s0: " + state + ") -> " + rows + " {\n"
          "  %y, %sT = seqc.recurrence seq(%x, %g : (t)) carry(%s0 : ()) {\n"
          "  ^step(%xt: " + token + ", %gt: " + gate + ", %s: " + state + "):\n"
          "    %a = math.exp %gt : " + gate + "\n"
          "    %old = seqc.einsum \"" + (vector ? "k" : "") + ",kv->kv\"(%a, %s)\n"
          "    %w = seqc.einsum \"k,v->kv\"(%xt, %xt)\n"
          "    %n = arith.addf %old, %w : " + state + "\n"
          "    %o = seqc.einsum \"k,kv->v\"(%xt, %n)\n"
          "    seqc.yield out(%o) carry(%n)\n"
          "  }\n  return %y : " + rows + "\n}\n",
          /*chunks=*/true);
    }
  }
  EXPECT_EQ(problems, 56u);
}

TEST_F(SolverTest, StatedScansAndLanesAgreeWithEnumeration) {
  unsigned problems = 0;
  for (std::string type : {"f32", "f64"})
    problems += compareStated(
        context,
        "func.func @f(%x: tensor<?x" + type + ">, %z: tensor<?x?x" + type + ">, "
        "%s0: tensor<?x" + type + ">) -> (tensor<?x" + type + ">, tensor<?x?x" + type + ">) {\n"
        "  %zero = arith.constant 0.0 : " + type + "\n"
        "  %y = seqc.scan seq(%x : (t)) identity(%zero) {\n"
        "  ^combine(%l: " + type + ", %r: " + type + "):\n"
        "    %s = arith.addf %l, %r : " + type + "\n"
        "    seqc.yield out(%s)\n"
        "  }\n"
        "  %w, %sT = seqc.recurrence seq(%z : (t, d)) carry(%s0 : (d)) {\n"
        "  ^step(%zt: " + type + ", %s: " + type + "):\n"
        "    %n = arith.mulf %s, %zt : " + type + "\n"
        "    seqc.yield out(%n) carry(%n)\n"
        "  }\n"
        "  return %y, %w : tensor<?x" + type + ">, tensor<?x?x" + type + ">\n}\n",
        /*chunks=*/false);
  EXPECT_EQ(problems, 16u);
}
