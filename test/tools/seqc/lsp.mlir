// The language server answers an editor's first request and reports an error in a
// program.
// RUN: %python %S/lsp.py seq-lsp-server | FileCheck %s
// CHECK: initialize: MLIR
// CHECK: diagnostic: {{.*}}t{{.*}}
