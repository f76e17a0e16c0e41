// --entry: one function of several; private functions are none.
// RUN: seqc compile %s --emit=obj -o - | llvm-nm --defined-only -f just-symbols - | FileCheck %s --check-prefix=ALL
// RUN: seqc compile %s --entry=negate --emit=obj -o - --header=%t.h | llvm-nm --defined-only -f just-symbols - | FileCheck %s --check-prefix=ONE --implicit-check-not=double
// RUN: FileCheck %s --check-prefix=HEADER --implicit-check-not=double < %t.h
// RUN: seqc explain %s | FileCheck %s --check-prefix=EXPLAIN-ALL --implicit-check-not=hidden
// RUN: seqc explain %s --entry=double | FileCheck %s --check-prefix=EXPLAIN --implicit-check-not=negate
// RUN: seqc run %s --entry=double --check | FileCheck %s --check-prefix=RUN-DOUBLE
// RUN: seqc run %s --entry=negate --check | FileCheck %s --check-prefix=RUN-NEGATE
// RUN: not seqc run %s 2>&1 | FileCheck %s --check-prefix=SEVERAL
// RUN: not seqc compile %s --entry=hidden --emit=asm 2>&1 | FileCheck %s --check-prefix=PRIVATE
// RUN: not seqc compile %s --entry=none --emit=asm 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not seqc explain %s --entry=none 2>&1 | FileCheck %s --check-prefix=NONE

// ALL-DAG: {{^}}negate{{$}}
// ALL-DAG: {{^}}double{{$}}
// ONE: {{^}}negate{{$}}
// HEADER: int32_t negate(const DLTensor *x, DLTensor *y, seqc_error *error);
// EXPLAIN-ALL: {{^}}negate(t){{$}}
// EXPLAIN-ALL: {{^}}double(t){{$}}
// EXPLAIN: {{^}}double(t){{$}}
// RUN-DOUBLE: {{^}}double: t=6{{$}}
// RUN-DOUBLE-NEXT: {{^}}  z {{.*}} ok
// RUN-NEGATE: {{^}}negate: t=5{{$}}
// RUN-NEGATE-NEXT: {{^}}  y {{.*}} ok
// SEVERAL: seqc: error: several entries, choose one by --entry: negate, double
// PRIVATE: seqc: error: no entry 'hidden', expected one of: negate, double
// NONE: seqc: error: no entry 'none', expected one of: negate, double

func.func @negate(%x: tensor<?xf32>) -> tensor<?xf32> attributes {seqc.sizes = {t = 5}} {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %n = arith.negf %xt : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}
func.func @double(%x: tensor<?xf32>) -> tensor<?xf32> attributes {seqc.sizes = {t = 6}} {
  %z = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %n = arith.addf %xt, %xt : f32
    seqc.yield out(%n)
  }
  return %z : tensor<?xf32>
}
func.func private @hidden(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
