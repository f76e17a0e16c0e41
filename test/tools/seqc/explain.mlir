// seqc explain: operations, shapes, class, form, floor.
// RUN: seqc explain %examples/gla.mlir --cpu=znver5 --cores=2 | FileCheck %s --check-prefix=GLA
// RUN: seqc explain %examples/gated-deltanet.mlir --cpu=znver5 | FileCheck %s --check-prefix=DELTA
// RUN: seqc explain %examples/lstm.mlir | FileCheck %s --check-prefix=LSTM
// RUN: seqc explain %examples/retnet.mlir --cores=4 --bind=b=1,t=65536,h=2 | FileCheck %s --check-prefix=PARTS
// RUN: seqc explain %examples/gla-packed.mlir | FileCheck %s --check-prefix=PACKED
// RUN: seqc explain %examples/cumsum.mlir | FileCheck %s --check-prefix=SUM

// GLA: gla(b, t, h)
// GLA: recurrence over (b, t, h)
// GLA: reads   tensor<?x?x?x128xbf16> as (b, t, h)
// GLA: writes  tensor<?x?x?x128xf32> as (b, t, h)
// GLA: a token 81920 additions and multiplications, 128 functions (exp, tanh, ...) per sequence
// GLA: state   65536 bytes per sequence, 1 carries
// GLA: class   s0: C4.3, a sum of outer products with a gate along dimension 0
// GLA: class     s0'[i,j] = exp(g)[i] s0[i,j] + k[i] v[j]
// GLA: form    chunked in time, parallel over everything else
// GLA: forms   on 2 cores: estimated cycles a token and sequence, floor of operations and bytes
// GLA: sequential{{ +[0-9]+}}, floor 1320 of 84480 and 1792;
// GLA: scan{{ +}}not possible: with a state of 128 x 128 the elements of a scan would have 16512 numbers (at most 256)
// GLA: taken chunked, 16 tokens{{ +[0-9]+}},
// GLA: floor   {{.*}} bytes of inputs and results, {{.*}} operations
// DELTA: form    chunked in time, parallel over everything else{{$}}
// DELTA: sequential{{ +[0-9]+}},
// DELTA: taken chunked, 16 tokens{{ +[0-9]+}},
// LSTM: form    sequential in time, parallel over everything else
// LSTM: scan{{ +}}not possible: a state is not affine over any semiring: 'math.tanh'
// LSTM: chunked, 16 tokens{{ +}}not possible: no component is a gated sum of outer products
// Few sequences of many tokens run in parts.
// PARTS: form    chunked in time, parallel over everything else and over 4 parts of the sequence
// PARTS: form    in 4 parts in calls with at most 2 sequences of at least {{[0-9]+}} tokens
// PARTS: taken chunked, 16 tokens, in parts
// PACKED: chunked, 16 tokens, in parts{{ +}}only when asked for: packed segments run apart already
// SUM: scan over (b, t)
// SUM: class   C1, the monoid of the combine region
// SUM: form    blocked scan
