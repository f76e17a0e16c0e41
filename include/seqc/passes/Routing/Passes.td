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

#endif // SEQC_PASSES_ROUTING_PASSES_TD
