// Steps of one token: states in another order than arguments, resets, packed segments,
// positions and snapshots.
// RUN: seqc prove %s | FileCheck %s

// CHECK: proved   coupled: the step of one token equals the program's (features of 1 to 3, any state)
func.func @coupled(%x: tensor<?x?x8xf32>, %r: tensor<?x?xi1>, %a0: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x?x8xf32>) {
  %b0 = arith.constant dense<2.0> : tensor<8xf32>
  %o, %bT, %aT = seqc.recurrence seq(%x : (b, t)) carry(%b0 : (), %a0 : (b)) resets(%r : (b, t)) {
  ^step(%xt: tensor<8xf32>, %b: tensor<8xf32>, %a: tensor<8xf32>):
    %n = arith.addf %b, %xt : tensor<8xf32>
    %t = math.tanh %n : tensor<8xf32>
    %m = arith.mulf %t, %a : tensor<8xf32>
    seqc.yield out(%m) carry(%n, %m)
  }
  return %aT, %o : tensor<?x8xf32>, tensor<?x?x8xf32>
}

// CHECK: proved   packed: the step of one token equals the program's (features of 1 to 3, any state)
func.func @packed(%x: tensor<?x8xf32>, %s0: tensor<?x8xf32>, %cu: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %o, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : (s)) segments(%cu : (s)) {
  ^step(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %s, %xt : tensor<8xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %o, %sT : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK: proved   frozen: the step of one token equals the program's (features of 1 to 3, any state, 5 tokens, snapshots every 2)
func.func @frozen(%x: tensor<?x?x8xf32>, %s0: tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  %o, %sT = seqc.recurrence seq(%x : (b, t)) carry(%s0 : (b)) snapshot(0 every 16) position {
  ^step(%xt: tensor<8xf32>, %s: tensor<8xf32>, %old: tensor<8xf32>, %t: index):
    %i = arith.index_cast %t : index to i32
    %f = arith.sitofp %i : i32 to f32
    %w = tensor.splat %f : tensor<8xf32>
    %m = arith.mulf %old, %xt : tensor<8xf32>
    %p = arith.mulf %w, %s : tensor<8xf32>
    %n = arith.addf %m, %p : tensor<8xf32>
    seqc.yield out(%n) carry(%n)
  }
  return %o, %sT : tensor<?x?x8xf32>, tensor<?x8xf32>
}
