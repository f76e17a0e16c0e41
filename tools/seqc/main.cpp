//===- main.cpp - The seqc command line -----------------------------------===//

#include "Driver.h"

#include "llvm/Support/InitLLVM.h"

using namespace seqc::driver;

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // LLVM's own options belong to no command.
  llvm::cl::OptionCategory none("");
  llvm::cl::HideUnrelatedOptions(none);
  llvm::cl::ParseCommandLineOptions(
      argc, argv,
      "seqc: a compiler for sequence operators\n\n"
      "  seqc run FILE --check        run an example and compare with the reference\n"
      "  seqc compile FILE -o OUT     a shared library with a C interface\n"
      "  seqc explain FILE            what the compiler sees in it\n"
      "  seqc prove FILE...           prove what compilation relies on\n"
      "  seqc bench FILE...           time files beside what the machine can do\n"
      "  seqc targets                 what code can be made for\n"
      "  seqc COMMAND --help          the options of a command\n");
  if (compileCommand)
    return runCompile();
  if (runCommand)
    return runRun();
  if (explainCommand)
    return runExplain();
  if (proveCommand)
    return runProve();
  if (benchCommand)
    return runBench();
  if (targetsCommand)
    return runTargets();
  llvm::errs() << "seqc: error: no command given; expected run, compile, explain, "
                  "prove, bench or targets (seqc --help)\n";
  return 2;
}
