// A machine that nobody described.
// RUN: not seq-opt %s -seqc-select-form=machine=nonesuch 2>&1 | FileCheck %s

// CHECK: error: unknown machine 'nonesuch', expected one of: host,{{.*}} znver5
func.func @none() {
  return
}
