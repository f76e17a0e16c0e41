//===- SeqOps.td - The seqc dialect: what can be said ------*- tablegen -*-===//
//
// One step of a recurrence, an associative scan, and the few operations a step
// is made of.  Constraints are numbered (R1, S1, E1, ...); the verifier and the
// tests repeat the numbers.
//
//===----------------------------------------------------------------------===//

#ifndef SEQC_DIALECTS_SEQ_SEQOPS_TD
#define SEQC_DIALECTS_SEQ_SEQOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Seq_Dialect : Dialect {
  let name = "seqc";
  let cppNamespace = "::seqc";
  let summary = "Sequence operators: recurrences and scans written as one step";
  let description = [{
    A program in this dialect says what happens to one token; everything else
    (loops, scans, layouts, threads) is derived by the compiler.

    Operand types are not repeated in the text: each operand's type is that of
    its definition, which therefore has to come first.

    Intermediate values have no rounding of their own: the meaning of a step is
    its value over the reals, computed in float64 by the reference interpreter
    and in f32 (f64 where an operand is f64) by compiled code.  Values round
    once, at the yield, to the declared result type.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Seq_AxesAttr : AttrDef<Seq_Dialect, "Axes"> {
  let mnemonic = "axes";
  let summary = "Names of the leading dimensions of an operand";
  let description = [{
    `(b, t, h floordiv 2)`: dimension 0 is axis `b`, dimension 1 is the time
    axis `t`, dimension 2 is indexed by `h floordiv 2` (grouped heads).  An axis
    of the program that an operand does not name is broadcast.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names,
                        ArrayRefParameter<"int64_t">:$divisors);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// Position of `axis` among the names, or -1.
    int64_t find(::llvm::StringRef axis) const;
    bool has(::llvm::StringRef axis) const { return find(axis) >= 0; }
    unsigned size() const { return getNames().size(); }
  }];
}

def Seq_ReduceKind : I32EnumAttr<"ReduceKind", "what a reduction computes", [
    I32EnumAttrCase<"add", 0>, I32EnumAttrCase<"max", 1>,
    I32EnumAttrCase<"min", 2>, I32EnumAttrCase<"argmax", 3>]> {
  let cppNamespace = "::seqc";
  let genSpecializedAttr = 0;
}
def Seq_ReduceKindAttr : EnumAttr<Seq_Dialect, Seq_ReduceKind, "reduce_kind">;

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

class Seq_Op<string mnemonic, list<Trait> traits = []>
    : Op<Seq_Dialect, mnemonic, traits>;

def Seq_RecurrenceOp : Seq_Op<"recurrence", [
    AttrSizedOperandSegments, Pure, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "A recurrence over time, written as the step of one token";
  let description = [{
    Visits the tokens of each sequence in order and runs the region on every
    one: it gets the token's slices of the `seq` operands, the `weight`
    operands (the same at every token) and the carries, and yields the token's
    outputs and the next carries.

    Clauses, in this order, all but `seq` optional: `seq`, `weight`, `carry`,
    `restart`, `segments` or `resets`, `out`, `snapshot`, `position`, `first`,
    `reverse`, `chunk`.  Block arguments come in the order seq slices, weights, carries,
    snapshots, position (`index`), first (`i1`).

    Results are one tensor per `out` value, then one final state per carry (a
    tensor of rank 0 where there is nothing but time).

    Constraints:
    * R1: every seq map names `t` exactly once, without floordiv; weight,
      carry and restart maps do not name `t`.
    * R2: an operand is a ranked tensor with a dimension for every name in its
      map, and static remaining dimensions.  With an empty map it may be a scalar.
    * R3: the region's arguments are the slices in the stated order; an
      argument's element type is its operand's or a wider float.
    * R4: static sizes of one axis agree between operands.
    * R5: axes of weight, carry and restart maps occur in a seq map (carries
      may also name the segment axis).
    * R6: the yield has one `carry` value per carry, of the carry's type.
    * R7: the table of `segments` is a rank-1 tensor of i32 or i64; the flags of
      `resets` are i1 or i8 and name `t`; at most one of the two.
    * R8: `restart` needs `resets` and has one value per carry, of its type.
    * R9: `snapshot` names a carry and a positive period.
    * R10: an `out` map names every axis at most once, `t` included exactly once,
      and covers all axes; there is one per yielded output.
    * R11: the step's operations are those of the step vocabulary: `arith`,
      `math`, static `tensor` slices and reshapes, `seqc.einsum`, `seqc.reduce`.
    * R12: values from above used inside the step are constants.
    * R13: floordiv divisors are positive; an axis with floordiv occurs without
      it in some operand.
    * R14: a `chunk` length is positive, and goes without `snapshot`, `position`
      and `first`.

    With `chunk(C)` the region runs once per C tokens: slices of `seq` operands
    and outputs have a further leading dimension of C tokens, in the order in
    which they are visited.  Tokens beyond the end of a sequence are zero, and
    outputs there are dropped; the last argument (`index`) is the number of
    tokens that exist.  With `resets` a chunk ends before a flagged token, so that
    all its tokens share one history.

    The adjoint with respect to a broadcast operand is a sum over its missing axes.

    Example:
    ```mlir
    func.func @gla(%q: tensor<?x?x?x128xbf16>, %k: tensor<?x?x?x128xbf16>,
                   %v: tensor<?x?x?x128xbf16>, %g: tensor<?x?x?x128xf32>,
                   %s0: tensor<?x?x128x128xf32>)
        -> (tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>) {
      %o, %sT = seqc.recurrence seq(%q, %k, %v, %g : (b, t, h)) carry(%s0 : (b, h)) {
      ^step(%qt: tensor<128xbf16>, %kt: tensor<128xbf16>, %vt: tensor<128xbf16>,
            %gt: tensor<128xf32>, %s: tensor<128x128xf32>):
        %a    = math.exp %gt : tensor<128xf32>
        %kept = seqc.einsum "k,kv->kv"(%a, %s)
        %kv   = seqc.einsum "k,v->kv"(%kt, %vt)
        %next = arith.addf %kept, %kv : tensor<128x128xf32>
        %ot   = seqc.einsum "k,kv->v"(%qt, %next)
        seqc.yield out(%ot) carry(%next)
      }
      return %o, %sT : tensor<?x?x?x128xf32>, tensor<?x?x128x128xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$seq, Variadic<AnyType>:$weights,
      Variadic<AnyType>:$carries, Variadic<AnyType>:$restarts,
      Optional<AnyType>:$segments, Optional<AnyType>:$resets,
      ArrayAttr:$seqMaps, ArrayAttr:$weightMaps, ArrayAttr:$carryMaps,
      ArrayAttr:$restartMaps, OptionalAttr<Seq_AxesAttr>:$segmentsMap,
      OptionalAttr<Seq_AxesAttr>:$resetsMap, ArrayAttr:$outMaps,
      DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$snapshots,
      UnitAttr:$position, UnitAttr:$first, UnitAttr:$reverse,
      OptionalAttr<I64Attr>:$chunk);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$step);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    YieldOp getYield();
    ::mlir::ResultRange getOuts();
    ::mlir::ResultRange getFinals();
    /// All axes in order of first appearance over the seq maps.
    ::llvm::SmallVector<::mlir::StringAttr> getAxes();
    /// The axes of a state: all but time, with the segment axis in its place.
    ::llvm::SmallVector<::mlir::StringAttr> getCarryAxes();
    /// Axes of final state `carry`: those of its initial value when complete.
    AxesAttr getFinalMap(unsigned carry);
    /// The name of the segment axis, or a null attribute.
    ::mlir::StringAttr getSegmentAxis();
    // Block arguments by role.
    ::mlir::Block::BlockArgListType getSeqArgs();
    ::mlir::Block::BlockArgListType getWeightArgs();
    ::mlir::Block::BlockArgListType getCarryArgs();
    ::mlir::Block::BlockArgListType getSnapshotArgs();
    /// The `position` argument or null.
    ::mlir::Value getPositionArg();
    /// The `first` argument or null.
    ::mlir::Value getFirstArg();
    /// Of a chunked step: how many of its tokens exist; else null.
    ::mlir::Value getCountArg();
    static ::llvm::StringRef getTimeAxis() { return "t"; }
  }];
}

def Seq_ScanOp : Seq_Op<"scan", [
    AttrSizedOperandSegments, Pure, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "Prefix combination over time by an associative region";
  let description = [{
    `y_t = x_1 . x_2 . ... . x_t`, where `.` is the region: its first half of
    arguments is the earlier (left) tuple, its second half the later (right).
    `exclusive` leaves `x_t` out; `initial` values stand to the left of the
    first element; `final` adds one total per tuple member as further results.
    With `resets` a flagged token drops everything to its left.

    Constraints:
    * S1: every seq map names `t` exactly once, without floordiv; initial maps
      do not name `t`.
    * S2: an operand is a ranked tensor with a dimension for every name in its
      map, and static remaining dimensions.
    * S3: the region has two arguments per seq operand, left then right, whose
      types agree; the element type is the operand's or a wider float.
    * S4: static sizes of one axis agree between operands.
    * S5: there is one identity per seq operand, of the element type.
    * S6: the yield has one `out` value per seq operand, of the element type,
      and no `carry` value.
    * S7: the table of `segments` is a rank-1 tensor of i32 or i64; the flags of
      `resets` are i1 or i8 and name `t`; at most one of the two.
    * S8: `initial` has no values or one per seq operand, of its type.
    * S9: an `out` map covers all axes, each once.
    * S10: the region's operations are those of the step vocabulary, and values
      from above are constants.
    * S11: floordiv divisors are positive; an axis with floordiv occurs without
      it in some operand.

    Example:
    ```mlir
    func.func @cumsum(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
      %zero = arith.constant 0.0 : f32
      %y = seqc.scan seq(%x : (b, t, d)) identity(%zero) {
      ^combine(%l: f32, %r: f32):
        %s = arith.addf %l, %r : f32
        seqc.yield out(%s)
      }
      return %y : tensor<?x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$seq, Variadic<AnyType>:$identities,
      Variadic<AnyType>:$initials, Optional<AnyType>:$segments,
      Optional<AnyType>:$resets, ArrayAttr:$seqMaps, ArrayAttr:$initialMaps,
      OptionalAttr<Seq_AxesAttr>:$segmentsMap,
      OptionalAttr<Seq_AxesAttr>:$resetsMap, ArrayAttr:$outMaps,
      UnitAttr:$exclusive, UnitAttr:$reverse, UnitAttr:$final);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$combine);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    YieldOp getYield();
    ::mlir::ResultRange getOuts();
    ::mlir::ResultRange getFinals();
    ::llvm::SmallVector<::mlir::StringAttr> getAxes();
    ::llvm::SmallVector<::mlir::StringAttr> getCarryAxes();
    /// Axes of total `i`: those of its initial value when complete.
    AxesAttr getFinalMap(unsigned i);
    ::mlir::StringAttr getSegmentAxis();
    ::mlir::Block::BlockArgListType getLeftArgs();
    ::mlir::Block::BlockArgListType getRightArgs();
  }];
}

