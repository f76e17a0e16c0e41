//===- Passes.td - Lowering to CPU code --------------------*- tablegen -*-===//

#ifndef SEQC_PASSES_LOWERING_CPU_PASSES_TD
#define SEQC_PASSES_LOWERING_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def EntryToMemrefs : Pass<"seqc-entry-to-memrefs", "::mlir::ModuleOp"> {
  let summary = "Entries take their tensors, results included, as memrefs";
  let description = [{
    **Expects** public functions over ranked tensors and scalars.
    **Guarantees** that every public function returns nothing: tensor and scalar
    arguments arrive as contiguous memrefs, results leave through further memref
    arguments, in order.
    **Fails when** a public function has an argument or result of another type.
    **Example** `func.func @f(%x: tensor<?xf32>) -> tensor<?xf32>` becomes
    `func.func @f(%x: memref<?xf32>, %y: memref<?xf32>)`.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def DispatchVersions : Pass<"seqc-dispatch-versions", "::mlir::ModuleOp"> {
  let summary = "Functions with two versions choose by the sizes of the call";
  let description = [{
    **Expects** functions that `seqc-version-parts` gave a second version, both
    converted by `seqc-entry-to-memrefs`.
    **Guarantees** that such a function calls the second version where the sizes of its
    arguments are those that `seqc.version` says, and `NAME__whole`, which has its
    body, elsewhere.  Both are private.
    **Fails when** never.
    **Example** `@f` compares the size of its first argument's second dimension with
    8192, and calls `@f__parts` or `@f__whole`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def ScanToRecurrence : Pass<"seqc-scan-to-recurrence"> {
  let summary = "Scans become recurrences whose carry is the running prefix";
  let description = [{
    **Expects** `seqc.scan` operations.
    **Guarantees** that those that `seqc-scan-to-blocks` does not take are gone:
    the recurrence's carries start at the initial values or the identities, and
    its step applies the combine region.  With `unproved`, only those are gone that
    `seqc-check-monoids` marked with `seqc.unproved`.
    **Fails when** never.
    **Example** a cumulative sum becomes `seqc.yield out(%s) carry(%s)` with
    `%s = arith.addf %carry, %x`.
  }];
  let options = [Option<"all", "all", "bool", "false",
                        "Convert the scans that have a blocked form, too">,
                 Option<"unproved", "unproved", "bool", "false",
                        "Convert only those that seqc-check-monoids marked">];
  let dependentDialects = ["::seqc::SeqDialect", "::mlir::arith::ArithDialect"];
}

def ScanToBlocks : Pass<"seqc-scan-to-blocks"> {
  let summary = "Scans along contiguous rows become blocked, vectorised scans";
  let description = [{
    **Expects** `seqc.scan` operations, in functions that
    `seqc-entry-to-memrefs` has converted.
    **Guarantees** that scans of scalars whose operands are contiguous along time
    are loops over blocks: each lane of a vector scans a short run, the runs'
    totals are scanned across lanes, and two levels of running totals keep
    rounding errors of long sums small.  Running totals begin with the initial state.
    Where combining takes functions, eight blocks run their chains side by side; but what
    is log(exp(l) + exp(r)) by the laws of real numbers is kept as an anchor and a sum of
    exponentials, and combined by the region only where an element is more than 32 above
    the anchor or not finite.  Large
    outputs are stored around the caches where they are aligned; where they have fewer
    rows than `cores`, cores take turns at the groups of a row.  The order of combination depends
    on the sizes, for sums of exponentials on the values too, never on the number of threads.
    A group has as many blocks as `seqc.tiles` says, or 128.
    **Fails when** never; other scans are left alone.
    **Example** see `test/passes/Lowering/CPU/scan-to-blocks.mlir`.
  }];
  let options = [Option<"width", "width", "int64_t", "16", "Lanes of a vector">,
                 Option<"cores", "cores", "int64_t", "1", "Cores that share the loop">,
                 Option<"streamBytes", "stream-bytes", "int64_t", "16777216",
                        "Bytes from which on outputs are stored around the caches">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def RecurrenceToLoops : Pass<"seqc-recurrence-to-loops"> {
  let summary = "Recurrences become a parallel loop of sequential, vectorised loops";
  let description = [{
    **Expects** `seqc.recurrence` operations.
    **Guarantees** that none is left: independent sequences (batch, heads, packed
    segments, blocks of channels) are the iterations of one `scf.parallel`; inside,
    time is an `scf.for` with the states in buffers that stay in cache, and the step
    is loops over vectors.  Vectors run over channels where the step is written on
    scalars, else over the last feature dimension; the last, partial vector is masked.  A
    task has as many channels as its first-level cache holds states of (`seqc.tiles`), fewer where
    cores would be idle.  Large outputs that vectors of channels fill are stored around
    the caches.
    With `dots`, products whose factors may be rounded (`seqc.factors`) are packed in
    pairs of bf16 and use `x86vector.avx512.dot`.  Where a step multiplies its state by
    weights that sequences share, there is a second loop in which a task steps eight of
    them together, so that its products are of matrices; the weights are packed before
    the first token.  A call with enough sequences for `cores` takes it.
    **Fails when** never on verified input.
    **Example** see `test/passes/Lowering/CPU/recurrence-to-loops.mlir`.
  }];
  let options = [Option<"width", "width", "int64_t", "16", "Lanes of a vector">,
                 Option<"dots", "dots", "bool", "false",
                        "The processor has dot products of pairs of bf16">,
                 Option<"cores", "cores", "int64_t", "1", "Cores that share the loop">,
                 Option<"streamBytes", "stream-bytes", "int64_t", "16777216",
                        "Bytes from which on outputs are stored around the caches">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
      "::mlir::x86vector::X86VectorDialect",
      "::seqc::tile::TileDialect"];
}

def StepOpsToLinalg : Pass<"seqc-step-ops-to-linalg"> {
  let summary = "einsum and reduce outside a step become linalg";
  let description = [{
    **Expects** any function.
    **Guarantees** that `seqc.einsum` and `seqc.reduce` operations outside a
    recurrence or scan are `linalg.generic`.
    **Fails when** never.
    **Example** `seqc.einsum "ij,j->i"(%a, %x)` becomes a `linalg.generic` with a
    reduction iterator for `j`.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def ParallelToRuntime : Pass<"seqc-parallel-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Parallel loops call seqc_rt_parallel_for";
  let description = [{
    **Expects** `scf.parallel` loops of one dimension without reductions, on
    memrefs and scalars.
    **Guarantees** that each is a call of `seqc_rt_parallel_for` with an outlined
    body that reads its captured values from a context on the caller's stack.  Where
    the body has stores around the caches, a fence comes after a thread's share.
    **Fails when** a loop carries a reduction.
    **Example** see `test/passes/Lowering/CPU/parallel-to-runtime.mlir`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def CopiesToLoops : Pass<"seqc-copies-to-loops"> {
  let summary = "Copies of strided buffers become loops";
  let description = [{
    **Expects** `memref.copy` operations on ranked buffers.
    **Guarantees** that those with a strided side are `linalg.copy`, which becomes
    a loop nest; contiguous ones stay and become `memcpy`.
    **Fails when** never.
    **Example** the copy of a slice of tokens needs no library function.
  }];
  let options = [Option<"all", "all", "bool", "false",
                        "Convert contiguous copies, too">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def AllocToRuntime : Pass<"seqc-alloc-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Buffers come from the runtime, which keeps large ones";
  let description = [{
    **Expects** a module in the LLVM dialect.
    **Guarantees** that calls of `malloc` and `free` are calls of `seqc_rt_alloc` and
    `seqc_rt_free`.
    **Fails when** the module has a function of one of those names.
    **Example** the packed rows of a dispatch are in the same pages at every call.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ExpandToCasts : Pass<"seqc-expand-to-casts"> {
  let summary = "Split dimensions of several unknown sizes become casts";
  let description = [{
    **Expects** `memref.expand_shape` operations.
    **Guarantees** that none is left that splits a dimension into several of unknown
    size, which `expand-strided-metadata` cannot lower: each is a
    `memref.reinterpret_cast` with the sizes of its output shape.
    **Fails when** never.
    **Example** `[b n, 16]` to `[b, n, 16]` has strides 16 n, 16 and 1.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def ApproximateMath : Pass<"seqc-approximate-math"> {
  let summary = "f32 functions become polynomials that work lane by lane";
  let description = [{
    **Expects** `math` operations on scalars and vectors.
    **Guarantees** that those on f32 with an approximation (exp, log, tanh, erf,
    sin, cos, ...) are `arith` operations and fused multiply-adds.
    **Fails when** never; f64 functions are left for the library.
    **Example** `math.exp %x : vector<16xf32>` becomes some twenty vector
    instructions, no call.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::math::MathDialect"];
}

#endif // SEQC_PASSES_LOWERING_CPU_PASSES_TD
