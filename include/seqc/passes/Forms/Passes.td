//===- Passes.td - Forms of linear recurrences -------------*- tablegen -*-===//

#ifndef SEQC_PASSES_FORMS_PASSES_TD
#define SEQC_PASSES_FORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LinearToSteps : Pass<"seqc-linear-to-steps"> {
  let summary = "Linear recurrences in sequential form";
  let description = [{
    **Expects** `seqc.linear_recurrence` operations.
    **Guarantees** that each is a `seqc.recurrence` whose step does what the
    operation's description says, token by token.
    **Fails when** never.
    **Example** a gate and a write become
    `seqc.einsum ",kv->kv"(%a, %s)` plus `seqc.einsum "k,v,->kv"(%k, %v, %one)`.
  }];
  let dependentDialects = ["::seqc::SeqDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SplitSequence : Pass<"seqc-split-sequence", "::mlir::ModuleOp"> {
  let summary = "Parts of a sequence that run apart";
  let description = [{
    **Expects** operations with `SequenceSplitOpInterface`: `seqc.scan` and
    `seqc.linear_recurrence`.
    **Guarantees** that each is, for `parts` parts of equal length: a summary of
    every part, their combination into the states before each, and the operation
    itself from those states, with parts as one more axis that runs in parallel;
    then the tokens that are left, fewer than `parts`.  With `unit`, parts are segments
    of the operands as they are, of equal length but for the last ones, which is a
    multiple of so many tokens, or of the chunk that `seqc.tiles` of the operation has
    (not with reset flags, which go without segments).  The summary of a scan is its
    total, that of a linear recurrence the state after it from zero and its
    transition: a diagonal where it has gates only, a K x K matrix where it has
    corrections, the number of tokens where it is a constant matrix, of which they
    are the power.
    Packed segments are cut further where parts meet, so that all parts have the
    same number of tokens; the pieces of a segment are combined with each other
    only.  With `selected`, this is so in functions that have the attribute `seqc.parts`,
    which says how many, for those that have parts.
    **Fails when** `parts` is not 1 to 65536, a linear recurrence has vector gates
    along the second dimension beside a correction of the state before them, or the
    module has no such operation.
    **Example** two parts of gated linear attention over 4096 tokens are read as
    `tensor<?x2x2048x128xf32>`.
  }];
  let options = [Option<"parts", "parts", "int64_t", "2", "Parts of a sequence">,
                 Option<"unit", "unit", "int64_t", "0",
                        "Parts are segments, of multiples of so many tokens">,
                 Option<"selected", "selected", "bool", "false",
                        "Only in functions that seqc-version-parts made">];
  let dependentDialects = ["::seqc::SeqDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinearToChunks : Pass<"seqc-linear-to-chunks"> {
  let summary = "Linear recurrences in chunked form";
  let description = [{
    **Expects** `seqc.linear_recurrence` operations.
    **Guarantees** that each that allows it is a `seqc.recurrence` with
    `chunk(length)`, or the length that its attribute `seqc.tiles` has: products inside a chunk, the state carried from chunk to
    chunk.  Gates are cumulated in log space and no exponent is positive; gates
    below -100 count as -100, which is zero to within 4e-44.  Vector gates use
    sub-tiles with an anchor of their own; pairs use the inverse of a unit
    triangular matrix, by halves.
    Gates that no token changes enter by their powers, which are constants of the
    sequence.  Recurrences that share gates and a key with another (a normaliser with
    the state that it normalises) go through the same chunks and share its scores.
    Packed segments have one of two layouts.  With `packed=segments` each has its own
    chunks, so that none straddles a boundary.  With `packed=masks` chunks lie on the
    packed axis and may hold several segments, which masks part; states that enter or
    leave segments are added by recurrences of their own.  Both have the same results; a number that is not finite
    stays in its own segment.  `packed=auto` takes masks where no state enters or
    leaves and segments are known to be shorter than half a chunk on average.
    A constant transition enters by its powers, with exponents that are spans of
    tokens.  A key that no token changes needs only its responses, which are constants
    of the sequence: scores are a Toeplitz matrix of products with them.  Other keys
    are summed by halves of a chunk.
    A chunk ends before a token that is flagged as a reset.
    With `narrow`, where keys, values and queries are bf16, products whose factors
    are made from them or are the state let the factors be rounded to bf16
    (`seqc.factors`); triangles, cumulative gates, all sums and recurrences with a
    normaliser stay f32.
    **Fails when** `length` is not 1 to 1024, `packed` is none of these, or `force` is set and a gate is
    neither a logarithm nor known to be within 0 .. 1, or vector gates along the
    second dimension meet pairs.  Without `force` such an operation stays, and so
    does one with a logarithm that is not known to be at most 0 (`seqc.range`), and one in a
    function with the attribute `seqc.parts` that is expected to be faster token by token.
    **Example** with length 64 the step of gated linear attention sees
    `tensor<64x128xf32>` of keys and makes a 64 x 64 matrix of scores.
  }];
  let options = [
    Option<"length", "length", "int64_t", "64", "Tokens of a chunk, where none are chosen">,
    Option<"force", "force", "bool", "false",
           "Fail where the chunked form is not possible">,
    Option<"packed", "packed", "std::string", "\"auto\"",
           "Chunks of packed segments: segments, masks or auto">,
    Option<"narrow", "narrow", "bool", "false",
           "Let factors be rounded to bf16 where tokens are bf16">];
  let dependentDialects = ["::seqc::SeqDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AddDecode : Pass<"seqc-add-decode", "::mlir::ModuleOp"> {
  let summary = "A function for one token beside every entry";
  let description = [{
    **Expects** public functions made of `seqc.recurrence` operations (scans are
    recurrences by then) and constants.
    **Guarantees** for each a public function `NAME_step`: operands and outputs
    have no time dimension, every carry is an argument, and the new state is a
    result marked `seqc.in_place` with that argument's number: it has the layout
    of the final state and is written where the old one was.  `seqc.start` says
    what a state that the program starts at a constant is to be filled with.
    With packed segments a step takes one token of every segment: the segment
    axis stands where the time axis was, and the table of offsets is gone.
    Reset flags stay, one per token.  Where the step needs positions, an argument
    `position` has the number of tokens that each sequence has seen (since its
    last reset), and every snapshot is one more state.
    A function with routes is run as it is on one token, if every operation but a
    recurrence takes its tokens one by one; the states of a dispatched batch are
    [b, experts, ...].
    Functions that run in reverse have no step.
    **Fails when** never; `remarks` says why a function with states has no step,
    `maps` says it of functions without.
    **Example** `@gla(%q: tensor<?x?x?x128xbf16>, ..., %s0)` gets
    `@gla_step(%q: tensor<?x?x128xbf16>, ..., %s0)`.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say why a function with states has no step">,
                 Option<"maps", "maps", "bool", "false",
                        "Say so of functions without states">];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

#endif // SEQC_PASSES_FORMS_PASSES_TD
