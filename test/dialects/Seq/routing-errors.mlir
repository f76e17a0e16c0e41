// One error or more for each numbered constraint.
// RUN: seq-opt %s --split-input-file --verify-diagnostics

func.func @t1(%s: tensor<4xi32>) {
  // expected-error @+1 {{scores are 'tensor<4xi32>', expected a tensor of bf16, f16, f32 or f64 of rank 1 or more (T1)}}
  %w, %i = seqc.topk 1 of %s
  return
}

// -----

func.func @t1_narrow(%s: tensor<4xf8E4M3FN>) {
  // expected-error @+1 {{scores are 'tensor<4xf8E4M3FN>', expected a tensor of bf16, f16, f32 or f64 of rank 1 or more (T1)}}
  %w, %i = seqc.topk 1 of %s
  return
}

// -----

func.func @t2_k(%s: tensor<?x4xf32>) {
  // expected-error @+1 {{k is 5, expected at most 4, the length of a row of scores (T2)}}
  %w, %i = seqc.topk 5 of %s
  return
}

// -----

func.func @t2_zero(%s: tensor<?x4xf32>) {
  // expected-error @+1 {{k is 0, expected 1 to 64 (T2)}}
  %w, %i = seqc.topk 0 of %s
  return
}

// -----

func.func @t_word(%s: tensor<?x4xf32>) {
  // expected-error @+1 {{expected none, before or after, found 'later'}}
  %w, %i = seqc.topk 2 of %s softmax(later)
  return
}

// -----

func.func @p1(%i: tensor<?x2xi64>, %x: tensor<?xf32>) {
  // expected-error @+1 {{picks are 'tensor<?x2xi64>', expected a tensor of i32 of rank 2 or 3 (P1)}}
  %p, %a, %b, %c = seqc.dispatch %i experts(2) tokens(%x)
  return
}

// -----

func.func @p2(%i: tensor<5x2xi32>, %x: tensor<6x4xf32>) {
  // expected-error @+1 {{tokens operand #0 is 'tensor<6x4xf32>', expected the dimensions of the picks, 'tensor<5x2xi32>', but the last, then static ones (P2)}}
  %p, %a, %b, %c = seqc.dispatch %i experts(2) tokens(%x)
  return
}

// -----

func.func @p2_dynamic(%i: tensor<5x2xi32>, %x: tensor<5x?xf32>) {
  // expected-error @+1 {{tokens operand #0 is 'tensor<5x?xf32>'}}
  %p, %a, %b, %c = seqc.dispatch %i experts(2) tokens(%x)
  return
}

// -----

func.func @p3(%i: tensor<5x2xi32>) {
  // expected-error @+1 {{has 0 experts, expected 1 to 4096 (P3)}}
  %a, %b, %c = seqc.dispatch %i experts(0)
  return
}

// -----

func.func @p3_capacity(%i: tensor<5x2xi32>) {
  // expected-error @+1 {{the capacity is -1, expected at least 0 (P3)}}
  %a, %b, %c = seqc.dispatch %i experts(2) capacity(-1)
  return
}

// -----

func.func @p4(%i: tensor<5x?xi32>) {
  // expected-error @+1 {{expected a static number of columns (P4)}}
  %a, %b, %c = seqc.dispatch %i experts(2)
  return
}

// -----

func.func @p5(%s: tensor<?x8xf32>) {
  %w, %i = seqc.topk 2 of %s
  // expected-error @+1 {{has 4 experts, expected 8, the scores that the picks are among (P5)}}
  %a, %b, %c = seqc.dispatch %i experts(4)
  return
}

// -----

func.func @p_word(%i: tensor<5x2xi32>) {
  // expected-error @+2 {{expected experts(N)}}
  %a, %b, %c = seqc.dispatch %i
  return
}

// -----

func.func @c1(%r: tensor<?x?xf32>, %i: tensor<?x2xi32>) {
  // expected-error @+1 {{rows are 'tensor<?x?xf32>', expected a tensor of bf16, f16, f32 or f64, static but for its first dimension (C1)}}
  %y = seqc.combine %r by %i
  return
}

// -----

