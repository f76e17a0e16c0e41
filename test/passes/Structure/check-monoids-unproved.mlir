// A region that no sample refutes and no proof covers runs one token after the other,
// unless its scan is asked for.
// RUN: seqc compile %s --emit=mlir --stop-after=structured 2>&1 | FileCheck %s
// RUN: seqc compile %s --emit=mlir --stop-after=structured --form=scan 2>&1 | FileCheck %s --check-prefix=FORCED
// RUN: seqc compile %s --emit=mlir --stop-after=structured --target=sm_90a 2>/dev/null | FileCheck %s --check-prefix=GPU
// RUN: seqc run %s --check --bind t=100,b=3 2>/dev/null | FileCheck %s --check-prefix=CHECKED
// RUN: seqc prove %s | FileCheck %s --check-prefix=PROVE

// CHECK: remark: not proved: the combine region is associative: the region has an operation that proofs do not cover; the scan runs one token after the other unless --form=scan
// CHECK: module {
// CHECK-NOT: seqc.scan
// CHECK: seqc.recurrence
// FORCED: warning: not proved: the combine region is associative: the region has an operation that proofs do not cover; the scan stays as asked for
// FORCED: module {
// FORCED: seqc.scan
// GPU-NOT: seqc.scan
// GPU: seqc.recurrence
// CHECKED: ok
// PROVE: unknown  whole: the combine region is associative (the region has an operation that proofs do not cover; it runs one token after the other unless --form=scan)
func.func @whole(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %f = math.floor %l : f32
    %rest = arith.subf %l, %f : f32
    %whole = arith.addf %f, %rest : f32
    %s = arith.addf %whole, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}
