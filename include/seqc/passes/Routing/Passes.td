//===- Passes.td - Sparse routing --------------------------*- tablegen -*-===//

#ifndef SEQC_PASSES_ROUTING_PASSES_TD
#define SEQC_PASSES_ROUTING_PASSES_TD

include "mlir/Pass/PassBase.td"

def RoutingToLoops : Pass<"seqc-routing-to-loops"> {
  let summary = "Routing operations become parallel loops over buffers";
  let description = [{
    **Expects** `seqc.topk`, `seqc.assign`, `seqc.dispatch`, `seqc.combine`,
    `seqc.block_attention` and `seqc.merge` operations.
    **Guarantees** that none is left.  Rows, tokens and queries are iterations of
    `scf.parallel`; each element is written by one iteration, so that results do not
    depend on the number of threads.  A dispatch counts in parts of 1024 slots, sums the
    counts and moves rows: offsets never leave the machine that computes them.  With
    `width` 1 an iteration works on scalars, as a thread of a GPU does.
    **Fails when** never on verified input.
    **Example** see `test/passes/Routing/routing-to-loops.mlir`.
  }];
  let options = [Option<"width", "width", "int64_t", "16", "Lanes of a vector">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def RoutingToKernels : Pass<"seqc-routing-to-kernels"> {
  let summary = "Routing operations become kernels of warps";
  let description = [{
    **Expects** routing operations, in functions that `seqc-entry-to-memrefs` has
    converted.
    **Guarantees** that none of these is left: a `seqc.topk` of rows of fixed length up
    to 1024, not of f64, which is one `gpu.launch` that keeps rows in registers; a
    `seqc.assign` of vectors of up to 128 features, not of f64, by a thread a vector or,
    of members, a block a centroid; a `seqc.dispatch`, whose slots are ranked by warps,
    without atomic operations, in one kernel whose blocks wait for each other, and whose
    tokens are read once; a `seqc.combine`, which reads all rows of a token at once; a
    `seqc.merge` of rows of fixed length, not of f64; a `seqc.block_attention` of 16-bit
    queries, keys and values of the same type, whose features are multiples of 16 (and
    d / 4 + e / 2 at most 112, of features d and values e), without relative rows and
    score region, and with a list, if there is one, of blocks of 16 tokens or more, and
    with a window only if causal: `seqc_tile` products of tiles of queries with tiles of
    keys, fewer where `shared-bytes` do not hold 64 of them; heads that share keys and a
    row of the list have such a tile together.  Where groups are not of a multiple of 16
    queries, a tile has one query, and rows that are nobody's up to 16.
    Rows move by vectors of up to 16 bytes where their length allows it.  The order of
    every sum depends on the sizes only.  What else there is of routing is left alone.
    **Fails when** never on verified input.
    **Example** see `test/passes/Routing/routing-to-kernels.mlir`.
  }];
  let options = [Option<"sharedBytes", "shared-bytes", "int64_t", "232448",
                        "Shared memory of a block">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect",
      "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
      "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
      "::seqc::tile::TileDialect"];
}

#endif // SEQC_PASSES_ROUTING_PASSES_TD
