// Products of matrices inside a step, at sizes that fill neither tiles nor vectors.
//
// RUN: seqc run %s --entry=wide --form=chunked --check --bind=b=1,t=37,h=2 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=wide --form=chunked --chunk=7 --check --bind=b=1,t=37,h=2 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=wide --form=chunked --chunk=64 --features=-avx512f --check --bind=b=1,t=70,h=1 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=narrow --form=chunked --check --bind=b=2,t=33,h=3 | FileCheck %s --check-prefix=OK
// OK: y {{.*}} ok
// OK: sT {{.*}} ok

// Sums stay in registers along the summed dimension.
// RUN: seqc compile %s --entry=wide --form=chunked --no-step --emit=mlir --stop-after=tiled | FileCheck %s
// CHECK-LABEL: func.func @wide
// CHECK-DAG: scf.for {{.*}} iter_args
// CHECK-DAG: vector.broadcast {{.*}} : f32 to vector<
// CHECK-DAG: math.fma
// Between the tiles of the largest product the rows of the next chunk are asked for.
// CHECK: memref.prefetch {{.*}}, read, locality<3>, data
// CHECK: math.fma

func.func @wide(%q: tensor<?x?x?x60xf32> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x60xf32> {seqc.draw = "unit"},
                %v: tensor<?x?x?x100xf32>, %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                %b: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %s0: tensor<?x?x60x100xf32>)
    -> (tensor<?x?x?x100xf32> {seqc.name = "y"}, tensor<?x?x60x100xf32> {seqc.name = "sT"}) {
  %y, %sT = seqc.recurrence seq(%q, %k, %v, %g, %b : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<60xf32>, %kt: tensor<60xf32>, %vt: tensor<100xf32>, %gt: f32, %bt: f32, %s: tensor<60x100xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %d = arith.subf %vt, %r : tensor<100xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %w = seqc.einsum "k,v->kv"(%kt, %u)
    %n = arith.addf %old, %w : tensor<60x100xf32>
    %o = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?x100xf32>, tensor<?x?x60x100xf32>
}

func.func @narrow(%q: tensor<?x?x?x5xf32>, %k: tensor<?x?x?x5xf32>, %v: tensor<?x?x?x1xf32>,
                  %g: tensor<?x?x?x5xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"}, %s0: tensor<?x?x5x1xf32>)
    -> (tensor<?x?x?x1xf32> {seqc.name = "y"}, tensor<?x?x5x1xf32> {seqc.name = "sT"}) {
  %y, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<5xf32>, %kt: tensor<5xf32>, %vt: tensor<1xf32>, %gt: tensor<5xf32>, %s: tensor<5x1xf32>):
    %a = math.exp %gt : tensor<5xf32>
    %old = seqc.einsum "k,kv->kv"(%a, %s)
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %old, %w : tensor<5x1xf32>
    %o = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?x1xf32>, tensor<?x?x5x1xf32>
}
