// Constraints L1 to L6 of the canonical linear recurrence.
// RUN: seq-opt %s -split-input-file -verify-diagnostics

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op has 6 maps, expected 7 (L1)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op has gate axis 3, expected -1, 0 or 1 (L1)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: 3>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op has read axis -1, expected 0 or 1 (L1)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: -1>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op value of write #0 is 'tensor<?x8xf32>', expected a tensor of floats with 1 leading dimensions and then [4] (L2)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %k, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<?x8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op has an initial state that names the time axis (L3)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<?x8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op out_map lacks axis 't' of operand #1 (L4)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<b>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op out_map names axis 't' twice (L4)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t, t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op needs axes for segments or resets, at most one of them (L5)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) segments(%cu)
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>, tensor<?xi32>)
      -> (tensor<?x4xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>, %cu: tensor<?xi32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op result #0 is 'tensor<?x8xf32>', expected a tensor of floats with 1 leading dimensions and the read's size (L6)}}
  %r:2 = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one) 
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<?x8xf32>, tensor<f32>)
      -> (tensor<?x8xf32>, tensor<8x4xf32>)
  return
}

// -----

func.func @f(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<8x4xf32>, %a: tensor<2x3x3xf32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op has a constant of 'tensor<2x3x3xf32>', expected square blocks that make up 8 rows, the same at every token (L7)}}
  %r = seqc.linear_recurrence initial(%s0) writes(%k, %v, %one) constant(%a)
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc<axes()>],
       gate_axes = array<i64>, gate_logs = array<i1>, pair_decayed = array<i1>,
       read_axes = array<i64>, read_after = array<i1>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<2x3x3xf32>) -> tensor<8x4xf32>
  return
}

// -----

func.func @f(%g: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %s0: tensor<8x4xf32>, %a: tensor<2x4x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<f32>
  // expected-error @below {{'seqc.linear_recurrence' op has a constant beside pairs or gates along the first dimension (L7)}}
  %r = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) constant(%a)
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc<axes()>],
       gate_axes = array<i64: 0>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64>, read_after = array<i1>, out_map = #seqc.axes<t>}
      : (tensor<8x4xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>, tensor<2x4x4xf32>) -> tensor<8x4xf32>
  return
}
