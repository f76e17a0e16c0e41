//===- CheckMonoids.cpp - Combine regions have to be associative ----------===//

#include "seqc/lib/Proof/Monoid.h"
#include "seqc/passes/Structure/Passes.h"

namespace seqc {
#define GEN_PASS_DEF_CHECKMONOIDS
#include "seqc/passes/Structure/Passes.h.inc"
} // namespace seqc

using namespace mlir;
using namespace seqc;

namespace {
struct CheckMonoids : seqc::impl::CheckMonoidsBase<CheckMonoids> {
  using CheckMonoidsBase::CheckMonoidsBase;
  void runOnOperation() override {
    bool failed = false;
    getOperation()->walk([&](ScanOp scan) {
      for (const proof::Obligation &o :
           solver ? proof::proveMonoid(scan) : proof::testMonoid(scan)) {
        if (o.verdict == proof::Verdict::Refuted) {
          emitError(scan.getLoc())
              << "refuted: " << o.claim << ": " << o.detail;
          failed = true;
        } else if (solver && o.verdict == proof::Verdict::Unknown) {
          // What follows may run it one token after the other.
          scan->setAttr("seqc.unproved", UnitAttr::get(&getContext()));
          InFlightDiagnostic said =
              keep ? emitWarning(scan.getLoc()) : emitRemark(scan.getLoc());
          said << "not proved: " << o.claim << ": " << o.detail
               << (keep ? "; the scan stays as asked for"
                        : "; the scan runs one token after the other unless --form=scan");
        }
      }
    });
    if (failed)
      signalPassFailure();
  }
};
} // namespace
