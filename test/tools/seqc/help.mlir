// Help for newcomers, and messages for those who mistype.
// RUN: seqc --help | FileCheck %s --check-prefix=HELP
// RUN: seqc run --help | FileCheck %s --check-prefix=RUN-HELP
// RUN: seqc compile --help | FileCheck %s --check-prefix=COMPILE-HELP
// RUN: seqc targets | FileCheck %s --check-prefix=TARGETS
// RUN: not seqc 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not seqc run 2>&1 | FileCheck %s --check-prefix=NOFILE
// RUN: not seqc run nothing.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: seqc bench --ceilings | FileCheck %s --check-prefix=CEILINGS

// HELP: seqc: a compiler for sequence operators
// HELP: seqc run FILE --check
// RUN-HELP: --bind=
// RUN-HELP: --check
// COMPILE-HELP: --emit=
// TARGETS: cpu this machine
// NONE: seqc: error: no command given
// NOFILE: seqc: error: no input file given
// MISSING: seqc: error: {{.*}}nothing.mlir
// CEILINGS: copy {{.*}} GB/s, multiply-adds {{.*}} GFLOP/s
