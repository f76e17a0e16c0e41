//===- Prove.cpp - seqc prove ---------------------------------------------===//

#include "Driver.h"

#include "seqc/lib/Proof/Monoid.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;
namespace cl = llvm::cl;

static cl::list<std::string> files(cl::Positional, cl::desc("FILE..."),
                                   cl::sub(proveCommand));

/// Prints the obligations of one file; counts those refuted.
static llvm::Error prove(const std::string &file, unsigned &refuted) {
  auto source = parse(file);
  if (!source)
    return source.takeError();
  auto &os = llvm::outs();
  os << file << "\n";
  bool any = false;
  for (auto func : source->module->getOps<func::FuncOp>())
    func.walk([&](ScanOp scan) {
      for (const proof::Obligation &o : proof::proveMonoid(scan)) {
        any = true;
        refuted += o.verdict == proof::Verdict::Refuted;
        os << "  " << llvm::left_justify(proof::verdictName(o.verdict), 8) << " "
           << func.getName() << ": " << o.claim;
        if (!o.detail.empty())
          os << " (" << o.detail << ")";
        os << "\n";
      }
    });
  if (!any)
    os << "  nothing to prove: no scans\n";
  return llvm::Error::success();
}

int seqc::driver::runProve() {
  if (files.empty())
    return report(llvm::createStringError("no input file given"));
  unsigned refuted = 0;
  int status = 0;
  for (const std::string &file : files)
    if (llvm::Error e = prove(file, refuted))
      status = report(std::move(e));
  return refuted ? 1 : status;
}
