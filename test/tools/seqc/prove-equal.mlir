// Rewritings with a mistake in them are refuted, in the names of the program.
// RUN: split-file %s %t
// RUN: seqc prove --equal=%t/right.mlir %t/program.mlir | FileCheck %s --check-prefix=RIGHT
// RUN: not seqc prove --equal=%t/decay.mlir %t/program.mlir | FileCheck %s --check-prefix=DECAY
// RUN: not seqc prove --equal=%t/exclusive.mlir %t/program.mlir | FileCheck %s --check-prefix=EXCLUSIVE
// RUN: not seqc prove --equal=%t/beta.mlir %t/program.mlir | FileCheck %s --check-prefix=BETA
// RUN: not seqc prove --equal=%t/other.mlir %t/program.mlir 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not seqc prove --equal=%t/short.mlir %t/program.mlir 2>&1 | FileCheck %s --check-prefix=SHORT

// RIGHT: proved   memory: {{.*}}right.mlir equals the program (up to 5 tokens)
// DECAY: refuted  memory: {{.*}}decay.mlir equals the program ({{.*}}: o[t={{.*}}] is {{.*}}, should be {{.*}}, for {{.*}}g[t={{.*}}] = {{.*}}, all else 0)
// EXCLUSIVE: refuted  memory: {{.*}}exclusive.mlir equals the program ({{.*}}: o[t=0, 0] is 0, should be {{.*}}, for q[t=0, 0] = {{.*}}, s0[0, 0] = {{.*}}, all else 0)
// BETA: refuted  memory: {{.*}}beta.mlir equals the program ({{.*}}: o[t={{.*}}] is {{.*}}, should be {{.*}}, for q[t=0, 0] = {{.*}}, k[t=0, 0] = {{.*}}, v[t=0, 0] = {{.*}}, all else 0)
// OTHER: seqc: error: no entry 'memory', expected one of: other
// SHORT: seqc: error: 'memory' has 1 arguments and 1 results in '{{.*}}short.mlir', expected 6 and 1

