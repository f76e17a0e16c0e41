//===- PoseTiles.cpp - States what there is to choose ---------------------===//

#include "seqc/dialects/Seq/ChosenTiles.h"
#include "seqc/dialects/Seq/Seq.h"
#include "seqc/dialects/Tile/TilingProblem.h"
#include "seqc/lib/Target/Machine.h"
#include "seqc/passes/Tiling/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <set>

namespace seqc {
#define GEN_PASS_DEF_POSETILES
#include "seqc/passes/Tiling/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

/// Parses NAME=VALUE.
static std::optional<std::pair<StringRef, int64_t>> parseFixed(StringRef text) {
  auto [name, number] = text.split('=');
  int64_t value;
  if (name.empty() || number.getAsInteger(10, value))
    return std::nullopt;
  return std::pair(name, value);
}

namespace {
struct PoseTiles : seqc::impl::PoseTilesBase<PoseTiles> {
  using PoseTilesBase::PoseTilesBase;

  /// Adds what the user says about the problem's knobs.
  void fix(tile::ProblemOp problem);
  /// Fixes one of them.
  void fix(tile::KnobOp knob, const Twine &name, int64_t value);
  /// Takes note of the knobs of problems that are there already.
  void note(tile::ProblemOp problem);

  void runOnOperation() override {
    known.clear();
    applied.clear();
    ModuleOp module = getOperation();
    auto found = machineFor(machine, lanes);
    if (!found) {
      emitError(module.getLoc()) << llvm::toString(found.takeError());
      return signalPassFailure();
    }
    for (const std::string &text : tiles)
      if (!parseFixed(text)) {
        emitError(module.getLoc()) << "the tile '" << text << "' is not NAME=VALUE";
        return signalPassFailure();
      }
    SymbolTable symbols(module);
    OpBuilder b(&getContext());
    llvm::StringMap<StringAttr> posed;
    SmallVector<tile::TilingProblemOpInterface> ops;
    module.walk([&](tile::TilingProblemOpInterface op) {
      if (chunks == isa<LinearRecurrenceOp>(op))
        ops.push_back(op);
    });
    for (tile::ProblemOp problem : module.getOps<tile::ProblemOp>())
      note(problem);
    for (tile::TilingProblemOpInterface op : ops) {
      b.setInsertionPointToEnd(module.getBody());
      tile::ProblemBuilder builder(b, op.getLoc(), chunks ? "chunks" : "tiles");
      tile::ProblemOp problem = builder.problem();
      if (!op.poseTiles(builder, *found)) {
        problem.erase();
        continue;
      }
      // The same problem need not be solved twice.
      std::string text;
      llvm::raw_string_ostream os(text);
      problem.print(os, OpPrintingFlags().assumeVerified().useLocalScope());
      StringAttr &name = posed[text];
      if (name) {
        problem.erase();
      } else {
        fix(problem);
        name = symbols.insert(problem);
      }
      op->setAttr("seqc.problem", FlatSymbolRefAttr::get(name));
    }
    // The last problems to come know all knobs.
    for (const std::string &text : tiles) {
      if (chunks || applied.contains(text))
        continue;
      StringRef knob = parseFixed(text)->first;
      InFlightDiagnostic diag = emitError(module.getLoc());
      if (llvm::is_contained(known, knob))
        diag << "the tile '" << text << "' is not among the values of any knob '" << knob
             << "'";
      else
        diag << "no tiles have a knob '" << knob << "', expected "
             << (known.empty() ? "none: there is nothing to choose"
                               : "one of: " + llvm::join(known, ", "));
      return signalPassFailure();
    }
  }

  /// Names of knobs, in the order in which they come.
  SmallVector<std::string> known;
  /// What the user fixed and some problem has.
  std::set<std::string> applied;
};
} // namespace

void PoseTiles::fix(tile::ProblemOp problem) {
  SmallVector<tile::KnobOp> knobs(problem.getBody().getOps<tile::KnobOp>());
  for (tile::KnobOp knob : knobs) {
    if (!llvm::is_contained(known, knob.getName()))
      known.push_back(knob.getName().str());
    for (const std::string &text : tiles) {
      auto [name, value] = *parseFixed(text);
      if (name != knob.getName())
        continue;
      SmallVector<int64_t> values = knob.values();
      if (!llvm::is_contained(values, value))
        continue; // this knob keeps its choice
      applied.insert(text);
      fix(knob, "given " + name, value);
    }
    if (length && knob.getName() == kChunkKnob) {
      SmallVector<int64_t> values = knob.values();
      if (!llvm::is_contained(values, length)) {
        values.push_back(length);
        knob.setTable(values);
      }
      fix(knob, "--chunk", length);
    }
  }
}

void PoseTiles::fix(tile::KnobOp knob, const Twine &name, int64_t value) {
  OpBuilder b(knob->getBlock()->getTerminator());
  Value wanted = arith::ConstantIndexOp::create(b, knob.getLoc(), value);
  tile::ConstraintOp::create(b, knob.getLoc(), name.str(), knob, tile::Relation::eq, wanted,
                             (knob.getName() + " is {0}, {1} is asked for").str(),
                             ValueRange());
}

void PoseTiles::note(tile::ProblemOp problem) {
  for (tile::KnobOp knob : problem.getBody().getOps<tile::KnobOp>())
    if (!llvm::is_contained(known, knob.getName()))
      known.push_back(knob.getName().str());
  for (tile::ConstraintOp given : problem.getBody().getOps<tile::ConstraintOp>())
    for (const std::string &text : tiles)
      if (given.getName() == ("given " + parseFixed(text)->first).str())
        applied.insert(text);
}