func.func @c2(%r: tensor<?x4xf32>, %i: tensor<?xi32>) {
  // expected-error @+1 {{the inverse is 'tensor<?xi32>', expected a tensor of i32 of rank 2 or more with a static last size (C2)}}
  %y = seqc.combine %r by %i
  return
}

// -----

func.func @c3(%r: tensor<?x4xf32>, %i: tensor<?x2xi32>, %w: tensor<?x3xf32>) {
  // expected-error @+1 {{weights are 'tensor<?x3xf32>', expected floats in the shape of the inverse}}
  %y = seqc.combine %r by %i weights(%w)
  return
}

// -----

func.func @b1(%q: tensor<?x4x8xf32>) {
  // expected-error @+1 {{q is 'tensor<?x4x8xf32>', expected a tensor of bf16, f16, f32 or f64 of rank 4 with static heads and features (B1)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q)
  return
}

// -----

func.func @b1_features(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x4x6xf32>) {
  // expected-error @+1 {{expected the same features (B1)}}
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k)
  return
}

// -----

func.func @b1_length(%q: tensor<?x?x4x8xf32>, %k: tensor<?x7x4x8xf32>, %v: tensor<?x6x4x8xf32>) {
  // expected-error @+1 {{expected equal shapes but for features (B1)}}
  %o, %l = seqc.block_attention q(%q) k(%k) v(%v)
  return
}

// -----

func.func @b2(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x3x8xf32>) {
  // expected-error @+1 {{has 4 query heads over 3 key heads, expected a multiple (B2)}}
  %o, %l = seqc.block_attention q(%q) k(%k) v(%k)
  return
}

// -----

func.func @b2_list(%q: tensor<?x?x4x8xf32>, %i: tensor<?x?x3x2xi32>) {
  // expected-error @+1 {{the list of blocks has 3 heads, expected a divisor of the 4 query heads (B2)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) blocks(%i) block(8)
  return
}

// -----

func.func @b3(%q: tensor<?x?x4x8xf32>, %i: tensor<?x?x1x2xi32>) {
  // expected-error @+1 {{has a list without a block size, expected both or none (B3)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) blocks(%i)
  return
}

// -----

func.func @b3_rows(%q: tensor<?x9x4x8xf32>, %i: tensor<?x9x1x2xi32>) {
  // expected-error @+1 {{expected 5 rows for 9 queries in groups of 2 (B3)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) blocks(%i) block(4) group(2)
  return
}

// -----

func.func @b4(%q: tensor<?x?x4x8xf32>) {
  // expected-error @+1 {{the window is 0, expected a positive size (B4)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) window(0)
  return
}

// -----

func.func @b5(%q: tensor<?x4x8xf32>, %cu: tensor<?xf32>) {
  // expected-error @+1 {{segment table is 'tensor<?xf32>', expected a rank-1 tensor of i32 or i64 with an entry (B5)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) segments(%cu)
  return
}

// -----

func.func @m1(%o: tensor<?x8xf32>, %l: tensor<?x8xf32>) {
  // expected-error @+1 {{pair #0 is 'tensor<?x8xf32>' and 'tensor<?x8xf32>', expected floats, the second with the dimensions of the first but the last (M1)}}
  %r, %m = seqc.merge (%o, %l)
  return
}

// -----

func.func @m2(%o: tensor<?x8xf32>, %l: tensor<?xf32>, %p: tensor<?x8xf16>) {
  // expected-error @+1 {{pair #1 is 'tensor<?x8xf16>' and 'tensor<?xf32>', expected 'tensor<?x8xf32>' and 'tensor<?xf32>' as in pair #0 (M2)}}
  %r, %m = seqc.merge (%o, %l), (%p, %l)
  return
}

// -----

func.func @result(%s: tensor<?x4xf32>) {
  // expected-error @+1 {{result #1 is 'tensor<?x3xi32>', expected 'tensor<?x2xi32>'}}
  %w, %i = "seqc.topk"(%s) {k = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x3xi32>)
  return
}

// -----

