// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-scan-to-blocks=width=4 --canonicalize --cse | FileCheck %s
// RUN: seq-opt %s --seqc-entry-to-memrefs --seqc-scan-to-blocks="width=4 cores=2" --canonicalize --cse | FileCheck %s --check-prefix=SHARED

// RUN: seq-opt %s --seqc-pose-tiles='machine=x86-64-v3 lanes=4 tiles=blocks=64' --seqc-solve-tiles --seqc-entry-to-memrefs --seqc-scan-to-blocks="width=4 cores=2 stream-bytes=777" --canonicalize --cse | FileCheck %s --check-prefix=SOLVED

// The groups' blocks are those that are solved, 64 of 16 elements; large outputs as told.
// SOLVED-LABEL: func.func @cumsum(
// SOLVED-DAG: arith.constant 1024 : index
// SOLVED-DAG: arith.constant 777 : index
// SOLVED: scf.parallel

// Width 4: a block is four rows of 4 elements, each scanned across its lanes.
// CHECK-LABEL: func.func @cumsum(
// CHECK-SAME: %[[X:.*]]: memref<?x?xf32>, %[[Y:.*]]: memref<?x?xf32>)
// CHECK-DAG: %[[FROM1:.*]] = arith.constant dense<[false, true, true, true]>
// CHECK-DAG: %[[FROM2:.*]] = arith.constant dense<[false, false, true, true]>
// CHECK: scf.parallel
// Two levels of running totals.
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK: %[[ROW:.*]] = vector.load %[[X]]
// CHECK: %[[R1:.*]] = vector.shuffle %[[ROW]], %[[ROW]] [3, 0, 1, 2]
// CHECK: %[[S1:.*]] = arith.addf %[[R1]], %[[ROW]] : vector<4xf32>
// CHECK: %[[ONE:.*]] = arith.select %[[FROM1]], %[[S1]], %[[ROW]]
// CHECK: %[[R2:.*]] = vector.shuffle %[[ONE]], %[[ONE]] [2, 3, 0, 1]
// CHECK: %[[S2:.*]] = arith.addf %[[R2]], %[[ONE]] : vector<4xf32>
// CHECK: %[[TWO:.*]] = arith.select %[[FROM2]], %[[S2]], %[[ONE]]
// What came before the block, then the row's total for the next row.
// CHECK: %[[OUT:.*]] = arith.addf %{{.*}}, %[[TWO]] : vector<4xf32>
// CHECK: vector.store %[[OUT]], %[[Y]]
// CHECK: vector.shuffle %[[TWO]], %[[TWO]] [3, 3, 3, 3]
// CHECK-COUNT-3: vector.store {{.*}} %[[Y]]
// The last, partial block is masked; there is no scalar tail.
// CHECK: scf.if
// CHECK-COUNT-4: vector.maskedstore %[[Y]]
//
// A long row on two cores: the next group is taken, and fetched while this one is scanned.
// SHARED-LABEL: func.func @cumsum(
// SHARED: scf.while
// SHARED: memref.atomic_rmw addi
// SHARED: %[[FAR:.*]] = arith.select
// SHARED: scf.for %[[AT:[a-z0-9]+]] =
// SHARED: %[[NEXT:.*]] = arith.addi %[[AT]], %[[FAR]]
// SHARED: memref.prefetch {{.*}}, read, locality<2>, data
// SHARED: nontemporal = true
func.func @cumsum(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%zero) {
  ^combine(%l: f32, %r: f32):
    %s = arith.addf %l, %r : f32
    seqc.yield out(%s)
  }
  return %y : tensor<?x?xf32>
}

// What combines log(exp(l) + exp(r)) is a sum of exponentials, however it is written: an
// anchor and a sum, and the region only where an element is far above the anchor.
// CHECK-LABEL: func.func @logaddexp(
// CHECK: scf.for {{.*}} iter_args(%[[ANCHOR:.*]] = {{.*}}, %[[SUM:.*]] = %{{.*}}) -> (f32, f32)
// CHECK: arith.cmpf ugt
// CHECK: vector.reduction <or>
// CHECK: scf.if
// CHECK: math.exp {{.*}} {seqc.bounded} : vector<4xf32>
// CHECK-NOT: math.log1p
// CHECK: math.log {{.*}} {seqc.bounded} : vector<4xf32>
// CHECK: vector.store
// CHECK: else
// CHECK: math.log %{{[0-9]+}} : vector<4xf32>
func.func @logaddexp(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%lowest) {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    %a = arith.subf %l, %m : f32
    %b = arith.subf %r, %m : f32
    %ea = math.exp %a : f32
    %eb = math.exp %b : f32
    %s = arith.addf %ea, %eb : f32
    %log = math.log %s : f32
    %z = arith.addf %log, %m : f32
    seqc.yield out(%z)
  }
  return %y : tensor<?x?xf32>
}

// With other weights it is none.
// CHECK-LABEL: func.func @weighted(
// CHECK-NOT: seqc.bounded
func.func @weighted(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %half = arith.constant 5.0e-1 : f32
  %y = seqc.scan seq(%x : (b, t)) identity(%lowest) {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    %d = arith.subf %l, %r : f32
    %a = math.absf %d : f32
    %n = arith.negf %a : f32
    %e = math.exp %n : f32
    %w = arith.mulf %e, %half : f32
    %p = math.log1p %w : f32
    %z = arith.addf %m, %p : f32
    seqc.yield out(%z)
  }
  return %y : tensor<?x?xf32>
}
