// RUN: seqc compile %examples/lstm-heads.mlir --target=sm_90a --emit=ptx -o - | FileCheck %s --check-prefix=BLOCK
// RUN: sed s/64/256/g %examples/lstm-heads.mlir > %t.mlir
// RUN: seqc compile %t.mlir --target=sm_90a --emit=ptx -o - | FileCheck %s --check-prefix=CLUSTER
// RUN: sed s/64/768/g %examples/lstm-heads.mlir > %t.768.mlir
// RUN: seqc compile %t.768.mlir --target=sm_90a --emit=ptx -o - | FileCheck %s --check-prefix=LARGE

// A head's matrices are read before the first token; a token is one movement of the
// vector, one barrier and the products.
// BLOCK: .visible .entry lstm_heads_0(
// BLOCK-NOT: cluster
// BLOCK-NOT: .local
// BLOCK: ld.global
// BLOCK: movmatrix.sync.aligned.m8n8.trans.b16
// BLOCK-NEXT: // end inline asm
// BLOCK-NEXT: st.shared.b32
// BLOCK-NEXT: bar.sync
// BLOCK-NEXT: ld.shared
// BLOCK-NOT: ld.global
// BLOCK: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// BLOCK-NOT: div.rn

// CLUSTER: .visible .entry lstm_heads_0(
// CLUSTER: .explicitcluster
// CLUSTER: .reqnctapercluster 8, 1, 1
// CLUSTER-NOT: .local
// CLUSTER: barrier.cluster.arrive
// CLUSTER: st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32
// CLUSTER: mbarrier.try_wait.parity
// CLUSTER: mma.sync

// What registers do not hold comes from shared memory.
// LARGE: .reqnctapercluster 16, 1, 1
// LARGE: st.shared.v4
// LARGE: mbarrier.try_wait.parity
// LARGE: ld.shared.v4
// LARGE: mma.sync