def Seq_LinearRecurrenceOp : Seq_Op<"linear_recurrence", [
    AttrSizedOperandSegments, Pure]> {
  let summary = "The canonical form of a recurrence that is linear in its state";
  let description = [{
    For a state S of K x V elements, at every token

        kept = D A S                    D: product of the gates; A: the constant
        S'   = kept + sum over pairs of  scale * left (right^T (S or kept))
                    + sum over writes of scale * key value^T
        y_i  = scale * query_i^T (S or S')          (or S query_i)

    It is what the compiler rewrites recurrences to (classes C3, C4 and C5 of the
    operator catalogue); forms are derived from it.  Users write
    `seqc.recurrence`.

    * `gates`: factors of D, each a scalar (`gate_axes` -1) or a vector along
      dimension 0 (K) or 1 (V); those with `gate_logs` are natural logarithms.
    * `pairs`: left, right (vectors along K) and scale; `pair_decayed` says that
      right reads the decayed state.
    * `writes`: key (along K), value (along V) and scale.
    * `reads`: query and scale; `read_axes` is the dimension summed over,
      `read_after` reads the new state.
    * `constant`: A, the same at every token, as its blocks [m, r, r] along the
      diagonal: K = m r, rows and columns i r .. i r + r - 1 are block i.  One block
      is a dense matrix (LMU), blocks of 1 x 1 a diagonal of any sign (S4D), of
      2 x 2 one of complex numbers (S5).

    `maps` has the axes of every operand, `initial` first; an operand without
    `t` is the same at every token.  Results are the reads, with the axes of
    `out_map`, and the final state.  The adjoint is a linear recurrence in
    reverse whose gates are those of the token after.

    Constraints:
    * L1: `maps` has one entry per operand, and each attribute one per gate,
      pair or read.
    * L2: an operand has a dimension for every name in its map; its remaining
      dimensions are static and those that its role asks for.
    * L3: `initial` does not name `t`; some operand does.
    * L4: `out_map` names every axis once, `t` included.
    * L5: segments and resets are as in `seqc.recurrence`.
    * L6: there is a result for every read and one for the final state.
    * L7: a constant is of static blocks that make up K, does not name `t`, and
      goes with gates that it commutes with (not along K) and without pairs.

    Example:
    ```mlir
    func.func @memory(%g: tensor<?xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>,
                      %q: tensor<?x8xf32>, %s0: tensor<8x4xf32>) -> tensor<?x4xf32> {
      %one = arith.constant dense<1.0> : tensor<f32>
      %y, %sT = seqc.linear_recurrence initial(%s0) gates(%g) writes(%k, %v, %one) reads(%q, %one)
          {maps = [#seqc<axes()>, #seqc.axes<t>, #seqc.axes<t>, #seqc.axes<t>, #seqc<axes()>,
                   #seqc.axes<t>, #seqc<axes()>],
           gate_axes = array<i64: -1>, gate_logs = array<i1: true>, pair_decayed = array<i1>,
           read_axes = array<i64: 0>, read_after = array<i1: true>, out_map = #seqc.axes<t>}
          : (tensor<8x4xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<f32>,
             tensor<?x8xf32>, tensor<f32>) -> (tensor<?x4xf32>, tensor<8x4xf32>)
      return %y : tensor<?x4xf32>
    }
    ```
  }];
  let arguments = (ins AnyType:$initial, Variadic<AnyType>:$gates,
      Variadic<AnyType>:$pairs, Variadic<AnyType>:$writes,
      Variadic<AnyType>:$reads, Optional<AnyType>:$constant,
      Optional<AnyType>:$segments, Optional<AnyType>:$resets, ArrayAttr:$maps,
      OptionalAttr<Seq_AxesAttr>:$segments_map,
      OptionalAttr<Seq_AxesAttr>:$resets_map,
      DenseI64ArrayAttr:$gate_axes, DenseBoolArrayAttr:$gate_logs,
      DenseBoolArrayAttr:$pair_decayed, DenseI64ArrayAttr:$read_axes,
      DenseBoolArrayAttr:$read_after, Seq_AxesAttr:$out_map, UnitAttr:$reverse);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    `initial` `(` $initial `)` (`gates` `(` $gates^ `)`)?
    (`pairs` `(` $pairs^ `)`)? (`writes` `(` $writes^ `)`)?
    (`reads` `(` $reads^ `)`)? (`constant` `(` $constant^ `)`)?
    (`segments` `(` $segments^ `)`)? (`resets` `(` $resets^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// A role's operand and its axes.
    struct Operand {
      ::mlir::Value value;
      AxesAttr map;
    };
    unsigned numGates() { return getGateAxes().size(); }
    unsigned numPairs() { return getPairDecayed().size(); }
    unsigned numWrites() { return getWrites().size() / 3; }
    unsigned numReads() { return getReadAxes().size(); }
    Operand initial();
    Operand gate(unsigned i);
    /// `part`: 0 left, 1 right, 2 scale.
    Operand pair(unsigned i, unsigned part);
    /// `part`: 0 key, 1 value, 2 scale.
    Operand write(unsigned i, unsigned part);
    /// `part`: 0 query, 1 scale.
    Operand read(unsigned i, unsigned part);
    /// Blocks [m, r, r] of the transition; only if there are.
    Operand constantBlocks();
    /// r.
    int64_t blockSize();
    /// Sizes of the state.
    int64_t keySize();
    int64_t valueSize();
    ::mlir::Value getFinalState() { return getResults().back(); }
    ::mlir::StringAttr getSegmentAxis();
    /// The axes of a state: those of `out_map`, time as in `seqc.recurrence`.
    ::llvm::SmallVector<::mlir::StringAttr> getCarryAxes();
    AxesAttr getFinalMap();
  }];
}

