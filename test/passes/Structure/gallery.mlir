// The gallery's operators land where the catalogue of classes puts them.
// RUN: sh -c 'for f in %examples/*.mlir; do echo "[$(basename $f .mlir)]"; seqc explain $f | sed -n "s/^    class   //p" | grep -v "^ "; done; true' | FileCheck %s

// CHECK: [aaren]
// CHECK-NEXT: state0: C1 (max,+),
// CHECK-NEXT: state1: C2,
// CHECK-NEXT: state2: C2,
// CHECK: [affine-scan]
// CHECK-NEXT: h0: C2,
// CHECK: [argmax]
// CHECK-NEXT: C1, the monoid
// CHECK: [biquad]
// CHECK-NEXT: state0, state1: C3 2x2,
// CHECK: [cumsum]
// CHECK-NEXT: C1, the monoid
// CHECK: [delta-product]
// CHECK-NEXT: s0: C5.1 rank 2,
// CHECK: [deltanet]
// CHECK-NEXT: s0: C5.0,
// CHECK: [elman]
// CHECK-NEXT: h0: C7, not affine: 'math.tanh'
// CHECK: [gated-deltanet]
// CHECK-NEXT: s0: C5.1,
// CHECK: [gla]
// CHECK-NEXT: s0: C4.3,
// CHECK: [gru]
// CHECK-NEXT: h0: C7,
// CHECK: [gsa]
// CHECK-NEXT: hk0: C4.3, {{.*}} gate along dimension 1
// CHECK-NEXT: hv0: C4.3, {{.*}} gate along dimension 0
// CHECK: [hgrn]
// CHECK-NEXT: h0: C2,
// CHECK: [kda]
// CHECK-NEXT: s0: C5.2,
// CHECK: [lightnet]
// CHECK-NEXT: state0: C1 (logaddexp,+),
// CHECK-NEXT: state1: C4.3,
// CHECK: [linear-attention]
// CHECK-NEXT: state0: C4.0,
// CHECK-NEXT: state1: C1,
// CHECK: [lmu]
// CHECK-NEXT: m0: C3,
// CHECK: [logsumexp]
// CHECK-NEXT: C1, the monoid
// CHECK: [lstm]
// CHECK-NEXT: h0, c0: C7,
// CHECK: [mamba1]
// CHECK-NEXT: h0: C2,
// CHECK: [matmul-scan]
// CHECK-NEXT: C1, the monoid
// CHECK: [mingru]
// CHECK-NEXT: h0: C2,
// CHECK: [mlstm]
// CHECK-NEXT: m0: C1 (max,+),
// CHECK-NEXT: c0: C4.2,
// CHECK-NEXT: n0: C2,
// CHECK: [retnet]
// CHECK-NEXT: s0: C4.1,
// CHECK: [rg-lru]
// CHECK-NEXT: h0: C2,
// CHECK: [running-max]
// CHECK-NEXT: C1, the monoid
// CHECK: [rwkv6]
// CHECK-NEXT: s0: C4.3,
// CHECK: [rwkv7]
// CHECK-NEXT: s0: C5.3,
// CHECK: [s4d]
// CHECK-NEXT: h0: C3,
// CHECK: [s5]
// CHECK-NEXT: hr0, hi0: C3 complex,
// CHECK: [simple-gla]
// CHECK-NEXT: s0: C4.2,
// CHECK: [slstm]
// CHECK-NEXT: C7,
// CHECK: [titans-chunked]
// CHECK-NEXT: m0, z0: C6 2x2,
// CHECK: [titans]
// CHECK-NEXT: m0, z0: C5.0 2x2,
