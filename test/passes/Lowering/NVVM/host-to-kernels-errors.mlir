// RUN: seq-opt %s --seqc-host-to-kernels --split-input-file --verify-diagnostics

func.func @size(%n: memref<index>) {
  // expected-error @+1 {{in 'size' is needed on the host, but the elements of tensors are on the device}}
  %size = memref.load %n[] : memref<index>
  %buffer = memref.alloc(%size) : memref<?xf32>
  return
}

// -----

func.func @result(%a: memref<?xf32>, %b: memref<f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %a, %c0 : memref<?xf32>
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{in 'result' has a result that later operations use, which a GPU kernel cannot return}}
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> f32 {
    %v = memref.load %a[%i] : memref<?xf32>
    %next = arith.addf %s, %v : f32
    scf.yield %next : f32
  }
  memref.store %sum, %b[] : memref<f32>
  return
}