def Seq_EinsumOp : Seq_Op<"einsum", [Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "Sum of products over named letters";
  let description = [{
    `seqc.einsum "k,kv->v"(%q, %s)`.  A scalar operand has an empty term; an
    empty output term gives a scalar.  Operands may differ in float type; the
    result is f64 if any operand is, else f32.

    Constraints:
    * E1: the equation has one term per operand and one output term.
    * E2: terms are letters; none occurs twice in one term.
    * E3: an operand has one dimension per letter (a scalar for an empty term),
      static, of a float type.
    * E4: a letter has one size.
    * E5: every output letter occurs in an operand's term.
    * E6: with an attribute `seqc.factors = bf16`, operands may be rounded to bf16
      before they are multiplied; sums stay f32.  No other type is allowed.

    Example:
    ```mlir
    func.func @matvec(%a: tensor<4x8xf32>, %x: tensor<8xf32>) -> tensor<4xf32> {
      %y = seqc.einsum "ij,j->i"(%a, %x)
      return %y : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$operands, StrAttr:$equation);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// The letters of each operand.  Valid on a verified op.
    ::llvm::SmallVector<std::string> getTerms();
    std::string getOutputTerm();
    /// True if a letter is summed over.
    bool isContraction();
  }];
}

def Seq_ReduceOp : Seq_Op<"reduce", [Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "Reduction over one feature dimension";
  let description = [{
    `seqc.reduce max %x over 0`.  `argmax` gives the first index (i64) of the
    largest element.  NaN wins, as in NumPy.  A rank-1 input gives a scalar.

    Constraints:
    * D1: the input is a ranked tensor of static shape with floats (or, for add,
      max and min, integers), and no dimension of size zero.
    * D2: the axis is one of its dimensions.

    Example:
    ```mlir
    func.func @rowmax(%x: tensor<4x8xf32>) -> tensor<4xf32> {
      %m = seqc.reduce max %x over 1
      return %m : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins AnyType:$input, Seq_ReduceKindAttr:$kind, I64Attr:$axis);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Seq_YieldOp : Seq_Op<"yield", [AttrSizedOperandSegments, Pure, Terminator,
    ParentOneOf<["RecurrenceOp", "ScanOp", "BlockAttentionOp"]>]> {
  let summary = "Ends a step: this token's outputs and the next carries";
  let description = [{
    Example: `seqc.yield out(%o) carry(%next)`; either part may be missing.
  }];
  let arguments = (ins Variadic<AnyType>:$outs, Variadic<AnyType>:$carries);
  let hasCustomAssemblyFormat = 1;
}

include "seqc/dialects/Seq/RoutingOps.td"

#endif // SEQC_DIALECTS_SEQ_SEQOPS_TD
