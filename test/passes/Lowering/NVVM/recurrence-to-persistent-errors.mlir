// RUN: not seq-opt %s --seqc-recurrence-to-persistent=machine=nothing 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not seq-opt %s --seqc-recurrence-to-persistent=machine=x86-64-v4 2>&1 | FileCheck %s --check-prefix=CPU

// UNKNOWN: error: {{.*}}nothing
// CPU: error: the machine 'x86-64-v4' is not a GPU
func.func @f() {
  return
}
