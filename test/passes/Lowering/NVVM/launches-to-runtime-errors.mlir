// RUN: seq-opt %s --seqc-launches-to-runtime --verify-diagnostics

module attributes {gpu.container_module} {
  func.func @f(%x: tensor<4xf32>) {
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{passes a value of type 'tensor<4xf32>', expected a memref or a scalar}}
    gpu.launch_func @kernels::@a blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%x : tensor<4xf32>)
    return
  }
  gpu.module @kernels {
    gpu.func @a(%x: tensor<4xf32>) kernel {
      gpu.return
    }
  }
}
