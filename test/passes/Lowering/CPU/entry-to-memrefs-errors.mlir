// RUN: seq-opt %s --seqc-entry-to-memrefs --split-input-file --verify-diagnostics

// expected-error @+1 {{entry 'f': argument #0 is 'tensor<*xf32>', expected a ranked tensor or a scalar}}
func.func @f(%x: tensor<*xf32>) {
  return
}

// -----

// expected-error @+1 {{entry 'f' has several blocks, expected one}}
func.func @f(%x: tensor<?xf32>) {
  cf.br ^next
^next:
  return
}
