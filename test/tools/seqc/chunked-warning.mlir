// A chunked form that is asked for says which gate it trusts.
// RUN: seqc compile %s --emit=mlir --stop-after=formed --form=chunked 2>&1 >/dev/null | FileCheck %s
// RUN: seqc compile %s --emit=mlir --stop-after=formed 2>&1 >/dev/null | count 0

// CHECK: warning: chunked as asked for: gate 'g' is not known to be at most 0, and exponents stop at 0 where it is above; declare what it comes from with seqc.range = "<= 0"
// CHECK-NOT: warning
func.func @undeclared(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>,
                      %g: tensor<?xf32>, %s0: tensor<8x4xf32>) -> tensor<?x4xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<8xf32>, %kt: tensor<8xf32>, %vt: tensor<4xf32>, %gt: f32, %s: tensor<8x4xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %old, %kv : tensor<8x4xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x4xf32>
}
