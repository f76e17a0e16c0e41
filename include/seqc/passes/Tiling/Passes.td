//===- Passes.td - Kernels of tiles ------------------------*- tablegen -*-===//

#ifndef SEQC_PASSES_TILING_PASSES_TD
#define SEQC_PASSES_TILING_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectTiles : Pass<"seqc-select-tiles", "::mlir::ModuleOp"> {
  let summary = "Marks recurrences that have a kernel of tiles in chunked form";
  let description = [{
    **Expects** any program, for a GPU.
    **Guarantees** that a `seqc.recurrence` whose canonical form consists of
    linear recurrences that all have such a kernel (`seqc-keep-tiles`) has the
    attribute `seqc.form = "chunked"`, others with a state "sequential".
    **Fails when** never.
    **Example** a gated sum of outer products of bf16 vectors is marked; with f32
    vectors it is only with `factors`.
  }];
  let options = [Option<"sharedBytes", "shared-bytes", "int64_t", "232448",
                        "Shared memory of a block">,
                 Option<"factors", "factors", "std::string", "\"f32\"",
                        "What vectors that are all f32 become: bf16, split (two bf16), "
                        "or, else, no factors of tiles">];
}

def KeepTiles : Pass<"seqc-keep-tiles"> {
  let summary = "Keeps linear recurrences that have a kernel of tiles";
  let description = [{
    **Expects** `seqc.linear_recurrence` operations.
    **Guarantees** that those that `seqc-linear-to-tiles` accepts have the
    attribute `seqc.tiles`, by which later forms leave them alone, and write
    results in the type that a recurrence without state only rounds them to.
    Those whose vectors are all f32 are among them with `factors`, and have
    `seqc.factors = bf16` or `seqc.split`; f32 vectors beside bf16 ones are rounded as
    they arrive.  `seqc.teams` marks those whose kernel is one of teams of warps: states
    of more than 64 columns that are corrected and written with the same 16-bit keys, with
    at most a scalar gate, where a block has room for the tiles.
    With `remarks`, a remark says what keeps another one from it.
    **Fails when** never.
    **Example** see `test/passes/Tiling/keep-tiles.mlir`.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say why a recurrence has no kernel of tiles">,
                 Option<"sharedBytes", "shared-bytes", "int64_t", "232448",
                        "Shared memory of a block">,
                 Option<"factors", "factors", "std::string", "\"f32\"",
                        "What vectors that are all f32 become: bf16, split (two bf16), "
                        "or, else, no factors of tiles">];
}

def LinearToTiles : Pass<"seqc-linear-to-tiles"> {
  let summary = "Linear recurrences become chunked kernels of tiles";
  let description = [{
    **Expects** `seqc.linear_recurrence` operations with the attribute
    `seqc.tiles`, in functions that `seqc-entry-to-memrefs` has converted.
    **Guarantees** that each is one `gpu.launch`: a block has a sequence and a
    slice of the values, walks over chunks of 64 tokens with the state in
    accumulators, transposed, and reads and writes each token once.  Of packed
    segments each is a sequence; chunks start where it does; tokens of a `seqc.dispatch` that
    it alone takes are read where they are, by the permutation.  On a `machine` that
    the sequences do not fill, blocks have parts of them, if there are neither segments,
    split factors nor a correction: a launch before computes what each part makes of the state, and a
    block starts with what the parts before its own made.  How many parts there are
    depends on the sizes of a call.  A
    correction of low rank is a triangular system of the chunk's tokens, solved by
    forward substitution.  With `seqc.teams` a block has up to 128 values and four warps
    more, which prepare the next chunk while the others use this one's: pairs of tokens,
    and the inverse of that system.
    **Fails when** never on what `seqc-keep-tiles` marked.
    **Example** see `test/passes/Tiling/linear-to-tiles.mlir`.
  }];
  let options = [Option<"machine", "machine", "std::string", "\"\"",
                        "A GPU, as for seqc-pose-tiles; without one nothing is split">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect",
      "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
      "::seqc::tile::TileDialect"];
}

def ProductsToTiles : Pass<"seqc-products-to-tiles"> {
  let summary = "Products of tensors become kernels of tiles";
  let description = [{
    **Expects** operations of `linalg` on tensors, in functions that
    `seqc-entry-to-memrefs` has converted.
    **Guarantees** that one that sums products of two inputs over one dimension, from
    zero, in f32, is one `gpu.launch`: a block has up to 64 columns and walks over tiles of
    rows.  The inputs are both bf16 or both f16, or one is bf16 and the other f32, which
    then is two bf16, not with `factors` f32.  The dimension summed over has a
    fixed length, a multiple of 16 up to 256, and is the last one of the left input, which
    has rows, 16 or more if their number is fixed; it and the columns, the last
    dimension of the result, are the last two of the right input, in either order.  There
    may be others, which blocks have one of.  All else is left alone.
    **Fails when** never.
    **Example** see `test/passes/Tiling/products-to-tiles.mlir`.
  }];
  let options = [Option<"factors", "factors", "std::string", "\"auto\"",
                        "f32: a factor of f32 stays what it is">];
  let dependentDialects = [
      "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
      "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect", "::seqc::tile::TileDialect"];
}

def PoseTiles : Pass<"seqc-pose-tiles", "::mlir::ModuleOp"> {
  let summary = "States the problem of every operation that has tiles to choose";
  let description = [{
    **Expects** a program at the formed stage, or, with `chunks`, at the structured one.
    **Guarantees** that every operation that implements `TilingProblemOpInterface`
    and has something to choose on `machine` names its `seqc_tile.problem` in the
    attribute `seqc.problem`; equal problems are one.  With `chunks` these are the linear
    recurrences, and `length` fixes the chunks' length to what need not be among the
    values that the problem has.  `tiles` fixes knobs by hand,
    where the value is among theirs: constraints say so.
    **Fails when** `machine` is neither known nor a file that describes one, or a tile
    is not NAME=VALUE, names no knob, or is not among the values of any.
    **Example** see `test/passes/Tiling/pose-tiles.mlir`.
  }];
  let options = [Option<"machine", "machine", "std::string", "\"x86-64-v4\"",
                        "A known machine, or a file with a path or ending in .yaml">,
                 Option<"lanes", "lanes", "int64_t", "0",
                        "Lanes of an f32 vector, if not the machine's">,
                 Option<"chunks", "chunks", "bool", "false",
                        "The problems of linear recurrences, and no others">,
                 Option<"length", "length", "int64_t", "0",
                        "Tokens of a chunk, 0: the problem's answer">,
                 ListOption<"tiles", "tiles", "std::string",
                            "Knobs that are fixed, as NAME=VALUE">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::seqc::tile::TileDialect"];
}

def SolveTiles : Pass<"seqc-solve-tiles", "::mlir::ModuleOp"> {
  let summary = "Solves the problems of tiles";
  let description = [{
    **Expects** `seqc_tile.problem` operations.
    **Guarantees** that operations with `seqc.problem` have the cheapest legal values
    of its knobs in `seqc.tiles`.  The problems are gone, or with `keep` have their
    `solution`.
    **Fails when** no values are legal: the error says which constraints clash and
    what comes nearest.  Also when Z3 gives up within its limit.
    **Example** see `test/passes/Tiling/solve-tiles.mlir`.
  }];
  let options = [Option<"keep", "keep", "bool", "false", "Keep the problems">];
}

#endif // SEQC_PASSES_TILING_PASSES_TD
