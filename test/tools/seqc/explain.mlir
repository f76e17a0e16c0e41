// seqc explain: operations, shapes, class, form, floor.
// RUN: seqc explain %examples/gla.mlir | FileCheck %s --check-prefix=GLA
// RUN: seqc explain %examples/gated-deltanet.mlir | FileCheck %s --check-prefix=DELTA
// RUN: seqc explain %examples/lstm.mlir | FileCheck %s --check-prefix=LSTM
// RUN: seqc explain %examples/cumsum.mlir | FileCheck %s --check-prefix=SUM

// GLA: gla(b, t, h)
// GLA: recurrence over (b, t, h)
// GLA: reads   tensor<?x?x?x128xbf16> as (b, t, h)
// GLA: writes  tensor<?x?x?x128xf32> as (b, t, h)
// GLA: a token 81920 additions and multiplications, 128 functions (exp, tanh, ...) per sequence
// GLA: state   65536 bytes per sequence, 1 carries
// GLA: class   s0: C4.3, a sum of outer products with a gate along dimension 0
// GLA: class     s0'[i,j] = exp(g)[i] s0[i,j] + k[i] v[j]
// GLA: form    sequential in time, {{.*}}; estimated cycles a token and sequence: sequential 3368, chunks of 16 4370
// GLA: floor   {{.*}} bytes of inputs and results, {{.*}} operations
// DELTA: form    chunked, {{.*}}: sequential 7106, chunks of 16 3547
// LSTM: form    sequential in time, {{.*}}; not in chunks: no state is a matrix
// SUM: scan over (b, t)
// SUM: class   C1, the monoid of the combine region
// SUM: form    blocked scan
