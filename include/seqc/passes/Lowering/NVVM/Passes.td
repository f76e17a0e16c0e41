//===- Passes.td - Lowering to NVIDIA GPUs -----------------*- tablegen -*-===//

#ifndef SEQC_PASSES_LOWERING_NVVM_PASSES_TD
#define SEQC_PASSES_LOWERING_NVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def RecurrenceToKernels : Pass<"seqc-recurrence-to-kernels"> {
  let summary = "Recurrences become GPU kernels with states in registers";
  let description = [{
    **Expects** `seqc.recurrence` operations.
    **Guarantees** that each is one `gpu.launch`.  Steps on scalars and small
    tensors run one sequence a thread, neighbouring threads on neighbouring
    indices.  Of other steps the feature axes are spread over blocks, warps, lanes
    and registers (the launch's attribute `seqc.distribution` says how): states and
    weights stay in registers, sums cross the lanes of a warp, tokens pass through
    shared memory.  Where registers do not hold them, or the step moves data
    between features, one block runs one sequence: its threads share the loops
    over features and keep the states in shared memory, or in device memory where
    `shared-bytes` do not hold them.
    **Fails when** never on verified input.
    **Example** see `test/passes/Lowering/NVVM/recurrence-to-kernels.mlir`.
  }];
  let options = [Option<"sharedBytes", "shared-bytes", "int64_t", "232448",
                        "Shared memory of a block">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect",
      "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
      "::mlir::vector::VectorDialect"];
}

def RecurrenceToPersistent : Pass<"seqc-recurrence-to-persistent"> {
  let summary = "Recurrences with matrices of weights keep them in one kernel";
  let description = [{
    **Expects** `seqc.recurrence` operations.
    **Guarantees** that those whose steps multiply vectors of their state, or made of
    it, by matrices that are the same at every token, and are arithmetic on elements
    of these vectors otherwise, are one `gpu.launch` each.  Its blocks, or clusters of
    blocks of `machine`, have four or eight sequences with one set of matrices (of one
    head), which stay in registers and shared memory from the first token to the last
    (the launch's attribute `seqc.persistent` says how they are cut).  Products run on
    tensor cores: of 16-bit matrices with vectors of the same type, or of f32 as sums
    of two bf16; of f32 matrices, where a block's registers do not hold them as f32, as
    sums of three bf16.  New vectors pass to the other warps through shared memory and
    a barrier, to the other blocks of a cluster through theirs and `mbarrier`s.
    Where a token's flag of `resets` is set, the states of its sequence start again.
    Other recurrences are left alone, among them those with snapshots, with sums over
    the vectors beside the products, or with matrices that no cluster holds.
    **Fails when** `machine` is unknown or not a GPU.
    **Example** see `test/passes/Lowering/NVVM/recurrence-to-persistent.mlir`.
  }];
  let options = [Option<"machine", "machine", "std::string", "\"sm_90a\"",
                        "A known machine, or a file with a path or ending in .yaml">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
      "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
      "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
      "::mlir::vector::VectorDialect"];
}

def ScanToKernels : Pass<"seqc-scan-to-kernels"> {
  let summary = "Scans become one kernel with decoupled look-back";
  let description = [{
    **Expects** `seqc.scan` operations, in functions that
    `seqc-entry-to-memrefs` has converted.
    **Guarantees** that scans of scalars are two `gpu.launch`: one clears the states
    of tiles, the other reads and writes every element once.  With a table of segments
    one more marks the first and last tokens, and one stores the final states of
    segments that are empty.
    Steps on scalars without state that compute an operand for the scan alone, or
    that take its results and what was there before it, run in that kernel.
    The order of combination depends on the sizes only.
    **Fails when** never; scans of tensors are left alone.
    **Example** see `test/passes/Lowering/NVVM/scan-to-kernels.mlir`.
  }];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
      "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
      "::mlir::scf::SCFDialect"];
}

