// A long row that cores share, group by group, with its last group and block partial; and
// combinations that take functions, of which several blocks run side by side.
//
// RUN: seqc run %s --entry=affine --check --cores=3 --bind=b=1,t=2100003 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=sums --check --bind=b=3,t=4211 | FileCheck %s --check-prefix=OK
// OK: y {{.*}} ok
// OK: yT {{.*}} ok

// RUN: seqc compile %s --entry=affine --no-step --cores=3 --emit=mlir --stop-after=tiled | FileCheck %s --check-prefix=SHARED
// RUN: seqc compile %s --entry=affine --no-step --cores=1 --emit=mlir --stop-after=tiled | FileCheck %s --check-prefix=ALONE
// SHARED-LABEL: func.func @affine
// The next group; whether what comes before it is known; the same for the one after it.
// SHARED: memref.atomic_rmw addi
// SHARED: scf.while
// SHARED: memref.atomic_rmw addi
// SHARED: memref.atomic_rmw addi
// SHARED: vector.store {{.*}}nontemporal = true
// ALONE-LABEL: func.func @affine
// ALONE-NOT: memref.atomic_rmw
// ALONE: vector.store {{.*}}nontemporal = true
// ALONE: } else {
// ALONE-NOT: nontemporal
// ALONE: return

// Not commutative, from an initial state.
func.func @affine(%a: tensor<?x?xf32> {seqc.draw = "sigmoid"}, %x: tensor<?x?xf32>, %a0: tensor<?xf32>, %x0: tensor<?xf32>)
    -> (tensor<?x?xf32>, tensor<?x?xf32> {seqc.name = "y"}, tensor<?xf32>, tensor<?xf32> {seqc.name = "yT"}) {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %p, %y, %pT, %yT = seqc.scan seq(%a, %x : (b, t)) identity(%one, %zero) initial(%a0, %x0 : (b)) final {
  ^combine(%la: f32, %lx: f32, %ra: f32, %rx: f32):
    %a1 = arith.mulf %la, %ra : f32
    %kept = arith.mulf %lx, %ra : f32
    %x1 = arith.addf %kept, %rx : f32
    seqc.yield out(%a1, %x1)
  }
  return %p, %y, %pT, %yT : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>
}

func.func @sums(%x: tensor<?x?xf32> {seqc.draw = "normal(5)"})
    -> (tensor<?x?xf32> {seqc.name = "y"}, tensor<?xf32> {seqc.name = "yT"}) {
  %lowest = arith.constant 0xFF800000 : f32
  %y, %yT = seqc.scan seq(%x : (b, t)) identity(%lowest) final {
  ^combine(%l: f32, %r: f32):
    %m = arith.maximumf %l, %r : f32
    %d = arith.subf %l, %r : f32
    %a = math.absf %d : f32
    %n = arith.negf %a : f32
    %e = math.exp %n : f32
    %p = math.log1p %e : f32
    %s = arith.addf %m, %p : f32
    %none = arith.cmpf oeq, %m, %lowest : f32
    %z = arith.select %none, %m, %s : f32
    seqc.yield out(%z)
  }
  return %y, %yT : tensor<?x?xf32>, tensor<?xf32>
}
