// RUN: seqc compile %s --target=sm_90a --form=sequential --emit=ptx -o - | FileCheck %s

// A state in registers: 16-byte accesses, sums across lanes, nothing in local memory.
// CHECK: .visible .entry memory_0(
// CHECK-NOT: .local
// CHECK: ld.global.v{{[24]}}
// CHECK: bar.sync
// CHECK: ld.shared.v{{[24]}}
// CHECK: fma.rn.f32
// CHECK: shfl.sync.bfly.b32
// CHECK: st.global.v{{[24]}}
// One token: one kernel, which updates the state in place.
// CHECK: .visible .entry memory_step_0(
// CHECK: ld.global.v{{[24]}}
// CHECK: st.global.v{{[24]}}
// CHECK-NOT: .entry
func.func @memory(%q: tensor<?x?x128xbf16>, %k: tensor<?x?x128xbf16>, %v: tensor<?x?x64xbf16>,
                  %s0: tensor<?x128x64xf32>) -> (tensor<?x?x64xf32>, tensor<?x128x64xf32>) {
  %o, %s = seqc.recurrence seq(%q, %k, %v : (b, t)) carry(%s0 : (b)) {
  ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vt: tensor<64xbf16>, %m: tensor<128x64xf32>):
    %kv = seqc.einsum "k,v->kv"(%kt, %vt)
    %next = arith.addf %m, %kv : tensor<128x64xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o, %s : tensor<?x?x64xf32>, tensor<?x128x64xf32>
}
