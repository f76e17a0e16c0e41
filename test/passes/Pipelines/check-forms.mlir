// What is not proved runs one token after the other, unless its form is asked for.
// RUN: seq-opt %s -seqc-select-form -seqc-check-forms 2>&1 | FileCheck %s
// RUN: seqc compile %s --emit=mlir --stop-after=formed 2>&1 | FileCheck %s --check-prefix=COMPILE
// RUN: seqc compile %s --emit=mlir --stop-after=formed --form=chunked 2>&1 | FileCheck %s --check-prefix=FORCED
// RUN: seqc compile %s --emit=mlir --stop-after=formed --target=sm_90a --factors=bf16 2>&1 | FileCheck %s --check-prefix=GPU
// RUN: seqc explain %s | FileCheck %s --check-prefix=EXPLAIN
// RUN: seqc prove %s | FileCheck %s --check-prefix=PROVE

// Which element of a table a token reads is computed from a value.
// CHECK: remark: runs one token after the other, though the chunked form is expected to be faster: not proved: the chunked form equals the recurrence: {{.*}}: a value decides which element is taken
// CHECK-LABEL: @looked_up
// CHECK: seqc.form = "sequential"
// CHECK-NOT: seqc.parts
// CHECK-LABEL: @gated
// CHECK: seqc.form = "chunked"
// COMPILE: remark: runs one token after the other
// COMPILE-LABEL: @looked_up
// COMPILE-NOT: chunk(
// COMPILE-LABEL: @gated
// COMPILE: chunk(16)
// FORCED: warning: chunked as asked for, but not proved: the chunked form equals the recurrence: {{.*}}: a value decides which element is taken
// FORCED-NOT: warning
// FORCED-LABEL: @looked_up
// FORCED: chunk(16)
// GPU: remark: runs one token after the other, though the chunked form is expected to be faster: not proved: the canonical form
// GPU-LABEL: @looked_up
// GPU-NOT: seqc.linear_recurrence
// GPU-LABEL: @gated
// GPU: seqc.linear_recurrence
// EXPLAIN: form sequential in time
// EXPLAIN-NEXT: form the chunked one is not proved: the chunked form equals the recurrence: {{.*}}: a value decides which element is taken
// EXPLAIN: taken sequential
// EXPLAIN: form chunked in time
// PROVE: unknown  looked_up: the chunked form equals the program ({{.*}}: a value decides which element is taken; the sequential form is used unless this one is asked for)
func.func @looked_up(%q: tensor<?x128xf32>, %k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"}, %p: tensor<?xf32> {seqc.range = "0 .. 3"}, %w: tensor<4xf32>, %s0: tensor<128x128xf32>) -> tensor<?x128xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %p : (t)) weight(%w : ()) carry(%s0 : ()) {
  ^step(%qt: tensor<128xf32>, %kt: tensor<128xf32>, %vt: tensor<128xf32>, %gt: f32, %pt: f32, %wt: tensor<4xf32>, %s: tensor<128x128xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %i = arith.fptosi %pt : f32 to i32
    %n = arith.index_cast %i : i32 to index
    %e = tensor.extract %wt[%n] : tensor<4xf32>
    %kv = seqc.einsum "k,v,->kv"(%kt, %vt, %e)
    %next = arith.addf %old, %kv : tensor<128x128xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x128xf32>
}

func.func @gated(%q: tensor<?x128xf32>, %k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"}, %s0: tensor<128x128xf32>) -> tensor<?x128xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<128xf32>, %kt: tensor<128xf32>, %vt: tensor<128xf32>, %gt: f32, %s: tensor<128x128xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %old, %kv : tensor<128x128xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x128xf32>
}
