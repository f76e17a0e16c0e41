// Products of chunks of bf16 tokens use the processor's dot products of bf16 pairs.
//
// RUN: seqc compile %s --entry=wide --form=chunked --no-step --cpu=znver4 --emit=asm -o - | FileCheck %s --check-prefix=DOT
// DOT: vdpbf16ps
// Without the instruction, and on request, they stay f32.
// RUN: seqc compile %s --entry=wide --form=chunked --no-step --cpu=skylake-avx512 --emit=asm -o - | FileCheck %s --check-prefix=NONE
// RUN: seqc compile %s --entry=wide --form=chunked --no-step --cpu=znver4 --factors=f32 --emit=asm -o - | FileCheck %s --check-prefix=NONE
// So do those of f32 tokens.
// RUN: seqc compile %s --entry=single --form=chunked --no-step --cpu=znver4 --emit=asm -o - | FileCheck %s --check-prefix=NONE
// NONE-NOT: vdpbf16ps

// The rounding is in the formed program: the interpreter does it, too.
// RUN: seqc compile %s --entry=wide --form=chunked --no-step --factors=bf16 --emit=mlir --stop-after=formed -o - | FileCheck %s --check-prefix=FORMED
// FORMED: seqc.einsum "ik,kv->iv"({{.*}}, %s0) {seqc.factors = bf16}
// FORMED: seqc.einsum "ik,iv->kv"({{.*}}) {seqc.factors = bf16}
// RUN: seqc run %s --entry=wide --form=chunked --factors=bf16 --interpret=formed --check --bind=b=1,t=37,h=2 | FileCheck %s --check-prefix=OK

// Sizes that fill neither pairs, tiles nor vectors; odd chunks; no instruction.
// RUN: seqc run %s --entry=wide --form=chunked --check --bind=b=1,t=37,h=2 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=wide --form=chunked --chunk=7 --check --bind=b=1,t=37,h=2 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=wide --form=chunked --chunk=50 --factors=f32 --check --bind=b=1,t=70,h=1 | FileCheck %s --check-prefix=OK
// RUN: seqc run %s --entry=wide --form=chunked --chunk=33 --check --bind=b=1,t=70,h=1 | FileCheck %s --check-prefix=OK
// OK: y {{.*}} ok
// OK: sT {{.*}} ok

func.func @wide(%q: tensor<?x?x?x61xbf16> {seqc.draw = "normal(0.09)"}, %k: tensor<?x?x?x61xbf16> {seqc.draw = "unit"},
                %v: tensor<?x?x?x101xbf16>, %g: tensor<?x?x?xf32> {seqc.draw = "logsigmoid", seqc.range = "<= 0"},
                %b: tensor<?x?x?xf32> {seqc.draw = "sigmoid"}, %s0: tensor<?x?x61x101xf32>)
    -> (tensor<?x?x?x101xf32> {seqc.name = "y"}, tensor<?x?x61x101xf32> {seqc.name = "sT"}) {
  %y, %sT = seqc.recurrence seq(%q, %k, %v, %g, %b : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<61xbf16>, %kt: tensor<61xbf16>, %vt: tensor<101xbf16>, %gt: f32, %bt: f32, %s: tensor<61x101xf32>):
    %a = math.exp %gt : f32
    %old = seqc.einsum ",kv->kv"(%a, %s)
    %r = seqc.einsum "k,kv->v"(%kt, %old)
    %vw = arith.extf %vt : tensor<101xbf16> to tensor<101xf32>
    %d = arith.subf %vw, %r : tensor<101xf32>
    %u = seqc.einsum ",v->v"(%bt, %d)
    %w = seqc.einsum "k,v->kv"(%kt, %u)
    %n = arith.addf %old, %w : tensor<61x101xf32>
    %o = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?x101xf32>, tensor<?x?x61x101xf32>
}

func.func @single(%q: tensor<?x?x?x64xf32>, %k: tensor<?x?x?x64xf32>, %v: tensor<?x?x?x64xbf16>, %s0: tensor<?x?x64x64xf32>)
    -> (tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>) {
  %y, %sT = seqc.recurrence seq(%q, %k, %v : (b, t, h)) carry(%s0 : (b, h)) {
  ^step(%qt: tensor<64xf32>, %kt: tensor<64xf32>, %vt: tensor<64xbf16>, %s: tensor<64x64xf32>):
    %w = seqc.einsum "k,v->kv"(%kt, %vt)
    %n = arith.addf %s, %w : tensor<64x64xf32>
    %o = seqc.einsum "k,kv->v"(%qt, %n)
    seqc.yield out(%o) carry(%n)
  }
  return %y, %sT : tensor<?x?x?x64xf32>, tensor<?x?x64x64xf32>
}