func.func @n1(%x: tensor<?x4xf32>, %mu: tensor<?x4xf32>) {
  // expected-error @+1 {{centroids are 'tensor<?x4xf32>', expected a static tensor of bf16, f16, f32 or f64 [c, d] or [h, c, d] (N1)}}
  %s, %i = seqc.assign %x to %mu
  return
}

// -----

func.func @n2(%x: tensor<?x3x4xf32>, %mu: tensor<2x5x4xf32>) {
  // expected-error @+1 {{x is 'tensor<?x3x4xf32>', expected a tensor of bf16, f16, f32 or f64 of rank 3 or 4 that ends in the heads and features of the centroids, 'tensor<2x5x4xf32>' (N2)}}
  %s, %i = seqc.assign %x to %mu
  return
}

// -----

func.func @n2_rank(%x: tensor<?x?x?x4xf32>, %mu: tensor<5x4xf32>) {
  // expected-error @+1 {{expected a tensor of bf16, f16, f32 or f64 of rank 2 or 3}}
  %s, %i = seqc.assign %x to %mu cosine
  return
}

// -----

func.func @n3(%x: tensor<?x4xf32>, %mu: tensor<5000x4xf32>) {
  // expected-error @+1 {{has 5000 centroids, expected at most 4096 (N3)}}
  %s, %i = seqc.assign %x to %mu
  return
}

// -----

func.func @n3_members(%x: tensor<?x4xf32>, %mu: tensor<5x4xf32>) {
  // expected-error @+1 {{has -2 members, expected 1 to 65536 (N3)}}
  %s, %i, %r = seqc.assign %x to %mu members(-2)
  return
}

// -----

func.func @n_results(%x: tensor<?x4xf32>, %mu: tensor<5x4xf32>) {
  // expected-error @+1 {{has 2 results, expected 3}}
  %s, %i = "seqc.assign"(%x, %mu) {members = 2 : i64} : (tensor<?x4xf32>, tensor<5x4xf32>) -> (tensor<5x2xf32>, tensor<5x2xi32>)
  return
}

// -----

func.func @b6(%q: tensor<?x?x4x8xf32>, %e: tensor<7x4x6xf32>) {
  // expected-error @+1 {{the relative rows are 'tensor<7x4x6xf32>', expected a static tensor of bf16, f16, f32 or f64 [r, g, 8] (B6)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) relative(%e)
  return
}

// -----

func.func @b6_heads(%q: tensor<?x?x4x8xf32>, %e: tensor<7x3x8xf32>) {
  // expected-error @+1 {{the relative rows have 3 heads, expected a divisor of the 4 query heads (B6)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) relative(%e)
  return
}

// -----

func.func @b7(%q: tensor<3x?x4x8xf32>, %p: tensor<2xi32>) {
  // expected-error @+1 {{the first positions are 'tensor<2xi32>', expected i32 or i64 for each batch element (B7)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) at(%p)
  return
}

// -----

func.func @b7_segments(%q: tensor<?x4x8xf32>, %cu: tensor<?xi32>) {
  // expected-error @+1 {{has segments and first positions, expected one of them (B7)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) segments(%cu) at(%cu)
  return
}

// -----

func.func @b8(%q: tensor<?x?x4x8xf32>) {
  // expected-error @+1 {{the score region takes ('f32', 'index'), expected ('f32', 'index', 'index', 'index') (B8)}}
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) {
  ^score(%s: f32, %i: index):
    seqc.yield out(%s)
  }
  return
}

// -----

func.func @b8_yield(%q: tensor<?x?x4x8xf32>) {
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) {
  ^score(%s: f32, %i: index, %j: index, %h: index):
    // expected-error @+1 {{yields ('index'), expected out of one 'f32' (B8)}}
    seqc.yield out(%i)
  }
  return
}

// -----

func.func @b8_operation(%q: tensor<?x?x4x8xf32>, %x: tensor<4xf32>) {
  %o, %l = seqc.block_attention q(%q) k(%q) v(%q) {
  ^score(%s: f32, %i: index, %j: index, %h: index):
    // expected-error @+1 {{is no scalar operation of arith or math (B8)}}
    %b = tensor.extract %x[%h] : tensor<4xf32>
    seqc.yield out(%b)
  }
  return
}