def FunctionsToNVVM : Pass<"seqc-functions-to-nvvm"> {
  let summary = "f32 functions use the special function unit";
  let description = [{
    **Expects** kernels with operations of `math` and `arith` on f32 scalars.
    **Guarantees** that `exp`, `log`, `log1p`, `tanh` and divisions of f32 scalars are
    the unit's powers, logarithms of two and inverses, with relative errors below
    (2 + 0.72 |x|) 2^-23, 2^-21, 2^-21, 2^-21 and 2^-22.  Other functions, vectors and
    other types are left alone.
    **Fails when** never.
    **Example** see `test/passes/Lowering/NVVM/functions-to-nvvm.mlir`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect"];
}

def HostToKernels : Pass<"seqc-host-to-kernels", "::mlir::ModuleOp"> {
  let summary = "What touches tensors runs on the GPU";
  let description = [{
    **Expects** public functions of one block over memrefs, which are in device
    memory.
    **Guarantees** that the host only allocates, computes sizes and launches
    kernels: every `scf.parallel` is a `gpu.launch` of one point a thread, loads
    and arithmetic on elements are in the kernels that use them, and other
    operations with effects are kernels of one thread.
    **Fails when** a size depends on the elements of a tensor, or an operation
    outside a recurrence returns values that later ones use.
    **Example** see `test/passes/Lowering/NVVM/host-to-kernels.mlir`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def MergeKernels : Pass<"seqc-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "All kernels go into one module";
  let description = [{
    **Expects** `gpu.module` operations, as `gpu-kernel-outlining` makes them.
    **Guarantees** one `gpu.module @kernels`, whose kernels are named after the
    functions that launch them and numbered in order. A `seqc.resident_blocks`
    on the kernel's dynamic shared memory becomes its `nvvm.minctasm`, a
    `seqc.cluster_blocks` its `nvvm.cluster_dim`; a `seqc.together` is the kernel's.
    **Fails when** never.
    **Example** `@f_kernel::@f_kernel` and `@f_kernel_0::@f_kernel` become
    `@kernels::@f_0` and `@kernels::@f_1`.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::NVVM::NVVMDialect"];
}

def UnrollThreads : Pass<"seqc-unroll-threads", "::mlir::gpu::GPUFuncOp"> {
  let summary = "A thread's sequence runs in registers and reads ahead";
  let description = [{
    **Expects** a kernel on buffers.
    **Guarantees** for a loop over tokens whose body is a thread's own work (loads,
    stores, arithmetic, loops of fixed length): loops within it are unrolled, so that
    buffers of the thread have constant indices; what does not depend on the token is
    loaded before it; elements that lie together along a last dimension of fixed size
    are loaded as vectors of up to 16 bytes; four tokens run together, single elements
    of all of them being loaded first. A body that would be too long is left alone.
    **Fails when** never.
    **Example** see `test/passes/Lowering/NVVM/unroll-threads.mlir`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def LaunchesToRuntime : Pass<"seqc-launches-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Launches and allocations call the CUDA runtime";
  let description = [{
    **Expects** public functions that allocate and launch kernels of
    `gpu.module @kernels`.
    **Guarantees** that each takes one more argument, the running call; launches
    are calls of `seqc_rt_cuda_launch` with the kernel's number and its arguments,
    laid out as in a C struct, or of `seqc_rt_cuda_launch_together` where the kernel
    says `seqc.together`; allocations are calls of `seqc_rt_cuda_scratch`.
    **Fails when** an operation captures a value that is neither a memref nor a
    scalar.
    **Example** see `test/passes/Lowering/NVVM/launches-to-runtime.mlir`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def TilesToNVVM : Pass<"seqc-tiles-to-nvvm"> {
  let summary = "Tile operations become each lane's registers and instructions";
  let description = [{
    **Expects** `gpu.func` kernels of a known block size, in one dimension of whole
    warps, with `seqc_tile` operations.
    **Guarantees** that fragments are the scalars that a lane holds of them, tiles
    are addresses in dynamic shared memory, one after the other in the order of
    their `alloc`; products are `nvvm.mma.sync`, their factors come by
    `nvvm.ldmatrix`, copies are `nvvm.cp.async` where 4 bytes or more lie together,
    else element by element.  Exponentials of f32 fragments are `ex2.approx`.
    With `groups`, products with tiles by units in kernels of a multiple of four warps
    are `wgmma`, and barriers of the block order what threads write before what it reads.
    A team is a branch, a barrier in it one of as many threads as the team has.
    **Fails when** the block size is unknown, a fragment has another number of warps
    than the kernel or its team, a team has warps that the kernel lacks, or an operation on fragments is neither arithmetic element by
    element nor of `seqc_tile`.
    **Example** see `test/passes/Lowering/NVVM/tiles-to-nvvm.mlir`.
  }];
  let options = [Option<"groups", "groups", "bool", /*default=*/"false",
                        "the target has wgmma">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
      "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
      "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
      "::mlir::vector::VectorDialect"];
}

#endif // SEQC_PASSES_LOWERING_NVVM_PASSES_TD