//--- program.mlir
func.func @memory(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>, %v: tensor<?x1xf32>, %g: tensor<?xf32> {seqc.range = "<= 0"},
                  %beta: tensor<?xf32>, %s0: tensor<2x1xf32>) -> tensor<?x1xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t)) carry(%s0 : ()) {
  ^step(%qt: tensor<2xf32>, %kt: tensor<2xf32>, %vt: tensor<1xf32>, %gt: f32, %bt: f32, %s: tensor<2x1xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v,->kv"(%kt, %vt, %bt)
    %next = arith.addf %old, %kv : tensor<2x1xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %next)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x1xf32>
}
//--- right.mlir
// Chunks of two tokens: scores with a decay of the second token's gate.
func.func @memory(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>, %v: tensor<?x1xf32>, %g: tensor<?xf32>,
                  %beta: tensor<?xf32>, %s0: tensor<2x1xf32>) -> tensor<?x1xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t)) carry(%s0 : ()) chunk(2) {
  ^step(%qt: tensor<2x2xf32>, %kt: tensor<2x2xf32>, %vt: tensor<2x1xf32>, %gt: tensor<2xf32>, %bt: tensor<2xf32>,
        %s: tensor<2x1xf32>, %count: index):
    %lower = arith.constant dense<[[1.0, 0.0], [1.0, 1.0]]> : tensor<2x2xf32>
    %ones = arith.constant dense<1.0> : tensor<2xf32>
    %b = seqc.einsum "ij,j->i"(%lower, %gt)
    %bi = seqc.einsum "i,j->ij"(%b, %ones)
    %bj = seqc.einsum "j,i->ij"(%b, %ones)
    %d = arith.subf %bi, %bj : tensor<2x2xf32>
    %zero = arith.constant dense<0.0> : tensor<2x2xf32>
    %dm = arith.minimumf %d, %zero : tensor<2x2xf32>
    %decay = math.exp %dm : tensor<2x2xf32>
    %scores = seqc.einsum "ik,jk,ij,ij,j->ij"(%qt, %kt, %decay, %lower, %bt)
    %inside = seqc.einsum "ij,jv->iv"(%scores, %vt)
    %eb = math.exp %b : tensor<2xf32>
    %before = seqc.einsum "ik,kv,i->iv"(%qt, %s, %eb)
    %y = arith.addf %inside, %before : tensor<2x1xf32>
    %last = tensor.extract_slice %b[1] [1] [1] : tensor<2xf32> to tensor<1xf32>
    %el = math.exp %last : tensor<1xf32>
    %kept = seqc.einsum "c,kv->kv"(%el, %s)
    %dl = tensor.extract_slice %decay[1, 0] [1, 2] [1, 1] : tensor<2x2xf32> to tensor<1x2xf32>
    %new = seqc.einsum "jk,jv,cj,j->kv"(%kt, %vt, %dl, %bt)
    %next = arith.addf %kept, %new : tensor<2x1xf32>
    seqc.yield out(%y) carry(%next)
  }
  return %o : tensor<?x1xf32>
}
//--- decay.mlir
// The decay to the chunk's end starts one token early: row 0 instead of row 1.
func.func @memory(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>, %v: tensor<?x1xf32>, %g: tensor<?xf32>,
                  %beta: tensor<?xf32>, %s0: tensor<2x1xf32>) -> tensor<?x1xf32> {
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t)) carry(%s0 : ()) chunk(2) {
  ^step(%qt: tensor<2x2xf32>, %kt: tensor<2x2xf32>, %vt: tensor<2x1xf32>, %gt: tensor<2xf32>, %bt: tensor<2xf32>,
        %s: tensor<2x1xf32>, %count: index):
    %lower = arith.constant dense<[[1.0, 0.0], [1.0, 1.0]]> : tensor<2x2xf32>
    %ones = arith.constant dense<1.0> : tensor<2xf32>
    %b = seqc.einsum "ij,j->i"(%lower, %gt)
    %bi = seqc.einsum "i,j->ij"(%b, %ones)
    %bj = seqc.einsum "j,i->ij"(%b, %ones)
    %d = arith.subf %bi, %bj : tensor<2x2xf32>
    %zero = arith.constant dense<0.0> : tensor<2x2xf32>
    %dm = arith.minimumf %d, %zero : tensor<2x2xf32>
    %decay = math.exp %dm : tensor<2x2xf32>
    %scores = seqc.einsum "ik,jk,ij,ij,j->ij"(%qt, %kt, %decay, %lower, %bt)
    %inside = seqc.einsum "ij,jv->iv"(%scores, %vt)
    %eb = math.exp %b : tensor<2xf32>
    %before = seqc.einsum "ik,kv,i->iv"(%qt, %s, %eb)
    %y = arith.addf %inside, %before : tensor<2x1xf32>
    %last = tensor.extract_slice %b[1] [1] [1] : tensor<2xf32> to tensor<1xf32>
    %el = math.exp %last : tensor<1xf32>
    %kept = seqc.einsum "c,kv->kv"(%el, %s)
    %dl = tensor.extract_slice %decay[0, 0] [1, 2] [1, 1] : tensor<2x2xf32> to tensor<1x2xf32>
    %new = seqc.einsum "jk,jv,cj,j->kv"(%kt, %vt, %dl, %bt)
    %next = arith.addf %kept, %new : tensor<2x1xf32>
    seqc.yield out(%y) carry(%next)
  }
  return %o : tensor<?x1xf32>
}
//--- exclusive.mlir
// Sums over earlier tokens leave the token itself out, and the incoming state.
func.func @memory(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>, %v: tensor<?x1xf32>, %g: tensor<?xf32>,
                  %beta: tensor<?xf32>, %s0: tensor<2x1xf32>) -> tensor<?x1xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x1xf32>
  %o, %sT = seqc.recurrence seq(%q, %k, %v, %g, %beta : (t)) carry(%zero : ()) {
  ^step(%qt: tensor<2xf32>, %kt: tensor<2xf32>, %vt: tensor<1xf32>, %gt: f32, %bt: f32, %s: tensor<2x1xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %kv = seqc.einsum "k,v,->kv"(%kt, %vt, %bt)
    %next = arith.addf %old, %kv : tensor<2x1xf32>
    %ot = seqc.einsum "k,kv->v"(%qt, %s)
    seqc.yield out(%ot) carry(%next)
  }
  return %o : tensor<?x1xf32>
}
//--- beta.mlir
// The write lacks its beta.
func.func @memory(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>, %v: tensor<?x1xf32>, %g: tensor<?xf32>,
                  %beta: tensor<?xf32>, %s0: tensor<2x1xf32>) -> tensor<?x1xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %o, %sT = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one)
      {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>, #seqc.axes<t>, #seqc<axes()>],
       gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
       read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
      : (tensor<2x1xf32>, tensor<?xf32>, tensor<?x2xf32>, tensor<?x1xf32>, tensor<f32>, tensor<?x2xf32>, tensor<f32>)
        -> (tensor<?x1xf32>, tensor<2x1xf32>)
  return %o : tensor<?x1xf32>
}
//--- other.mlir
func.func @other(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
//--- short.mlir
func.func @memory(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
