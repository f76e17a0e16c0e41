//===- Passes.td - Deriving and rewriting structure --------*- tablegen -*-===//

#ifndef SEQC_PASSES_STRUCTURE_PASSES_TD
#define SEQC_PASSES_STRUCTURE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SinkBroadcasts : Pass<"seqc-sink-broadcasts"> {
  let summary = "Elementwise operations are computed before their operand is repeated";
  let description = [{
    **Expects** any program.
    **Guarantees** that an elementwise operation, all of whose operands repeat one
    value along the same dimension (`tensor.splat`, a `seqc.einsum` with a tensor of
    ones, a constant), is computed without that dimension, and its result repeated.
    So `exp(splat(g)) * s` has the same factors as `splat(exp(g)) * s`.  Where an
    einsum repeats, types narrower than f32 stay as they are: its results are f32.
    **Fails when** never.
    **Example** `math.exp` of a splat to 8x4 is `math.exp` of a scalar and a splat.
  }];
}

def ExponentialGates : Pass<"seqc-exponential-gates"> {
  let summary = "Powers and quotients of exponentials are exponentials";
  let description = [{
    **Expects** any program.
    **Guarantees** that in the steps of recurrences `exp2(x)`, a positive constant to the
    power of x, `y / exp(x)`, and `exp(x) exp(y)` of which nothing else uses a part, are
    written with one `math.exp`, so that a gate's logarithm, and its range, can be seen.
    **Fails when** never: a power of what is not a constant, or of one that is not
    positive and finite, or is 1, stays.
    **Example** `math.exp2` of g is `math.exp` of 0.693 g.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::math::MathDialect",
                           "mlir::tensor::TensorDialect"];
}

def SplitRanks : Pass<"seqc-split-ranks"> {
  let summary = "Corrections and writes of low rank are sums of outer products";
  let description = [{
    **Expects** any program.
    **Guarantees** that what a step writes to a matrix state, and how it corrects it, is
    no product of factors over a summed dimension of at most 16 (that of a correction is
    smaller than the dimension that it acts along): the sum over that dimension is
    written out, with slices of the factors.  Then the terms are products of vectors,
    which classes are made of.
    **Fails when** never: what has a larger dimension stays, with its class (C3, C2m).
    **Example** a write `seqc.einsum "rk,rv->kv"(%k, %v)` with r = 2 is the sum of two
    outer products, of the rows of k and v.
  }];
}

def DeriveStructure : Pass<"seqc-derive-structure"> {
  let summary = "Writes each recurrence's algebraic class next to it";
  let description = [{
    **Expects** any program.
    **Guarantees** that every `seqc.recurrence` has an attribute
    `seqc.structure`: for each set of carries that depend on each other, in
    dependence order, the carries' numbers and the class (C0 to C7).  A second
    one, `seqc.factors`, says what each state keeps of itself, how it is corrected,
    what it takes from others and what is written to it, in a normal form of the
    step's operands (x0, w0, s0), so that equal mathematics has equal text.
    Nothing else changes.
    **Fails when** never: what no class covers is C7, with a remark that names
    the operation, if `remarks` is set.
    **Example** a step that computes `exp(g) * s + k v^T` has
    `seqc.structure = ["0: C4.3"]` and
    `seqc.factors = ["s0[i,j]: keeps exp(x2)[i]; writes x0[i] x1[j]"]`.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say in a remark what each recurrence is">];
}

def CheckMonoids : Pass<"seqc-check-monoids"> {
  let summary = "Combine regions have to be associative, identities neutral";
  let description = [{
    **Expects** any program.
    **Guarantees** that no fixed pseudo-random values show a `seqc.scan` whose
    region is not associative or whose identity is not neutral; with `solver`,
    that this is proved over the reals, or a remark says what is not and the scan
    is marked with `seqc.unproved`; with `keep`, for scans that are asked for, it is a
    warning.  Nothing else changes.
    **Fails when** a counterexample is found: the error gives it.
    **Example** a region that subtracts is refuted with three numbers.
  }];
  let options = [Option<"solver", "solver", "bool", "false",
                        "Prove what the samples do not refute">,
                 Option<"keep", "keep", "bool", "false",
                        "Scans that are not proved stay scans">];
}

def SelectForm : Pass<"seqc-select-form"> {
  let summary = "Marks each recurrence with the form expected to be fastest";
  let description = [{
    **Expects** any program.
    **Guarantees** that every `seqc.recurrence` with a state has an attribute
    `seqc.form`: of the forms that it has ("sequential", "scan", "chunked") the one
    that the cost model (lib/Cost) expects to be fastest.  If calls with few sequences
    are expected to be faster in parts of the sequence that run apart, on a machine
    with `cores` cores, an attribute `seqc.parts` has the number of parts, the most
    sequences and the fewest tokens of such calls.
    **Fails when** the machine is not known or its description has errors.
    **Example** a gated delta rule with a 128 x 128 state is "chunked", one with
    16 x 16 "sequential".
  }];
  let options = [Option<"cores", "cores", "int64_t", "1", "Cores of the machine">,
                 Option<"machine", "machine", "std::string", "\"znver5\"",
                        "Name of the machine, or a file that describes it">,
                 Option<"lanes", "lanes", "int64_t", "0",
                        "Lanes of an f32 vector; 0: those of the machine">,
                 Option<"narrow", "narrow", "bool", "false",
                        "Factors of the products in chunks of bf16 tokens are bf16">];
}

def VersionParts : Pass<"seqc-version-parts", "::mlir::ModuleOp"> {
  let summary = "A second version of functions that may run in parts";
  let description = [{
    **Expects** recurrences that `seqc-select-form` has marked.
    **Guarantees** that every public function with recurrences that have a
    `seqc.parts` has a second version `NAME__parts`, with the attribute `seqc.parts`
    (how many), and an attribute `seqc.version` that names it and says for which calls
    it is: dimensions of arguments whose product is at most, and dimensions that are at
    least, a number.  The marks are on the second version's recurrences only, and
    nowhere where the sizes are not those of arguments or the name is taken.
    **Fails when** never.
    **Example** simple GLA on two cores has a version in two parts for one sequence of
    at least 8192 tokens.
  }];
}

def RecurrenceToLinear : Pass<"seqc-recurrence-to-linear"> {
  let summary = "Gated sums of outer products, and others with one transition for all "
                "tokens, become linear recurrences";
  let description = [{
    **Expects** `seqc.recurrence` operations without snapshots.
    **Guarantees** that those with a component of class C4 or C5 (see
    `seqc-derive-structure`) become `seqc.linear_recurrence`, with recurrences
    without state before and after for factors that no operand holds and for
    what follows a read; components that are scans of vectors or scalars become
    recurrences of their own.  A component of class C3 becomes one with a
    `constant`: its states are stacked, a dense matrix is one block, several states
    that are elementwise one by one have small blocks; a restart value is one more
    write, at flagged tokens.  By structure alone: the same for equal mathematics.
    **Fails when** `force` is set and a recurrence with a state has no canonical
    form, or there are scans and no such recurrence.  Otherwise such a one stays, with
    a remark that says why if `remarks` is set.
    **Example** `exp(g) * s + k v^T` read by `q` becomes
    `seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one)
    reads(%q, %one)`.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say why a recurrence stays">,
                 Option<"force", "force", "bool", "false",
                        "Fail where a recurrence with a state stays">,
                 Option<"scans", "scans", "bool", "false",
                        "Make scans of other components where that is possible">,
                 Option<"selected", "selected", "bool", "false",
                        "Only those that seqc-select-form marked as chunked, or to "
                        "run in parts">];
  let dependentDialects = ["::seqc::SeqDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def RecurrenceToScan : Pass<"seqc-recurrence-to-scan"> {
  let summary = "Recurrences that are affine over a semiring become scans";
  let description = [{
    **Expects** `seqc.recurrence` operations without snapshots.
    **Guarantees** that those with a component that is affine over (+,x), (max,+) or
    (logaddexp,+) become, for each such component, a recurrence without state that
    computes the elements, a `seqc.scan` over them, and a recurrence without state
    for what follows.  An element is the transition of a token and what it writes.
    The transition is elementwise, a block of numbers over several states (momentum),
    two numbers for a complex diagonal, or a matrix of order 8 at most; a plain sum
    or maximum has none.  Segments, reset flags, restart values and initial states
    stay what they are.  Components with larger matrices become linear recurrences,
    others recurrences of their own.
    **Fails when** `force` is set and a recurrence has no component that becomes a
    scan, or a matrix state that has neither form.  Otherwise it stays, with a remark
    that says why if `remarks` is set.
    **Example** `a * h + x` becomes a scan with
    `(a2 * a1, a2 * x1 + x2)` and the initial state on its left.
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say why a recurrence stays">,
                 Option<"force", "force", "bool", "false",
                        "Fail where a recurrence with a state stays">,
                 Option<"scalars", "scalars", "bool", "false",
                        "Only recurrences whose states are scalars">,
                 Option<"selected", "selected", "bool", "false",
                        "Only where seqc-select-form chose a scan">];
  let dependentDialects = ["::seqc::SeqDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // SEQC_PASSES_STRUCTURE_PASSES_TD
