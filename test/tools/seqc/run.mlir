// seqc run: files in and out, sizes, several entries, exit status.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as np; np.save('%t/x.npy', np.array([[1, 2, 4]], np.float32)); np.save('%t/s.npy', np.array([8], np.float32))"
// RUN: seqc run %s --entry decay --in x=%t/x.npy --in s0=%t/s.npy --out y=%t/y.npy --out sT=%t/sT.npy | FileCheck %s --check-prefix=SIZES
// RUN: %python -c "import numpy as np; print(np.load('%t/y.npy').tolist(), np.load('%t/sT.npy').tolist())" | FileCheck %s --check-prefix=VALUES
// RUN: seqc run %s --entry decay --check --time --random=3 | FileCheck %s --check-prefix=CHECK
// RUN: seqc run %s --entry decay --check --bind B=3,t=7 | FileCheck %s --check-prefix=BIND
// RUN: seqc run %s --entry decay --save %t/all && ls %t/all | FileCheck %s --check-prefix=SAVE
// RUN: seqc run %s --entry other --check --interpret --form=canonical | FileCheck %s --check-prefix=INTERPRET
// RUN: seqc run %s --entry decay --interpret=input --save %t/wide
// RUN: %python -c "import numpy as np; print(np.load('%t/wide/y.npy').dtype)" | FileCheck %s --check-prefix=WIDE
// RUN: not seqc run %s 2>&1 | FileCheck %s --check-prefix=ENTRIES
// RUN: not seqc run %s --entry nobody 2>&1 | FileCheck %s --check-prefix=NOBODY
// RUN: not seqc run %s --entry decay --interpret --time 2>&1 | FileCheck %s --check-prefix=GOES
// RUN: not seqc run %s --entry decay --form=best 2>&1 | FileCheck %s --check-prefix=FORM

// SIZES: decay: b=1 t=3
// VALUES: {{\[\[}}5.0, 4.5, 6.25]] [6.25]
// CHECK: decay: b=2 t=5
// CHECK-NEXT: y {{.*}}relative RMS {{.*}} ok (tolerance 1e-05)
// CHECK-NEXT: sT {{.*}} ok (tolerance 1e-05)
// CHECK-NEXT: compile {{.*}} s, run {{.*}} ms (median of {{.*}}), {{.*}} GB/s of inputs and results, {{.*}} GFLOP/s, {{.*}} % of the memory floor
// BIND: decay: b=3 t=7
// SAVE: s0.npy
// SAVE-NEXT: sT.npy
// SAVE-NEXT: x.npy
// SAVE-NEXT: y.npy
// INTERPRET: y {{.*}} ok (tolerance 1e-12)
// ENTRIES: seqc: error: {{.*}}decay, other
// NOBODY: seqc: error: {{.*}}nobody
// GOES: seqc: error: --interpret goes without --time
// WIDE: float64
// FORM: seqc: error: --form: unknown form 'best', expected auto, sequential, canonical, chunked or scan
func.func @decay(%x: tensor<?x?xf32>, %s0: tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>)
    attributes {seqc.sizes = {b = 2, t = 5}} {
  %half = arith.constant 0.5 : f32
  %y, %sT = seqc.recurrence seq(%x : (b, t)) carry(%s0 : (b)) {
  ^step(%xt: f32, %s: f32):
    %k = arith.mulf %half, %s : f32
    %n = arith.addf %k, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y, %sT : tensor<?x?xf32>, tensor<?xf32>
}
func.func @other(%x: tensor<?xf32>) -> tensor<?xf32> attributes {seqc.sizes = {t = 5}} {
  %y = seqc.recurrence seq(%x : (t)) {
  ^step(%xt: f32):
    %n = arith.negf %xt : f32
    seqc.yield out(%n)
  }
  return %y : tensor<?xf32>
}
