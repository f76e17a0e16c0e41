// A command that fails leaves no file, no half of one and an older file as it was.
// RUN: rm -rf %t && mkdir -p %t/folder
// RUN: sed -e s/arith.addf/arith.plus/ %s > %t.bad.mlir
// RUN: echo old > %t/old.so && echo old > %t/old.o && echo old > %t/old.npy

// Programs that do not parse, or have no such form.
// RUN: not seqc compile %t.bad.mlir -o %t/new.so --header=%t/new.h 2>&1 | FileCheck %s --check-prefix=PARSE
// RUN: not seqc compile %t.bad.mlir -o %t/old.so 2>&1 | FileCheck %s --check-prefix=PARSE
// RUN: not seqc compile %s --form=chunked -o %t/new.so --header=%t/new.h 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not seqc compile %s --form=chunked --emit=obj -o %t/old.o 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not seqc compile %s --form=chunked --emit=mlir --stop-after=formed -o %t/new.mlir 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not seqc compile %t.bad.mlir --emit=asm 2> %t.err | count 0
// PARSE: error: {{.*}}arith.plus
// FORM: error: the recurrence has no chunked form

// Paths that cannot be written: a folder that is not there, a folder, a file as a folder.
// RUN: not seqc compile %s --emit=obj -o %t/none/new.o 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not seqc compile %s --emit=obj -o %t/folder 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not seqc compile %s -o %t/folder 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not seqc compile %s --emit=obj -o %t/old.o/new.o 2>&1 | FileCheck %s --check-prefix=UNDER
// RUN: not seqc compile %s -o %t/new.so --header=%t/none/new.h 2>&1 | FileCheck %s --check-prefix=HEADER
// RUN: not seqc run %s --out y=%t/none/y.npy 2>&1 | FileCheck %s --check-prefix=OUT
// NONE: seqc: error: cannot write '{{.*}}/none/new.o': No such file or directory
// FOLDER: seqc: error: cannot write '{{.*}}/folder': Is a directory
// UNDER: seqc: error: cannot write '{{.*}}/old.o/new.o': Not a directory
// HEADER: seqc: error: cannot write '{{.*}}/none/new.h': No such file or directory
// OUT: seqc: error: cannot write '{{.*}}/none/y.npy': No such file or directory

// A run that is refused writes none of its results.
// RUN: not seqc run %s --bind t=-1 --out y=%t/old.npy --save %t/all 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: seqc: error: --bind: t is -1

// RUN: env LC_ALL=C ls -AR %t | FileCheck %s --check-prefix=LEFT
// RUN: cat %t/old.npy %t/old.o %t/old.so | FileCheck %s --check-prefix=OLD --match-full-lines
// LEFT: :
// LEFT-NEXT: folder
// LEFT-NEXT: old.npy
// LEFT-NEXT: old.o
// LEFT-NEXT: old.so
// LEFT-EMPTY:
// LEFT-NEXT: folder:
// LEFT-NOT: {{.}}
// OLD: old
// OLD-NEXT: old
// OLD-NEXT: old
// OLD-NOT: {{.}}

// A command that succeeds replaces the older file, and leaves nothing aside it.
// RUN: seqc compile %s -o %t/old.so && seqc compile %s --emit=obj -o %t/old.o
// RUN: llvm-nm -D %t/old.so | FileCheck %s --check-prefix=REPLACED
// RUN: llvm-nm %t/old.o | FileCheck %s --check-prefix=REPLACED
// RUN: env LC_ALL=C ls -AR %t | FileCheck %s --check-prefix=LEFT
// REPLACED: T sum{{$}}

func.func @sum(%x: tensor<?xf32>, %s0: f32) -> tensor<?xf32> attributes {seqc.sizes = {t = 5}} {
  %y, %sT = seqc.recurrence seq(%x : (t)) carry(%s0 : ()) {
  ^step(%xt: f32, %s: f32):
    %n = arith.addf %s, %xt : f32
    seqc.yield out(%n) carry(%n)
  }
  return %y : tensor<?xf32>
}
