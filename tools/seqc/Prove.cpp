//===- Prove.cpp - seqc prove ---------------------------------------------===//

#include "Driver.h"

#include "seqc/passes/Pipelines/Proofs.h"

using namespace mlir;
using namespace seqc;
using namespace seqc::driver;
namespace cl = llvm::cl;

static cl::list<std::string> files(cl::Positional, cl::desc("FILE..."),
                                   cl::sub(proveCommand));

static cl::opt<std::string>
    equalTo("equal",
            cl::desc("Only prove that each entry of this file, at any stage that the "
                     "interpreter runs, equals that of FILE"),
            cl::value_desc("OTHER"), cl::sub(proveCommand));

static void print(StringRef entry, const proof::Obligation &o) {
  llvm::outs() << "  " << llvm::left_justify(proof::verdictName(o.verdict), 8) << " "
               << entry << ": " << o.claim;
  if (!o.detail.empty())
    llvm::outs() << " (" << o.detail << ")";
  llvm::outs() << "\n";
  llvm::outs().flush();
}

/// The entries of `other`, by name, against those of `source`.
static llvm::Error proveEquality(Source &source, Source &other, unsigned &refuted) {
  for (auto func : source.module->getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isDeclaration())
      continue;
    auto same = findEntry(*other.module, func.getName());
    if (!same)
      return same.takeError();
    if (same->getNumArguments() != func.getNumArguments() ||
        same->getNumResults() != func.getNumResults())
      return llvm::createStringError("'" + func.getName() + "' has " +
                                     Twine(same->getNumArguments()) + " arguments and " +
                                     Twine(same->getNumResults()) + " results in '" +
                                     equalTo + "', expected " +
                                     Twine(func.getNumArguments()) + " and " +
                                     Twine(func.getNumResults()));
    proof::Obligation o = proveEqual(func, *same);
    o.claim = equalTo + " " + o.claim;
    refuted += o.verdict == proof::Verdict::Refuted;
    print(func.getName(), o);
  }
  return llvm::Error::success();
}

/// Prints the obligations of one file; counts those refuted.
static llvm::Error prove(const std::string &file, unsigned &refuted) {
  auto source = parse(file);
  if (!source)
    return source.takeError();
  llvm::outs() << file << "\n";
  if (!equalTo.empty()) {
    auto other = parse(equalTo);
    if (!other)
      return other.takeError();
    return proveEquality(*source, *other, refuted);
  }
  bool any = false;
  for (auto func : source->module->getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isDeclaration())
      continue;
    for (const proof::Obligation &o : proveEntry(func)) {
      any = true;
      refuted += o.verdict == proof::Verdict::Refuted;
      print(func.getName(), o);
    }
  }
  if (!any)
    llvm::outs() << "  nothing to prove\n";
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
