// An unknown form is an error.
// RUN: not seq-opt %s -seqc-check-forms=form=best 2>&1 | FileCheck %s
// CHECK: error: unknown form 'best', expected auto, sequential, canonical, chunked or scan
module {
}
